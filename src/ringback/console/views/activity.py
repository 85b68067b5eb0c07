"""Who did what: a tenant's activity, and everybody's for whoever runs Ringback."""

import json
from typing import Final

from starlette.responses import Response

from ringback.console.page import Page, address
from ringback.console.routing import Need, PageRoute
from ringback.control.paging import PageRequest
from ringback.model.console import AUDIT_KEPT_DAYS, AuditEntry

ENTRIES_SHOWN: Final = 50


def activity(page: Page) -> Response:
    """Of everybody, or of what belongs to no tenant."""
    own = page.query.get("of") == "none"
    return _shown(page, None, everybody=not own, base=address("activity", of="none" if own else None))


def tenant_activity(page: Page) -> Response:
    page.parts.tenants.get(page.tenant_id)
    return _shown(page, page.tenant_id, everybody=False, base=page.address("activity"))


def _shown(page: Page, tenant_id: str | None, *, everybody: bool, base: str) -> Response:
    request = PageRequest(ENTRIES_SHOWN, page.query.get("cursor") or None)
    found = page.parts.activity.list(tenant_id, request, all_tenants=everybody)
    mark = "&" if "?" in base else "?"
    return page.render(
        "activity.html",
        entries=[(entry, _facts(entry)) for entry in found.items],
        tenant_id=tenant_id,
        everybody=everybody,
        kept_days=AUDIT_KEPT_DAYS,
        newest=base if request.cursor else None,
        older=f"{base}{mark}cursor={found.next_cursor}" if found.next_cursor else None,
    )


def _facts(entry: AuditEntry) -> str:
    """What is known besides, in one line."""
    values = json.loads(entry.values)
    return ", ".join(f"{name}: {value}" for name, value in values.items())


ROUTES = (
    PageRoute("GET", "/activity", Need.OPERATE, activity),
    PageRoute("GET", "/t/{tenant}/activity", Need.VIEW, tenant_activity),
)
