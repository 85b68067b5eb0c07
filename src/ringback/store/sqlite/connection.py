"""Connections that read, and how many rows are written at a time.

A read borrows a connection of its own, sees one snapshot and gives it back before the call returns: a read that stays
open keeps the WAL from being reset, and the file grows by gigabytes. No exception of apsw leaves this module's contexts
(see `sqlite.errors`).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from queue import LifoQueue
from typing import Any, Final

import apsw

from ringback.store.port import StoreUnavailable
from ringback.store.queries import for_rows
from ringback.store.sealed_rows import SealedRows
from ringback.store.sqlite.errors import store_errors
from ringback.store.sqlite.file import open_reader
from ringback.store.sqlite.writer import Writer

READERS_MAX: Final = 8
_ROWS_MAX: Final = 128
_ROWS_STEP: Final = 16
_BOUND_BYTES_MAX: Final = 4 * 1024 * 1024
_KEPT_BYTES_MAX: Final = 512 * 1024

Bindings = Sequence[Any] | dict[str, Any]


class Readers:
    """Connections that read the database at `path`, one for each read that is going on, at most READERS_MAX."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._closed = False
        # None stands for a connection that was not needed yet. The last one used has the warmest cache.
        self._idle: LifoQueue[apsw.Connection | None] = LifoQueue()
        for _ in range(READERS_MAX):
            self._idle.put(None)

    @contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """A connection for the block. Each statement sees a snapshot of its own."""
        connection = self._idle.get()
        try:
            with store_errors():
                if self._closed:
                    raise StoreUnavailable("The store is closed.")
                if connection is None:
                    connection = open_reader(self.path)
                yield connection
        finally:
            self._idle.put(connection)

    @contextmanager
    def snapshot(self) -> Iterator[apsw.Connection]:
        """A connection whose statements all see the same snapshot, until the block ends."""
        with self.reading() as connection, connection:
            yield connection

    def close(self) -> None:
        """Wait for the reads that are going on and close."""
        self._closed = True
        connections = [self._idle.get() for _ in range(READERS_MAX)]
        for connection in connections:
            if connection is not None:
                connection.close()
            self._idle.put(None)


class SqlitePart:
    """What the parts of the SQLite store have in common: the connections, and how secrets are kept."""

    def __init__(self, writer: Writer, readers: Readers, sealed: SealedRows) -> None:
        self._writer = writer
        self._readers = readers
        self._sealed = sealed

    def _read(self, query: str, bindings: Bindings = ()) -> list[Any]:
        """All rows of one query, from a snapshot of its own."""
        with self._readers.reading() as connection:
            return rows(connection, query, bindings)


class ManyRows:
    """A query for any number of rows of values, run for many of them at a time.

    apsw lets other threads into Python at each step of a statement, and a thread that wants back in may wait for
    milliseconds. `executemany` takes a step for each row; this one two for up to 127, since the sizes are the
    multiples of 16 and the numbers below 16. More sizes would be more statements to keep prepared.

    SQLite copies what is bound, and a statement that is kept keeps it until it is used again. Where rows may be large,
    `bytes_of` says about how large one is: many of them go in several statements, which are not kept.
    """

    def __init__(self, query: str, bytes_of: Callable[[Any], int] | None = None) -> None:
        self._query = query
        self._bytes_of = bytes_of
        self._queries: dict[int, str] = {}

    def run(self, connection: apsw.Connection, values: Sequence[Sequence[Any]]) -> list[Any]:
        """The query's answers for all rows of values, in their order."""
        answers: list[Any] = []
        start, count = 0, len(values)
        while start < count:
            size = _chunk(count - start)
            answers += self._answers(connection, values[start : start + size])
            start += size
        return answers

    def _answers(self, connection: apsw.Connection, values: Sequence[Sequence[Any]]) -> list[Any]:
        bound_bytes = 0 if self._bytes_of is None else sum(map(self._bytes_of, values))
        if bound_bytes > _BOUND_BYTES_MAX and len(values) > 1:
            middle = len(values) // 2
            return self._answers(connection, values[:middle]) + self._answers(connection, values[middle:])
        bindings = tuple(chain.from_iterable(values))
        kept = bound_bytes <= _KEPT_BYTES_MAX
        return connection.execute(self._text(len(values)), bindings, can_cache=kept).fetchall()

    def _text(self, size: int) -> str:
        text = self._queries.get(size)
        if text is None:
            text = self._queries[size] = for_rows(self._query, size)
        return text


def _chunk(count: int) -> int:
    """How many of `count` rows go into the next statement."""
    if count >= _ROWS_MAX:
        return _ROWS_MAX
    return count - count % _ROWS_STEP or count


def rows(connection: apsw.Connection, query: str, bindings: Bindings = ()) -> list[Any]:
    """All rows of a query, each a tuple."""
    return connection.execute(query, bindings).fetchall()


def first(connection: apsw.Connection, query: str, bindings: Bindings = ()) -> Any:
    """The first row of a query, a tuple, or None."""
    found = rows(connection, query, bindings)
    return found[0] if found else None


def change(connection: apsw.Connection, query: str, bindings: Bindings = ()) -> int:
    """Run one INSERT, UPDATE or DELETE; how many rows it changed."""
    connection.execute(query, bindings)
    return connection.changes()
