"""The wide record of an attempt: one line each, and nothing in it that could be a secret."""

import json

from ringback.model.attempt import Attempt
from ringback.observe.attempts import AttemptLog

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
    timings=b"[]",
    remote_address="203.0.113.9",
    http_version="1.1",
    method="POST",
    url="https://example.com:8443/hooks/path-token?token=query-token",
    request_headers=b'[["Authorization","credential"]]',
    request_body=b"request-body",
    body_head=b"",
    body_tail=b"",
    response_headers=b"[]",
    response_body=b"response-body",
    response_truncated=False,
    profile="standard",
)


def test_one_line_an_attempt_in_one_write() -> None:
    written: list[bytes] = []
    AttemptLog(written.append)([ATTEMPT, ATTEMPT._replace(id="att_2", outcome="succeeded")])
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
        "number": 2,
        "outcome": "failed",
        "final": False,
        "superseded": False,
        "maybe_repeated": False,
        "status_code": 500,
        "error_code": None,
        "duration_ms": 12.5,
        "origin": "https://example.com:8443",
        "remote_address": "203.0.113.9",
        "http_version": "1.1",
    }
    assert second["attempt_id"] == "att_2"
    assert lines.endswith(b"\n")


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    def full(_: bytes) -> None:
        raise OSError(28, "No space left on device")

    AttemptLog(full)([ATTEMPT])
