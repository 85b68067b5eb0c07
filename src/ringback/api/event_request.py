"""What a request to the event route asks for, apart from its body, and the answer when its events are accepted.

The one place that knows the route's paths, content types and headers; `events` serves it in bare ASGI, `direct`
without any detour. Pure: who may call is `auth`'s business, what an event is is `ingest.accept`'s. Everything wrong is
raised as a `Refused`.
"""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from ringback.api.auth import Principal, authorize
from ringback.api.headers import media_type
from ringback.api.problem import UnsupportedMediaType
from ringback.ingest.accept import Acceptor
from ringback.ingest.quotas import Quota
from ringback.ingest.submission import Accepted, Submission
from ringback.model.errors import Malformed, NotFound, RingbackError
from ringback.model.limits import TENANT_ID_CHARS_MAX
from ringback.model.tenant import Scope
from ringback.observe.traces import AcceptSpan
from ringback.times import rfc3339

Check = Callable[[str, bytes, str | None, int], Submission]

_TENANT_ID: Final = re.compile(rf"[a-zA-Z0-9_-]{{1,{TENANT_ID_CHARS_MAX}}}")
_HOPS_DIGITS_MAX: Final = 9
_JSON: Final = "json"
_NDJSON: Final = "ndjson"
_CONTENT_TYPES: Final = {b"application/json": _JSON, b"application/x-ndjson": _NDJSON}


class Place(NamedTuple):
    """Whose events, and whether many at once, or one that is a new status of the tenant's connection."""

    tenant_id: str
    is_batch: bool
    is_status: bool = False


class EventRequest(NamedTuple):
    """A request that was let in. `bytes_max` is for its body, which `submission` checks; `quota` is its tenant's,
    `span` its span, if any."""

    place: Place
    check: Check
    bytes_max: int
    idempotency_key: str | None
    hops: int
    quota: Quota | None
    span: AcceptSpan | None = None

    def submission(self, body: bytes) -> Submission:
        """The events in `body`. Raises what `ingest.accept` raises."""
        submission = self.check(self.place.tenant_id, body, self.idempotency_key, self.hops)
        if self.span is not None:
            submission.carry(self.span.traceparent)
        return submission

    def end_span(self, outcome: list[Accepted] | Exception) -> None:
        """It is answered with this."""
        if self.span is None:
            return
        if isinstance(outcome, list):
            self.span.end([event.id for event in outcome], sum(event.deliveries for event in outcome), None)
        else:
            self.span.end((), 0, code_of(outcome))


class _AcceptedEvent(msgspec.Struct, gc=False):
    id: str
    type: str
    accepted_at: str
    deliveries: int


class _AcceptedId(msgspec.Struct, gc=False):
    id: str


class _AcceptedBatch(msgspec.Struct, gc=False):
    accepted: list[_AcceptedId]


_encode: Final = msgspec.json.Encoder().encode


def code_of(error: Exception) -> str:
    """The code that the answer to it has."""
    return error.code if isinstance(error, RingbackError) else "internal"


def place_of(path: str) -> Place | None:
    """The tenant and the kind of request, if `path` is one of this route's."""
    match path.split("/"):
        case ["", "v1", "tenants", tenant_id, "events"] if tenant_id:
            return Place(tenant_id, is_batch=False)
        case ["", "v1", "tenants", tenant_id, "events", "batch"] if tenant_id:
            return Place(tenant_id, is_batch=True)
        case ["", "v1", "tenants", tenant_id, "status"] if tenant_id:
            return Place(tenant_id, is_batch=False, is_status=True)
    return None


def read_head(
    acceptor: Acceptor, quota: Quota | None, principal: Principal, place: Place, headers: dict[bytes, bytes]
) -> EventRequest:
    """Let the caller in and read the headers. Raises NotFound, Forbidden, UnsupportedMediaType and Malformed."""
    let_in(principal, place.tenant_id, Scope.TENANT if place.is_status else Scope.INGEST)
    form = _form(headers.get(b"content-type"), place.is_batch)
    if quota is not None and quota.payload_bytes_max is not None:
        acceptor = acceptor.limited(quota.payload_bytes_max)
    if not place.is_batch:
        check = acceptor.status if place.is_status else acceptor.single
        bytes_max = acceptor.limits.single_bytes_max
    else:
        check = acceptor.ndjson if form == _NDJSON else acceptor.array
        bytes_max = acceptor.limits.batch_bytes_max
    key = headers.get(b"idempotency-key")
    key_text = None if key is None else key.decode("latin-1")
    return EventRequest(place, check, bytes_max, key_text, hops_of(headers), quota)


def let_in(principal: Principal, tenant_id: str, need: Scope) -> None:
    """Return if this caller may bring something for the tenant. Raises NotFound and Forbidden."""
    authorize(principal, tenant_id, need)
    if principal.tenant_id is None and _TENANT_ID.fullmatch(tenant_id) is None:
        raise NotFound("There is no such tenant.")


def accepted(outcome: list[Accepted], place: Place) -> tuple[int, bytes]:
    """Status and body of the answer."""
    if place.is_batch:
        status = 200 if all(event.duplicate for event in outcome) else 202
        return status, _encode(_AcceptedBatch([_AcceptedId(event.id) for event in outcome]))
    first = outcome[0]
    body = _AcceptedEvent(first.id, first.type, rfc3339(first.accepted_at), first.deliveries)
    return 200 if first.duplicate else 202, _encode(body)


def _form(content_type: bytes | None, is_batch: bool) -> str:
    """How the body is to be read. Without a Content-Type it is JSON."""
    if content_type is None:
        return _JSON
    form = _CONTENT_TYPES.get(content_type)
    if form is None:
        form = _CONTENT_TYPES.get(media_type(content_type))
    if form is None or (form == _NDJSON and not is_batch):
        expected = "application/json or application/x-ndjson" if is_batch else "application/json"
        raise UnsupportedMediaType(f"Send the header Content-Type: {expected}.")
    return form


def hops_of(headers: dict[bytes, bytes]) -> int:
    """How many senders of webhooks a request has passed already. Raises Malformed."""
    text = headers.get(b"ringback-hops")
    if text is None:
        return 0
    if not text.isdigit() or len(text) > _HOPS_DIGITS_MAX:
        raise Malformed("Ringback-Hops is not a number.")
    return int(text)
