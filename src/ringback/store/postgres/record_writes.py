"""What a write transaction of ingest does with records in the PostgreSQL store, and asks about sets and rules.

Whoever changes a record has its row from the moment it reads it until its transaction ends. One that isn't there can't
be locked: of two transactions that make the same one, the second waits for the first and is Retryable then.
"""

from collections.abc import Sequence
from typing import Any, Final

from ringback.model.record import Record, RecordKey, RecordType
from ringback.model.trigger import Trigger
from ringback.store.port import Membership, RecordPut, Retryable
from ringback.store.postgres.errors import store_errors
from ringback.store.postgres.record_types import read_record_types
from ringback.store.postgres.session import Session
from ringback.store.postgres.tracked_sets import read_tracked
from ringback.store.postgres.triggers import read_triggers
from ringback.store.queries import load

_SQL: Final = load("postgres")
_COLUMNS: Final = (
    "tenant_ids", "types", "ids", "revisions", "versions", "source_ats", "created_ats", "updated_ats", "forget_ats",
    "marks", "data",
)  # fmt: skip


class PostgresRecordTransaction:
    """`RecordTransaction`, in the transaction of `_session`."""

    _session: Session

    def lock_records(self, keys: Sequence[RecordKey]) -> dict[RecordKey, Record]:
        if not keys:
            return {}
        tenant_ids, types, ids = (list(column) for column in zip(*keys, strict=True))
        with store_errors():
            found = self._session.rows(
                _SQL["lock_records"], {"tenant_ids": tenant_ids, "types": types, "ids": ids}
            )
        return {(row[0], row[1], row[2]): Record(*row) for row in found}

    def put_records(self, puts: Sequence[RecordPut]) -> None:
        seen = [put for put in puts if put.seen is not None]
        new = [put.record for put in puts if put.seen is None]
        with store_errors():
            if seen:
                asked = {**_columns([put.record for put in seen]), "seen": [put.seen for put in seen]}
                if self._session.change(_SQL["update_records"], asked) < len(seen):
                    raise Retryable("A record is not as it was when it was read.")
            if new and self._session.change(_SQL["insert_records"], _columns(new)) < len(new):
                raise Retryable("Another transaction has made one of the records.")

    def tracked(self, asked: Sequence[Membership]) -> set[Membership]:
        with store_errors():
            return read_tracked(self._session, asked)

    def triggers(self, trigger_ids: Sequence[str]) -> Sequence[Trigger]:
        with store_errors():
            return read_triggers(self._session, trigger_ids)

    def record_types(self, names: Sequence[str]) -> Sequence[RecordType]:
        with store_errors():
            return read_record_types(self._session, names)


def _columns(records: Sequence[Record]) -> dict[str, Any]:
    return {name: list(column) for name, column in zip(_COLUMNS, zip(*records, strict=True), strict=True)}
