"""What the engine asks of whoever sends its HTTP, and what one request and its response are.

`remote` is the real transport; the simulation has its own. A transport never decides what a status means: that is
`policy.retry`'s business.
"""

from typing import NamedTuple, Protocol

from ringback.model.attempt import Timings
from ringback.model.event import Event
from ringback.outgoing import Target


class OutboundRequest(NamedTuple):
    """One HTTP request, ready to go: the bytes that were signed are `body`.

    `url` is an accepted, normal URL (policy.url) with the query already appended; `headers` are complete "Name: value"
    lines in the order and case they go out, without Host and Content-Length. `deadline_s` is the total one, body
    included. `tenant_id` is for the resolver's cap.
    """

    token: int
    tenant_id: str
    method: str
    url: str
    headers: list[str]
    body: bytes
    deadline_s: float


class InboundResponse(NamedTuple):
    """What came of a request. Either `status` (headers were complete; it decides) or `error_code` is set, never both.

    Error codes: `timeout`, `connect_failed`, `dns_failed`, `tls_failed`, `blocked_address`, `headers_too_large`,
    `bad_response` (no HTTP, HTTP/0.9, a broken status line), `connection_lost` (before the headers ended), `aborted`;
    `blocked_request`, `secret_unreadable` and `profile_missing` where nothing was sent.
    `headers` are (name, value) as they came, latin-1. `body` is capped and `truncated` says that there was more, or
    that it broke off.
    """

    token: int
    status: int | None
    error_code: str | None
    error_message: str | None
    headers: list[tuple[str, str]]
    body: bytes
    truncated: bool
    timings: Timings
    remote_address: str | None
    http_version: str | None


class Logged(NamedTuple):
    """What the log shows of one delivery's request; the columns of `model.attempt.Attempt`.

    The attempt's id was made before anything was sent. `request_headers`, `response_headers` and `timings` are JSON.
    """

    attempt_id: str
    started_ms: int
    request_headers: bytes
    request_body: bytes | None
    body_head: bytes
    body_tail: bytes
    response_headers: bytes | None
    timings: bytes


class Answered(NamedTuple):
    """A request that has ended. `logged` is set if it was a delivery; the response of one that succeeded comes without
    its headers, which nobody but the log asks for then."""

    response: InboundResponse
    logged: Logged | None


class Transport(Protocol):
    """Renders, signs and sends many deliveries at once; belongs to the thread that polls it."""

    def deliver(self, token: int, target: Target, event: Event, attempt: int = 1) -> None:
        """Begin at once; never blocks, never raises for what the delivery or the receiver does wrong. `attempt` is this
        one's number among the delivery's, from 1."""

    def start(self, request: OutboundRequest) -> None:
        """As `deliver`, with a request that is no delivery."""

    def poll(self, timeout_s: float) -> list[Answered]:
        """Work for up to `timeout_s`, less when something finished or `wake` was called; what has finished."""

    def wake(self) -> None:
        """Make a poll that is waiting return. From any thread."""

    def abort(self, token: int) -> None:
        """Break a request off; it still finishes, with `aborted`, in a later poll."""

    def close(self) -> None:
        """Drop all connections. Nothing finishes any more."""
