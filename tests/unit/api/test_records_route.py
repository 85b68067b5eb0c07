"""Writing records as a bare ASGI app on a real writer: what it takes, whom it lets in, what it answers."""

import json
from typing import Any

import pytest

from ringback.ingest.accept import IntakeLimits
from ringback.ingest.submission import Submission
from ringback.model.errors import Unavailable
from support.records_route import BATCH, PATH, Answer, RecordsWorld
from support.rows import OTHER_TENANT, TENANT

ONE = f"{PATH}/company/42"
PATCH_TYPE = "application/merge-patch+json"
NDJSON = "application/x-ndjson"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def world() -> RecordsWorld:
    return RecordsWorld()


def code_of(answer: Answer) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == answer.status
    return str(answer.json["code"])


def fields_of(answer: Answer) -> list[str]:
    return [error["field"] for error in answer.json["errors"]]


def batch(world: RecordsWorld, *lines: Any, **headers: Any) -> Answer:
    body = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    return world.ask("POST", BATCH, body, **{"content_type": NDJSON, **headers})


def line(record_id: str = "42", **fields: Any) -> dict[str, Any]:
    return {"type": "company", "id": record_id, "data": {"a": 1}} | fields


# ── one record ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_record_is_written_changed_and_deleted(world: RecordsWorld) -> None:
    body = b' {"name" : "Acme", "score": 1.0}\n'
    created = world.ask("PUT", ONE, body)
    assert (created.status, created.headers["etag"], created.headers["content-type"]) == (
        201,
        '"1"',
        "application/json",
    )
    (event,) = world.events
    assert created.json == {
        "type": "company", "id": "42", "revision": 1, "result": "created", "changed": ["/name", "/score"],
        "event_id": event.id, "events": [{"id": event.id, "type": "company.created", "deliveries": 0}],
    }  # fmt: skip
    record = world.record("42")
    assert record is not None
    assert record.data == body.strip()

    patched = world.ask("PATCH", ONE, {"score": 2, "name": None}, content_type=PATCH_TYPE)
    assert (patched.status, patched.headers["etag"]) == (200, '"2"')
    assert (patched.json["result"], patched.json["changed"]) == ("updated", ["/name", "/score"])

    deleted = world.ask("DELETE", ONE)
    assert (deleted.status, deleted.json["result"], "etag" in deleted.headers) == (200, "deleted", False)
    assert [one.type for one in world.events] == ["company.created", "company.updated", "company.deleted"]
    assert deleted.json["event_id"] == world.events[-1].id


def test_what_is_so_already_makes_no_event(world: RecordsWorld) -> None:
    world.ask("PUT", ONE, {"a": 1, "b": 2})
    again = world.ask("PUT", ONE, b'{"b": 2.0, "a": 1}')
    assert (again.status, again.headers["etag"]) == (200, '"1"')
    assert again.json == {
        "type": "company", "id": "42", "revision": 1, "result": "unchanged",
        "changed": [], "event_id": None, "events": [],
    }  # fmt: skip
    assert world.ask("PATCH", ONE, {}).json["result"] == "unchanged"
    world.ask("DELETE", ONE)
    assert world.ask("DELETE", ONE).json["result"] == "unchanged"
    assert len(world.events) == 2


def test_what_is_not_there_can_not_be_patched_or_deleted(world: RecordsWorld) -> None:
    for method in ("PATCH", "DELETE"):
        answer = world.ask(method, ONE, {"a": 1})
        assert (answer.status, code_of(answer)) == (404, "no_such_record")
    world.ask("PUT", ONE, {"a": 1})
    world.ask("DELETE", ONE)
    assert code_of(world.ask("PATCH", ONE, {"a": 2})) == "no_such_record"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if_match": '"2"'}, 200),
        ({"if_match": "*"}, 200),
        ({"if_match": '"1"'}, 412),
        ({"if_match": '"3"'}, 412),
        ({"if_none_match": "*"}, 412),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_change_can_ask_for_a_revision(
    world: RecordsWorld, method: str, headers: dict[str, str], status: int
) -> None:
    for value in (1, 2):
        world.ask("PUT", ONE, {"a": value})
    answer = world.ask(method, ONE, {"a": 3}, **headers)
    assert answer.status == status
    if status == 412:
        assert code_of(answer) == "precondition_failed"
    assert len(world.events) == (3 if status == 200 else 2)


def test_a_record_can_be_asked_not_to_be_there(world: RecordsWorld) -> None:
    assert world.ask("PUT", ONE, {"a": 1}, if_match="*").status == 412
    assert world.ask("PUT", ONE, {"a": 1}, if_none_match="*").status == 201
    world.ask("DELETE", ONE)
    assert world.ask("PUT", ONE, {"a": 1}, if_none_match="*").status == 201


def test_what_comes_late_changes_nothing(world: RecordsWorld) -> None:
    world.ask("PUT", ONE, {"a": 5}, ringback_version="5", ringback_updated_at="2026-11-21T10:00:00Z")
    late = world.ask("PUT", ONE, {"a": 4}, ringback_version="4", ringback_updated_at="2026-11-21T11:00:00Z")
    assert (late.status, late.json["result"], late.json["revision"], late.headers["etag"]) == (200, "stale", 1, '"1"')
    older = world.ask("PATCH", ONE, {"a": 3}, ringback_updated_at="2026-11-21T09:59:59.999+00:00")
    assert older.json["result"] == "stale"
    newer = world.ask("PUT", ONE, {"a": 6}, ringback_version=str(2**63 - 1))
    assert newer.json["result"] == "updated"
    record = world.record("42")
    assert record is not None
    assert (record.version, record.source_at) == (2**63 - 1, 1_795_255_200_000)


def test_the_events_of_a_change_have_its_channel_and_trace(world: RecordsWorld) -> None:
    world.ask("PUT", ONE, {"a": 1}, ringback_channel="Büro", traceparent=TRACE)
    (event,) = world.events
    assert (event.channel, event.subject_type, event.subject_id, event.change) == ("Büro", "company", "42", "created")
    assert event.trace is not None
    assert event.trace.split("-")[1] == TRACE.split("-")[1]


@pytest.mark.parametrize(
    ("escaped", "record_id"),
    [
        ("a%2Fb", "a/b"),
        ("a/b", "a/b"),
        ("%2F", "/"),
        ("a//", "a//"),
        ("..", ".."),
        ("%2e%2E", ".."),
        ("batch", "batch"),
        ("%C3%A9t%C3%A9", "été"),
        ("\u00e9", "\u00e9"),
        ("%F0%9F%90%8D", "🐍"),
        ("a%20b+c", "a b+c"),
        ("100%25", "100%"),
        ("%253F", "%3F"),
        ("a%3Fb%23c", "a?b#c"),
        ("x" * 256, "x" * 256),
    ],
)
def test_an_id_is_any_text(world: RecordsWorld, escaped: str, record_id: str) -> None:
    answer = world.ask("PUT", f"{PATH}/crm.company/{escaped}", {"a": 1})
    assert (answer.status, answer.json["type"], answer.json["id"]) == (201, "crm.company", record_id)
    assert world.record(record_id, "crm.company") is not None
    assert world.ask("DELETE", f"{PATH}/crm.company/{escaped}").json["id"] == record_id


@pytest.mark.parametrize("escaped", ["%", "%2", "%zz", "a%2", "%ff", "%C3", "%ED%A0%80"])
def test_an_escape_that_is_none_is_malformed(world: RecordsWorld, escaped: str) -> None:
    for path in (f"{PATH}/company/{escaped}", f"{PATH}/{escaped}/1", f"/v1/tenants/{escaped}/records/company/1"):
        assert code_of(world.ask("PUT", path, {"a": 1})) == "malformed"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (f"{PATH}/company/" + "x" * 10_000, "id"),
        (f"{PATH}/company/" + "%C3%A9" * 129, "id"),
        (f"{PATH}/company/a%00b", "id"),
        (f"{PATH}/company/a%0Ab", "id"),
        (f"{PATH}/company/%C2%85", "id"),
        (f"{PATH}/company/", "id"),
        (f"{PATH}/a%20b/1", "type"),
        (f"{PATH}//1", "type"),
        (f"{PATH}/.company/1", "type"),
        (f"{PATH}/company%2Fx/1", "type"),
        (f"{PATH}/" + "x" * 121 + "/1", "type"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_what_is_no_name_is_refused(world: RecordsWorld, method: str, path: str, field: str) -> None:
    answer = world.ask(method, path, {"a": 1})
    assert (answer.status, code_of(answer), fields_of(answer)) == (422, "invalid", [field])


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"x"', b" [{}] "])
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_state_and_a_patch_are_objects(world: RecordsWorld, method: str, body: bytes) -> None:
    answer = world.ask(method, ONE, body)
    assert (answer.status, code_of(answer), fields_of(answer)) == (422, "record_not_object", ["body"])


@pytest.mark.parametrize(
    "body", [b"", b"{", b"{}{}", b"{'a':1}", b'{"a":"\xff"}', b'{"a":"\\ud800"}', b"\xef\xbb\xbf{}"]
)
def test_what_is_no_json_is_malformed(world: RecordsWorld, body: bytes) -> None:
    answer = world.ask("PUT", ONE, body)
    assert (answer.status, code_of(answer)) == (400, "malformed")


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("ringback_version", "-1"),
        ("ringback_version", "1.0"),
        ("ringback_version", ""),
        ("ringback_version", str(2**63)),
        ("ringback_version", "9" * 5_000),
        ("ringback_version", "\u0665"),
        ("ringback_updated_at", "2026-11-21"),
        ("ringback_updated_at", "2026-11-21T10:00:00"),
        ("ringback_updated_at", "1969-12-31T23:59:59Z"),
        ("ringback_updated_at", "\u00e9"),
        ("ringback_channel", b"\xff"),
        ("if_match", "5"),
        ("if_match", '"0"'),
        ("if_match", 'W/"5"'),
        ("if_match", '"5", "6"'),
        ("if_match", '"99999999999999999999"'),
        ("if_match", '"9999999999999999999"'),
        ("if_none_match", '"5"'),
    ],
)
def test_a_header_that_is_wrong_is_named(world: RecordsWorld, header: str, value: str | bytes) -> None:
    answer = world.ask("PUT", ONE, {"a": 1}, **{header: value})
    assert (answer.status, code_of(answer)) == (422, "invalid")
    assert [field.lower() for field in fields_of(answer)] == [header.replace("_", "-")]
    assert not world.events


def test_only_one_of_the_two_conditions_is_taken(world: RecordsWorld) -> None:
    answer = world.ask("PUT", ONE, {"a": 1}, if_match="*", if_none_match="*")
    assert (answer.status, fields_of(answer)) == (422, ["If-None-Match"])


def test_content_types(world: RecordsWorld) -> None:
    for content_type in ("application/json", "application/json; charset=utf-8", None):
        assert world.ask("PUT", ONE, {"a": 1}, content_type=content_type).status in (200, 201)
    for content_type in (PATCH_TYPE, "application/json", "Application/Merge-Patch+JSON;charset=UTF-8", None):
        assert world.ask("PATCH", ONE, {"a": 1}, content_type=content_type).status == 200
    for method, content_type in (("PUT", PATCH_TYPE), ("PUT", "text/plain"), ("PATCH", "application/json; charset=x")):
        assert code_of(world.ask(method, ONE, {"a": 1}, content_type=content_type)) == "unsupported_media_type"
    assert world.ask("DELETE", ONE, content_type="text/plain").status == 200
    for content_type in ("application/json", PATCH_TYPE):
        assert code_of(batch(world, line(), content_type=content_type)) == "unsupported_media_type"
    assert batch(world, line(), content_type=None).status == 200


def test_sizes() -> None:
    world = RecordsWorld(IntakeLimits(payload_bytes_max=100, batch_bytes_max=400, batch_events_max=3))
    fits = b'{"a":"%s"}' % (b"x" * 92)
    assert world.ask("PUT", ONE, fits).status == 201
    assert code_of(world.ask("PUT", ONE, fits + b" ")) == "too_large"
    assert code_of(batch(world, line(data={"a": "x" * 93}))) == "too_large"
    assert code_of(batch(world, *[line(str(n)) for n in range(4)])) == "too_large"
    assert code_of(batch(world, b" " * 401)) == "too_large"
    world.limit(payload_bytes_max=1_024)
    assert world.ask("PUT", ONE, fits + b" " * 900).json["result"] == "unchanged"


def test_a_patch_makes_no_record_larger_than_its_tenant_may_have() -> None:
    world = RecordsWorld(IntakeLimits(payload_bytes_max=100))
    world.ask("PUT", ONE, {"a": "x" * 80})
    answer = world.ask("PATCH", ONE, {"b": "x" * 80})
    assert (answer.status, code_of(answer)) == (413, "too_large")
    refused = batch(world, line("1"), line(op="patch", data={"b": "x" * 80}))
    assert (code_of(refused), "records[1].data" in refused.json["detail"]) == ("too_large", True)
    assert world.record("1") is None
    world.limit(payload_bytes_max=1_024)
    assert world.ask("PATCH", ONE, {"b": "x" * 80}).json["result"] == "updated"


# ── who may ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("key", ["ingest-key", "tenant-key"])
def test_a_key_of_the_tenant_may_write(world: RecordsWorld, key: str) -> None:
    assert world.ask("PUT", ONE, {"a": 1}, authorization=f"Bearer {key}").status == 201
    other = f"/v1/tenants/{OTHER_TENANT}/records"
    for method, path in (("PUT", f"{other}/company/1"), ("POST", f"{other}/batch")):
        answer = world.ask(method, path, b"{", authorization=f"Bearer {key}")
        assert (answer.status, code_of(answer)) == (404, "not_found")


def test_without_a_key_nothing_is_read(world: RecordsWorld) -> None:
    for header in (None, "Bearer nobodys-key"):
        answer = world.ask("PUT", ONE, b"{", authorization=header)
        assert (answer.status, code_of(answer)) == (401, "no_key")


@pytest.mark.parametrize("tenant_id", ["nobody", "a.b", "%20", "x" * 65])
def test_a_tenant_that_is_not_there(world: RecordsWorld, tenant_id: str) -> None:
    answer = world.ask("PUT", f"/v1/tenants/{tenant_id}/records/company/1", {"a": 1})
    assert (answer.status, code_of(answer)) == (404, "not_found")


def test_a_tenant_whose_webhooks_are_off(world: RecordsWorld) -> None:
    world.limit(webhooks_enabled=False)
    for answer in (world.ask("PUT", ONE, {"a": 1}), batch(world, line())):
        assert (answer.status, code_of(answer)) == (403, "webhooks_disabled")
    assert world.record("42") is None


def test_each_change_counts_for_the_quota(world: RecordsWorld) -> None:
    world.limit(events_per_second=3.0)
    assert batch(world, line("1"), line("2")).status == 200
    assert code_of(batch(world, line("1"), line("2"))) == "events_quota"
    assert world.ask("PUT", ONE, {"a": 1}).status == 201
    answer = world.ask("PUT", ONE, {"a": 1})
    assert (answer.status, code_of(answer), answer.headers["retry-after"]) == (429, "events_quota", "1")


def test_what_was_passed_on_too_often_is_refused(world: RecordsWorld) -> None:
    assert world.ask("PUT", ONE, {"a": 1}, ringback_hops="4").status == 201
    assert world.events[0].hops == 4
    for answer in (world.ask("PUT", ONE, {"a": 2}, ringback_hops="5"), batch(world, line(), ringback_hops="5")):
        assert (answer.status, code_of(answer)) == (422, "too_many_hops")


# ── batches ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_batch_is_applied_in_its_order(world: RecordsWorld) -> None:
    answer = batch(
        world,
        b"",
        line("1", data={"a": 1}, version=7, channel="eu"),
        b"  \r",
        line("1", op="patch", data={"b": 2}, updated_at="2026-11-21T10:00:00Z"),
        line("1", version=6),
        line("2", if_revision=0),
        {"op": "delete", "type": "company", "id": "2", "data": None, "if_revision": 1},
        line("1", op="patch", data={"a": 1}),
    )
    assert answer.status == 200
    told = [(one["id"], one["revision"], one["result"]) for one in answer.json["records"]]
    assert told == [
        ("1", 1, "created"), ("1", 2, "updated"), ("1", 2, "stale"), ("2", 1, "created"), ("2", 2, "deleted"),
        ("1", 2, "unchanged"),
    ]  # fmt: skip
    made = [one["event_id"] for one in answer.json["records"]]
    assert [one for one in made if one is not None] == [event.id for event in world.events]
    assert (made[2], made[5]) == (None, None)
    assert [event.channel for event in world.events] == ["eu", None, None, None]
    record = world.record("1")
    assert record is not None
    assert json.loads(record.data) == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("wrong", "status", "code", "told"),
    [
        (line(data=[]), 422, "record_not_object", "records[1].data"),
        (b"7", 422, "invalid", "records[1]"),
        (line(op="post"), 422, "invalid", "records[1].op"),
        (line(extra=1), 422, "invalid", "records[1].extra"),
        (line("x" * 10_000), 422, "invalid", "records[1].id"),
        (line(version=-1), 422, "invalid", "records[1].version"),
        (line(version=2**63), 422, "invalid", "records[1].version"),
        (line(if_revision=1.5), 422, "invalid", "records[1].if_revision"),
        (line(updated_at="yesterday"), 422, "invalid", "records[1].updated_at"),
        (line(updated_at="1900-01-01T00:00:00Z"), 422, "invalid", "records[1].updated_at"),
        (line(channel=""), 422, "invalid", "records[1].channel"),
        ({"type": "company", "id": "1"}, 422, "invalid", "records[1].data"),
        (line(op="delete"), 422, "invalid", "records[1].data"),
        (b'{"type":"a","id":"1","data":{"a":' + b"[" * 100 + b"]" * 100 + b"}}", 422, "invalid", "records[1].data"),
        (b'{"type":"a","id":"1","data":' + b"[" * 5_000, 422, "invalid", "records[1].data"),
        (b"{", 400, "malformed", "records[1]"),
        (line("never", op="patch"), 404, "no_such_record", "records[1]"),
        ({"op": "delete", "type": "company", "id": "never"}, 404, "no_such_record", "records[1]"),
        (line("1", if_revision=4), 412, "precondition_failed", "records[1]"),
        (line("1", if_revision=0), 412, "precondition_failed", "records[1]"),
    ],
)  # fmt: skip
def test_all_of_a_batch_or_none(world: RecordsWorld, wrong: Any, status: int, code: str, told: str) -> None:
    answer = batch(world, line("1"), wrong, line("2"))
    assert (answer.status, code_of(answer)) == (status, code)
    if status == 422:
        assert fields_of(answer) == [told]
    assert told in answer.json["detail"]
    assert not world.events
    assert world.record("1") is None


def test_every_line_that_is_wrong_is_named_up_to_a_hundred(world: RecordsWorld) -> None:
    answer = batch(world, line(data=1), line(), line(data=[]), line(version="1"))
    assert (answer.json["code"], fields_of(answer)) == (
        "invalid",
        ["records[0].data", "records[2].data", "records[3].version"],
    )
    answer = batch(world, line(data=1), line(), line(data=[]))
    assert (answer.json["code"], fields_of(answer)) == ("record_not_object", ["records[0].data", "records[2].data"])
    assert len(fields_of(batch(world, *[line(data=1)] * 500))) == 100


@pytest.mark.parametrize("body", [b"", b"\n \r\n\n"])
def test_a_batch_without_a_line(world: RecordsWorld, body: bytes) -> None:
    assert fields_of(batch(world, body)) == ["records"]


# ── the route ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ONE),
        ("POST", ONE),
        ("HEAD", ONE),
        ("PUT", f"{PATH}/company"),
        ("PUT", BATCH),
        ("GET", BATCH),
        ("POST", f"{PATH}/company"),
        ("POST", f"{BATCH}/1"),
        ("PUT", "/v1/tenants//records/company/1"),
        ("PUT", f"/v1/tenants/{TENANT}/event-types/a"),
        ("PUT", "/"),
    ],
)
def test_what_is_not_its_own_goes_on(world: RecordsWorld, method: str, path: str) -> None:
    assert world.ask(method, path).status == 418


def test_a_query_is_refused(world: RecordsWorld) -> None:
    assert fields_of(world.ask("PUT", ONE, {"a": 1}, query=b"version=1")) == ["version"]


def test_a_server_that_is_full_says_so_before_it_reads(world: RecordsWorld) -> None:
    def busy() -> None:
        raise Unavailable("Too much.", 3, code="busy")

    world.queue.admit = busy
    answer = world.ask("PUT", ONE, b"{")
    assert (answer.status, code_of(answer), answer.headers["retry-after"]) == (503, "busy", "3")


def test_a_defect_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RecordsWorld()

    def broken(submission: Submission) -> None:
        raise LookupError("the inside of it")

    monkeypatch.setattr(world.writer, "submit", broken)
    answer = world.ask("PUT", ONE, {"a": 1})
    assert (answer.status, code_of(answer)) == (500, "internal")
    assert b"inside" not in answer.body


def test_a_writer_that_leaves_no_result_is_a_defect(world: RecordsWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(submission: Submission) -> None:
        submission.outcome = []
        world.queue.resolve([submission])

    monkeypatch.setattr(world.writer, "submit", forgetful)
    assert code_of(world.ask("PUT", ONE, {"a": 1})) == "internal"


def test_what_became_of_changes_is_counted(world: RecordsWorld) -> None:
    world.ask("PUT", ONE, {"a": 1})
    batch(world, line("1"), line("1"), line("2"))
    world.ask("DELETE", f"{PATH}/company/never")
    assert world.meter.writes_by_result == {"created": 3, "unchanged": 1}
    assert world.meter.refused_by_code == {"no_such_record": 1}
    assert sum(world.meter.accepted.counts) == 2
