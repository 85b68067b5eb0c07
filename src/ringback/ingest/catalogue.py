"""The schemas of event types, as events are checked against them.

Holds only types that have a schema; for all others an event costs one look into a dictionary. Follows the log of
changes (`load`, then `follow`). A schema is compiled when the first event needs it, once. Any thread may ask; one at a
time follows. A stored schema that can't be compiled any more (an upgrade) lets every event pass: it was checked when
it was saved, and what is wrong with it now is no caller's fault.
"""

from collections.abc import Callable, Sequence
from typing import Final

from ringback.model.event_type import EventType
from ringback.model.lane import Change
from ringback.policy.schema import Mismatch, Schema, SchemaRefused, compile_schema
from ringback.store.port import EventTypes

# A schema and a sample are 128 KiB together at most.
PAGE_TYPES: Final = 50


class TypeSchema:
    """The schema of one type, compiled when it is first needed. Two threads may both compile it; one is kept."""

    __slots__ = ("_schema", "_text")

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._schema: Schema | SchemaRefused | None = None

    def mismatches(self, data: bytes) -> list[Mismatch]:
        """What is wrong with an event's data."""
        schema = self._schema
        if schema is None:
            schema = self._schema = _compiled(self._text)
        return schema.mismatches(data) if isinstance(schema, Schema) else []


class Catalogue:
    """`schema_of(event_type)` is the type's schema, or None."""

    def __init__(self, store: EventTypes) -> None:
        self._store = store
        self._schemas: dict[str, TypeSchema] = {}
        self.schema_of: Final[Callable[[str], TypeSchema | None]] = self._schemas.get

    def load(self) -> None:
        """Read all that there are."""
        after = None
        while True:
            page = self._store.list_event_types(after, PAGE_TYPES)
            for event_type in page:
                self._keep(event_type)
            if len(page) < PAGE_TYPES:
                return
            after = page[-1].name

    def follow(self, changes: Sequence[Change]) -> None:
        """Read what changed."""
        names = list(dict.fromkeys(change.id for change in changes if change.kind == "event_type"))
        for start in range(0, len(names), PAGE_TYPES):
            step = names[start : start + PAGE_TYPES]
            found = {event_type.name: event_type for event_type in self._store.load_event_types(step)}
            for name in step:
                if name in found:
                    self._keep(found[name])
                else:
                    self._schemas.pop(name, None)

    def _keep(self, event_type: EventType) -> None:
        if event_type.schema is None:
            self._schemas.pop(event_type.name, None)
        else:
            self._schemas[event_type.name] = TypeSchema(event_type.schema)


def no_schema(event_type: str) -> None:
    """The schema of every type where none has one."""


def _compiled(text: bytes) -> Schema | SchemaRefused:
    try:
        return compile_schema(text)
    except SchemaRefused as refused:
        return refused
