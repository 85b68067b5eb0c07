"""Preview, test and verify over HTTP: what is shown, what is stored, and what is refused."""

import base64
import copy
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from ringback.model.endpoint import EndpointStatus
from ringback.store.port import EventQuery, FetchRequest, StoreUnavailable
from ringback.wire.profile import load_profile
from support.api_world import ApiWorld, fields_of, problem_of
from support.rows import NOW, OTHER_TENANT, TENANT

MOMENT = datetime.fromtimestamp(NOW // 1_000, UTC)
SAMPLE = b'{ "id": "c_1", "amount": 1.50 }'


@pytest.fixture
def world() -> ApiWorld:
    return ApiWorld()


def preview(world: ApiWorld, endpoint: dict[str, Any], event_type: str | None = None) -> dict[str, Any]:
    query = "" if event_type is None else f"?event_type={event_type}"
    shown: dict[str, Any] = world.get(f"/endpoints/{endpoint['id']}/preview{query}")
    return shown


def add_sample(world: ApiWorld, event_type: str = "contact.created") -> None:
    assert world.call("PUT", f"/v1/event-types/{event_type}", content=b'{"sample":%b}' % SAMPLE).is_success


def test_a_preview_is_the_request_as_it_would_leave(world: ApiWorld) -> None:
    add_sample(world)
    made = world.endpoint(headers={"X-bEta": "2"}, query="a=1", auth={"type": "raw", "value": "Token s3cret"})
    shown = preview(world, made, "contact.created")
    assert shown.keys() == {"method", "url", "headers", "body"}
    assert (shown["method"], shown["url"]) == ("POST", "https://a.example/hook?a=1")
    head = '{"type":"contact.created","timestamp":"2027-01-15T08:00:00.000Z","data":'
    assert shown["body"] == f"{head}{SAMPLE.decode()}}}"
    names = [name for name, _ in shown["headers"]]
    assert names == [
        *("Host", "content-type", "webhook-id", "webhook-timestamp", "webhook-signature"),
        *("User-Agent", "Accept", "Accept-Encoding", "X-bEta", "Authorization", "Ringback-Hops", "Content-Length"),
    ]
    headers = dict(shown["headers"])
    assert headers["Authorization"] == "***"
    assert "s3cret" not in json.dumps(shown)
    assert headers["webhook-id"].startswith("evt_")
    assert headers["webhook-timestamp"] == str(NOW // 1_000)
    signed = Webhook(made["secret"]).sign(headers["webhook-id"], MOMENT, shown["body"])
    assert headers["webhook-signature"] == signed


def test_a_preview_stores_and_sends_nothing_and_has_a_fresh_id_each_time(world: ApiWorld) -> None:
    made = world.endpoint()
    ids = {dict(preview(world, made)["headers"])["webhook-id"] for _ in range(3)}
    assert len(ids) == 3
    assert world.get("/events")["items"] == []
    assert world.kicked == 0


@pytest.mark.parametrize(
    ("wanted", "event_type"),
    [
        (["*"], "ringback.test"),
        (["contact.*"], "ringback.test"),
        (["contact.*", "order.paid", "order.made"], "order.paid"),
    ],
)
def test_without_a_type_it_is_the_first_one_that_the_endpoint_names(
    world: ApiWorld, wanted: list[str], event_type: str
) -> None:
    body = json.loads(preview(world, world.endpoint(event_types=wanted))["body"])
    assert body["type"] == event_type
    assert body["data"] == {"sample": True, "event_type": event_type}


def test_a_sample_that_is_an_envelope_already_goes_out_as_it_is(world: ApiWorld) -> None:
    sample = {"type": "a", "timestamp": "2026-01-01T00:00:00Z", "data": {"n": 1}}
    world.call("PUT", "/v1/event-types/a", {"sample": sample})
    assert json.loads(preview(world, world.endpoint(), "a")["body"]) == sample


def test_both_secrets_sign_during_a_rotation_and_ed25519_does_too(world: ApiWorld) -> None:
    made = world.endpoint()
    world.post(f"/endpoints/{made['id']}/secret/rotate")
    assert dict(preview(world, made)["headers"])["webhook-signature"].count("v1,") == 2
    other = world.endpoint(signature="v1a")
    assert dict(preview(world, other)["headers"])["webhook-signature"].startswith("v1a,")


def test_an_endpoint_of_any_status_has_a_preview(world: ApiWorld) -> None:
    made = world.endpoint(active=False)
    assert preview(world, made)["method"] == "POST"


def test_a_secret_that_can_not_sign_is_a_conflict(world: ApiWorld) -> None:
    made = world.endpoint()
    with world.store._tables as tables:
        tables.secrets.clear()
    problem_of(world.call("GET", f"/v1/tenants/{TENANT}/endpoints/{made['id']}/preview"), 409, "wrong_state")


@pytest.mark.parametrize("event_type", ["", "a..b", "*", "contact.*", "ä", "a" * 129])
def test_a_type_is_an_event_type(world: ApiWorld, event_type: str) -> None:
    path = f"/v1/tenants/{TENANT}/endpoints/{world.endpoint()['id']}"
    assert fields_of(world.call("GET", f"{path}/preview", params={"event_type": event_type})) == ["event_type"]
    assert fields_of(world.call("POST", f"{path}/test", {"event_type": event_type})) == ["event_type"]


def test_a_test_is_an_event_for_this_endpoint_alone(world: ApiWorld) -> None:
    add_sample(world)
    world.call("PATCH", f"/v1/tenants/{TENANT}", {"events_per_second": 0.001, "payload_bytes_max": 1_024})
    choosy = world.endpoint(event_types=["order.paid"], channels=["vip"], filter="data.never == 1", ordering="strict")
    world.endpoint()
    path = f"/v1/tenants/{TENANT}/endpoints/{choosy['id']}/test"
    for _ in range(3):
        answer = world.call("POST", path, {"event_type": "contact.created"}, key="tenant")
        assert answer.status_code == 202
        assert answer.json().keys() == {"event_id"}
    event_id = answer.json()["event_id"]
    shown = world.get(f"/events/{event_id}")
    assert (shown["type"], shown["data"], shown["deliveries"]) == ("contact.created", json.loads(SAMPLE), 1)
    (delivery,) = world.get(f"/events/{event_id}/deliveries")["items"]
    assert (delivery["endpoint_id"], delivery["state"]) == (choosy["id"], "pending")
    assert world.kicked == 3
    (fetched,) = world.store.fetch([FetchRequest(TENANT, choosy["id"], 0, 10, 0, True)], NOW)
    assert fetched.rows[0].event.data == SAMPLE
    (stored, *_) = world.store.list_events(EventQuery(TENANT, endpoint_id=choosy["id"]))
    assert stored.event.id == event_id


def test_a_body_is_optional(world: ApiWorld) -> None:
    path = f"/v1/tenants/{TENANT}/endpoints/{world.endpoint()['id']}/test"
    for body in (None, {}, {"event_type": None}):
        event_id = world.call("POST", path, body).json()["event_id"]
        assert world.get(f"/events/{event_id}")["type"] == "ringback.test"
    assert fields_of(world.call("POST", path, {"data": 1})) == ["data"]


@pytest.mark.parametrize("status", sorted(set(EndpointStatus) - {EndpointStatus.ACTIVE}))
def test_nothing_is_sent_to_an_endpoint_that_is_not_active(world: ApiWorld, status: EndpointStatus) -> None:
    made = world.endpoint()
    with world.store._tables as tables:
        tables.endpoints[made["id"]] = replace(tables.endpoints[made["id"]], status=status)
    refused = world.call("POST", f"/v1/tenants/{TENANT}/endpoints/{made['id']}/test")
    detail = problem_of(refused, 409, "endpoint_not_active")["detail"]
    assert status in detail
    assert "first" in detail
    assert world.get("/events")["items"] == []


def test_nothing_is_sent_for_a_tenant_whose_webhooks_are_off(world: ApiWorld) -> None:
    made = world.endpoint()
    world.call("PATCH", f"/v1/tenants/{TENANT}", {"webhooks_enabled": False})
    answer = world.call("POST", f"/v1/tenants/{TENANT}/endpoints/{made['id']}/test")
    told = problem_of(answer, 403, "webhooks_disabled")
    assert told["title"] == "Webhooks are switched off for the tenant", "it is not the key that is too small"


def test_a_bell_that_can_not_be_rung_is_no_error(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(rings: object) -> None:
        raise StoreUnavailable("The disk is full.")

    made = world.endpoint()
    monkeypatch.setattr(world.store, "ring", away)
    event_id = world.post(f"/endpoints/{made['id']}/test")["event_id"]
    assert world.get(f"/events/{event_id}/deliveries")["items"][0]["state"] == "pending"


def test_another_tenants_endpoint_is_not_found(world: ApiWorld) -> None:
    foreign = world.call("POST", f"/v1/tenants/{OTHER_TENANT}/endpoints", {"url": "https://b.example/"}).json()
    path = f"/v1/tenants/{TENANT}/endpoints/{foreign['id']}"
    for method, what in (("GET", "preview"), ("POST", "test"), ("POST", "verify")):
        problem_of(world.call(method, f"{path}/{what}"), 404, "not_found")


def test_standard_has_no_handshake_so_verifying_changes_nothing(world: ApiWorld) -> None:
    for active in (True, False):
        made = world.endpoint(active=active)
        shown = world.get(f"/endpoints/{made['id']}")
        answer = world.call("POST", f"/v1/tenants/{TENANT}/endpoints/{made['id']}/verify")
        assert answer.status_code == 200
        assert answer.json() == shown == world.get(f"/endpoints/{made['id']}")


def test_a_profile_with_a_handshake_has_it_repeated(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    made = world.endpoint()
    asking = copy.copy(load_profile("standard"))
    monkeypatch.setattr(asking, "has_handshake", True)
    monkeypatch.setattr(world.profiles, "of", lambda name: asking)
    assert world.post(f"/endpoints/{made['id']}/verify")["status"] == "verification_pending"


def test_samples_do_not_show_what_signs(world: ApiWorld) -> None:
    made = world.endpoint(auth={"type": "basic", "username": "ada", "password": "s3cret-word"})
    text = json.dumps(preview(world, made))
    assert made["secret"] not in text
    assert base64.b64encode(b"ada:s3cret-word").decode() not in text


def test_a_test_of_a_contract_with_numbers_has_one_and_no_other_has(world: ApiWorld) -> None:
    made = world.endpoint(profile="insideview")
    plain = world.endpoint()
    verified = replace(
        world.store.get_endpoint(TENANT, made["id"]), status=EndpointStatus.ACTIVE, unverified_since=None, revision=2
    )
    assert world.store.update_endpoint(verified, NOW)
    sent = [world.post(f"/endpoints/{one['id']}/test")["event_id"] for one in (made, made, plain)]
    first, second, without = (world.store.get_event(TENANT, event_id).number for event_id in sent)
    assert None not in (first, second)
    assert first != second
    assert without is None


def test_what_ringback_tells_of_its_own_work_has_a_sample(world: ApiWorld) -> None:
    made = world.endpoint(event_types=["secret.rotated"])
    shown = json.loads(preview(world, made, "endpoint.disabled")["body"])
    assert shown["data"]["reason"] == {"code": "gone", "message": "The receiver answered 410 Gone."}
    assert json.loads(preview(world, made)["body"])["type"] == "secret.rotated"
    add_sample(world, "endpoint.disabled")
    assert preview(world, made, "endpoint.disabled")["body"].endswith(f"{SAMPLE.decode()}}}")
