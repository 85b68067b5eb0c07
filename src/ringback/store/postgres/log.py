"""Reading the PostgreSQL store's log, page by page.

A page is found by walks (`store.log_reading`). Events become visible in another order than they are numbered: whoever
lists them oldest first keeps a place, and is shown nothing that another one may still come before (see `floor`). Of
days that can't hold what is looked for no partition is read.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ringback.model.attempt import Attempt
from ringback.model.event import Delivery, Event
from ringback.store.log_reading import (
    LAST_SEQ,
    STEP_ROWS,
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
from ringback.store.postgres.again import tried_again
from ringback.store.postgres.connection import Database, PostgresPart
from ringback.store.postgres.endings import names_of
from ringback.store.postgres.session import Session
from ringback.store.queries import load
from ringback.times import DAY_MS

_SQL: Final = load("postgres")
_AFTER: Final = "%(after)s"
QUIET_ROWS: Final = 500
"""An endpoint with fewer attempts and deliveries is quiet: its events are found by them."""
# A transaction of intake takes some milliseconds; so long a listing waits for those that are open.
_LISTING_LOOKS: Final = 10
_LOOK_EVERY_S: Final = 0.02


class PostgresLog(PostgresPart):
    """`Log` and `NumberGiving`."""

    def list_events(self, query: EventQuery) -> Sequence[StoredEvent]:
        return self._events(query, None).events

    def search_events(self, query: EventQuery, rows_max: int) -> FoundEvents:
        return self._events(query, rows_max)

    def _events(self, query: EventQuery, rows_max: int | None) -> FoundEvents:
        filters = filters_of(query)
        if query.patterns is not None:
            filters["patterns"] = [like(pattern) for pattern in query.patterns]
        if query.channels is not None:
            filters["channels"] = list(query.channels)
        floor = LAST_SEQ
        if query.ascending:
            with self._db.reading() as session:
                latest = latest_place(session, query.tenant_id, LAST_SEQ)
                floor = raised_to(self._db, session, latest, _LISTING_LOOKS)
        filters["floor"] = floor
        found, place = self._of_quiet_endpoint(filters, query), None
        if found is None:
            name = "walk_events" if query.endpoint_id is None else "walk_events_of_endpoint"
            found, place = self._walk(name, filters, start_of_events(query), query, rows_max)
        rows = self._load("load_events", "seqs", query.tenant_id, found)
        return FoundEvents([StoredEvent(seq, Event(*row)) for seq, *row in rows], place)

    def stream_end(self, tenant_id: str) -> int:
        with self._db.reading() as session:
            latest = latest_place(session, tenant_id, LAST_SEQ)
            return min(latest, raised_to(self._db, session, latest, 1))

    def get_event(self, tenant_id: str, event_id: str) -> Event | None:
        with self._db.reading() as session:
            found = session.first(_SQL["events_by_id"], {"tenant_id": tenant_id, "ids": [event_id]})
        return None if found is None else Event(*found)

    def missed(self, tenant_id: str, event_id: str) -> str | None:
        with self._db.reading() as session:
            found = session.first(_SQL["who_missed_event"], {"tenant_id": tenant_id, "event_id": event_id})
        return None if found is None else found[0]

    def event_by_number(self, tenant_id: str, number: int) -> Event | None:
        with self._db.reading() as session:
            found = session.first(_SQL["event_by_number"], {"tenant_id": tenant_id, "number": number})
        return None if found is None else Event(*found)

    @tried_again
    def number_events(self, tenant_id: str, numbers: Sequence[tuple[str, int]]) -> Sequence[str]:
        asked = dict(numbers)
        with self._db.writing() as session:
            own = {"tenant_id": tenant_id, "ids": list(asked)}
            times = dict(session.rows(_SQL["lock_events_without_number"], own))
            first_asked: dict[int, str] = {}
            for event_id in times:
                first_asked.setdefault(asked[event_id], event_id)
            claims = {
                "tenant_id": tenant_id,
                "keys": [str(number) for number in first_asked],
                "ids": list(first_asked.values()),
            }
            given = {event_id for (event_id,) in session.rows(_SQL["claim_numbers"], claims)} if times else set()
            if given:
                gifts = names_of([(event_id, times[event_id]) for event_id in given])
                numbered = [asked[event_id] for event_id in gifts["ids"]]
                session.change(_SQL["number_events"], {"tenant_id": tenant_id, "numbers": numbered, **gifts})
        return [event_id for event_id in asked if event_id in times and event_id not in given]

    def progress(self, tenant_id: str, event_id: str) -> Sequence[EndpointProgress]:
        name = {"tenant_id": tenant_id, "event_id": event_id}
        with self._db.snapshot() as session:
            pending = [Delivery(*row) for row in session.rows(_SQL["pending_deliveries"], name)]
            story = session.rows(_SQL["story_of_event"], name)
        return progress_of(pending, story)

    def behind_others(self, tenant_id: str, event_id: str) -> Sequence[str]:
        with self._db.reading() as session:
            found = session.rows(_SQL["behind_others"], {"tenant_id": tenant_id, "event_id": event_id})
        return sorted(endpoint_id for (endpoint_id,) in found)

    def list_attempts(self, query: AttemptQuery) -> Sequence[Attempt]:
        found = self._walk(walk_of(query), filters_of(query), start_of_attempts(query), query).found
        return [attempt_of(row) for row in self._load("load_attempts", "ids", query.tenant_id, found)]

    def search_attempts(self, query: AttemptQuery, rows_max: int) -> FoundAttempts:
        found, place = self._walk(walk_of(query), filters_of(query), start_of_attempts(query), query, rows_max)
        rows = self._load("load_attempts", "ids", query.tenant_id, found)
        return FoundAttempts([attempt_of(row) for row in rows], place)

    def get_attempt(self, tenant_id: str, attempt_id: str) -> Attempt | None:
        with self._db.reading() as session:
            found = session.first(_SQL["attempt_by_id"], {"tenant_id": tenant_id, "id": attempt_id})
        return None if found is None else whole_attempt(found)

    def day_counts(self, tenant_id: str, endpoint_id: str, since_day: str) -> Sequence[DayCount]:
        asked = {"tenant_id": tenant_id, "endpoint_id": endpoint_id, "since_day": since_day}
        with self._db.reading() as session:
            return [DayCount(*row) for row in session.rows(_SQL["day_counts"], asked)]

    def tenant_day_counts(self, tenant_id: str, since_day: str) -> Sequence[DayCount]:
        asked = {"tenant_id": tenant_id, "since_day": since_day}
        with self._db.reading() as session:
            return [DayCount(*row) for row in session.rows(_SQL["tenant_day_counts"], asked)]

    def day_counts_of(
        self, tenant_id: str, endpoint_ids: Sequence[str], since_day: str
    ) -> Mapping[str, Sequence[DayCount]]:
        asked = {"tenant_id": tenant_id, "endpoint_ids": list(endpoint_ids), "since_day": since_day}
        with self._db.reading() as session:
            return {name: decode_days(days) for name, days in session.rows(_SQL["day_counts_of"], asked)}

    def _of_quiet_endpoint(self, filters: dict[str, Any], query: EventQuery) -> list[tuple[int, int]] | None:
        """(place, time) of the first events of an endpoint that has few; None where it has many, or none is named.

        What a walk would look for in the tenant's stream is found by the endpoint's own rows here.
        """
        if query.endpoint_id is None:
            return None
        times = _span(query.since, query.until)
        asked = {**filters, **times, "step": QUIET_ROWS, "last": query.after, "from_at": times["since"] - DAY_MS}
        with self._db.reading() as session:
            if query.ascending and query.after is not None:
                at = session.first(_SQL["time_of_place"], asked)
                # By another machine's clock what comes after it may have been accepted, and tried, somewhat before.
                asked["from_at"] = max(asked["from_at"], 0 if at is None else at[0] - DAY_MS)
            found = session.rows(_SQL["events_of_quiet_endpoint"], asked)
            if len(found) >= QUIET_ROWS:
                return None
            asked["ids"] = list({event_id for (event_id,) in found if event_id is not None})
            places = session.rows(_SQL["places_of_events"], asked) if asked["ids"] else []
        start, sign = start_of_events(query), 1 if query.ascending else -1
        after = sorted(((seq, at) for seq, at in places if sign * seq > sign * start), reverse=not query.ascending)
        return after[: query.limit]

    def _walk(
        self,
        name: str,
        filters: dict[str, Any],
        start: object,
        query: EventQuery | AttemptQuery,
        rows_max: int | None = None,
    ) -> Walked:
        """(place or id, time) of the first rows after `start` that pass the filters."""
        text = other_way_round(_SQL[name], _AFTER) if query.ascending else _SQL[name]
        times = _span(query.since, query.until)

        def read(after: object, step: int) -> Step:
            with self._db.reading() as session:
                names, ats, looked_at, last = session.first(text, {**filters, **times, "after": after, "step": step})
            return Step(list(zip(names or (), ats or (), strict=True)), looked_at, last)

        # Whether an endpoint has an attempt of an event may have to be looked up in every day.
        step_rows = STEP_ROWS // 4 if name == "walk_events_of_endpoint" else STEP_ROWS
        return walk(read, filters_of(query), start, query.limit, rows_max=rows_max, step_rows=step_rows)

    def _load(self, query: str, column: str, tenant_id: str, found: Sequence[tuple[Any, int]]) -> list[Any]:
        if not found:
            return []
        asked = {"tenant_id": tenant_id, column: [name for name, _ in found], "times": [at for _, at in found]}
        with self._db.reading() as session:
            return session.rows(_SQL[query], asked)


def latest_place(session: Session, tenant_id: str, last: int) -> int:
    """The place of the tenant's latest event that is visible, up to `last` (0: none)."""
    found = session.first(_SQL["latest_place"], {"tenant_id": tenant_id, "last": last})
    return 0 if found is None else int(found[0])


def raised_to(database: Database, session: Session, place: int, looks: int) -> int:
    """The floor, once it has risen to a place, or after so many looks."""
    floor = database.floor.raised(session)
    pause = threading.Event()
    while floor < place and looks > 1:
        pause.wait(_LOOK_EVERY_S)
        floor = database.floor.raised(session)
        looks -= 1
    return floor


def like(pattern: str) -> str:
    """A pattern of event types (`policy.match`) for LIKE: in a type's name only `_` means anything there."""
    words = pattern.removesuffix("*").replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return words + "%" if pattern.endswith("*") else words


def _span(since: int | None, until: int | None) -> dict[str, int]:
    """The time that is asked for, and the days it is in."""
    beginning = 0 if since is None else max(0, since)
    end = LAST_SEQ if until is None else until
    return {
        "since": beginning,
        "until": end,
        "from_day": beginning - beginning % DAY_MS,
        "to_day": LAST_SEQ if until is None else end + -end % DAY_MS,
    }
