"""The advisory locks of the store: pairs of numbers, the first of which says that they are Ringback's."""

from typing import Final, NamedTuple

_RINGBACK: Final = 0x52494E47  # "RING"


class AdvisoryLock(NamedTuple):
    """One lock, by its two numbers."""

    space: int
    place: int

    @property
    def params(self) -> dict[str, int]:
        return {"space": self.space, "place": self.place}


MIGRATIONS: Final = AdvisoryLock(_RINGBACK, 1)
"""Exclusive, of a session: it changes the schema."""
CHANGES: Final = AdvisoryLock(_RINGBACK, 2)
"""Exclusive, of a transaction: it adds to the log of configuration changes."""
INTAKE: Final = AdvisoryLock(_RINGBACK, 3)
"""Shared, of a transaction: it may have drawn numbers of events and deliveries that are not visible yet."""
PARTITIONS: Final = AdvisoryLock(_RINGBACK, 4)
"""Exclusive, of a session: it adds or drops days."""
SEALING: Final = AdvisoryLock(_RINGBACK, 5)
"""Of a transaction; shared: it seals something; exclusive: everything that was being sealed is stored."""
CATALOGUE: Final = AdvisoryLock(_RINGBACK, 6)
"""Exclusive, of a transaction: it may add an event type or a profile, of which there are so many at most."""
DROPPING: Final = AdvisoryLock(_RINGBACK, 7)
"""Exclusive, of a session: it drops days that are past their time."""
