"""One delivery as it leaves: rendered and signed for its endpoint, and what the log will show of it.

The bytes that are signed are the bytes that are sent and the bytes that are logged, complete enough to repeat the
request with curl, credentials aside. Runs in the sender process. Never sends, never stores.
"""

from typing import Final, NamedTuple

import msgspec

from ringback.clock import Clock
from ringback.engine.ports import InboundResponse, Logged, OutboundRequest
from ringback.model.event import Event
from ringback.model.trace import TRACEPARENT, sent_traceparent
from ringback.model.tuples import make_tuple
from ringback.outgoing import HOPS_HEADER, Target
from ringback.wire.message import Message

_encode = msgspec.json.Encoder().encode


class More(NamedTuple):
    """What most contracts don't ask for: the fields of `wire.message.Message` from `number` to `changed`."""

    number: int | None
    channel: str | None
    subject_type: str | None
    subject_id: str | None
    change: str | None
    previous: bytes | None
    accepted_at: int
    changed: str | None


NO_MORE: Final = More(None, None, None, None, None, None, 0, None)


class Departure(NamedTuple):
    """A delivery to be sent. `target` is the number of its endpoint's `Target`; `happened_at` in ms since 1970.

    `attempt` is the number of this attempt, from 1; `trace` is the event's, where it is to be passed on; `more` is
    there where the endpoint's contract asks for it.
    """

    token: int
    target: int
    tenant_id: str
    event_id: str
    event_type: str
    data: bytes
    happened_at: int
    attempt: int
    hops: int
    trace: str | None
    more: More | None


class NoProfile(Exception):
    """The endpoint's profile is not there, or has not its signature."""


class Sent(NamedTuple):
    """The part of `Logged` that is known when the request leaves."""

    attempt_id: str
    started_ms: int
    request_headers: bytes
    request_body: bytes | None
    body_head: bytes
    body_tail: bytes


def departure_of(
    token: int, number: int, target: Target, event: Event, attempt: int, *, pass_trace: bool = False
) -> Departure:
    """What the sender, who knows `target` as `number`, has to know of `event` for one attempt.

    `pass_trace`: the request says which trace it belongs to.
    """
    happened_at = event.occurred_at if event.occurred_at is not None else event.accepted_at
    trace = event.trace if pass_trace else None
    more = _more(event) if target.contract is not None and target.contract.needs_more else None
    named = (event.tenant_id, event.id, event.type, event.data)
    return make_tuple(Departure, (token, number, *named, happened_at, attempt, event.hops, trace, more))


def _more(event: Event) -> More:
    named = event.number, event.channel, event.subject_type, event.subject_id
    return make_tuple(More, (*named, event.change, event.previous, event.accepted_at, event.changed))


def take_off(departure: Departure, target: Target, clock: Clock) -> tuple[Sent, OutboundRequest]:
    """Render and sign a delivery for its endpoint. The attempt's id is made here, before sending.

    Raises BadSecret, NoProfile.
    """
    contract = target.contract
    if contract is None:
        raise NoProfile
    token, _, tenant_id, event_id, event_type, data, happened_at, attempt, hops, trace, more = departure
    now_ms = clock.now_ms()
    named = (event_id, event_type, data, happened_at, now_ms, attempt, tenant_id, target.endpoint.id)
    message = make_tuple(Message, (*named, *(more or NO_MORE), target.base_url))
    rendered = contract.render(message, target.signing_secrets(now_ms), target.endpoint.signature)
    attempt_id = clock.new_id("att")
    own = [(HOPS_HEADER, str(hops + 1))]
    if trace is not None and not target.has_own_trace and (value := sent_traceparent(trace, attempt_id)):
        own.append((TRACEPARENT, value))
    headers = [f"{name}: {value}" for name, value in rendered.headers]
    headers += target.sent_headers
    headers += [f"{name}: {value}" for name, value in own]
    shown = _encode(target.shown(rendered.headers, own, len(rendered.body)))
    body = rendered.body if rendered.whole else None
    sent = make_tuple(Sent, (attempt_id, now_ms, shown, body, rendered.head, rendered.tail))
    asked = (token, tenant_id, contract.method, target.url, headers, rendered.body, target.deadline_s)
    return sent, make_tuple(OutboundRequest, asked)


def not_sent(clock: Clock) -> Sent:
    """What there is to log of a delivery that could not be rendered."""
    return Sent(clock.new_id("att"), clock.now_ms(), b"[]", b"", b"", b"")


def logged(sent: Sent, response: InboundResponse) -> Logged:
    """All that the log shows, once the request has ended."""
    headers = _encode(response.headers) if response.status is not None else None
    return make_tuple(Logged, (*sent, headers, _encode(response.timings)))
