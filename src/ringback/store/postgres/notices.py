"""The PostgreSQL store's notices: a short queue, written with what they tell of, emptied by ingest."""

from collections.abc import Sequence
from typing import Final

from ringback.model.notice import Notice
from ringback.store.postgres.again import tried_again
from ringback.store.postgres.connection import PostgresPart
from ringback.store.queries import load

_SQL: Final = load("postgres")


class PostgresNotices(PostgresPart):
    """`Notices`."""

    def oldest_notices(self, limit: int) -> Sequence[Notice]:
        with self._db.reading(hot=True) as session:
            return [Notice(*row) for row in session.rows(_SQL["oldest_notices"], {"limit": limit})]

    @tried_again
    def drop_notices(self, notices: Sequence[tuple[str, str]]) -> None:
        if not notices:
            return
        asked = {
            "tenant_ids": [tenant_id for tenant_id, _ in notices],
            "ids": [notice_id for _, notice_id in notices],
        }
        with self._db.writing(hot=True) as session:
            session.change(_SQL["delete_notices"], asked)
