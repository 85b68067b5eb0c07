"""Looks at a PostgreSQL database from outside, also while servers use it: what it is, and what is wrong with it.

Has one connection of its own that can only read and whose statements end after a few seconds; it waits for no lock of a
table and changes nothing. What other users' sessions do is shown as far as the role may see it: a role without the
rights of `pg_read_all_stats` sees its own alone, and the facts say so.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from ringback.store.migrate import load_migrations, missing_of
from ringback.store.postgres.address import Address
from ringback.store.postgres.database import (
    OLDEST_SERVER,
    PostgresLedger,
    move_is_unfinished,
    tables_out_of_reach,
)
from ringback.store.postgres.days import ATTEMPT, EVENT, day_of
from ringback.store.postgres.promises import Promises, read_promises
from ringback.store.postgres.sealing import read_sealing_keys
from ringback.store.postgres.session import Session
from ringback.store.postgres.start_errors import start_errors
from ringback.store.queries import load
from ringback.times import DAY_MS

OLD_S: Final = 60.0
LONG_WAIT_S: Final = 5.0
ROWS_MAX: Final = 5
_SHORT: Final = (
    b"SET default_transaction_read_only = on; SET statement_timeout = '3s'; SET lock_timeout = '1s'; SET jit = off"
)
_SQL: Final = load("postgres")


class ServerFacts(NamedTuple):
    """`sees_all`: whether the role may see what others' sessions do; `supported`: whether its version is."""

    version: str
    standby: bool
    now_ms: int
    bytes: int
    connections: int
    connections_max: int
    autovacuum: bool
    sees_all: bool
    supported: bool


class OpenTransaction(NamedTuple):
    """A session whose transaction is open for long; times in seconds. `query_start` is RFC 3339, in UTC."""

    pid: int
    user: str
    application: str
    state: str
    age_s: float
    query_age_s: float
    query_start: str


class PreparedTransaction(NamedTuple):
    """A transaction that was prepared and not ended."""

    name: str
    owner: str
    age_s: float


class LongWait(NamedTuple):
    """A session that waits for a lock, and the processes that it waits for."""

    pid: int
    application: str
    waits_s: float
    blocked_by: Sequence[int]


class TableRows(NamedTuple):
    """A table, all its days together. `cleared`: autovacuum is not switched off for it."""

    table: str
    live: int
    dead: int
    cleared: bool


class Standby(NamedTuple):
    """A standby that is connected; everything but the name is None where the role may not see it. `sync` is
    PostgreSQL's `sync_state`."""

    name: str
    state: str | None
    sync: str | None
    behind_bytes: int | None
    behind_s: float | None


class PostgresFacts(NamedTuple):
    """Everything `ringback doctor` tells of the database.

    `schema` 0: it is empty; `missing` are migrations. `days_ahead` is for how many days after today there are
    partitions; None where there is none yet. `unfinished_move`: another store is being moved into this one.
    `read_only`: sessions of this role can't write. `out_of_reach`: tables of ours that the role may not work with.
    """

    server: ServerFacts
    schema: int
    missing: Sequence[str]
    promises: Promises
    open_transactions: Sequence[OpenTransaction]
    prepared: Sequence[PreparedTransaction]
    long_waits: Sequence[LongWait]
    tables: Sequence[TableRows]
    standbys: Sequence[Standby]
    days_ahead: int | None
    sealed_with: Sequence[str]
    unfinished_move: bool = False
    read_only: bool = False
    out_of_reach: Sequence[str] = ()


def examine(url: str) -> PostgresFacts:
    """The facts of the database at `url`.

    Raises StoreUnreachable, StoreRefused, StoreRights, StorePooler, StoreCorrupt or StoreNewer.
    """
    address = Address(url)
    with opened_to_look(address) as session:
        ((read_only,),) = session.rows(_SQL["told_to_read_only"])
        applied = PostgresLedger(session, address.shown).applied()
        missing = missing_of(applied, load_migrations("postgres"), address.shown)
        server = ServerFacts(
            *[*session.first(_SQL["server_facts"]), _supported(session.connection.info.server_version)]
        )
        return PostgresFacts(
            server,
            max(applied, default=0),
            [f"{migration.number:04} {migration.name}" for migration in missing],
            read_promises(session),
            [OpenTransaction(*row) for row in _some(session, "oldest_transactions", OLD_S)],
            [PreparedTransaction(*row) for row in _some(session, "oldest_prepared", OLD_S)],
            [LongWait(*row) for row in _some(session, "long_waits", LONG_WAIT_S)],
            [TableRows(*row) for row in _some(session, "dead_rows")],
            [Standby(*row) for row in _some(session, "replication")],
            _days_ahead(session, server.now_ms),
            read_sealing_keys(session) if applied and not missing else [],
            move_is_unfinished(session),
            read_only,
            tables_out_of_reach(session),
        )


@contextmanager
def opened_to_look(address: Address) -> Iterator[Session]:
    """A session of its own for the block, which can only read, and answers or fails within seconds.

    Raises a StartError.
    """
    with start_errors(address), address.connect() as connection:
        session = Session(connection)
        session.simple(_SHORT)
        yield session


def _supported(version: int) -> bool:
    return version >= OLDEST_SERVER * 10_000


def _days_ahead(session: Session, now_ms: int) -> int | None:
    """Of events and attempts, whichever has fewer."""
    last = []
    for table in (EVENT, ATTEMPT):
        days = [day_of(name) for name, leaving in session.rows(_SQL["days_of"], {"name": table}) if not leaving]
        last.append(max((day for day in days if day is not None), default=None))
    known = [day for day in last if day is not None]
    return min(known) - now_ms // DAY_MS if len(known) == len(last) else None


def _some(session: Session, name: str, older_than_s: float = 0.0) -> list[Any]:
    """The first rows of one of the questions of `examination.sql`."""
    return session.rows(_SQL[name], {"older_than_s": older_than_s, "limit": ROWS_MAX})
