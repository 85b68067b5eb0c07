"""How much the PostgreSQL store holds: pages of counts, each a read of its own."""

from collections.abc import Sequence
from typing import Final

from ringback.store.port import Counted
from ringback.store.postgres.connection import PostgresPart
from ringback.store.queries import load

_SQL: Final = load("postgres")


class PostgresCensus(PostgresPart):
    """`Census`."""

    def count_deliveries(self, after: int, limit: int) -> Counted:
        with self._db.reading() as session:
            count, last = session.first(_SQL["count_deliveries"], {"after": after, "limit": limit})
        return Counted(count, last if count == limit else None)

    def lane_healths(self, after: str, limit: int) -> Sequence[tuple[str, bytes]]:
        with self._db.reading() as session:
            return session.rows(_SQL["lane_healths"], {"after": after, "limit": limit})
