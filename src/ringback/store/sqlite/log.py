"""Reading the SQLite store's log, page by page.

A page is found by walking an index by key, a bounded number of rows at a time, each step a read of its own: so the
writer's checkpoints are never held up for long, however rare what is looked for. Newest first is how the walks are
written; the other direction is made from the same text.
"""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from ringback.model.attempt import Attempt, Line, Outcome, standing
from ringback.model.event import Delivery, Event
from ringback.store.port import AttemptQuery, DayCount, EndpointProgress, EventQuery, StoredEvent
from ringback.store.queries import load
from ringback.store.sqlite.connection import ManyRows, SqlitePart, first, rows
from ringback.store.sqlite.json_lists import decode_seqs, json_list

STEP_ROWS: Final = 2_000

_SQL: Final = load("sqlite")
_NUMBER_EVENTS: Final = ManyRows(_SQL["number_events"])
_LAST_SEQ: Final = (1 << 63) - 1
_LAST_ID: Final = "\U0010ffff"


class SqliteLog(SqlitePart):
    """`Log` and `NumberGiving`."""

    def list_events(self, query: EventQuery) -> Sequence[StoredEvent]:
        start = query.after if query.after is not None else 0 if query.ascending else _LAST_SEQ
        filters = {name: value for name, value in query._asdict().items() if name not in ("ascending", "limit")}
        for name in ("patterns", "channels"):
            filters[name] = None if filters[name] is None else json_list(filters[name])
        seqs = self._walk("walk_events", filters, start, query.ascending, query.limit)
        return [StoredEvent(seq, Event(*row)) for seq, *row in self._load("load_events", seqs)]

    def get_event(self, tenant_id: str, event_id: str) -> Event | None:
        found = self._read(_SQL["events_by_id"], {"tenant_id": tenant_id, "ids": json_list([event_id])})
        return Event(*found[0]) if found else None

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
            pending = {row[1]: Delivery(*row) for row in rows(connection, _SQL["pending_deliveries"], name)}
            story = rows(connection, _SQL["story_of_event"], name)
        last = {
            endpoint_id: standing(Line(*columns) for _, *columns in lines)
            for endpoint_id, lines in groupby(story, key=itemgetter(0))
        }
        return [_progress(name, pending.get(name), last.get(name)) for name in sorted({*pending, *last})]

    def behind_others(self, tenant_id: str, event_id: str) -> Sequence[str]:
        found = self._read(_SQL["behind_others"], {"tenant_id": tenant_id, "event_id": event_id})
        return sorted(endpoint_id for (endpoint_id,) in found)

    def list_attempts(self, query: AttemptQuery) -> Sequence[Attempt]:
        start = query.after if query.after is not None else "" if query.ascending else _LAST_ID
        filters = {name: value for name, value in query._asdict().items() if name not in ("ascending", "limit")}
        seqs = self._walk(_walk_of(query), filters, start, query.ascending, query.limit)
        return [_attempt(row) for row in self._load("load_attempts", seqs)]

    def get_attempt(self, tenant_id: str, attempt_id: str) -> Attempt | None:
        with self._readers.reading() as connection:
            found = first(connection, _SQL["attempt_by_id"], {"tenant_id": tenant_id, "id": attempt_id})
        if found is None:
            return None
        *columns, data = found
        attempt = _attempt(columns)
        if data == b"":  # redacted, in steps: the event comes first
            return attempt.without_bodies()
        if attempt.request_body is None and data is not None:
            return attempt._replace(request_body=attempt.body_head + data + attempt.body_tail)
        return attempt

    def day_counts(self, tenant_id: str, endpoint_id: str, since_day: str) -> Sequence[DayCount]:
        bindings = {"tenant_id": tenant_id, "endpoint_id": endpoint_id, "since_day": since_day}
        return [DayCount(*row) for row in self._read(_SQL["day_counts"], bindings)]

    def _walk(self, name: str, filters: dict[str, Any], start: object, ascending: bool, limit: int) -> list[int]:
        """The numbers of the first `limit` rows after `start` that pass the filters."""
        query = other_way_round(_SQL[name]) if ascending else _SQL[name]
        filtered = any(value is not None for key, value in filters.items() if key not in ("tenant_id", "after"))
        step = STEP_ROWS if filtered else limit
        seqs: list[int] = []
        while len(seqs) < limit:
            with self._readers.reading() as connection:
                found, looked_at, last = first(connection, query, {**filters, "after": start, "step": step})
            seqs += decode_seqs(found)
            if looked_at < step:
                break
            start = last
        return seqs[:limit]

    def _load(self, name: str, seqs: Sequence[int]) -> list[Any]:
        return self._read(_SQL[name], {"seqs": json_list(seqs)})


def other_way_round(walk: str) -> str:
    """A walk that is written for the newest first, for the oldest first."""
    return (
        walk.replace("< :after", "> :after")
        .replace(" DESC LIMIT", " LIMIT")
        .replace("count(*), min(", "count(*), max(")
    )


def _walk_of(query: AttemptQuery) -> str:
    """The walk that looks at the fewest rows."""
    if query.event_id is not None:
        return "walk_attempts_of_event"
    failed = query.outcome == Outcome.FAILED
    if query.endpoint_id is not None:
        return "walk_failures_of_endpoint" if failed else "walk_attempts_of_endpoint"
    return "walk_failures_of_tenant" if failed else "walk_attempts_of_tenant"


def _progress(endpoint_id: str, pending: Delivery | None, last: Line | None) -> EndpointProgress:
    if last is None:
        return EndpointProgress(endpoint_id, pending, 0, None, False, None)
    return EndpointProgress(endpoint_id, pending, last.number, last.outcome, bool(last.final), last.status_code)


def _attempt(columns: Sequence[Any]) -> Attempt:
    attempt = Attempt(*columns)
    return attempt._replace(
        final=bool(attempt.final),
        superseded=bool(attempt.superseded),
        response_truncated=bool(attempt.response_truncated),
        maybe_repeated=bool(attempt.maybe_repeated),
    )
