"""Opens the database file: one process at a time, never a file that is somebody else's, damaged or too new.

The lock is `PATH.lock`, held by flock(2) as long as the store is open; the system lets go of it when the process
ends, however it ends. The file stays, and names the process that had it last. Everything that is wrong with the
place or the file raises a StartError before anything is changed. Assumes a local disk (WAL and flock need one).
"""

import fcntl
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

import apsw

from ringback.model.errors import StoreCorrupt, StoreLocked
from ringback.store.migrate import Migration, bring_up
from ringback.store.sqlite.checkpoint import Checkpoints
from ringback.store.sqlite.errors import start_errors, unusable

_PRIVATE: Final = 0o600
_CACHED_STATEMENTS: Final = 400
_BUSY_MS_MAX: Final = 5_000
_WRITER_CACHE_KIB: Final = 32 * 1024
_READER_CACHE_KIB: Final = 4 * 1024
_WAL_KEPT_BYTES_MAX: Final = 64 * 1024 * 1024


class FileLock:
    """That no other process has the database open."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path) -> Self:
        """Lock the database at `path`. Raises StoreLocked when another process has it, OSError when there can't be
        a lock file."""
        descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise StoreLocked(_already_open(path, holder)) from None
        except OSError:
            os.close(descriptor)
            raise
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Let others open the database."""
        os.close(self._descriptor)


def open_locked(path: Path, migrations: Sequence[Migration], *, migrate: bool) -> tuple[apsw.Connection, FileLock]:
    """The connection that writes, with the schema of this program, and the lock that goes with it.

    Raises StoreLocked, StoreCorrupt, StoreNewer, StoreOlder or DataDirectoryUnusable; then nothing was changed.
    """
    with start_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock.take(path)
        try:
            return _open_writer(path, migrations, migrate=migrate), lock
        except BaseException:
            lock.release()
            raise


def open_reader(path: Path) -> apsw.Connection:
    """A connection that can only read."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY, statementcachesize=_CACHED_STATEMENTS)
    _set_up_any(connection)
    connection.pragma("cache_size", -_READER_CACHE_KIB)
    connection.pragma("temp_store", "memory")
    return connection


def _open_writer(path: Path, migrations: Sequence[Migration], *, migrate: bool) -> apsw.Connection:
    _create_private(path)
    connection = apsw.Connection(str(path), statementcachesize=_CACHED_STATEMENTS)
    try:
        _refuse_read_only(connection, path)
        ledger = SqliteLedger(connection, path)
        if not ledger.applied():
            connection.execute("PRAGMA auto_vacuum = incremental")
        bring_up(ledger, migrations, migrate=migrate, store=str(path))
        _set_up(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _set_up_any(connection: apsw.Connection) -> None:
    connection.set_busy_timeout(_BUSY_MS_MAX)
    # One plan for each query. Without it SQLite plans many of them anew for every new value that is bound.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)


def _refuse_read_only(connection: apsw.Connection, path: Path) -> None:
    if connection.readonly("main"):
        raise unusable(path, "it is read-only")


def _create_private(path: Path) -> None:
    """Make the file where there is none. SQLite would let everybody read it; its other files inherit the mode."""
    # A file that is there is not even opened: closing it again would end the locks that this process has on it.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE))


def _set_up(connection: apsw.Connection, path: Path) -> None:
    """What holds for the connection that writes. It checkpoints too."""
    if connection.pragma("journal_mode", "wal") != "wal":
        raise unusable(path, "the file system can't share memory between connections, which WAL needs")
    _set_up_any(connection)
    for name, value in (
        ("synchronous", "full"),
        ("fullfsync", 1),
        ("cache_size", -_WRITER_CACHE_KIB),
        ("temp_store", "memory"),
        ("journal_size_limit", _WAL_KEPT_BYTES_MAX),
        # What was redacted must not be left in a corner of the file. It costs nothing that can be measured.
        ("secure_delete", 1),
    ):
        connection.pragma(name, value)
    Checkpoints(connection, _BUSY_MS_MAX)


def _already_open(path: Path, holder: str) -> str:
    process = f"process {holder}" if holder.isdigit() else "another process"
    return (
        f"{path} is open already, in {process}. An SQLite store can be open once: stop that process first, "
        "or give this one a data directory of its own (--data DIR)."
    )


class SqliteLedger:
    """Which migrations a database has had (`migrate.Ledger`)."""

    def __init__(self, connection: apsw.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def applied(self) -> list[int]:
        """Raises StoreCorrupt when the database is not Ringback's."""
        tables = {name for (name,) in self._connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        if "schema_version" in tables:
            return [number for (number,) in self._connection.execute("SELECT number FROM schema_version")]
        if tables:
            raise StoreCorrupt(f"{self._path} is another program's database. Nothing was changed. Give another path.")
        return []

    def apply(self, migrations: Sequence[Migration]) -> None:
        with self._connection:
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS schema_version (number INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT"
            )
            for number, name, script in migrations:
                self._connection.execute(script)
                self._connection.execute("INSERT INTO schema_version (number, name) VALUES (?, ?)", (number, name))
