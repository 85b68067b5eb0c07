"""The PostgreSQL store's catalogue of event types: a small table, read whole by whoever follows it."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from ringback.model.event_type import EventType, SchemaVersion
from ringback.model.limits import SCHEMA_VERSIONS_KEPT_MAX
from ringback.store.config_rows import event_type_of
from ringback.store.log_reading import LAST_SEQ
from ringback.store.postgres.again import tried_again
from ringback.store.postgres.catalogue import has_place
from ringback.store.postgres.changes import log_change
from ringback.store.postgres.connection import PostgresPart
from ringback.store.queries import load

_SQL: Final = load("postgres")
_KIND: Final = "event_type"


class PostgresEventTypes(PostgresPart):
    """`EventTypes`."""

    @tried_again
    def put_event_type(self, event_type: EventType, types_max: int) -> EventType | None:
        with self._db.writing() as session:
            if not has_place(session, _SQL["count_event_types"], event_type.name, types_max):
                return None
            session.change(_SQL["put_event_type"], asdict(event_type))
            if session.change(_SQL["add_schema_version"], asdict(event_type)):
                kept = {"name": event_type.name, "kept": SCHEMA_VERSIONS_KEPT_MAX}
                session.change(_SQL["trim_schema_versions"], kept)
            log_change(session, _KIND, None, event_type.name)
            return event_type_of(session.first(_SQL["event_types_by_name"], {"names": [event_type.name]}))

    def get_event_type(self, name: str) -> EventType | None:
        found = self.load_event_types([name])
        return found[0] if found else None

    def list_event_types(self, after: str | None, limit: int) -> Sequence[EventType]:
        with self._db.reading() as session:
            found = session.rows(_SQL["list_event_types"], {"after": after or "", "limit": limit})
        return [event_type_of(row) for row in found]

    def load_event_types(self, names: Sequence[str]) -> Sequence[EventType]:
        with self._db.reading() as session:
            found = session.rows(_SQL["event_types_by_name"], {"names": list(names)})
        return [event_type_of(row) for row in found]

    @tried_again
    def delete_event_type(self, name: str) -> bool:
        with self._db.writing() as session:
            if not session.change(_SQL["delete_event_type"], {"name": name}):
                return False
            session.change(_SQL["delete_schema_versions"], {"name": name})
            log_change(session, _KIND, None, name)
            return True

    def list_schema_versions(self, name: str, before: int | None, limit: int) -> Sequence[SchemaVersion]:
        asked = {"name": name, "before": LAST_SEQ if before is None else before, "limit": limit}
        with self._db.reading() as session:
            return [SchemaVersion(*row) for row in session.rows(_SQL["list_schema_versions"], asked)]
