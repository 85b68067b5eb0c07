"""The hot route behind the real server: framing, sizes, broken bodies and callers who hang up, over sockets.

All of it twice: as ASGI has it, and with the short way for ordinary requests.
"""

import http.client
import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from support.events_route import ADMIN_KEY
from support.route_server import RouteServer
from support.rows import TENANT

SINGLE = f"/v1/tenants/{TENANT}/events"
BATCH = f"{SINGLE}/batch"
BODY = b'{"type":"contact.created","data":{"a":1}}'
HEADERS = {"Authorization": f"Bearer {ADMIN_KEY}", "Content-Type": "application/json"}


@pytest.fixture(scope="module", params=["ordinary", "direct"])
def server(request: pytest.FixtureRequest) -> Iterator[RouteServer]:
    made = RouteServer(direct=request.param == "direct")
    yield made
    made.stop()


def call(
    connection: http.client.HTTPConnection, body: bytes | Iterable[bytes], path: str = SINGLE, **headers: str
) -> tuple[int, Any]:
    connection.request("POST", path, body, {**HEADERS, **{k.replace("_", "-"): v for k, v in headers.items()}})
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def post(server: RouteServer, body: bytes | Iterable[bytes], path: str = SINGLE, **headers: str) -> tuple[int, Any]:
    connection = server.connect()
    try:
        return call(connection, body, path, **headers)
    finally:
        connection.close()


def test_many_requests_on_one_connection(server: RouteServer) -> None:
    connection = server.connect()
    ids = set()
    for _ in range(20):
        status, answer = call(connection, BODY)
        assert status == 202
        ids.add(answer["id"])
        # A refusal doesn't cost the connection.
        assert call(connection, b"{")[0] == 400
        assert call(connection, BODY, Authorization="Bearer wrong")[0] == 401
    assert len(ids) == 20
    connection.close()


def test_chunked_bodies(server: RouteServer) -> None:
    assert post(server, iter([BODY[:3], BODY[3:10], BODY[10:]]))[0] == 202
    assert post(server, iter([b"x"]))[0] == 400
    lines = iter([BODY + b"\n", BODY[:7], BODY[7:]])
    assert post(server, lines, BATCH, Content_Type="application/x-ndjson")[0] == 202


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed"),
        (b"\xef\xbb\xbf" + BODY, 400, "malformed"),
        (b'{"type":"a","data":"\xff"}', 400, "malformed"),
        (b'{"type":"a","data":"\xed\xa0\x80"}', 400, "malformed"),
        (b'{"type":"a","data":"\\ud800"}', 400, "malformed"),
        (b'{"type":"a","data":"\\udc00\\ud800"}', 400, "malformed"),
        (b'{"type":"a","data":NaN}', 400, "malformed"),
        (b'{"type":"a","data":[1,]}', 400, "malformed"),
        (b'{"type":"a","data":1}{}', 400, "malformed"),
        (b"\x1f\x8b\x08\x00", 400, "malformed"),
        (BODY.decode().encode("utf-16"), 400, "malformed"),
        (b'{"type":"a","data":' + b"[" * 101 + b"]" * 101 + b"}", 422, "invalid"),
        (b'{"type":"a","data":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 422, "invalid"),
        (b'{"type":"a","data":1,"colour":"red"}', 422, "invalid"),
        (b'{"type":"a","data":1,"channel":5}', 422, "invalid"),
        (b'{"type":"a","data":1,"channel":"a\\u0000"}', 422, "invalid"),
        (b'{"type":"a"}', 422, "invalid"),
        (b"[]", 422, "invalid"),
        (b'{"type":"a","data":"' + b"x" * (256 * 1024) + b'"}', 413, "too_large"),
        (b" " * 1_000_000, 413, "too_large"),
    ],
    ids=range(20),
)
def test_bad_bodies(server: RouteServer, body: bytes, status: int, code: str) -> None:
    for sent in (body, iter([body])):
        got, problem = post(server, sent)
        assert (got, problem["code"], problem["status"]) == (status, code, status)
        assert problem["type"] == f"urn:ringback:error:{code}"
        assert ("errors" in problem) is (status == 422)


def test_a_batch_over_the_limit(server: RouteServer) -> None:
    body = b'{"events":[' + b",".join([BODY] * 1_001) + b"]}"
    assert post(server, body, BATCH)[1]["code"] == "too_large"
    assert post(server, b'{"events":[' + b",".join([BODY] * 1_000) + b"]}", BATCH)[0] == 202


def test_no_key_and_no_such_place(server: RouteServer) -> None:
    assert post(server, BODY, Authorization="")[0] == 401
    assert post(server, BODY, "/v1/tenants/globex/events", Authorization="Bearer ingest-key")[0] == 404
    connection = server.connect()
    connection.request("GET", SINGLE, headers=HEADERS)
    assert connection.getresponse().status == 418
    connection.close()


def raw_request(length: str, body: bytes, more: bytes = b"") -> bytes:
    head = f"POST {SINGLE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN_KEY}\r\nContent-Length: {length}\r\n"
    return head.encode() + more + b"\r\n" + body


def answer_to(server: RouteServer, request: bytes) -> bytes:
    with server.socket() as connection:
        connection.sendall(request)
        return connection.recv(65_536)


def test_a_huge_announcement_is_answered_before_anything_is_sent(server: RouteServer) -> None:
    assert answer_to(server, raw_request("10000000000", b"")).startswith(b"HTTP/1.1 413 ")
    assert answer_to(server, raw_request("99999999999999999", b"")).startswith(b"HTTP/1.1 413 ")
    # Nor is it asked for.
    expecting = raw_request("300000", b"", b"Expect: 100-continue\r\n")
    assert answer_to(server, expecting).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("length", ["-1", "abc", "1e3", "0x10"])
def test_lengths_that_are_none(server: RouteServer, length: str) -> None:
    assert answer_to(server, raw_request(length, BODY)).startswith(b"HTTP/1.1 400 ")


def test_a_length_that_is_too_short_makes_broken_json(server: RouteServer) -> None:
    assert answer_to(server, raw_request(str(len(BODY) - 1), BODY)).startswith(b"HTTP/1.1 400 ")


def test_callers_who_hang_up_leave_nothing_behind(server: RouteServer) -> None:
    before = len(server.world.writer.seen)
    for part in (b"", BODY[:10]):
        with server.socket() as connection:
            connection.sendall(raw_request(str(len(BODY)), part))
    assert post(server, BODY)[0] == 202
    assert len(server.world.writer.seen) == before + 1


def test_a_caller_who_hangs_up_while_waiting_is_accepted_all_the_same(server: RouteServer) -> None:
    writer = server.world.writer
    before = len(writer.seen)
    writer.held.clear()
    with server.socket() as connection:
        connection.sendall(raw_request(str(len(BODY)), BODY))
        writer.wait_for(before + 1)
    writer.held.set()
    assert post(server, BODY)[0] == 202
    assert len(writer.seen) == before + 2
    assert isinstance(writer.seen[before].outcome, list)


def test_a_slow_caller_delays_nobody(server: RouteServer) -> None:
    with server.socket() as slow:
        slow.sendall(raw_request(str(len(BODY)), BODY[:5]))
        assert post(server, BODY)[0] == 202
        slow.sendall(BODY[5:])
        assert slow.recv(65_536).startswith(b"HTTP/1.1 202 ")
