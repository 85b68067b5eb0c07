"""A consistent copy of a SQLite store that is being written, made in small steps.

SQLite copies pages through the connection that writes: whatever that connection writes meanwhile goes into the copy as
well, so the copy is of one moment, the last step's, however long it takes; and no read stays open, which would let the
WAL grow. Between two steps everybody else writes. Assumes room for the copy; fails with StoreUnavailable, and then the
caller throws the copy away.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import apsw

from ringback.store.sqlite.connection import SqlitePart
from ringback.store.sqlite.errors import store_errors

PAGES_A_STEP: Final = 256
Progress = Callable[[int, int], None]
"""How many bytes are copied, of how many."""


class SqliteCopies(SqlitePart):
    """What `control.backup` asks for; other backends have ways of their own."""

    def copy_to(self, path: Path, between: Progress) -> None:
        """Make a copy of everything in the file at `path`, which must be empty or missing. `between` is called after
        each step; it may wait, so that others get their turn, and what it raises ends the copying."""
        with store_errors():
            target = open_copy(path)
            try:
                self._copy(target, between)
            finally:
                target.close()

    def _copy(self, target: apsw.Connection, between: Progress) -> None:
        with self._writer.between_transactions() as source:
            page_bytes = source.pragma("page_size")
            backup = target.backup("main", source, "main")
        try:
            while not backup.done:
                with self._writer.between_transactions():
                    backup.step(PAGES_A_STEP)
                between((backup.page_count - backup.remaining) * page_bytes, backup.page_count * page_bytes)
        finally:
            with self._writer.between_transactions():
                backup.close(True)


def open_copy(path: Path) -> apsw.Connection:
    """A connection to write a copy with. Until it is whole the file is worth nothing, so it isn't made to last."""
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "off")
    connection.pragma("synchronous", "off")
    return connection
