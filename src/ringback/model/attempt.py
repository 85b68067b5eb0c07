"""Attempts: the append-only log of every request, and how a delivery can end.

An attempt's id is made before the request is sent. What ends without a request (`cancelled`, `expired`) leaves
a record here too, under the number of the last request. Times are milliseconds since 1970; durations milliseconds.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from ringback.model.event import Delivery
from ringback.model.ids import number_part, time_part

# Of what was never sent, and where headers were not read.
_NO_HEADERS: Final = (b"[]", b"")

PROFILE_VERSION_MARK: Final = "@"
"""Between a profile's name and its version; no name has one in it."""


class Outcome(StrEnum):
    """What became of one attempt. `cancelled` and `expired` are ends without a request, which the API shows as failed
    with the error of that name."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class DeliveryState(StrEnum):
    """What the API shows of one event at one endpoint."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Timings(NamedTuple):
    """Phases of one request in milliseconds; None where the phase did not happen (a reused connection)."""

    dns: float | None
    connect: float | None
    tls: float | None
    first_byte: float | None
    total: float


class Attempt(NamedTuple):
    """One request with what was sent and what came back; the order of the fields is the order of the columns.

    `request_headers` and `response_headers` are JSON arrays of [name, value], credentials already replaced by
    `***`. The request's body is `request_body`, or, when that is None, the event's data between `body_head` and
    `body_tail` (so that a payload is not stored twice). `timings` is a JSON array in the order of `Timings`.
    `superseded` marks a request whose delivery had been settled by someone else; `maybe_repeated` one whose delivery
    was due when a process died that may have sent it and could not record it. `profile` is NAME@VERSION; the name alone
    in what older versions logged, and "" where there was no request.
    """

    tenant_id: str
    id: str
    endpoint_id: str
    event_id: str | None
    event_type: str | None
    number: int
    at: int
    duration_ms: float
    outcome: str
    final: bool
    superseded: bool
    status_code: int | None
    error_code: str | None
    error_message: str | None
    timings: bytes | None
    remote_address: str | None
    http_version: str | None
    method: str
    url: str
    request_headers: bytes
    request_body: bytes | None
    body_head: bytes
    body_tail: bytes
    response_headers: bytes | None
    response_body: bytes | None
    response_truncated: bool
    profile: str
    maybe_repeated: bool = False

    @property
    def profile_name(self) -> str | None:
        """The name of the wire contract it was made by; None where there was no request."""
        return self.profile.partition(PROFILE_VERSION_MARK)[0] or None

    @property
    def profile_version(self) -> str | None:
        """Which version of it; None where that was not logged."""
        return self.profile.partition(PROFILE_VERSION_MARK)[2] or None

    @property
    def redacted(self) -> bool:
        """Its bodies were removed for privacy: an event's request that left had one. False where they were not read."""
        return self.event_id is not None and self.request_body == b"" and self.request_headers not in _NO_HEADERS

    def without_bodies(self) -> "Attempt":
        """What is kept of it when its event is redacted: everything but what was sent and what came back."""
        return self._replace(request_body=b"", body_head=b"", body_tail=b"", response_body=None)


class Line(NamedTuple):
    """What an attempt says about where its delivery stands."""

    number: int
    outcome: str
    final: bool
    status_code: int | None
    superseded: bool


_WITHOUT_REQUEST: Final = frozenset({Outcome.CANCELLED, Outcome.EXPIRED})


def standing(lines: Iterable[Line]) -> Line | None:
    """Where a delivery stands by its lines in the log, in the order of number, final, id; None: there are none.

    The last line decides. A superseded one doesn't count, but for the request that was under way when its delivery
    was cancelled: it left, so its number and status do, and if it succeeded the receiver has the event.
    """
    last: Line | None = None
    for line in lines:
        if line.outcome in _WITHOUT_REQUEST:
            last = line._replace(status_code=last.status_code if last is not None else None)
        elif not line.superseded:
            last = line
        elif last is not None and last.outcome in _WITHOUT_REQUEST:
            succeeded = line.outcome == Outcome.SUCCEEDED
            last = line if succeeded else last._replace(number=line.number, status_code=line.status_code)
    return last


FINAL_STATES: Final = {
    Outcome.SUCCEEDED: DeliveryState.DELIVERED,
    Outcome.FAILED: DeliveryState.FAILED,
    Outcome.CANCELLED: DeliveryState.CANCELLED,
    Outcome.EXPIRED: DeliveryState.FAILED,
}


_CODES: Final = {Outcome.CANCELLED: "cancelled", Outcome.EXPIRED: "expired"}
_MESSAGES: Final = {
    Outcome.CANCELLED: "It was taken from the queue: its endpoint was deleted, or its payload removed.",
    Outcome.EXPIRED: "It was still waiting when the time ended for which events are kept.",
}


def ended_without_request(delivery: Delivery, event_type: str | None, outcome: Outcome, at: int) -> Attempt:
    """The record that a delivery leaves when it ends and nothing is sent any more: `cancelled` or `expired`.

    Its number is that of the last request. Its id is made of the time and the delivery's `seq`, so that a store, which
    has no chance to draw from, can make it.
    """
    return Attempt(
        tenant_id=delivery.tenant_id,
        id=f"att_{time_part(at)}{number_part(delivery.seq)}",
        endpoint_id=delivery.endpoint_id,
        event_id=delivery.event_id,
        event_type=event_type,
        number=delivery.attempts,
        at=at,
        duration_ms=0.0,
        outcome=outcome,
        final=True,
        superseded=False,
        status_code=None,
        error_code=_CODES[outcome],
        error_message=_MESSAGES[outcome],
        timings=None,
        remote_address=None,
        http_version=None,
        method="",
        url="",
        request_headers=b"[]",
        request_body=b"",
        body_head=b"",
        body_tail=b"",
        response_headers=None,
        response_body=None,
        response_truncated=False,
        profile="",
    )
