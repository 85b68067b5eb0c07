"""Which lanes want rows from the store, and what they may have: within the budget, quick lanes before others.

Counts what the lanes hold or have asked for, by how quick they are. Pure bookkeeping; belongs to the dispatcher's
thread. Never fetches: it says what to ask the fetcher for.
"""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Final

from ringback.engine.budget import FETCH_LANES_MAX, FETCH_ROWS_MAX, QUEUE_START, Budget, low, wanted
from ringback.engine.lanes import Lane
from ringback.policy import health as health_policy
from ringback.policy.health import Pace
from ringback.store.port import FetchRequest

_QUICK: Final = Pace.QUICK


class Feeding:
    """`window_of(lane)`: how many requests of a lane may be under way just now."""

    def __init__(self, slots: int, window_of: Callable[[Lane], int]) -> None:
        self.budget = Budget(slots)
        self._window_of = window_of
        self._hungry: dict[str, None] = {}
        self._slow_hungry: dict[str, None] = {}

    def count(self, lane: Lane, rows: int) -> None:
        """So many rows of a lane come in, or go."""
        self.budget.rows += rows
        if lane.pace is not _QUICK:
            self.budget.slow_rows += rows

    def keep_pace(self, lane: Lane) -> None:
        """A lane whose pace changed counts as what it is now."""
        pace = health_policy.pace(lane.health)
        if pace is not lane.pace:
            rows = len(lane.held) + lane.reserved
            self.count(lane, -rows)
            lane.pace = pace
            self.count(lane, rows)
            self.sated(lane)

    def look(self, lane: Lane, window: int) -> None:
        """Note whether the lane wants a fetch."""
        slow = lane.pace is not _QUICK
        if lane.stale and not lane.fetching and low(len(lane.queue), window, slow):
            (self._slow_hungry if slow else self._hungry)[lane.endpoint_id] = None

    def sated(self, lane: Lane) -> None:
        """It wants none."""
        self._hungry.pop(lane.endpoint_id, None)
        self._slow_hungry.pop(lane.endpoint_id, None)

    def clear(self) -> None:
        """Nobody wants any."""
        self._hungry.clear()
        self._slow_hungry.clear()

    @property
    def has_room(self) -> bool:
        """Whether another lane could be fed: it counts as quick here, since it may be."""
        return self.budget.room(slow=False) > 0

    def may_queue(self, lane: Lane) -> bool:
        """Whether the lane may take a row that nobody fetched."""
        if self.budget.room(lane.pace is not _QUICK) <= 0:
            return False
        if len(lane.queue) < QUEUE_START:
            return True
        return wanted(len(lane.queue), self._window_of(lane), False) > 0

    def begin(self, lanes: Mapping[str, Lane]) -> list[tuple[FetchRequest, int]]:
        """The fetches to ask for now, each with its lane's generation; within the budget, first come first served,
        quick lanes before others."""
        begun: list[tuple[FetchRequest, int]] = []
        rows = FETCH_ROWS_MAX
        for hungry, slow in ((self._hungry, False), (self._slow_hungry, True)):
            for endpoint_id in list(islice(hungry, FETCH_LANES_MAX - len(begun))):
                room = min(rows, self.budget.room(slow))
                if room <= 0:
                    break
                del hungry[endpoint_id]
                lane = lanes[endpoint_id]
                limit = min(room, max(1, wanted(len(lane.queue), self._window_of(lane), slow)))
                rows -= limit
                self.count(lane, limit)
                begun.append((lane.begin_fetch(limit), lane.generation))
        return begun
