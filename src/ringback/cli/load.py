"""Load for `ringback bench`: the same POST again and again over a fixed number of kept connections.

One thread and one event loop, so that making the load takes as little as possible of the machine that is measured.
Any answer but 2xx, and any lost connection, ends it with `BenchFailed`: a rate of failures is no rate.
"""

import asyncio
from urllib.parse import urlsplit

import httptools

from ringback.model.errors import StartError


class BenchFailed(StartError):
    """Nothing was measured: the server could not be started, refused, or did not deliver everything."""

    code = "bench_incomplete"


class Load:
    """`requests` times the same POST of JSON, over at most `connections` connections."""

    def __init__(self, url: str, key: str, body: bytes, requests: int, connections: int) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        head = (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.request = head.encode("ascii") + body
        self._unsent = requests
        self._unanswered = requests
        self._connections = min(connections, requests)
        self._failure: str | None = None
        self._loop = asyncio.new_event_loop()

    def run(self) -> None:
        """Send everything and return when the last is answered. Raises BenchFailed."""
        try:
            posters = [self._connect() for _ in range(self._connections)]
            for poster in posters:
                self.next(poster)
            self._loop.run_forever()
            for poster in posters:
                poster.close()
        except OSError as error:
            raise BenchFailed(f"The server can't be reached: {error}.") from None
        finally:
            self._loop.close()
        if self._failure is not None:
            raise BenchFailed(self._failure)

    def _connect(self) -> "_Poster":
        connecting = self._loop.create_connection(lambda: _Poster(self), self._host, self._port)
        return self._loop.run_until_complete(connecting)[1]

    def next(self, poster: "_Poster") -> None:
        """Give a connection its next request, if there is one left."""
        if self._unsent:
            self._unsent -= 1
            poster.post(self.request)

    def answered(self, poster: "_Poster", status: int) -> None:
        """One answer came."""
        if not 200 <= status < 300:
            self.fail(f"The server answered {status}.")
            return
        self._unanswered -= 1
        if self._unanswered:
            self.next(poster)
        else:
            self._loop.stop()

    def fail(self, detail: str) -> None:
        """End it without a figure."""
        if self._unanswered:
            self._failure = self._failure or detail
            self._loop.stop()


class _Poster(asyncio.Protocol):
    """One connection: a request, its answer, the next."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - asyncio's promise for TCP
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._load.fail("The server answered with something that is not HTTP.")

    def on_message_complete(self) -> None:
        self._load.answered(self, self._parser.get_status_code())

    def connection_lost(self, error: Exception | None) -> None:
        self._load.fail("The server closed a connection.")

    def post(self, request: bytes) -> None:
        self._transport.write(request)

    def close(self) -> None:
        self._transport.abort()
