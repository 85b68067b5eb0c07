"""The memory store's log: what was accepted, what was sent and where each event stands. Reads only."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import islice

from ringback.model.attempt import Attempt, Line, Outcome, standing
from ringback.model.event import Delivery, Event
from ringback.store.memory.tables import MemoryPart, MemoryTables
from ringback.store.port import (
    AttemptQuery,
    DayCount,
    EndpointProgress,
    EventQuery,
    FoundAttempts,
    FoundEvents,
    StoredEvent,
)


class MemoryLog(MemoryPart):
    """`Log` and `NumberGiving`."""

    def list_events(self, query: EventQuery) -> Sequence[StoredEvent]:
        with self._tables as tables:
            own = (stored for stored in tables.events.values() if stored.event.tenant_id == query.tenant_id)
            wanted = (stored for stored in own if _wants_event(tables, query, stored))
            page = sorted(wanted, key=lambda stored: stored.seq, reverse=not query.ascending)
            return page[: query.limit]

    def search_events(self, query: EventQuery, rows_max: int) -> FoundEvents:
        with self._tables as tables:
            bare = EventQuery(query.tenant_id, ascending=query.ascending, after=query.after, limit=rows_max)
            seen = self.list_events(bare)
            found = [stored for stored in seen if _wants_event(tables, query, stored)]
        stopped = len(seen) == rows_max and len(found) < query.limit
        return FoundEvents(found[: query.limit], seen[-1].seq if stopped else None)

    def stream_end(self, tenant_id: str) -> int:
        with self._tables as tables:
            return max((one.seq for one in tables.events.values() if one.event.tenant_id == tenant_id), default=0)

    def get_event(self, tenant_id: str, event_id: str) -> Event | None:
        with self._tables as tables:
            stored = tables.events.get((tenant_id, event_id))
            return None if stored is None else stored.event

    def missed(self, tenant_id: str, event_id: str) -> str | None:
        with self._tables as tables:
            return tables.missed.get((tenant_id, event_id))

    def event_by_number(self, tenant_id: str, number: int) -> Event | None:
        with self._tables as tables:
            stored = tables.by_number().get((tenant_id, number))
            return None if stored is None else stored.event

    def number_events(self, tenant_id: str, numbers: Sequence[tuple[str, int]]) -> Sequence[str]:
        left = []
        with self._tables as tables:
            taken = set(tables.by_number())
            for event_id, number in numbers:
                stored = tables.events.get((tenant_id, event_id))
                if stored is None or stored.event.number is not None:
                    continue
                if (tenant_id, number) in taken:
                    left.append(event_id)
                else:
                    taken.add((tenant_id, number))
                    event = stored.event._replace(number=number)
                    tables.events[tenant_id, event_id] = stored._replace(event=event)
        return left

    def progress(self, tenant_id: str, event_id: str) -> Sequence[EndpointProgress]:
        with self._tables as tables:
            pending = _pending(tables, tenant_id, event_id)
            lines: dict[str, list[Line]] = {}
            for attempt in sorted(tables.attempts_of(tenant_id, event_id), key=_place):
                lines.setdefault(attempt.endpoint_id, []).append(_line(attempt))
            endpoint_ids = sorted({*pending, *lines})
            return [_progress_at(i, pending.get(i), standing(lines.get(i, ()))) for i in endpoint_ids]

    def behind_others(self, tenant_id: str, event_id: str) -> Sequence[str]:
        with self._tables as tables:
            pending = _pending(tables, tenant_id, event_id)
            return sorted(name for name, row in pending.items() if _is_behind(tables, row))

    def list_attempts(self, query: AttemptQuery) -> Sequence[Attempt]:
        with self._tables as tables:
            own = (attempt for attempt in tables.attempts.values() if attempt.tenant_id == query.tenant_id)
            wanted = (attempt for attempt in own if _wants_attempt(query, attempt))
            page = sorted(wanted, key=lambda attempt: attempt.id, reverse=not query.ascending)
            return [_without_bodies(attempt) for attempt in islice(page, query.limit)]

    def search_attempts(self, query: AttemptQuery, rows_max: int) -> FoundAttempts:
        bare = AttemptQuery(query.tenant_id, query.endpoint_id, ascending=query.ascending, after=query.after)
        seen = self.list_attempts(bare._replace(limit=rows_max))
        found = [attempt for attempt in seen if _wants_attempt(query, attempt)]
        stopped = len(seen) == rows_max and len(found) < query.limit
        return FoundAttempts(found[: query.limit], seen[-1].id if stopped else None)

    def get_attempt(self, tenant_id: str, attempt_id: str) -> Attempt | None:
        with self._tables as tables:
            attempt = tables.attempts.get((tenant_id, attempt_id))
            if attempt is None or attempt.event_id is None:
                return attempt
            stored = tables.events.get((tenant_id, attempt.event_id))
            if stored is not None and stored.event.redacted:  # in steps: the event comes first
                return attempt.without_bodies()
            if stored is None or attempt.request_body is not None:
                return attempt
            return attempt._replace(request_body=attempt.body_head + stored.event.data + attempt.body_tail)

    def day_counts(self, tenant_id: str, endpoint_id: str, since_day: str) -> Sequence[DayCount]:
        with self._tables as tables:
            own = (item for item in tables.days.items() if item[0][:2] == (tenant_id, endpoint_id))
            return sorted(DayCount(day, *counts) for (_, _, day), counts in own if day >= since_day)

    def tenant_day_counts(self, tenant_id: str, since_day: str) -> Sequence[DayCount]:
        with self._tables as tables:
            sums: dict[str, DayCount] = {}
            for (owner, _, day), (succeeded, failed) in tables.days.items():
                if owner == tenant_id and day >= since_day:
                    before = sums.get(day, DayCount(day, 0, 0))
                    sums[day] = DayCount(day, before.succeeded + succeeded, before.failed + failed)
            return sorted(sums.values())

    def day_counts_of(
        self, tenant_id: str, endpoint_ids: Sequence[str], since_day: str
    ) -> Mapping[str, Sequence[DayCount]]:
        wanted = set(endpoint_ids)
        found: dict[str, list[DayCount]] = {}
        with self._tables as tables:
            for (owner, endpoint_id, day), counts in sorted(tables.days.items()):
                if owner == tenant_id and endpoint_id in wanted and day >= since_day:
                    found.setdefault(endpoint_id, []).append(DayCount(day, *counts))
        return found


def _wants_event(tables: MemoryTables, query: EventQuery, stored: StoredEvent) -> bool:
    event = stored.event
    return (
        (query.type is None or event.type == query.type)
        and (query.channel is None or event.channel == query.channel)
        and (query.patterns is None or any(fnmatchcase(event.type, pattern) for pattern in query.patterns))
        and (query.channels is None or event.channel in query.channels)
        and _within(event.accepted_at, query.since, query.until)
        and (query.after is None or (stored.seq > query.after if query.ascending else stored.seq < query.after))
        and (query.endpoint_id is None or _was_meant_for(tables, event, query.endpoint_id))
    )


def _wants_attempt(query: AttemptQuery, attempt: Attempt) -> bool:
    return (
        (query.endpoint_id is None or attempt.endpoint_id == query.endpoint_id)
        and (query.event_id is None or attempt.event_id == query.event_id)
        and (query.outcome is None or _succeeded(attempt.outcome) is _succeeded(query.outcome))
        and (query.event_type is None or attempt.event_type == query.event_type)
        and _within(attempt.at, query.since, query.until)
        and (query.after is None or (attempt.id > query.after if query.ascending else attempt.id < query.after))
    )


def _succeeded(outcome: str) -> bool:
    return outcome == Outcome.SUCCEEDED


def _within(moment: int, since: int | None, until: int | None) -> bool:
    """`since` is part of the span, `until` is not, so that spans can be laid end to end."""
    return (since is None or moment >= since) and (until is None or moment < until)


def _was_meant_for(tables: MemoryTables, event: Event, endpoint_id: str) -> bool:
    if endpoint_id in _pending(tables, event.tenant_id, event.id):
        return True
    return any(attempt.endpoint_id == endpoint_id for attempt in tables.attempts_of(event.tenant_id, event.id))


def _pending(tables: MemoryTables, tenant_id: str, event_id: str) -> dict[str, Delivery]:
    rows = (row for row in tables.deliveries() if row.tenant_id == tenant_id and row.event_id == event_id)
    return {row.endpoint_id: row for row in rows}


def _is_behind(tables: MemoryTables, row: Delivery) -> bool:
    queue = tables.queues[row.tenant_id, row.endpoint_id].values()
    return any(other.ordering_key == row.ordering_key and other.seq < row.seq for other in queue)


def _place(attempt: Attempt) -> tuple[int, bool, str]:
    """Where an attempt stands in its delivery's story. A record of an end without a request has the number of the
    last request, and comes after it."""
    return attempt.number, attempt.final, attempt.id


def _line(attempt: Attempt) -> Line:
    return Line(attempt.number, attempt.outcome, attempt.final, attempt.status_code, attempt.superseded)


def _progress_at(endpoint_id: str, pending: Delivery | None, last: Line | None) -> EndpointProgress:
    if last is None:
        return EndpointProgress(endpoint_id, pending, 0, None, False, None)
    return EndpointProgress(endpoint_id, pending, last.number, last.outcome, last.final, last.status_code)


def _without_bodies(attempt: Attempt) -> Attempt:
    return attempt._replace(
        request_headers=b"",
        request_body=None,
        body_head=b"",
        body_tail=b"",
        response_headers=None,
        response_body=None,
    )
