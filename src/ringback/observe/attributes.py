"""The catalogue of spans: what the attributes of each say. docs/metrics.md is generated from here.

`tracing` sets exactly these; a test holds both together. Names are those of OpenTelemetry's semantic conventions for
HTTP clients where there are any. Values that are not known are left out of a span.
"""

from collections.abc import Mapping
from typing import Final

ACCEPT: Final = "ringback.accept"
ATTEMPT: Final = "ringback.attempt"

ACCEPT_ATTRIBUTES: Final[Mapping[str, str]] = {
    "ringback.tenant.id": "whose events they are",
    "ringback.outcome": "`accepted`, or the code of the refusal",
    "ringback.event.count": "how many were accepted, repeated ones included",
    "ringback.delivery.count": "how many deliveries were made of them",
    "ringback.event.id": "if it is one",
    "error.type": "the code of the refusal, as in errors.md",
}
ATTEMPT_ATTRIBUTES: Final[Mapping[str, str]] = {
    "ringback.tenant.id": "whose event it is",
    "ringback.endpoint.id": "where it went",
    "ringback.event.id": "the event",
    "ringback.event.type": "its type",
    "ringback.attempt.id": "the attempt, as in the log",
    "ringback.attempt.number": "from 1",
    "ringback.outcome": "`succeeded` or `failed`",
    "ringback.final": "nothing more is tried",
    "ringback.superseded": "the delivery had been settled meanwhile",
    "ringback.lag_ms": "from when it was due until it left",
    "ringback.held_by": "what it waited for, as in `ringback_delivery_lag_seconds`",
    "http.request.method": "`POST`",
    "http.response.status_code": "what was answered, if anything",
    "error.type": "the code of the failure, as in errors.md",
    "url.scheme": "`https` or `http`",
    "server.address": "the host of the URL",
    "server.port": "its port",
    "network.peer.address": "the address dialled, with its port",
    "network.protocol.version": "of HTTP",
}
