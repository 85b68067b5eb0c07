"""Event types: the catalogue, for reading. Whoever runs Ringback writes it, through the API."""

from typing import Final

from starlette.responses import Response

from ringback.console.page import Page
from ringback.console.routing import Need, PageRoute
from ringback.control.paging import PageRequest

TYPES_SHOWN: Final = 100
VERSIONS_SHOWN: Final = 20


def event_types(page: Page) -> Response:
    """All of them."""
    cursor = page.query.get("cursor") or None
    found = page.parts.event_types.list(PageRequest(TYPES_SHOWN, cursor))
    return page.render(
        "event_types.html",
        types=found.items,
        newest=page.address("sources", "types") if cursor else None,
        older=page.address("sources", "types", cursor=found.next_cursor) if found.next_cursor else None,
    )


def event_type(page: Page) -> Response:
    """One, with its schema, its sample, and the schemas that it had."""
    name = page.names["type"]
    shown = page.parts.event_types.get(name)
    versions = page.parts.event_types.versions(name, PageRequest(VERSIONS_SHOWN))
    return page.render("event_type.html", type=shown, versions=versions.items, more=versions.next_cursor is not None)


ROUTES = (
    PageRoute("GET", "/t/{tenant}/sources/types", Need.VIEW, event_types),
    PageRoute("GET", "/t/{tenant}/sources/types/{type}", Need.VIEW, event_type),
)
