"""What the engine asks of whoever sends its HTTP: a transport.

`sender` is the real one, `testing.transport` the one of the simulation. A transport belongs to one thread;
only `wake` may be called from others. It never decides: what a status means is `policy.retry`'s business.
"""

from typing import NamedTuple, Protocol

from ringback.model.attempt import Timings


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
    `bad_response` (no HTTP, HTTP/0.9, a broken status line), `connection_lost` (before the headers ended), `aborted`.
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


class Transport(Protocol):
    """Sends many requests at once on the thread that polls it."""

    def start(self, request: OutboundRequest) -> None:
        """Begin at once; never blocks, never raises for what the request or the receiver does wrong."""

    def poll(self, timeout_s: float) -> list[InboundResponse]:
        """Work for up to `timeout_s`, less when something finished or `wake` was called; what has finished."""

    def wake(self) -> None:
        """Make a poll that is waiting return. From any thread."""

    def abort(self, token: int) -> None:
        """Break a request off; it still finishes, with `aborted`, in a later poll."""

    def close(self) -> None:
        """Drop all connections. Nothing finishes any more."""
