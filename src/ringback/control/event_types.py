"""The catalogue of event types: write, show, list and delete its entries.

An event needs no entry; one with a schema has its events checked when they are accepted (`ingest.catalogue`), one with
a sample lends it to previews and tests. A schema that could not be used is refused here, so that no event meets it, and
so is one that takes away what the present one promises (`policy.schema_change`), unless that is forced. The schemas
that an entry has had are kept as its versions. Every write is followed by `notify`: in this process the next event is
checked against what was written.
"""

import re
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from ringback.clock import Clock
from ringback.control.findings import Findings
from ringback.control.paging import (
    Page,
    PageRequest,
    checked_limit,
    decode_cursor,
    decode_number_cursor,
    encode_cursor,
    read_bounded,
)
from ringback.model.errors import Conflict, FieldError, NoRoomLeft, NotFound
from ringback.model.event_type import EventType, SchemaVersion
from ringback.model.limits import (
    DESCRIPTION_BYTES_MAX,
    EVENT_TYPE_CHARS_MAX,
    EVENT_TYPES_MAX,
    SAMPLE_BYTES_MAX,
    SAMPLES_MAX,
    SCHEMA_VERSIONS_KEPT_MAX,
)
from ringback.policy.match import valid_event_type
from ringback.policy.schema import Mismatch, Schema, SchemaRefused, below, compile_schema
from ringback.policy.schema_change import taken_away
from ringback.policy.schema_inference import infer_schema
from ringback.store.port import EventTypes

_LIST: Final = "event-types"
_VERSIONS: Final = "schema-versions"
_NO_TEXT: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class EventTypeFields(NamedTuple):
    """An entry as a caller writes it. `schema` and `sample` are JSON as it came; None: none. `name` may repeat the
    one in the address."""

    description: str = ""
    schema: bytes | None = None
    sample: bytes | None = None
    deprecated: bool = False
    name: str | None = None


class Written(NamedTuple):
    """An entry as it is now, and whether it is new."""

    event_type: EventType
    created: bool


class SchemaNotAdditive(Conflict):
    """A schema that takes away what the one before it promised; `errors` say what, and where in the payload."""

    code = "schema_not_additive"

    def __init__(self, taken: Sequence[Mismatch]) -> None:
        """`taken` is what `taken_away` has found."""
        path, message = taken[0]
        super().__init__(
            f"{path} {message}: receivers may count on it. Payloads grow by addition only. Nothing was changed; "
            "with force=true the schema is replaced all the same."
        )
        self.errors = tuple(FieldError(*one) for one in taken)


class EventTypeUseCases:
    """What can be done with the catalogue."""

    def __init__(
        self, store: EventTypes, clock: Clock, notify: Callable[[], None], types_max: int = EVENT_TYPES_MAX
    ) -> None:
        self._store = store
        self._clock = clock
        self._notify = notify
        self._types_max = types_max
        # A schema is compared with the very one that it replaces.
        self._writing = threading.Lock()

    def put(self, name: str, fields: EventTypeFields, *, force: bool = False) -> Written:
        """Add an entry, or replace it whole. Raises Invalid, SchemaNotAdditive unless forced, or OverQuota when there
        are too many."""
        findings = Findings()
        _check_name(findings, name, fields.name)
        _check_description(findings, fields.description)
        schema = None if fields.schema is None else _check_schema(findings, fields.schema)
        if fields.sample is not None:
            _check_sample(findings, fields.sample, schema)
        findings.raise_if_any()
        now = self._clock.now_ms()
        wanted = EventType(
            name=name,
            description=fields.description,
            deprecated=fields.deprecated,
            created_at=now,
            updated_at=now,
            schema=fields.schema,
            sample=fields.sample,
        )
        with self._writing:
            if fields.schema is not None and not force:
                _check_additive(self._store.get_event_type(name), fields.schema)
            stored = self._store.put_event_type(wanted, self._types_max)
        if stored is None:
            raise NoRoomLeft(
                f"The catalogue has {self._types_max} event types already. Delete one first.", code="event_type_quota"
            )
        self._notify()
        return Written(stored, stored.revision == 1)

    def get(self, name: str) -> EventType:
        """Raises NotFound."""
        found = self._store.get_event_type(name) if valid_event_type(name) else None
        if found is None:
            raise _unknown_type()
        return found

    def list(self, page: PageRequest) -> Page[EventType]:
        """By name; a page ends early when it gets large. Raises Invalid."""
        limit = checked_limit(page.limit)
        start = decode_cursor(_LIST, page.cursor)

        def read(last: EventType | None, count: int) -> Sequence[EventType]:
            return self._store.list_event_types(start if last is None else last.name, count)

        found, more = read_bounded(read, limit, _bytes_of)
        return Page(found, encode_cursor(_LIST, found[-1].name) if more else None)

    def versions(self, name: str, page: PageRequest) -> Page[SchemaVersion]:
        """The schemas that the entry has and had, newest first; a page ends early when it gets large. Raises Invalid,
        NotFound."""
        limit = checked_limit(page.limit)
        start = decode_number_cursor(_VERSIONS, page.cursor)
        self.get(name)

        def read(last: SchemaVersion | None, count: int) -> Sequence[SchemaVersion]:
            return self._store.list_schema_versions(name, start if last is None else last.version, count)

        found, more = read_bounded(read, limit, lambda one: len(one.schema or b""))
        return Page(found, encode_cursor(_VERSIONS, str(found[-1].version)) if more else None)

    def version(self, name: str, version: int) -> SchemaVersion:
        """One of them. Raises NotFound."""
        self.get(name)
        found = self._store.list_schema_versions(name, version + 1, 1)
        if not found or found[0].version != version:
            raise NotFound(
                f"The event type has no such version; of its versions the latest {SCHEMA_VERSIONS_KEPT_MAX} are kept."
            )
        return found[0]

    def delete(self, name: str) -> None:
        """Events of this name need no entry and go on. Raises NotFound."""
        if not valid_event_type(name) or not self._store.delete_event_type(name):
            raise _unknown_type()
        self._notify()

    def infer(self, samples: Sequence[object], *, enums: bool = False) -> dict[str, Any]:
        """The JSON Schema that some `data` have in common (`policy.schema_inference`). Raises Invalid."""
        findings = Findings()
        if not 1 <= len(samples) <= SAMPLES_MAX:
            findings.add("samples", f"must be a list of 1 to {SAMPLES_MAX:,} samples")
        findings.raise_if_any()
        return infer_schema(samples, enums=enums)


def _unknown_type() -> NotFound:
    return NotFound("The catalogue has no such event type.")


def _bytes_of(event_type: EventType) -> int:
    return len(event_type.schema or b"") + len(event_type.sample or b"")


def _check_name(findings: Findings, name: str, repeated: str | None) -> None:
    if not valid_event_type(name):
        findings.add(
            "name",
            f"must be names of letters, digits, _ and - joined by full stops, at most {EVENT_TYPE_CHARS_MAX} long",
        )
    elif repeated is not None and repeated != name:
        findings.add("name", "must be the name in the address, or left out")


def _check_description(findings: Findings, text: str) -> None:
    if len(text.encode("utf-8", "surrogatepass")) > DESCRIPTION_BYTES_MAX:
        findings.add("description", f"must be at most {DESCRIPTION_BYTES_MAX:,} bytes long")
    if _NO_TEXT.search(text):
        findings.add("description", "must not contain control characters, line breaks and tabs apart")


def _check_schema(findings: Findings, text: bytes) -> Schema | None:
    try:
        return compile_schema(text)
    except SchemaRefused as refused:
        findings.add(below("schema", refused.path), refused.message)
        return None


def _check_additive(before: EventType | None, schema: bytes) -> None:
    """An entry without a schema promises nothing. Raises SchemaNotAdditive."""
    if before is None or before.schema is None or before.schema == schema:
        return
    if found := taken_away(before.schema, schema):
        raise SchemaNotAdditive(found)


def _check_sample(findings: Findings, sample: bytes, schema: Schema | None) -> None:
    if len(sample) > SAMPLE_BYTES_MAX:
        findings.add("sample", f"must be at most {SAMPLE_BYTES_MAX:,} bytes long")
    elif schema is not None:
        for path, message in schema.mismatches(sample):
            findings.add(below("sample", path), message)
