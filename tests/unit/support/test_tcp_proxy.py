"""The tests' own proxy does to a connection what each mode says, seen from both ends, with a real server behind it."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from support.process import free_port, wait_until
from support.tcp_proxy import TcpProxy

WITHIN_S = 10.0
LARGE = bytes(range(256)) * 20_000


class Echo:
    """Sends back what it gets. `ends` has, for each connection that ended, whether it ended in order."""

    def __init__(self) -> None:
        self.got = b""
        self.ends: list[bool] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(65536):
                    self.got += data
                    connection.sendall(data)
                self.ends.append(True)
            except OSError:
                self.ends.append(False)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[TcpProxy]:
    with TcpProxy(echo.port) as made:
        yield made


def connected(proxy: TcpProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=WITHIN_S)


def said(client: socket.socket, text: bytes) -> bytes:
    """What comes back for it."""
    client.sendall(text)
    return heard(client, len(text))


def heard(client: socket.socket, length: int) -> bytes:
    found = b""
    while len(found) < length and (data := client.recv(length - len(found))):
        found += data
    return found


def silent(client: socket.socket) -> bool:
    """Whether there is nothing to read now, and the connection is open."""
    client.setblocking(False)
    try:
        client.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    finally:
        client.settimeout(WITHIN_S)
    return False


def test_everything_passes_and_is_counted(proxy: TcpProxy, echo: Echo) -> None:
    with connected(proxy) as one, connected(proxy) as two:
        assert (said(one, b"one"), said(two, b"two")) == (b"one", b"two")
        assert (proxy.accepted, proxy.open) == (2, 2)
        one.shutdown(socket.SHUT_WR)
        assert one.recv(1) == b""
    wait_until(lambda: echo.ends == [True, True], WITHIN_S, "both ended in order")
    wait_until(lambda: proxy.open == 0, WITHIN_S, "the proxy let go of both")
    assert proxy.accepted == 2


def test_more_than_the_buffers_hold_passes_whole(proxy: TcpProxy) -> None:
    with connected(proxy) as client:
        sending = threading.Thread(target=client.sendall, args=(LARGE,))
        sending.start()
        assert heard(client, len(LARGE)) == LARGE
        sending.join()


def test_a_delay_holds_in_each_direction(proxy: TcpProxy) -> None:
    with connected(proxy) as client:
        assert said(client, b"at once") == b"at once"
        proxy.delay(0.1)
        begun = time.monotonic()
        assert said(client, b"late") == b"late"
        assert time.monotonic() - begun >= 0.2
        proxy.delay(3600)
        client.sendall(b"held")
        proxy.let_pass()
        assert heard(client, 4) == b"held"


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_silent_direction_keeps_back_what_comes_and_gives_it_later(
    proxy: TcpProxy, echo: Echo, direction: str
) -> None:
    with connected(proxy) as client, connected(proxy) as other:
        assert said(client, b"before ") == b"before "
        proxy.hold("up" if direction == "up" else "down")
        client.sendall(b"after")
        if direction == "down":
            wait_until(lambda: echo.got == b"before after", WITHIN_S, "it arrives")
        else:
            proxy.ignore_new()  # An order comes after whatever was there before it.
            assert echo.got == b"before "
        assert silent(client)
        assert proxy.open == 2
        proxy.let_pass()
        assert heard(client, 5) == b"after"
        assert said(other, b"other") == b"other"


def test_a_half_open_connection_does_not_tell_that_its_client_has_gone(proxy: TcpProxy, echo: Echo) -> None:
    with connected(proxy) as client:
        assert said(client, b"here") == b"here"
        proxy.hold()
    with connected(proxy) as newcomer:
        newcomer.sendall(b"hello")
        wait_until(lambda: proxy.accepted == 2, WITHIN_S, "the newcomer is connected")
        assert silent(newcomer)
        assert (echo.ends, echo.got, proxy.open) == ([], b"here", 1)
        proxy.let_pass()
        assert heard(newcomer, 5) == b"hello"
        wait_until(lambda: echo.ends == [True], WITHIN_S, "the server hears of the first one's end")


def test_a_reset_is_seen_at_both_ends_and_newcomers_are_served(proxy: TcpProxy, echo: Echo) -> None:
    with connected(proxy) as client:
        assert said(client, b"before") == b"before"
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        wait_until(lambda: echo.ends == [False], WITHIN_S, "the server's end was reset")
    with connected(proxy) as client:
        assert said(client, b"again") == b"again"


def test_a_client_that_breaks_off_breaks_off_at_the_server(proxy: TcpProxy, echo: Echo) -> None:
    client = connected(proxy)
    assert said(client, b"here") == b"here"
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    wait_until(lambda: echo.ends == [False], WITHIN_S, "the server's end was reset")


def test_newcomers_are_refused_and_the_others_go_on(proxy: TcpProxy) -> None:
    with connected(proxy) as client:
        assert said(client, b"before") == b"before"
        proxy.refuse_new()
        with pytest.raises(ConnectionRefusedError):
            connected(proxy)
        assert said(client, b"after") == b"after"
        proxy.let_pass()
        with connected(proxy) as newcomer:
            assert said(newcomer, b"new") == b"new"


def test_newcomers_are_ignored_and_the_others_go_on(proxy: TcpProxy, echo: Echo) -> None:
    with connected(proxy) as client:
        assert said(client, b"before") == b"before"
        proxy.ignore_new()
        with connected(proxy) as newcomer:
            newcomer.sendall(b"-new")
            wait_until(lambda: proxy.accepted == 2, WITHIN_S, "the newcomer is connected")
            assert said(client, b"-after") == b"-after"
            assert (echo.got, silent(newcomer), proxy.open) == (b"before-after", True, 1)
            proxy.let_pass()
            assert heard(newcomer, 4) == b"-new"


def test_without_a_target_a_newcomer_is_reset() -> None:
    with TcpProxy(free_port()) as proxy:
        with pytest.raises(ConnectionResetError), connected(proxy) as client:
            client.recv(1)
        assert (proxy.accepted, proxy.open) == (1, 0)


def test_closing_ends_every_connection_and_its_thread(echo: Echo) -> None:
    proxy = TcpProxy(echo.port)
    with connected(proxy) as client:
        assert said(client, b"here") == b"here"
        proxy.close()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        with pytest.raises(ConnectionRefusedError):
            connected(proxy)
    proxy.close()
    assert "tcp-proxy" not in [thread.name for thread in threading.enumerate()]
