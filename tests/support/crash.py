"""The crash loop: a real server killed with SIGKILL at random moments, again and again, while clients post.

Afterwards every event that got a 202 must have arrived, nothing may be stuck, and each repeated arrival must be
explained by the log: by an attempt that failed, or, where a kill came between sending and recording, by an attempt that
says that the delivery may have been sent before.

    python -m support.crash --minutes 5 [--seed N]        (from tests/; `make crash MINUTES=5` does it)
"""

import argparse
import http.server
import random
import sys
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from support.process import Server, wait_until

DRAIN_WITHIN_S = 90.0
BACKLOG_MAX = 400
IN_FLIGHT_S = 21.0
LATE_READ_S = 0.3  # a request that the dead server had sent may be read after its death


class Arrival(NamedTuple):
    """One request as the receiver saw it. `life` counts the server's starts."""

    at_s: float
    life: int
    status: int


@dataclass
class Book:
    """What was promised and what arrived."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    accepted: dict[str, str] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)
    arrivals: dict[tuple[str, str], list[Arrival]] = field(default_factory=lambda: defaultdict(list))
    in_order: set[str] = field(default_factory=set)  # what the ordered endpoint has
    life: int = 1
    kills: list[tuple[float, int]] = field(default_factory=list)


class Receiver:
    """Answers 200, sometimes 500, sometimes late; `path` names the endpoint."""

    def __init__(self, book: Book, seed: int) -> None:
        chance = random.Random(seed)

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # heads and bodies are written apart

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                arrival_s, life = time.monotonic(), book.life
                with book.lock:
                    draw = chance.random()
                    status = 500 if draw < 0.1 else 200
                    arrival = Arrival(arrival_s, life, status)
                    book.arrivals[self.headers["webhook-id"], self.path].append(arrival)
                    if status == 200 and self.path == "/ordered":
                        book.in_order.add(self.headers["webhook-id"])
                if draw > 0.97:
                    time.sleep(0.3)
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def client(server: Server, book: Book, number: int, stopping: threading.Event) -> None:
    """Posts events with ids of its own; whatever is unclear after a kill is asked for again with the same id."""
    count = 0
    while not stopping.is_set():
        if len(book.accepted) - len(book.in_order) > BACKLOG_MAX:
            stopping.wait(0.02)  # an ordered endpoint takes its time, and all of this has to arrive in the end
            continue
        count += 1
        event_id = f"c{number}-{count}"
        subject = {"type": "s", "id": str(count % 5)}
        body = {"type": "thing.happened", "id": event_id, "data": {"n": count}, "subject": subject}
        try:
            answer = server.ask("POST", "/v1/tenants/t/events", body)
        except OSError:
            with book.lock:
                book.unsure.add(event_id)
            time.sleep(0.05)
            continue
        if answer.status == 202:
            with book.lock:
                book.accepted[event_id] = "202"
        elif answer.status != 503:
            raise AssertionError(f"unexpected answer {answer.status} {answer.body!r}")


def set_up(server: Server, receiver: Receiver) -> list[str]:
    """A tenant with a plain and an ordered endpoint; the endpoints' ids by path /plain and /ordered."""
    server.make("/v1/tenants", {"id": "t", "name": "Crash"})
    ids = []
    for path, ordering in (("plain", "none"), ("ordered", "subject")):
        made = server.make(
            "/v1/tenants/t/endpoints",
            {
                "label": path,
                "url": f"http://127.0.0.1:{receiver.port}/{path}",
                "ordering": ordering,
                "retry": {"delays_s": [0.1, 0.2, 0.5, *[1.0] * 50]},
            },
        )
        ids.append(made["id"])
    return ids


def pending(server: Server, event_id: str) -> bool:
    """Whether the event is still on its way somewhere."""
    items = server.get(f"/v1/tenants/t/events/{event_id}/deliveries")["items"]
    return any(item["state"] == "pending" for item in items)


def crash_loop(seconds: float, seed: int, folder: Path) -> dict[str, Any]:
    """Run it, check it, and return figures. Raises AssertionError with the first broken promise."""
    chance = random.Random(seed)
    book = Book()
    receiver = Receiver(book, seed)
    server = Server(folder / "data", "--allow-private")
    stopping = threading.Event()
    try:
        server.start()
        endpoints = set_up(server, receiver)
        clients = [threading.Thread(target=client, args=(server, book, n, stopping), daemon=True) for n in range(4)]
        for thread in clients:
            thread.start()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(chance.uniform(0.2, 2.5))
            with book.lock:
                server.kill()
                book.kills.append((time.monotonic(), book.life))
                book.life += 1
            server.start()
        stopping.set()
        for thread in clients:
            thread.join(30)
        drain(server, book)
        return check(server, book, endpoints)
    finally:
        stopping.set()
        if server._process is not None and server._process.poll() is None:
            server.kill()
        receiver.stop()


def drain(server: Server, book: Book) -> None:
    """Wait until everything that was accepted has arrived at both endpoints and nothing is pending."""

    def missing() -> list[tuple[str, str]]:
        with book.lock:
            return [
                (event_id, path)
                for event_id in book.accepted
                for path in ("/plain", "/ordered")
                if not any(arrival.status == 200 for arrival in book.arrivals.get((event_id, path), ()))
            ]

    try:
        wait_until(lambda: not missing(), DRAIN_WITHIN_S, "every accepted event has arrived")
    except AssertionError:
        left = missing()
        raise AssertionError(f"{len(left)} accepted events never arrived, such as {left[:5]}") from None
    wait_until(
        lambda: not any(pending(server, event_id) for event_id in list(book.accepted)[-50:]),
        DRAIN_WITHIN_S,
        "nothing is pending",
    )


def check(server: Server, book: Book, endpoints: list[str]) -> dict[str, Any]:
    """Hold what arrived against the log."""
    by_path = dict(zip(("/plain", "/ordered"), endpoints, strict=True))
    logged = read_log(server, endpoints)
    repeated = unexplained = 0
    for (event_id, path), arrivals in book.arrivals.items():
        attempts = logged.get((event_id, by_path[path]), [])
        if len(arrivals) > 1:
            repeated += 1
        if len(arrivals) > len(attempts):
            repeats = sum(attempt["maybe_repeated"] for attempt in attempts)
            if repeats < 1 or not kills_explain(book, arrivals, len(arrivals) - len(attempts)):
                unexplained += 1
        if len([a for a in attempts if a["outcome"] == "succeeded"]) > 1:
            raise AssertionError(f"{event_id} is recorded as delivered twice at {path}")
        if sum(a.status == 200 for a in arrivals) > 1 and not kills_explain(book, arrivals, 1):
            raise AssertionError(f"{event_id} was answered 200 twice at {path} without a kill between: {arrivals}")
    if unexplained:
        raise AssertionError(f"{unexplained} repeated arrivals are not explained by the log and a kill")
    stuck = [event_id for event_id in book.accepted if pending(server, event_id)] if len(book.accepted) < 2_000 else []
    if stuck:
        raise AssertionError(f"{len(stuck)} events are stuck, such as {stuck[:3]}")
    return {
        "accepted": len(book.accepted),
        "arrivals": sum(len(arrivals) for arrivals in book.arrivals.values()),
        "repeated": repeated,
        "kills": len(book.kills),
    }


def kills_explain(book: Book, arrivals: list[Arrival], unlogged: int) -> bool:
    """Whether so many arrivals were in flight, or just answered, when their server was killed."""
    lives = {
        life for at_s, life in book.kills for arrival in arrivals if -LATE_READ_S < at_s - arrival.at_s < IN_FLIGHT_S
    }
    return len(lives) >= unlogged


def read_log(server: Server, endpoints: list[str]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Every attempt of both endpoints, through the API, page by page."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for endpoint_id in endpoints:
        cursor = ""
        while True:
            page = server.get(f"/v1/tenants/t/endpoints/{endpoint_id}/attempts?limit=250{cursor}")
            for attempt in page["items"]:
                found[attempt["event_id"], endpoint_id].append(attempt)
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = crash_loop(options.minutes * 60, options.seed, Path(folder))
    print("nothing lost, nothing stuck: " + ", ".join(f"{value} {name}" for name, value in figures.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
