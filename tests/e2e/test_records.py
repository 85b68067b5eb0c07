"""Records on a real server: what is written is what receivers are told of, in order, and nothing else."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from support.inbox import Inbox
from support.process import Answer, Server
from support.tenant import TestTenant


def write(
    tenant: TestTenant, method: str, path: str, body: Any = None, key: str | None = None, **headers: str
) -> Answer:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    more = {} if key is None else {"key": key}
    return tenant.server.ask(method, f"{tenant.path}/records/{path}", body, headers=sent, **more)


def batch(tenant: TestTenant, *lines: dict[str, Any]) -> Answer:
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    return write(tenant, "POST", "batch", body, Content_Type="application/x-ndjson")


def told(inbox: Inbox, count: int) -> list[tuple[str, Any]]:
    """The types and data of the first so many events."""
    inbox.wait_for(count)
    bodies = [json.loads(received.body) for received in inbox.received[:count]]
    return [(body["type"], body["data"]) for body in bodies]


def test_a_receiver_is_told_what_changed_and_nothing_else(tenant: TestTenant, inbox: Inbox) -> None:
    tenant.endpoint(inbox.url(), event_types=["company.*"], ordering="strict")
    ingest = tenant.key("ingest")
    created = write(tenant, "PUT", "company/42", {"name": "Acme", "score": 1}, key=ingest)
    assert (created.status, created.headers["etag"], created.json["events"][0]["deliveries"]) == (201, '"1"', 1)
    assert write(tenant, "PUT", "company/42", b'{"score":1.0,  "name":"Acme"}').json["result"] == "unchanged"
    patched = write(tenant, "PATCH", "company/42", {"score": 2}, Content_Type="application/merge-patch+json")
    assert (patched.json["result"], patched.json["changed"]) == ("updated", ["/score"])
    assert write(tenant, "DELETE", "company/42").json["result"] == "deleted"
    assert write(tenant, "DELETE", "company/42").json["result"] == "unchanged"
    write(tenant, "PUT", "person/1", {"name": "Ada"})
    write(tenant, "PUT", "company/43", {"name": "Globex"})
    assert told(inbox, 4) == [
        ("company.created", {"name": "Acme", "score": 1}),
        ("company.updated", {"name": "Acme", "score": 2}),
        ("company.deleted", {"name": "Acme", "score": 2}),
        ("company.created", {"name": "Globex"}),
    ]
    event = tenant.server.get(f"{tenant.path}/events/{patched.json['event_id']}")
    assert (event["subject"], event["change"]) == ({"type": "company", "id": "42"}, "updated")
    assert event["previous"] == {"name": "Acme", "score": 1}


def test_who_has_read_a_record_writes_on_what_it_read(tenant: TestTenant) -> None:
    write(tenant, "PUT", "company/42", {"n": 0})
    read = write(tenant, "GET", "company/42", key=tenant.key())
    assert (read.json["data"], read.json["revision"], read.headers["etag"]) == ({"n": 0}, 1, '"1"')
    assert write(tenant, "GET", "company/42", If_None_Match=read.headers["etag"]).status == 304
    written = write(tenant, "PATCH", "company/42", {"n": 1}, If_Match=read.headers["etag"])
    assert (written.status, written.headers["etag"]) == (200, '"2"')
    late = write(tenant, "PATCH", "company/42", {"n": 9}, If_Match=read.headers["etag"])
    assert (late.status, late.json["code"]) == (412, "precondition_failed")
    assert write(tenant, "PUT", "company/42", {"n": 9}, If_None_Match="*").status == 412
    assert write(tenant, "GET", "company/42", If_None_Match=read.headers["etag"]).json["data"] == {"n": 1}


def test_what_arrives_late_is_harmless_even_when_the_record_was_deleted(tenant: TestTenant, inbox: Inbox) -> None:
    tenant.endpoint(inbox.url(), ordering="strict")
    write(tenant, "PUT", "company/42", {"n": 2}, Ringback_Version="2")
    assert write(tenant, "PUT", "company/42", {"n": 1}, Ringback_Version="1").json["result"] == "stale"
    assert write(tenant, "DELETE", "company/42", Ringback_Version="3").json["result"] == "deleted"
    assert write(tenant, "PUT", "company/42", {"n": 2}, Ringback_Version="2").json["result"] == "stale"
    assert write(tenant, "GET", "company/42").status == 404
    born_again = write(tenant, "PUT", "company/42", {"n": 4}, Ringback_Version="4")
    assert (born_again.status, born_again.json["result"]) == (201, "created")
    kinds = [kind for kind, _ in told(inbox, 3)]
    assert kinds == ["company.created", "company.deleted", "company.created"]


@pytest.mark.parametrize("record_id", ["a/b", "//", "..", "%2F", "é 🐍?#&+", "x" * 256, "a.b:c"])
def test_an_id_is_any_text(tenant: TestTenant, record_id: str) -> None:
    path = f"crm.company/{quote(record_id, safe='')}"
    assert write(tenant, "PUT", path, {"a": 1}).json["id"] == record_id
    assert write(tenant, "GET", path).json["id"] == record_id
    assert [item["id"] for item in write(tenant, "GET", "crm.company").json["items"]] == [record_id]
    assert write(tenant, "DELETE", path).status == 200


def test_what_is_wrong_is_told_and_nothing_is_stored(tenant: TestTenant) -> None:
    for method, path, body, status, code in (
        ("PUT", "company/" + "x" * 10_000, {}, 422, "invalid"),
        ("PUT", "company/a%00b", {}, 422, "invalid"),
        ("PUT", "com%20pany/1", {}, 422, "invalid"),
        ("PUT", "company/%ff", {}, 400, "malformed"),
        ("PUT", "company/1", [], 422, "record_not_object"),
        ("PUT", "company/1", b"{", 400, "malformed"),
        ("PUT", "company/1", {"a": "x" * 300_000}, 413, "too_large"),
        ("PATCH", "company/1", {"a": 1}, 404, "no_such_record"),
        ("DELETE", "company/1", None, 404, "no_such_record"),
        ("POST", "company/1", {}, 405, "method_not_allowed"),
    ):
        answer = write(tenant, method, path, body)
        assert (answer.status, answer.json["code"]) == (status, code), (method, path)
    assert tenant.server.get(f"{tenant.path}/events")["items"] == []


def test_a_batch_is_done_whole_or_not_at_all(tenant: TestTenant, inbox: Inbox) -> None:
    tenant.endpoint(inbox.url(), ordering="strict")
    put = [{"type": "company", "id": str(n), "data": {"n": n}} for n in range(3)]
    refused = batch(tenant, *put, {"op": "patch", "type": "company", "id": "never", "data": {}})
    assert (refused.status, refused.json["code"]) == (404, "no_such_record")
    assert refused.json["errors"][0]["field"] == "records[3]"
    done = batch(tenant, *put, {"op": "patch", "type": "company", "id": "0", "data": {"m": 1}}, put[1])
    assert [one["result"] for one in done.json["records"]] == ["created"] * 3 + ["updated", "unchanged"]
    assert told(inbox, 4) == [
        ("company.created", {"n": 0}),
        ("company.created", {"n": 1}),
        ("company.created", {"n": 2}),
        ("company.updated", {"n": 0, "m": 1}),
    ]


def test_a_record_type_says_how_changes_are_told(server: Server, tenant: TestTenant, inbox: Inbox) -> None:
    tenant.endpoint(inbox.url(), ordering="strict")
    masked = {"fields": ["/name", "/address/city"], "ignored": ["/name/seen"]}
    assert server.ask("PUT", "/v1/record-types/masked", masked).status == 201
    state = {"name": {"first": "Ada", "seen": 1}, "address": {"city": "Turku", "zip": "20100"}, "secret": 1}
    write(tenant, "PUT", "masked/1", state)
    for patch in ({"name": {"seen": 2}}, {"secret": 2}, {"address": {"zip": "20500"}}):
        answer = write(tenant, "PATCH", "masked/1", patch).json
        assert (answer["result"], answer["event_id"]) == ("updated", None)
    write(tenant, "PATCH", "masked/1", {"address": {"city": "Espoo"}})
    assert told(inbox, 2) == [
        ("masked.created", {"name": {"first": "Ada", "seen": 1}, "address": {"city": "Turku"}}),
        ("masked.updated", {"name": {"first": "Ada", "seen": 2}, "address": {"city": "Espoo"}}),
    ]
    assert write(tenant, "GET", "masked/1").json["data"]["secret"] == 2
    assert server.ask("DELETE", "/v1/record-types/masked").status == 204
    assert write(tenant, "PATCH", "masked/1", {"secret": 3}).json["event_id"] is not None


def test_records_outlive_a_crash(tenant: TestTenant) -> None:
    write(tenant, "PUT", "company/42", {"n": 1}, Ringback_Version="1")
    tenant.server.kill()
    tenant.server.start()
    again = write(tenant, "PUT", "company/42", {"n": 1}, Ringback_Version="1").json
    assert (again["result"], again["revision"]) == ("unchanged", 1)
    assert len(tenant.server.get(f"{tenant.path}/events")["items"]) == 1
    page = tenant.server.ask("GET", "/metrics").body.decode()
    assert 'ringback_record_writes_total{result="unchanged"} 1.0' in page
