"""The memory store's catalogue of event types."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ringback.model.event_type import EventType
from ringback.store.memory.tables import MemoryPart

_KIND: Final = "event_type"


class MemoryEventTypes(MemoryPart):
    """`EventTypes`."""

    def put_event_type(self, event_type: EventType, types_max: int) -> EventType | None:
        with self._tables as tables:
            known = tables.event_types.get(event_type.name)
            if known is None and len(tables.event_types) >= types_max:
                return None
            if known is None:
                stored = replace(event_type, revision=1)
            else:
                stored = replace(event_type, created_at=known.created_at, revision=known.revision + 1)
            tables.event_types[event_type.name] = stored
            tables.log_change(_KIND, "", event_type.name)
            return stored

    def get_event_type(self, name: str) -> EventType | None:
        with self._tables as tables:
            return tables.event_types.get(name)

    def list_event_types(self, after: str | None, limit: int) -> Sequence[EventType]:
        with self._tables as tables:
            names = sorted(name for name in tables.event_types if after is None or name > after)
            return [tables.event_types[name] for name in names[:limit]]

    def load_event_types(self, names: Sequence[str]) -> Sequence[EventType]:
        with self._tables as tables:
            return [tables.event_types[name] for name in names if name in tables.event_types]

    def delete_event_type(self, name: str) -> bool:
        with self._tables as tables:
            if tables.event_types.pop(name, None) is None:
                return False
            tables.log_change(_KIND, "", name)
            return True
