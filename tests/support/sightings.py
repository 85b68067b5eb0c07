"""A receiver that notes every request it sees, for tests that count them: light enough to see hundreds a second.

One thread serves all connections. A sighting is noted when the whole request is there, and answered as `reply` says.
"""

import asyncio
import random
import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple, cast

_WITHIN_S: Final = 10.0


class Sighting(NamedTuple):
    """One request. `at_s` is on this process's monotonic clock, `sent_s` what it says itself (`webhook-timestamp`)."""

    at_s: float
    path: str
    event_id: str
    sent_s: int
    status: int


class Verdict(NamedTuple):
    """What is answered, and after how long."""

    status: int = 200
    after_s: float = 0.0


Reply = Callable[[str], Verdict]
"""From the request's path to what is answered."""


def fickle(seed: int, failing: float, late: float, late_s: float = 0.3) -> Reply:
    """Such shares of the requests get a 500, or a late answer."""
    chance = random.Random(seed)

    def reply(path: str) -> Verdict:
        status = 500 if chance.random() < failing else 200
        return Verdict(status, late_s if chance.random() < late else 0.0)

    return reply


class Watcher:
    """Listens on 127.0.0.1:`port`. `seen` has all sightings, oldest first; a list that only grows."""

    def __init__(self, reply: Reply = lambda path: Verdict()) -> None:
        self.seen: list[Sighting] = []
        self.reply = reply
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="watcher", daemon=True)
        self._thread.start()
        serving = self._loop.create_server(lambda: _Conversation(self), "127.0.0.1", 0, backlog=1024)
        self._server = asyncio.run_coroutine_threadsafe(serving, self._loop).result(_WITHIN_S)
        self.port: int = self._server.sockets[0].getsockname()[1]

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_WITHIN_S)

    def __enter__(self) -> "Watcher":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Conversation(asyncio.Protocol):
    """One connection; requests come one after the other."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        line, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}
        if len(body) < int(headers["content-length"]):
            return
        self._buffer = b""
        path = line.split(" ")[1]
        verdict = self._watcher.reply(path)
        sent_s = int(headers["webhook-timestamp"])
        self._watcher.seen.append(Sighting(time.monotonic(), path, headers["webhook-id"], sent_s, verdict.status))
        if verdict.after_s:
            asyncio.get_running_loop().call_later(verdict.after_s, self._answer, verdict.status)
        else:
            self._answer(verdict.status)

    def _answer(self, status: int) -> None:
        if not self._transport.is_closing():
            self._transport.write(b"HTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\nok" % status)
