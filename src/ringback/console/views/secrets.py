"""Signing secrets: show them to those who may see them, and rotate them; a webhook's own, and the tenant's.

A secret is in the answer to the POST that asked for it and nowhere else: not in an address, a cookie or a list. Use
cases write down who saw one.
"""

from typing import Any, Final

from starlette.responses import Response

from ringback.console.page import Page
from ringback.console.routing import Need, PageRoute
from ringback.console.signing import GRACES, signs_of_tenant
from ringback.console.views.webhooks import or_its_page, webhook_page
from ringback.control.secrets import SECRET_GRACE_S_DEFAULT
from ringback.model.errors import FieldError, Invalid, SecretUnreadable

_ROTATED: Final = "There is a new secret. Reveal it, and give it to the receiver."


@or_its_page
def reveal(page: Page) -> Response:
    """A webhook's secret, on its page."""
    endpoint = page.parts.endpoints.get(page.tenant_id, page.names["endpoint"])
    try:
        shown = page.parts.secrets.reveal(page.tenant_id, endpoint.id, page.actor)
    except SecretUnreadable as error:
        return webhook_page(page, endpoint, status=500, problem=error.detail)
    return webhook_page(page, endpoint, revealed=shown)


@or_its_page
def rotate(page: Page) -> Response:
    """A new secret for a webhook."""
    endpoint_id = page.names["endpoint"]
    page.parts.secrets.rotate(page.tenant_id, endpoint_id, page.form.get("secret") or None, _grace_s(page), page.actor)
    return page.redirect(page.address("webhooks", endpoint_id) + "#secret", said=_ROTATED)


def tenant_secret(page: Page) -> Response:
    """The tenant's own secret, and who signs with it."""
    return _tenant_page(page)


def reveal_tenant(page: Page) -> Response:
    """The tenant's secret, on its page."""
    try:
        shown = page.parts.secrets.reveal_tenant(page.tenant_id, page.actor)
    except SecretUnreadable as error:
        return _tenant_page(page, status=500, problem=error.detail)
    return _tenant_page(page, revealed=shown)


def rotate_tenant(page: Page) -> Response:
    """A new secret for the tenant."""
    try:
        page.parts.secrets.rotate_tenant(page.tenant_id, page.form.get("secret") or None, _grace_s(page), page.actor)
    except Invalid as error:
        return _tenant_page(page, status=422, errors=error.errors)
    return page.redirect(page.address("secrets"), said=_ROTATED)


def _tenant_page(page: Page, *, revealed: object = None, **more: Any) -> Response:
    tenant = page.parts.tenants.get(page.tenant_id)
    return page.render(
        "secrets.html", **more, tenant=tenant, revealed=revealed, graces=GRACES, signs=signs_of_tenant(page, tenant)
    )


def _grace_s(page: Page) -> int:
    """Raises Invalid."""
    text = page.form.get("grace_seconds", str(SECRET_GRACE_S_DEFAULT))
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise Invalid("grace_seconds must be a number of seconds.", [FieldError("grace_seconds", "must be a number")])
    return int(text)


_ONE: Final = "/t/{tenant}/webhooks/{endpoint}"
_OWN: Final = "/t/{tenant}/secrets"

ROUTES = (
    PageRoute("POST", f"{_ONE}/reveal", Need.CHANGE, reveal),
    PageRoute("POST", f"{_ONE}/rotate", Need.CHANGE, rotate),
    PageRoute("GET", _OWN, Need.CHANGE, tenant_secret),
    PageRoute("POST", f"{_OWN}/reveal", Need.CHANGE, reveal_tenant),
    PageRoute("POST", f"{_OWN}/rotate", Need.CHANGE, rotate_tenant),
)
