"""The local receiver over real sockets: keep-alive, pipelines, limits, many connections, answers as told."""

import http.client
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from ringback.cli import receiver as module
from ringback.cli.receiver import Answer, Receiver, Request
from ringback.model.errors import PortTaken

LOOPBACK = "127.0.0.1"


@contextmanager
def receiving(handler: Callable[[Request], Answer]) -> Iterator[Receiver]:
    receiver = Receiver(LOOPBACK, 0, handler)
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()


def exchange(port: int, sent: bytes) -> bytes:
    """Send raw bytes, read until the receiver closes."""
    with socket.create_connection((LOOPBACK, port), timeout=10) as connection:
        connection.sendall(sent)
        received = b""
        while part := connection.recv(65_536):
            received += part
    return received


def test_a_request_arrives_whole_and_is_answered_as_told() -> None:
    seen: list[Request] = []

    def handler(request: Request) -> Answer:
        seen.append(request)
        return Answer(418, b"short and stout", (("Retry-After", "7"),))

    with receiving(handler) as receiver:
        connection = http.client.HTTPConnection(LOOPBACK, receiver.port, timeout=10)
        connection.request("POST", "/hook?a=1", b'{"a":1}', {"X-Case-Kept": "Yes"})
        response = connection.getresponse()
        assert (response.status, response.read()) == (418, b"short and stout")
        assert response.headers["Retry-After"] == "7"
        connection.close()
    (request,) = seen
    assert (request.method, request.path, request.body) == ("POST", "/hook?a=1", b'{"a":1}')
    assert ("X-Case-Kept", "Yes") in request.headers


def test_a_connection_is_kept_for_the_next_request() -> None:
    with receiving(lambda request: Answer(200, request.body)) as receiver:
        connection = http.client.HTTPConnection(LOOPBACK, receiver.port, timeout=10)
        for body in (b"one", b"two"):
            connection.request("PUT", "/", body)
            assert connection.getresponse().read() == body
            first = connection.sock
        assert connection.sock is first
        connection.close()


def test_a_long_pipeline_is_answered_in_order() -> None:
    count = 5_000
    with receiving(lambda request: Answer(200, request.path.encode())) as receiver:
        requests = b"".join(b"GET /%d HTTP/1.1\r\n\r\n" % i for i in range(count))
        received = exchange(receiver.port, requests + b"GET /end HTTP/1.1\r\nConnection: close\r\n\r\n")
    paths = [part.split(b"HTTP/1.1")[0] for part in received.split(b"\r\n\r\n")[1:]]
    assert paths == [b"/%d" % i for i in range(count)] + [b"/end"]


def test_hundreds_of_connections_wait_at_the_same_time() -> None:
    count = 300
    arrived: list[Request] = []

    def handler(request: Request) -> Answer:
        arrived.append(request)
        return Answer(200, b"", (), delay_s=0.5)

    def post(_: int) -> int:
        connection = http.client.HTTPConnection(LOOPBACK, receiver.port, timeout=30)
        try:
            connection.request("POST", "/", b"{}")
            return connection.getresponse().status
        finally:
            connection.close()

    with receiving(handler) as receiver, ThreadPoolExecutor(count) as pool:
        # One after the other they would take 150 s: the client's and the suite's deadlines would pass.
        assert list(pool.map(post, range(count))) == [200] * count
    assert len(arrived) == count


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_body_has_none(status: int) -> None:
    with receiving(lambda _: Answer(status, b"unwanted")) as receiver:
        received = exchange(receiver.port, b"POST / HTTP/1.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    assert b"unwanted" not in received
    assert b"Content-Length" not in received


def test_head_has_the_length_without_the_body() -> None:
    with receiving(lambda _: Answer(200, b"unwanted")) as receiver:
        received = exchange(receiver.port, b"HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert b"Content-Length: 8" in received
    assert b"unwanted" not in received


def test_a_chunked_body_is_put_together() -> None:
    with receiving(lambda request: Answer(200, request.body)) as receiver:
        received = exchange(
            receiver.port,
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        )
    assert received.endswith(b"\r\n\r\nabcde")


def test_expect_continue_is_answered_before_the_body_comes() -> None:
    with (
        receiving(lambda request: Answer(200, request.body)) as receiver,
        socket.create_connection((LOOPBACK, receiver.port), timeout=10) as connection,
    ):
        connection.sendall(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"ok")
        assert connection.recv(1_000).endswith(b"\r\n\r\nok")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"this is not HTTP\r\n\r\n", b"400"),
        (b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: 50\r\nConnection: close\r\n\r\n" + b"x" * 50, b"413"),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 600 + b"\r\n\r\n", b"431"),
    ],
)
def test_what_is_malformed_or_too_large_is_refused(monkeypatch: pytest.MonkeyPatch, sent: bytes, status: bytes) -> None:
    monkeypatch.setattr(module, "BODY_BYTES_MAX", 40)
    monkeypatch.setattr(module, "HEAD_BYTES_MAX", 500)
    handled: list[Request] = []

    def handler(request: Request) -> Answer:
        handled.append(request)
        return Answer()

    with receiving(handler) as receiver:
        received = exchange(receiver.port, sent)
    assert received.split(b" ")[1] == status
    assert handled == []


def test_a_taken_port_is_said_to_be_taken() -> None:
    with receiving(lambda _: Answer()) as first, pytest.raises(PortTaken, match=f"Port {first.port} on .* is taken"):
        Receiver(LOOPBACK, first.port, lambda _: Answer())


def test_stopping_twice_is_harmless() -> None:
    receiver = Receiver(LOOPBACK, 0, lambda _: Answer())
    receiver.start()
    receiver.stop()
    receiver.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, receiver.port), timeout=10)
