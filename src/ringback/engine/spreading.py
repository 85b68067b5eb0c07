"""Sharing the lanes with other nodes: what is claimed while there are any, and which lanes are given up for balance.

The heartbeat says every few seconds how many lanes the others own; `policy.spread` decides. A lane that is given up
drains first: nothing more of it is sent, what is queued is forgotten (it stands in the store), and when nothing of it
is in flight or unrecorded it is released. Those go first that are soon drained, and not all at once.

Nothing due stays unclaimed because each thinks that it has enough. A lane whose bell has rung for half a second has
been seen by all who look; if it is still there, they hang, stop, or are full. Who finds one takes it whatever its
share, and for a while goes by no share at all. Clocks that differ by more than that half second cost balance, no more.
Alone, none of this is asked. Belongs to the dispatcher's thread.
"""

from heapq import nsmallest
from typing import Final

from ringback.engine.lanes import Lane
from ringback.engine.owned import OwnedLanes, cost_s
from ringback.policy.spread import ALONE, Plan, claim_at_once, plan

CLAIM_LANES_MAX: Final = 200
# The others look every 100 ms, and at once when they are woken.
UNWANTED_AFTER_S: Final = 0.5
NO_SHARES_FOR_S: Final = 10.0
GIVE_AT_ONCE: Final = 50
GIVE_EVERY_S: Final = 0.1


class Spreading:
    """What the search asks before it claims."""

    def __init__(self, lanes: OwnedLanes) -> None:
        self._lanes = lanes
        self._plan: Plan = ALONE
        self._at_once_min = CLAIM_LANES_MAX
        self._at_once = CLAIM_LANES_MAX
        self._giving: list[Lane] = []
        self._gives_at_s = 0.0
        self._no_shares_until_s = 0.0

    def heard(self, others: tuple[int, ...], now_s: float) -> None:
        """How many lanes each of the other nodes owns."""
        was_alone = self._plan is ALONE
        self._plan = plan(len(self._lanes), others)
        self._at_once_min = claim_at_once(CLAIM_LANES_MAX, 1 + len(others))
        self._at_once = self._at_once_min if was_alone else max(self._at_once, self._at_once_min)
        if not self._plan.give or now_s < self._no_shares_until_s:
            self._keep_all()
            return
        moving = sum(lane.moving for lane in self._lanes.values())
        settled = (lane for lane in self._lanes.values() if not lane.moving and lane.asking is None)
        self._giving = nsmallest(self._plan.give - moving, settled, key=_cost_of_moving)[::-1]

    def give_some(self, now_s: float) -> None:
        """Let some of the lanes that are to be given up begin to drain, if it is time."""
        if not self._giving or now_s < self._gives_at_s:
            return
        self._gives_at_s = now_s + GIVE_EVERY_S
        for _ in range(min(len(self._giving), GIVE_AT_ONCE)):
            lane = self._giving.pop()
            if self._lanes.get(lane.endpoint_id, lane.generation) is not None:
                self._lanes.move(lane)

    def next_claim(self, now_s: float) -> tuple[int, float]:
        """How many lanes to claim now, and for how many seconds their bells must have rung."""
        claim_below = self._plan.claim_below
        if claim_below is None or now_s < self._no_shares_until_s:
            return self._at_once, 0.0
        room = claim_below - len(self._lanes)
        return (min(room, self._at_once), 0.0) if room > 0 else (self._at_once, UNWANTED_AFTER_S)

    def claimed(self, lanes: int, asked: int, waiting_s: float, now_s: float) -> bool:
        """What a claim of that kind brought; whether there may be so much more that it can't wait for the next look.

        Several nodes that find much to do begin with small claims, so that who looks first doesn't get it all.
        """
        if lanes and waiting_s > 0.0:
            self._no_shares_until_s = now_s + NO_SHARES_FOR_S
            self._keep_all()
        full = 0 < asked == lanes
        at_once = full and self._at_once >= CLAIM_LANES_MAX
        self._at_once = min(2 * self._at_once, CLAIM_LANES_MAX) if full else self._at_once_min
        return at_once

    def _keep_all(self) -> None:
        self._giving = []
        for lane in self._lanes.values():
            if lane.moving:
                self._lanes.keep(lane)


def _cost_of_moving(lane: Lane) -> tuple[float, int]:
    """The seconds until it is drained, about, and how many requests that takes."""
    unsettled = len(lane.held) - len(lane.queue)
    return cost_s(lane) if unsettled else 0.0, unsettled
