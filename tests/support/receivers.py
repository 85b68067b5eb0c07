"""Receivers that misbehave, on loopback: raw sockets, so that anything can be sent, however broken.

    with Receiver(answers(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")) as receiver:
        ... receiver.url, receiver.requests, receiver.connections

A script is called with each connection, on a thread of its own, and plays the receiver's part until it returns; then
the connection is closed. A script that waits does so on `connection.stopping`, so that the receiver stops at once.

Scripts that behave: `answers(*raw)`, `answers_status(status, …)`. `HOSTILE` has all that don't, by name, so that a test
can walk them (`for name, script in HOSTILE.items()`):

    silent, slow              never answers; answers after ten seconds
    slow_headers, slow_body   a little every 50 ms, for ever, so that every read makes progress
    slow_byte                 one byte of the body, and the next after ten seconds
    slow_status_line          the status line byte by byte, a byte every 50 ms
    endless_body, endless_chunks, endless_headers, endless_header_line, endless_status_line, endless_interim,
    endless_trailers          without end, as fast as it goes; `endless_chunks` are of one byte each
    resets_at_once, resets_in_headers, resets_in_body, closes_unanswered, closes_in_headers
    lies_short, lies_long     a body shorter or longer than its Content-Length
    lies_twice, lies_negative, lies_huge, lies_both      two lengths, -1, more than 64 bits, a length and chunks
    bad_chunk                 chunks whose size is no number
    early                     answers before the body was read, and closes
    gzip_bomb, deflated, unknown_encoding    compressed though asked not to; a megabyte of zeros in a kilobyte
    http_09, http_2, no_http, no_reason, bad_status, four_digits, bad_version, header_without_colon, nul_in_header,
    folded_header             what is HTTP no more, or hardly
    nul_body, broken_utf8_body, broken_utf8_header, script_in_body      answers that are nasty to store and to show
    switches_protocol         101
    two_answers               a second answer behind the first, for a request that was never made
"""

import contextlib
import gzip
import socket
import ssl
import struct
import threading
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

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
    """A listening socket on 127.0.0.1 (or `host`) that plays `script` with every connection. A context manager.

    `port` 0 takes a free one.
    """

    def __init__(
        self, script: Script, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        self.requests: list[ReceivedRequest] = []
        self.connections = 0
        self.stopping = threading.Event()
        self._script = script
        self._tls = tls
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=4_096
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


def _at_length(head: bytes, piece: bytes, pause_s: float = 0.0) -> Script:
    """Read a request, send `head`, then `piece` again and again."""

    def script(connection: Connection) -> None:
        connection.request()
        connection.send(head)
        while connection.send(piece) and connection.wait(pause_s):
            pass

    return script


def _once(raw: bytes) -> Script:
    """Read a request, send `raw`, close."""
    return answers(raw, then_close=True)


def _body(body: bytes, *headers: bytes) -> Script:
    """A proper answer with this body."""
    lines = b"".join(header + b"\r\n" for header in (*headers, b"Content-Length: %d" % len(body)))
    return answers(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n" + body)


def slow_status_line(connection: Connection) -> None:
    """A status line that never ends, a byte every 50 ms."""
    connection.request()
    connection.send(b"HTTP/1.1 200 ")
    while connection.send(b"O") and connection.wait(0.05):
        pass


def resets_at_once(connection: Connection) -> None:
    """A reset at the first byte of the request."""
    connection.sock.recv(1)
    connection.reset()


def resets_in_headers(connection: Connection) -> None:
    """Half of the headers, then a reset."""
    connection.request()
    connection.send(b"HTTP/1.1 200 OK\r\nX-Half:")
    connection.wait(0.05)
    connection.reset()


def closes_unanswered(connection: Connection) -> None:
    """Read the request and close without a word."""
    connection.request()


BOMB: Final = gzip.compress(bytes(1_048_576), mtime=0)
_OK_HEAD: Final = b"HTTP/1.1 200 OK\r\n"
_CHUNKED: Final = _OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

HOSTILE: Final[Mapping[str, Script]] = {
    "silent": never_answering,
    "slow": slow(10.0),
    "slow_headers": dripping_headers,
    "slow_body": dripping_body,
    "slow_byte": _at_length(_OK_HEAD + b"Content-Length: 1000\r\n\r\n", b"x", 10.0),
    "slow_status_line": slow_status_line,
    "endless_body": endless_body,
    "endless_chunks": one_byte_chunks,
    "endless_headers": header_flood,
    "endless_header_line": _at_length(_OK_HEAD + b"X-Long: ", b"x" * 4_096),
    "endless_status_line": _at_length(b"HTTP/1.1 200 ", b"x" * 4_096),
    "endless_interim": interim_flood,
    "endless_trailers": trailer_flood,
    "resets_at_once": resets_at_once,
    "resets_in_headers": resets_in_headers,
    "resets_in_body": resetting_mid_body,
    "closes_unanswered": closes_unanswered,
    "closes_in_headers": _once(_OK_HEAD + b"X-Half: "),
    "lies_short": _once(_OK_HEAD + b"Content-Length: 100\r\n\r\nshort"),
    "lies_long": _once(_OK_HEAD + b"Content-Length: 2\r\n\r\nok and more"),
    "lies_twice": _once(_OK_HEAD + b"Content-Length: 2\r\nContent-Length: 5\r\n\r\nok"),
    "lies_negative": _once(_OK_HEAD + b"Content-Length: -1\r\n\r\nok"),
    "lies_huge": _once(_OK_HEAD + b"Content-Length: 99999999999999999999999\r\n\r\nok"),
    "lies_both": _once(_OK_HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
    "bad_chunk": _once(_CHUNKED + b"zz\r\nok\r\n"),
    "early": early_answer(_OK_HEAD + b"Content-Length: 2\r\nConnection: close\r\n\r\nok"),
    "gzip_bomb": _body(BOMB, b"Content-Encoding: gzip"),
    "deflated": _body(zlib.compress(b"hello" * 100), b"Content-Encoding: deflate"),
    "unknown_encoding": _body(b"??", b"Content-Encoding: x-nothing"),
    "http_09": _once(b"<html>hello</html>"),
    "http_2": _once(b"HTTP/2 200\r\nContent-Length: 2\r\n\r\nok"),
    "no_http": _once(b"220 mail.example ESMTP\r\n"),
    "no_reason": _once(b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"),
    "bad_status": _once(b"HTTP/1.1 20x OK\r\nContent-Length: 2\r\n\r\nok"),
    "four_digits": _once(b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok"),
    "bad_version": _once(b"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "header_without_colon": _once(_OK_HEAD + b"nonsense\r\nContent-Length: 2\r\n\r\nok"),
    "nul_in_header": _once(_OK_HEAD + b"X-Nul: a\0b\r\nContent-Length: 2\r\n\r\nok"),
    "folded_header": _once(_OK_HEAD + b"X-Folded: a\r\n b\r\nContent-Length: 2\r\n\r\nok"),
    "nul_body": _body(b"a\0b"),
    "broken_utf8_body": _body(b"a\xff\xfeb\xc3"),
    "broken_utf8_header": _body(b"ok", b"X-Broken: \xff\xfe\xc3"),
    "script_in_body": _body(b"<script>alert(1)</script>", b"Content-Type: text/html", b"X-Script: <script>"),
    "switches_protocol": _once(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    ),
    "two_answers": answers(OK + b"HTTP/1.1 500 Smuggled\r\nContent-Length: 0\r\n\r\n"),
}
