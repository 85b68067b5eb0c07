"""The hot route with a writer that is a real thread but stores nothing: it answers as its test tells it to."""

import queue
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

from ringback.api.auth import Authenticator
from ringback.api.door import Door
from ringback.api.events import EventsRoute
from ringback.api.writer_queue import WriterQueue
from ringback.control.keys import hash_of_key
from ringback.ingest.accept import Acceptor, IntakeLimits
from ringback.ingest.catalogue import Catalogue
from ringback.ingest.quotas import TenantQuotas
from ringback.ingest.submission import Accepted, Submission
from ringback.model.errors import RingbackError, Unavailable
from ringback.model.event_type import EventType
from ringback.model.tenant import Scope
from ringback.observe.meters import RequestMeter
from ringback.store.memory import MemoryStore
from ringback.testing.clock import ManualClock
from support.rows import OTHER_TENANT, TENANT, api_key, secret, tenant

ADMIN_KEY: Final = "the-operators-own-admin-key"
Outcome = list[Accepted] | RingbackError


def accepted(submission: Submission, duplicate: bool = False) -> Outcome:
    """What the writer says when all goes well, with two deliveries an event."""
    return [Accepted(e.id, e.type, e.accepted_at, 2, duplicate) for e in submission.events]


class StubWriter:
    """A thread that takes what waits and reports it as done, all at once."""

    def __init__(self) -> None:
        self.decide: Callable[[Submission], Outcome | None] = accepted
        self.on_done: Callable[[list[Submission]], None] = lambda submissions: None
        self.full = False
        self.held = threading.Event()
        self.held.set()
        self.seen: list[Submission] = []
        self.arrived = threading.Condition()
        self._inbox: queue.SimpleQueue[Submission | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def submit(self, submission: Submission) -> None:
        if self.full:
            raise Unavailable("Too many events are waiting.", 2, code="busy")
        with self.arrived:
            self.seen.append(submission)
            self.arrived.notify_all()
        self._inbox.put(submission)

    def wait_for(self, count: int, timeout_s: float = 10.0) -> None:
        """Until `count` submissions have come in all."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.seen) >= count, timeout_s)

    def stop(self) -> None:
        self.held.set()
        self._inbox.put(None)
        self._thread.join(10)

    def _run(self) -> None:
        stopping = False
        while not stopping:
            batch = [self._inbox.get()]
            self.held.wait()
            batch += [self._inbox.get_nowait() for _ in range(self._inbox.qsize())]
            stopping = None in batch
            done = [submission for submission in batch if submission is not None]
            for submission in done:
                submission.outcome = self.decide(submission)
            self.on_done(done)


class EventsWorld:
    """The route with two tenants, a key of each scope, and the stub writer."""

    def __init__(self, limits: IntakeLimits | None = None) -> None:
        self.store = MemoryStore()
        self.clock = ManualClock()
        self.writer = StubWriter()
        for tenant_id in (TENANT, OTHER_TENANT):
            self.store.create_tenant(tenant(tenant_id), secret(f"sec_{tenant_id}", None, tenant_id))
        for scope in (Scope.TENANT, Scope.INGEST):
            self.store.create_key(api_key(f"key_{scope}", scope=scope, hash=hash_of_key(f"{scope}-key")))
        self.catalogue, self.quotas = Catalogue(self.store), TenantQuotas(self.store, self.clock)
        caches = (self.catalogue, self.quotas)
        self.authenticator = Authenticator(self.store, self.store, self.clock, ADMIN_KEY, caches)
        acceptor = Acceptor(self.clock, limits, self.catalogue.schema_of)
        self.meter = RequestMeter(self.clock)
        self.queue = WriterQueue(self.writer.submit)
        self.route = EventsRoute(
            acceptor,
            Door(self.queue, self.authenticator, self.meter, quota_of=self.quotas.of),
            fallen_through,
        )
        self.writer.on_done = self.queue.resolve

    def limit(self, **quota: float | None) -> None:
        """Give the tenant a quota, in force at once."""
        known = self.store.get_tenant(TENANT)
        assert known is not None
        assert self.store.update_tenant(replace(known, revision=known.revision + 1, **quota))  # type: ignore[arg-type]
        self.authenticator.refresh()

    def put_schema(self, event_type: str, schema: bytes) -> None:
        """Give a type a schema, in force at once."""
        assert self.store.put_event_type(EventType(event_type, "", False, 0, 0, schema=schema), 1_000)
        self.authenticator.refresh()

    def stop(self) -> None:
        self.writer.stop()


async def fallen_through(
    scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    """What stands behind the route: says so with 418."""
    await send({"type": "http.response.start", "status": 418, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
