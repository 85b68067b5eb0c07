"""Writing records, or posting events of the same size, as fast as the answers come (a closed loop).

    python bench/writes.py --url … --key … --form record --per-request 50 --writes 10000 --ids 10000 [--one-in 100]

64 connections take the writes in turn; write number k is for object k modulo `ids`, and counts up its `n`: each write
is a change, or one in `--one-in` of them; the others bring the state that is stored. `--form event` posts the same
objects as events. Prints {"seconds": from the first request to the last answer} as JSON; any answer but 2xx ends it
with exit code 1. `uvloop`, so that making the load takes as little as it can of the machine that is measured.
"""

import argparse
import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import uvloop

CONNECTIONS = 64
TYPE = "contact"
NOTE = b"y" * 900


class Work(NamedTuple):
    """What is written: `per_request` objects in each request, `writes` in all, every `one_in`th of them a change."""

    form: str
    per_request: int
    writes: int
    ids: int
    one_in: int


def id_of(number: int) -> bytes:
    """The id of an object by its number."""
    return b"c_%06d" % number


def state_of(number: int, count: int) -> bytes:
    """The state of an object, of 0.95 kB."""
    return b'{"id":"%s","name":"Ada","n":%d,"note":"%s"}' % (id_of(number), count, NOTE)


def line_of(number: int, count: int) -> bytes:
    """The state as a line of a batch of records."""
    return b'{"type":"%s","id":"%s","data":%s}' % (TYPE.encode(), id_of(number), state_of(number, count))


def event_of(number: int, count: int) -> bytes:
    """The state as an event."""
    form = b'{"type":"%s.updated","subject":{"type":"%s","id":"%s"},"data":%s}'
    return form % (TYPE.encode(), TYPE.encode(), id_of(number), state_of(number, count))


def counts(work: Work) -> Iterator[tuple[int, int]]:
    """The object and its `n`, for each write. Objects begin at 0 (see `records`)."""
    for k in range(work.writes):
        yield k % work.ids, 1 + k // work.ids if k % work.one_in == 0 else 0


def requests(work: Work, path: str, headers: str) -> Iterator[bytes]:
    """All requests, each as its bytes. `path` is that of the tenant."""
    parts = counts(work)
    while chunk := list(itertools.islice(parts, work.per_request)):
        method, at, media, body = _request(work, chunk)
        head = f"{method} {path}/{at} HTTP/1.1\r\n{headers}Content-Type: {media}\r\nContent-Length: {len(body)}\r\n\r\n"
        yield head.encode() + body


def _request(work: Work, chunk: list[tuple[int, int]]) -> tuple[str, str, str, bytes]:
    if work.form == "event" and work.per_request == 1:
        return "POST", "events", "application/json", event_of(*chunk[0])
    if work.form == "event":
        return "POST", "events/batch", "application/json", b'{"events":[%s]}' % b",".join(event_of(*c) for c in chunk)
    if work.per_request == 1:
        return "PUT", f"records/{TYPE}/{id_of(chunk[0][0]).decode()}", "application/json", state_of(*chunk[0])
    return "POST", "records/batch", "application/x-ndjson", b"\n".join(line_of(*c) for c in chunk)


class Connection(asyncio.Protocol):
    """One kept connection: a request, its answer, the next."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if found and len(rest) >= int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]):
            answer, self._buffer = self._buffer, b""
            self._load.answered(self, int(head[9:12]), answer)

    def connection_lost(self, error: Exception | None) -> None:
        self._load.fail("the server closed a connection")


class Load:
    """The requests that are left, and how many have no answer yet."""

    def __init__(self, left: Iterator[bytes]) -> None:
        self._left = left
        self._unanswered = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def next(self, connection: Connection) -> None:
        """Give a connection its next request, if there is one."""
        request = next(self._left, None)
        if request is not None:
            self._unanswered += 1
            connection.transport.write(request)
        elif not self._unanswered and not self.ended.done():
            self.ended.set_result(None)

    def answered(self, connection: Connection, status: int, answer: bytes) -> None:
        """One answer came."""
        self._unanswered -= 1
        if 200 <= status < 300:
            self.next(connection)
        else:
            self.fail(f"the server answered {answer[:1_000].decode(errors='replace')}")

    def fail(self, why: str) -> None:
        """End it without a figure."""
        if not self.ended.done():
            self.ended.set_exception(RuntimeError(why))


async def run(work: Work, url: str, key: str) -> float:
    """Send everything; the seconds until the last answer. `url` is that of the tenant."""
    parts = urlsplit(url)
    headers = f"Host: {parts.netloc}\r\nAuthorization: Bearer {key}\r\n"
    load = Load(requests(work, parts.path, headers))
    loop = asyncio.get_running_loop()
    connections = [
        (await loop.create_connection(lambda: Connection(load), parts.hostname, parts.port))[1]
        for _ in range(CONNECTIONS)
    ]
    began_s = time.monotonic()
    for connection in connections:
        load.next(connection)
    await load.ended
    return time.monotonic() - began_s


def main() -> int:
    """Write and print; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--url", "--key"):
        parser.add_argument(name, required=True)
    parser.add_argument("--form", choices=["event", "record"], required=True)
    for name in ("--per-request", "--writes", "--ids"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--one-in", type=int, default=1)
    given = parser.parse_args()
    work = Work(given.form, given.per_request, given.writes, given.ids, given.one_in)
    try:
        print(json.dumps({"seconds": uvloop.run(run(work, given.url, given.key))}))
    except (OSError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
