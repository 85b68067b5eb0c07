"""How much the PostgreSQL store holds: pages of counts, each a read of its own."""

from collections.abc import Sequence
from typing import Final

from ringback.store.port import Counted, CountPlace
from ringback.store.postgres.connection import PostgresPart
from ringback.store.queries import load

_SQL: Final = load("postgres")


class PostgresCensus(PostgresPart):
    """`Census`."""

    def count_deliveries(self, after: CountPlace | None, limit: int) -> Counted:
        tenant_id, seq = after or CountPlace("", 0)
        asked = {"tenant_id": tenant_id, "seq": seq, "limit": limit}
        with self._db.reading() as session:
            count, last_tenant, last_seq = session.first(_SQL["count_deliveries"], asked)
        return Counted(count, CountPlace(last_tenant, last_seq) if count == limit else None)

    def lane_healths(self, after: str, limit: int) -> Sequence[tuple[str, bytes]]:
        with self._db.reading() as session:
            return session.rows(_SQL["lane_healths"], {"after": after, "limit": limit})

    def latest_disabled(self, limit: int) -> Sequence[tuple[str, int]]:
        with self._db.reading() as session:
            return session.rows(_SQL["latest_disabled"], {"limit": limit})

    def oldest_bell(self, now: int) -> int | None:
        with self._db.reading() as session:
            found = session.first(_SQL["oldest_bell"], {"now": now})
        return None if found is None else found[0]
