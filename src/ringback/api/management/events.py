"""Routes that read events and send them again. Posting events is `api.events`, which stands before all this."""

from typing import Annotated, Literal, NamedTuple

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from ringback.api.arrivals import Arrivals, pulled
from ringback.api.auth import Authenticator
from ringback.api.management.event_views import EventView, event_answer, events_answer
from ringback.api.management.guard import guarded
from ringback.api.management.inputs import Resend
from ringback.api.management.log_views import DeliveryView, ReachedView, ResentView
from ringback.api.management.parameters import PageParameters, Since, Text, Until, WholeNumber
from ringback.api.management.views import Listing, listing
from ringback.control.events import EventFilter, EventUseCases
from ringback.control.paging import Page
from ringback.model.errors import FieldError, Invalid
from ringback.model.event import Event
from ringback.model.limits import PULL_WAIT_S_MAX
from ringback.model.tenant import Scope

_ORDER = (
    "`desc`: newest first. `asc`: oldest first, for a consumer that pulls: every page with items has a cursor then, "
    "and one without may have one, which can be kept; go on from the last one that was not null."
)
_WAIT = (
    f"With `order=asc`: where there is nothing yet, wait up to so many seconds for it, {PULL_WAIT_S_MAX} at most. "
    "May be answered before, without an item: when the server stops, or too many wait already."
)


def _filter(
    type: Text | None = None,  # noqa: A002 - the parameter's name
    channel: Text | None = None,
    since: Since = None,
    until: Until = None,
    endpoint_id: Annotated[Text | None, Query(description="Meant for this endpoint.")] = None,
) -> EventFilter:
    return EventFilter(type, channel, since, until, endpoint_id)


class Way(NamedTuple):
    """Which way a list goes, and how long it waits for its first item, seconds."""

    ascending: bool
    wait_s: int


def _way(
    order: Annotated[Literal["asc", "desc"], Query(description=_ORDER)] = "desc",
    wait_s: Annotated[WholeNumber, Query(ge=0, le=PULL_WAIT_S_MAX, description=_WAIT)] = 0,
) -> Way:
    if wait_s and order != "asc":
        raise Invalid("wait_s goes with order=asc alone.", [FieldError("wait_s", "goes with order=asc alone")])
    return Way(order == "asc", wait_s)


EventParameters = Annotated[EventFilter, Depends(_filter)]
WayParameters = Annotated[Way, Depends(_way)]


def event_routers(events: EventUseCases, arrivals: Arrivals, keys: Authenticator) -> list[APIRouter]:
    """Routes for a tenant's own keys and broader ones."""
    router = APIRouter(
        prefix="/v1/tenants/{tenant_id}/events", tags=["events"], route_class=guarded(Scope.TENANT, keys)
    )

    @router.get("", summary="List events", response_model=Listing[EventView])
    async def list_events(
        tenant_id: str,
        which: EventParameters,
        page: PageParameters,
        way: WayParameters,
        request: Request,
    ) -> Response:
        ascending, wait_s = way

        def read(cursor: str | None) -> Page[Event]:
            return events.list(tenant_id, which, page._replace(cursor=cursor), ascending=ascending)

        if wait_s:
            found = await pulled(read, page.cursor, arrivals, tenant_id, wait_s=wait_s, gone=request.is_disconnected)
        else:
            found = await run_in_threadpool(read, page.cursor)
        return events_answer(found)

    @router.get("/{event_id}", summary="Show an event", response_model=EventView)
    def get_event(tenant_id: str, event_id: str) -> Response:
        return event_answer(events.get(tenant_id, event_id))

    @router.get("/{event_id}/deliveries", summary="Where an event stands at each of its endpoints")
    def list_deliveries(tenant_id: str, event_id: str, page: PageParameters) -> Listing[DeliveryView]:
        return listing(events.deliveries(tenant_id, event_id, page), DeliveryView.of)

    @router.get("/{event_id}/reach", summary="To whom an event went, to whom not, and why not")
    def list_reached(tenant_id: str, event_id: str, page: PageParameters) -> Listing[ReachedView]:
        return listing(events.reach(tenant_id, event_id, page), ReachedView.of)

    @router.post("/{event_id}/resend", status_code=202, summary="Send an event again, under its own id")
    def resend_event(tenant_id: str, event_id: str, body: Resend | None = None) -> ResentView:
        queued = events.resend(tenant_id, event_id, body.endpoint_id if body else None)
        return ResentView(id=event_id, deliveries=queued)

    return [router]
