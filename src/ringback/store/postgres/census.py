"""How much the PostgreSQL store holds: pages of counts, each a read of its own, for the metrics."""

from collections.abc import Sequence
from typing import Final

from ringback.store.port import Counted
from ringback.store.postgres.connection import PostgresPart
from ringback.store.queries import load

_SQL: Final = load("postgres")


class PostgresCensus(PostgresPart):
    """`Census`. A place among the deliveries is a tenant and a number, as in their key: "acme 4711"."""

    def count_deliveries(self, after: str, limit: int) -> Counted:
        tenant_id, _, seq = after.rpartition(" ")
        place = {"tenant_id": tenant_id, "seq": int(seq or 0), "limit": limit}
        with self._db.reading() as session:
            count, last_tenant_id, last_seq = session.first(_SQL["count_deliveries"], place)
        return Counted(count, f"{last_tenant_id} {last_seq}" if count == limit else None)

    def lane_healths(self, after: str, limit: int) -> Sequence[tuple[str, bytes]]:
        with self._db.reading() as session:
            return session.rows(_SQL["lane_healths"], {"after": after, "limit": limit})
