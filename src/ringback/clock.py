"""The only reader of time and chance, so that tests and the simulation can replace both.

Two clocks: the wall (`now_ms`, for what is stored and shown; it may jump) and the time since boot (`boottime_s`,
for leases, deadlines and pauses; it never goes back and counts sleep where the system can). Assumes that the
random source doesn't fail. Never sleeps: waiting is `engine.mailbox`.
"""

import os
import random
import time
from typing import Protocol

from ringback.model.ids import RANDOM_BYTES, random_parts, time_part

_BOOT_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_POOL_BYTES = 256 * RANDOM_BYTES


class Clock(Protocol):
    """Time and chance, by argument."""

    def now_ms(self) -> int:
        """Wall time, milliseconds since 1970, UTC."""

    def boottime_s(self) -> float:
        """Seconds since some fixed moment; never goes back."""

    def chance(self) -> float:
        """A random float in [0, 1)."""

    def token_bytes(self, count: int) -> bytes:
        """`count` unpredictable bytes, fit for secrets."""

    def new_id(self, prefix: str) -> str:
        """A new id such as `evt_01JD…`; safe to call from any thread."""


class SystemClock:
    """The machine's clocks and the kernel's random source."""

    def __init__(self) -> None:
        self._random = random.Random()  # noqa: S311 - jitter, never secrets
        self._pool: list[str] = []
        self._last = (-1, "")

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def boottime_s(self) -> float:
        return time.clock_gettime(_BOOT_CLOCK)

    def chance(self) -> float:
        return self._random.random()

    def token_bytes(self, count: int) -> bytes:
        return os.urandom(count)

    def new_id(self, prefix: str) -> str:
        ms = time.time_ns() // 1_000_000
        # One tuple, so that a thread never pairs a millisecond with another one's text.
        last_ms, text = self._last
        if ms != last_ms:
            text = time_part(ms)
            self._last = ms, text
        try:
            chance = self._pool.pop()
        except IndexError:
            chance = self._drawn()
        return f"{prefix}_{text}{chance}"

    def _drawn(self) -> str:
        """One random part; the others of a large draw wait in the pool."""
        chance, *others = random_parts(os.urandom(_POOL_BYTES))
        self._pool.extend(others)
        return chance
