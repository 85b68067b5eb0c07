"""A small HTTP/1.1 receiver: what `ringback listen`, `up` and `bench` send webhooks to.

One thread, one event loop, any number of connections with keep-alive. It knows nothing of webhooks: a callable gets
each request and says what to answer and when. It caps what it takes (`BODY_BYTES_MAX`, `HEAD_BYTES_MAX`), answers
malformed requests with 400 and closes. It never follows, proxies or stores anything. For development and tests: there
is no TLS and no limit on how long a connection may stay.
"""

import asyncio
import contextlib
import errno
import threading
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, NamedTuple

import httptools

from ringback.model.errors import PortTaken, StartError

BODY_BYTES_MAX: Final = 32 * 1024 * 1024
HEAD_BYTES_MAX: Final = 256 * 1024
BACKLOG: Final = 1_024
_WITHOUT_BODY: Final = frozenset({204, 304})


class Request(NamedTuple):
    """A request as it came in: the path with its query, headers in their order and case, the whole body."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes


class Answer(NamedTuple):
    """What to answer, `delay_s` seconds from now."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    delay_s: float = 0.0


Handler = Callable[[Request], Answer]


class Receiver:
    """Listens from the moment it is made (`port` 0 takes a free one; `port` says which) until `stop`.

    Raises PortTaken when another listens there or this user may not, StartError when the address can't be had.
    `port_flag` is what its advice is to choose another port with. `run` works on the calling thread, `start` on one of
    its own.
    """

    def __init__(self, host: str, port: int, handler: Handler, *, port_flag: str = "--port") -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.run, name="receiver", daemon=True)
        try:
            listening = self._loop.create_server(lambda: _Connection(self._loop, handler), host, port, backlog=BACKLOG)
            self._server = self._loop.run_until_complete(listening)
        except OSError as error:
            self._loop.close()
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(
                    f"Port {port} on {host} is taken, perhaps by another `ringback up`. Stop that, or choose another "
                    f"port: {port_flag} N."
                ) from None
            if error.errno == errno.EACCES:
                raise PortTaken(
                    f"Port {port} on {host} can't be used: this user may not use ports below 1024. Choose another: "
                    f"{port_flag} N."
                ) from None
            raise StartError(f"Can't listen on {host} port {port}: {error.strerror or error}.") from None
        self.port: int = self._server.sockets[0].getsockname()[1]

    def run(self) -> None:
        """Answer requests until `stop` is called."""
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._server.close()
            self._loop.close()

    def start(self) -> None:
        """Answer requests on a thread of its own, until `stop` is called."""
        self._thread.start()

    def stop_later(self, after_s: float) -> None:
        """Let `run` return in `after_s` seconds, so that answers on their way can leave. From any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            self._loop.call_soon_threadsafe(self._loop.call_later, after_s, self._loop.stop)

    def stop(self) -> None:
        """Stop listening and drop all connections. From any thread, any number of times."""
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            self._loop.call_soon_threadsafe(self._loop.stop)
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()


class _Connection(asyncio.Protocol):
    """One connection: parses requests, has them answered one after the other, in their order."""

    def __init__(self, loop: asyncio.AbstractEventLoop, handler: Handler) -> None:
        self._loop = loop
        self._handler = handler
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._answering = False
        self._path = b""
        self._headers: list[tuple[str, str]] = []
        self._body = bytearray()
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - asyncio's promise for TCP
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._transport.is_closing():
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(400)
        except httptools.HttpParserError:
            self._refuse(self._over_limit() or 400)

    # Called by the parser.

    def on_message_begin(self) -> None:
        self._path, self._headers, self._body, self._head_bytes = b"", [], bytearray(), 0

    def on_url(self, part: bytes) -> None:
        self._path += part
        self._count_head(len(part))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1"), value.decode("latin-1")))
        self._count_head(len(name) + len(value))
        if name.lower() == b"expect" and value.lower() == b"100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, part: bytes) -> None:
        self._body += part
        if len(self._body) > BODY_BYTES_MAX:
            raise ValueError("the body is too long")

    def on_message_complete(self) -> None:
        method, path = self._parser.get_method().decode("ascii"), self._path.decode("latin-1")
        request = Request(method, path, self._headers, bytes(self._body))
        if self._parser.should_upgrade():
            return  # refused when the parser comes back
        self._waiting.append((request, self._parser.should_keep_alive()))
        if not self._answering:
            self._answer_next()

    def _count_head(self, count: int) -> None:
        self._head_bytes += count
        if self._head_bytes > HEAD_BYTES_MAX:
            raise ValueError("the headers are too long")

    def _over_limit(self) -> int | None:
        if self._head_bytes > HEAD_BYTES_MAX:
            return 431
        return 413 if len(self._body) > BODY_BYTES_MAX else None

    # Answering.

    def _answer_next(self) -> None:
        self._answering = bool(self._waiting)
        if not self._waiting:
            return
        request, keep_alive = self._waiting.popleft()
        answer = self._handler(request)
        if answer.delay_s > 0:
            self._loop.call_later(answer.delay_s, self._write, request.method, answer, keep_alive)
        else:
            self._write(request.method, answer, keep_alive)

    def _write(self, method: str, answer: Answer, keep_alive: bool) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(_rendered(method, answer, keep_alive))
        if keep_alive:
            self._loop.call_soon(self._answer_next)  # not at once: a pipeline of thousands would be as deep a stack
        else:
            self._transport.close()

    def _refuse(self, status: int) -> None:
        self._transport.write(_rendered("POST", Answer(status), keep_alive=False))
        self._transport.close()


def _rendered(method: str, answer: Answer, keep_alive: bool) -> bytes:
    try:
        reason = HTTPStatus(answer.status).phrase
    except ValueError:
        reason = "Unknown"
    lines = [f"HTTP/1.1 {answer.status} {reason}", *(f"{name}: {value}" for name, value in answer.headers)]
    body = answer.body
    if answer.status in _WITHOUT_BODY:
        body = b""
    else:
        lines.append(f"Content-Length: {len(body)}")
    lines.append(f"Connection: {'keep-alive' if keep_alive else 'close'}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (b"" if method == "HEAD" else body)
