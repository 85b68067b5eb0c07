"""Event types: what the catalogue says of a name that events can have. Plain values; nothing here reads a schema."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class EventType:
    """One entry of the catalogue. Times are milliseconds since 1970, UTC.

    `schema` (JSON Schema, for the `data` of events) and `sample` (such data) are JSON as they came in, UTF-8; None:
    there is none. `revision` is 1 when the entry is new and grows by one with each stored change; `version` is 1 too
    and grows by one with each change of the schema alone.
    """

    name: str
    description: str
    deprecated: bool
    created_at: int
    updated_at: int
    revision: int = 1
    schema: bytes | None = None
    sample: bytes | None = None
    version: int = 1


class SchemaVersion(NamedTuple):
    """A schema that an entry has or had, from `created_at` (ms since 1970) until the next one; None: none."""

    version: int
    created_at: int
    schema: bytes | None
