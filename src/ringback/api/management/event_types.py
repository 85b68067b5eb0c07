"""Routes of the catalogue of event types. Thin: parse, ask `control`, answer.

Schema and sample are kept and answered as the bytes that came in, as an event's data is.
"""

import re
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from ringback.api.auth import Authenticator
from ringback.api.gate import raw_fields
from ringback.api.management.guard import guarded
from ringback.api.management.inputs import EventTypeBody, SamplesBody
from ringback.api.management.parameters import PageParameters, YesOrNo
from ringback.api.management.views import Listing, raw_answer
from ringback.control.event_types import EventTypeFields, EventTypeUseCases
from ringback.model.event_type import EventType, SchemaVersion
from ringback.model.tenant import Scope
from ringback.times import rfc3339

_PREFIX = "/v1/event-types"
_VERSION: Final = re.compile(r"[1-9][0-9]{0,8}")
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
    version: int = Field(description="Of the schema: 1 in a new entry, one more with each change of the schema.")
    created_at: str
    updated_at: str


class SchemaVersionView(BaseModel):
    """For OpenAPI alone; `_version_document` is what is answered."""

    version: int
    created_at: str
    json_schema: dict[str, Any] | bool | None = Field(alias="schema", description="null: there was none.")


class InferredView(BaseModel):
    json_schema: dict[str, Any] = Field(alias="schema", description="What all of the samples have in common.")


def event_type_routers(event_types: EventTypeUseCases, keys: Authenticator) -> list[APIRouter]:
    """Routes for admin keys, and those a tenant's own key may use."""
    return [_reading(event_types, keys), _writing(event_types, keys), _inferring(event_types, keys)]


def _reading(event_types: EventTypeUseCases, keys: Authenticator) -> APIRouter:
    router = APIRouter(prefix=_PREFIX, tags=["event types"], route_class=guarded(Scope.TENANT, keys))

    @router.get("", summary="List event types, by name", response_model=Listing[EventTypeView])
    def list_event_types(page: PageParameters) -> Response:
        found = event_types.list(page)
        return raw_answer({"items": [_document(one) for one in found.items], "next_cursor": found.next_cursor})

    @router.get("/{name}", summary="Show an event type", response_model=EventTypeView)
    def get_event_type(name: str) -> Response:
        return raw_answer(_document(event_types.get(name)))

    @router.get(
        "/{name}/versions",
        summary="List the versions of a schema, newest first",
        response_model=Listing[SchemaVersionView],
    )
    def list_schema_versions(name: str, page: PageParameters) -> Response:
        found = event_types.versions(name, page)
        return raw_answer({"items": [_version_document(one) for one in found.items], "next_cursor": found.next_cursor})

    @router.get("/{name}/versions/{version}", summary="Show a version of a schema", response_model=SchemaVersionView)
    def get_schema_version(name: str, version: str) -> Response:
        return raw_answer(_version_document(event_types.version(name, _version_number(version))))

    return router


def _inferring(event_types: EventTypeUseCases, keys: Authenticator) -> APIRouter:
    # Not below the catalogue: an event type may have any name.
    router = APIRouter(prefix="/v1/schemas", tags=["event types"], route_class=guarded(Scope.TENANT, keys))

    @router.post("/infer", summary="Make a schema of samples; nothing is stored")
    def infer_schema(body: SamplesBody) -> InferredView:
        return InferredView(schema=event_types.infer(body.samples, enums=body.enums))

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
        "version": event_type.version,
        "created_at": rfc3339(event_type.created_at),
        "updated_at": rfc3339(event_type.updated_at),
    }


def _version_document(version: SchemaVersion) -> dict[str, object]:
    return {
        "version": version.version,
        "created_at": rfc3339(version.created_at),
        "schema": None if version.schema is None else msgspec.Raw(version.schema),
    }


def _version_number(text: str) -> int:
    """What can't be a version is 0, which no version is."""
    return int(text) if _VERSION.fullmatch(text) else 0
