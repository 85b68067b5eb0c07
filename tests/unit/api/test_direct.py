"""The short way gives the answers of the ordinary one, is taken for ordinary requests, and for no others."""

import json
import re
import socket
from collections.abc import Iterator

import pytest

from ringback.api.auth import REFRESH_EVERY_S
from ringback.model.errors import Unavailable
from ringback.model.event_type import EventType
from ringback.store.port import StoreUnavailable
from support.events_route import ADMIN_KEY, accepted
from support.process import wait_until
from support.route_server import RouteServer
from support.rows import TENANT

BODY = b'{"id":"order-1","type":"contact.created","data":{"a":1}}'
BATCH = b'{"events":[' + BODY + b',{"type":"b","data":null}]}'
PATH = f"/v1/tenants/{TENANT}/events"
AUTHORIZED = f"Authorization: Bearer {ADMIN_KEY}"


@pytest.fixture(scope="module")
def direct() -> Iterator[RouteServer]:
    made = RouteServer(direct=True)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def ordinary() -> Iterator[RouteServer]:
    made = RouteServer(direct=False)
    yield made
    made.stop()


def request(
    body: bytes = BODY, *lines: str, path: str = PATH, method: str = "POST", version: str = "1.1", length: bool = True
) -> bytes:
    head = [f"{method} {path} HTTP/{version}", "Host: x", *lines]
    if length:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode() + body


def read_answer(connection: socket.socket, earlier: bytes = b"") -> tuple[bytes, bytes]:
    """(one answer, what came behind it)."""
    received = earlier
    while b"\r\n\r\n" not in received:
        received += _piece(connection)
    head, _, rest = received.partition(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head)[1])  # type: ignore[index]
    while len(rest) < length:
        rest += _piece(connection)
    return head + b"\r\n\r\n" + rest[:length], rest[length:]


def _piece(connection: socket.socket) -> bytes:
    piece = connection.recv(65_536)
    assert piece, "the server closed the connection"
    return piece


def answers(server: RouteServer, sent: bytes, count: int = 1) -> list[bytes]:
    found = []
    with server.socket() as connection:
        connection.sendall(sent)
        rest = b""
        for _ in range(count):
            answer, rest = read_answer(connection, rest)
            found.append(answer)
    return found


def comparable(answer: bytes) -> tuple[bytes, dict[str, str], object]:
    """Status, headers and body without what differs from call to call."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    headers.pop("date", None)
    headers.pop("content-length", None)
    return first.encode()[:12], headers, re.sub(r"evt_\w+", "evt", json.dumps(json.loads(body or b"null")))


ORDINARY = {
    "one event": request(BODY, AUTHORIZED, "Content-Type: application/json"),
    "no content type": request(BODY, AUTHORIZED),
    "a charset": request(BODY, AUTHORIZED, "Content-Type: application/json; charset=utf-8"),
    "an array": request(BATCH, AUTHORIZED, path=f"{PATH}/batch"),
    "lines": request(BODY + b"\n\n" + BODY, AUTHORIZED, "Content-Type: application/x-ndjson", path=f"{PATH}/batch"),
    "an idempotency key": request(BODY, AUTHORIZED, "Idempotency-Key: k1"),
    "hops": request(BODY, AUTHORIZED, "Ringback-Hops: 3"),
    "too many hops": request(BODY, AUTHORIZED, "Ringback-Hops: 30"),
    "a key of the ingest scope": request(BODY, "Authorization: Bearer ingest-key"),
    "no JSON": request(b"{", AUTHORIZED),
    "an empty body": request(b"", AUTHORIZED),
    "an unknown field": request(b'{"type":"a","data":1,"colour":"red"}', AUTHORIZED),
    "another header twice": request(BODY, AUTHORIZED, "X-A: 1", "X-A: 2"),
    "data that matches its schema": request(b'{"type":"checked","data":{"n":1}}', AUTHORIZED),
    "data that doesn't": request(b'{"type":"checked","data":{"n":"x"}}', AUTHORIZED),
    "a batch with data that doesn't": request(
        b'{"events":[{"type":"checked","data":{"n":"x"}}]}', AUTHORIZED, path=f"{PATH}/batch"
    ),
    "close": request(BODY, AUTHORIZED, "Connection: close"),
    "close, and no JSON": request(b"{", AUTHORIZED, "Connection: close"),
}
SPECIAL = {
    "a query": request(BODY, AUTHORIZED, path=f"{PATH}?a=1"),
    "an escape": request(BODY, AUTHORIZED, path=f"/v1/tenants/%{ord(TENANT[0]):02x}{TENANT[1:]}/events"),
    "chunks": request(
        b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY), AUTHORIZED, "Transfer-Encoding: chunked", length=False
    ),
    "HTTP/1.0": request(BODY, AUTHORIZED, version="1.0"),
    "an upgrade": request(BODY, AUTHORIZED, "Connection: upgrade", "Upgrade: websocket"),
    "no key": request(BODY),
    "a wrong key": request(BODY, "Authorization: Bearer wrong"),
    "another tenant's key": request(BODY, "Authorization: Bearer tenant-key", path="/v1/tenants/globex/events"),
    "two keys": request(BODY, AUTHORIZED, AUTHORIZED),
    "no tenant's name": request(BODY, AUTHORIZED, path="/v1/tenants/a.b/events"),
    "a content type that is none": request(BODY, AUTHORIZED, "Content-Type: text/xml"),
    "hops that are no number": request(BODY, AUTHORIZED, "Ringback-Hops: x"),
    "a body over the limit": request(b" " * 300_000, AUTHORIZED),
    "a large body": request(b" " * 1_100_000 + BODY, AUTHORIZED),
    "another method": request(BODY, AUTHORIZED, method="PUT"),
    "another path": request(BODY, AUTHORIZED, path=f"{PATH}/x"),
}


def warm(server: RouteServer) -> None:
    """Let the server get to know the keys, and one type with a schema."""
    server.world.put_schema("checked", b'{"properties":{"n":{"type":"integer"}}}')
    for line in (AUTHORIZED, "Authorization: Bearer ingest-key", "Authorization: Bearer tenant-key"):
        answers(server, request(BODY, line))


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_requests_go_the_short_way_to_the_same_answer(
    direct: RouteServer, ordinary: RouteServer, name: str
) -> None:
    for server in (direct, ordinary):
        warm(server)
    before = direct.taken
    found, expected = answers(direct, ORDINARY[name])[0], answers(ordinary, ORDINARY[name])[0]
    assert comparable(found) == comparable(expected)
    assert direct.taken == before + 1
    assert ordinary.taken == 0


@pytest.mark.parametrize("name", SPECIAL)
def test_all_others_go_the_ordinary_way(direct: RouteServer, ordinary: RouteServer, name: str) -> None:
    for server in (direct, ordinary):
        warm(server)
    before = direct.taken
    found, expected = answers(direct, SPECIAL[name])[0], answers(ordinary, SPECIAL[name])[0]
    assert comparable(found) == comparable(expected)
    assert direct.taken == before


def test_quotas_hold_on_both_ways_alike(direct: RouteServer, ordinary: RouteServer) -> None:
    batch = request(b'{"events":[' + b",".join([BODY] * 12) + b"]}", AUTHORIZED, path=f"{PATH}/batch")
    large = request(b'{"type":"a","data":"' + b"x" * 2_000 + b'"}', AUTHORIZED)
    sent = [request(BODY, AUTHORIZED)] * 3 + [batch, request(BODY, AUTHORIZED), large]
    found = []
    for server in (direct, ordinary):
        warm(server)
        server.world.limit(events_per_second=4.0, payload_bytes_max=1_024)
        answers(server, request(b"{", AUTHORIZED))  # the keys have to be looked up anew; what is refused costs nothing
        try:
            before = server.taken
            found.append([comparable(answers(server, one)[0]) for one in sent])
            server.world.clock.pass_s(0.5)
            found[-1] += [comparable(answers(server, one)[0]) for one in (batch, *sent[:2])]
            assert server.taken - before == (len(sent) + 3 if server is direct else 0)
        finally:
            server.world.limit(events_per_second=None, payload_bytes_max=None)
    assert found[0] == found[1]
    statuses = [status[-3:] for status, _, _ in found[0]]
    assert statuses == [b"202", b"202", b"202", b"429", b"202", b"413", b"429", b"202", b"202"]
    assert [headers["retry-after"] for status, headers, _ in found[0] if status.endswith(b"429")] == ["1", "1"]


def test_what_another_process_wrote_holds_within_a_second(direct: RouteServer) -> None:
    warm(direct)
    world = direct.world
    sent = request(b'{"type":"elsewhere","data":1}', AUTHORIZED)
    world.store.put_event_type(EventType("elsewhere", "", False, 0, 0, schema=b"false"), 1_000)
    assert answers(direct, sent)[0].startswith(b"HTTP/1.1 202 ")
    world.clock.pass_s(REFRESH_EVERY_S)
    assert answers(direct, sent)[0].startswith(b"HTTP/1.1 422 ")


def test_what_the_writer_had_no_room_for_costs_no_quota(direct: RouteServer) -> None:
    warm(direct)
    direct.world.limit(events_per_second=1.0)
    direct.world.writer.full = True
    try:
        for _ in range(3):
            assert answers(direct, request(BODY, AUTHORIZED))[0].startswith(b"HTTP/1.1 503 ")
        direct.world.writer.full = False
        assert answers(direct, request(BODY, AUTHORIZED))[0].startswith(b"HTTP/1.1 202 ")
        assert answers(direct, request(BODY, AUTHORIZED))[0].startswith(b"HTTP/1.1 429 ")
    finally:
        direct.world.writer.full = False
        direct.world.limit(events_per_second=None)


def test_who_waits_to_be_asked_for_the_body_is_asked(direct: RouteServer) -> None:
    warm(direct)
    with direct.socket() as connection:
        whole = request(BODY, AUTHORIZED, "Expect: 100-continue")
        connection.sendall(whole[: -len(BODY)])
        assert connection.recv(65_536).startswith(b"HTTP/1.1 100 ")
        connection.sendall(BODY)
        assert read_answer(connection)[0].startswith(b"HTTP/1.1 202 ")


def test_a_key_that_is_not_known_yet_is_looked_up_the_ordinary_way(direct: RouteServer) -> None:
    warm(direct)
    direct.world.clock.pass_s(2.0)
    before = direct.taken
    sent = request(BODY, AUTHORIZED)
    assert all(answer.startswith(b"HTTP/1.1 202 ") for answer in answers(direct, sent) + answers(direct, sent))
    assert direct.taken == before + 1


def test_requests_in_a_row_are_answered_in_their_order(direct: RouteServer) -> None:
    warm(direct)
    writer = direct.world.writer
    sent = [request(b'{"id":"e%d","type":"a","data":1}' % number, AUTHORIZED) for number in range(10)]
    sent[4] = request(b"{", AUTHORIZED)
    seen = len(writer.seen)
    writer.held.clear()
    with direct.socket() as connection:
        connection.sendall(b"".join(sent))
        writer.wait_for(seen + 1)
        writer.held.set()
        rest = b""
        for number in range(10):
            answer, rest = read_answer(connection, rest)
            if number == 4:
                assert answer.startswith(b"HTTP/1.1 400 ")
            else:
                assert b'"id":"e%d"' % number in answer


def test_a_body_in_pieces(direct: RouteServer) -> None:
    warm(direct)
    before = direct.taken
    whole = request(BODY, AUTHORIZED)
    with direct.socket() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(whole), 7):
            connection.sendall(whole[at : at + 7])
        assert b'"id":"order-1"' in read_answer(connection)[0]
    assert direct.taken == before + 1


def test_what_the_writer_says_is_answered(direct: RouteServer) -> None:
    warm(direct)
    writer = direct.world.writer
    said = {
        b"HTTP/1.1 200 ": lambda submission: accepted(submission, duplicate=True),
        b"HTTP/1.1 503 ": lambda submission: StoreUnavailable("The disk is full."),
        b"HTTP/1.1 500 ": lambda submission: None,
    }
    try:
        for status, decide in said.items():
            writer.decide = decide  # type: ignore[assignment]
            assert answers(direct, request(BODY, AUTHORIZED))[0].startswith(status)
        writer.decide = accepted
        writer.full = True
        busy = answers(direct, request(BODY, AUTHORIZED))[0]
        assert busy.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 2\r\n" in busy
    finally:
        writer.decide, writer.full = accepted, False


def test_what_cannot_be_taken_is_not_checked(direct: RouteServer) -> None:
    warm(direct)
    route = direct.world.route
    admit = route.queue.admit

    def busy() -> None:
        raise Unavailable("Too many events are waiting.", 3, code="busy")

    try:
        route.queue.admit = busy
        before = direct.taken
        head, _, body = answers(direct, request(b"{no json", AUTHORIZED))[0].partition(b"\r\n\r\n")
    finally:
        route.queue.admit = admit
    assert direct.taken == before + 1
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 3\r\n" in head
    assert json.loads(body)["code"] == "busy"


def test_an_answer_to_nobody_harms_nobody(direct: RouteServer) -> None:
    warm(direct)
    writer = direct.world.writer
    seen = len(writer.seen)
    writer.held.clear()
    with direct.socket() as connection:
        connection.sendall(request(BODY, AUTHORIZED))
        writer.wait_for(seen + 1)
    with direct.socket() as connection:
        connection.sendall(request(BODY, AUTHORIZED))
        writer.wait_for(seen + 2)
        writer.held.set()
        assert read_answer(connection)[0].startswith(b"HTTP/1.1 202 ")


def test_a_server_that_stops_answers_who_waits_and_closes() -> None:
    server = RouteServer(direct=True)
    warm(server)
    writer = server.world.writer
    seen = len(writer.seen)
    writer.held.clear()
    with server.socket() as connection:
        connection.sendall(request(BODY, AUTHORIZED))
        writer.wait_for(seen + 1)
        server.uvicorn.should_exit = True
        wait_until(
            lambda: server.listener.fileno() == -1, 10, "the listener to close"
        )  # the first thing that a stop does
        writer.held.set()
        answer = read_answer(connection)[0]
        assert answer.startswith(b"HTTP/1.1 202 ")
        assert connection.recv(1) == b""
    server.stop()
