"""Whether this process can accept events: the store can commit, and nothing else stands in the way.

Asks the store each time and remembers nothing. `obstacles` names what the rest of the process misses (an index not
loaded, a disk nearly full); an empty list means nothing. Fails with `Unavailable`.
"""

from collections.abc import Callable, Sequence

from ringback.model.errors import Unavailable
from ringback.store.port import Health


class Readiness:
    """The question behind /readyz."""

    def __init__(self, store: Health, obstacles: Callable[[], Sequence[str]]) -> None:
        self._store = store
        self._obstacles = obstacles

    def check(self) -> None:
        """Return if events can be accepted. Raises Unavailable (or the store's StoreUnavailable)."""
        obstacles = self._obstacles()
        if obstacles:
            raise Unavailable(f"Not ready: {'; '.join(obstacles)}.", code="not_ready")
        self._store.check()
