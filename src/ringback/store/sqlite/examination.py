"""Looks at a database file from outside, also while a server has it open: what it is, how large, whether it is whole.

Opens it to read only, takes no lock of ours, and changes nothing. A file that nobody has open and that was closed in
order is read as it lies, so that not even SQLite's own -wal and -shm files are made. Each question is a short read of
its own; the whole check goes table by table, so that it never holds the WAL for longer than one table takes.
"""

from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

import apsw

from ringback.model.errors import StoreNewer, StoreOlder
from ringback.store.migrate import load_migrations
from ringback.store.sqlite.errors import start_errors
from ringback.store.sqlite.file import SqliteLedger
from ringback.store.sqlite.sealing import read_sealing_keys
from ringback.times import DAY_MS

_BUSY_MS_MAX: Final = 1_000
_COMPLAINTS_MAX: Final = 3
SQLITE_VERSION_MIN: Final = "3.51.3"
"""The first without the WAL-reset bug, which can damage a database that several connections write and checkpoint."""


class DatabaseFacts(NamedTuple):
    """What a database file shows. Times are milliseconds since 1970, None when there is nothing to tell by.

    `sealed_with` are the ids of the master keys that it needs; `complaints` are of SQLite's check, () if it was not
    asked for; `grows_by_bytes_a_day` is what the last day's events took, before anything is removed.
    """

    schema: int
    schema_needed: int
    bytes: int
    wal_bytes: int
    newest_attempt_at: int | None
    grows_by_bytes_a_day: float | None
    sealed_with: tuple[str, ...]
    complaints: tuple[str, ...]


def examine(path: Path, now_ms: int, *, deep: bool = False) -> DatabaseFacts:
    """The facts of the database at `path`, which must be there. `deep` has SQLite check every page.

    Raises a StartError, as opening it would: StoreCorrupt, StoreNewer, StoreOlder, DataDirectoryUnusable.
    """
    with start_errors(path):
        connection = open_to_look(path)
        try:
            facts = _facts(connection, path, now_ms)
            return facts._replace(complaints=_complaints(connection)) if deep else facts
        finally:
            connection.close()


def linked_sqlite() -> str:
    """The version of the SQLite that is used, such as `3.54.1`."""
    return apsw.sqlite_lib_version()


def open_to_look(path: Path) -> apsw.Connection:
    """A connection that only reads, and leaves no trace beside a file that nobody has open."""
    wal = Path(f"{path}-wal")
    at_rest = not Path(f"{path}-shm").exists() and not (wal.exists() and wal.stat().st_size)
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    address = f"file:{quote(str(path.absolute()))}{'?immutable=1' if at_rest else ''}"
    connection = apsw.Connection(address, flags=flags)
    connection.set_busy_timeout(_BUSY_MS_MAX)
    return connection


def _facts(connection: apsw.Connection, path: Path, now_ms: int) -> DatabaseFacts:
    schema, needed = require_schema(connection, path)
    applied = bool(schema)
    wal = Path(f"{path}-wal")
    file_bytes = path.stat().st_size
    return DatabaseFacts(
        schema,
        needed,
        file_bytes,
        wal.stat().st_size if wal.exists() else 0,
        _number(connection, "SELECT at FROM attempt ORDER BY seq DESC LIMIT 1") if applied else None,
        _growth(connection, file_bytes, now_ms) if applied else None,
        tuple(read_sealing_keys(connection)) if applied else (),
        (),
    )


def require_schema(connection: apsw.Connection, path: Path) -> tuple[int, int]:
    """The schema of a database (0: it is empty) and the one of this program. Raises StoreNewer, StoreOlder."""
    applied = SqliteLedger(connection, path).applied()
    schema, needed = max(applied, default=0), len(load_migrations("sqlite"))
    if schema > needed:
        raise StoreNewer(f"{path} was written by a newer Ringback (schema {schema}; this one knows up to {needed}).")
    if applied and schema < needed:
        raise StoreOlder(f"{path} was written by an older Ringback (schema {schema}; this one needs {needed}).")
    return schema, needed


def _growth(connection: apsw.Connection, file_bytes: int, now_ms: int) -> float | None:
    """Bytes a day: events of the last day, times what one takes with all that hangs on it."""
    oldest = _number(connection, "SELECT seq FROM event ORDER BY seq LIMIT 1")
    newest = _number(connection, "SELECT seq FROM event ORDER BY seq DESC LIMIT 1")
    if oldest is None or newest is None:
        return None
    # Events are numbered in the order in which they were accepted: search for the first of the last day by halves.
    low, high = oldest, newest + 1
    while low < high:
        middle = (low + high) // 2
        at = _number(connection, "SELECT accepted_at FROM event WHERE seq >= ? ORDER BY seq LIMIT 1", middle)
        if at is None or at >= now_ms - DAY_MS:
            high = middle
        else:
            low = middle + 1
    return (newest + 1 - low) * file_bytes / (newest + 1 - oldest)


def _number(connection: apsw.Connection, query: str, *bindings: int) -> int | None:
    row = connection.execute(query, bindings).fetchone()
    return None if row is None else int(row[0])


def _complaints(connection: apsw.Connection) -> tuple[str, ...]:
    """What SQLite finds wrong, at most a few lines. A damaged page may also raise; then that is told."""
    found: list[str] = []
    try:
        names = [str(row[0]) for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for name in names:
            quoted = name.replace("'", "''")
            rows = connection.execute(f"PRAGMA quick_check('{quoted}')").fetchall()
            found += [str(row[0]) for row in rows if row[0] != "ok"]
            if len(found) >= _COMPLAINTS_MAX:
                break
    except (apsw.CorruptError, apsw.NotADBError, apsw.FormatError) as error:
        found.append(str(error))
    return tuple(found[:_COMPLAINTS_MAX])
