"""The catalogue, quotas, previews and tests on a real server with a real receiver."""

import time
from typing import Any

from standardwebhooks import Webhook

from ringback.times import day_of
from support.inbox import Inbox, Reply
from support.process import Server, wait_until
from support.tenant import TestTenant

SCHEMA = {"type": "object", "properties": {"items": {"items": {"required": ["price"]}}}}


def put(server: Server, event_type: str, **body: Any) -> None:
    assert server.ask("PUT", f"/v1/event-types/{event_type}", body).status in (200, 201)


def test_a_schema_holds_from_the_next_request_on(server: Server, tenant: TestTenant) -> None:
    bad = {"type": "e2e.checked", "data": {"items": [{}]}}
    path = f"{tenant.path}/events"
    assert server.ask("POST", path, bad).status == 202
    for _ in range(3):
        put(server, "e2e.checked", schema=SCHEMA)
        refused = server.ask("POST", path, bad)
        assert (refused.status, refused.json["code"]) == (422, "schema_mismatch")
        assert [error["field"] for error in refused.json["errors"]] == ["data.items[0].price"]
        assert server.ask("POST", path, {**bad, "data": {"items": [{"price": 1}]}}).status == 202
        batch = server.ask("POST", f"{path}/batch", {"events": [{"type": "x", "data": 1}, bad]})
        assert [error["field"] for error in batch.json["errors"]] == ["events[1].data.items[0].price"]
        assert server.ask("DELETE", "/v1/event-types/e2e.checked").status == 204
        assert server.ask("POST", path, bad).status == 202


def test_schemas_and_quotas_are_there_after_a_restart(server: Server, tenant: TestTenant) -> None:
    put(server, "e2e.kept", schema=False)
    assert server.ask("PATCH", tenant.path, {"payload_bytes_max": 1_024}).status == 200
    server.stop()
    server.start()
    path = f"{tenant.path}/events"
    assert server.ask("POST", path, {"type": "e2e.kept", "data": 1}).status == 422
    assert server.ask("POST", path, {"type": "x", "data": "x" * 1_025}).status == 413


def test_quotas_hold_from_the_next_request_on(server: Server, tenant: TestTenant) -> None:
    path = f"{tenant.path}/events"
    event = {"type": "x", "data": 1}
    quotas = {"events_per_second": 0.01, "endpoints_max": 1, "payload_bytes_max": 400_000}
    assert quotas.items() <= server.ask("PATCH", tenant.path, quotas).json.items()
    assert server.ask("POST", path, {"type": "x", "data": "x" * 350_000}).status == 202
    refused = server.ask("POST", path, event)
    assert (refused.status, refused.json["code"]) == (429, "events_quota")
    assert 98 <= int(refused.headers["retry-after"]) <= 100
    tenant.endpoint("http://127.0.0.1:9/")
    full = server.ask("POST", f"{tenant.path}/endpoints", {"url": "http://127.0.0.1:9/"})
    assert (full.status, full.json["code"]) == (429, "endpoint_quota")
    assert "at most 1 endpoint." in full.json["detail"]
    server.ask("PATCH", tenant.path, {"events_per_second": None, "payload_bytes_max": None})
    assert server.ask("POST", path, event).status == 202
    assert server.ask("POST", path, {"type": "x", "data": "x" * 350_000}).status == 413


def test_what_a_preview_shows_is_what_a_receiver_gets(server: Server, tenant: TestTenant, inbox: Inbox) -> None:
    put(server, "e2e.sampled", sample={"id": "c_1", "größe": [1.50, None]})
    made = tenant.endpoint(
        inbox.url(),
        event_types=["other"],
        query="q=1",
        headers={"X-Own": "1"},
        auth={"type": "header", "headers": {"X-Key": "s3cret"}},
    )
    path = f"{tenant.path}/endpoints/{made['id']}"
    shown = server.get(f"{path}/preview?event_type=e2e.sampled")
    event_id = server.make(f"{path}/test", {"event_type": "e2e.sampled"})["event_id"]

    (received,) = inbox.wait_for(1)
    tenant.wait_state(event_id, "delivered")

    assert received.event_id == event_id
    secret = made["secret"]
    previewed = dict(shown["headers"])
    fresh = {"webhook-id", "webhook-timestamp", "webhook-signature"}
    real = [(name, "***" if name == "X-Key" else value) for name, value in received.headers]
    assert [name for name, _ in real] == [name for name, _ in shown["headers"]]
    assert {name: value for name, value in real if name not in fresh} == {
        name: value for name, value in previewed.items() if name not in fresh
    }
    assert without_moment(received.body.decode()) == without_moment(shown["body"])
    for headers, body in ((dict(received.headers), received.body), (previewed, shown["body"].encode())):
        Webhook(secret).verify(body, headers)
    (attempt,) = tenant.attempts(made["id"])
    logged = tenant.attempt(attempt["id"])["request"]
    assert [name for name, _ in logged["headers"]] == [name for name, _ in shown["headers"]]
    assert (logged["method"], logged["url"]) == (shown["method"], shown["url"])


def without_moment(body: str) -> str:
    head, _, rest = body.partition('"timestamp":"')
    return head + rest.partition('"')[2]


def test_a_test_counts_in_the_figures_and_goes_nowhere_else(server: Server, tenant: TestTenant, inbox: Inbox) -> None:
    answers = iter([Reply(500), Reply(200)])
    inbox.reply = lambda received: next(answers)
    made = tenant.endpoint(inbox.url("/a"), event_types=["other"], retry={"delays_s": [0.1]})
    tenant.endpoint(inbox.url("/b"))
    path = f"{tenant.path}/endpoints/{made['id']}"

    event_id = server.make(f"{path}/test", {})["event_id"]

    tenant.wait_state(event_id, "delivered")
    assert [received.path for received in inbox.received] == ["/a", "/a"]
    stats = wait_until(lambda: figures(server, path), 10, "both attempts are counted")
    assert (stats["succeeded"], stats["failed"], len(stats["days"])) == (1, 1, 14)
    days = [day["day"] for day in stats["days"]]
    assert days == sorted(set(days))
    assert days[-1] in {day_of(int(time.time() * 1_000)), day_of(int(time.time() * 1_000) - 60_000)}
    assert all(day.keys() == {"day", "succeeded", "failed"} for day in stats["days"])
    assert len(server.get(f"{path}/stats?days=1")["days"]) == 1
    assert server.get(f"{tenant.path}/events/{event_id}")["type"] == "other"


def figures(server: Server, path: str) -> Any:
    stats = server.get(f"{path}/stats?days=14")
    return stats if stats["succeeded"] and stats["failed"] else None
