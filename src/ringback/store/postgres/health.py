"""Whether the database commits, what it doesn't promise just now, and how large it is.

Asks each time and remembers nothing. A question may take as long as the network and a synchronous standby do: whoever
can't wait that long asks from another thread.
"""

from collections.abc import Sequence
from typing import Final

from ringback.store.port import CommitInDoubt, Retryable, Space, StoreUnavailable
from ringback.store.postgres.connection import PostgresPart
from ringback.store.postgres.promises import cautions_of, read_promises
from ringback.store.queries import load

_SQL: Final = load("postgres")


class PostgresHealth(PostgresPart):
    """`Health`."""

    def check(self) -> None:
        try:
            with self._db.writing() as session:
                session.change(_SQL["prove_commit"])
        except (CommitInDoubt, Retryable) as error:
            raise StoreUnavailable(error.detail) from error

    def cautions(self) -> Sequence[str]:
        with self._db.reading() as session:
            return cautions_of(read_promises(session))

    def space(self) -> Space:
        """What the database takes; its disk is another machine's business."""
        with self._db.reading() as session:
            ((size,),) = session.rows(_SQL["database_bytes"])
        return Space(size, 0, None, None)

    def close(self) -> None:
        self._db.close()
