"""Receivers that misbehave, on loopback: raw sockets, so that anything can be sent, however broken.

    with Receiver(answers(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")) as receiver:
        ... receiver.url, receiver.requests, receiver.connections

A script is called with each connection, on a thread of its own, and plays the receiver's part until it returns; then
the connection is closed. A script that waits does so on `connection.stopping`, so that the receiver stops at once.
"""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable
from typing import NamedTuple

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class ReceivedRequest(NamedTuple):
    """A request as it came: the request line, headers in their order and case, the body's bytes."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first value of the header with exactly this spelling."""
        return next((value for known, value in self.headers if known == name), None)


class Connection:
    """One accepted connection, from the script's side."""

    def __init__(self, sock: socket.socket, receiver: "Receiver") -> None:
        self.sock = sock
        self.stopping = receiver.stopping
        self._receiver = receiver
        self._buffer = b""

    def request(self) -> ReceivedRequest | None:
        """Read one whole request; None when the peer has closed. It is noted in `Receiver.requests`."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._more():
                return None
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        line, *rest = head.decode("latin-1").split("\r\n")
        headers = [(name, value) for name, _, value in (h.partition(": ") for h in rest)]
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
        while len(self._buffer) < length:
            if not self._more():
                return None
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        received = ReceivedRequest(line, headers, body)
        self._receiver.requests.append(received)
        return received

    def send(self, data: bytes) -> bool:
        """Send it all; False when the peer is gone."""
        try:
            self.sock.sendall(data)
        except OSError:
            return False
        return True

    def wait(self, seconds: float) -> bool:
        """Wait, as a slow receiver does; False when the receiver is being stopped."""
        return not self.stopping.wait(seconds)

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def _more(self) -> bool:
        try:
            data = self.sock.recv(65_536)
        except OSError:
            return False
        self._buffer += data
        return bool(data)


Script = Callable[[Connection], object]


class Receiver:
    """A listening socket on 127.0.0.1 (or `host`) that plays `script` with every connection. A context manager."""

    def __init__(self, script: Script, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[ReceivedRequest] = []
        self.connections = 0
        self.stopping = threading.Event()
        self._script = script
        self._tls = tls
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(
            (host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=4_096
        )
        self.host = host
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def open_connections(self) -> int:
        """How many connections this side has not closed."""
        return len(self._open)

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}/hook"

    def __enter__(self) -> "Receiver":
        self._thread.start()
        return self

    def refuse_more(self) -> None:
        """Accept no further connection; those that are open stay."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.refuse_more()
        for sock in list(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        self._thread.join(5)

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.add(sock)
            if self._script is never_answering:
                continue  # no thread needed, so that there can be thousands
            threading.Thread(target=self._play, args=(sock,), daemon=True).start()

    def _play(self, accepted: socket.socket) -> None:
        sock = accepted
        try:
            if self._tls is not None:
                sock = self._tls.wrap_socket(accepted, server_side=True)
            self._script(Connection(sock, self))
        except OSError:
            pass
        finally:
            with contextlib.suppress(OSError):
                sock.close()
            self._open.discard(accepted)


# Scripts.


def answers(*raw: bytes, then_close: bool = False) -> Script:
    """Read a request, send the next of `raw` (the last again and again), on one kept connection."""

    def script(connection: Connection) -> None:
        count = 0
        while connection.request() is not None and connection.send(raw[min(count, len(raw) - 1)]):
            count += 1
            if then_close:
                return

    return script


def answers_status(status: int, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> Script:
    """A plain answer with this status on a kept connection."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return answers(f"HTTP/1.1 {status} X\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body)


def never_answering(connection: Connection) -> None:
    """Accept, and do nothing."""


def slow(seconds: float, raw: bytes = OK) -> Script:
    """Answer `seconds` late."""

    def script(connection: Connection) -> None:
        while connection.request() is not None and connection.wait(seconds):
            connection.send(raw)

    return script


def endless_body(connection: Connection) -> None:
    """Headers without a length, then bytes for ever."""
    connection.request()
    connection.send(b"HTTP/1.1 200 OK\r\nX-Kind: endless\r\n\r\n")
    while connection.wait(0) and connection.send(b"x" * 65_536):
        pass


def dripping_body(connection: Connection) -> None:
    """One byte of the body every 50 ms, for ever."""
    connection.request()
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while connection.send(b"x") and connection.wait(0.05):
        pass


def dripping_headers(connection: Connection) -> None:
    """A small header every 50 ms, for ever: each read makes progress."""
    connection.request()
    connection.send(b"HTTP/1.1 200 OK\r\n")
    while connection.send(b"X-Drip: 1\r\n") and connection.wait(0.05):
        pass


def one_byte_chunks(connection: Connection) -> None:
    """A chunked body in chunks of one byte, for ever."""
    connection.request()
    connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while connection.wait(0) and connection.send(b"1\r\nx\r\n" * 1_000):
        pass


def resetting_mid_body(connection: Connection) -> None:
    """Complete headers, half of the body, then a reset."""
    connection.request()
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 50)
    connection.wait(0.05)
    connection.reset()


def header_flood(connection: Connection) -> None:
    """Headers for ever."""
    connection.request()
    connection.send(b"HTTP/1.1 200 OK\r\n")
    while connection.wait(0) and connection.send(b"X-Flood: " + b"x" * 1_000 + b"\r\n"):
        pass


def interim_flood(connection: Connection) -> None:
    """Interim answers for ever."""
    connection.request()
    while connection.wait(0) and connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"):
        pass


def trailer_flood(connection: Connection) -> None:
    """A complete body, then trailers for ever."""
    connection.request()
    connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n")
    while connection.wait(0) and connection.send(b"X-Flood: " + b"x" * 1_000 + b"\r\n"):
        pass


def early_answer(raw: bytes) -> Script:
    """Answer after the first bytes of the request and close, with the body unread."""

    def script(connection: Connection) -> None:
        connection.sock.recv(100)
        connection.send(raw)

    return script


def closes_kept_connections(connection: Connection) -> None:
    """Answer the first request of a connection; read the second one and close without a word."""
    if connection.request() is not None:
        connection.send(OK)
        connection.request()
