"""The SQLite store's records, how their changes are told, and what ingest's write transaction does with them.

One connection writes, so whoever reads a record in a write transaction has it locked. Nothing here waits or retries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Final

import apsw

from ringback.model.record import Record, RecordKey, RecordType
from ringback.model.trigger import Trigger
from ringback.store.port import Membership, RecordPut, Retryable
from ringback.store.queries import load
from ringback.store.record_rows import Pick, Sizes, listed, record_type_of
from ringback.store.sqlite.changes import log_change
from ringback.store.sqlite.connection import ManyRows, SqlitePart, change, rows
from ringback.store.sqlite.errors import store_errors
from ringback.store.sqlite.json_lists import decode_texts, json_list
from ringback.store.sqlite.rules import read_triggers
from ringback.store.sqlite.tracked_sets import read_tracked

_KIND: Final = "record_type"

_SQL: Final = load("sqlite")
_LOCK_RECORDS: Final = ManyRows(_SQL["lock_records"])


def _bytes_of(record: Record) -> int:
    return len(record.data)


_INSERT_RECORDS: Final = ManyRows(_SQL["insert_records"], _bytes_of)
_PUT_RECORDS: Final = ManyRows(_SQL["put_records"], _bytes_of)


class SqliteRecordTransaction:
    """`RecordTransaction`: the part of ingest's write transaction that is about records. Its connection is there once
    it was entered."""

    _connection: apsw.Connection

    def lock_records(self, keys: Sequence[RecordKey]) -> Mapping[RecordKey, Record]:
        with store_errors():
            return {record.key: record for record in map(Record._make, _LOCK_RECORDS.run(self._connection, keys))}

    def put_records(self, puts: Sequence[RecordPut]) -> None:
        new = [put.record for put in puts if put.seen is None]
        with store_errors():
            inserted = _INSERT_RECORDS.run(self._connection, new)
            _PUT_RECORDS.run(self._connection, [put.record for put in puts if put.seen is not None])
        if len(inserted) < len(new):
            raise Retryable("A record that was not there has been made meanwhile.")

    def tracked(self, asked: Sequence[Membership]) -> set[Membership]:
        with store_errors():
            return read_tracked(self._connection, asked)

    def triggers(self, trigger_ids: Sequence[str]) -> Sequence[Trigger]:
        with store_errors():
            return read_triggers(self._connection, trigger_ids)

    def record_types(self, names: Sequence[str]) -> Sequence[RecordType]:
        with store_errors():
            return _read_types(self._connection, names)


class SqliteRecords(SqlitePart):
    """`Records`, and what of `RecordUpkeep` is about them."""

    def get_record(self, tenant_id: str, record_type: str, record_id: str) -> Record | None:
        found = self._read(_SQL["record_by_id"], {"tenant_id": tenant_id, "type": record_type, "id": record_id})
        return Record(*found[0]) if found else None

    def list_records(self, tenant_id: str, record_type: str, after: str | None, limit: int) -> Sequence[Record]:
        def read(place: str, step: int, pick: Pick) -> tuple[Sizes, list[Record]]:
            asked = {"tenant_id": tenant_id, "type": record_type, "after": place, "limit": step}
            with self._readers.snapshot() as connection:
                seen = rows(connection, _SQL["sizes_of_records"], asked)
                loaded = rows(connection, _SQL["load_records"], {**asked, "ids": json_list(pick(seen))})
            return seen, [Record(*row) for row in loaded]

        return listed(read, after, limit)

    def forget_records_step(self, now: int, limit: int) -> int:
        found = self._read(_SQL["records_to_forget"], {"now": now, "limit": limit})
        if not found:
            return 0
        ended = {"rowids": json_list([rowid for (rowid,) in found]), "now": now}
        with self._writer.transaction() as connection:
            return change(connection, _SQL["forget_records"], ended)


class SqliteRecordTypes(SqlitePart):
    """`RecordTypes`."""

    def put_record_type(self, record_type: RecordType, types_max: int) -> RecordType | None:
        with self._writer.transaction() as connection:
            ((count, known),) = rows(connection, _SQL["count_record_types"], {"name": record_type.name})
            if not known and count >= types_max:
                return None
            fields = None if record_type.fields is None else json_list(record_type.fields)
            columns = {**asdict(record_type), "fields": fields, "ignored": json_list(record_type.ignored)}
            connection.execute(_SQL["put_record_type"], columns)
            log_change(connection, _KIND, None, record_type.name)
            return _read_types(connection, [record_type.name])[0]

    def get_record_type(self, name: str) -> RecordType | None:
        with self._readers.reading() as connection:
            found = _read_types(connection, [name])
        return found[0] if found else None

    def list_record_types(self, after: str | None, limit: int) -> Sequence[RecordType]:
        found = self._read(_SQL["list_record_types"], {"after": after or "", "limit": limit})
        return [_type_of(*row) for row in found]

    def delete_record_type(self, name: str) -> bool:
        with self._writer.transaction() as connection:
            if not change(connection, _SQL["delete_record_type"], {"name": name}):
                return False
            log_change(connection, _KIND, None, name)
            return True


def _read_types(connection: apsw.Connection, names: Sequence[str]) -> list[RecordType]:
    return [_type_of(*row) for row in rows(connection, _SQL["record_types_by_name"], {"names": json_list(names)})]


def _type_of(name: str, fields: str | None, ignored: str, *rest: int) -> RecordType:
    return record_type_of((name, None if fields is None else decode_texts(fields), decode_texts(ignored), *rest))
