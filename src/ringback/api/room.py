"""Room for the bodies of requests: what is being read, and what waits for its commit, is bounded over all connections.

Each connection reads what its caller sends, so a limit for one body is none for a thousand. What counts is what has
come, not what was announced: who announces much and sends nothing keeps nobody out. A request that may bring much is
turned away (503, `busy`) before its body is read while three quarters are taken, so that any that is let in can end
and small ones still find room. One whose body goes on when all is taken is turned away in the middle of it; but
whoever has been sending for long makes room first. What is in the ingest writer's queue is counted by that. Belongs to
the event loop. A body that came whole with its head isn't counted here: the same turn queues or refuses it.
"""

from collections.abc import Callable
from typing import Final, Protocol

from ringback.model.errors import Unavailable
from ringback.model.limits import WAITING_BYTES_MAX

SMALL_BODY_BYTES_MAX: Final = 65_536
LARGE_SHARE_MAX: Final = 0.75
# A caller who is slower than this is let be while there is room.
BODY_WITHIN_S: Final = 5.0


class SlowBody(Protocol):
    """A request whose body is on its way."""

    def turn_away(self) -> None:
        """Answer it now, and let go of what has come of it."""


def _nothing() -> int:
    return 0


class Room:
    """`waiting_bytes` says what waits for its commit."""

    def __init__(
        self,
        now_s: Callable[[], float],
        waiting_bytes: Callable[[], int] = _nothing,
        bytes_max: int = WAITING_BYTES_MAX,
    ) -> None:
        self._now_s = now_s
        self._waiting_bytes = waiting_bytes
        self._bytes_max = bytes_max
        self._large_max = int(bytes_max * LARGE_SHARE_MAX)
        self._held = 0
        self._coming: dict[SlowBody, float] = {}

    @property
    def taken(self) -> int:
        """Bytes that are here and not stored yet."""
        return self._held + self._waiting_bytes()

    @property
    def full(self) -> bool:
        """Whether even small requests are turned away."""
        return self.taken >= self._bytes_max

    def check(self) -> None:
        """Return if a small request may be let in. Raises Unavailable."""
        if self.taken >= self._bytes_max and not self._made(self._bytes_max - 1, None):
            raise no_room()

    def lets_in(self, body: SlowBody, announced: int | None) -> bool:
        """Whether a body that has `announced` its length (None: it comes in chunks) may begin."""
        is_small = announced is not None and announced <= SMALL_BODY_BYTES_MAX
        most = (self._bytes_max if is_small else self._large_max) - 1
        return self.taken <= most or self._made(most, body)

    def take(self, body: SlowBody, size: int) -> bool:
        """Take a piece of a body in; False: there is no room for it."""
        most = self._bytes_max - size
        if self.taken > most and not self._made(most, body):
            return False
        self._held += size
        if body not in self._coming:
            self._coming[body] = self._now_s()
        return True

    def complete(self, body: SlowBody) -> None:
        """All of it is here: it makes room for nobody any more."""
        self._coming.pop(body, None)

    def give_back(self, body: SlowBody, size: int) -> None:
        """It is answered, or counted by the queue, or its caller is gone."""
        self._held -= size
        self._coming.pop(body, None)

    def _made(self, most: int, asking: SlowBody | None) -> bool:
        """Turn away whoever has been sending for long, the longest first, until no more than `most` is taken."""
        until_s = self._now_s() - BODY_WITHIN_S
        for body, since_s in list(self._coming.items()):
            if since_s > until_s or self.taken <= most:
                break
            if body is not asking:
                body.turn_away()
        return self.taken <= most


def no_room() -> Unavailable:
    """The refusal of a request for which there is no room."""
    return Unavailable("Too much is waiting to be stored. Try again in a moment.", code="busy")
