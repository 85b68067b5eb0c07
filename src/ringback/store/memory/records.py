"""The memory store's records, how their changes are told, and what a write transaction does with them.

A record that another open transaction has locked, or is about to make, raises Retryable, where PostgreSQL would wait.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from ringback.model.record import Record, RecordKey, RecordType
from ringback.model.trigger import Trigger
from ringback.store.memory.tables import MemoryPart, MemoryTables, refuse_bad_rows
from ringback.store.port import Membership, RecordPut, Retryable

_KIND: Final = "record_type"


class StagedRecords:
    """`RecordTransaction`: the part of a staged write transaction that is about records."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables
        self._records: dict[RecordKey, Record] = {}

    def lock_records(self, keys: Sequence[RecordKey]) -> Mapping[RecordKey, Record]:
        with self._tables as tables:
            seen = {**tables.records, **self._records}
            found = {key: seen[key] for key in sorted(keys) if key in seen}
            self._take_records(tables, found)
            return found

    def put_records(self, puts: Sequence[RecordPut]) -> None:
        refuse_bad_rows(put.record for put in puts)
        with self._tables as tables:
            for put in puts:
                stored = self._records.get(put.record.key) or tables.records.get(put.record.key)
                if (None if stored is None else stored.revision) != put.seen:
                    raise Retryable("Another transaction has changed one of the records.")
            records = {put.record.key: put.record for put in puts}
            self._take_records(tables, records)
            self._records.update(records)

    def tracked(self, asked: Sequence[Membership]) -> set[Membership]:
        with self._tables as tables:
            return tables.members_among(asked)

    def triggers(self, trigger_ids: Sequence[str]) -> Sequence[Trigger]:
        with self._tables as tables:
            return [tables.triggers[i] for i in trigger_ids if i in tables.triggers]

    def record_types(self, names: Sequence[str]) -> Sequence[RecordType]:
        with self._tables as tables:
            return [tables.record_types[name] for name in names if name in tables.record_types]

    def _take_records(self, tables: MemoryTables, records: Mapping[RecordKey, Record]) -> None:
        if any(tables.open_records.get(key, self) is not self for key in records):
            raise Retryable("Another transaction is about to change one of the records.")
        tables.open_records.update(dict.fromkeys(records, self))

    def _commit_records(self) -> None:
        self._tables.records.update(self._records)

    def _forget_records(self) -> None:
        for key in [key for key, holder in self._tables.open_records.items() if holder is self]:
            del self._tables.open_records[key]
        self._records = {}


class MemoryRecords(MemoryPart):
    """`Records`, and what of `RecordUpkeep` is about them."""

    def get_record(self, tenant_id: str, record_type: str, record_id: str) -> Record | None:
        with self._tables as tables:
            return tables.records.get((tenant_id, record_type, record_id))

    def list_records(self, tenant_id: str, record_type: str, after: str | None, limit: int) -> Sequence[Record]:
        with self._tables as tables:
            own = [one for one in tables.records.values() if (one.tenant_id, one.type) == (tenant_id, record_type)]
            later = [one for one in own if not one.deleted and (after is None or one.id > after)]
            return sorted(later, key=lambda one: one.id)[:limit]

    def forget_records_step(self, now: int, limit: int) -> int:
        with self._tables as tables:
            ended = [key for key, one in tables.records.items() if one.forget_at is not None and one.forget_at <= now]
            free = [key for key in ended if key not in tables.open_records][:limit]
            for key in free:
                del tables.records[key]
            return len(free)


class MemoryRecordTypes(MemoryPart):
    """`RecordTypes`."""

    def put_record_type(self, record_type: RecordType, types_max: int) -> RecordType | None:
        with self._tables as tables:
            known = tables.record_types.get(record_type.name)
            if known is None and len(tables.record_types) >= types_max:
                return None
            if known is None:
                stored = replace(record_type, revision=1)
            else:
                stored = replace(record_type, created_at=known.created_at, revision=known.revision + 1)
            tables.record_types[record_type.name] = stored
            tables.log_change(_KIND, "", record_type.name)
            return stored

    def get_record_type(self, name: str) -> RecordType | None:
        with self._tables as tables:
            return tables.record_types.get(name)

    def list_record_types(self, after: str | None, limit: int) -> Sequence[RecordType]:
        with self._tables as tables:
            names = sorted(name for name in tables.record_types if after is None or name > after)
            return [tables.record_types[name] for name in names[:limit]]

    def delete_record_type(self, name: str) -> bool:
        with self._tables as tables:
            if tables.record_types.pop(name, None) is None:
                return False
            tables.log_change(_KIND, "", name)
            return True
