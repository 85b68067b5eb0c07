"""The PostgreSQL store's record types: a small table, read whole by whoever follows it."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from ringback.model.record import RecordType
from ringback.store.postgres.again import tried_again
from ringback.store.postgres.catalogue import has_place
from ringback.store.postgres.changes import log_change
from ringback.store.postgres.connection import PostgresPart
from ringback.store.postgres.session import Session
from ringback.store.queries import load
from ringback.store.record_rows import record_type_of

_SQL: Final = load("postgres")
_KIND: Final = "record_type"


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
            found = read_record_types(session, [name])
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


def read_record_types(session: Session, names: Sequence[str]) -> list[RecordType]:
    """Those of the entries that exist, as asked."""
    return [record_type_of(row) for row in session.rows(_SQL["record_types_by_name"], {"names": list(names)})]
