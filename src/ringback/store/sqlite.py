"""The embedded store: one SQLite file, opened by one process. For a laptop as for thousands of events a second.

Every commit is on the disk when a call returns (WAL, synchronous=FULL). It can be opened once: the file lock proves
that all other engine processes are dead, so a start frees their lanes. It needs a local disk. When the disk is full
or gone it raises StoreUnavailable and changes nothing; it goes on by itself when the disk does. The parts are in the
other `sqlite_*` modules; the SQL is in `sql/sqlite`.
"""

from pathlib import Path
from typing import Self

from ringback.store.migrate import load_migrations
from ringback.store.port import Store
from ringback.store.queries import load
from ringback.store.sqlite_changes import SqliteFollow
from ringback.store.sqlite_config import SqliteKeys, SqliteTenants
from ringback.store.sqlite_connection import Readers
from ringback.store.sqlite_endpoints import SqliteEndpoints, SqliteSecrets
from ringback.store.sqlite_fetch import SqliteFetch
from ringback.store.sqlite_file import FileLock, open_locked
from ringback.store.sqlite_intake import SqliteIntake
from ringback.store.sqlite_jobs import SqliteJobs, SqliteJobSteps
from ringback.store.sqlite_lanes import SqliteLanes, SqliteNodes
from ringback.store.sqlite_log import SqliteLog
from ringback.store.sqlite_redaction import SqliteRedactions
from ringback.store.sqlite_retention import SqliteRetention
from ringback.store.sqlite_settle import SqliteResends, SqliteSettlements
from ringback.store.sqlite_upkeep import SqliteClearing, SqliteRepairs
from ringback.store.sqlite_writer import Writer


class SqliteStore(
    SqliteIntake,
    SqliteFetch,
    SqliteLanes,
    SqliteNodes,
    SqliteSettlements,
    SqliteResends,
    SqliteFollow,
    SqliteRepairs,
    SqliteClearing,
    SqliteRetention,
    SqliteRedactions,
    SqliteJobs,
    SqliteJobSteps,
    SqliteTenants,
    SqliteKeys,
    SqliteEndpoints,
    SqliteSecrets,
    SqliteLog,
    Store,
):
    """A whole store in one file."""

    def __init__(self, writer: Writer, readers: Readers, lock: FileLock) -> None:
        super().__init__(writer, readers)
        self._lock = lock
        self._closed = False

    @classmethod
    def open(cls, path: Path, *, migrate: bool = False) -> Self:
        """The store in the file at `path`, which is made if it isn't there.

        An older file is upgraded only if `migrate`. Raises a StartError, and then nothing was changed: StoreLocked,
        StoreCorrupt, StoreNewer, StoreOlder, DataDirectoryUnusable.
        """
        connection, lock = open_locked(path, load_migrations("sqlite"), migrate=migrate)
        return cls(Writer(connection), Readers(path), lock)

    def check(self) -> None:
        with self._writer.transaction() as connection:
            connection.execute(load("sqlite")["prove_commit"])

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._readers.close()
        self._writer.close()
        self._lock.release()
