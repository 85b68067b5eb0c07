"""Records: the latest known state of a tenant's objects, and how a record type's changes are told.

Plain values. Times are milliseconds since 1970, UTC. The order of a record's fields is the order of the columns in
every store.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

RecordKey = tuple[str, str, str]
"""Tenant, type, id."""

DELETED_KEPT_DAYS: Final = 30


class Record(NamedTuple):
    """One object. `data` is its state, a JSON object as it came in or as it was merged; b"" once it is deleted.

    `revision` grows by one with each stored change, deletions too (it is the ETag). `version` and `source_at` are what
    the source said of the state last: what comes with an older one comes late. A deleted record stays, so that what
    comes late doesn't bring it back, until `forget_at`. `marks` is what triggers remember of it (`policy.trigger`), a
    JSON object; None: nothing.
    """

    tenant_id: str
    type: str
    id: str
    revision: int
    version: int | None
    source_at: int | None
    created_at: int
    updated_at: int
    forget_at: int | None
    marks: str | None
    data: bytes

    @property
    def key(self) -> RecordKey:
        return self.tenant_id, self.type, self.id

    @property
    def deleted(self) -> bool:
        return self.forget_at is not None


@dataclass(frozen=True, slots=True)
class RecordType:
    """How changes of all records of a type are told, whosever they are. A type needs no entry: then it is as here.

    `fields`: the JSON pointers that events carry (None: the whole record). `ignored`: those whose change is none; the
    record is stored all the same. `revision` is 1 when the entry is new and grows by one with each stored change.
    """

    name: str
    fields: tuple[str, ...] | None = None
    ignored: tuple[str, ...] = ()
    deleted_kept_days: int = DELETED_KEPT_DAYS
    created_at: int = 0
    updated_at: int = 0
    revision: int = 1
