"""Opening a database: is it PostgreSQL, is it new enough, may we, and has it the schema of this program?

An empty one is set up by the first process that meets it, an older one upgraded only if told to; both while holding an
advisory lock, so that of several processes one does it and the others find it done. Everything that is wrong raises a
StartError that says what to do, and then nothing was changed but by the migrations that had committed before.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import psycopg

from ringback.model.errors import (
    RingbackError,
    StartError,
    StoreCorrupt,
    StoreMoveUnfinished,
    StorePooler,
    StoreRefused,
    StoreRights,
    StoreUnreachable,
    StoreVersion,
)
from ringback.store.migrate import Migration, bring_up, missing_of
from ringback.store.postgres.address import Address
from ringback.store.postgres.locks import MIGRATIONS
from ringback.store.postgres.session import Session
from ringback.store.queries import load

OLDEST_SERVER: Final = 14
_MOVE_TABLE: Final = "store_move"  # is there while another store is being moved into this one (see `moving`)
# The shapes of what may not be waited for: the server has understood us, and says no.
_REFUSED: Final = ("28", "3D")

_SQL: Final = load("postgres")


def prepare(address: Address, migrations: Sequence[Migration], *, migrate: bool, moving: bool = False) -> None:
    """See the module. Raises StoreUnreachable, StoreRefused, StoreRights, StoreVersion, StorePooler, StoreCorrupt,
    StoreNewer, StoreOlder; StoreMoveUnfinished to all but the one who is `moving` another store into it."""
    with start_errors(address), address.connect() as connection:
        _examine(connection, address)
        session = Session(connection)
        ledger = PostgresLedger(session, address.shown)
        applied = ledger.applied()
        if missing_of(applied, migrations, address.shown) and (migrate or not applied):
            with _alone(session):
                bring_up(ledger, migrations, migrate=migrate, store=address.shown)
        else:
            bring_up(ledger, migrations, migrate=migrate, store=address.shown)
        _may_write(session, address)
        if not moving and move_is_unfinished(session):
            raise StoreMoveUnfinished(
                f"{address.shown} has only a part of another store: `ringback migrate-store` is filling it, or was "
                "interrupted. Wait for it, or run the same command again: it goes on where it was."
            )


def move_is_unfinished(session: Session) -> bool:
    """Whether another store is being moved into this one, or was until that was interrupted."""
    return session.first(_SQL["table_exists"], {"name": _MOVE_TABLE}) is not None


class PostgresLedger:
    """Which migrations a database has had (`migrate.Ledger`)."""

    def __init__(self, session: Session, shown: str) -> None:
        self._session = session
        self._shown = shown

    def applied(self) -> list[int]:
        """Raises StoreCorrupt when there are tables of our names that are not Ringback's."""
        names = {name for (name,) in self._session.rows(_SQL["tables_of_ours"])}
        if "schema_version" in names:
            return [number for (number,) in self._session.rows(_SQL["applied_migrations"])]
        if names:
            raise StoreCorrupt(
                f"{self._shown} has another program's tables ({', '.join(sorted(names))}). Nothing was changed. Give "
                "Ringback a database of its own, or a schema of its own (search_path of its role)."
            )
        return []

    def apply(self, migration: Migration) -> None:
        session = self._session
        session.begin()
        try:
            session.change(_SQL["make_ledger"])
            session.simple(migration.script.encode())
            session.change(_SQL["note_migration"], {"number": migration.number, "name": migration.name})
            session.commit()
        except BaseException:
            if session.healthy and session.in_transaction:
                session.roll_back()
            raise


def _examine(connection: psycopg.Connection[object], address: Address) -> None:
    version = connection.info.server_version
    if version < OLDEST_SERVER * 10_000:
        raise StoreVersion(
            f"{address.shown} is PostgreSQL {version // 10_000}; Ringback works with {OLDEST_SERVER} and later."
        )
    session = Session(connection)
    encoding, schema, standby, planning, read_only = session.first(_SQL["place_of_session"])
    if planning != "force_generic_plan":
        raise _pooler(address)
    if encoding != "UTF8":
        raise StoreRefused(
            f"{address.shown} has the encoding {encoding}; Ringback needs UTF8. Make the database anew: "
            "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0."
        )
    if standby:
        raise StoreUnreachable(
            f"{address.shown} is a standby, which can't be written. Name all hosts and add "
            "target_session_attrs=read-write to the URL."
        )
    if read_only:
        raise StoreUnreachable(f"{address.shown} can only be read now: default_transaction_read_only is on.")
    if schema is None:
        raise StoreRights(f"{address.shown}: no schema of the role's search_path exists, or none may be used.")


def _may_write(session: Session, address: Address) -> None:
    """Whoever set the tables up may be another role than ours."""
    refused = [name for (name,) in session.rows(_SQL["tables_not_writable"])]
    if refused:
        raise StoreRights(
            f"{address.shown}: the role may not read and write {', '.join(refused[:3])}, or doesn't own what is kept "
            "in days. Let it own the tables, or be a member of the role that does (docs/deploy.md)."
        )


@contextmanager
def _alone(session: Session) -> Iterator[None]:
    """No other process migrates meanwhile."""
    session.simple(b"SET lock_timeout = '600s'; SET statement_timeout = 0")
    session.rows(_SQL["lock_migrations"], MIGRATIONS.params)
    try:
        yield
    finally:
        if session.healthy:
            session.rows(_SQL["unlock_migrations"], MIGRATIONS.params)


@contextmanager
def start_errors(address: Address) -> Iterator[None]:
    """Turn what goes wrong while the database is being opened into a StartError."""
    try:
        yield
    except psycopg.Error as error:
        raise _start_error(address, error) from error


def _start_error(address: Address, error: psycopg.Error) -> RingbackError:
    state = error.sqlstate or ""
    reason = " ".join(str(error).split())
    if "unsupported startup parameter" in reason:
        return _pooler(address)
    if state == "42501":
        return StoreRights(
            f"{address.shown}: {reason}. Ringback's role must be able to create tables in its schema: "
            "GRANT USAGE, CREATE ON SCHEMA public TO the role (docs/deploy.md)."
        )
    if state == "25006":
        return StoreUnreachable(f"{address.shown} can only be read now: {reason}.")
    if state[:2] in _REFUSED or (_says_no(reason) and not _may_pass(reason)):
        return StoreRefused(f"{address.shown} refuses the connection: {reason}. Check the URL of the store.")
    if state == "" or state[:2] in ("08", "53", "57", "58", "55"):
        return StoreUnreachable(f"{address.shown} can't be reached: {reason}.")
    return StartError(f"{address.shown} could not be opened: {reason}.")


def _says_no(reason: str) -> bool:
    """libpq gives no SQLSTATE for what fails while it connects; waiting doesn't help against these."""
    return any(
        text in reason
        for text in (
            "password authentication failed",
            "no password supplied",
            "no pg_hba.conf entry",
            'role "',
            'database "',
            "could not translate host name",
            "failed to resolve host",
            "SSL",
            "certificate",
            "invalid ",
        )
    )


def _may_pass(reason: str) -> bool:
    """Of several hosts each has its say: one that may come up yet is worth waiting for, whatever the others said."""
    return any(
        text in reason
        for text in (
            "Connection refused",
            "Temporary failure in name resolution",
            "timeout",
            "starting up",
            "shutting down",
            "SSL SYSCALL",
            "SSL connection has been closed",
        )
    )


def _pooler(address: Address) -> StorePooler:
    return StorePooler(
        f"{address.shown} is a pooler that gives transactions sessions of others (PgBouncer in transaction mode, for "
        "instance). Ringback prepares statements and holds locks: give it the address of the database itself. It needs "
        "about 10 connections a process."
    )
