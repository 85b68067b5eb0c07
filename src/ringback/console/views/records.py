"""Records: the types that have an entry, the records of a type, and one with its state and its latest events."""

from contextlib import suppress
from typing import Final

from starlette.responses import Response

from ringback.console.page import Page
from ringback.console.routing import Need, PageRoute
from ringback.console.views.runs import sees_bodies
from ringback.control.paging import PageRequest
from ringback.model.errors import FieldError, NotFound
from ringback.model.record import Record
from ringback.policy.match import valid_record_type

TYPES_SHOWN: Final = 100
RECORDS_SHOWN: Final = 50
EVENTS_SHOWN: Final = 20


def records(page: Page) -> Response:
    """What is looked for: one record, those of a type, or the types."""
    record_type, record_id = page.query.get("type", "").strip(), page.query.get("id", "").strip()
    cursor = page.query.get("cursor") or None
    errors, found = [], None
    if record_type and not valid_record_type(record_type):
        errors.append(FieldError("type", "is no type of records"))
    elif record_id and not record_type:
        errors.append(FieldError("type", "is needed with an id"))
    elif record_id:
        found = _record(page, record_type, record_id)
    some = None
    if record_type and not record_id and not errors:
        some = page.parts.records.list(page.tenant_id, record_type, PageRequest(RECORDS_SHOWN, cursor))
    here = page.address("sources", "records", type=record_type)
    more = None if some is None else some.next_cursor
    about = (
        page.parts.events.about(page.tenant_id, record_type, record_id, EVENTS_SHOWN)
        if record_id and not errors
        else ()
    )
    return page.render(
        "records.html",
        status=422 if errors else 200,
        errors=errors,
        types=page.parts.record_types.list(PageRequest(TYPES_SHOWN)).items,
        given={"type": record_type, "id": record_id},
        record=found,
        records=None if some is None else some.items,
        about=about,
        bodies=sees_bodies(page),
        newest=here if cursor else None,
        older=page.address("sources", "records", type=record_type, cursor=more) if more else None,
    )


def _record(page: Page, record_type: str, record_id: str) -> Record | None:
    with suppress(NotFound):
        return page.parts.records.get(page.tenant_id, record_type, record_id)
    return None


ROUTES = (PageRoute("GET", "/t/{tenant}/sources/records", Need.VIEW, records),)
