"""The memory store's catalogue of event types."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ringback.model.event_type import EventType, SchemaVersion
from ringback.model.limits import SCHEMA_VERSIONS_KEPT_MAX
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
                stored = replace(event_type, revision=1, version=1)
            else:
                version = known.version + (known.schema != event_type.schema)
                stored = replace(event_type, created_at=known.created_at, revision=known.revision + 1, version=version)
            tables.event_types[event_type.name] = stored
            versions = tables.schema_versions.setdefault(event_type.name, [])
            if not versions or versions[-1].version != stored.version:
                versions.append(SchemaVersion(stored.version, stored.updated_at, stored.schema))
                del versions[:-SCHEMA_VERSIONS_KEPT_MAX]
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
            del tables.schema_versions[name]
            tables.log_change(_KIND, "", name)
            return True

    def list_schema_versions(self, name: str, before: int | None, limit: int) -> Sequence[SchemaVersion]:
        with self._tables as tables:
            versions = reversed(tables.schema_versions.get(name, ()))
            return [one for one in versions if before is None or one.version < before][:limit]
