"""What the PostgreSQL store says of itself: whether it commits, what it doesn't promise just now, what room it takes.

How full the server's disk is can't be asked of the server: when it is full, commits fail, and `check` with them.
"""

from collections.abc import Sequence
from typing import Final

from ringback.store.port import Space
from ringback.store.postgres.again import tried_again
from ringback.store.postgres.connection import PostgresPart
from ringback.store.postgres.promises import cautions_of, read_promises
from ringback.store.queries import load

# Whoever asks whether it works doesn't want to wait long for a row that others ask for too.
_SHORT_WAITS: Final = b"SET LOCAL lock_timeout = '3s'; SET LOCAL statement_timeout = '3s'"

_SQL: Final = load("postgres")


class PostgresHealth(PostgresPart):
    """`Health`."""

    @tried_again
    def check(self) -> None:
        with self._db.writing() as session:
            session.simple(_SHORT_WAITS)
            session.change(_SQL["prove_commit"])

    def cautions(self) -> Sequence[str]:
        with self._db.reading() as session:
            return cautions_of(read_promises(session))

    def space(self) -> Space:
        with self._db.reading() as session:
            (store_bytes,) = session.first(_SQL["database_bytes"])
        return Space(store_bytes, 0, None, None)

    def close(self) -> None:
        self._db.close()
