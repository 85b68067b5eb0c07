"""Tenants, as whoever runs Ringback has them: list, make, change, delete."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from starlette.responses import Response

from ringback.console.page import Page, address
from ringback.console.routing import Need, PageRoute
from ringback.control.paging import PageRequest
from ringback.control.tenants import RETENTION_DAYS_DEFAULT, TenantFields
from ringback.model.errors import FieldError, Invalid, Refused
from ringback.model.limits import PAGE_ITEMS_MAX
from ringback.model.tenant import Tenant

TENANTS_SHOWN: Final = 50
_NEW: Final = {
    "id": "", "name": "", "profile": "standard", "retention_days": str(RETENTION_DAYS_DEFAULT),
    "webhooks_enabled": "yes", "viewers_see_bodies": "yes",
}  # fmt: skip
_CHECKS: Final = ("webhooks_enabled", "viewers_see_bodies")
# Field, how its text is read, and whether it may be empty.
_NUMBERS: Final[Sequence[tuple[str, Callable[[str], float], bool]]] = (
    ("retention_days", int, False),
    ("events_per_second", float, True),
    ("endpoints_max", int, True),
    ("payload_bytes_max", int, True),
)


def tenants(page: Page) -> Response:
    cursor = page.query.get("cursor") or None
    found = page.parts.tenants.list(PageRequest(TENANTS_SHOWN, cursor))
    older = address("tenants", cursor=found.next_cursor) if found.next_cursor else None
    return page.render("tenants.html", tenants=found.items, newest=address("tenants") if cursor else None, older=older)


def new_tenant(page: Page) -> Response:
    return _form(page, None, _NEW)


def create_tenant(page: Page) -> Response:
    try:
        tenant = page.parts.tenants.create(page.form.get("id", "").strip() or None, _fields(page), None)
    except Refused as error:
        return _refused(page, None, error)
    return page.redirect(address("tenants", tenant.id), said=f"The tenant {tenant.id} is there now.")


def tenant(page: Page) -> Response:
    shown = page.parts.tenants.get(page.names["tenant_id"])
    return _form(page, shown, _values(shown))


def change_tenant(page: Page) -> Response:
    shown = page.parts.tenants.get(page.names["tenant_id"])
    try:
        page.parts.tenants.update(shown.id, _fields(page))
    except Refused as error:
        return _refused(page, shown, error)
    return page.redirect(address("tenants", shown.id), said="Saved.")


def delete_tenant(page: Page) -> Response:
    shown = page.parts.tenants.get(page.names["tenant_id"])
    question = f"Delete the tenant {shown.id} with all its webhooks, events and runs? Nothing brings them back."
    if (asked := page.unsure(question, "Delete it")) is not None:
        return asked
    page.parts.tenants.delete(shown.id)
    return page.redirect(address("tenants"), said=f"The tenant {shown.id} is deleted.")


def _fields(page: Page) -> TenantFields:
    """What was filled in. Raises Invalid for what is no number."""
    form, errors = page.form, []
    fields: dict[str, Any] = {"name": form.get("name", "").strip(), "profile": form.get("profile", "standard")}
    for name in _CHECKS:
        fields[name] = form.get(name) == "yes"
    for name, read, may_be_empty in _NUMBERS:
        text = form.get(name, "").strip()
        try:
            fields[name] = None if not text and may_be_empty else read(text)
        except ValueError:
            errors.append(FieldError(name, "must be a number" if read is float else "must be a whole number"))
    if errors:
        raise Invalid("The form has mistakes.", errors)
    return cast(TenantFields, fields)


def _values(shown: Tenant) -> Mapping[str, str]:
    """The same as the form has it."""
    values = {name: "yes" if getattr(shown, name, True) else "" for name in _CHECKS}
    for name in ("id", "name", "profile", *(name for name, _, _ in _NUMBERS)):
        value = getattr(shown, name)
        values[name] = "" if value is None else f"{value:.15g}" if isinstance(value, float) else str(value)
    return values


def _refused(page: Page, shown: Tenant | None, error: Refused) -> Response:
    problem = "" if error.errors else error.detail
    return _form(page, shown, page.form, errors=error.errors, problem=problem, status=error.status)


def _form(
    page: Page,
    shown: Tenant | None,
    given: Mapping[str, str],
    *,
    errors: Sequence[FieldError] = (),
    problem: str = "",
    status: int = 200,
) -> Response:
    """`shown` None: a new one."""
    names = [known.name for known in page.parts.profiles.list(PageRequest(PAGE_ITEMS_MAX)).items if known.contract]
    chosen = given.get("profile", "")
    offered = names if chosen in names or not chosen else [*names, chosen]
    return page.render(
        "tenant.html",
        shown=shown,
        given=given,
        profiles=[(name, name) for name in offered],
        errors=errors,
        problem=problem,
        status=status,
    )


ROUTES = (
    PageRoute("GET", "/tenants", Need.OPERATE, tenants),
    PageRoute("POST", "/tenants", Need.OPERATE, create_tenant),
    PageRoute("GET", "/new-tenant", Need.OPERATE, new_tenant),
    PageRoute("GET", "/tenants/{tenant_id}", Need.OPERATE, tenant),
    PageRoute("POST", "/tenants/{tenant_id}", Need.OPERATE, change_tenant),
    PageRoute("POST", "/tenants/{tenant_id}/delete", Need.OPERATE, delete_tenant),
)
