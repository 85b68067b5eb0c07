"""Reading the log page by page, for stores that keep it in SQL: how a page is found and what its rows become.

A page is found by walking an index by key, a bounded number of rows at a time, each step a read of its own: so no read
lasts, however rare what is looked for. A walk's query is written for the newest first; the other direction is made from
the same text. Runs no SQL itself.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple

import msgspec

from ringback.model.attempt import Attempt, Line, Outcome, standing
from ringback.model.event import Delivery
from ringback.store.port import AttemptQuery, DayCount, EndpointProgress, EventQuery, ReplayCandidate, ReplayPage

STEP_ROWS: Final = 2_000
"""How many rows a walk that filters looks at in one step."""
LOOK_ROWS: Final = 20_000
"""How many rows of the stream a replay looks at in one read."""
LAST_SEQ: Final = (1 << 63) - 1
LAST_ID: Final = "\U0010ffff"
_DAYS: Final = msgspec.json.Decoder(list[DayCount])


class Step(NamedTuple):
    """One step of a walk: what of it is wanted, how many rows it looked at, and where it ended."""

    found: Sequence[Any]
    looked_at: int
    last: Any


class Walked(NamedTuple):
    """What a walk found, and the place at which it stopped before it had enough (None: it did not)."""

    found: list[Any]
    place: Any


def walk(
    read: Callable[[Any, int], Step],
    filters: Mapping[str, Any],
    start: object,
    limit: int,
    *,
    rows_max: int | None = None,
    step_rows: int = STEP_ROWS,
) -> Walked:
    """The first `limit` of what the steps find that `read(place, rows to look at)` takes from `start` on. No step is
    begun once `rows_max` rows were looked at (None: as many as there are)."""
    filtered = any(value is not None for key, value in filters.items() if key not in ("tenant_id", "after"))
    rows = step_rows if filtered else limit
    left = rows_max
    found: list[Any] = []
    while len(found) < limit:
        rows = rows if left is None else min(rows, left)
        step = read(start, rows)
        found += step.found
        if step.looked_at < rows:
            break
        start = step.last
        left = None if left is None else left - rows
        if left == 0 and len(found) < limit:
            return Walked(found, start)
    return Walked(found[:limit], None)


def filters_of(query: EventQuery | AttemptQuery) -> dict[str, Any]:
    """What of a query its statement is given."""
    return {name: value for name, value in query._asdict().items() if name not in ("ascending", "limit")}


def start_of_events(query: EventQuery) -> int:
    if query.after is not None:
        return query.after
    return 0 if query.ascending else LAST_SEQ


def start_of_attempts(query: AttemptQuery) -> str:
    if query.after is not None:
        return query.after
    return "" if query.ascending else LAST_ID


def walk_of(query: AttemptQuery) -> str:
    """The walk that looks at the fewest rows."""
    if query.event_id is not None:
        return "walk_attempts_of_event"
    failed = query.outcome == Outcome.FAILED
    if query.endpoint_id is not None:
        return "walk_failures_of_endpoint" if failed else "walk_attempts_of_endpoint"
    return "walk_failures_of_tenant" if failed else "walk_attempts_of_tenant"


def other_way_round(query: str, after: str) -> str:
    """A walk that is written for the newest first, for the oldest first. `after` is how it spells its place."""
    return (
        query.replace(f"< {after}", f"> {after}")
        .replace(" DESC LIMIT", " LIMIT")
        .replace("count(*), min(", "count(*), max(")
    )


def progress_of(pending: Sequence[Delivery], story: Sequence[Any]) -> list[EndpointProgress]:
    """Where an event stands, by its deliveries and its lines in the log (endpoint, number, outcome, final, status,
    superseded), which are in the order of endpoint, number, final, id."""
    queued = {row.endpoint_id: row for row in pending}
    last = {
        endpoint_id: standing(Line(*columns) for _, *columns in lines)
        for endpoint_id, lines in groupby(story, key=itemgetter(0))
    }
    return [_progress(name, queued.get(name), last.get(name)) for name in sorted({*queued, *last})]


def attempt_of(columns: Sequence[Any]) -> Attempt:
    """A row of the log, whatever its store has for truth."""
    attempt = Attempt(*columns)
    return attempt._replace(
        final=bool(attempt.final),
        superseded=bool(attempt.superseded),
        response_truncated=bool(attempt.response_truncated),
        maybe_repeated=bool(attempt.maybe_repeated),
    )


def whole_attempt(columns: Sequence[Any]) -> Attempt:
    """A row of the log with the data of its event as the last column (None: that is not kept)."""
    *own, data = columns
    attempt = attempt_of(own)
    if data == b"":  # redacted, in steps: the event comes first
        return attempt.without_bodies()
    if attempt.request_body is None and data is not None:
        return attempt._replace(request_body=attempt.body_head + data + attempt.body_tail)
    return attempt


def replay_page_of(
    candidates: Sequence[ReplayCandidate],
    seen: tuple[int, int | None],
    spanned: tuple[int, int | None],
    limit: int,
) -> ReplayPage:
    """A page from what one read found: how many rows it looked at and how many of these were in the span, each with
    the last one's place."""
    if spanned[0] == limit:
        return ReplayPage(candidates, spanned[1])
    return ReplayPage(candidates, seen[1] if seen[0] == LOOK_ROWS else None)


def _progress(endpoint_id: str, pending: Delivery | None, last: Line | None) -> EndpointProgress:
    if last is None:
        return EndpointProgress(endpoint_id, pending, 0, None, False, None)
    return EndpointProgress(endpoint_id, pending, last.number, last.outcome, bool(last.final), last.status_code)


def decode_days(text: str) -> list[DayCount]:
    """An endpoint's figures, gathered into one JSON text: of a thousand endpoints the rows alone would take longer."""
    return _DAYS.decode(text)
