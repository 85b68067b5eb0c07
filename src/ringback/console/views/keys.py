"""The tenant's API keys: which there are, make one, revoke one. A key's text is shown once, when it is made."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from ringback.console.page import Page
from ringback.console.routing import Need, PageRoute
from ringback.control.keys import NewKey
from ringback.control.paging import PageRequest
from ringback.model.errors import FieldError, Invalid
from ringback.model.limits import PAGE_ITEMS_DEFAULT
from ringback.model.tenant import Scope

SCOPES: Final[Mapping[str, str]] = {
    Scope.TENANT: "everything of this tenant",
    Scope.INGEST: "post events, nothing else",
}


def keys(page: Page) -> Response:
    """The keys, newest first."""
    return _page(page)


def create_key(page: Page) -> Response:
    """A new key, which is shown now and never again."""
    label, scope = page.form.get("label", "").strip(), page.form.get("scope", "")
    if scope not in SCOPES:
        return _page(page, status=422, errors=[FieldError("scope", "must be one of those offered")])
    try:
        made = page.parts.keys.create(page.tenant_id, Scope(scope), label)
    except Invalid as error:
        return _page(page, status=422, errors=error.errors)
    # It isn't answered with a redirect, since what is shown once can't be in an address.
    page.parts.trail.record(page.actor, "console.create_key", page.tenant_id, f"key {made.key.id}")
    return _page(page, status=201, made=made)


def delete_key(page: Page) -> Response:
    """Revoke a key, once somebody is sure."""
    question = f"Revoke the key {page.names['key']}? Whoever uses it is refused from then on. This can't be undone."
    if (asked := page.unsure(question, "Revoke it")) is not None:
        return asked
    page.parts.keys.delete(page.tenant_id, page.names["key"])
    return page.redirect(page.address("keys"), said="The key is revoked.")


def _page(page: Page, *, made: NewKey | None = None, **more: Any) -> Response:
    cursor = page.query.get("cursor") or None
    found = page.parts.keys.list(page.tenant_id, PageRequest(PAGE_ITEMS_DEFAULT, cursor))
    return page.render(
        "keys.html", **more, keys=found.items, made=made, scopes=SCOPES, cursor=cursor, next=found.next_cursor
    )


ROUTES = (
    PageRoute("GET", "/t/{tenant}/keys", Need.CHANGE, keys),
    PageRoute("POST", "/t/{tenant}/keys", Need.CHANGE, create_key),
    PageRoute("POST", "/t/{tenant}/keys/{key}/delete", Need.CHANGE, delete_key),
)
