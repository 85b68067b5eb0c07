"""The wide record: one JSON line for every request that left, with all that an operator asks first.

Off by default (`log_attempts`), since at thousands of requests a second it is the largest thing in the log. Encoded
by msgspec from a list of named fields; headers, bodies, credentials and the URL's query are not among them. A line that
can't be written is lost; the attempt itself is in the store.
"""

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import msgspec

from ringback.model.attempt import Attempt
from ringback.times import rfc3339


class AttemptRecord(msgspec.Struct, tag="attempt", tag_field="event", frozen=True):
    """The fields of a line. `at` is RFC 3339; `origin` the URL without path and query."""

    at: str
    tenant_id: str
    endpoint_id: str
    attempt_id: str
    event_id: str | None
    event_type: str | None
    number: int
    outcome: str
    final: bool
    superseded: bool
    maybe_repeated: bool
    status_code: int | None
    error_code: str | None
    duration_ms: float
    origin: str
    remote_address: str | None
    http_version: str | None


class AttemptLog:
    """Writes records through `write`, which takes whole lines of bytes and is called once for each batch."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._encoder = msgspec.json.Encoder()

    def __call__(self, attempts: Sequence[Attempt]) -> None:
        try:
            self._write(self._encoder_lines(attempts))
        except (OSError, ValueError):
            return  # a full disk or a closed pipe under the log must not stop a delivery

    def _encoder_lines(self, attempts: Sequence[Attempt]) -> bytes:
        return self._encoder.encode_lines([record(attempt) for attempt in attempts])


def record(attempt: Attempt) -> AttemptRecord:
    """The line of one attempt."""
    parts = urlsplit(attempt.url)
    return AttemptRecord(
        at=rfc3339(attempt.at),
        tenant_id=attempt.tenant_id,
        endpoint_id=attempt.endpoint_id,
        attempt_id=attempt.id,
        event_id=attempt.event_id,
        event_type=attempt.event_type,
        number=attempt.number,
        outcome=attempt.outcome,
        final=attempt.final,
        superseded=attempt.superseded,
        maybe_repeated=attempt.maybe_repeated,
        status_code=attempt.status_code,
        error_code=attempt.error_code,
        duration_ms=attempt.duration_ms,
        origin=f"{parts.scheme}://{parts.netloc}",
        remote_address=attempt.remote_address,
        http_version=attempt.http_version,
    )
