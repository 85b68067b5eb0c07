"""Copying the WAL into the database file, after commits, on the connection that writes.

SQLite's own checkpoints begin the WAL anew only at a moment at which nobody reads. When reads overlap all the time
there is no such moment and the WAL grows for ever. So past a size the checkpoint waits for the reads that are going
on, which are short; reads that begin meanwhile don't need the WAL any more. A checkpoint that fails changes nothing:
what was committed is safe in the WAL, and one of the next commits tries again.
"""

from contextlib import suppress
from pathlib import Path
from typing import Final

import apsw

CHECKPOINT_PAGES: Final = 1_000
WAL_PAGES_MAX: Final = 8_192
_WAIT_FOR_READS_MS_MAX: Final = 100


def empty_wal(path: Path) -> bool:
    """Copy the whole WAL of the database at `path` into it and cut the WAL to nothing; False when others read or write
    for too long. On a connection of its own: it must be between two transactions."""
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    except apsw.Error:
        return False
    try:
        connection.set_busy_timeout(_WAIT_FOR_READS_MS_MAX)
        connection.pragma("journal_mode")  # a connection that has read nothing yet knows of no WAL
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.Error:
        return False
    finally:
        connection.close()
    return True


class Checkpoints:
    """When to checkpoint one connection, and how. `wal_pages_max` is the size at which reads are waited for."""

    def __init__(
        self,
        connection: apsw.Connection,
        busy_ms_max: int,
        wal_pages_max: int = WAL_PAGES_MAX,
        every: int = CHECKPOINT_PAGES,
    ) -> None:
        self._busy_ms_max = busy_ms_max
        self._wal_pages_max = wal_pages_max
        self._every = every
        self._wait_at = wal_pages_max
        connection.set_wal_hook(self._committed)

    def _committed(self, connection: apsw.Connection, database: str, pages: int) -> int:
        """SQLite calls it at the end of each commit with the size of the WAL."""
        with suppress(apsw.Error):
            if pages < self._every:
                self._wait_at = self._wal_pages_max
            elif pages < self._wait_at:
                connection.wal_checkpoint(database)
            else:
                # In case a read does last: not again at every commit.
                self._wait_at = pages + self._every
                self._wait_for_reads(connection, database)
        return apsw.SQLITE_OK

    def _wait_for_reads(self, connection: apsw.Connection, database: str) -> None:
        connection.set_busy_timeout(_WAIT_FOR_READS_MS_MAX)
        try:
            connection.wal_checkpoint(database, apsw.SQLITE_CHECKPOINT_RESTART)
        finally:
            connection.set_busy_timeout(self._busy_ms_max)
