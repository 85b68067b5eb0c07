"""The embedded store: one SQLite file, opened by one process. For a laptop as for thousands of events a second.

Every commit is on the disk when a call returns (WAL, synchronous=FULL). It can be opened once: the file lock proves
that all other engine processes are dead, so a start frees their lanes. It needs a local disk. When the disk is full
or gone it raises StoreUnavailable and changes nothing; it goes on by itself when the disk does. The parts are in the
other `sqlite_*` modules; the SQL is in `sql/sqlite`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from ringback.store.migrate import load_migrations
from ringback.store.port import Sealer, Space, Store
from ringback.store.queries import load
from ringback.store.sealed_rows import SealedRows
from ringback.store.sqlite.audit_trail import SqliteAuditTrail
from ringback.store.sqlite.backup import SqliteCopies
from ringback.store.sqlite.bins import SqliteBins
from ringback.store.sqlite.census import SqliteCensus, space_of
from ringback.store.sqlite.changes import SqliteFollow
from ringback.store.sqlite.clock import SqliteClock
from ringback.store.sqlite.config import SqliteKeys, SqliteTenants
from ringback.store.sqlite.connection import Readers
from ringback.store.sqlite.console import SqliteConsole
from ringback.store.sqlite.endpoints import SqliteEndpoints, SqliteHandshakes, SqliteSecrets
from ringback.store.sqlite.event_types import SqliteEventTypes
from ringback.store.sqlite.fetch import SqliteFetch
from ringback.store.sqlite.file import FileLock, open_locked
from ringback.store.sqlite.intake import SqliteIntake
from ringback.store.sqlite.jobs import SqliteJobs, SqliteJobSteps
from ringback.store.sqlite.lanes import SqliteLanes, SqliteNodes
from ringback.store.sqlite.log import SqliteLog
from ringback.store.sqlite.profiles import SqliteProfiles
from ringback.store.sqlite.pulse import SqlitePulses
from ringback.store.sqlite.records import SqliteRecords, SqliteRecordTypes
from ringback.store.sqlite.redaction import SqliteRedactions
from ringback.store.sqlite.retention import SqliteRetention
from ringback.store.sqlite.rules import SqliteNotices, SqliteRuleFailures, SqliteTriggers
from ringback.store.sqlite.sealing import SqliteSealing, read_sealing_keys
from ringback.store.sqlite.settle import SqliteResends, SqliteSettlements
from ringback.store.sqlite.tracked_sets import SqliteTrackedSets
from ringback.store.sqlite.upkeep import SqliteClearing, SqliteRepairs
from ringback.store.sqlite.writer import Writer


class SqliteStore(
    SqliteIntake,
    SqliteFetch,
    SqliteLanes,
    SqliteNodes,
    SqliteSettlements,
    SqliteClock,
    SqliteResends,
    SqliteFollow,
    SqliteRepairs,
    SqliteClearing,
    SqliteRetention,
    SqliteRedactions,
    SqliteJobs,
    SqliteJobSteps,
    SqliteTenants,
    SqliteEventTypes,
    SqliteProfiles,
    SqliteKeys,
    SqliteEndpoints,
    SqliteHandshakes,
    SqliteSecrets,
    SqliteSealing,
    SqliteRecords,
    SqliteRecordTypes,
    SqliteTrackedSets,
    SqliteTriggers,
    SqliteRuleFailures,
    SqliteNotices,
    SqliteLog,
    SqliteCensus,
    SqliteBins,
    SqliteConsole,
    SqliteAuditTrail,
    SqlitePulses,
    SqliteCopies,
    Store,
):
    """A whole store in one file."""

    by_tenant = False

    def __init__(self, writer: Writer, readers: Readers, sealed: SealedRows, lock: FileLock, path: Path) -> None:
        super().__init__(writer, readers, sealed)
        self._lock = lock
        self._path = path
        self._closed = False

    @classmethod
    def open(
        cls, path: Path, *, migrate: bool = False, sealer_for: Callable[[Sequence[str]], Sealer] | None = None
    ) -> Self:
        """The store in the file at `path`, which is made if it isn't there.

        An older file is upgraded only if `migrate`. `sealer_for` is given the ids of the master keys that the file
        needs and answers with what seals, or raises; without it nothing is sealed (in tests). Raises a StartError, and
        then nothing was changed: StoreLocked, StoreCorrupt, StoreNewer, StoreOlder, DataDirectoryUnusable, and what
        `sealer_for` raises.
        """
        connection, lock = open_locked(path, load_migrations("sqlite"), migrate=migrate)
        try:
            sealer = None if sealer_for is None else sealer_for(read_sealing_keys(connection))
        except BaseException:
            connection.close()
            lock.release()
            raise
        return cls(Writer(connection), Readers(path), SealedRows(sealer), lock, path)

    def check(self) -> None:
        with self._writer.transaction() as connection:
            connection.execute(load("sqlite")["prove_commit"])

    def cautions(self) -> Sequence[str]:
        return ()

    def space(self) -> Space:
        return space_of(self._path)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._readers.close()
        self._writer.close()
        self._lock.release()
