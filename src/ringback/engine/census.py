"""A count of what waits, now and then, for the metrics: deliveries in the store, endpoints that are parked.

Page by page, each a short read, so that a million waiting deliveries hold nobody up; between two pages others get
the store. What is shown is the last count that was completed, and is right to half a minute. Decides nothing.
"""

from collections.abc import Callable
from typing import Final

from ringback.policy import health as health_policy
from ringback.policy.health import Phase
from ringback.store import port

DELIVERIES_PAGE: Final = 50_000
LANES_PAGE: Final = 2_000
PAGE_PAUSE_S: Final = 0.005


class Census:
    """`waiting` and `parked` are None until the first count is done; for any thread."""

    def __init__(self, store: port.Census, wait: Callable[[float], object]) -> None:
        self._store = store
        self._wait = wait
        self.waiting: int | None = None
        self.parked: int | None = None

    def count(self) -> None:
        """Count anew. Raises what the store raises."""
        self.waiting = self._waiting()
        self.parked = self._parked()

    def _waiting(self) -> int:
        total = 0
        after: port.CountPlace | None = None
        while True:
            page = self._store.count_deliveries(after, DELIVERIES_PAGE)
            total += page.rows
            if page.last is None:
                return total
            after = page.last
            self._wait(PAGE_PAUSE_S)

    def _parked(self) -> int:
        total, after = 0, ""
        while page := self._store.lane_healths(after, LANES_PAGE):
            # Most are open, and reading the form costs a hundred times as much as seeing that.
            total += sum(_is_parked(health) for _, health in page if _OPEN not in health)
            after = page[-1][0]
            self._wait(PAGE_PAUSE_S)
        return total


_OPEN: Final = b'"phase":"open"'


def _is_parked(health: bytes) -> bool:
    return health_policy.load(health).phase is not Phase.OPEN
