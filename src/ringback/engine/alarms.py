"""When the lanes in memory want to be looked at again, on the boot clock, so that a wall clock that is set moves none.

A lane has one alarm, the earliest it asked for. A later one is not forgotten by the lane: it asks again when it is
looked at. Pure bookkeeping; belongs to the dispatcher's thread.
"""

from collections.abc import Iterator
from heapq import heappop, heappush

from ringback.engine.lanes import Lane


class Alarms:
    """Told apart by endpoint and generation: an alarm of a lane that is gone rings for nobody."""

    __slots__ = ("_heap",)

    def __init__(self) -> None:
        self._heap: list[tuple[float, str, int]] = []

    @property
    def next_s(self) -> float:
        """When the next one rings; infinity when none is set."""
        return self._heap[0][0] if self._heap else float("inf")

    def set(self, lane: Lane, at_s: float) -> None:
        """Look at the lane at `at_s`, unless it is looked at before that anyway."""
        if lane.alarm_s is None or at_s < lane.alarm_s:
            lane.alarm_s = at_s
            heappush(self._heap, (at_s, lane.endpoint_id, lane.generation))

    def ringing(self, now_s: float) -> Iterator[tuple[str, int]]:
        """Take out what rings by now: (endpoint_id, generation)."""
        heap = self._heap
        while heap and heap[0][0] <= now_s:
            _, endpoint_id, generation = heappop(heap)
            yield endpoint_id, generation
