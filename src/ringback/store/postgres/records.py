"""The PostgreSQL store's records, how their changes are told, and what ingest's write transaction does with them.

Whoever changes a record has its row from the moment it reads it until its transaction ends. One that isn't there can't
be locked: of two transactions that make the same one, the second waits for the first and is Retryable then.

A page is found by walking a type's key, past what is deleted, so many rows a read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import accumulate
from typing import Any, Final

from ringback.model.record import Record, RecordKey, RecordType
from ringback.model.trigger import Trigger
from ringback.store.port import Membership, RecordPut, Retryable
from ringback.store.postgres.again import tried_again
from ringback.store.postgres.catalogue import has_place
from ringback.store.postgres.changes import log_change
from ringback.store.postgres.connection import PostgresPart
from ringback.store.postgres.errors import store_errors
from ringback.store.postgres.rules import read_triggers
from ringback.store.postgres.session import Session
from ringback.store.postgres.tracked_sets import read_tracked
from ringback.store.queries import load
from ringback.store.record_rows import Pick, Sizes, listed, record_type_of

_SQL: Final = load("postgres")
_KIND: Final = "record_type"
_COLUMNS: Final = (
    "tenant_ids", "types", "ids", "revisions", "versions", "source_ats", "created_ats", "updated_ats", "forget_ats",
    "marks",
)  # fmt: skip


class PostgresRecordTransaction:
    """`RecordTransaction`: the part of ingest's write transaction that is about records. Its session is there once it
    was entered."""

    _session: Session

    def lock_records(self, keys: Sequence[RecordKey]) -> Mapping[RecordKey, Record]:
        if not keys:
            return {}
        tenant_ids, types, ids = (list(column) for column in zip(*keys, strict=True))
        with store_errors():
            found = self._session.rows(_SQL["lock_records"], {"tenant_ids": tenant_ids, "types": types, "ids": ids})
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
            return _read_types(self._session, names)


class PostgresRecords(PostgresPart):
    """`Records`, and what of `RecordUpkeep` is about them."""

    def get_record(self, tenant_id: str, record_type: str, record_id: str) -> Record | None:
        asked = {"tenant_id": tenant_id, "type": record_type, "id": record_id}
        with self._db.reading() as session:
            found = session.first(_SQL["record_by_id"], asked)
        return None if found is None else Record(*found)

    def list_records(self, tenant_id: str, record_type: str, after: str | None, limit: int) -> Sequence[Record]:
        def read(place: str, step: int, pick: Pick) -> tuple[Sizes, list[Record]]:
            asked: dict[str, Any] = {"tenant_id": tenant_id, "type": record_type, "after": place, "step": step}
            with self._db.snapshot() as session:
                seen = session.rows(_SQL["sizes_of_records"], asked)
                loaded = session.rows(_SQL["load_records"], {**asked, "ids": pick(seen)})
            return seen, [Record(*row) for row in loaded]

        return listed(read, after, limit)

    def forget_records_step(self, now: int, limit: int) -> int:
        with self._db.writing() as session:
            return session.change(_SQL["forget_records"], {"now": now, "limit": limit})


class PostgresRecordTypes(PostgresPart):
    """`RecordTypes`."""

    @tried_again
    def put_record_type(self, record_type: RecordType, types_max: int) -> RecordType | None:
        fields = None if record_type.fields is None else list(record_type.fields)
        columns = {**asdict(record_type), "fields": fields, "ignored": list(record_type.ignored)}
        with self._db.writing() as session:
            if not has_place(session, _SQL["count_record_types"], record_type.name, types_max):
                return None
            stored = session.first(_SQL["put_record_type"], columns)
            log_change(session, _KIND, None, record_type.name)
            return record_type_of(stored)

    def get_record_type(self, name: str) -> RecordType | None:
        with self._db.reading() as session:
            found = _read_types(session, [name])
        return found[0] if found else None

    def list_record_types(self, after: str | None, limit: int) -> Sequence[RecordType]:
        with self._db.reading() as session:
            found = session.rows(_SQL["list_record_types"], {"after": after or "", "limit": limit})
        return [record_type_of(row) for row in found]

    @tried_again
    def delete_record_type(self, name: str) -> bool:
        with self._db.writing() as session:
            if not session.change(_SQL["delete_record_type"], {"name": name}):
                return False
            log_change(session, _KIND, None, name)
            return True


def _read_types(session: Session, names: Sequence[str]) -> list[RecordType]:
    """Those of the entries that exist, as asked."""
    return [record_type_of(row) for row in session.rows(_SQL["record_types_by_name"], {"names": list(names)})]


def _columns(records: Sequence[Record]) -> dict[str, Any]:
    *columns, data = zip(*records, strict=True)
    sizes = [len(one) for one in data]
    return {
        **{name: list(column) for name, column in zip(_COLUMNS, columns, strict=True)},
        "data": b"".join(data),
        "starts": [end - size + 1 for end, size in zip(accumulate(sizes), sizes, strict=True)],
        "sizes": sizes,
    }
