"""The form of a webhook: make one, change one; what its request would be and which events it would get, while typing.

Everything on it works by sending the form: with `do` set it is shown again, with the request or the tried events beside
it, and nothing is saved. The parts for scripts (`check-url`, `preview`, `try`) take the same form.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from starlette.responses import Response

from ringback.console.page import Page
from ringback.console.routing import Need, PageRoute
from ringback.console.signing import contract_named, signs_of
from ringback.console.trigger_details import TITLES, Detail, details_of
from ringback.console.webhook_fields import (
    SHOWN,
    Posted,
    Read,
    at_fields,
    first_values,
    read_form,
    values_of,
    values_posted,
)
from ringback.console.webhook_search import name_of
from ringback.console.words import words_of
from ringback.control.endpoints import Changed
from ringback.control.paging import PageRequest
from ringback.control.rules import Source, Trial
from ringback.control.samples import Preview
from ringback.model.endpoint import AuthType, Endpoint
from ringback.model.errors import FieldError, Invalid, NotFound, Refused, SecretUnreadable
from ringback.model.limits import PAGE_ITEMS_MAX
from ringback.model.tenant import Tenant
from ringback.policy.match import ANY, valid_event_type
from ringback.wire.contract import Contract

TYPES_SHOWN_MAX: Final = 500
TRIED_EVENTS: Final = 20
_SETS_SHOWN: Final = 100
_EXAMPLE_URL: Final = "https://your-receiver.example/"
_URL_FIELDS: Final = ("url", "query")


class Offered(NamedTuple):
    """An event type that can be chosen: what it is called, what the catalogue says of it."""

    name: str
    title: str
    description: str
    deprecated: bool


class Looked(NamedTuple):
    """What a look at a form has found: the request that it would make, or why there is none."""

    preview: Preview | None = None
    without_url: bool = False
    errors: Sequence[FieldError] = ()
    problem: str = ""


class Form(NamedTuple):
    """What one asking is about: the tenant, the webhook that is changed (None: a new one), the contract chosen."""

    page: Page
    tenant: Tenant
    before: Endpoint | None
    profile: str
    contract: Contract | None

    @property
    def details(self) -> Sequence[Detail]:
        return details_of(self.profile)

    @property
    def signatures(self) -> Sequence[str]:
        return () if self.contract is None else self.contract.signatures

    def read(self) -> Read:
        posted = Posted(self.page.form, self.page.forms)
        return read_form(posted, self.details, self.signatures, self.before)


def new(page: Page) -> Response:
    """An empty form."""
    form = _form(page)
    offered = _types(form)
    values = first_values(form.profile, all_events=not offered)
    return _page(form, values, offered=offered)


def edit(page: Page) -> Response:
    """The form of one that is there."""
    before = page.parts.endpoints.get(page.tenant_id, page.names["endpoint"])
    form = _form(page, before)
    return _page(form, values_of(before, form.details), looked=_look(form, _draft_of(before)))


def create_webhook(page: Page) -> Response:
    """Make it; or, with `do` set, look at what it would be."""
    form = _form(page)
    if page.form.get("do"):
        return _shown_again(form)
    read = form.read()
    if read.errors:
        return _refused(form, read)
    try:
        changed = page.parts.endpoints.create(
            page.tenant_id, read.fields, created_by=page.actor, by_operator=page.by_operator
        )
    except Refused as error:
        return _refused(form, read, error)
    return _done(page, changed, "create_webhook", f"The webhook {name_of(changed.endpoint)} is made.")


def change_webhook(page: Page) -> Response:
    """Change it; or, with `do` set, look at what it would be."""
    before = page.parts.endpoints.get(page.tenant_id, page.names["endpoint"])
    form = _form(page, before)
    if page.form.get("do"):
        return _shown_again(form)
    read = form.read()
    if read.errors:
        return _refused(form, read)
    try:
        changed = page.parts.endpoints.update(
            page.tenant_id, before.id, read.fields, page.parts.secrets, page.actor, by_operator=page.by_operator
        )
    except Refused as error:
        return _refused(form, read, error)
    said = "It is saved."
    if "auth" not in read.fields and changed.endpoint.auth.type is not before.auth.type:
        said += " The URL is of another host now, so the credentials were dropped: set them anew if it needs any."
    return _done(page, changed, "change_webhook", said)


def check_url(page: Page) -> Response:
    """What is wrong with the URL, as far as it is typed: the check that saving makes."""
    form = _form(page, _before(page))
    wrong = [error for error in _wrong_with(form, form.read()) if error.field in _URL_FIELDS]
    return page.render("_url_check.html", wrong=wrong, given=bool(page.form.get("url", "").strip()))


def preview(page: Page) -> Response:
    """The request beside the form."""
    form = _form(page, _before(page))
    return page.render("_form_preview.html", looked=_look_at_form(form))


def try_filter(page: Page) -> Response:
    """Which of the last events it would get, and why not the others."""
    form = _form(page, _before(page))
    return page.render("_tried.html", **_tried(form))


def _before(page: Page) -> Endpoint | None:
    """The webhook that the form says it changes. Raises NotFound."""
    endpoint_id = page.form.get("webhook")
    return page.parts.endpoints.get(page.tenant_id, endpoint_id) if endpoint_id else None


def _form(page: Page, before: Endpoint | None = None) -> Form:
    tenant = page.parts.tenants.get(page.tenant_id)
    profile = page.form.get("profile") or (tenant.profile if before is None else before.profile)
    return Form(page, tenant, before, profile, contract_named(page, profile))


def _shown_again(form: Form) -> Response:
    """The form as it was sent, with what was asked for beside it."""
    do = form.page.form["do"]
    values = values_posted(Posted(form.page.form, form.page.forms))
    more = _tried(form) if do == "try" else {}
    return _page(form, values, looked=_look_at_form(form), **more)


def _refused(form: Form, read: Read, error: Refused | None = None) -> Response:
    """The form with what is wrong with it, all at once. Raises `error` where there is nothing to be mended."""
    if isinstance(error, NotFound):
        raise error
    values = values_posted(Posted(form.page.form, form.page.forms))
    status, problem = (422, "") if error is None else (error.status, "" if error.errors else error.detail)
    errors = _wrong_with(form, read) if error is None else at_fields(error.errors)
    return _page(form, values, status=status, errors=errors, problem=problem)


def _wrong_with(form: Form, read: Read) -> list[FieldError]:
    """Everything that is wrong, at the fields of the form."""
    found = list(read.errors)
    endpoint_id = None if form.before is None else form.before.id
    try:
        form.page.parts.endpoints.draft(form.page.tenant_id, read.fields, endpoint_id)
    except Refused as error:
        found += error.errors
    return at_fields(found)


def _look_at_form(form: Form) -> Looked:
    read = form.read()
    if read.errors:
        return Looked(errors=_wrong_with(form, read))
    endpoint_id = None if form.before is None else form.before.id
    parts, tenant_id, without_url = form.page.parts, form.page.tenant_id, False
    try:
        draft = parts.endpoints.draft(tenant_id, read.fields, endpoint_id)
    except Invalid as error:
        if {one.field for one in error.errors} != {"url"}:
            return Looked(errors=at_fields(error.errors))
        # The rest can be looked at before there is a URL.
        without_url = True
        try:
            draft = parts.endpoints.draft(tenant_id, {**read.fields, "url": _EXAMPLE_URL}, endpoint_id)
        except Invalid as other:
            return Looked(errors=at_fields(other.errors))
    except Refused as error:
        return Looked(problem=error.detail)
    return _look(form, draft)._replace(without_url=without_url)


def _draft_of(endpoint: Endpoint) -> Endpoint:
    """A stored webhook to be looked at; one without a URL gets an example's."""
    return endpoint if endpoint.url else replace(endpoint, url=_EXAMPLE_URL)


def _look(form: Form, draft: Endpoint) -> Looked:
    try:
        return Looked(form.page.parts.samples.preview_of(draft))
    except Refused as error:
        return Looked(errors=at_fields(error.errors), problem="" if error.errors else error.detail)
    except SecretUnreadable as error:
        return Looked(problem=error.detail)


def _tried(form: Form) -> dict[str, Any]:
    """The last events, judged by what the form says: for `_tried.html`."""
    read = form.read()
    source = Source(last=TRIED_EVENTS)
    trial: Trial | None = None
    errors: Sequence[FieldError] = [one for one in read.errors if one.field == "filter"]
    if not errors:
        try:
            trial = form.page.parts.rules.try_filter(form.page.tenant_id, read.fields, source)
        except Invalid as error:
            errors = error.errors
    return {"trial": trial, "trial_errors": at_fields(errors)}


def _page(
    form: Form,
    values: Mapping[str, Any],
    *,
    looked: Looked | None = None,
    offered: Sequence[Offered] | None = None,
    **more: Any,
) -> Response:
    page, before = form.page, form.before
    types = _types(form) if offered is None else offered
    known = {ANY, *(one.name for one in types)}
    chosen = list(values.get("event_types", ()))
    others = [one for one in chosen if one not in known]
    more.setdefault("trial", None)
    more.setdefault("trial_errors", ())
    return page.render(
        "webhook_form.html",
        **more,
        before=before,
        name="" if before is None else name_of(before),
        tenant=form.tenant,
        words=words_of(form.profile),
        values={"more_types": "\n".join(others), **values},
        chosen=chosen,
        types=types,
        tried_events=TRIED_EVENTS,
        details=form.details,
        profile=form.profile,
        contract=form.contract,
        signatures=form.signatures,
        profiles=_profiles(page),
        sets=[one.name for one in page.parts.tracked_sets.list(page.tenant_id, PageRequest(_SETS_SHOWN)).items],
        looked=looked,
        shown_fields=SHOWN,
        auth_kept=before is not None and before.auth.type is not AuthType.NONE,
    )


def _profiles(page: Page) -> list[tuple[str, str]]:
    found = page.parts.profiles.list(PageRequest(PAGE_ITEMS_MAX)).items
    return [(one.name, f"{one.name}: {one.contract.profile.title}") for one in found if one.contract is not None]


def _types(form: Form) -> list[Offered]:
    """What can be chosen: the profile's own, then the catalogue's, then what the webhook names already."""
    samples = () if form.contract is None else form.contract.samples
    found = {name: Offered(name, TITLES.get(name, ""), "", deprecated=False) for name in samples}
    cursor = None
    while len(found) < TYPES_SHOWN_MAX:
        listed = form.page.parts.event_types.list(PageRequest(PAGE_ITEMS_MAX, cursor))
        for one in listed.items:
            title = TITLES.get(one.name, "") if one.name in found else ""
            found[one.name] = Offered(one.name, title, one.description, one.deprecated)
        cursor = listed.next_cursor
        if cursor is None:
            break
    for pattern in () if form.before is None else form.before.event_types:
        if valid_event_type(pattern):
            found.setdefault(pattern, Offered(pattern, "", "", deprecated=False))
    return list(found.values())


def _done(page: Page, changed: Changed, action: str, said: str) -> Response:
    """On to the webhook; where a secret was made it is shown first, and then never again unless somebody reveals it."""
    endpoint = changed.endpoint
    if changed.secret is None:
        return page.redirect(page.address("webhooks", endpoint.id), said=said)
    # Not a redirect, since a secret can't be in an address: so what was done is written down here.
    page.parts.trail.record(page.actor, f"console.{action}", page.tenant_id, f"endpoint {endpoint.id}")
    signs = signs_of(page, endpoint)
    return page.render(
        "webhook_made.html", status=201 if action == "create_webhook" else 200, one=endpoint, name=name_of(endpoint),
        said=said, revealed=changed.secret, signs=signs,
    )  # fmt: skip


_ALL: Final = "/t/{tenant}/webhooks"
ROUTES = (
    PageRoute("GET", f"{_ALL}/new", Need.CHANGE, new),
    PageRoute("POST", f"{_ALL}/new", Need.CHANGE, create_webhook),
    PageRoute("POST", f"{_ALL}/check-url", Need.CHANGE, check_url),
    PageRoute("POST", f"{_ALL}/preview", Need.CHANGE, preview),
    PageRoute("POST", f"{_ALL}/try", Need.CHANGE, try_filter),
    PageRoute("GET", f"{_ALL}/{{endpoint}}/edit", Need.CHANGE, edit),
    PageRoute("POST", f"{_ALL}/{{endpoint}}/edit", Need.CHANGE, change_webhook),
)
