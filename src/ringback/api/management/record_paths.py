"""The routes that write records, as the OpenAPI document has them: they are bare ASGI, which FastAPI doesn't see."""

from typing import Any, Final

from ringback.ingest.record_write import RecordOp, RecordOutcome
from ringback.model.limits import BATCH_EVENTS_MAX
from ringback.model.tenant import Scope

Document = dict[str, Any]

_TEXT: Final[Document] = {"type": "string"}
_WHOLE_NUMBER: Final[Document] = {"type": "integer", "minimum": 0}
_RESULT: Final[Document] = {
    "type": "string",
    "enum": [str(outcome) for outcome in RecordOutcome],
    "description": "`unchanged`: it was so already; `stale`: what is stored is newer, by `version` or `updated_at`.",
}
_STATE: Final[Document] = {
    "type": "object",
    "additionalProperties": True,
    "description": "The record itself, kept byte by byte.",
    "example": {"name": "Acme", "score": 81},
}
_PATCH: Final[Document] = {
    "type": "object",
    "additionalProperties": True,
    "description": "A merge patch (RFC 7396): null removes a member.",
    "example": {"score": 81, "phone": None},
}
_EVENT_ID: Final[Document] = {
    "anyOf": [_TEXT, {"type": "null"}],
    "description": "The event of this change; null: nothing changed that is told.",
}
_WRITTEN: Final[Document] = {
    "type": "object",
    "required": ["type", "id", "revision", "result", "changed", "event_id", "events"],
    "properties": {
        "type": _TEXT,
        "id": _TEXT,
        "revision": {"type": "integer", "description": "The one that is stored now; the ETag."},
        "result": _RESULT,
        "changed": {"type": "array", "items": _TEXT, "description": "JSON pointers (RFC 6901) of what changed."},
        "event_id": _EVENT_ID,
        "events": {
            "type": "array",
            "description": "The change's own event first, if there is one, then those of triggers.",
            "items": {
                "type": "object",
                "required": ["id", "type", "deliveries"],
                "properties": {"id": _TEXT, "type": _TEXT, "deliveries": {"type": "integer"}},
            },
        },
    },
    "example": {
        "type": "company",
        "id": "42",
        "revision": 7,
        "result": "updated",
        "changed": ["/score"],
        "event_id": "evt_01KAKPM8ZK6P3Y4T2QX0V9B7CD",
        "events": [{"id": "evt_01KAKPM8ZK6P3Y4T2QX0V9B7CD", "type": "company.updated", "deliveries": 2}],
    },
}
_WRITTEN_BATCH: Final[Document] = {
    "type": "object",
    "required": ["records"],
    "properties": {
        "records": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type", "id", "revision", "result", "event_id"],
                "properties": {
                    "type": _TEXT,
                    "id": _TEXT,
                    "revision": {"type": "integer"},
                    "result": _RESULT,
                    "event_id": _EVENT_ID,
                },
            },
        }
    },
}
_TENANT: Final[Document] = {"name": "tenant_id", "in": "path", "required": True, "schema": _TEXT}
_HOPS: Final[Document] = {
    "name": "Ringback-Hops",
    "in": "header",
    "required": False,
    "schema": {"type": "integer", "minimum": 0, "maximum": 4},
    "description": "Passed on from the request that caused this change; with 5 it is refused as a loop.",
}


def _header(name: str, schema: Document, description: str) -> Document:
    return {"name": name, "in": "header", "required": False, "schema": schema, "description": description}


_PARAMETERS: Final[list[Document]] = [
    _TENANT,
    {"name": "record_type", "in": "path", "required": True, "schema": {**_TEXT, "maxLength": 120}},
    {
        "name": "record_id",
        "in": "path",
        "required": True,
        "schema": _TEXT,
        "description": "1 to 256 bytes of UTF-8 without control characters; a slash is sent as `%2F`.",
    },
    _header("If-Match", _TEXT, "The ETag that the record must have, or `*`: it must be there. Else 412."),
    _header("If-None-Match", {"type": "string", "enum": ["*"]}, "`*`: the record must not be there. Else 412."),
    _header("Ringback-Version", _WHOLE_NUMBER, "The source's version of this state; what is lower comes late."),
    _header(
        "Ringback-Updated-At",
        {"type": "string", "format": "date-time"},
        "When it changed at its source; what is older comes late.",
    ),
    _header("Ringback-Channel", _TEXT, "The channel of the events that this makes."),
    _HOPS,
]


def _reference(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


def _operation(operation_id: str, summary: str, content: Document | None, *, may_create: bool = False) -> Document:
    answer = {"content": {"application/json": {"schema": _reference("WrittenRecord")}}}
    operation: Document = {
        "tags": ["records"],
        "summary": summary,
        "operationId": operation_id,
        "parameters": _PARAMETERS,
        "responses": {"200": {"description": "Stored, with the events that this made, if any", **answer}},
    }
    if may_create:
        operation["responses"]["201"] = {"description": "The same; the record is new", **answer}
    if content is not None:
        operation["requestBody"] = {"required": True, "content": content}
    return operation


_PATCH_CONTENT: Final[Document] = {"schema": _reference("RecordPatch")}
RECORD_PATHS: Final[Document] = {
    "/v1/tenants/{tenant_id}/records/{record_type}/{record_id}": {
        RecordOp.PUT.value: _operation(
            "put_record",
            "Write a record's whole state",
            {"application/json": {"schema": _reference("RecordState")}},
            may_create=True,
        ),
        RecordOp.PATCH.value: _operation(
            "patch_record",
            "Change a record by a merge patch (RFC 7396)",
            {"application/merge-patch+json": _PATCH_CONTENT, "application/json": _PATCH_CONTENT},
        ),
        RecordOp.DELETE.value: _operation("delete_record", "Delete a record", None),
    },
    "/v1/tenants/{tenant_id}/records/batch": {
        "post": {
            "tags": ["records"],
            "summary": f"Change up to {BATCH_EVENTS_MAX:,} records, all or none",
            "operationId": "write_records",
            "parameters": [_TENANT, _HOPS],
            "requestBody": {
                "required": True,
                "content": {
                    "application/x-ndjson": {
                        "schema": {
                            "type": "string",
                            "description": "A change a line: `op` (`put`, `patch`, `delete`; default `put`), `type`, "
                            "`id`, `data`, and optionally `version`, `updated_at`, `if_revision` (0: it must not be "
                            "there), `channel`.",
                        },
                        "example": '{"type":"company","id":"42","data":{"name":"Acme"}}\n'
                        '{"op":"delete","type":"company","id":"43"}\n',
                    }
                },
            },
            "responses": {
                "200": {
                    "description": "Stored, in the order of the lines",
                    "content": {"application/json": {"schema": _reference("WrittenRecords")}},
                }
            },
        }
    },
}
RECORD_SCHEMAS: Final[Document] = {
    "RecordState": _STATE,
    "RecordPatch": _PATCH,
    "WrittenRecord": _WRITTEN,
    "WrittenRecords": _WRITTEN_BATCH,
}
RECORD_SCOPES: Final = {
    (method, path): Scope.INGEST for path, operations in RECORD_PATHS.items() for method in operations
}
"""The narrowest key that each of these takes."""
