"""Reading the SQLite store's log, page by page.

A page is found by walks (`store.log_reading`), each step of which is a read of its own: so the writer's checkpoints
are never held up for long, however rare what is looked for.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ringback.model.attempt import Attempt
from ringback.model.event import Delivery, Event
from ringback.store.log_reading import (
    Step,
    Walked,
    attempt_of,
    decode_days,
    filters_of,
    other_way_round,
    progress_of,
    start_of_attempts,
    start_of_events,
    walk,
    walk_of,
    whole_attempt,
)
from ringback.store.port import (
    AttemptQuery,
    DayCount,
    EndpointProgress,
    EventQuery,
    FoundAttempts,
    FoundEvents,
    StoredEvent,
)
from ringback.store.queries import load
from ringback.store.sqlite.connection import ManyRows, SqlitePart, first, rows
from ringback.store.sqlite.json_lists import decode_seqs, json_list

_SQL: Final = load("sqlite")
_NUMBER_EVENTS: Final = ManyRows(_SQL["number_events"])
_AFTER: Final = ":after"


class SqliteLog(SqlitePart):
    """`Log` and `NumberGiving`."""

    def list_events(self, query: EventQuery) -> Sequence[StoredEvent]:
        return self._events(query, None).events

    def search_events(self, query: EventQuery, rows_max: int) -> FoundEvents:
        return self._events(query, rows_max)

    def _events(self, query: EventQuery, rows_max: int | None) -> FoundEvents:
        filters = filters_of(query)
        for name in ("patterns", "channels"):
            filters[name] = None if filters[name] is None else json_list(filters[name])
        seqs, place = self._walk("walk_events", filters, start_of_events(query), query, rows_max)
        return FoundEvents([StoredEvent(seq, Event(*row)) for seq, *row in self._load("load_events", seqs)], place)

    def stream_end(self, tenant_id: str) -> int:
        found = self._read(_SQL["stream_end"], {"tenant_id": tenant_id})
        return found[0][0] if found else 0

    def get_event(self, tenant_id: str, event_id: str) -> Event | None:
        found = self._read(_SQL["events_by_id"], {"tenant_id": tenant_id, "ids": json_list([event_id])})
        return Event(*found[0]) if found else None

    def missed(self, tenant_id: str, event_id: str) -> str | None:
        found = self._read(_SQL["who_missed_event"], {"tenant_id": tenant_id, "event_id": event_id})
        return found[0][0] if found else None

    def event_by_number(self, tenant_id: str, number: int) -> Event | None:
        found = self._read(_SQL["event_by_number"], {"tenant_id": tenant_id, "number": number})
        return Event(*found[0]) if found else None

    def number_events(self, tenant_id: str, numbers: Sequence[tuple[str, int]]) -> Sequence[str]:
        ids = json_list([event_id for event_id, _ in numbers])
        with self._writer.transaction() as connection:
            _NUMBER_EVENTS.run(connection, [(tenant_id, *pair) for pair in numbers])
            left = rows(connection, _SQL["events_without_number"], {"tenant_id": tenant_id, "ids": ids})
        return [event_id for (event_id,) in left]

    def progress(self, tenant_id: str, event_id: str) -> Sequence[EndpointProgress]:
        name = {"tenant_id": tenant_id, "event_id": event_id}
        with self._readers.snapshot() as connection:
            pending = [Delivery(*row) for row in rows(connection, _SQL["pending_deliveries"], name)]
            story = rows(connection, _SQL["story_of_event"], name)
        return progress_of(pending, story)

    def behind_others(self, tenant_id: str, event_id: str) -> Sequence[str]:
        found = self._read(_SQL["behind_others"], {"tenant_id": tenant_id, "event_id": event_id})
        return sorted(endpoint_id for (endpoint_id,) in found)

    def list_attempts(self, query: AttemptQuery) -> Sequence[Attempt]:
        seqs = self._walk(walk_of(query), filters_of(query), start_of_attempts(query), query).found
        return [attempt_of(row) for row in self._load("load_attempts", seqs)]

    def search_attempts(self, query: AttemptQuery, rows_max: int) -> FoundAttempts:
        seqs, place = self._walk(walk_of(query), filters_of(query), start_of_attempts(query), query, rows_max)
        return FoundAttempts([attempt_of(row) for row in self._load("load_attempts", seqs)], place)

    def get_attempt(self, tenant_id: str, attempt_id: str) -> Attempt | None:
        with self._readers.reading() as connection:
            found = first(connection, _SQL["attempt_by_id"], {"tenant_id": tenant_id, "id": attempt_id})
        return None if found is None else whole_attempt(found)

    def day_counts(self, tenant_id: str, endpoint_id: str, since_day: str) -> Sequence[DayCount]:
        bindings = {"tenant_id": tenant_id, "endpoint_id": endpoint_id, "since_day": since_day}
        return [DayCount(*row) for row in self._read(_SQL["day_counts"], bindings)]

    def tenant_day_counts(self, tenant_id: str, since_day: str) -> Sequence[DayCount]:
        bindings = {"tenant_id": tenant_id, "since_day": since_day}
        return [DayCount(*row) for row in self._read(_SQL["tenant_day_counts"], bindings)]

    def day_counts_of(
        self, tenant_id: str, endpoint_ids: Sequence[str], since_day: str
    ) -> Mapping[str, Sequence[DayCount]]:
        bindings = {"tenant_id": tenant_id, "endpoint_ids": json_list(endpoint_ids), "since_day": since_day}
        return {name: decode_days(days) for name, days in self._read(_SQL["day_counts_of"], bindings)}

    def _walk(
        self,
        name: str,
        filters: dict[str, Any],
        start: object,
        query: EventQuery | AttemptQuery,
        rows_max: int | None = None,
    ) -> Walked:
        """The numbers of the first rows after `start` that pass the filters."""
        text = other_way_round(_SQL[name], _AFTER) if query.ascending else _SQL[name]

        def read(after: object, step: int) -> Step:
            with self._readers.reading() as connection:
                found, looked_at, last = first(connection, text, {**filters, "after": after, "step": step})
            return Step(decode_seqs(found), looked_at, last)

        return walk(read, filters, start, query.limit, rows_max=rows_max)

    def _load(self, name: str, seqs: Sequence[int]) -> list[Any]:
        return self._read(_SQL[name], {"seqs": json_list(seqs)})
