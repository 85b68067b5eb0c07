"""Routes that show records. Thin: parse, ask `control`, answer. Those that write them are bare ASGI (`api.records`).

A record's state is answered as the bytes that are stored. Its revision is the ETag.
"""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Response
from pydantic import BaseModel, Field

from ringback.api.auth import Authenticator
from ringback.api.management.guard import guarded
from ringback.api.management.parameters import PageParameters
from ringback.api.management.views import Listing, raw_answer
from ringback.control.records import RecordUseCases
from ringback.model.record import Record
from ringback.model.tenant import Scope
from ringback.times import rfc3339

IfNoneMatch = Annotated[
    str | None, Header(description="ETags that the caller knows; 304 when the record has one of them still.")
]


class RecordView(BaseModel):
    """For OpenAPI alone; `_document` is what is answered."""

    type: str
    id: str
    revision: int = Field(description="Grows by one with each change; the ETag.")
    version: int | None = Field(description="What the source said last.")
    updated_at: str | None = Field(description="When it changed at its source, as that said last.")
    created_at: str
    changed_at: str = Field(description="When it was stored as it is.")
    data: dict[str, Any] = Field(description="Its state, byte by byte as it was written.")


def record_routers(records: RecordUseCases, keys: Authenticator) -> list[APIRouter]:
    """Routes for a tenant's own keys and broader ones."""
    router = APIRouter(
        prefix="/v1/tenants/{tenant_id}/records", tags=["records"], route_class=guarded(Scope.TENANT, keys)
    )

    @router.get("/{record_type}", summary="List records of a type, by id", response_model=Listing[RecordView])
    def list_records(tenant_id: str, record_type: str, page: PageParameters) -> Response:
        found = records.list(tenant_id, record_type, page)
        return raw_answer({"items": [_document(one) for one in found.items], "next_cursor": found.next_cursor})

    # An id may hold slashes.
    @router.get(
        "/{record_type}/{record_id:path}",
        summary="Show a record",
        response_model=RecordView,
        responses={304: {"description": "The record is as the caller knows it"}},
    )
    def get_record(tenant_id: str, record_type: str, record_id: str, if_none_match: IfNoneMatch = None) -> Response:
        record = records.get(tenant_id, record_type, record_id)
        tag = f'"{record.revision}"'
        known = if_none_match is not None and _names(if_none_match, tag)
        answer = Response(status_code=304) if known else raw_answer(_document(record))
        answer.headers["etag"] = tag
        return answer

    return [router]


def _names(if_none_match: str, tag: str) -> bool:
    """Whether a list of ETags has this one; a weak one will do (RFC 9110, section 13.1.2)."""
    tags = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return tag in tags or "*" in tags


def _document(record: Record) -> dict[str, object]:
    return {
        "type": record.type,
        "id": record.id,
        "revision": record.revision,
        "version": record.version,
        "updated_at": None if record.source_at is None else rfc3339(record.source_at),
        "created_at": rfc3339(record.created_at),
        "changed_at": rfc3339(record.updated_at),
        "data": msgspec.Raw(record.data),
    }
