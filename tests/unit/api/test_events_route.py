"""The hot route as a bare ASGI app: what it takes, whom it lets in, what it answers, and what cannot break it."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from ringback.ingest.accept import IntakeLimits
from ringback.ingest.submission import Accepted
from ringback.model.errors import Conflict, NotFound, Unavailable
from support.events_route import ADMIN_KEY, EventsWorld, accepted
from support.rows import OTHER_TENANT, TENANT

SINGLE = f"/v1/tenants/{TENANT}/events"
BATCH = f"{SINGLE}/batch"
STATUS = f"/v1/tenants/{TENANT}/status"
BODY = b'{"type":"contact.created","data":{"a":1}}'
ARRAY = b'{"events":[' + BODY + b"," + BODY + b"]}"
JSON = "application/json"
NDJSON = "application/x-ndjson"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Caller:
    """One request's `receive` and `send`."""

    def __init__(self, messages: list[dict[str, Any]]) -> None:
        self.messages = messages
        self.taken = 0
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        self.taken += 1
        return self.messages[self.taken - 1]

    async def send(self, message: Any) -> None:
        self.sent.append(dict(message))

    def answer(self) -> Answer:
        start, *rest = self.sent
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        body = b"".join(message["body"] for message in rest)
        assert headers["content-length"] == str(len(body))
        return Answer(start["status"], headers, body)


def scope_of(path: str, method: str = "POST", **headers: str | None) -> dict[str, Any]:
    given = {"authorization": f"Bearer {ADMIN_KEY}", "content-type": JSON, **headers}
    raw = [(k.replace("_", "-").encode(), v.encode("latin-1")) for k, v in given.items() if v is not None]
    return {"type": "http", "method": method, "path": path, "query_string": b"", "headers": raw}


def in_parts(*parts: bytes) -> list[dict[str, Any]]:
    return [{"type": "http.request", "body": part, "more_body": i < len(parts) - 1} for i, part in enumerate(parts)]


@pytest.fixture
def world() -> Iterator[EventsWorld]:
    made = EventsWorld()
    yield made
    made.stop()


def post(
    world: EventsWorld, path: str = SINGLE, body: bytes = BODY, method: str = "POST", **headers: str | None
) -> Answer:
    caller = Caller(in_parts(body))
    asyncio.run(world.route(scope_of(path, method, **headers), caller.receive, caller.send))
    return caller.answer()


def code_of(answer: Answer) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    parsed = answer.json()
    assert parsed["status"] == answer.status
    return str(parsed["code"])


# ── answers ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_event(world: EventsWorld) -> None:
    answer = post(world)
    event = world.writer.seen[0].events[0]
    assert answer.status == 202
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "id": event.id, "type": "contact.created", "accepted_at": "2023-11-14T22:13:20.000Z", "deliveries": 2,
    }  # fmt: skip
    assert event.tenant_id == TENANT


def test_the_answer_tells_what_the_writer_said(world: EventsWorld) -> None:
    world.writer.decide = lambda submission: [Accepted("evt_first", "t", 1_700_000_000_042, 7, True)]
    answer = post(world)
    assert answer.status == 200
    assert answer.json() == {
        "id": "evt_first", "type": "t", "accepted_at": "2023-11-14T22:13:20.042Z", "deliveries": 7,
    }  # fmt: skip


@pytest.mark.parametrize("word", ["NEW_CONNECTION", "INITIAL_SYNCED", "READY"])
def test_a_status_is_an_event(world: EventsWorld, word: str) -> None:
    answer = post(world, STATUS, b'{ "status" : "%s" }' % word.encode(), authorization="Bearer tenant-key")
    event = world.writer.seen[0].events[0]
    assert answer.status == 202
    assert answer.json() == {
        "id": event.id, "type": "connection.status_changed", "accepted_at": "2023-11-14T22:13:20.000Z", "deliveries": 2,
    }  # fmt: skip
    assert (event.tenant_id, event.type, json.loads(event.data)) == (TENANT, answer.json()["type"], {"status": word})


def test_a_status_has_the_headers_schemas_and_quotas_of_events(world: EventsWorld) -> None:
    body = b'{"status":"READY"}'
    assert post(world, STATUS, body, idempotency_key="once", ringback_hops="2").status == 202
    (submission,) = world.writer.seen
    assert submission.idempotency is not None
    assert (submission.idempotency.key, submission.events[0].hops) == ("once", 2)
    assert code_of(post(world, STATUS, body, ringback_hops="5")) == "too_many_hops"
    assert code_of(post(world, STATUS, body, content_type=NDJSON)) == "unsupported_media_type"
    world.put_schema("connection.status_changed", b'{"properties":{"status":{"const":"READY"}}}')
    assert code_of(post(world, STATUS, b'{"status":"INITIAL_SYNCED"}')) == "schema_mismatch"
    world.limit(events_per_second=0.001)
    assert [post(world, STATUS, body).status for _ in range(2)] == [202, 429]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"{}", 422, "status"),
        (b'{"status":null}', 422, "status"),
        (b'{"status":"ready"}', 422, "status"),
        (b'{"status":["READY"]}', 422, "status"),
        (b'{"status":"READY","at":1}', 422, "at"),
        (b'"READY"', 422, "body"),
        (b"[" * 100_000, 422, "body"),
        (b"", 400, None),
        (b'{"status":"READY"', 400, None),
        (b'{"status":"READY"} {}', 400, None),
        (b'{"status":"\xff"}', 400, None),
        (b'{"status":"READY","x":"%s"}' % (b"x" * 300_000), 413, None),
    ],
)
def test_a_status_that_is_none(world: EventsWorld, body: bytes, status: int, field: str | None) -> None:
    answer = post(world, STATUS, body)
    assert answer.status == status
    code_of(answer)
    assert [one["field"] for one in answer.json().get("errors", [])] == ([field] if field else [])
    assert world.writer.seen == []


def test_a_status_is_for_whoever_may_do_everything_under_the_tenant(world: EventsWorld) -> None:
    body = b'{"status":"READY"}'
    assert code_of(post(world, STATUS, body, authorization="Bearer ingest-key")) == "forbidden"
    assert code_of(post(world, STATUS, body, authorization=None)) == "no_key"
    other = f"/v1/tenants/{OTHER_TENANT}/status"
    assert code_of(post(world, other, body, authorization="Bearer tenant-key")) == "not_found"
    assert world.writer.seen == []


@pytest.mark.parametrize(
    ("content_type", "body"), [(JSON, ARRAY), (None, ARRAY), (NDJSON, BODY + b"\n" + BODY + b"\n")]
)
def test_a_batch(world: EventsWorld, content_type: str | None, body: bytes) -> None:
    answer = post(world, BATCH, body, content_type=content_type)
    assert answer.status == 202
    assert answer.json() == {"accepted": [{"id": event.id} for event in world.writer.seen[0].events]}
    assert len(world.writer.seen[0].events) == 2


def test_a_repeated_batch(world: EventsWorld) -> None:
    world.writer.decide = lambda submission: accepted(submission, duplicate=True)
    assert post(world, BATCH, ARRAY, idempotency_key="k").status == 200
    world.writer.decide = lambda submission: [
        Accepted("a", "t", 0, 0, True), Accepted("b", "t", 0, 0, False),
    ]  # fmt: skip
    answer = post(world, BATCH, ARRAY)
    assert (answer.status, answer.json()) == (202, {"accepted": [{"id": "a"}, {"id": "b"}]})


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Conflict("The key is taken."), 409, "conflict"),
        (NotFound("No such tenant."), 404, "not_found"),
        (Unavailable("Busy.", 3), 503, "unavailable"),
    ],
)
def test_what_the_writer_refuses(world: EventsWorld, error: Any, status: int, code: str) -> None:
    world.writer.decide = lambda submission: error
    answer = post(world)
    assert (answer.status, code_of(answer)) == (status, code)
    assert answer.headers.get("retry-after") == ("3" if status == 503 else None)


def test_a_full_queue_is_503(world: EventsWorld) -> None:
    world.writer.full = True
    answer = post(world)
    assert (answer.status, code_of(answer), answer.headers["retry-after"]) == (503, "busy", "2")


def test_what_cannot_be_taken_is_not_even_read(world: EventsWorld) -> None:
    def busy() -> None:
        raise Unavailable("Too many events are waiting.", code="busy")

    world.queue.admit = busy
    caller = Caller(in_parts(BODY))
    asyncio.run(world.route(scope_of(SINGLE), caller.receive, caller.send))
    assert (caller.answer().status, code_of(caller.answer())) == (503, "busy")
    assert caller.taken == 0
    assert world.writer.seen == []


def test_a_defect_is_500_and_shows_nothing(world: EventsWorld) -> None:
    world.writer.decide = lambda submission: None
    answer = post(world)
    assert (answer.status, code_of(answer)) == (500, "internal")
    assert b"writer" not in answer.body


# ── headers ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "content_type",
    [JSON, None, f"{JSON}; charset=utf-8", "Application/JSON;charset=UTF-8", f'{JSON}; charset="utf-8"'],
)
def test_content_types_that_are_json(world: EventsWorld, content_type: str | None) -> None:
    assert post(world, content_type=content_type).status == 202


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        (SINGLE, NDJSON), (SINGLE, "text/plain"), (SINGLE, ""), (SINGLE, "application/json; charset=latin-1"),
        (SINGLE, "application/json, application/json"), (SINGLE, "application/x-www-form-urlencoded"),
        (SINGLE, "application/json; profile=x"), (BATCH, "text/plain"), (BATCH, "application/ndjsonx"),
    ],
)  # fmt: skip
def test_other_content_types(world: EventsWorld, path: str, content_type: str) -> None:
    answer = post(world, path, content_type=content_type)
    assert (answer.status, code_of(answer)) == (415, "unsupported_media_type")
    assert answer.json()["detail"].startswith("Send the header Content-Type: application/json")
    assert world.writer.seen == []


def post_with(world: EventsWorld, *more: tuple[bytes, bytes]) -> Answer:
    scope = scope_of(SINGLE)
    scope["headers"].extend(more)
    caller = Caller(in_parts(BODY))
    asyncio.run(world.route(scope, caller.receive, caller.send))
    return caller.answer()


@pytest.mark.parametrize("name", ["Authorization", "Idempotency-Key"])
def test_a_second_key_of_either_kind_is_malformed(world: EventsWorld, name: str) -> None:
    header = (name.lower().encode(), f"Bearer {ADMIN_KEY}".encode())
    answer = post_with(world, header, header)
    assert (answer.status, code_of(answer)) == (400, "malformed")
    assert name in answer.json()["detail"]
    assert world.writer.seen == []


def test_other_headers_may_come_twice(world: EventsWorld) -> None:
    assert post_with(world, (b"x-forwarded-for", b"192.0.2.1"), (b"x-forwarded-for", b"192.0.2.2")).status == 202


def test_idempotency_key_and_hops_go_along(world: EventsWorld) -> None:
    assert post(world, idempotency_key="k-1", ringback_hops="4").status == 202
    submission = world.writer.seen[0]
    assert submission.idempotency is not None
    assert submission.idempotency.key == "k-1"
    assert submission.events[0].hops == 4


@pytest.mark.parametrize(("key", "status"), [("", 422), ("a b", 422), ("é", 422), ("x" * 257, 422), ("x" * 256, 202)])
def test_idempotency_keys(world: EventsWorld, key: str, status: int) -> None:
    assert post(world, idempotency_key=key).status == status


@pytest.mark.parametrize(
    ("hops", "status", "code"),
    [("5", 422, "too_many_hops"), ("0005", 422, "too_many_hops"), ("999999999", 422, "too_many_hops"),
     ("", 400, "malformed"), ("-1", 400, "malformed"), ("x", 400, "malformed"),
     ("9" * 5_000, 400, "malformed"), ("²", 400, "malformed")],
)  # fmt: skip
def test_hops(world: EventsWorld, hops: str, status: int, code: str) -> None:
    answer = post(world, ringback_hops=hops)
    assert (answer.status, code_of(answer)) == (status, code)


# ── who may ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", [SINGLE, BATCH])
@pytest.mark.parametrize("key", [ADMIN_KEY, "tenant-key", "ingest-key"])
def test_every_scope_may_post_to_its_tenant(world: EventsWorld, path: str, key: str) -> None:
    body = BODY if path == SINGLE else ARRAY
    for _ in range(2):
        assert post(world, path, body, authorization=f"Bearer {key}").status == 202


@pytest.mark.parametrize("key", ["tenant-key", "ingest-key"])
def test_another_tenants_events_are_404(world: EventsWorld, key: str) -> None:
    for tenant_id in (OTHER_TENANT, "nobody", "acme%00"):
        answer = post(world, f"/v1/tenants/{tenant_id}/events", authorization=f"Bearer {key}")
        assert (answer.status, code_of(answer)) == (404, "not_found")
    assert post(world, f"/v1/tenants/{OTHER_TENANT}/events").status == 202


@pytest.mark.parametrize("tenant_id", ["a\0b", "x" * 65, "é", "a b", "a.b"])
def test_a_tenant_that_cannot_be_is_404(world: EventsWorld, tenant_id: str) -> None:
    answer = post(world, f"/v1/tenants/{tenant_id}/events")
    assert (answer.status, code_of(answer)) == (404, "not_found")
    assert world.writer.seen == []


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic abc", "Bearer"])
def test_without_a_key_nothing_is_read(world: EventsWorld, header: str | None) -> None:
    caller = Caller(in_parts(b"x", b"y"))
    asyncio.run(world.route(scope_of(SINGLE, authorization=header), caller.receive, caller.send))
    answer = caller.answer()
    assert (answer.status, code_of(answer)) == (401, "no_key")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert caller.taken == 0


def test_a_revoked_key_is_refused(world: EventsWorld) -> None:
    assert post(world, authorization="Bearer tenant-key").status == 202
    world.store.delete_key(TENANT, "key_tenant")
    world.clock.pass_s(1.1)
    assert post(world, authorization="Bearer tenant-key").status == 401


# ── paths ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", SINGLE), ("PUT", SINGLE), ("DELETE", BATCH), ("HEAD", SINGLE), ("POST", f"{SINGLE}/"),
        ("POST", f"{SINGLE}/evt_1"), ("POST", f"{BATCH}/x"), ("POST", "/v1/tenants//events"), ("POST", "/v1/tenants"),
        ("POST", "/v2/tenants/a/events"), ("POST", "/"), ("POST", "//v1/tenants/a/events"),
        ("POST", "/v1/tenants/a/Events"),
    ],
)  # fmt: skip
def test_everything_else_falls_through(world: EventsWorld, method: str, path: str) -> None:
    assert post(world, path, method=method).status == 418


def test_other_protocols_fall_through(world: EventsWorld) -> None:
    caller = Caller([])
    asyncio.run(world.route({"type": "lifespan"}, caller.receive, caller.send))
    assert caller.sent[0]["status"] == 418


# ── bodies ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_body_in_parts(world: EventsWorld) -> None:
    caller = Caller(in_parts(BODY[:5], b"", BODY[5:20], BODY[20:], b""))
    asyncio.run(world.route(scope_of(SINGLE), caller.receive, caller.send))
    assert caller.answer().status == 202
    assert world.writer.seen[0].events[0].data == b'{"a":1}'


@pytest.mark.parametrize("messages", [0, 2])
def test_a_caller_who_leaves_in_the_middle_is_not_answered(world: EventsWorld, messages: int) -> None:
    caller = Caller([*in_parts(*[b" "] * 3)[:messages], {"type": "http.disconnect"}])
    asyncio.run(world.route(scope_of(SINGLE), caller.receive, caller.send))
    assert caller.sent == []
    assert world.writer.seen == []


def test_a_declared_length_over_the_limit_is_refused_unread(world: EventsWorld) -> None:
    for path, limit in ((SINGLE, IntakeLimits().single_bytes_max), (BATCH, IntakeLimits().batch_bytes_max)):
        for length in (str(limit + 1), "9" * 18, "9" * 5_000):
            caller = Caller([])
            asyncio.run(world.route(scope_of(path, content_length=length), caller.receive, caller.send))
            assert code_of(caller.answer()) == "too_large"
            assert caller.taken == 0


def test_an_undeclared_body_is_read_no_further_than_the_limit(world: EventsWorld) -> None:
    part = b" " * 65_536
    caller = Caller(in_parts(*[part] * 100))
    asyncio.run(world.route(scope_of(SINGLE), caller.receive, caller.send))
    assert (caller.answer().status, code_of(caller.answer())) == (413, "too_large")
    assert caller.taken == IntakeLimits().single_bytes_max // len(part) + 1


def test_a_large_batch_is_checked_elsewhere_and_answered_the_same(world: EventsWorld) -> None:
    event = b'{"type":"a","data":"' + b"x" * 200_000 + b'"}'
    body = b'{"events":[' + b",".join([event] * 10) + b"]}"
    assert len(body) > 1024 * 1024
    answer = post(world, BATCH, body)
    assert (answer.status, len(answer.json()["accepted"])) == (202, 10)
    assert post(world, BATCH, body[:-1]).status == 400


# ── waiting ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_many_wait_at_once_and_are_woken_with_one_hop(world: EventsWorld) -> None:
    world.writer.held.clear()
    hops: list[object] = []

    async def many() -> list[Answer]:
        loop = asyncio.get_running_loop()
        callers = [Caller(in_parts(BODY)) for _ in range(50)]
        tasks = [asyncio.create_task(world.route(scope_of(SINGLE), c.receive, c.send)) for c in callers]
        await asyncio.to_thread(world.writer.wait_for, 50)
        hop = loop.call_soon_threadsafe
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "call_soon_threadsafe", lambda *args: hops.append(args) or hop(*args))
            world.writer.held.set()
            await asyncio.gather(*tasks)
        return [caller.answer() for caller in callers]

    answers = asyncio.run(many())
    assert {answer.status for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 50
    assert len(hops) == 1


def test_a_request_that_was_cancelled_does_not_disturb_its_mates(world: EventsWorld) -> None:
    world.writer.held.clear()

    async def two() -> Answer:
        stays, goes = Caller(in_parts(BODY)), Caller(in_parts(BODY))
        going = asyncio.create_task(world.route(scope_of(SINGLE), goes.receive, goes.send))
        await asyncio.to_thread(world.writer.wait_for, 1)
        staying = asyncio.create_task(world.route(scope_of(SINGLE), stays.receive, stays.send))
        await asyncio.to_thread(world.writer.wait_for, 2)
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going
        world.writer.held.set()
        await asyncio.wait_for(staying, 20)
        assert goes.sent == []
        return stays.answer()

    assert asyncio.run(two()).status == 202


def test_what_finishes_after_the_server_stopped_is_let_go(world: EventsWorld) -> None:
    post(world)
    world.queue.resolve(world.writer.seen)
    world.queue.resolve([])


def test_submissions_of_others_are_passed_over(world: EventsWorld) -> None:
    post(world)
    submission = world.writer.seen[0]
    submission.waiter = None
    world.queue.resolve([submission])
