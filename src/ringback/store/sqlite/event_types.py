"""The SQLite store's catalogue of event types: a small table, read whole by whoever follows it."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

import apsw

from ringback.model.event_type import EventType, SchemaVersion
from ringback.model.limits import SCHEMA_VERSIONS_KEPT_MAX
from ringback.store.config_rows import event_type_of
from ringback.store.log_reading import LAST_SEQ
from ringback.store.queries import load
from ringback.store.sqlite.changes import log_change
from ringback.store.sqlite.connection import SqlitePart, change, rows
from ringback.store.sqlite.json_lists import json_list

_SQL: Final = load("sqlite")
_KIND: Final = "event_type"


class SqliteEventTypes(SqlitePart):
    """`EventTypes`."""

    def put_event_type(self, event_type: EventType, types_max: int) -> EventType | None:
        with self._writer.transaction() as connection:
            ((count, known),) = rows(connection, _SQL["count_event_types"], {"name": event_type.name})
            if not known and count >= types_max:
                return None
            connection.execute(_SQL["put_event_type"], asdict(event_type))
            if change(connection, _SQL["add_schema_version"], asdict(event_type)):
                kept = {"name": event_type.name, "kept": SCHEMA_VERSIONS_KEPT_MAX}
                connection.execute(_SQL["trim_schema_versions"], kept)
            log_change(connection, _KIND, None, event_type.name)
            return _read(connection, [event_type.name])[0]

    def get_event_type(self, name: str) -> EventType | None:
        found = self.load_event_types([name])
        return found[0] if found else None

    def list_event_types(self, after: str | None, limit: int) -> Sequence[EventType]:
        found = self._read(_SQL["list_event_types"], {"after": after or "", "limit": limit})
        return [event_type_of(row) for row in found]

    def load_event_types(self, names: Sequence[str]) -> Sequence[EventType]:
        with self._readers.reading() as connection:
            return _read(connection, names)

    def delete_event_type(self, name: str) -> bool:
        with self._writer.transaction() as connection:
            if not change(connection, _SQL["delete_event_type"], {"name": name}):
                return False
            connection.execute(_SQL["delete_schema_versions"], {"name": name})
            log_change(connection, _KIND, None, name)
            return True

    def list_schema_versions(self, name: str, before: int | None, limit: int) -> Sequence[SchemaVersion]:
        asked = {"name": name, "before": LAST_SEQ if before is None else before, "limit": limit}
        return [SchemaVersion(*row) for row in self._read(_SQL["list_schema_versions"], asked)]


def _read(connection: apsw.Connection, names: Sequence[str]) -> list[EventType]:
    return [event_type_of(row) for row in rows(connection, _SQL["event_types_by_name"], {"names": json_list(names)})]
