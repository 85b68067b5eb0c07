"""One attempt: the request as it leaves, and the record of it for the log.

The bytes that are signed are the bytes that are sent and the bytes that are logged. The record is complete enough to
repeat the request with curl, credentials aside. Never sends, never stores.
"""

from typing import Final, NamedTuple

import msgspec

from ringback.clock import Clock
from ringback.engine.ports import InboundResponse, OutboundRequest
from ringback.engine.target import Target
from ringback.engine.verdict import Verdict
from ringback.model.attempt import Attempt, Outcome
from ringback.model.event import DueDelivery
from ringback.times import rfc3339
from ringback.wire.message import Message, Rendered

_encode = msgspec.json.Encoder().encode
# A named tuple's own constructor costs three times as much, and this runs for every request.
_make: Final = tuple.__new__


class Flight(NamedTuple):
    """A request on its way: enough to write its record when the answer is here."""

    attempt_id: str
    row: DueDelivery
    target: Target
    rendered: Rendered
    hops_header: tuple[str, str]
    started_ms: int
    maybe_repeated: bool


def take_off(
    row: DueDelivery, target: Target, token: int, freed_at: int, clock: Clock
) -> tuple[Flight, OutboundRequest]:
    """Render and sign a delivery for its endpoint as it is now. The attempt's id is made here, before sending.

    `freed_at`: what was due by then may have been sent by an owner that died (0: there was none).
    """
    now_ms = clock.now_ms()
    event = row.event
    moment = event.occurred_at if event.occurred_at is not None else event.accepted_at
    rendered = target.contract.render(
        _make(Message, (event.id, event.type, event.data, rfc3339(moment))),
        target.signing_secrets(now_ms),
        target.endpoint.signature,
        now_ms // 1000,
    )
    hops = ("Ringback-Hops", str(event.hops + 1))
    headers = [f"{name}: {value}" for name, value in rendered.headers]
    headers += target.sent_headers
    headers.append(f"{hops[0]}: {hops[1]}")
    asked = (token, event.tenant_id, "POST", target.url, headers, rendered.body, target.deadline_s)
    known = (clock.new_id("att"), row, target, rendered, hops, now_ms, row.delivery.due_at <= freed_at)
    return _make(Flight, known), _make(OutboundRequest, asked)


def record(flight: Flight, response: InboundResponse, verdict: Verdict) -> Attempt:
    """The log's line for a request that has ended."""
    delivery, event = flight.row
    rendered, target = flight.rendered, flight.target
    fields = (
        delivery.tenant_id,
        flight.attempt_id,
        delivery.endpoint_id,
        delivery.event_id,
        event.type,
        delivery.attempts + 1,
        flight.started_ms,
        response.timings.total,
        Outcome.SUCCEEDED.value if verdict.succeeded else Outcome.FAILED.value,
        verdict.retry_at is None,
        False,
        response.status,
        verdict.error_code,
        verdict.error_message,
        _encode(response.timings),
        response.remote_address,
        response.http_version,
        "POST",
        target.url,
        _encode([*rendered.headers, *target.shown_headers, flight.hops_header]),
        rendered.body if rendered.whole else None,
        rendered.head,
        rendered.tail,
        _encode(response.headers) if response.status is not None else None,
        response.body if response.status is not None else None,
        response.truncated,
        target.endpoint.profile,
        flight.maybe_repeated,
    )
    return _make(Attempt, fields)
