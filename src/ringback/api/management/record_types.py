"""Routes of record types. Thin: parse, ask `control`, answer."""

from fastapi import APIRouter, Response
from pydantic import BaseModel

from ringback.api.auth import Authenticator
from ringback.api.management.guard import guarded
from ringback.api.management.inputs import RecordTypeBody
from ringback.api.management.parameters import PageParameters
from ringback.api.management.views import Listing, listing
from ringback.control.record_types import RecordTypeFields, RecordTypeUseCases
from ringback.model.record import RecordType
from ringback.model.tenant import Scope
from ringback.times import rfc3339

_PREFIX = "/v1/record-types"


class RecordTypeView(BaseModel):
    name: str
    fields: list[str] | None
    ignored: list[str]
    deleted_kept_days: int
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, record_type: RecordType) -> "RecordTypeView":
        return cls(
            name=record_type.name,
            fields=None if record_type.fields is None else list(record_type.fields),
            ignored=list(record_type.ignored),
            deleted_kept_days=record_type.deleted_kept_days,
            created_at=rfc3339(record_type.created_at),
            updated_at=rfc3339(record_type.updated_at),
        )


def record_type_routers(record_types: RecordTypeUseCases, keys: Authenticator) -> list[APIRouter]:
    """Routes for admin keys, and those a tenant's own key may use."""
    return [_reading(record_types, keys), _writing(record_types, keys)]


def _reading(record_types: RecordTypeUseCases, keys: Authenticator) -> APIRouter:
    router = APIRouter(prefix=_PREFIX, tags=["records"], route_class=guarded(Scope.TENANT, keys))

    @router.get("", summary="List record types, by name")
    def list_record_types(page: PageParameters) -> Listing[RecordTypeView]:
        return listing(record_types.list(page), RecordTypeView.of)

    @router.get("/{name}", summary="Show a record type")
    def get_record_type(name: str) -> RecordTypeView:
        return RecordTypeView.of(record_types.get(name))

    return router


def _writing(record_types: RecordTypeUseCases, keys: Authenticator) -> APIRouter:
    router = APIRouter(prefix=_PREFIX, tags=["records"], route_class=guarded(Scope.ADMIN, keys))

    @router.put(
        "/{name}",
        summary="Write a record type, whole: how changes of its records are told",
        responses={201: {"model": RecordTypeView, "description": "It is new"}},
    )
    def put_record_type(name: str, body: RecordTypeBody, response: Response) -> RecordTypeView:
        fields = RecordTypeFields(body.fields, body.ignored, body.deleted_kept_days, body.name)
        written = record_types.put(name, fields)
        response.status_code = 201 if written.created else 200
        return RecordTypeView.of(written.record_type)

    @router.delete("/{name}", status_code=204, summary="Delete a record type; its records stay, with the defaults")
    def delete_record_type(name: str) -> Response:
        record_types.delete(name)
        return Response(status_code=204)

    return router
