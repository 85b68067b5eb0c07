"""The PostgreSQL store after a process's wall clock was set back: nothing is done.

Several processes share the store, and their clocks differ. What one of them had put off by a clock that ran ahead is
looked at by all the others too, whose clocks are right.
"""

from ringback.store.port import Place
from ringback.store.postgres.connection import PostgresPart


class PostgresClock(PostgresPart):
    """A part of `Settlements`."""

    def bring_forward_step(self, by_ms: int, place: Place, limit: int) -> Place | None:
        return None
