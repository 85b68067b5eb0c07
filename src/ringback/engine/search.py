"""Looking for work: when to claim lanes whose bells ring, and when to ask which bells of own lanes do.

Asks the fetcher every 100 ms, at once when somebody rang, and never for more than one answer at a time. How many lanes
it claims while there are other nodes is `spreading`'s business. Belongs to the dispatcher's thread; never touches the
store.
"""

from typing import Final

from ringback.engine import messages as m
from ringback.engine.lease import Lease
from ringback.engine.owned import OwnedLanes
from ringback.engine.spreading import Spreading
from ringback.engine.wall import Moment
from ringback.model.limits import TOTAL_DEADLINE_S_MAX
from ringback.workers import Mailbox

LOOK_EVERY_S: Final = 0.1
LANES_MAX: Final = 20_000


class Search:
    """`next_s` is when it looks again, on the boot clock."""

    def __init__(self, *, lease: Lease, lanes: OwnedLanes, fetcher: Mailbox[m.ToFetcher]) -> None:
        self.next_s = 0.0
        self._lease = lease
        self._lanes = lanes
        self._fetcher = fetcher
        self._spreading = Spreading(lanes)
        self._now_s = 0.0
        self._claiming = False
        self._waiting_s = 0.0
        self._listening = False

    def soon(self) -> None:
        """Bells were rung: look in this turn."""
        self.next_s = 0.0

    def look(self, now: Moment) -> None:
        """Ask the fetcher, if it is time to."""
        self._now_s = now.boot_s
        if now.boot_s >= self.next_s:
            self.next_s = now.boot_s + LOOK_EVERY_S
            if not self._lanes.stopping:
                self._ask(now)

    def _ask(self, now: Moment) -> None:
        # Who could not send what it claims leaves it to others.
        able = self._lease.covers(now.boot_s, TOTAL_DEADLINE_S_MAX)
        if able and not self._claiming and len(self._lanes) < LANES_MAX and self._lanes.feeding.has_room:
            self._claiming = True
            limit, self._waiting_s = self._spreading.next_claim(now.boot_s)
            self._fetcher.post(m.Claim(self._lease.node_id, limit, self._waiting_s))
        if not self._listening and len(self._lanes):
            self._listening = True
            self._fetcher.post(m.Listen(self._lease.node_id))
        self._spreading.give_some(now.boot_s)

    def heard(self, message: m.Spread) -> None:
        """How the lanes are spread over the other nodes."""
        self._spreading.heard(message.others, self._now_s)

    def claimed(self, message: m.Claimed) -> None:
        """The fetcher's answer to a claim."""
        self._claiming = False
        if self._spreading.claimed(len(message.rows), message.asked, self._waiting_s, self._now_s):
            self.next_s = 0.0
        if message.node_id == self._lease.node_id:
            for row in message.rows:
                self._lanes.open(row)

    def rang(self, message: m.Rang) -> None:
        """The fetcher's answer to which bells ring."""
        self._listening = False
        if message.node_id != self._lease.node_id:
            return
        for endpoint_id in message.endpoint_ids:
            lane = self._lanes.get(endpoint_id)
            if lane is not None:
                self._lanes.must_fetch(lane)
