"""Turns the bytes of one request into a `Submission`: checked, identified, ready to be stored.

Never writes, never waits, never changes a payload: what goes on is the caller's own bytes. Assumes that the caller
was let in and the tenant is known. Everything wrong is raised as a `Refused` (400 malformed, 409 two events of one
batch under one id, 413 too large, 422 invalid or not as the type's schema has it), and then nothing of the request is
accepted. May be used from several threads at once. This is the hot path: microseconds count.
"""

import hashlib
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from ringback.clock import Clock
from ringback.ingest.catalogue import TypeSchema, no_schema
from ringback.ingest.envelope import at, decode, field_errors, milliseconds, ordering_key
from ringback.ingest.json_checks import check_utf8, invalid, refusal
from ringback.ingest.status import event_of_status
from ringback.ingest.submission import Submission
from ringback.model.errors import Conflict, FieldError, Invalid, TooLarge
from ringback.model.event import Event
from ringback.model.limits import (
    BATCH_BYTES_MAX,
    BATCH_EVENTS_MAX,
    HOPS_MAX,
    IDEMPOTENCY_KEY_CHARS_MAX,
    PAYLOAD_BYTES_MAX,
)
from ringback.policy.schema import below
from ringback.store.port import KeyClaim
from ringback.times import DAY_MS

ENVELOPE_BYTES_MAX: Final = 16 * 1024
IDEMPOTENCY_KEY_LIFE_MS: Final = DAY_MS
# Less than the days an event is kept, so that it is still there when its time comes.
DELIVER_AHEAD_MS_MAX: Final = 28 * DAY_MS
FIELD_ERRORS_MAX: Final = 100
SINGLE: Final = "single"
ARRAY: Final = "array"
NDJSON: Final = "ndjson"
JSON_SPACE: Final = b" \t\r\n"
# An explicit null says the same as leaving it out.
_NO_PREVIOUS: Final = (msgspec.Raw(), msgspec.Raw(b"null"))
_VISIBLE: Final = re.compile(rf"[!-~]{{1,{IDEMPOTENCY_KEY_CHARS_MAX}}}")

_Checked = tuple[Event, KeyClaim | None]


class IntakeLimits(NamedTuple):
    """How much one request may bring. `payload_bytes_max` is for `data` and `previous` of one event together."""

    payload_bytes_max: int = PAYLOAD_BYTES_MAX
    batch_events_max: int = BATCH_EVENTS_MAX
    batch_bytes_max: int = BATCH_BYTES_MAX

    @property
    def single_bytes_max(self) -> int:
        """The largest body of a request with one event."""
        return self.payload_bytes_max + ENVELOPE_BYTES_MAX


class SchemaMismatch(Invalid):
    """Data that doesn't match the schema of its event's type, and nothing else is wrong."""

    code = "schema_mismatch"


class _Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    events: list[msgspec.Raw]


_BATCH_DECODER: Final = msgspec.json.Decoder(_Batch)


class Acceptor:
    """Checks requests. `single`, `array` and `ndjson` are the three forms a body can have; `status` is one event too.

    `hops` is how many senders of webhooks the event has passed already; `idempotency_key` the header's text.
    """

    def __init__(
        self,
        clock: Clock,
        limits: IntakeLimits | None = None,
        schema_of: Callable[[str], TypeSchema | None] = no_schema,
    ) -> None:
        self._clock = clock
        self.limits = limits or IntakeLimits()
        self._schema_of = schema_of

    def limited(self, payload_bytes_max: int) -> "Acceptor":
        """The same with another limit on the payload of one event."""
        limits = self.limits._replace(payload_bytes_max=payload_bytes_max)
        return Acceptor(self._clock, limits, self._schema_of)

    def single(self, tenant_id: str, body: bytes, idempotency_key: str | None, hops: int) -> Submission:
        """One event, as a JSON object."""
        if len(body) > self.limits.single_bytes_max:
            raise too_large(self.limits.single_bytes_max)
        self._check_request(body, idempotency_key, hops)
        now = self._clock.now_ms()
        event, claim = self._event(tenant_id, body, "", now, hops)
        return Submission([event], [claim], _whole(tenant_id, body, idempotency_key, [event], now), form=SINGLE)

    def status(self, tenant_id: str, body: bytes, idempotency_key: str | None, hops: int) -> Submission:
        """`{"status": …}`: an event that says how far the tenant's connection is."""
        if len(body) > self.limits.single_bytes_max:
            raise too_large(self.limits.single_bytes_max)
        check_utf8(body)
        return self.single(tenant_id, event_of_status(body), idempotency_key, hops)

    def array(self, tenant_id: str, body: bytes, idempotency_key: str | None, hops: int) -> Submission:
        """`{"events": [...]}`."""
        self._check_batch_request(body, idempotency_key, hops)
        try:
            raws = _BATCH_DECODER.decode(body).events
        except msgspec.DecodeError as error:
            raise refusal(error, body, "") from None
        except RecursionError:
            raise Invalid("The request nests too deeply.", [FieldError("events", "nests too deeply")]) from None
        return self._batch(tenant_id, body, raws, idempotency_key, hops, form=ARRAY)

    def ndjson(self, tenant_id: str, body: bytes, idempotency_key: str | None, hops: int) -> Submission:
        """One event a line; blank lines don't count."""
        self._check_batch_request(body, idempotency_key, hops)
        lines = [line for line in (line.strip(JSON_SPACE) for line in body.split(b"\n")) if line]
        return self._batch(tenant_id, body, lines, idempotency_key, hops, form=NDJSON)

    def _check_batch_request(self, body: bytes, idempotency_key: str | None, hops: int) -> None:
        if len(body) > self.limits.batch_bytes_max:
            raise too_large(self.limits.batch_bytes_max)
        self._check_request(body, idempotency_key, hops)

    def _check_request(self, body: bytes, idempotency_key: str | None, hops: int) -> None:
        check_hops(hops)
        if idempotency_key is not None and _VISIBLE.fullmatch(idempotency_key) is None:
            message = f"is not 1 to {IDEMPOTENCY_KEY_CHARS_MAX} visible ASCII characters"
            raise invalid([FieldError("Idempotency-Key", message)])
        check_utf8(body)

    def _batch(
        self,
        tenant_id: str,
        body: bytes,
        raws: list[msgspec.Raw] | list[bytes],
        idempotency_key: str | None,
        hops: int,
        *,
        form: str,
    ) -> Submission:
        if not raws:
            raise invalid([FieldError("events", "is empty")])
        if len(raws) > self.limits.batch_events_max:
            raise TooLarge(f"A batch has at most {self.limits.batch_events_max} events.")
        now = self._clock.now_ms()
        checked = self._checked(tenant_id, raws, now, hops)
        _check_twins(checked)
        events = [event for event, _ in checked]
        claims = [claim for _, claim in checked]
        return Submission(events, claims, _whole(tenant_id, body, idempotency_key, events, now), form=form)

    def _checked(self, tenant_id: str, raws: Iterable[bytes | msgspec.Raw], now: int, hops: int) -> list[_Checked]:
        checked: list[_Checked] = []
        errors: list[FieldError] = []
        others = False
        for i, raw in enumerate(raws):
            try:
                checked.append(self._event(tenant_id, raw, f"events[{i}]", now, hops))
            except Invalid as error:
                errors.extend(error.errors)
                others = others or not isinstance(error, SchemaMismatch)
                if len(errors) >= FIELD_ERRORS_MAX:
                    break
        if errors:
            del errors[FIELD_ERRORS_MAX:]
            refused = invalid(errors)
            raise refused if others else SchemaMismatch(refused.detail, errors)
        return checked

    def _event(self, tenant_id: str, raw: bytes | msgspec.Raw, place: str, now: int, hops: int) -> _Checked:
        envelope = decode(raw, place)
        data = bytes(envelope.data)
        previous = bytes(envelope.previous) if envelope.previous not in _NO_PREVIOUS else None
        if len(data) + len(previous or b"") > self.limits.payload_bytes_max:
            what = at(place, "data") + ("" if previous is None else " and previous together")
            raise TooLarge(f"{what} are more than {self.limits.payload_bytes_max} bytes.")
        errors = field_errors(envelope, data, previous, place)
        if errors:
            raise invalid(errors)
        schema = self._schema_of(envelope.type)
        if schema is not None:
            _check_schema(schema, envelope.type, data, place)
        subject = envelope.subject
        event = Event(
            tenant_id,
            envelope.id or self._clock.new_id("evt"),
            envelope.type,
            data,
            envelope.channel,
            None if subject is None else subject.type,
            None if subject is None else subject.id,
            envelope.change,
            previous,
            ordering_key(envelope),
            milliseconds(envelope.occurred_at, at(place, "occurred_at")),
            _due(envelope.deliver_at, at(place, "deliver_at"), now),
            now,
            hops,
            0,
        )
        return event, _claim(tenant_id, envelope.id, raw)


def _check_schema(schema: TypeSchema, event_type: str, data: bytes, place: str) -> None:
    field = at(place, "data")
    errors = [FieldError(below(field, path), message) for path, message in schema.mismatches(data)]
    if errors:
        raise SchemaMismatch(
            f"The data doesn't match the schema of {event_type}: {errors[0].field} {errors[0].message}.", errors
        )


def check_hops(hops: int) -> None:
    """Raises Invalid for what was passed on too often."""
    if hops >= HOPS_MAX:
        raise Invalid(
            f"This came through {hops} senders of webhooks already: it looks like a loop.",
            [FieldError("Ringback-Hops", f"is {HOPS_MAX} or more")],
            code="too_many_hops",
        )


def too_large(bytes_max: int) -> TooLarge:
    """The refusal of a body over `bytes_max`."""
    return TooLarge(f"The body is larger than {bytes_max} bytes.")


def _due(deliver_at: datetime | None, field: str, now: int) -> int | None:
    due = milliseconds(deliver_at, field)
    if due is None:
        return None
    if due > now + DELIVER_AHEAD_MS_MAX:
        raise invalid([FieldError(field, f"is more than {DELIVER_AHEAD_MS_MAX // DAY_MS} days ahead")])
    return max(due, now)


def _claim(tenant_id: str, event_id: str | None, raw: bytes | msgspec.Raw) -> KeyClaim | None:
    if event_id is None:
        return None
    # White space around the event is the request's, not the event's: a batch and a single request agree.
    digest = hashlib.sha256(bytes(raw).strip(JSON_SPACE)).digest()
    return KeyClaim(tenant_id, "event", event_id, digest, (event_id,), None)


def _whole(tenant_id: str, body: bytes, key: str | None, events: list[Event], now: int) -> KeyClaim | None:
    if key is None:
        return None
    event_ids = tuple(event.id for event in events)
    digest = hashlib.sha256(body).digest()
    return KeyClaim(tenant_id, "idempotency", key, digest, event_ids, now + IDEMPOTENCY_KEY_LIFE_MS)


def _check_twins(checked: list[_Checked]) -> None:
    """Events of one batch under one id must be the same bytes; the writer folds them."""
    hashes: dict[str, bytes] = {}
    for i, (_, claim) in enumerate(checked):
        if claim is not None and hashes.setdefault(claim.key, claim.body_hash) != claim.body_hash:
            raise Conflict(f"events[{i}].id stands twice in the batch, with different events.")
