"""Overload: many callers, each of which posts again as soon as it is answered, against a small cap on waiting events.

A caller that is refused comes back at once, whatever `Retry-After` says: that is the load. The promises that are held
against it: every answer is 202, or 429 or 503 with a `Retry-After` and a problem document whose code is stable; no
connection ends without an answer; everything accepted arrives, and nothing twice that the log doesn't explain; health
and management answer meanwhile; memory doesn't grow with the load; the first post after it is accepted.

    python -m support.overload --seconds 60 --connections 1000 --cap 100      (from tests/; `make overload` does it)
    python -m support.overload --bytes 250000 --cap 20000                     (large events: what they take in memory)
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import uvloop

from support.children import alive, children_of
from support.process import Server

LOOK_EVERY_S = 0.25
ANSWERED_WITHIN_S = 30.0
DELIVERED_WITHIN_S = 600.0
BROKEN_SHOWN_MAX = 20
CODES = {503: {"busy"}, 429: {"events_quota"}}
GROWTH_MB_MAX = 60.0
# With large events, whose number at one time differs from moment to moment.
LARGE_EVENT_BYTES = 10_000
MEMORY_MB_MAX = 350.0
MEMORY_KEPT_MB_MAX = 120.0
MEMORY_BACK_WITHIN_S = 15.0
EVENT_BYTES = 342
FLAGS = ("--allow-private", "--log-format", "json")


@dataclass
class Book:
    """What was promised, what was refused, what arrived, and what was wrong."""

    accepted: set[str] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    arrived: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    waiting: int = 0
    stopping: bool = False

    def complain(self, what: str) -> None:
        if len(self.broken) < BROKEN_SHOWN_MAX:
            self.broken.append(what)

    def answered(self, status: int, headers: dict[str, str], body: bytes) -> None:
        """Judge one answer to a post."""
        if status == 202:
            self.accepted.add(json.loads(body)["id"])
            return
        document = json.loads(body)
        code, retry_after = document.get("code"), headers.get("retry-after", "")
        self.refused[f"{status} {code}"] += 1
        if code not in CODES.get(status, ()):
            self.complain(f"{status} {code} is no answer to overload")
        if not retry_after.isdigit() or int(retry_after) < 1:
            self.complain(f"{status} {code} has the Retry-After {retry_after!r}")
        if headers.get("content-type") != "application/problem+json" or document.get("status") != status:
            self.complain(f"{status} {code} is no problem document: {body!r}")


class Caller(asyncio.Protocol):
    """One connection, which posts, and posts again as soon as it is answered."""

    def __init__(self, book: Book, request: bytes) -> None:
        self._book = book
        self._request = request
        self._buffer = b""
        self._asked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        line, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}
        if len(body) < int(headers["content-length"]):
            return
        self._buffer, self._asked = b"", False
        self._book.waiting -= 1
        self._book.answered(int(line.split(" ")[1]), headers, body)
        if self._book.stopping:
            self._transport.close()
        else:
            self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        if self._asked:
            self._book.waiting -= 1
            self._book.complain(f"a connection was lost without an answer ({error})")

    def _ask(self) -> None:
        self._asked = True
        self._book.waiting += 1
        self._transport.write(self._request)


class Receiver(asyncio.Protocol):
    """Takes deliveries, and notes their ids."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._head = b""
        self._event_id = ""
        self._missing = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if not self._event_id:
            self._head += data
            head, found, data = self._head.partition(b"\r\n\r\n")
            if not found:
                return
            headers = {
                name.lower(): value
                for name, _, value in (line.partition(": ") for line in head.decode("latin-1").split("\r\n")[1:])
            }
            self._event_id, self._missing = headers["webhook-id"], int(headers["content-length"])
        self._missing -= len(data)
        if self._missing <= 0:
            self._book.arrived[self._event_id] += 1
            self._head, self._event_id = b"", ""
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")


@dataclass
class Watch:
    """What was seen of the server meanwhile: (seconds since the beginning, MB), and how health and management did."""

    server: Server
    book: Book
    began_s: float = field(default_factory=time.monotonic)
    memory: list[tuple[float, float]] = field(default_factory=list)
    slowest_s: dict[str, float] = field(default_factory=dict)

    async def look(self) -> None:
        """Once."""
        self.weigh()
        for path in ("/healthz", "/v1/tenants/t/endpoints"):
            asked_s = time.monotonic()
            answer = await asyncio.to_thread(self.server.ask, "GET", path)
            self.slowest_s[path] = max(self.slowest_s.get(path, 0.0), time.monotonic() - asked_s)
            if answer.status != 200:
                self.book.complain(f"{path} answered {answer.status} {answer.body!r}")

    def weigh(self) -> None:
        """Server and sender together."""
        pids = [self.server.pid, *children_of(self.server.pid)]
        self.memory.append((time.monotonic() - self.began_s, sum(map(resident_mb, pids))))

    async def keep_looking(self) -> None:
        """Until it is cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)


def event_of(size: int) -> bytes:
    """The body of a post, of this many bytes."""
    empty = len(_event(""))
    return _event("y" * max(1, size - empty))


def _event(note: str) -> bytes:
    return json.dumps({"type": "thing.happened", "data": {"note": note}}).encode()


def resident_mb(pid: int) -> float:
    """What a process has in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


async def until(condition: Callable[[], bool], within_s: float) -> bool:
    """Wait until `condition` holds; whether it came in time."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        await asyncio.sleep(0.02)
    return True


async def press(server: Server, book: Book, connections: int, seconds: float, body: bytes) -> dict[str, Any]:
    """Run the load, wait for what was accepted, and return the figures. What is wrong stands in the book."""
    loop = asyncio.get_running_loop()
    receiver = await loop.create_server(lambda: Receiver(book), "127.0.0.1", 0, backlog=4_096)
    port = receiver.sockets[0].getsockname()[1]
    await asyncio.to_thread(set_up, server, port)
    key = (await asyncio.to_thread(server.make, "/v1/tenants/t/keys", {"scope": "ingest"}))["key"]
    request = (
        f"POST /v1/tenants/t/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    watch = Watch(server, book)
    await watch.look()
    for _ in range(connections):
        await loop.create_connection(lambda: Caller(book, request), "127.0.0.1", server.port)
    watching = loop.create_task(watch.keep_looking())
    await asyncio.sleep(seconds)
    accepted, delivered = len(book.accepted), len(book.arrived)
    ended_s = time.monotonic()
    book.stopping = True
    watching.cancel()
    if not await until(lambda: not book.waiting, ANSWERED_WITHIN_S):
        book.complain(f"{book.waiting} posts were never answered")
    recovered_s = await first_post(server, book, body, ended_s)
    loaded = list(watch.memory)
    await until(lambda: len(book.arrived) >= len(book.accepted), DELIVERED_WITHIN_S)
    watch.weigh()
    delivered_s = time.monotonic() - ended_s
    await asyncio.to_thread(check_arrivals, server, book)
    if len(body) >= LARGE_EVENT_BYTES:
        await memory_comes_back(watch)
    receiver.close()
    return {
        "accepted": len(book.accepted),
        "accepted a second": round(accepted / seconds),
        "delivered a second": round(delivered / seconds),
        "refused": dict(book.refused),
        "memory in MB": memory_figures(book, loaded, watch.memory, len(body)),
        "slowest answer in s": {path: round(value, 2) for path, value in watch.slowest_s.items()},
        "accepted again after s": recovered_s,
        "all delivered after s": round(delivered_s, 1),
    }


async def first_post(server: Server, book: Book, body: bytes, ended_s: float) -> float:
    """The first post after the load; it has to be accepted at once."""
    answer = await asyncio.to_thread(server.ask, "POST", "/v1/tenants/t/events", body)
    if answer.status == 202:
        book.accepted.add(answer.json["id"])
    else:
        book.complain(f"the first post after the load got {answer.status} {answer.body!r}")
    return round(time.monotonic() - ended_s, 2)


def set_up(server: Server, port: int) -> None:
    """A tenant with one endpoint."""
    server.make("/v1/tenants", {"id": "t", "name": "Overload"})
    url = f"http://127.0.0.1:{port}/hook"
    server.make("/v1/tenants/t/endpoints", {"label": "sink", "url": url, "max_in_flight": 64})


def check_arrivals(server: Server, book: Book) -> None:
    """Exactly what was accepted has arrived; what came again is in the log as often."""
    lost, strange = book.accepted - book.arrived.keys(), book.arrived.keys() - book.accepted
    if lost:
        book.complain(f"{len(lost)} accepted events never arrived, such as {min(lost)}")
    if strange:
        book.complain(f"{len(strange)} events arrived that nobody was told of, such as {min(strange)}")
    for event_id, times in book.arrived.items():
        if times > 1:
            (delivery,) = server.get(f"/v1/tenants/t/events/{event_id}/deliveries")["items"]
            if delivery["attempts"] < times:
                book.complain(f"{event_id} arrived {times} times, and the log has {delivery['attempts']} attempts")


async def memory_comes_back(watch: Watch) -> None:
    """After a burst both processes give back what they don't need; caches, such as SQLite's of 32 MiB, stay full."""
    enough_mb = watch.memory[0][1] + MEMORY_KEPT_MB_MAX

    def is_back() -> bool:
        watch.weigh()
        return watch.memory[-1][1] <= enough_mb

    if not await until(is_back, MEMORY_BACK_WITHIN_S):
        watch.book.complain(f"memory stays at {watch.memory[-1][1]:.0f} MB when there is nothing to do")


def memory_figures(
    book: Book, loaded: list[tuple[float, float]], all_of_it: list[tuple[float, float]], event_bytes: int
) -> Any:
    """Server and sender together: at the start, after a third of the load, at its end, at most, and at the very end.

    From a third of the load to its end the number of waiting callers, of events in memory and of open connections is
    the same, so memory should be too. What may grow for a while is bounded: SQLite's page caches, the interpreter's
    arenas, and up to 64 MiB of prefetch, of which events of 0.4 kB use 4,000 rows at most. In a minute of five thousand
    answers a second, a leak of 300 bytes an answer shows; in a few seconds, one of the events themselves. What large
    events take differs from moment to moment: then it is the most that has a bound.
    """
    third_mb = max(size for at_s, size in loaded if at_s <= max(loaded[-1][0] / 3, loaded[0][0]))
    end_mb = loaded[-1][1]
    most_mb = max(size for _, size in all_of_it)
    if most_mb > MEMORY_MB_MAX:
        book.complain(f"memory went up to {most_mb:.0f} MB")
    if end_mb > third_mb + GROWTH_MB_MAX and event_bytes < LARGE_EVENT_BYTES:
        book.complain(f"memory grew from {third_mb:.0f} to {end_mb:.0f} MB under the load")
    sizes = [size for _, size in all_of_it]
    figures = {"start": sizes[0], "third": third_mb, "end of load": end_mb, "most": max(sizes), "end": sizes[-1]}
    return {name: round(size) for name, size in figures.items()}


def overload(
    folder: Path, connections: int, seconds: float, cap: int, event_bytes: int = EVENT_BYTES
) -> tuple[dict[str, Any], Book]:
    """Start a server, press it, stop it: the figures, and what was wrong (`Book.broken`)."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    book = Book()
    variables = {"RINGBACK_WAITING_EVENTS_MAX": str(cap)}
    with Server(folder / "data", *FLAGS, environment=variables) as server:
        figures = uvloop.run(press(server, book, connections, seconds, event_of(event_bytes)))
        if not alive(server.pid):
            book.complain("the server ended")
    log = server.log.read_text(errors="replace")
    for word in ("part_failed", "lease_lost", "store_trouble", '"level":"error"', "Traceback"):
        if word in log:
            book.complain(f"the log has {word}")
    return figures, book


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--cap", type=int, default=100, help="the server's waiting_events_max")
    parser.add_argument("--bytes", type=int, default=EVENT_BYTES, help="the size of an event")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures, book = overload(Path(folder), options.connections, options.seconds, options.cap, options.bytes)
    for name, value in figures.items():
        print(f"{name}: {value}")
    for what in book.broken:
        print(f"BROKEN: {what}")
    return 1 if book.broken else 0


if __name__ == "__main__":
    sys.exit(main())
