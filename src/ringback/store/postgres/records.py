"""The PostgreSQL store's records as people read them, and how those that are past their time go.

A page is found by walking a type's key, past what is deleted, so many rows a read; the records are loaded as far as they
fit into a page's bytes. What ingest does with them is in `record_writes`.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Final

from ringback.model.limits import BATCH_BYTES_MAX
from ringback.model.record import Record
from ringback.store.log_reading import STEP_ROWS
from ringback.store.postgres.connection import PostgresPart
from ringback.store.postgres.session import Session
from ringback.store.queries import load

_SQL: Final = load("postgres")


class PostgresRecords(PostgresPart):
    """`Records`, and what `RecordUpkeep` has of them."""

    def get_record(self, tenant_id: str, record_type: str, record_id: str) -> Record | None:
        asked = {"tenant_id": tenant_id, "type": record_type, "id": record_id}
        with self._db.reading() as session:
            found = session.first(_SQL["record_by_key"], asked)
        return None if found is None else Record(*found)

    def list_records(self, tenant_id: str, record_type: str, after: str | None, limit: int) -> Sequence[Record]:
        asked = {"tenant_id": tenant_id, "type": record_type, "after": after or "", "step": limit}
        while True:
            with self._db.snapshot() as session:
                looked_at = session.rows(_SQL["walk_records"], asked)
                page = _load(session, asked, looked_at, limit)
            if page or len(looked_at) < asked["step"]:
                return page
            asked |= {"after": looked_at[-1][0], "step": STEP_ROWS}

    def forget_records_step(self, now: int, limit: int) -> int:
        with self._db.writing() as session:
            return session.change(_SQL["forget_records"], {"now": now, "limit": limit})


def _load(session: Session, asked: dict[str, Any], looked_at: Sequence[tuple[str, int | None]], limit: int) -> list[Record]:
    """Those of a walk's rows that are not deleted: the first one, and as many as fit with it."""
    live = [(record_id, size) for record_id, size in looked_at if size is not None][:limit]
    total = accumulate(size for _, size in live)
    ids = [record_id for (record_id, size), upto in zip(live, total, strict=True) if upto - size < BATCH_BYTES_MAX]
    if not ids:
        return []
    return [Record(*row) for row in session.rows(_SQL["load_records"], {**asked, "ids": ids})]
