"""One request of a handshake: what is sent to an endpoint that has to prove itself, its line in the log, how far it is.

Made of the profile's words (`wire.handshake`) and of what every request to the endpoint carries, its own headers and
credentials included: what stands in front of a receiver asks for them here too. Never sends, never decides.
"""

from typing import Final, NamedTuple

import msgspec

from ringback.engine.ports import InboundResponse, OutboundRequest
from ringback.model.attempt import Attempt, Outcome
from ringback.outgoing import HOST_HEADER, LENGTH_HEADER, Target
from ringback.policy.url import append_query
from ringback.wire.handshake import Handshake, HandshakeRequest, request_of

_encode = msgspec.json.Encoder().encode
_PER_MINUTE: Final = 60.0
_NEVER: Final = float("inf")


class Asking:
    """How far a lane's endpoint has come. `asked_at` is its `unverified_since`; `begun_s` when it was first asked and
    `due_s` when it is next, on the boot clock. `busy` until the last request is recorded; `token` while it flies."""

    __slots__ = ("asked_at", "begun_s", "busy", "due_s", "number", "token")

    def __init__(self, asked_at: int) -> None:
        self.asked_at = asked_at
        self.begun_s = _NEVER
        self.due_s = 0.0
        self.number = 0
        self.busy = False
        self.token: int | None = None


class Question(NamedTuple):
    """A request that asks, with the challenge in it. `number` counts the requests of one handshake, from 1."""

    target: Target
    rules: Handshake
    challenge: str
    attempt_id: str
    number: int
    at: int
    url: str
    asked: HandshakeRequest

    def request(self, token: int, deadline_s: float) -> OutboundRequest:
        """What the transport sends."""
        endpoint = self.target.endpoint
        headers = [f"{name}: {value}" for name, value in self.asked.headers] + self.target.sent_headers
        return OutboundRequest(
            token, endpoint.tenant_id, self.asked.method, self.url, headers, self.asked.body, deadline_s
        )

    def attempt(self, response: InboundResponse, error: tuple[str, str] | None, *, final: bool) -> Attempt:
        """The log's line. `error` (code, message) is what is wrong with the answer (None: nothing is)."""
        endpoint = self.target.endpoint
        answered = response.status is not None
        code, message = error or (None, None)
        return Attempt(
            tenant_id=endpoint.tenant_id,
            id=self.attempt_id,
            endpoint_id=endpoint.id,
            event_id=None,
            event_type=None,
            number=self.number,
            at=self.at,
            duration_ms=response.timings.total,
            outcome=(Outcome.SUCCEEDED if error is None else Outcome.FAILED).value,
            final=final,
            superseded=False,
            status_code=response.status,
            error_code=code,
            error_message=message,
            timings=_encode(response.timings),
            remote_address=response.remote_address,
            http_version=response.http_version,
            method=self.asked.method,
            url=self.url,
            request_headers=_encode(self._shown()),
            request_body=self.asked.body,
            body_head=b"",
            body_tail=b"",
            response_headers=_encode(response.headers) if answered else None,
            response_body=response.body if answered else None,
            response_truncated=response.truncated,
            profile=endpoint.profile,
        )

    def _shown(self) -> list[tuple[str, str]]:
        """The headers as they go out, credentials replaced. libcurl writes the host, and the length of a POST."""
        length = [(LENGTH_HEADER, str(len(self.asked.body)))] if self.asked.method == "POST" else []
        return [(HOST_HEADER, self.target.host), *self.asked.headers, *self.target.shown_headers, *length]


def question(target: Target, rules: Handshake, challenge: str, *, attempt_id: str, number: int, at: int) -> Question:
    """What is asked of an endpoint now (`at`, milliseconds since 1970)."""
    per_second = target.endpoint.rate_per_second
    per_minute = None if per_second is None else max(1, int(per_second * _PER_MINUTE))
    asked = request_of(rules, challenge, per_minute)
    return Question(target, rules, challenge, attempt_id, number, at, append_query(target.url, asked.query), asked)
