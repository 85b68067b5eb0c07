"""Record types: how the changes of all records of a type are told. Write, show, list and delete their entries.

A type needs no entry: then events carry the whole record and any difference is a change. An entry is for all tenants,
as an event type is. Every write is followed by `notify`. What a pointer points at isn't known here, since records have
no schema: only its syntax is checked.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from ringback.clock import Clock
from ringback.control.findings import Findings
from ringback.control.paging import Page, PageRequest, checked_limit, decode_cursor, page_of
from ringback.model.errors import NoRoomLeft, NotFound
from ringback.model.limits import (
    INDEXED_TEXT_BYTES_MAX,
    RECORD_DELETED_KEPT_DAYS_MAX,
    RECORD_FIELDS_MAX,
    RECORD_TYPE_CHARS_MAX,
    RECORD_TYPES_MAX,
)
from ringback.model.record import DELETED_KEPT_DAYS, RecordType
from ringback.policy.match import valid_record_type
from ringback.policy.record_change import valid_pointer
from ringback.store.port import RecordTypes

_LIST: Final = "record-types"


class RecordTypeFields(NamedTuple):
    """An entry as a caller writes it. `name` may repeat the one in the address."""

    fields: Sequence[str] | None = None
    ignored: Sequence[str] = ()
    deleted_kept_days: int = DELETED_KEPT_DAYS
    name: str | None = None


class WrittenType(NamedTuple):
    """An entry as it is now, and whether it is new."""

    record_type: RecordType
    created: bool


class RecordTypeUseCases:
    """What can be done with record types."""

    def __init__(
        self, store: RecordTypes, clock: Clock, notify: Callable[[], None], types_max: int = RECORD_TYPES_MAX
    ) -> None:
        self._store = store
        self._clock = clock
        self._notify = notify
        self._types_max = types_max

    def put(self, name: str, fields: RecordTypeFields) -> WrittenType:
        """Add an entry, or replace it whole. Raises Invalid, or OverQuota when there are too many."""
        findings = Findings()
        _check_name(findings, name, fields.name)
        kept = None if fields.fields is None else _pointers(findings, "fields", fields.fields)
        ignored = _pointers(findings, "ignored", fields.ignored)
        days = fields.deleted_kept_days
        findings.number("deleted_kept_days", days, 0, RECORD_DELETED_KEPT_DAYS_MAX, "days")
        findings.raise_if_any()
        now = self._clock.now_ms()
        wanted = RecordType(name, kept, ignored, days, created_at=now, updated_at=now)
        stored = self._store.put_record_type(wanted, self._types_max)
        if stored is None:
            raise NoRoomLeft(
                f"There are {self._types_max} record types already. Delete one first.", code="record_type_quota"
            )
        self._notify()
        return WrittenType(stored, stored.revision == 1)

    def get(self, name: str) -> RecordType:
        """Raises NotFound."""
        found = self._store.get_record_type(name) if valid_record_type(name) else None
        if found is None:
            raise _unknown_type()
        return found

    def list(self, page: PageRequest) -> Page[RecordType]:
        """By name. Raises Invalid."""
        limit = checked_limit(page.limit)
        rows = self._store.list_record_types(decode_cursor(_LIST, page.cursor), limit + 1)
        return page_of(_LIST, rows, limit, lambda one: one.name)

    def delete(self, name: str) -> None:
        """Records of the type stay; their changes are told as those of a type without an entry. Raises NotFound."""
        if not valid_record_type(name) or not self._store.delete_record_type(name):
            raise _unknown_type()
        self._notify()


def _check_name(findings: Findings, name: str, repeated: str | None) -> None:
    if not valid_record_type(name):
        findings.add(
            "name",
            f"must be names of letters, digits, _ and - joined by full stops, at most {RECORD_TYPE_CHARS_MAX} long",
        )
    elif repeated is not None and repeated != name:
        findings.add("name", "must be the name in the address, or left out")


def _pointers(findings: Findings, field: str, pointers: Sequence[str]) -> tuple[str, ...]:
    if len(pointers) > RECORD_FIELDS_MAX:
        findings.add(field, f"must have at most {RECORD_FIELDS_MAX} JSON pointers")
        return ()
    for place, pointer in enumerate(pointers):
        if len(pointer.encode("utf-8", "surrogatepass")) > INDEXED_TEXT_BYTES_MAX:
            findings.add(f"{field}[{place}]", f"must be at most {INDEXED_TEXT_BYTES_MAX} bytes long")
        elif not valid_pointer(pointer):
            findings.add(
                f"{field}[{place}]", "must be a JSON pointer into the record (RFC 6901), such as /address/city"
            )
    return tuple(dict.fromkeys(pointers))


def _unknown_type() -> NotFound:
    return NotFound("There is no such record type. One without an entry has the defaults.")
