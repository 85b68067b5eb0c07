"""Receivers for the benchmarks, good and bad, in one process of its own:

    python bench/receivers.py --port 9902

Each path below one of these names behaves like it, whatever comes behind the name:

/ok      answers 200 at once and notes how long the event was on its way
/hang    never answers
/slow    answers 200 after 10 s
/fail    answers 500 at once
/drip    sends an endless answer, a byte a second, and never ends its headers

When an event was posted stands in it: the body has `"posted_ns":` and, as text, 19 digits of CLOCK_MONOTONIC, which all
processes of a machine read alike. `GET /latencies` gives {path: [milliseconds, …]} since it was asked last, and
`GET /requests` how many requests came for each of the names, {name: count}, since it was asked last.
"""

import argparse
import asyncio
import json
import re
import time
from collections import Counter, defaultdict
from typing import Any, Final, cast

import uvloop

SLOW_S: Final = 10.0
DRIP_EVERY_S: Final = 1.0
_POSTED: Final = re.compile(rb'"posted_ns":"(\d{19})"')
_HEAD: Final = re.compile(rb"^(\w+) (\S+) ")
_LENGTH: Final = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
OK: Final = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
FAILED: Final = b"HTTP/1.1 500 No\r\ncontent-length: 2\r\n\r\nno"

latencies: defaultdict[str, list[float]] = defaultdict(list)
requests: Counter[str] = Counter()


class Receiver(asyncio.Protocol):
    """One connection. Requests come one after the other, as ours do."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._loop = asyncio.get_running_loop()
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = _LENGTH.search(head)
        if length is not None and len(rest) < int(length[1]):
            return
        self._buffer = b""
        request = _HEAD.match(head)
        assert request is not None
        self._answer(request[2].decode(), rest)

    def _answer(self, path: str, body: bytes) -> None:
        kind = path.split("/")[1]
        requests[kind] += 1
        if kind == "ok":
            posted = _POSTED.search(body)
            if posted is not None:
                latencies[path].append((time.monotonic_ns() - int(posted[1])) / 1e6)
            self._transport.write(OK)
        elif kind == "fail":
            self._transport.write(FAILED)
        elif kind == "slow":
            self._loop.call_later(SLOW_S, self._transport.write, OK)
        elif kind == "drip":
            self._transport.write(b"HTTP/1.1 200 OK\r\nx-drip: ")
            self._drip()
        elif kind == "latencies":
            self._tell(latencies)
        elif kind == "requests":
            self._tell(requests)

    def _tell(self, noted: dict[str, Any]) -> None:
        text = json.dumps(noted).encode()
        noted.clear()
        self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(text), text))

    def _drip(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(b"x")
            self._loop.call_later(DRIP_EVERY_S, self._drip)


async def serve(port: int) -> None:
    """Until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", port, backlog=4_096)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(serve(parser.parse_args().port))
