"""Room for bodies: what is turned away when, that small ones still find room, and that who is slow keeps nobody out."""

import socket
from collections.abc import Iterator

import pytest

from ringback.api.room import BODY_WITHIN_S, SMALL_BODY_BYTES_MAX, Room
from ringback.model.errors import Unavailable
from support.events_route import ADMIN_KEY
from support.process import wait_until
from support.route_server import RouteServer
from support.rows import TENANT

ROOM = 400_000
SERVER_ROOM = 300_000
LARGE = 100_000
PATH = f"/v1/tenants/{TENANT}/events"


class Time:
    def __init__(self) -> None:
        self.now_s = 0.0


class Body:
    """One that is being read."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.held = 0
        self.turned_away = False

    def bring(self, size: int) -> bool:
        if not self.room.take(self, size):
            return False
        self.held += size
        return True

    def turn_away(self) -> None:
        self.turned_away = True
        self.room.give_back(self, self.held)
        self.held = 0


def test_large_ones_are_turned_away_at_three_quarters_and_small_ones_when_it_is_full() -> None:
    waiting = 0
    room = Room(lambda: 0.0, lambda: waiting, ROOM)
    body = Body(room)
    for waiting, large, small in (  # noqa: B007 - the room reads it
        (0, True, True),
        (299_999, True, True),
        (300_000, False, True),
        (400_000, False, False),
    ):
        assert room.lets_in(body, LARGE) is large
        assert room.lets_in(body, None) is large  # in chunks: it may be large
        assert room.lets_in(body, SMALL_BODY_BYTES_MAX) is small
        assert room.full is not small
    with pytest.raises(Unavailable) as caught:
        room.check()
    assert caught.value.code == "busy"


def test_what_is_read_and_what_waits_count_together_and_are_given_back() -> None:
    waiting = 150_000
    room = Room(lambda: 0.0, lambda: waiting, ROOM)
    first, second = Body(room), Body(room)
    assert first.bring(LARGE)
    assert second.bring(LARGE)
    assert not second.bring(LARGE)
    assert room.taken == 350_000
    room.give_back(first, first.held)
    assert second.bring(LARGE)
    room.give_back(second, second.held)
    assert room.taken == waiting


def test_who_has_been_sending_for_long_makes_room_the_longest_first() -> None:
    time = Time()
    room = Room(lambda: time.now_s, bytes_max=ROOM)
    bodies = [Body(room) for _ in range(4)]
    for body in bodies:
        assert body.bring(LARGE)
        time.now_s += 1.0
    complete, slow, *others = bodies
    room.complete(complete)
    newcomer = Body(room)
    assert not newcomer.bring(1)  # nobody has been at it for long yet
    time.now_s = 1.0 + BODY_WITHIN_S
    assert newcomer.bring(1)
    assert slow.turned_away
    assert not any(body.turned_away for body in (complete, newcomer, *others))
    room.check()


def test_a_slow_one_is_let_be_while_there_is_room() -> None:
    time = Time()
    room = Room(lambda: time.now_s, bytes_max=ROOM)
    slow = Body(room)
    assert slow.bring(LARGE)
    time.now_s = 1_000.0
    assert Body(room).bring(LARGE)
    assert slow.bring(LARGE)
    assert not slow.turned_away


# ── over sockets ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def server() -> Iterator[RouteServer]:
    made = RouteServer(direct=True, room_bytes=SERVER_ROOM)
    yield made
    made.stop()


def event(size: int) -> bytes:
    return b'{"type":"a","data":"%b"}' % (b"y" * (size - 22))


def head(length: int | None, key: str = ADMIN_KEY) -> bytes:
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n{framing}\r\n\r\n".encode()


def status(connection: socket.socket) -> int:
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = connection.recv(65_536)
        assert piece, answer
        answer += piece
    first, _, rest = answer.partition(b"\r\n\r\n")
    length = int(
        next(line for line in first.lower().split(b"\r\n") if line.startswith(b"content-length")).split(b":")[1]
    )
    while len(rest) < length:
        rest += connection.recv(65_536)
    if first.startswith(b"HTTP/1.1 503"):
        assert b'"code":"busy"' in rest
        assert b"retry-after: 1" in first.lower()
    return int(first.split(b" ")[1])


def stalled(server: RouteServer, size: int, sent: int) -> socket.socket:
    """A caller who announces `size` bytes, sends some, and then nothing."""
    before = server.room.taken
    connection = server.socket()
    connection.sendall(head(size) + b"y" * sent)
    wait_until(lambda: server.room.taken == before + sent, 10, "it was read")
    return connection


def known(server: RouteServer) -> None:
    """Have the key in the server's cache."""
    with server.socket() as connection:
        connection.sendall(head(23) + event(23))
        assert status(connection) == 202


def test_a_large_one_is_answered_before_its_body_is_sent_and_its_connection_goes_on(server: RouteServer) -> None:
    known(server)
    with stalled(server, 270_000, 230_000), server.socket() as connection:
        connection.sendall(head(LARGE))
        assert status(connection) == 503
        connection.sendall(event(LARGE) + head(23) + event(23))  # what it had announced, and a small one
        assert status(connection) == 202
    wait_until(lambda: server.room.taken == 0, 10, "who has gone holds nothing")
    with server.socket() as connection:
        connection.sendall(head(LARGE) + event(LARGE))
        assert status(connection) == 202


@pytest.mark.parametrize("length", [LARGE, None], ids=["a length", "chunks"])
@pytest.mark.parametrize("key", [ADMIN_KEY, "wrong"])
def test_one_that_goes_on_when_all_is_taken_is_answered_in_the_middle(
    server: RouteServer, key: str, length: int | None
) -> None:
    known(server)
    with stalled(server, 270_000, 200_000), server.socket() as connection:
        piece = b"y" * 40_000
        connection.sendall(head(length, key) + (piece if length else b"%x\r\n%b\r\n" % (len(piece), piece)))
        if key == "wrong":
            assert status(connection) == 401  # nothing is held for who may not come in
            wait_until(lambda: server.room.taken == 200_000, 10, "and nothing stays")
            return
        wait_until(lambda: server.room.taken == 240_000, 10, "its first piece is read")
        with stalled(server, 60_001, 60_000):
            connection.sendall(piece if length else b"%x\r\n%b\r\n" % (len(piece), piece))
            assert status(connection) == 503
            connection.sendall(b"y" * 20_000 if length else b"0\r\n\r\n")
        connection.sendall(head(23) + event(23))
        assert status(connection) == 202


def test_callers_who_announce_much_and_send_nothing_keep_nobody_out(server: RouteServer) -> None:
    known(server)
    connections = [server.socket() for _ in range(40)]
    for connection in connections:
        connection.sendall(head(250_000) + b"y")
    wait_until(lambda: server.room.taken == 40, 10, "they were read")
    with server.socket() as connection:
        connection.sendall(head(LARGE) + event(LARGE))
        assert status(connection) == 202
    for connection in connections:
        connection.close()


def test_callers_who_stall_with_all_the_room_are_answered_when_another_needs_it(server: RouteServer) -> None:
    known(server)
    with stalled(server, 250_000, 150_000) as first, stalled(server, 250_000, 150_000) as second:
        with server.socket() as connection:
            connection.sendall(head(23) + event(23))
            assert status(connection) == 503
            server.world.clock.pass_s(BODY_WITHIN_S + 1)
            connection.sendall(head(23) + event(23))
            assert status(connection) == 202
        assert status(first) == 503
        assert server.room.taken == 150_000
        first.sendall(b"y" * 100_000 + head(23) + event(23))
        assert status(first) == 202
        second.sendall(b"y" * 100_000)
        assert status(second) == 400
    assert server.room.taken == 0
