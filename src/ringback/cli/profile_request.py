"""The request that a profile makes of an event, as `ringback profile show` prints it.

Made of the same parts as a real one (`ringback.outgoing`, the profile's contract), but for a receiver that doesn't
exist and with a secret that everybody knows. Sends nothing.
"""

from typing import Final, NamedTuple

import msgspec

from ringback.clock import Clock
from ringback.model.endpoint import Endpoint
from ringback.model.errors import BadSetting
from ringback.outgoing import HOPS_HEADER, prepare
from ringback.policy.match import valid_event_type
from ringback.times import parse_rfc3339
from ringback.wire.contract import Contract
from ringback.wire.message import Message

_URL: Final = "https://example.com/hook"
_API: Final = "https://ringback.example.com"
_KEY: Final = b"an example, which everybody has."
_NUMBER: Final = 364_559
_SAMPLE: Final = b'{"type":"contact.created","data":{"id":"c_1","name":"Ada"}}'


class Subject(msgspec.Struct):
    """What an event is about."""

    type: str
    id: str


class Event(msgspec.Struct):
    """What of an event, as `POST …/events` takes it or `GET …/events` shows it, is looked at here."""

    type: str
    data: msgspec.Raw
    id: str | None = None
    channel: str | None = None
    subject: Subject | None = None
    change: str | None = None
    previous: msgspec.Raw = msgspec.Raw(b"null")  # "or None" would let null alone in
    occurred_at: str | None = None
    changed: list[str] | None = None


class Example(NamedTuple):
    """A request as it would leave, and the secret that it is signed with (None: it isn't)."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes
    secret: str | None


def example_request(
    contract: Contract, signature: str | None, event: bytes | None, clock: Clock, event_type: str | None = None
) -> Example:
    """The request of an event, or of the profile's sample of a type (None: its first, or one of ours), signed by one of
    the contract's signatures (None: its default).

    Raises BadSetting.
    """
    chosen = contract.default_signature if signature is None else signature
    if not contract.offers(chosen):
        raise BadSetting(f"signature: {chosen!r} is none of the profile's: {', '.join(contract.signatures)}.")
    endpoint = Endpoint("ep_example", "example", "", _URL, profile=contract.name, signature=chosen)
    target = prepare(endpoint, [], contract)
    secret = None if contract.signing is None else contract.signing.new_secret(_KEY, chosen)
    happened = _event(event) if event is not None else _sample(contract, event_type)
    message = _message(happened, endpoint, clock)
    rendered = contract.render(message, [] if secret is None else [secret], chosen)
    headers = target.shown(rendered.headers, [(HOPS_HEADER, "1")], len(rendered.body))
    return Example(contract.method, target.url, headers, rendered.body, secret)


def _event(event: bytes) -> Event:
    try:
        given = msgspec.json.decode(event, type=Event)
        if given.occurred_at is not None:
            parse_rfc3339(given.occurred_at)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, OverflowError, RecursionError) as error:
        raise BadSetting(f"event: not an event as the API takes it: {error}.") from None
    if not valid_event_type(given.type):
        raise BadSetting("event: its type is no event type, such as contact.created.")
    return given


def _sample(contract: Contract, event_type: str | None) -> Event:
    samples = contract.samples
    if event_type is None and not samples:
        return _event(_SAMPLE)
    found = next(iter(samples.values())) if event_type is None else samples.get(event_type)
    if found is None:
        known = f"it has {', '.join(samples)}" if samples else "it has none: give an event (--event)"
        raise BadSetting(f"type: the profile {contract.name} has no sample of {event_type}; {known}.")
    return Event(
        found.event_type,
        msgspec.Raw(found.data),
        subject=None if found.subject_type is None else Subject(found.subject_type, found.subject_id or ""),
        change=found.change,
        previous=msgspec.Raw(found.previous or b"null"),
    )


def _message(given: Event, endpoint: Endpoint, clock: Clock) -> Message:
    now_ms = clock.now_ms()
    happened_at = now_ms if given.occurred_at is None else parse_rfc3339(given.occurred_at)
    return Message(
        given.id or clock.new_id("evt"),
        given.type,
        bytes(given.data),
        happened_at,
        now_ms,
        tenant_id=endpoint.tenant_id,
        endpoint_id=endpoint.id,
        number=_NUMBER,
        channel=given.channel,
        subject_type=given.subject.type if given.subject else None,
        subject_id=given.subject.id if given.subject else None,
        change=given.change,
        previous=None if bytes(given.previous) == b"null" else bytes(given.previous),
        accepted_ms=now_ms,
        changed=None if given.changed is None else msgspec.json.encode(given.changed).decode(),
        base_url=_API,
    )
