"""The single request, as it is told to whoever watches: a value for each attempt that is recorded, and its log line.

`EndedAttempt` is the one seam for all telemetry of attempts (metrics, spans, log lines): made by the settler, once,
when the attempt is durable. The line is off by default (`log_attempts`), since at thousands of requests a second it is
the largest thing in the log. Encoded by msgspec from a list of named fields; headers, bodies, credentials and the
URL's path and query are not among them. A line that can't be written is lost; the attempt itself is in the store.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from ringback.model.attempt import Attempt, Timings
from ringback.model.trace import parse_traceparent
from ringback.times import rfc3339

# What held a delivery back after it was due, for most of that time or last.
NOTHING: Final = "none"
SLOTS: Final = "slots"
WINDOW: Final = "window"
PAUSED: Final = "paused"
RATE: Final = "rate"
ORDER: Final = "order"
UNCLAIMED: Final = "unclaimed"
HELD_BY: Final = (NOTHING, SLOTS, WINDOW, PAUSED, RATE, ORDER, UNCLAIMED)

_TIMINGS: Final = msgspec.json.Decoder(Timings).decode
_NO_TIMINGS: Final = Timings(None, None, None, None, 0.0)


class EndedAttempt(NamedTuple):
    """One recorded attempt with what is known besides: when its delivery was due, what held it back (of `HELD_BY`),
    when it is tried again (None: it is not), the trace its event was accepted in (`traceparent`), the payload's size.

    Times are milliseconds since 1970. `superseded`: the delivery had been settled meanwhile.
    """

    attempt: Attempt
    superseded: bool
    due_at: int
    held_by: str
    retry_at: int | None
    trace: str | None
    payload_bytes: int


WatchAttempts = Callable[[Sequence[EndedAttempt]], None]


class AttemptRecord(msgspec.Struct, tag="attempt", tag_field="event", frozen=True):
    """A log line. What a field says stands behind it, for docs/metrics.md too."""

    at: str  # when the request left, RFC 3339
    tenant_id: str  # whose event it is
    endpoint_id: str  # where it went
    attempt_id: str  # as in the log of attempts
    event_id: str | None  # null for a handshake
    event_type: str | None  # the event's type
    trace_id: str | None  # of the trace that the event was accepted in, if any
    profile: str | None  # the wire contract
    profile_version: str | None  # which text of it, as `ringback profile list` shows it
    number: int  # of this attempt for its delivery, from 1
    outcome: str  # `succeeded` or `failed`
    final: bool  # nothing more is tried
    retry_at: str | None  # when it is tried again; null when `final`
    superseded: bool  # the delivery had been settled meanwhile
    maybe_repeated: bool  # a process that died may have sent it before
    lag_ms: int  # from when it was due until it left
    held_by: str  # what it waited for, as in `ringback_delivery_lag_seconds`
    status_code: int | None  # null: no answer
    error_code: str | None  # as in errors.md
    duration_ms: float  # from leaving to the end of the answer
    dns_ms: float | None  # looking up the name; null where a phase did not happen
    connect_ms: float | None  # TCP; null on a kept connection
    tls_ms: float | None  # the handshake
    first_byte_ms: float | None  # from the request's last byte to the answer's first
    request_bytes: int  # the body that was sent
    response_bytes: int  # of the body, as much as was kept
    response_truncated: bool  # there was more, or it broke off
    origin: str  # the URL without path and query
    remote_address: str | None  # the address dialled
    http_version: str | None  # of the answer


class AttemptLog:
    """Writes records through `write`, which takes whole lines of bytes and is called once for each batch."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._encoder = msgspec.json.Encoder()

    def __call__(self, batch: Sequence[EndedAttempt]) -> None:
        try:
            self._write(self._encoder.encode_lines([record(ended) for ended in batch]))
        except (OSError, ValueError):
            return  # a full disk or a closed pipe under the log must not stop a delivery


def write_to_stderr(line: bytes) -> None:
    """Where the log goes, line by line."""
    sys.stderr.buffer.write(line)
    sys.stderr.buffer.flush()


def record(ended: EndedAttempt) -> AttemptRecord:
    """The line of one attempt."""
    attempt = ended.attempt
    parts = urlsplit(attempt.url)
    timings = _timings(attempt)
    trace = parse_traceparent(ended.trace)
    return AttemptRecord(
        at=rfc3339(attempt.at),
        tenant_id=attempt.tenant_id,
        endpoint_id=attempt.endpoint_id,
        attempt_id=attempt.id,
        event_id=attempt.event_id,
        event_type=attempt.event_type,
        trace_id=trace.trace_id if trace is not None else None,
        profile=attempt.profile_name,
        profile_version=attempt.profile_version,
        number=attempt.number,
        outcome=attempt.outcome,
        final=attempt.final,
        retry_at=rfc3339(ended.retry_at) if ended.retry_at is not None else None,
        superseded=ended.superseded,
        maybe_repeated=attempt.maybe_repeated,
        lag_ms=max(0, attempt.at - ended.due_at),
        held_by=ended.held_by,
        status_code=attempt.status_code,
        error_code=attempt.error_code,
        duration_ms=round(attempt.duration_ms, 3),
        dns_ms=_rounded(timings.dns),
        connect_ms=_rounded(timings.connect),
        tls_ms=_rounded(timings.tls),
        first_byte_ms=_rounded(timings.first_byte),
        request_bytes=_request_bytes(ended),
        response_bytes=len(attempt.response_body or b""),
        response_truncated=attempt.response_truncated,
        origin=f"{parts.scheme}://{parts.netloc}",
        remote_address=attempt.remote_address,
        http_version=attempt.http_version,
    )


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 3)


def _request_bytes(ended: EndedAttempt) -> int:
    attempt = ended.attempt
    if attempt.request_body is not None:
        return len(attempt.request_body)
    return len(attempt.body_head) + ended.payload_bytes + len(attempt.body_tail)


def _timings(attempt: Attempt) -> Timings:
    if attempt.timings is None:
        return _NO_TIMINGS
    try:
        return _TIMINGS(attempt.timings)
    except ValueError:
        return _NO_TIMINGS
