"""Opening a database: is it PostgreSQL, is it new enough, may we, and has it the schema of this program?

An empty one is set up by the first process that meets it, all at once; an older one is upgraded only if told to. Both
while holding an advisory lock, so that of several processes one does it and the others find it done. Everything that is
wrong raises a StartError that says what to do, and then nothing was changed but by an upgrade's migrations before.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

import psycopg

from ringback.model.errors import (
    StoreCorrupt,
    StoreMoveUnfinished,
    StoreRefused,
    StoreRights,
    StoreUnreachable,
    StoreVersion,
)
from ringback.store.migrate import Migration, bring_up, missing_of
from ringback.store.postgres.address import Address
from ringback.store.postgres.locks import MIGRATIONS
from ringback.store.postgres.promises import NOTHING_COMMITS, read_promises
from ringback.store.postgres.session import Session
from ringback.store.postgres.start_errors import OWN_THEM, pooler, start_errors
from ringback.store.queries import load

OLDEST_SERVER: Final = 14
_MOVE_TABLE: Final = "store_move"  # is there while another store is being moved into this one (see `moving`)
_SQL: Final = load("postgres")


class Moving(NamedTuple):
    """Another store that is to be moved into an empty database: `source` tells it from any other, `shown` names it."""

    source: str
    shown: str


def prepare(address: Address, migrations: Sequence[Migration], *, migrate: bool, moving: Moving | None = None) -> bool:
    """See the module; whether it was empty. Raises StoreUnreachable, StoreRefused, StoreRights, StoreVersion,
    StorePooler, StoreCorrupt, StoreNewer, StoreOlder; StoreMoveUnfinished to all but the one who is `moving` another
    store into it, for whom the mark of that is there as soon as the tables are."""
    with start_errors(address), address.connect() as connection:
        _examine(connection, address)
        session = Session(connection)
        _may_commit(session, address)
        ledger = PostgresLedger(session, address.shown, moving)
        applied = ledger.applied()
        if missing_of(applied, migrations, address.shown) and (migrate or not applied):
            with _alone(session):
                done = bring_up(ledger, migrations, migrate=migrate, store=address.shown)
        else:
            done = bring_up(ledger, migrations, migrate=migrate, store=address.shown)
        if tables := tables_out_of_reach(session):
            raise StoreRights(f"{address.shown}: {no_rights(tables)}. {OWN_THEM}")
        if moving is None and move_is_unfinished(session):
            raise StoreMoveUnfinished(
                f"{address.shown} has only a part of another store: `ringback migrate-store` is filling it, or was "
                "interrupted. Wait for it, or run the same command again: it goes on where it was."
            )
        return bool(done) and done[0].number == 1


def move_is_unfinished(session: Session) -> bool:
    """Whether another store is being moved into this one, or was until that was interrupted."""
    return session.first(_SQL["table_exists"], {"name": _MOVE_TABLE}) is not None


class PostgresLedger:
    """Which migrations a database has had (`migrate.Ledger`)."""

    def __init__(self, session: Session, shown: str, moving: Moving | None = None) -> None:
        self._session = session
        self._shown = shown
        self._moving = moving

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

    def apply(self, migrations: Sequence[Migration]) -> None:
        session = self._session
        session.begin()
        try:
            session.change(_SQL["make_ledger"])
            for migration in migrations:
                session.simple(migration.script.encode())
                session.change(_SQL["note_migration"], {"number": migration.number, "name": migration.name})
            if self._moving is not None and migrations[0].number == 1:
                session.change(_SQL["make_move"])
                session.change(_SQL["begin_move"], self._moving._asdict())
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
        raise pooler(address)
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


def _may_commit(session: Session, address: Address) -> None:
    """Else whatever comes first hangs, and nobody knows why."""
    if not read_promises(session).can_commit:
        raise StoreUnreachable(f"{address.shown}: {NOTHING_COMMITS}")


def tables_out_of_reach(session: Session) -> list[str]:
    """Which tables the role may not work with: whoever set them up may be another."""
    return [name for (name,) in session.rows(_SQL["tables_not_writable"])]


def no_rights(tables: Sequence[str]) -> str:
    """The same in words."""
    return f"the role may not read and write {', '.join(tables[:3])}, or doesn't own what is kept in days"


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
