"""Numbers that name events, for contracts whose events have no other name: whole, below 2^53, unique within a tenant.

Made of the time and a part that begins by chance and counts within a millisecond, so that nobody has to be asked:
41 bits of milliseconds since 2020 and 12 bits below. One process never makes the same twice, as long as it runs; two
processes do only if they accept events of a tenant in the same millisecond, and then seldom. Safe to call from any
thread.
"""

import threading
from typing import Final

from ringback.clock import Clock

SINCE_MS: Final = 1_577_836_800_000
"""2020-01-01."""
_LOW_BITS: Final = 12
_LOW: Final = 1 << _LOW_BITS
NUMBER_MAX: Final = (1 << 53) - 1


class Numbers:
    """Where numbers come from."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last = 0

    def next(self, now_ms: int) -> int:
        """A number for an event that is accepted at `now_ms`."""
        with self._lock:
            # Half of the range is left to count in.
            begun = (max(0, now_ms - SINCE_MS) << _LOW_BITS) + int(self._clock.chance() * _LOW / 2)
            if begun >> _LOW_BITS <= self._last >> _LOW_BITS:
                begun = self._last + 1
            self._last = begun
            return begun & NUMBER_MAX
