"""Whether this process can accept events: the store can commit, and nothing else stands in the way.

Asks each time and remembers nothing. What stands in the way is named in words, all of it at once; the first one gives
the answer its code. A store on another machine may leave a question unanswered for long: it has so much time, and who
asks meanwhile waits for the same answer, so that a store that hangs holds one thread and not all. Fails with
`NotReady`.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import NamedTuple

from ringback.model.errors import Unavailable
from ringback.store.port import CommitInDoubt, Health, Retryable, StoreUnavailable


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


class _Answer(NamedTuple):
    obstacles: Sequence[Obstacle]
    cautions: Sequence[str]


class _Question(NamedTuple):
    """One that is being answered. `cautions` are there as soon as the store has told them, before it commits."""

    answer: "Future[_Answer]"
    cautions: list[str]


class Readiness:
    """The question behind /readyz. `within_s` is how long the store may take (None: as long as it likes)."""

    def __init__(
        self,
        store: Health,
        obstacles: Callable[[], Sequence[Obstacle]],
        within_s: float | None = None,
        cautions: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """`cautions`: what else than the store has something that people should know."""
        self._cautions = cautions
        self._store = store
        self._obstacles = obstacles
        self._within_s = within_s
        self._lock = threading.Lock()
        self._asking: _Question | None = None

    def check(self) -> Sequence[str]:
        """Return if events can be accepted, with what people should know all the same. Raises NotReady."""
        if self._within_s is None:
            obstacles, cautions = self._ask(_Question(Future(), []))
        else:
            obstacles, cautions = self._ask_in_time(self._within_s)
        if obstacles:
            raise NotReady(obstacles)
        return cautions

    def _ask(self, asked: _Question) -> _Answer:
        obstacles = list(self._obstacles())
        asked.cautions.extend(self._cautions())
        try:
            asked.cautions.extend(self._store.cautions())
            self._store.check()
        except (StoreUnavailable, CommitInDoubt, Retryable) as error:
            obstacles.append(Obstacle(error.code, error.detail))
        return _Answer(obstacles, asked.cautions)

    def _ask_in_time(self, within_s: float) -> _Answer:
        with self._lock:
            asking = self._asking
            if asking is None or asking.answer.done():
                asking = self._asking = _Question(Future(), [])
                threading.Thread(target=self._answer, args=(asking,), name="readiness", daemon=True).start()
        try:
            return asking.answer.result(within_s)
        except TimeoutError:
            # What it said before it fell silent may be why.
            told = [f"The database has not answered for {within_s:g} s.", *asking.cautions]
            return _Answer([Obstacle(StoreUnavailable.code, text) for text in told], ())

    def _answer(self, asking: _Question) -> None:
        try:
            asking.answer.set_result(self._ask(asking))
        except Exception as error:  # whoever asked gets to see it
            asking.answer.set_exception(error)
