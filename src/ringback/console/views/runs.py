"""Runs: every request that was sent, what came of it, and sending it again."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from starlette.responses import Response

from ringback.console.advice import advice_on
from ringback.console.moments import parse_span, shown_again
from ringback.console.page import Page, nothing_here
from ringback.console.routing import Need, PageRoute
from ringback.console.run_shown import (
    HEADERS_SHOWN_MAX,
    differences,
    headers_of,
    sent_request,
    timings_of,
    waterfall,
)
from ringback.console.veil import veiled_run
from ringback.control.attempts import AttemptFilter, Stats
from ringback.control.events import DeliveryStatus
from ringback.control.paging import PageRequest
from ringback.curl import curl_command, curl_remarks
from ringback.model.attempt import Attempt, Outcome
from ringback.model.endpoint import EndpointStatus
from ringback.model.errors import FieldError, NotFound

RUNS_SHOWN: Final = 50
ENDPOINTS_OFFERED_MAX: Final = 100
DAYS_SHOWN: Final = 30
CURL_BYTES_MAX: Final = 64 * 1024
"""A longer body is no line for a shell; `ringback attempts show --curl` has it."""
_OUTCOMES: Final = (("", "all"), ("succeeded", "successful"), ("failed", "failed"))
_FILTERS: Final = ("endpoint_id", "outcome", "type", "since", "until")


class Webhooks(NamedTuple):
    """The names of webhooks by their ids; `all_there`: there are no others."""

    labels: Mapping[str, str]
    all_there: bool


def runs(page: Page) -> Response:
    """All of a tenant, or one webhook's."""
    which, errors = _which(page)
    given = {name: page.query.get(name, "") for name in _FILTERS}
    cursor = page.query.get("cursor") or None
    found = page.parts.attempts.search(page.tenant_id, which, PageRequest(RUNS_SHOWN, cursor))
    older = page.address("runs", **given, cursor=found.next_cursor) if found.next_cursor else None
    webhooks = _webhooks(page, which.endpoint_id)
    sent = _sent(page, which.endpoint_id)
    if sent is None and not found.items and not found.next_cursor and not errors:
        raise nothing_here()
    return page.render(
        "runs.html",
        status=422 if errors else 200,
        errors=errors,
        runs=found.items,
        searched=found.next_cursor is not None and len(found.items) < RUNS_SHOWN,
        labels=_labels_of(page, webhooks, found.items),
        webhooks=webhooks,
        which=which,
        given={
            **given,
            "since": shown_again(which.since, given["since"]),
            "until": shown_again(which.until, given["until"]),
        },
        outcomes=_OUTCOMES,
        here=page.address("runs", **given),
        first=cursor is None,
        newest=page.address("runs", **given) if cursor else None,
        older=older,
        sent=sent,
    )


def run(page: Page) -> Response:
    """One run, whole."""
    attempts = page.parts.attempts
    shown = veiled_run(page, attempts.get(page.tenant_id, page.names["run"]))
    tries = attempts.tries(shown)
    request = sent_request(shown)
    bodies = sees_bodies(page)
    earlier = [one for one in tries if one.id < shown.id and one.url]
    differs = None
    if earlier and shown.url:
        before = veiled_run(page, attempts.get(page.tenant_id, earlier[-1].id))
        differs = differences(before, shown, bodies=bodies)
    timings = timings_of(shown)
    return page.render(
        "run.html",
        run=shown,
        label=_label(page, shown.endpoint_id),
        tries=tries,
        bodies=bodies,
        advice=advice_on(shown),
        timings=timings,
        bars=waterfall(timings) if timings else (),
        request_headers=headers_of(shown.request_headers),
        response_headers=headers_of(shown.response_headers),
        headers_max=HEADERS_SHOWN_MAX,
        curl=curl_command(request) if request and bodies and len(request.body) <= CURL_BYTES_MAX else None,
        curl_remarks=list(curl_remarks(request)) if request else (),
        differs=differs,
        standing=_standing(page, shown),
    )


def resend(page: Page) -> Response:
    """The event of a run again, to the same webhook."""
    sent = page.parts.attempts.get(page.tenant_id, page.names["run"])
    if sent.event_id is None:
        raise nothing_here()
    endpoint = page.parts.endpoints.get(page.tenant_id, sent.endpoint_id)
    page.parts.events.resend(page.tenant_id, sent.event_id, sent.endpoint_id)
    active = endpoint.status is EndpointStatus.ACTIVE
    said = "It is being sent again." if active else "It is queued, and is sent once the webhook is active."
    return page.redirect(page.address("runs", endpoint_id=sent.endpoint_id), said=said)


def sees_bodies(page: Page) -> bool:
    """Whether whoever looks may see what is in requests and answers."""
    return page.may_change or page.parts.tenants.get(page.tenant_id).viewers_see_bodies


def _which(page: Page) -> tuple[AttemptFilter, list[FieldError]]:
    query = page.query
    since, until, errors = parse_span(query)
    outcome = query.get("outcome", "")
    known = outcome in (Outcome.SUCCEEDED, Outcome.FAILED)
    which = AttemptFilter(
        endpoint_id=query.get("endpoint_id") or None,
        outcome=outcome if known else None,
        event_type=query.get("type", "").strip() or None,
        since=since,
        until=until,
    )
    return which, errors


def _webhooks(page: Page, chosen: str | None) -> Webhooks:
    """Those that can be chosen from."""
    some = page.parts.endpoints.list(page.tenant_id, PageRequest(ENDPOINTS_OFFERED_MAX))
    labels = {endpoint.id: endpoint.label or endpoint.id for endpoint in some.items}
    if chosen is not None and chosen not in labels:
        labels[chosen] = _label(page, chosen)
    return Webhooks(labels, some.next_cursor is None)


def _labels_of(page: Page, webhooks: Webhooks, shown: Sequence[Attempt]) -> Mapping[str, str]:
    labels = dict(webhooks.labels)
    for attempt in shown:
        if attempt.endpoint_id not in labels:
            labels[attempt.endpoint_id] = _label(page, attempt.endpoint_id)
    return labels


def _label(page: Page, endpoint_id: str) -> str:
    with suppress(NotFound):
        endpoint = page.parts.endpoints.get(page.tenant_id, endpoint_id)
        return endpoint.label or endpoint.id
    return f"{endpoint_id} (deleted)"


def _sent(page: Page, endpoint_id: str | None) -> Stats | None:
    """What was sent in the last days; None: the webhook is gone, and its figures with it."""
    attempts = page.parts.attempts
    if endpoint_id is None:
        return attempts.tenant_stats(page.tenant_id, DAYS_SHOWN)
    with suppress(NotFound):
        return attempts.stats(page.tenant_id, endpoint_id, DAYS_SHOWN)
    return None


def _standing(page: Page, shown: Attempt) -> DeliveryStatus | None:
    if shown.event_id is None:
        return None
    return page.parts.events.delivery(page.tenant_id, shown.event_id, shown.endpoint_id)


ROUTES = (
    PageRoute("GET", "/t/{tenant}/runs", Need.VIEW, runs),
    PageRoute("GET", "/t/{tenant}/runs/{run}", Need.VIEW, run),
    PageRoute("POST", "/t/{tenant}/runs/{run}/resend", Need.CHANGE, resend),
)
