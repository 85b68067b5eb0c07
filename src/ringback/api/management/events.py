"""Routes that read events and send them again. Posting events is `api.events`, which stands before all this."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response

from ringback.api.auth import Authenticator
from ringback.api.management.event_views import EventView, event_answer, events_answer
from ringback.api.management.guard import guarded
from ringback.api.management.inputs import Resend
from ringback.api.management.log_views import DeliveryView, ResentView
from ringback.api.management.parameters import PageParameters, Since, Text, Until
from ringback.api.management.views import Listing, listing
from ringback.control.events import EventFilter, EventUseCases
from ringback.model.tenant import Scope

_ORDER = (
    "`desc`: newest first. `asc`: oldest first, for a consumer that pulls: every page with items has a cursor then, "
    "which can be kept; go on from the last one that was not null."
)


def _filter(
    type: Text | None = None,  # noqa: A002 - the parameter's name
    channel: Text | None = None,
    since: Since = None,
    until: Until = None,
    endpoint_id: Annotated[Text | None, Query(description="Meant for this endpoint.")] = None,
) -> EventFilter:
    return EventFilter(type, channel, since, until, endpoint_id)


EventParameters = Annotated[EventFilter, Depends(_filter)]


def event_routers(events: EventUseCases, keys: Authenticator) -> list[APIRouter]:
    """Routes for a tenant's own keys and broader ones."""
    router = APIRouter(
        prefix="/v1/tenants/{tenant_id}/events", tags=["events"], route_class=guarded(Scope.TENANT, keys)
    )

    @router.get("", summary="List events", response_model=Listing[EventView])
    def list_events(
        tenant_id: str,
        which: EventParameters,
        page: PageParameters,
        order: Annotated[Literal["asc", "desc"], Query(description=_ORDER)] = "desc",
    ) -> Response:
        return events_answer(events.list(tenant_id, which, page, ascending=order == "asc"))

    @router.get("/{event_id}", summary="Show an event", response_model=EventView)
    def get_event(tenant_id: str, event_id: str) -> Response:
        return event_answer(events.get(tenant_id, event_id))

    @router.get("/{event_id}/deliveries", summary="Where an event stands at each of its endpoints")
    def list_deliveries(tenant_id: str, event_id: str, page: PageParameters) -> Listing[DeliveryView]:
        return listing(events.deliveries(tenant_id, event_id, page), DeliveryView.of)

    @router.post("/{event_id}/resend", status_code=202, summary="Send an event again, under its own id")
    def resend_event(tenant_id: str, event_id: str, body: Resend | None = None) -> ResentView:
        queued = events.resend(tenant_id, event_id, body.endpoint_id if body else None)
        return ResentView(id=event_id, deliveries=queued)

    return [router]
