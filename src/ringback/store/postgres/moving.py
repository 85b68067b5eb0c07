"""A PostgreSQL database that another store is moved into.

From its first step to its last it has a table `store_move`, in which each step notes where the move goes on, in the
transaction of its rows. As long as it is there no server starts (`database.prepare`). Whoever has lost the connection,
or the answer to a COMMIT, finds out there what became of it. Rows go in by COPY, and come out by COPY in the order in
which they lie there. Fails with the StartErrors of `database`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec

from ringback.model.errors import StoreExists, StoreLocked, StoreMoveUnfinished
from ringback.store.migrate import load_migrations
from ringback.store.moving import Part, Place, Row
from ringback.store.postgres.address import Address, identifier
from ringback.store.postgres.database import Moving, move_is_unfinished, prepare
from ringback.store.postgres.days import Days
from ringback.store.postgres.floor import BLOCK
from ringback.store.postgres.locks import MIGRATIONS
from ringback.store.postgres.session import Session
from ringback.store.postgres.start_errors import start_errors
from ringback.store.queries import load

# A statement may take as long as it takes: nobody else is here, and nobody waits. Whole tables are read as they lie.
_ALONE: Final = b"SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET enable_seqscan = on"
_OUR_NAME: Final = "ringback migrate-store"
"""What our own sessions are called, so that those of servers are told from them."""
_SQL: Final = load("postgres")


class PostgresTarget:
    """`moving.Target`. `place` is where the move goes on; `begun` says whether an earlier one began it."""

    def __init__(self, session: Session, address: Address, moving: Moving, *, empty: bool) -> None:
        """`empty`: the tables were made for this move just now. Raises StoreExists, StoreLocked,
        StoreMoveUnfinished."""
        self._session = session
        self._shown = address.shown
        self._days = Days()
        self._types = _Types(session)
        session.simple(_ALONE)
        session.rows(_SQL["lock_migrations"], MIGRATIONS.params)
        try:
            noted = move_is_unfinished(session)
            self.begun = noted and not empty
            if not noted:
                self._begin(moving)
            self.place = self._noted_place(moving.source)
            self._refuse_company()
        finally:
            if session.healthy:
                session.rows(_SQL["unlock_migrations"], MIGRATIONS.params)

    def types(self, part: Part, columns: Sequence[str]) -> Sequence[str]:
        known = self._types[part.table]
        return [known[column] for column in columns]

    def write(self, part: Part, columns: Sequence[str], rows: Sequence[Row], place: Place, before: int) -> None:
        session = self._session
        if part.day_of is not None:
            when = columns.index(part.day_of)
            self._days.make(session, part.table, self._days.missing(part.table, (row[when] for row in rows)))
        session.begin()
        # First: it makes anybody else wait, who then finds that somebody was faster.
        noted = {
            "part": place.part,
            "after": msgspec.json.encode(place.after).decode(),
            "moved": place.moved,
            "before": before,
        }
        if session.change(_SQL["note_move"], noted) != 1:
            raise StoreLocked(f"Another `ringback migrate-store` is filling {self._shown}: leave one of them.")
        session.copy(
            f"COPY {identifier(part.table)} ({_listed(columns)}) FROM STDIN (FORMAT BINARY)",
            self.types(part, columns),
            rows,
        )
        session.commit()

    def rows(self, part: Part, columns: Sequence[str]) -> Iterator[Row]:
        select = f"SELECT {_listed(columns)} FROM {identifier(part.table)} WHERE {part.only}"  # noqa: S608 - all of it is ours
        query = f"COPY ({select}) TO STDOUT (FORMAT BINARY)"
        with self._session.connection.cursor(binary=True).copy(query) as copying:
            copying.set_types(self.types(part, columns))
            yield from copying.rows()

    def end(self, highest_seq: int) -> None:
        """All is there: numbers go on beyond the highest one, and servers may start."""
        session = self._session
        session.begin()
        session.rows(_SQL["set_blocks"], {"block": highest_seq // BLOCK + 1})
        session.change(_SQL["end_move"])
        session.commit()

    def _begin(self, moving: Moving) -> None:
        session = self._session
        if found := [name for (name,) in session.rows(_SQL["tables_with_rows"])]:
            raise StoreExists(
                f"{self._shown} is not empty: there is something in {', '.join(found)}. Nothing was changed. Give an "
                "empty database."
            )
        session.begin()
        session.change(_SQL["make_move"])
        session.change(_SQL["begin_move"], moving._asdict())
        session.commit()

    def _noted_place(self, mark: str) -> Place:
        source, shown, part, after, moved = self._session.first(_SQL["move_that_is_noted"])
        if source != mark:
            raise StoreMoveUnfinished(
                f"{self._shown} has an unfinished move from {shown} in it: from another store, or from this one before "
                "a server was started on it again. Nothing was changed. Give an empty database."
            )
        return Place(part, tuple(msgspec.json.decode(after)) if after else None, moved)

    def _refuse_company(self) -> None:
        """A server that was there before the move began doesn't know of it. Now none can come any more."""
        session = self._session
        ((others,),) = session.rows(_SQL["others_of_ours"])
        if others:
            if not self.begun:
                session.change(_SQL["end_move"])
            raise StoreLocked(
                f"{self._shown} is in use: {others} other sessions of Ringback are connected to it. Stop the servers "
                "on it, and run the same command again."
            )


class _Types(dict[str, dict[str, str]]):
    """Table → column → type, read when they are asked for."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session

    def __missing__(self, table: str) -> dict[str, str]:
        found: dict[str, str] = dict(self._session.rows(_SQL["columns_of"], {"table": table}))
        self[table] = found
        return found


@contextmanager
def opened_target(url: str, mark: str, shown: str) -> Iterator[PostgresTarget]:
    """The database at `url` for the block, set up if it is empty. `mark` tells the source from any other, `shown` names
    it. Raises as `database.prepare` and PostgresTarget."""
    address, moving = Address(url, _OUR_NAME), Moving(mark, shown)
    empty = prepare(address, load_migrations("postgres"), migrate=False, moving=moving)
    with start_errors(address), address.connect() as connection:
        yield PostgresTarget(Session(connection), address, moving, empty=empty)


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(identifier(column) for column in columns)
