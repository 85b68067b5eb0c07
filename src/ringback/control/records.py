"""Records as they are stored: one, or those of a type. What changes them goes through ingest.

Deleted ones are not shown, though the store keeps that they were. Fails with `NoSuchRecord` (404).
"""

from collections.abc import Sequence
from typing import Final, Protocol

from ringback.control.paging import (
    Page,
    PageRequest,
    checked_limit,
    decode_text_cursor,
    encode_text_cursor,
    read_bounded,
)
from ringback.control.tenants import required_tenant
from ringback.model.errors import NoSuchRecord
from ringback.model.record import Record
from ringback.store.port import Records, Tenants

_LIST: Final = "records"


class RecordStore(Records, Tenants, Protocol):
    """What these use cases need of a store."""


class RecordUseCases:
    """What can be read of records."""

    def __init__(self, store: RecordStore) -> None:
        self._store = store

    def get(self, tenant_id: str, record_type: str, record_id: str) -> Record:
        """Raises NotFound."""
        record = self._store.get_record(tenant_id, record_type, record_id)
        if record is None or record.deleted:
            required_tenant(self._store, tenant_id)
            raise NoSuchRecord
        return record

    def list(self, tenant_id: str, record_type: str, page: PageRequest) -> Page[Record]:
        """Those of a type, by id (as bytes); a page ends early when it gets large. Raises Invalid, NotFound."""
        limit = checked_limit(page.limit)
        start = decode_text_cursor(_LIST, page.cursor)
        required_tenant(self._store, tenant_id)

        def read(last: Record | None, count: int) -> Sequence[Record]:
            found: list[Record] = []
            after = start if last is None else last.id
            # The store may give fewer than there are, when they are large; it gives none only at the end.
            while len(found) < count and (
                more := self._store.list_records(tenant_id, record_type, after, count - len(found))
            ):
                found += more
                after = more[-1].id
            return found

        found, more = read_bounded(read, limit, lambda record: len(record.data))
        return Page(found, encode_text_cursor(_LIST, found[-1].id) if more else None)
