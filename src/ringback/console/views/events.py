"""Events: what was accepted, to whom it went and to whom not, why not, and sending it again."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from starlette.responses import Response

from ringback.console.moments import parse_span, shown_again
from ringback.console.page import Page
from ringback.console.routing import Need, PageRoute
from ringback.console.views.runs import sees_bodies
from ringback.control.event_reach import AsOf
from ringback.control.events import EventFilter
from ringback.control.paging import PageRequest
from ringback.model.attempt import Attempt, DeliveryState
from ringback.model.errors import FieldError, NotFound
from ringback.model.event import OPERATIONS, RECORD, Event

EVENTS_SHOWN: Final = 50
ENDPOINTS_SHOWN: Final = 100
ENDPOINTS_OFFERED_MAX: Final = 100
_FILTERS: Final = ("type", "channel", "endpoint_id", "since", "until")
_MAKERS: Final = {None: "an application", RECORD: "a record's change", OPERATIONS: "Ringback itself"}


class Made(NamedTuple):
    """Who made an event; `trigger_id` where a trigger did."""

    by: str
    trigger_id: str | None = None


def events(page: Page) -> Response:
    """Those that were accepted, newest first; or straight on to the one that is looked for by its id."""
    which, errors = _which(page)
    wanted = page.query.get("id", "").strip()
    if wanted:
        with suppress(NotFound):
            return page.redirect(page.address("events", page.parts.events.get(page.tenant_id, wanted).id))
        errors.append(FieldError("id", "is no event that is kept"))
    given = {name: page.query.get(name, "") for name in _FILTERS}
    cursor = page.query.get("cursor") or None
    found = page.parts.events.search(page.tenant_id, which, PageRequest(EVENTS_SHOWN, cursor))
    here = page.address("events", **given)
    return page.render(
        "events.html",
        status=422 if errors else 200,
        errors=errors,
        events=found.items,
        searched=found.next_cursor is not None and len(found.items) < EVENTS_SHOWN,
        webhooks=_webhooks_to_choose(page),
        given={
            **given,
            "id": wanted,
            "since": shown_again(which.since, given["since"]),
            "until": shown_again(which.until, given["until"]),
        },
        filtered=any(given.values()),
        here=here,
        first=cursor is None,
        newest=here if cursor else None,
        older=page.address("events", **given, cursor=found.next_cursor) if found.next_cursor else None,
    )


def event(page: Page) -> Response:
    """One event, and where it is."""
    shown = page.parts.events.get(page.tenant_id, page.names["event"])
    cursor = page.query.get("cursor") or None
    reach = page.parts.events.reach(page.tenant_id, shown.id, PageRequest(ENDPOINTS_SHOWN, cursor))
    went = [one for one in reach.items if one.status is not None]
    missed = [one for one in reach.items if one.unreached is not None]
    older = page.address("events", shown.id, cursor=reach.next_cursor) if reach.next_cursor else None
    return page.render(
        "event.html",
        event=shown,
        made=_maker(page, shown),
        changed=json.loads(shown.changed) if shown.changed else (),
        bodies=sees_bodies(page),
        went=went,
        missed=missed,
        of_now=any(one.unreached is not None and one.unreached.as_of is AsOf.NOW for one in missed),
        runs=_latest(page.parts.attempts.of_event(page.tenant_id, shown.id)),
        pending=any(one.status is not None and one.status.state is DeliveryState.PENDING for one in went),
        here=page.address("events", shown.id, cursor=cursor),
        newest=page.address("events", shown.id) if cursor else None,
        older=older,
    )


def resend_event(page: Page) -> Response:
    """Again to all that it was meant for, or to one webhook."""
    event_id, endpoint_id = page.names["event"], page.form.get("endpoint_id") or None
    queued = page.parts.events.resend(page.tenant_id, event_id, endpoint_id)
    said = "Nothing was sent: it was meant for no webhook that is still there."
    if queued:
        said = "It is queued again." if queued == 1 else f"It is queued again for {queued} webhooks."
    return page.redirect(page.address("events", event_id), said=said)


def _which(page: Page) -> tuple[EventFilter, list[FieldError]]:
    query = page.query
    since, until, errors = parse_span(query)
    return EventFilter(
        type=query.get("type", "").strip() or None,
        channel=query.get("channel", "").strip() or None,
        since=since,
        until=until,
        endpoint_id=query.get("endpoint_id", "").strip() or None,
    ), errors


def _webhooks_to_choose(page: Page) -> Sequence[tuple[str, str]] | None:
    """(id, name) of the tenant's webhooks; None: there are too many to choose from."""
    some = page.parts.endpoints.list(page.tenant_id, PageRequest(ENDPOINTS_OFFERED_MAX))
    return None if some.next_cursor else [(one.id, one.label or one.id) for one in some.items]


def _latest(runs: Sequence[Attempt]) -> Mapping[str, Attempt]:
    """The latest run of each webhook; they come newest first."""
    latest: dict[str, Attempt] = {}
    for run in runs:
        latest.setdefault(run.endpoint_id, run)
    return latest


def _maker(page: Page, shown: Event) -> Made:
    if shown.origin in _MAKERS:
        return Made(_MAKERS[shown.origin])
    with suppress(NotFound):
        return Made(f"the trigger {page.parts.triggers.get(page.tenant_id, shown.origin or '').name}", shown.origin)
    return Made("a trigger that was deleted")


ROUTES = (
    PageRoute("GET", "/t/{tenant}/events", Need.VIEW, events),
    PageRoute("GET", "/t/{tenant}/events/{event}", Need.VIEW, event),
    PageRoute("POST", "/t/{tenant}/events/{event}/resend", Need.CHANGE, resend_event),
)
