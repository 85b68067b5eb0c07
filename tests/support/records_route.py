"""The route that writes records with a real ingest writer on the memory store, which commits as soon as it is asked."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from ringback.api.auth import Authenticator
from ringback.api.door import Door
from ringback.api.records import RecordsRoute
from ringback.api.writer_queue import WriterQueue
from ringback.control.keys import hash_of_key
from ringback.ingest.accept import IntakeLimits
from ringback.ingest.index import MatchIndex
from ringback.ingest.quotas import TenantQuotas
from ringback.ingest.record_accept import RecordAcceptor
from ringback.ingest.submission import NoEngine, Submission
from ringback.ingest.writer import Writer
from ringback.model.event import Event
from ringback.model.record import Record
from ringback.model.tenant import Scope
from ringback.observe.meters import RequestMeter
from ringback.observe.traces import keep_callers_trace
from ringback.store.memory import MemoryStore
from ringback.store.port import EventQuery
from ringback.testing.clock import ManualClock
from ringback.workers import ThreadMailbox
from support.events_route import ADMIN_KEY, fallen_through
from support.rows import NOW, OTHER_TENANT, TENANT, api_key, secret, tenant

PATH: Final = f"/v1/tenants/{TENANT}/records"
BATCH: Final = f"{PATH}/batch"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class RecordsWorld:
    """Two tenants and a key of each scope; `submit` may be replaced."""

    def __init__(self, limits: IntakeLimits | None = None) -> None:
        self.store = MemoryStore()
        self.clock = ManualClock(NOW)
        for tenant_id in (TENANT, OTHER_TENANT):
            self.store.create_tenant(tenant(tenant_id), secret(f"sec_{tenant_id}", None, tenant_id))
        for scope in (Scope.TENANT, Scope.INGEST):
            self.store.create_key(api_key(f"key_{scope}", scope=scope, hash=hash_of_key(f"{scope}-key")))
        quotas = TenantQuotas(self.store, self.clock)
        self.authenticator = Authenticator(self.store, self.store, self.clock, ADMIN_KEY, (quotas,))
        self.meter = RequestMeter(self.clock)
        self.queue = WriterQueue(self._store)
        self.writer = Writer(
            store=self.store,
            index=MatchIndex(),
            clock=self.clock,
            inbox=ThreadMailbox(),
            engine=NoEngine(),
            on_done=self.queue.resolve,
            pause=lambda seconds: None,
        )
        self.route = RecordsRoute(
            RecordAcceptor(self.clock, limits),
            Door(self.queue, self.authenticator, self.meter, keep_callers_trace, quotas.of),
            fallen_through,
        )

    def _store(self, submission: Submission) -> None:
        self.writer.submit(submission)
        self.writer.step()

    def ask(
        self, method: str, path: str, body: object = b"", query: bytes = b"", **headers: str | bytes | None
    ) -> Answer:
        """One request; `body` is bytes as they are, or JSON. Names of headers have `_` for `-`; None leaves one out."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"authorization": f"Bearer {ADMIN_KEY}", **headers}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query,
            "headers": [
                (name.replace("_", "-").encode(), value if isinstance(value, bytes) else value.encode())
                for name, value in given.items()
                if value is not None
            ],
        }
        sent: list[Mapping[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(dict(message))

        asyncio.run(self.route(scope, receive, send))
        start, *rest = sent
        answered = {name.decode(): value.decode() for name, value in start["headers"]}
        answer = Answer(start["status"], answered, b"".join(message["body"] for message in rest))
        assert answered["content-length"] == str(len(answer.body))
        return answer

    def limit(self, **fields: Any) -> None:
        """Change the tenant, in force at once."""
        known = self.store.get_tenant(TENANT)
        assert known is not None
        assert self.store.update_tenant(replace(known, revision=known.revision + 1, **fields))
        self.authenticator.refresh()

    def record(self, record_id: str, record_type: str = "company") -> Record | None:
        return self.store.get_record(TENANT, record_type, record_id)

    @property
    def events(self) -> list[Event]:
        """All that were stored, in order."""
        return [row.event for row in self.store.list_events(EventQuery(TENANT, ascending=True, limit=500))]
