"""The OpenAPI document: what FastAPI knows, completed with what it doesn't.

That is the event routes (bare ASGI, described in `EVENT_PATHS`), those that write records (`record_paths`), the key and
how every error looks. Pure: works on the document alone. A test holds that every error answer of the document is one
the API gives.
"""

from typing import Any, Final

from ringback.api.management.record_paths import RECORD_PATHS, RECORD_SCHEMAS
from ringback.ingest.status import STATUS_CHANGED, STATUSES
from ringback.model.tenant import Scope

Document = dict[str, Any]

PROBLEM: Final[Document] = {
    "type": "object",
    "description": "RFC 9457. `code` is stable; docs/errors.md lists them all.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "Which fields are wrong, where the request was invalid.",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "obstacles": {
            "type": "array",
            "description": "From /readyz: all that stands in the way, in words.",
            "items": {"type": "string"},
        },
    },
    "example": {
        "type": "urn:ringback:error:invalid",
        "title": "The request is invalid",
        "status": 422,
        "detail": "retry.delays_s[0] must be from 0 to 604,800 seconds.",
        "code": "invalid",
        "errors": [{"field": "retry.delays_s[0]", "message": "must be from 0 to 604,800 seconds"}],
    },
}

_ERRORS: Final = {
    400: "Malformed: not JSON, not UTF-8, a lone surrogate, two keys",
    401: "No key, or one that is not known",
    403: "The key's scope is too small",
    404: "Unknown, or another tenant's",
    409: "In conflict with what is there",
    412: "The record is not as the request asks for; see If-Match",
    413: "The body is too large",
    415: "The body's content type is not supported",
    422: "Well-formed but not valid; `errors` names the fields",
    429: "Over a quota; see Retry-After",
    503: "Not available for a moment, nothing was changed; see Retry-After",
}
_ALWAYS: Final = (400, 401, 403, 404, 422, 503)
_WITH_BODY: Final = (413, 415)
_SOMETIMES: Final = {
    "create_tenant": (409,),
    "change_tenant": (409,),
    "put_event_type": (409, 429),
    "put_profile": (409, 429),
    "delete_profile": (409,),
    "put_tracked_set": (429,),
    "add_tracked_members": (429,),
    "create_endpoint": (409, 429),
    "change_endpoint": (409, 429),
    "activate_endpoint": (409,),
    "deactivate_endpoint": (409,),
    "verify_endpoint": (409,),
    "preview_endpoint": (409,),
    "send_test": (409,),
    "reveal_endpoint_secret": (409,),
    "rotate_endpoint_secret": (409, 429),
    "rotate_tenant_secret": (429,),
    "make_backup": (409,),
    "replay_endpoint": (429,),
    "resend_event": (409,),
    "create_trigger": (429,),
    "change_trigger": (409,),
    "post_event": (409, 429),
    "post_events": (409, 429),
    "post_status": (409, 429),
    "put_record_type": (429,),
    "put_record": (412, 429),
    "patch_record": (412, 429),
    "delete_record": (412, 429),
    "write_records": (412, 429),
}
_METHODS: Final = frozenset(("get", "post", "put", "patch", "delete"))

_TEXT: Final[Document] = {"type": "string"}
_MOMENT: Final[Document] = {"type": "string", "format": "date-time"}
_EVENT_EXAMPLE: Final[Document] = {"type": "contact.created", "data": {"id": "c_1", "name": "Ada"}}
_NEW_EVENT: Final[Document] = {
    "type": "object",
    "required": ["type", "data"],
    "additionalProperties": False,
    "properties": {
        "type": {"type": "string", "maxLength": 128, "pattern": r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$"},
        "data": {"description": "Any JSON. Its bytes are sent on as they are."},
        "id": {
            "type": "string",
            "pattern": "^[a-zA-Z0-9_-]{1,128}$",
            "description": "Your own id, unique in the tenant while the event is kept.",
        },
        "channel": _TEXT,
        "subject": {
            "type": "object",
            "required": ["type", "id"],
            "additionalProperties": False,
            "properties": {"type": _TEXT, "id": _TEXT},
        },
        "change": {"type": "string", "enum": ["created", "updated", "deleted"]},
        "previous": {"description": "Any JSON: the data before the change, for filters."},
        "occurred_at": _MOMENT,
        "deliver_at": {**_MOMENT, "description": "Not sent before this moment, at most 28 days ahead."},
        "ordering_key": {"type": "string", "description": "Default: the subject."},
    },
    "example": _EVENT_EXAMPLE,
}
_ACCEPTED: Final[Document] = {
    "type": "object",
    "required": ["id", "type", "accepted_at", "deliveries"],
    "properties": {"id": _TEXT, "type": _TEXT, "accepted_at": _MOMENT, "deliveries": {"type": "integer"}},
    "example": {
        "id": "evt_01KAKPM8ZK6P3Y4T2QX0V9B7CD",
        "type": "contact.created",
        "accepted_at": "2026-11-21T08:30:00.000Z",
        "deliveries": 2,
    },
}
_ACCEPTED_BATCH: Final[Document] = {
    "type": "object",
    "required": ["accepted"],
    "properties": {
        "accepted": {"type": "array", "items": {"type": "object", "required": ["id"], "properties": {"id": _TEXT}}}
    },
    "example": {"accepted": [{"id": "evt_01KAKPM8ZK6P3Y4T2QX0V9B7CD"}, {"id": "evt_01KAKPM8ZK1N8R5W7JH3M2FGXE"}]},
}
_NEW_STATUS: Final[Document] = {
    "type": "object",
    "required": ["status"],
    "additionalProperties": False,
    "properties": {
        "status": {
            "type": "string",
            "enum": list(STATUSES),
            "description": f"How far the connection is: `data.status` of an event of type `{STATUS_CHANGED}`.",
        }
    },
    "example": {"status": "READY"},
}
_PARAMETERS: Final[list[Document]] = [
    {"name": "tenant_id", "in": "path", "required": True, "schema": _TEXT},
    {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "maxLength": 256},
        "description": "For 24 hours the same key with the same body answers 200 with the first events; with another "
        "body 409.",
    },
    {
        "name": "Ringback-Hops",
        "in": "header",
        "required": False,
        "schema": {"type": "integer", "minimum": 0, "maximum": 4},
        "description": "Passed on from the request that caused this event; with 5 it is refused as a loop.",
    },
]


def _reference(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


def _post_operation(operation_id: str, summary: str, content: Document, answer: str) -> Document:
    accepted = {"content": {"application/json": {"schema": _reference(answer)}}}
    return {
        "post": {
            "tags": ["events"],
            "summary": summary,
            "operationId": operation_id,
            "parameters": _PARAMETERS,
            "requestBody": {"required": True, "content": content},
            "responses": {
                "202": {"description": "Stored, with its deliveries; it will be sent", **accepted},
                "200": {"description": "Accepted before under the same id or key; nothing is sent", **accepted},
            },
        }
    }


_BATCH_CONTENT: Final[Document] = {
    "application/json": {
        "schema": {
            "type": "object",
            "required": ["events"],
            "additionalProperties": False,
            "properties": {
                "events": {"type": "array", "minItems": 1, "maxItems": 1000, "items": _reference("NewEvent")}
            },
        },
        "example": {"events": [_EVENT_EXAMPLE, {"type": "contact.deleted", "data": {"id": "c_2"}}]},
    },
    "application/x-ndjson": {
        "schema": {"type": "string", "description": "One event a line."},
        "example": '{"type":"contact.created","data":{"id":"c_1"}}\n{"type":"contact.deleted","data":{"id":"c_2"}}\n',
    },
}
EVENT_PATHS: Final[Document] = {
    "/v1/tenants/{tenant_id}/events": _post_operation(
        "post_event",
        "Accept one event",
        {"application/json": {"schema": _reference("NewEvent")}},
        "AcceptedEvent",
    ),
    "/v1/tenants/{tenant_id}/events/batch": _post_operation(
        "post_events", "Accept up to 1,000 events, all or none", _BATCH_CONTENT, "AcceptedEvents"
    ),
    "/v1/tenants/{tenant_id}/status": _post_operation(
        "post_status",
        "Tell the status of a tenant's connection, as an event",
        {"application/json": {"schema": _reference("NewStatus")}},
        "AcceptedEvent",
    ),
}
EVENT_SCOPES: Final = {
    path: Scope.TENANT if path.endswith("/status") else Scope.INGEST for path in EVENT_PATHS
}  # fmt: skip
"""The narrowest key that each of these takes."""


def completed(document: Document) -> Document:
    """`document`, changed in place, with the bare routes, the key and the errors."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas |= {
        "Problem": PROBLEM,
        "NewEvent": _NEW_EVENT,
        "NewStatus": _NEW_STATUS,
        "AcceptedEvent": _ACCEPTED,
        "AcceptedEvents": _ACCEPTED_BATCH,
        **RECORD_SCHEMAS,
    }
    document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for path, operations in (EVENT_PATHS | RECORD_PATHS).items():
        document["paths"].setdefault(path, {}).update({method: dict(one) for method, one in operations.items()})
    for path, operations in document["paths"].items():
        for method in _METHODS & operations.keys():
            _complete(path, operations[method])
    return document


def _complete(path: str, operation: Document) -> None:
    responses = dict(operation["responses"])
    responses.pop("422", None)
    statuses: tuple[int, ...] = (503,) if path == "/readyz" else ()
    if path.startswith("/v1/"):
        operation["security"] = [{"key": []}]
        statuses = (*_ALWAYS, *_SOMETIMES.get(operation["operationId"], ()))
        if "requestBody" in operation:
            statuses += _WITH_BODY
    for status in sorted(statuses):
        responses[str(status)] = {
            "description": _ERRORS[status],
            "content": {"application/problem+json": {"schema": _reference("Problem")}},
        }
    operation["responses"] = responses
