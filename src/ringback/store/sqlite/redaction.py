"""The SQLite store's redactions: payloads go for good, out of the file and out of its WAL.

What is removed from a page is overwritten with zeros (`secure_delete`, see `sqlite.file`: at all times, since rows that
move from page to page would leave copies behind otherwise). The WAL has the pages as they were written before: it is
copied into the file and cut off afterwards (`clear_traces`), once for all redactions of a while, and once after a
start, since the process before may have died in between.
"""

from collections.abc import Sequence
from typing import Final

import apsw

from ringback.model.attempt import Outcome, ended_without_request
from ringback.model.event import Delivery
from ringback.store.port import SubjectEvent
from ringback.store.queries import load
from ringback.store.sealed_rows import SealedRows
from ringback.store.sqlite.changes import log_change
from ringback.store.sqlite.checkpoint import empty_wal
from ringback.store.sqlite.connection import ManyRows, Readers, SqlitePart, change, rows
from ringback.store.sqlite.json_lists import json_list
from ringback.store.sqlite.writer import Writer

_SQL: Final = load("sqlite")
_INSERT_ATTEMPTS: Final = ManyRows(_SQL["insert_attempts"])


class SqliteRedactions(SqlitePart):
    """`Redactions`, and what of `Retention` clears up after them."""

    def __init__(self, writer: Writer, readers: Readers, sealed: SealedRows) -> None:
        super().__init__(writer, readers, sealed)
        self._traces = True

    def events_of_subject(
        self, tenant_id: str, subject_type: str, subject_id: str, after: int, limit: int
    ) -> Sequence[SubjectEvent]:
        asked = {
            "tenant_id": tenant_id,
            "subject_type": subject_type,
            "subject_id": subject_id,
            "after": after,
            "limit": limit,
        }
        found = self._read(_SQL["events_of_subject"], asked)
        return [SubjectEvent(seq, event_id, bool(redacted)) for seq, event_id, redacted in found]

    def redact_step(self, tenant_id: str, event_ids: Sequence[str], now: int, limit: int) -> int:
        asked: dict[str, str | int] = {"tenant_id": tenant_id, "event_ids": json_list(event_ids), "limit": limit}
        with self._writer.transaction() as connection:
            changed = _cancel(connection, asked, now)
            for query in ("redact_events", "redact_attempts"):
                changed += change(connection, _SQL[query], {**asked, "limit": limit - changed})
        self._traces = self._traces or changed > 0
        return changed

    def clear_traces(self) -> bool:
        if not self._traces:
            return True
        self._traces = False  # before: a redaction meanwhile sets it anew
        if empty_wal(self._readers.path):
            return True
        self._traces = True
        return False


def _cancel(connection: apsw.Connection, asked: dict[str, str | int], now: int) -> int:
    """End pending deliveries of the events, each with a record in the log, and tell the engines of their events."""
    deliveries = [Delivery(*row) for row in rows(connection, _SQL["deliveries_of_events"], asked)]
    if not deliveries:
        return 0
    types = dict(rows(connection, _SQL["types_of_events"], asked))
    records = [ended_without_request(row, types.get(row.event_id), Outcome.CANCELLED, now) for row in deliveries]
    _INSERT_ATTEMPTS.run(connection, records)
    connection.execute(_SQL["delete_deliveries"], {"seqs": json_list([row.seq for row in deliveries])})
    for event_id in sorted({row.event_id for row in deliveries}):
        log_change(connection, "event", str(asked["tenant_id"]), event_id)
    return len(deliveries)
