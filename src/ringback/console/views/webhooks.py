"""A tenant's webhooks: the list, which is the tenant's front page, one of them, and what can be done with it."""

from collections.abc import Sequence
from functools import wraps
from typing import Any, Final

from starlette.responses import Response

from ringback.console.page import Page
from ringback.console.routing import Need, PageRoute, View
from ringback.console.signing import GRACES, signs_of
from ringback.console.veil import preview_shown
from ringback.console.webhook_search import SEARCHED_MAX, name_of, search, wanted_of
from ringback.console.words import words_of
from ringback.control.attempts import AttemptFilter
from ringback.control.paging import PageRequest
from ringback.model.endpoint import Endpoint, EndpointStatus
from ringback.model.errors import Conflict, FieldError, Invalid, OverQuota, Refused
from ringback.policy.match import valid_event_type

LAST_RUNS: Final = 10
_SENT: Final = "A test is on its way: its run appears below within moments."


def webhooks(page: Page) -> Response:
    """The list. Search and order are over all, figures are read for what is shown."""
    parts, tenant_id = page.parts, page.tenant_id
    tenant = parts.tenants.get(tenant_id)
    wanted = wanted_of(page.query)
    endpoints = parts.endpoints.oldest(tenant_id, SEARCHED_MAX + 1)
    found = search(endpoints[:SEARCHED_MAX], wanted, lambda ids: parts.attempts.stats_of(tenant_id, ids))
    sending = parts.endpoints.sending([one for one, _ in found.webhooks])

    def at(**changed: Any) -> str:
        asked = wanted._replace(**{"page": 1, **changed})
        return page.address(
            q=asked.text,
            status=asked.status,
            sort=None if asked.sort == "label" else asked.sort,
            order="desc" if asked.descending else None,
            page=None if asked.page == 1 else asked.page,
        )

    return page.render(
        "webhooks.html",
        tenant=tenant,
        words=words_of(tenant.profile),
        wanted=wanted,
        found=found,
        sending=sending,
        at=at,
        any=bool(endpoints),
        too_many=SEARCHED_MAX if len(endpoints) > SEARCHED_MAX else None,
        statuses=tuple(EndpointStatus),
        name_of=name_of,
    )


def webhook(page: Page) -> Response:
    """One of them: whether it is sent to, its figures and last runs, what can be done."""
    return webhook_page(page, _endpoint(page))


def webhook_page(page: Page, endpoint: Endpoint, *, revealed: Any = None, **more: Any) -> Response:
    """Its page; `revealed` is the secret, for whoever has just asked for it."""
    parts, tenant_id = page.parts, page.tenant_id
    runs = parts.attempts.list_of_endpoint(tenant_id, endpoint.id, AttemptFilter(), PageRequest(LAST_RUNS))
    return page.render(
        "webhook.html",
        **more,
        one=endpoint,
        name=name_of(endpoint),
        words=words_of(endpoint.profile),
        tenant=parts.tenants.get(tenant_id),
        stats=parts.attempts.stats(tenant_id, endpoint.id),
        sending=parts.endpoints.sending([endpoint])[endpoint.id],
        failure=parts.endpoints.failures(tenant_id, [endpoint]).get(endpoint.id),
        members=parts.endpoints.tracked_members(endpoint),
        runs=runs,
        signs=signs_of(page, endpoint),
        revealed=revealed,
        graces=GRACES,
    )


def preview(page: Page) -> Response:
    """The exact request that a sample would make."""
    endpoint, event_type = _endpoint(page), page.query.get("event_type", "").strip()
    shown, problem = None, ""
    errors: Sequence[FieldError] = ()
    try:
        made = page.parts.samples.preview(page.tenant_id, endpoint.id, event_type or None)
        shown = preview_shown(page, endpoint, made)
    except Invalid as error:
        errors = error.errors
    except Refused as error:
        problem = error.detail
    return page.render(
        "webhook_preview.html",
        status=422 if errors else 409 if problem else 200,
        errors=errors,
        problem=problem,
        one=endpoint,
        name=name_of(endpoint),
        event_type=event_type,
        types=[one for one in endpoint.event_types if valid_event_type(one)],
        preview=shown,
    )


def or_its_page(change: View) -> View:
    """A change of a webhook that, where it is refused, answers with the webhook's page, which says why."""

    @wraps(change)
    def tried(page: Page) -> Response:
        try:
            return change(page)
        except (Conflict, Invalid, OverQuota) as error:
            errors: Sequence[FieldError] = error.errors
            problem = "" if errors else error.detail
            return webhook_page(page, _endpoint(page), status=error.status, errors=errors, problem=problem)

    return tried


@or_its_page
def activate(page: Page) -> Response:
    """Switch it on; one with a handshake has to prove itself first."""
    one = page.parts.endpoints.activate(page.tenant_id, page.names["endpoint"], by_operator=page.by_operator)
    pending = one.status is EndpointStatus.VERIFICATION_PENDING
    return _back(page, "It has to prove itself first: a request is on its way." if pending else "It is active.")


@or_its_page
def deactivate(page: Page) -> Response:
    page.parts.endpoints.deactivate(page.tenant_id, page.names["endpoint"])
    return _back(page, "It is off: nothing is sent to it until it is activated. What was queued is kept.")


@or_its_page
def verify(page: Page) -> Response:
    """Have it prove itself again."""
    page.parts.endpoints.verify(page.tenant_id, page.names["endpoint"], by_operator=page.by_operator)
    return _back(page, "It is asked to prove itself.")


@or_its_page
def send_test(page: Page) -> Response:
    """Send a sample, for real."""
    event_type = page.form.get("event_type", "").strip()
    page.parts.samples.send(page.tenant_id, page.names["endpoint"], event_type or None)
    return page.redirect(_address(page), said=_SENT)


def delete(page: Page) -> Response:
    """Delete it, once somebody is sure."""
    endpoint = _endpoint(page)
    question = f"Delete the webhook {name_of(endpoint)}? What is queued for it is cancelled. This can't be undone."
    if (asked := page.unsure(question, "Delete it")) is not None:
        return asked
    page.parts.endpoints.delete(page.tenant_id, endpoint.id)
    return page.redirect(page.address(), said=f"The webhook {name_of(endpoint)} is deleted.")


def _endpoint(page: Page) -> Endpoint:
    return page.parts.endpoints.get(page.tenant_id, page.names["endpoint"])


def _address(page: Page) -> str:
    return page.address("webhooks", page.names["endpoint"])


def _back(page: Page, said: str) -> Response:
    return page.redirect(_address(page), said=said)


_ONE: Final = "/t/{tenant}/webhooks/{endpoint}"

LIST_ROUTES = (PageRoute("GET", "/t/{tenant}", Need.VIEW, webhooks),)
# Those of one come after all whose addresses have a word in the place of its id.
ROUTES = (
    PageRoute("GET", _ONE, Need.VIEW, webhook),
    PageRoute("GET", f"{_ONE}/preview", Need.VIEW, preview),
    PageRoute("POST", f"{_ONE}/activate", Need.CHANGE, activate),
    PageRoute("POST", f"{_ONE}/deactivate", Need.CHANGE, deactivate),
    PageRoute("POST", f"{_ONE}/verify", Need.CHANGE, verify),
    PageRoute("POST", f"{_ONE}/test", Need.CHANGE, send_test),
    PageRoute("POST", f"{_ONE}/delete", Need.CHANGE, delete),
)
