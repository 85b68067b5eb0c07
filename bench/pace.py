"""Posting events at a steady rate, so many a second whether or not the answers come in time (an open loop).

    python bench/pace.py --url … --key … --rate 100 --seconds 10 [--type contact.created]

Each event says in its body when it was posted (see `receivers`). Prints {"posted", "accepted", "refused": {status: n},
"answered_ms": [milliseconds until the answer, …]} as JSON. An event whose turn finds all connections busy waits for
one, and its time runs from its turn: so a server that falls behind can't hide it.
"""

import argparse
import asyncio
import json
import time
from collections import Counter, deque
from typing import cast
from urllib.parse import urlsplit

import uvloop

CONNECTIONS = 64
TICK_S = 0.002
PATIENCE_S = 30.0


class Connection(asyncio.Protocol):
    """One kept connection, with one request on its way at most."""

    def __init__(self, pace: "Pace") -> None:
        self._pace = pace
        self._buffer = b""
        self.due_ns = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]) if found else 0
        if found and len(rest) >= length:
            self._buffer = b""
            self._pace.answered(self, int(head[9:12]))


class Pace:
    """The events that are due and the connections that are free."""

    def __init__(self, url: str, key: str, event_type: str) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 80
        self._before = b'{"type":"%s","data":{"note":"%s","posted_ns":"' % (event_type.encode(), b"y" * 200)
        length = len(self._before) + 19 + 3
        self._head = (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        ).encode()
        self._free: list[Connection] = []
        self._due: deque[int] = deque()
        self.posted = 0
        self.statuses: Counter[int] = Counter()
        self.answered_ms: list[float] = []

    async def run(self, rate: float, seconds: float) -> None:
        """Post, and wait for the last answer."""
        loop = asyncio.get_running_loop()
        for _ in range(CONNECTIONS):
            _, connection = await loop.create_connection(lambda: Connection(self), self.host, self.port)
            self._free.append(connection)
        count, began_ns = int(rate * seconds), time.monotonic_ns()
        made = 0
        while made < count:
            passed_ns = time.monotonic_ns() - began_ns
            while made < count and made / rate * 1e9 <= passed_ns:
                self._due.append(began_ns + int(made / rate * 1e9))
                made += 1
            self._post()
            await asyncio.sleep(TICK_S)
        deadline_s = time.monotonic() + PATIENCE_S
        while self.statuses.total() < count and time.monotonic() < deadline_s:
            await asyncio.sleep(TICK_S)

    def answered(self, connection: Connection, status: int) -> None:
        """An answer came: its connection takes the next event."""
        self.statuses[status] += 1
        self.answered_ms.append((time.monotonic_ns() - connection.due_ns) / 1e6)
        self._free.append(connection)
        self._post()

    def _post(self) -> None:
        while self._due and self._free:
            self.posted += 1
            connection = self._free.pop()
            connection.due_ns = self._due.popleft()
            connection.transport.write(self._head + b'%s%019d"}}' % (self._before, connection.due_ns))


def main() -> None:
    """Post and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--url", "--key"):
        parser.add_argument(name, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--type", default="contact.created")
    given = parser.parse_args()
    pace = Pace(given.url, given.key, given.type)
    uvloop.run(pace.run(given.rate, given.seconds))
    refused = {str(status): count for status, count in pace.statuses.items() if status != 202}
    said = {"posted": pace.posted, "accepted": pace.statuses[202], "refused": refused}
    print(json.dumps(said | {"answered_ms": pace.answered_ms}))


if __name__ == "__main__":
    main()
