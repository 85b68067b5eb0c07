"""What is no HTTP gets an answer that says so, in the form of every other error, and fills no log."""

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
