"""The wide record of an attempt: one line each, and nothing in it that could be a secret."""

import json

from ringback.model.attempt import Attempt
from ringback.observe.attempts import AttemptLog, EndedAttempt, record

ATTEMPT = Attempt(
    tenant_id="acme",
    id="att_1",
    endpoint_id="ep_1",
    event_id="evt_1",
    event_type="contact.created",
    number=2,
    at=1_795_305_600_123,
    duration_ms=12.5,
    outcome="failed",
    final=False,
    superseded=False,
    maybe_repeated=False,
    status_code=500,
    error_code=None,
    error_message="an error text",
    timings=b"[1.5,2.5,null,8.0,12.5]",
    remote_address="203.0.113.9",
    http_version="1.1",
    method="POST",
    url="https://example.com:8443/hooks/path-token?token=query-token",
    request_headers=b'[["Authorization","credential"]]',
    request_body=None,
    body_head=b'{"data":',
    body_tail=b"}",
    response_headers=b"[]",
    response_body=b"response-body",
    response_truncated=False,
    profile="standard@1a2b3c4d",
)
ENDED = EndedAttempt(
    attempt=ATTEMPT,
    superseded=False,
    due_at=ATTEMPT.at - 250,
    held_by="window",
    retry_at=ATTEMPT.at + 5_000,
    trace="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    payload_bytes=7,
)


def test_one_line_an_attempt_in_one_write() -> None:
    written: list[bytes] = []
    second_ended = ENDED._replace(attempt=ATTEMPT._replace(id="att_2", outcome="succeeded"))
    AttemptLog(written.append)([ENDED, second_ended])
    (lines,) = written
    first, second = (json.loads(line) for line in lines.splitlines())
    assert first == {
        "event": "attempt",
        "at": "2026-11-22T00:00:00.123Z",
        "tenant_id": "acme",
        "endpoint_id": "ep_1",
        "attempt_id": "att_1",
        "event_id": "evt_1",
        "event_type": "contact.created",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "profile": "standard",
        "profile_version": "1a2b3c4d",
        "number": 2,
        "outcome": "failed",
        "final": False,
        "retry_at": "2026-11-22T00:00:05.123Z",
        "superseded": False,
        "maybe_repeated": False,
        "lag_ms": 250,
        "held_by": "window",
        "status_code": 500,
        "error_code": None,
        "duration_ms": 12.5,
        "dns_ms": 1.5,
        "connect_ms": 2.5,
        "tls_ms": None,
        "first_byte_ms": 8.0,
        "request_bytes": 16,
        "response_bytes": 13,
        "response_truncated": False,
        "origin": "https://example.com:8443",
        "remote_address": "203.0.113.9",
        "http_version": "1.1",
    }
    assert second["attempt_id"] == "att_2"
    assert lines.endswith(b"\n")


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    def full(_: bytes) -> None:
        raise OSError(28, "No space left on device")

    AttemptLog(full)([ENDED])


def test_what_is_not_known_is_null_and_a_clock_set_back_makes_no_negative_lag() -> None:
    attempt = ATTEMPT._replace(timings=None, request_body=b"whole", response_body=None, status_code=None)
    ended = ENDED._replace(attempt=attempt, trace="nonsense", retry_at=None, due_at=ATTEMPT.at + 99)

    line = record(ended)

    assert (line.trace_id, line.retry_at, line.dns_ms, line.lag_ms) == (None, None, None, 0)
    assert (line.request_bytes, line.response_bytes) == (5, 0)
