"""Sending again what failed: what waits for its next try at once, the rest by a form, a job, and its progress."""

from collections.abc import Mapping, Sequence
from typing import Final

from starlette.responses import Response

from ringback.console.moments import parse_span
from ringback.console.page import Page
from ringback.console.rendering import time_text
from ringback.console.routing import Need, PageRoute
from ringback.control.replays import HASTENED_MAX, ReplayRequest
from ringback.model.endpoint import Endpoint
from ringback.model.errors import FieldError, Invalid, Refused
from ringback.model.job import Which
from ringback.model.limits import STATS_DAYS_MAX
from ringback.times import day_of

_WHICH: Final = (
    (Which.FAILED.value, "what failed"),
    (Which.ALL.value, "everything that this webhook wants now"),
)


def replay_form(page: Page) -> Response:
    """What is to be sent again?"""
    endpoint = page.parts.endpoints.get(page.tenant_id, page.names["endpoint"])
    given = {name: page.query.get(name, "") for name in ("since", "until", "which")}
    return _form(page, endpoint, {**given, "since": given["since"] or _first_failure(page, endpoint)})


def replay(page: Page) -> Response:
    """Begin, once whoever asks is sure."""
    endpoint = page.parts.endpoints.get(page.tenant_id, page.names["endpoint"])
    try:
        request = _request(page)
        if (asked := page.unsure(_question(page, endpoint, request), "Send them again")) is not None:
            return asked
        job = page.parts.replays.start(page.tenant_id, endpoint.id, request)
    except Invalid as error:
        problem = "" if error.errors else error.detail
        return _form(page, endpoint, page.form, status=422, errors=error.errors, problem=problem)
    except Refused as error:
        return _form(page, endpoint, page.form, status=error.status, problem=error.detail)
    return page.redirect(page.address("jobs", job.id))


def hasten(page: Page) -> Response:
    """What failed and waits for its next try: now."""
    endpoint_id = page.names["endpoint"]
    count = page.parts.replays.hasten(page.tenant_id, endpoint_id)
    more = " There are more: press again." if count >= HASTENED_MAX else ""
    said = f"{_counted(count)} tried again now.{more}" if count else "Nothing that failed waits for its next try."
    return page.redirect(page.address("runs", endpoint_id=endpoint_id), said=said)


def _counted(count: int) -> str:
    return "1 delivery is" if count == 1 else f"{count:,} deliveries are"


def job(page: Page) -> Response:
    """How far it is."""
    shown = page.parts.replays.get(page.tenant_id, page.names["job"])
    return page.render("job.html", job=shown, here=page.address("jobs", shown.id))


def cancel_job(page: Page) -> Response:
    """Queue no more of it."""
    page.parts.replays.cancel(page.tenant_id, page.names["job"])
    return page.redirect(page.address("jobs", page.names["job"]))


def _request(page: Page) -> ReplayRequest:
    """Raises Invalid."""
    since, until, errors = parse_span(page.form)
    if since is None and not errors:
        errors.append(FieldError("since", "is needed"))
    which = page.form.get("which", Which.FAILED.value)
    if which not in {one for one, _ in _WHICH}:
        errors.append(FieldError("which", "is not one of these"))
    if errors or since is None:
        raise Invalid("The form has mistakes.", errors)
    return ReplayRequest(since, until, Which(which))


def _question(page: Page, endpoint: Endpoint, request: ReplayRequest) -> str:
    """How much it may be is told by the figures of the days: counting events would take as long as beginning."""
    stats = page.parts.attempts.stats(page.tenant_id, endpoint.id, STATS_DAYS_MAX)
    last = None if request.until is None else day_of(request.until)
    days = [one for one in stats.days if one.day >= day_of(request.since) and (last is None or one.day <= last)]
    what = "what failed" if request.which is Which.FAILED else "everything"
    tries = sum(one.failed if request.which is Which.FAILED else one.failed + one.succeeded for one in days)
    until = "now" if request.until is None else f"{time_text(request.until)} UTC"
    return (
        f"Send {what} to {endpoint.label or endpoint.id} again, from {time_text(request.since)} UTC until {until}? "
        f"In these days there were {tries:,} such runs. What still waits for its next try is left as it is."
    )


def _first_failure(page: Page, endpoint: Endpoint) -> str:
    """The beginning of the first day with failures, of those whose events are kept; "": of none."""
    kept_days = page.parts.tenants.get(page.tenant_id).retention_days
    stats = page.parts.attempts.stats(page.tenant_id, endpoint.id, min(kept_days, STATS_DAYS_MAX))
    return next((f"{one.day}T00:00:00" for one in stats.days if one.failed), "")


def _form(
    page: Page,
    endpoint: Endpoint,
    given: Mapping[str, str],
    *,
    status: int = 200,
    errors: Sequence[FieldError] = (),
    problem: str = "",
) -> Response:
    tenant = page.parts.tenants.get(page.tenant_id)
    return page.render(
        "replay.html",
        status=status,
        errors=errors,
        problem=problem,
        endpoint=endpoint,
        given=given,
        choices=_WHICH,
        kept_days=tenant.retention_days,
    )


ROUTES = (
    PageRoute("GET", "/t/{tenant}/webhooks/{endpoint}/replay", Need.CHANGE, replay_form),
    PageRoute("POST", "/t/{tenant}/webhooks/{endpoint}/replay", Need.CHANGE, replay),
    PageRoute("POST", "/t/{tenant}/webhooks/{endpoint}/hasten", Need.CHANGE, hasten),
    PageRoute("GET", "/t/{tenant}/jobs/{job}", Need.VIEW, job),
    PageRoute("POST", "/t/{tenant}/jobs/{job}/cancel", Need.CHANGE, cancel_job),
)
