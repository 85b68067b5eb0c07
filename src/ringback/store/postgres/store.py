"""The shared store: one PostgreSQL database, used by any number of processes on any number of machines.

Every commit is on the server's disk when a call returns, and on its synchronous standby's if it has one. Nothing is
shared but the database. When it is away calls raise StoreUnavailable and change nothing; it goes on by itself when the
database does. The parts are the other modules of this package; the SQL is in `sql/postgres`.
"""

from collections.abc import Callable, Sequence
from typing import Self

from ringback.store.migrate import load_migrations
from ringback.store.port import Sealer
from ringback.store.postgres.address import Address
from ringback.store.postgres.connection import Database, PostgresPart
from ringback.store.postgres.database import prepare
from ringback.store.postgres.spread import is_spread
from ringback.store.sealed_rows import SealedRows


class PostgresStore(PostgresPart):
    """A whole store in one database."""

    shared = True

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
        with database.reading() as session:
            database.by_tenant = is_spread(session)
        return cls(database, SealedRows(None))

    @property
    def by_tenant(self) -> bool:
        return self._db.by_tenant
