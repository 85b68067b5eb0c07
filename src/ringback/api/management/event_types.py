"""Routes of the catalogue of event types. Thin: parse, ask `control`, answer.

Schema and sample are kept and answered as the bytes that came in, as an event's data is.
"""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from ringback.api.auth import Authenticator
from ringback.api.gate import raw_fields
from ringback.api.management.guard import guarded
from ringback.api.management.inputs import EventTypeBody
from ringback.api.management.parameters import PageParameters, YesOrNo
from ringback.api.management.views import Listing, raw_answer
from ringback.control.event_types import EventTypeFields, EventTypeUseCases
from ringback.model.event_type import EventType
from ringback.model.tenant import Scope
from ringback.times import rfc3339

_PREFIX = "/v1/event-types"
Force = Annotated[
    YesOrNo,
    Query(description="Replace the schema even if fields are removed or retyped, which receivers may count on."),
]


class EventTypeView(BaseModel):
    """For OpenAPI alone; `_document` is what is answered."""

    name: str
    description: str
    json_schema: dict[str, Any] | bool | None = Field(
        alias="schema", description="What `data` of such an event must match; null: anything."
    )
    sample: Any = Field(description="`data` as an example, byte by byte as it was written; null: none.")
    deprecated: bool
    created_at: str
    updated_at: str


def event_type_routers(event_types: EventTypeUseCases, keys: Authenticator) -> list[APIRouter]:
    """Routes for admin keys, and those a tenant's own key may use."""
    return [_reading(event_types, keys), _writing(event_types, keys)]


def _reading(event_types: EventTypeUseCases, keys: Authenticator) -> APIRouter:
    router = APIRouter(prefix=_PREFIX, tags=["event types"], route_class=guarded(Scope.TENANT, keys))

    @router.get("", summary="List event types, by name", response_model=Listing[EventTypeView])
    def list_event_types(page: PageParameters) -> Response:
        found = event_types.list(page)
        return raw_answer({"items": [_document(one) for one in found.items], "next_cursor": found.next_cursor})

    @router.get("/{name}", summary="Show an event type", response_model=EventTypeView)
    def get_event_type(name: str) -> Response:
        return raw_answer(_document(event_types.get(name)))

    return router


def _writing(event_types: EventTypeUseCases, keys: Authenticator) -> APIRouter:
    router = APIRouter(prefix=_PREFIX, tags=["event types"], route_class=guarded(Scope.ADMIN, keys))

    @router.put(
        "/{name}",
        summary="Write an event type, whole",
        response_model=EventTypeView,
        responses={201: {"model": EventTypeView, "description": "It is new"}},
    )
    def put_event_type(name: str, body: EventTypeBody, request: Request, force: Force = False) -> Response:
        raw = raw_fields(request)
        fields = EventTypeFields(
            description=body.description,
            schema=None if body.json_schema is None else raw["schema"],
            sample=None if body.sample is None else raw["sample"],
            deprecated=body.deprecated,
            name=body.name,
        )
        written = event_types.put(name, fields, force=force)
        return raw_answer(_document(written.event_type), 201 if written.created else 200)

    @router.delete("/{name}", status_code=204, summary="Delete an event type; its events go on, unchecked")
    def delete_event_type(name: str) -> Response:
        event_types.delete(name)
        return Response(status_code=204)

    return router


def _document(event_type: EventType) -> dict[str, object]:
    return {
        "name": event_type.name,
        "description": event_type.description,
        "schema": None if event_type.schema is None else msgspec.Raw(event_type.schema),
        "sample": None if event_type.sample is None else msgspec.Raw(event_type.sample),
        "deprecated": event_type.deprecated,
        "created_at": rfc3339(event_type.created_at),
        "updated_at": rfc3339(event_type.updated_at),
    }
