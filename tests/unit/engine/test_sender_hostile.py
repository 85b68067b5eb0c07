"""What a receiver may do to us: each line of SECURITY's "Time and size" and "Redirects", with real sockets."""

import gzip
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ringback.engine.ports import InboundResponse
from ringback.engine.reading import SenderLimits
from support.backlog import full_backlog
from support.receivers import (
    OK,
    Connection,
    Receiver,
    Script,
    answers,
    answers_status,
    dripping_body,
    dripping_headers,
    early_answer,
    endless_body,
    header_flood,
    interim_flood,
    never_answering,
    one_byte_chunks,
    resetting_mid_body,
    trailer_flood,
)
from support.sending import Sending

KEPT = 16 * 1024
DEADLINE_S = 0.5


def exchange(script: Script, **options: object) -> InboundResponse:
    with Receiver(script) as receiver, Sending() as sending:
        return sending.send(receiver.url, **options)


# Time.


def test_a_receiver_that_never_answers_costs_its_deadline() -> None:
    response = exchange(never_answering, deadline_s=DEADLINE_S)
    assert (response.status, response.error_code) == (None, "timeout")
    assert response.error_message == "The receiver sent no status line in time. It may have got the request."
    assert response.timings.total >= DEADLINE_S * 1000


def test_headers_that_drip_for_ever_end_with_the_total_deadline() -> None:
    response = exchange(dripping_headers, deadline_s=DEADLINE_S)
    assert (response.status, response.error_code) == (None, "timeout")


def test_a_body_that_drips_for_ever_ends_with_the_total_deadline_and_the_status_stands() -> None:
    response = exchange(dripping_body, deadline_s=DEADLINE_S)
    assert (response.status, response.error_code, response.truncated) == (200, None, True)
    assert set(response.body) == {ord("x")}


def test_a_connection_that_is_never_made_has_its_own_budget() -> None:
    # A full backlog answers no SYN. The deadline is longer than the test may take, so it is the budget that ends it.
    with full_backlog() as port, Sending(limits=SenderLimits(connect_s_max=0.3)) as sending:
        response = sending.send(f"http://127.0.0.1:{port}/", deadline_s=100.0)
        assert (response.status, response.error_code) == (None, "timeout")
        assert response.error_message == "No connection could be made in time: the address did not answer."


def test_a_tls_handshake_that_never_ends_is_part_of_the_connect_budget() -> None:
    with Receiver(never_answering) as receiver, Sending(limits=SenderLimits(connect_s_max=0.3)) as sending:
        response = sending.send(receiver.url.replace("http:", "https:"), deadline_s=100.0)
        assert response.error_code == "timeout"
        assert response.error_message == "The connection was made, but the TLS handshake did not end in time."


# Size.


def test_an_endless_body_is_cut_and_the_connection_closed() -> None:
    """Mattermost CVE-2026-2456."""
    finished = threading.Event()

    def script(connection: Connection) -> None:
        endless_body(connection)
        finished.set()

    with Receiver(script) as receiver, Sending() as sending:
        response = sending.send(receiver.url, deadline_s=10.0)
        assert (response.status, response.error_code, response.truncated) == (200, None, True)
        assert response.body == b"x" * KEPT
        assert response.headers == [("X-Kind", "endless")]
        sending.until(finished.is_set)


def test_one_byte_chunks_for_ever_are_cut() -> None:
    response = exchange(one_byte_chunks, deadline_s=10.0)
    assert (response.status, response.truncated, len(response.body)) == (200, True, KEPT)


@pytest.mark.parametrize(
    ("size", "kept", "truncated"),
    [(KEPT - 1, KEPT - 1, False), (KEPT, KEPT, False), (KEPT + 1, KEPT, True), (64 * 1024, KEPT, True)],
)
def test_a_body_is_kept_up_to_the_cap_and_read_a_little_further(size: int, kept: int, truncated: bool) -> None:
    with Receiver(answers_status(200, body=b"x" * size)) as receiver, Sending() as sending:
        response = sending.send(receiver.url)
        assert (response.status, len(response.body), response.truncated) == (200, kept, truncated)
        assert sending.send(receiver.url).status == 200
        assert receiver.connections == 1, "a body that ends soon does not cost the connection"


def test_a_body_that_announces_gigabytes_is_not_waited_for() -> None:
    raw = b"HTTP/1.1 500 No\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 100_000
    response = exchange(answers(raw), deadline_s=10.0)
    assert (response.status, response.truncated, len(response.body)) == (500, True, KEPT)


def test_a_flood_of_headers_is_cut() -> None:
    response = exchange(header_flood, deadline_s=10.0)
    assert (response.status, response.error_code) == (None, "headers_too_large")
    assert response.headers == []


@pytest.mark.parametrize("size", [33_000, 99_000, 200_000])
def test_one_huge_header_is_too_large(size: int) -> None:
    response = exchange(answers(b"HTTP/1.1 200 OK\r\nX: " + b"x" * size + b"\r\n\r\n"), deadline_s=10.0)
    assert (response.status, response.error_code) == (None, "headers_too_large")


def test_a_huge_status_line_is_too_large() -> None:
    response = exchange(answers(b"HTTP/1.1 200 " + b"x" * 40_000 + b"\r\n\r\n"), deadline_s=10.0)
    assert (response.status, response.error_code) == (None, "headers_too_large")


def test_headers_just_below_the_cap_are_kept() -> None:
    raw = b"HTTP/1.1 200 OK\r\nX: " + b"x" * 32_000 + b"\r\nContent-Length: 0\r\n\r\n"
    response = exchange(answers(raw))
    assert response.status == 200
    assert response.headers[0] == ("X", "x" * 32_000)


def test_a_flood_of_trailers_is_cut_and_the_status_stands() -> None:
    response = exchange(trailer_flood, deadline_s=10.0)
    assert (response.status, response.body, response.truncated) == (200, b"ok", True)


# Interim answers.


def test_a_flood_of_interim_answers_is_cut() -> None:
    response = exchange(interim_flood, deadline_s=10.0)
    assert (response.status, response.error_code) == (None, "bad_response")


def test_headers_of_interim_answers_are_not_taken_for_the_answers() -> None:
    raw = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nRetry-After: 99\r\n\r\n"
        b"HTTP/1.1 503 Busy\r\nX-Final: 1\r\nContent-Length: 0\r\n\r\n"
    )
    response = exchange(answers(raw))
    assert response.status == 503
    assert response.headers == [("X-Final", "1"), ("Content-Length", "0")]


def test_an_interim_answer_alone_is_none() -> None:
    response = exchange(answers(b"HTTP/1.1 102 Processing\r\n\r\n"), deadline_s=DEADLINE_S)
    assert (response.status, response.error_code) == (None, "timeout")
    response = exchange(answers(b"HTTP/1.1 102 Processing\r\n\r\n", then_close=True))
    assert (response.status, response.error_code) == (None, "connection_lost")


def test_another_protocol_is_not_switched_to() -> None:
    response = exchange(answers(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"))
    assert (response.status, response.error_code) == (None, "bad_response")


# What isn't HTTP.


@pytest.mark.parametrize(
    "raw",
    [
        b"hello\r\n\r\n", b"<html>HTTP/0.9</html>", b"\x16\x03\x01\x02\x00", b"SSH-2.0-OpenSSH_9.2\r\n", b"\r\n\r\n",
        b"\x00" * 100,
        b"HTTP/1.1 abc OK\r\n\r\n", b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n", b"HTTP/1.1 20\r\n\r\n", b"HTTP/2 200\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/7.9 200 OK\r\n\r\n", b"HTTP/1.2 200 OK\r\n\r\n", b"ICY 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\x00c\r\n\r\n", b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ],
)  # fmt: skip
def test_a_broken_answer_is_a_bad_response(raw: bytes) -> None:
    response = exchange(answers(raw, then_close=True), deadline_s=2.0)
    assert (response.status, response.error_code) == (None, "bad_response")
    assert response.error_message


@pytest.mark.parametrize(
    "raw", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nA: b", b"HTTP/1.1 200 OK\r\nA: b\r\n"]
)
def test_an_answer_that_ends_before_its_headers_do_is_none(raw: bytes) -> None:
    response = exchange(answers(raw, then_close=True), deadline_s=2.0)
    assert (response.status, response.error_code) == (None, "connection_lost")


def test_an_answer_of_http_1_0_is_one() -> None:
    response = exchange(answers(b"HTTP/1.0 200 OK\r\n\r\nhi", then_close=True))
    assert (response.status, response.body, response.truncated, response.http_version) == (200, b"hi", False, "1.0")


def test_invalid_utf_8_and_nul_come_through_as_bytes() -> None:
    raw = b"HTTP/1.1 200 \xff\xfe\r\nX-\xe4: \xc3\x28\xff\r\nContent-Length: 4\r\n\r\n\x00\xc3\x28\xff"
    response = exchange(answers(raw))
    assert response.status == 200
    assert response.headers[0] == ("X-ä", "\xc3(\xff")
    assert response.body == b"\x00\xc3\x28\xff"


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"br", b"zstd", b"gzip, gzip"])
def test_nothing_is_decompressed(encoding: bytes) -> None:
    bomb = gzip.compress(b"\0" * 1_000_000)
    raw = b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n%b" % (encoding, len(bomb), bomb)
    response = exchange(answers(raw))
    assert response.status == 200
    assert response.body == bomb


# Breaking off.


def test_a_reset_in_mid_body_leaves_the_status() -> None:
    response = exchange(resetting_mid_body)
    assert (response.status, response.error_code, response.truncated) == (200, None, True)
    assert response.body in (b"", b"x" * 50)


def test_a_body_that_is_shorter_than_announced_leaves_the_status() -> None:
    response = exchange(answers(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", then_close=True))
    assert (response.status, response.body, response.truncated) == (200, b"hello", True)


def test_a_reset_before_any_answer_is_a_lost_connection() -> None:
    def script(connection: Connection) -> None:
        connection.request()
        connection.reset()

    response = exchange(script)
    assert (response.status, response.error_code) == (None, "connection_lost")


@pytest.mark.parametrize(("status", "size"), [(413, 250_000), (200, 250_000), (413, 4_000_000)])
def test_an_early_answer_is_an_answer(status: int, size: int) -> None:
    raw = b"HTTP/1.1 %d X\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig" % status

    def script(connection: Connection) -> None:
        early_answer(raw)(connection)
        # Closing with unread data resets the connection and may take the answer along, so the rest is read first.
        connection.sock.shutdown(1)
        while connection.sock.recv(65_536):
            pass

    response = exchange(script, body=b"x" * size)
    assert (response.status, response.error_code) == (status, None)


def test_an_early_answer_with_a_reset_is_an_answer_or_a_lost_connection() -> None:
    response = exchange(early_answer(b"HTTP/1.1 413 X\r\nContent-Length: 0\r\n\r\n"), body=b"x" * 4_000_000)
    assert (response.status, response.error_code) in ((413, None), (None, "connection_lost"))


# Redirects.


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
def test_a_redirect_is_never_followed(status: int) -> None:
    with Receiver(answers(OK)) as target, Sending() as sending:
        headers = [("Location", target.url), ("Refresh", f"0; url={target.url}")]
        with Receiver(answers_status(status, headers)) as receiver:
            response = sending.send(receiver.url)
        assert response.status == status
        assert ("Location", target.url) in response.headers
        assert target.connections == 0


def test_what_a_receiver_says_about_later_requests_is_ignored() -> None:
    headers = [
        ("Set-Cookie", "a=b; Path=/"),
        ("Strict-Transport-Security", "max-age=1000"),
        ("Alt-Svc", 'h2="127.0.0.1:1"'),
    ]
    with Receiver(answers_status(200, headers)) as receiver, Sending() as sending:
        sending.send(receiver.url)
        assert sending.send(receiver.url).status == 200
        assert receiver.requests[1].header("Cookie") is None


# Many.


def test_a_thousand_and_a_half_that_hang_hold_up_nobody() -> None:
    with Receiver(never_answering) as dead, Receiver(answers(OK)) as healthy, Sending() as sending:
        hanging = [sending.start(dead.url, deadline_s=60.0) for _ in range(1_500)]
        sending.until(lambda: dead.connections == 1_500)
        for _ in range(20):
            assert sending.send(healthy.url).status == 200
        assert sending.responses == {}
        for token in hanging:
            sending.transport.abort(token)
        sending.until(lambda: len(sending.responses) == 1_500)
        assert {response.error_code for response in sending.responses.values()} == {"aborted"}


def test_a_machine_without_descriptors_says_so_and_recovers() -> None:
    with Receiver(answers(OK, then_close=True)) as receiver, Sending() as sending:
        assert sending.send(receiver.url).status == 200
        # A thread that an earlier test has left may give a descriptor back just then, so one try may still succeed.
        for _ in range(20):
            with no_descriptors_left():
                response = sending.send(receiver.url, deadline_s=1.0)
            if response.error_code == "connect_failed":
                break
        assert (response.status, response.error_code) == (None, "connect_failed")
        assert "ulimit -n" in (response.error_message or "")
        assert sending.send(receiver.url).status == 200


@contextmanager
def no_descriptors_left() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
    fillers = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 1, hard))
    try:
        while True:
            try:
                fillers.append(Path("/dev/null").open("rb"))  # noqa: SIM115
            except OSError:
                break
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for filler in fillers:
            filler.close()
