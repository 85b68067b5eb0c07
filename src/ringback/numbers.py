"""Numbers that name events, for contracts whose events have no other name: whole, below 2^53, unique within a tenant.

Made of the time and a part that begins by chance and counts within a millisecond, so that nobody has to be asked:
41 bits of milliseconds since 2020 and 12 bits below. One `Numbers` never makes the same twice; two of them (two
processes, or one after a restart) seldom do, and the store knows: `settle` draws again for events whose number is
taken. Safe to call from any thread.
"""

import threading
from collections.abc import Callable, Collection, Sequence
from typing import Final

from ringback.clock import Clock
from ringback.model.event import Event

SINCE_MS: Final = 1_577_836_800_000
"""2020-01-01."""
NUMBER_MAX: Final = (1 << 53) - 1
_LOW_BITS: Final = 12
_LOW: Final = 1 << _LOW_BITS

Named = tuple[str, int]
"""A tenant and a number of one of its events."""


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

    def settle(
        self, events: list[Event], places: Sequence[int], taken: Callable[[Sequence[Named]], Collection[Named]]
    ) -> None:
        """Another number, in place, for those of `events[place]` whose own is `taken`. Each draw is a new number, so
        that this ends with those that are in use."""
        named = {place: named_by(events[place]) for place in places}
        while conflicts := taken(list(named.values())):
            named = {place: name for place, name in named.items() if name in conflicts}
            for place in named:
                events[place] = events[place]._replace(number=self.next(events[place].accepted_at))
                named[place] = named_by(events[place])


def named_by(event: Event) -> Named:
    """The tenant and the number of an event that has one."""
    return event.tenant_id, event.number or 0
