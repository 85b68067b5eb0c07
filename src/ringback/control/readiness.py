"""Whether this process can accept events: the store can commit, and nothing else stands in the way.

Asks each time and remembers nothing. What stands in the way is named in words, all of it at once; the first one gives
the answer its code. Fails with `NotReady`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ringback.model.errors import Unavailable
from ringback.store.port import Health, StoreUnavailable


class Obstacle(NamedTuple):
    """One thing that stands in the way: its code in docs/errors.md, and a sentence."""

    code: str
    text: str


class NotReady(Unavailable):
    """No events can be accepted here now. `obstacles` are the sentences that say why, at least one."""

    code = "not_ready"

    def __init__(self, obstacles: Sequence[Obstacle]) -> None:
        super().__init__(f"Not ready: {obstacles[0].text}", code=obstacles[0].code)
        self.obstacles = [obstacle.text for obstacle in obstacles]


class Readiness:
    """The question behind /readyz."""

    def __init__(self, store: Health, obstacles: Callable[[], Sequence[Obstacle]]) -> None:
        self._store = store
        self._obstacles = obstacles

    def check(self) -> None:
        """Return if events can be accepted. Raises NotReady."""
        obstacles = list(self._obstacles())
        try:
            self._store.check()
        except StoreUnavailable as error:
            obstacles.append(Obstacle(error.code, error.detail))
        if obstacles:
            raise NotReady(obstacles)
