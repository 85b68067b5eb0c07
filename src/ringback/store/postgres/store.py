"""The shared store: one PostgreSQL database, used by any number of processes on any number of machines.

Every commit is on the server's disk when a call returns, and on its synchronous standby's if it has one. Nothing is
shared but the database. When it is away calls raise StoreUnavailable and change nothing; it goes on by itself when the
database does. The parts are the other modules of this package; the SQL is in `sql/postgres`.
"""

from collections.abc import Callable, Sequence
from typing import Final, Self

from ringback.store.migrate import load_migrations
from ringback.store.port import Sealer, Space, Store
from ringback.store.postgres.address import Address
from ringback.store.postgres.audit_trail import PostgresAuditTrail
from ringback.store.postgres.bins import PostgresBins
from ringback.store.postgres.census import PostgresCensus
from ringback.store.postgres.changes import PostgresFollow
from ringback.store.postgres.clock import PostgresClock
from ringback.store.postgres.config import PostgresKeys, PostgresTenants
from ringback.store.postgres.connection import Database
from ringback.store.postgres.console import PostgresConsole
from ringback.store.postgres.database import prepare
from ringback.store.postgres.dropping import PostgresDropping
from ringback.store.postgres.endpoints import PostgresEndpoints, PostgresHandshakes
from ringback.store.postgres.event_types import PostgresEventTypes
from ringback.store.postgres.intake import PostgresIntake
from ringback.store.postgres.jobs import PostgresJobs, PostgresJobSteps
from ringback.store.postgres.lanes import PostgresLanes, PostgresNodes
from ringback.store.postgres.log import PostgresLog
from ringback.store.postgres.profiles import PostgresProfiles
from ringback.store.postgres.promises import cautions_of, read_promises
from ringback.store.postgres.pulse import PostgresPulses
from ringback.store.postgres.records import PostgresRecords, PostgresRecordTypes
from ringback.store.postgres.redaction import PostgresRedactions
from ringback.store.postgres.resends import PostgresResends
from ringback.store.postgres.retention import PostgresRetention
from ringback.store.postgres.rules import PostgresNotices, PostgresRuleFailures, PostgresTriggers
from ringback.store.postgres.sealing import read_sealing_keys
from ringback.store.postgres.secrets import PostgresSecrets
from ringback.store.postgres.settle import PostgresSettlements
from ringback.store.postgres.spread import is_spread
from ringback.store.postgres.tracked_sets import PostgresTrackedSets
from ringback.store.postgres.upkeep import PostgresClearing, PostgresRepairs
from ringback.store.postgres.wakeups import PostgresWakeups
from ringback.store.queries import load
from ringback.store.sealed_rows import SealedRows

# Who asks whether it works doesn't want to wait long for a row that other processes ask for too.
_SHORT_WAITS: Final = b"SET LOCAL lock_timeout = '3s'; SET LOCAL statement_timeout = '3s'"

_SQL: Final = load("postgres")


class PostgresStore(
    PostgresIntake,
    PostgresLanes,
    PostgresNodes,
    PostgresWakeups,
    PostgresSettlements,
    PostgresClock,
    PostgresResends,
    PostgresFollow,
    PostgresRepairs,
    PostgresClearing,
    PostgresRetention,
    PostgresDropping,
    PostgresRedactions,
    PostgresJobs,
    PostgresJobSteps,
    PostgresTenants,
    PostgresEventTypes,
    PostgresProfiles,
    PostgresKeys,
    PostgresEndpoints,
    PostgresHandshakes,
    PostgresSecrets,
    PostgresRecords,
    PostgresRecordTypes,
    PostgresTrackedSets,
    PostgresTriggers,
    PostgresRuleFailures,
    PostgresNotices,
    PostgresLog,
    PostgresCensus,
    PostgresBins,
    PostgresConsole,
    PostgresAuditTrail,
    PostgresPulses,
    Store,
):
    """A whole store in one database."""

    def __init__(self, database: Database, sealed: SealedRows) -> None:
        super().__init__(database, sealed)
        self._closed = False

    @classmethod
    def open(
        cls, url: str, *, migrate: bool = False, sealer_for: Callable[[Sequence[str]], Sealer] | None = None
    ) -> Self:
        """The store in the database at `url`, which is set up if it is empty.

        An older one is upgraded only if `migrate`. `sealer_for` is given the ids of the master keys that the database
        needs and answers with what seals, or raises; without it nothing is sealed (in tests). Raises the StartErrors of
        `database.prepare` and of `sealer_for`.
        """
        address = Address(url)
        prepare(address, load_migrations("postgres"), migrate=migrate)
        database = Database(address.connect)
        try:
            with database.reading() as session:
                database.by_tenant = is_spread(session)
                needed = [] if sealer_for is None else read_sealing_keys(session)
            if sealer_for is None:
                return cls(database, SealedRows(None))
            return cls(database, SealedRows(sealer_for(needed)))
        except BaseException:
            database.close()
            raise

    @property
    def by_tenant(self) -> bool:
        return self._db.by_tenant

    def check(self) -> None:
        with self._db.writing() as session:
            session.simple(_SHORT_WAITS)
            session.change(_SQL["prove_commit"])

    def cautions(self) -> Sequence[str]:
        with self._db.reading() as session:
            return cautions_of(read_promises(session))

    def space(self) -> Space:
        with self._db.reading() as session:
            (store_bytes,) = session.first(_SQL["size_of_database"])
        return Space(store_bytes=store_bytes, log_bytes=0, free_bytes=None, disk_bytes=None)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self.stop_listening()
        self._db.close()
