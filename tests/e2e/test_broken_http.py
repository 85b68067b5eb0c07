"""What is no HTTP gets an answer that says so, in the form of every other error, and fills no log."""

import contextlib
import json
import socket

import pytest

from support.process import Server

BROKEN = {
    "a method that is none": b"BR EW / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a negative length": b"POST /v1/tenants HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"POST /v1/tenants HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a length and chunks": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a bad chunk": b"POST /v1/tenants HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
}


PIECE = b"x" * 16_384
ENDLESS = {
    "one header": [b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: ", *[PIECE] * 64],
    "many headers": [b"GET /healthz HTTP/1.1\r\nHost: x\r\n", *[b"X: y\r\n" * 50] * 64],
    "a first line": [b"GET /", *[PIECE] * 64],
    "many headers at once": [b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 129 + b"\r\n"],
    "trailers": [
        b"POST /v1/tenants HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        *[b"X: y\r\n" * 50] * 64,
    ],
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_head_without_end_is_cut_off_without_a_key(server: Server, name: str) -> None:
    answer = b""
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection,
        contextlib.suppress(ConnectionError),  # it is closed while more is sent
    ):
        for piece in ENDLESS[name]:
            connection.sendall(piece)
        while read := connection.recv(65_536):  # waits for the end: a server that goes on reading fails here
            answer += read
    assert b" 200 " not in answer
    assert server.ask("GET", "/healthz").status == 200


def test_a_head_that_is_too_large_is_told_so(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 40_000)
        connection.sendall(b"x" * 26_000)
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b'"code":"head_too_large"' in answer


@pytest.mark.parametrize("name", BROKEN)
def test_broken_requests_get_a_problem_and_no_log_line(server: Server, name: str) -> None:
    before = server.log.read_bytes()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(BROKEN[name])
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 400")
    assert b"application/problem+json" in head
    assert json.loads(body)["code"] == "malformed"
    assert server.log.read_bytes() == before
