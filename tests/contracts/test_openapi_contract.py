"""The OpenAPI document is kept to: what schemathesis makes of it is answered as the document says, by the whole API.

Every operation, the event routes too, on SQLite and with a real ingest writer. Half of the requests are about things
that exist. What is sent is the same in each run.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis import Case, Response
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import positive_data_acceptance

from contracts.each_operation import EACH, contract, stateless
from ringback.api.door import Door
from ringback.api.events import EventsRoute
from ringback.api.records import RecordsRoute
from ringback.api.writer_queue import WriterQueue
from ringback.clock import SystemClock
from ringback.ingest.accept import Acceptor
from ringback.ingest.index import MatchIndex
from ringback.ingest.record_accept import RecordAcceptor
from ringback.ingest.submission import NoEngine, Submission
from ringback.ingest.writer import Writer
from ringback.observe.meters import RequestMeter
from ringback.store.port import RecordPut, Settlement
from ringback.store.sqlite import SqliteStore
from ringback.times import rfc3339
from ringback.workers import ThreadMailbox, Worker
from support.api_document import document, operations
from support.api_world import OPERATOR_KEY, ApiWorld
from support.profiles import profile_text
from support.rows import TENANT, attempt, attempt_id, event, record

EXAMPLES = 6
UNKNOWN_HEADER = "x-schemathesis-unknown-property"
AUTHORIZED = {"Authorization": f"Bearer {OPERATOR_KEY}"}
# What the document allows and the API refuses, by field and why: OpenAPI has no words for these rules, or the document
# leaves them to a description. A request that it allows is accepted, unless it is refused for one of these alone.
LINES = "application/x-ndjson"  # a text of lines, each an event: OpenAPI knows it as a text
RANGES = "its least and greatest are in the description, so that the answer can name them"
TEXTS = "its length counts in bytes of UTF-8 and it has no control characters, where OpenAPI counts characters"
UNSAID = {
    **dict.fromkeys(("limit", "days", "max_in_flight", "rate_per_second", "events_per_second"), RANGES),
    **dict.fromkeys(
        ("retention_days", "payload_bytes_max", "endpoints_max", "max_attempts", "base_s", "timeout_s"), RANGES
    ),
    **dict.fromkeys(("channel", "ordering_key", "id", "type", "event_type", "endpoint_id"), TEXTS),
    **dict.fromkeys(("name", "label", "description"), TEXTS),
    "channels": "null for all, or from 1 to 256 texts",
    "event_types": "patterns",
    "cursor": "only what an earlier page gave",
    "since": "a moment within retention, written as in RFC 3339",
    "until": "a moment written as in RFC 3339",
    "occurred_at": "a moment between 1970 and 9999",
    "deliver_at": "a moment between 1970 and 9999",
    "url": "the rules of docs/security.md",
    "filter": "a language of its own",
    **dict.fromkeys(("when", "data"), "a language of its own"),
    **dict.fromkeys(("record_type", "emits"), "words with dots between them"),
    **dict.fromkeys(("template", "parameters"), "what the list of templates has; nothing beside a rule of one's own"),
    **dict.fromkeys(("event", "event_id", "last", "record", "trigger", "trigger_id"), "one of several, and only one"),
    **dict.fromkeys(("cooldown_s", "delays_s", "factor", "max_delay_s"), RANGES),
    "secret": "of a profile's form",
    "profile": "one that this server knows",
    "tracked_set": "a name of letters, digits, _ and -",
    "ids": "texts of 1 to 256 bytes without control characters",
    "schema": "what JSON Schema says of schemas, within limits",
    "signature": "one of the profile's",
    "sample": "what the event type's own schema allows",
    "headers": "what HTTP allows in a header",
    "value": "what HTTP allows in a header",
    "username": "what HTTP allows in a header",
    "password": "12 to 256 characters; of an endpoint's credentials what HTTP allows in a header",
    "expires_in_s": RANGES,
    "query": "what HTTP allows in an address",
    "Idempotency-Key": "visible ASCII",
    "Ringback-Version": "digits of a number up to 2^63 - 1",
    "Ringback-Updated-At": "a moment between 1970 and 9999",
    "Ringback-Channel": TEXTS,
    "If-Match": "an ETag, or *",
    "If-None-Match": "does not go together with If-Match",
    **dict.fromkeys(("file", "request"), "what is wrong with a profile's text"),
    "grace_seconds": RANGES,
    "fields": "JSON pointers",
    "ignored": "JSON pointers",
    "deleted_kept_days": RANGES,
    "wait_s": "goes with order=asc alone",
    "samples": RANGES,
}


@schemathesis.serializer(LINES)
def lines(context: Any, value: Any) -> bytes:
    return (
        value.encode() if isinstance(value, str) else value if isinstance(value, bytes) else json.dumps(value).encode()
    )


class ContractWorld:
    """The whole API with things in it: a tenant with an endpoint, a key, an event, an attempt, and an event type."""

    def __init__(self, folder: Path) -> None:
        self.store = SqliteStore.open(folder / "ringback.db")
        self.store._writer._connection.pragma("synchronous", "off")  # what this is about costs no disk
        self.api = ApiWorld(store=self.store)
        inbox: ThreadMailbox[Submission] = ThreadMailbox()
        self.writer = Writer(
            store=self.store,
            index=MatchIndex(),
            clock=self.api.clock,
            inbox=inbox,
            engine=NoEngine(),
            on_done=self._resolve,
            pause=lambda seconds: None,
        )
        self.queue = WriterQueue(self.writer.submit)
        door = Door(self.queue, self.api.authenticator, RequestMeter(self.api.clock))
        records_route = RecordsRoute(RecordAcceptor(self.api.clock), door, self.api.app)
        self.route = EventsRoute(Acceptor(self.api.clock), door, records_route)
        self.calls = 0
        self.worker = Worker("writer", self.writer.step, SystemClock(), lambda part: None)
        self.worker.start()
        endpoint_id = self.api.endpoint()["id"]
        (seq,) = self.api.accept([event()], [endpoint_id])
        self.store.settle([Settlement(seq, attempt(1, 1, "evt_1", endpoint_id), None, 0)])
        self.api.parts.arrivals.stop()  # so that nobody waits
        self.api.call("PUT", "/v1/event-types/contact.created", {"sample": {"id": 1}, "schema": {"type": "object"}})

    def _resolve(self, submissions: list[Submission]) -> None:
        self.queue.resolve(submissions)

    def close(self) -> None:
        self.worker.stop(10)
        self.store.close()

    def lead_to_what_exists(self, case: Case) -> None:
        """Put ids of things that are there into the address, unless a wrong one is what the case is about."""
        if case.meta is None or not case.meta.is_negative_at(ParameterLocation.PATH):
            for name in case.path_parameters:
                case.path_parameters[name] = self.existing(name, case.operation.label)

    def _job(self) -> str:
        path = f"/endpoints/{self.api.endpoint()['id']}/replay"
        return str(self.api.post(path, {"since": rfc3339(self.api.clock.now_ms() - 1_000), "which": "all"})["id"])

    def _operator(self) -> str:
        there = self._first(self.api.call("GET", "/v1/operators?limit=1").json()["items"])
        body = {"name": "ada", "password": "correct horse battery"}
        return str(there or self.api.call("POST", "/v1/operators", body).json()["id"])

    def existing(self, name: str, operation: str) -> str:
        """The id of something that is there, made anew if it has been deleted."""
        if name == "tenant_id" and operation == "DELETE /v1/tenants/{tenant_id}":
            return str(self.api.call("POST", "/v1/tenants", {"name": "Short-lived"}).json()["id"])
        if name == "tenant_id":
            return TENANT
        if name == "endpoint_id":
            return self._first(self.api.get("/endpoints?limit=1")["items"]) or self.api.endpoint()["id"]
        if name == "key_id":
            return (
                self._first(self.api.get("/keys?limit=1")["items"]) or self.api.post("/keys", {"scope": "tenant"})["id"]
            )
        if name == "job_id":
            return self._first(self.api.get("/jobs?limit=1")["items"]) or self._job()
        if name == "trigger_id":
            rule = {"name": "x", "record_type": "contact", "when": "true", "emits": "x"}
            return self._first(self.api.get("/triggers?limit=1")["items"]) or self.api.post("/triggers", rule)["id"]
        if name == "operator_id":
            return self._operator()
        if name == "name":
            return self._named(operation)
        if name == "record_id":
            return self._record()
        return {"record_type": "contact", "event_id": "evt_1", "attempt_id": attempt_id(1), "version": "1"}[name]

    def _named(self, operation: str) -> str:
        """The same of what has a name of its caller's choice."""
        if "/tracked-sets/" in operation:
            self.api.call("PUT", f"/v1/tenants/{TENANT}/tracked-sets/vip", {})
            return "vip"
        if "/profiles/" in operation:
            return self._profile()
        if "/record-types/" in operation:
            self.api.call("PUT", "/v1/record-types/contact", {})
            return "contact"
        return "contact.created"

    def _profile(self) -> str:
        self.api.call("PUT", "/v1/profiles/own", {"toml": profile_text()})
        return "own"

    def _record(self) -> str:
        with self.store.intake() as transaction:
            known = transaction.lock_records([record("1").key]).get(record("1").key)
            seen = None if known is None else known.revision
            transaction.put_records([RecordPut(record("1", revision=(seen or 0) + 1), seen)])
            transaction.commit()
        return "1"

    def _first(self, items: list[dict[str, Any]]) -> str | None:
        return items[0]["id"] if items else None


@pytest.fixture(scope="module", autouse=True)
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContractWorld]:
    made = ContractWorld(tmp_path_factory.mktemp("contract"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def whole(world: ContractWorld) -> Any:
    loaded = contract(EXAMPLES)
    loaded.app = world.route
    return loaded


@pytest.fixture(params=operations())
def operation(whole: Any, request: pytest.FixtureRequest) -> Any:
    return EACH.of(whole, request)


def test_requests_are_led_to_what_exists(world: ContractWorld) -> None:
    paths = [path for path, methods in document()["paths"].items() if "get" in methods]
    assert len(paths) > 15
    for path in paths:
        names = re.findall(r"{(\w+)}", path)
        address = path.format(**{name: world.existing(name, f"GET {path}") for name in names})
        assert world.api.call("GET", address).status_code == 200, address


def refused_for(answer: Response) -> set[str]:
    """The fields that a request was refused for, without their places: `events[0].data` is `data`."""
    if answer.status_code != 422:
        return set()
    plain = [re.sub(r"\[\d+\]", "", finding["field"]) for finding in answer.json()["errors"]]
    return {"headers" if "headers." in field else field.rpartition(".")[2] for field in plain}


def check(case: Case, answer: Response) -> None:
    """All that schemathesis checks; a refusal for what the document can't say is none of its promises."""
    reasons = refused_for(answer)
    unsaid = (reasons and reasons <= UNSAID.keys()) or case.media_type == LINES
    case.validate_response(answer, excluded_checks=[positive_data_acceptance] if unsaid else [])


@EACH.parametrize("operation")
@stateless(EXAMPLES)
def test_the_api_keeps_to_its_document(world: ContractWorld, case: Case) -> None:
    if UNKNOWN_HEADER in case.headers:
        return  # a header that nobody knows is passed over, as by everybody
    world.calls += 1
    if world.calls % 4:
        world.lead_to_what_exists(case)
    check(case, case.call(headers=AUTHORIZED))
