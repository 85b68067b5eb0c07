"""Callers of several API processes: they post at a pace, one event or an array, and repeat what was not accepted.

Each caller has ordering keys of its own and posts one thing after the other, so that the order of a key's events is
known. A broken connection, a 5xx or a 429 is answered by the same post to the next process, as a careful client does;
ids of its own or an Idempotency-Key make that safe. Everything that was begun is repeated until it is accepted.
"""

import http.client
import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from support.process import ADMIN_KEY, Server

ANSWER_WITHIN_S: Final = 75.0
GIVE_UP_AFTER_S: Final = 120.0
PAUSE_S: Final = 0.05
KEYS: Final = 3
ARRAY: Final = 8
TENANT: Final = "t"


class Promise(NamedTuple):
    """An event that got its 202 (or the 200 of a repetition). Times are on this process's monotonic clock: when it was
    first posted, when the post that was accepted began, and when its answer was here."""

    event_id: str
    type: str
    key: str
    begun_s: float
    posted_s: float
    accepted_s: float


@dataclass
class Book:
    """What was promised, in which order for each key, and what came back when somebody was asked."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    promises: dict[str, Promise] = field(default_factory=dict)
    order: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    answers: Counter[str] = field(default_factory=Counter)
    answered_s: dict[str, float] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def keep(self, promises: Sequence[Promise]) -> None:
        with self.lock:
            for promise in promises:
                if promise.event_id in self.promises:
                    self.broken.append(f"two events were given the id {promise.event_id}")
                self.promises[promise.event_id] = promise
                self.order[promise.key].append(promise.event_id)

    def note(self, name: str, what: str) -> None:
        """One answer, or what came instead, of one process."""
        with self.lock:
            self.answers[f"{name} {what}"] += 1
            if what in ("200", "201", "202"):
                self.answered_s[name] = time.monotonic()

    def count(self, name: str, *whats: str) -> int:
        with self.lock:
            return sum(self.answers[f"{name} {what}"] for what in whats)


class Post(NamedTuple):
    """What is posted: the path, the body, the headers, and each event's type and key. Others put or delete as well."""

    path: str
    body: bytes
    headers: dict[str, str]
    events: Sequence[tuple[str, str]] = ()
    method: str = "POST"


class Caller:
    """A thread that posts. `apis` are (name, server), asked in turn, if they are `usable`; `types` are used in turn."""

    def __init__(
        self,
        number: int,
        apis: Sequence[tuple[str, Server]],
        book: Book,
        types: Sequence[str],
        per_second: float,
        arrays: bool = True,
        usable: Callable[[str], bool] = lambda name: True,
    ) -> None:
        self._number = number
        self._apis = apis
        self._book = book
        self._types = types
        self._every_s = 1.0 / per_second
        self._arrays = arrays
        self._usable = usable
        self._turn = number
        self._count = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"caller {number}", daemon=True)
        self._connections: dict[str, http.client.HTTPConnection] = {}

    def start(self) -> None:
        self._thread.start()

    def ask_to_stop(self) -> None:
        self._stopping.set()

    def wait(self) -> None:
        self._thread.join(GIVE_UP_AFTER_S)
        assert not self._thread.is_alive(), f"caller {self._number} was never answered"

    def _run(self) -> None:
        try:
            next_s = time.monotonic()
            while not self._stopping.wait(max(0.0, next_s - time.monotonic())):
                next_s = max(next_s + self._every_s, time.monotonic() - 1.0)
                self._count += 1
                self._insist(self._make())
        except Exception as error:  # shown with all that is wrong in the end
            self._book.broken.append(f"caller {self._number}: {error!r}")

    def _make(self) -> Post:
        count, number = self._count, self._number
        kind = self._types[count % len(self._types)]
        key = f"{number}-{count % KEYS}"
        if self._arrays and count % 6 == 0:
            events = [self._event(kind, key, f"{count}-{place}") for place in range(ARRAY)]
            return self._post("events/batch", {"events": events}, [(kind, key)] * ARRAY, count % 12 == 0)
        return self._post("events", self._event(kind, key, str(count)), [(kind, key)], count % 2 == 0)

    def _post(self, path: str, body: Any, events: Sequence[tuple[str, str]], own_ids: bool) -> Post:
        headers = {"Authorization": f"Bearer {ADMIN_KEY}", "Content-Type": "application/json"}
        if own_ids:
            for event in body.get("events", [body]):
                event["id"] = f"c{self._number}-{event['data']['n']}"
        else:
            headers["Idempotency-Key"] = f"{self._number}-{self._count}"
        return Post(f"/v1/tenants/{TENANT}/{path}", json.dumps(body).encode(), headers, events)

    def _event(self, kind: str, key: str, nonce: str) -> dict[str, Any]:
        return {"type": kind, "data": {"n": nonce, "caller": self._number}, "subject": {"type": "s", "id": key}}

    def _insist(self, post: Post) -> None:
        """Post until it is accepted."""
        begun_s = time.monotonic()
        while time.monotonic() < begun_s + GIVE_UP_AFTER_S:
            name, server = self._next()
            posted_s = time.monotonic()
            try:
                status, body = self._ask(name, server, post)
            except (OSError, http.client.HTTPException) as error:
                self._book.note(name, type(error).__name__)
                time.sleep(PAUSE_S)
                continue
            self._book.note(name, str(status))
            if status in (200, 201, 202):
                self._accepted(post, body, begun_s, posted_s)
                return
            assert status in (429, 502, 503), (name, status, body)
            time.sleep(PAUSE_S)
        raise AssertionError(f"not accepted within {GIVE_UP_AFTER_S:g} s: {post.body[:200]!r}")

    def _next(self) -> tuple[str, Server]:
        """Whom to ask: the next one that is usable, else the next one."""
        for _ in self._apis:
            self._turn += 1
            name, server = self._apis[self._turn % len(self._apis)]
            if self._usable(name):
                break
        return name, server

    def _accepted(self, post: Post, body: bytes, begun_s: float, posted_s: float) -> None:
        answer = json.loads(body)
        now_s = time.monotonic()
        ids = [one["id"] for one in answer.get("accepted", [answer])]
        assert len(ids) == len(post.events), answer
        self._book.keep(
            [Promise(one, *event, begun_s, posted_s, now_s) for one, event in zip(ids, post.events, strict=True)]
        )

    def _ask(self, name: str, server: Server, post: Post) -> tuple[int, bytes]:
        """On a connection that is kept, as clients do; after trouble a new one."""
        connection = self._connections.pop(name, None) or http.client.HTTPConnection(
            "127.0.0.1", server.port, timeout=ANSWER_WITHIN_S
        )
        try:
            connection.request(post.method, post.path, post.body, post.headers)
            response = connection.getresponse()
            body = response.read()
        except BaseException:
            connection.close()
            raise
        self._connections[name] = connection
        return response.status, body


class Callers:
    """Several of them, on the same book."""

    def __init__(self, make: Callable[[int], Caller], count: int) -> None:
        self._all = [make(number) for number in range(1, count + 1)]

    def start(self) -> None:
        for caller in self._all:
            caller.start()

    def stop(self) -> None:
        """Begin nothing new; wait until all that was begun is accepted."""
        for caller in self._all:
            caller.ask_to_stop()
        for caller in self._all:
            caller.wait()
