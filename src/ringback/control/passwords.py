"""What is asked of whoever hashes passwords (`vault.passwords`), and how often that may be asked.

Hashing is slow on purpose, and done for one at a time. There are so many wrong passwords a minute in this process and
no more: guessing stays hopeless, and whoever guesses can't keep the machine busy. Who is refused for that is told at
once, before anything is hashed. An admin key is let in all the same: nobody is locked out by somebody else's guesses.
"""

import math
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from ringback.clock import Clock
from ringback.model.errors import OverQuota, WrongPassword
from ringback.model.limits import WRONG_PASSWORDS_PER_MINUTE_MAX
from ringback.model.password import Fit

_MINUTE_S: Final = 60.0


class Passwords(Protocol):
    """Any thread may call. Each call takes about a tenth of a second."""

    def hash(self, password: str) -> str:
        """The text to store."""

    def fits(self, password: str, hashed: str | None) -> Fit:
        """Whether it is the password of this hash. None: of nobody's, which takes as long and is never so."""


class Patience:
    """How many tries that failed there may be in a minute, `failures_max`."""

    def __init__(self, clock: Clock, failures_max: int = WRONG_PASSWORDS_PER_MINUTE_MAX) -> None:
        self._clock = clock
        self._failures_max = failures_max
        self._lock = threading.Lock()
        self._tries: deque[float] = deque()

    @contextmanager
    def trying(self) -> Iterator[None]:
        """A try, which counts from its beginning on; it is taken back unless it ends with WrongPassword. Raises
        OverQuota."""
        at_s = self._begin()
        try:
            yield
        except WrongPassword:
            raise
        except BaseException:
            self._forget(at_s)
            raise
        self._forget(at_s)

    def allows(self) -> bool:
        """Count a failed try, if there may be one more."""
        try:
            self._begin()
        except OverQuota:
            return False
        return True

    def _begin(self) -> float:
        now_s = self._clock.boottime_s()
        with self._lock:
            while self._tries and self._tries[0] <= now_s - _MINUTE_S:
                self._tries.popleft()
            if len(self._tries) >= self._failures_max:
                wait_s = max(1, math.ceil(self._tries[0] + _MINUTE_S - now_s))
                raise OverQuota(
                    f"There were {self._failures_max} wrong passwords within a minute, of whomever. Try again in "
                    f"{wait_s} s, or sign in with an admin key.",
                    wait_s,
                    code="too_many_sign_ins",
                )
            self._tries.append(now_s)
        return now_s

    def _forget(self, at_s: float) -> None:
        with self._lock:
            if at_s in self._tries:
                self._tries.remove(at_s)
