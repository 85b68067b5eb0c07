"""Receivers that misbehave, through the sender process: they cost what they cost in this one, and it goes on."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.receivers import (
    OK,
    Connection,
    Receiver,
    Script,
    answers,
    answers_status,
    closes_kept_connections,
    dripping_body,
    dripping_headers,
    endless_body,
    header_flood,
    interim_flood,
    never_answering,
    one_byte_chunks,
    resetting_mid_body,
    trailer_flood,
)
from support.sending import Sending

DEADLINE_S = 0.3
KEPT = 16 * 1024


@pytest.fixture(scope="module")
def apart() -> Iterator[Sending]:
    """One process that meets them all, one after the other."""
    with Sending(apart=True) as sending:
        yield sending


@pytest.fixture(autouse=True)
def still_well(apart: Sending) -> Iterator[None]:
    """Whatever a test did to it: it is the same process, and sends."""
    pid = apart.transport.pid
    yield
    with Receiver(answers(OK)) as receiver:
        assert apart.send(receiver.url).status == 200
    assert apart.responses == {}
    assert apart.transport.pid == pid


def resetting_unanswered(connection: Connection) -> None:
    connection.request()
    connection.reset()


@pytest.mark.parametrize(
    ("script", "deadline_s", "outcome"),
    [
        (never_answering, DEADLINE_S, (None, "timeout", False)),
        (dripping_headers, DEADLINE_S, (None, "timeout", False)),
        (dripping_body, DEADLINE_S, (200, None, True)),
        (endless_body, 10.0, (200, None, True)),
        (one_byte_chunks, 10.0, (200, None, True)),
        (header_flood, 10.0, (None, "headers_too_large", False)),
        (interim_flood, 10.0, (None, "bad_response", False)),
        (trailer_flood, 10.0, (200, None, True)),
        (resetting_mid_body, 10.0, (200, None, True)),
        (resetting_unanswered, 10.0, (None, "connection_lost", False)),
        (answers(b"\x16\x03\x01\x02\x00", then_close=True), 10.0, (None, "bad_response", False)),
        (answers(b"HTTP/1.1 200 OK\r\nA: b\x00c\r\n\r\n", then_close=True), 10.0, (None, "bad_response", False)),
    ],
    ids=[
        "never answers", "headers drip", "body drips", "endless body", "one-byte chunks", "headers flood",
        "interim answers flood", "trailers flood", "reset in mid-body", "reset", "no HTTP", "NUL in a header",
    ],
)  # fmt: skip
def test_a_hostile_receiver_costs_what_it_is_allowed(
    apart: Sending, script: Script, deadline_s: float, outcome: tuple[int | None, str | None, bool]
) -> None:
    with Receiver(script) as receiver:
        response = apart.send(receiver.url, deadline_s=deadline_s)
        assert (response.status, response.error_code, response.truncated) == outcome
        assert (response.error_message is None) == (response.status is not None)
        assert len(response.body) <= KEPT


def test_bytes_of_every_kind_come_through(apart: Sending) -> None:
    raw = b"HTTP/1.1 200 \xff\xfe\r\nX-\xe4: \xc3\x28\xff\xed\xa0\x80\r\nContent-Length: 4\r\n\r\n\x00\xc3\x28\xff"
    with Receiver(answers(raw)) as receiver:
        response = apart.send(receiver.url)
        assert response.headers[0] == ("X-ä", "\xc3(\xff\xed\xa0\x80")
        assert response.body == b"\x00\xc3\x28\xff"


def test_a_redirect_is_never_followed(apart: Sending) -> None:
    with Receiver(answers(OK)) as target, Receiver(answers_status(302, [("Location", target.url)])) as receiver:
        response = apart.send(receiver.url)
        assert response.status == 302
        assert ("Location", target.url) in response.headers
        assert target.connections == 0


def test_a_kept_connection_that_is_closed_unanswered_fails_and_nothing_is_sent_twice(apart: Sending) -> None:
    with Receiver(closes_kept_connections) as receiver:
        assert apart.send(receiver.url, body=b"1").status == 200
        response = apart.send(receiver.url, body=b"2")
        assert (response.status, response.error_code) == (None, "connection_lost")
        assert [request.body for request in receiver.requests] == [b"1", b"2"]


def test_hundreds_that_hang_hold_up_nobody(apart: Sending) -> None:
    with Receiver(never_answering) as dead, Receiver(answers(OK)) as healthy:
        hanging = [apart.start(dead.url, deadline_s=60.0) for _ in range(300)]
        apart.until(lambda: dead.connections == 300)
        for _ in range(20):
            assert apart.send(healthy.url).status == 200
        assert apart.responses == {}
        for token in hanging:
            apart.transport.abort(token)
        assert {apart.finish(token).error_code for token in hanging} == {"aborted"}


def test_a_process_without_descriptors_says_so_and_recovers(apart: Sending) -> None:
    with Receiver(answers(OK, then_close=True)) as receiver:
        # A connection to an earlier receiver may be given up just then, so one try may still succeed.
        for _ in range(20):
            with no_descriptors_left(apart.transport.pid):
                response = apart.send(receiver.url)
            if response.error_code == "connect_failed":
                break
        assert (response.status, response.error_code) == (None, "connect_failed")
        assert "ulimit -n" in (response.error_message or "")
        assert apart.send(receiver.url).status == 200


@contextmanager
def no_descriptors_left(pid: int) -> Iterator[None]:
    used = {int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    free = min(set(range(len(used) + 1)) - used)
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
