"""Privacy requests over HTTP: what is shown afterwards, what can't be done any more, and the line in the audit log."""

from typing import Any

import pytest

from ringback.store.port import Settlement
from support.api_world import ApiWorld, fields_of, problem_of
from support.rows import NOW, OTHER_TENANT, TENANT, attempt, event, failed, record


@pytest.fixture
def world() -> ApiWorld:
    return ApiWorld()


def redact(world: ApiWorld, event_id: str = "evt_1", **more: Any) -> Any:
    return world.call("DELETE", f"/v1/tenants/{TENANT}/events/{event_id}/payload", **more)


def of_subject(world: ApiWorld, query: str, **more: Any) -> Any:
    return world.call("DELETE", f"/v1/tenants/{TENANT}/subjects/payload?{query}", **more)


def settled(world: ApiWorld) -> str:
    """An event delivered to one endpoint and pending at another; the attempt's id."""
    done, waits = world.endpoint()["id"], world.endpoint()["id"]
    one = event(previous=b"{}", subject_type="contact", subject_id="c_1")
    seqs = world.accept([one], [done, waits])
    world.store.settle(
        [
            Settlement(seqs[0], attempt(1, 1, endpoint_id=done), None, 0),
            Settlement(seqs[1], failed(2, 1, endpoint_id=waits), NOW + 5_000, 1),
        ]
    )
    return attempt(1).id


def test_what_is_shown_of_a_redacted_event(world: ApiWorld) -> None:
    settled(world)
    before = world.get("/events/evt_1")
    assert (redact(world).status_code, redact(world).status_code) == (204, 204)
    expected = {**before, "data": None, "previous": None, "redacted": True}
    assert world.get("/events/evt_1") == expected
    assert world.get("/events")["items"] == [expected]
    assert expected["subject"] == {"type": "contact", "id": "c_1"}


def test_what_is_shown_of_its_attempts(world: ApiWorld) -> None:
    attempt_id = settled(world)
    before = world.get(f"/attempts/{attempt_id}")
    assert before["request"]["body"]
    assert before["response"]["body"]
    redact(world)
    after = world.get(f"/attempts/{attempt_id}")
    assert after == {
        **before,
        "redacted": True,
        "request": {**before["request"], "body": None, "body_base64": None},
        "response": {**before["response"], "body": None, "body_base64": None},
    }


def test_what_was_pending_is_cancelled_and_the_engine_is_told(world: ApiWorld) -> None:
    settled(world)
    told = world.notified
    redact(world)
    assert world.notified == told + 1
    states = {item["state"] for item in world.get("/events/evt_1/deliveries")["items"]}
    assert states == {"delivered", "cancelled"}


@pytest.mark.parametrize("body", [None, {}, {"endpoint_id": "ep_9"}])
def test_it_can_not_be_sent_again(world: ApiWorld, body: object) -> None:
    settled(world)
    redact(world)
    response = world.call("POST", f"/v1/tenants/{TENANT}/events/evt_1/resend", body)
    problem_of(response, 409, "payload_redacted")


def test_an_unknown_event(world: ApiWorld) -> None:
    world.accept([event("evt_1", OTHER_TENANT)])
    problem_of(redact(world), 404, "not_found")
    assert world.store.get_event(OTHER_TENANT, "evt_1") == event("evt_1", OTHER_TENANT)
    assert world.audited == []


def test_a_whole_subject(world: ApiWorld) -> None:
    contact = {"subject_type": "contact", "subject_id": "42"}
    world.accept([event(f"evt_{place}", **contact) for place in range(1_203)])
    world.accept([event("evt_other", subject_type="contact", subject_id="4"), event("evt_f", OTHER_TENANT, **contact)])
    redact(world, "evt_7")
    response = of_subject(world, "type=contact&id=42")
    assert (response.status_code, response.json()) == (200, {"redacted": 1_202, "record": None})
    assert of_subject(world, "type=contact&id=42").json() == {"redacted": 0, "record": None}
    shown = world.get("/events?order=asc&limit=250")["items"]
    assert all(item["redacted"] for item in shown)
    assert world.get("/events/evt_1202")["redacted"]
    assert not world.get("/events/evt_other")["redacted"]
    assert of_subject(world, "type=contact&id=nobody").json() == {"redacted": 0, "record": None}


def test_the_record_of_a_subject_is_left_alone_and_told(world: ApiWorld) -> None:
    world.add_records(record("42"), record("43", data=b"", forget_at=NOW + 1))
    assert of_subject(world, "type=contact&id=42").json()["record"] == "present"
    assert of_subject(world, "type=contact&id=43").json()["record"] == "deleted"
    assert of_subject(world, "type=company&id=42").json()["record"] is None
    assert world.store.get_record(TENANT, "contact", "42") is not None


@pytest.mark.parametrize(
    ("query", "field"), [("type=a", "id"), ("id=a", "type"), ("type=&id=a", "type"), ("type=a&id=" + "x" * 257, "id")]
)
def test_a_subject_has_a_type_and_an_id(world: ApiWorld, query: str, field: str) -> None:
    assert fields_of(of_subject(world, query)) == [field]


def test_each_request_is_audited_without_what_it_was_about(world: ApiWorld) -> None:
    settled(world)
    redact(world, key="operator")
    of_subject(world, "type=contact&id=c_1", key="tenant")
    key_id = next(item["id"] for item in world.get("/keys")["items"] if item["scope"] == "tenant")
    assert world.audited == [
        ("payload_redacted", {"tenant_id": TENANT, "event_id": "evt_1", "actor": "operator"}),
        ("subject_redacted", {"tenant_id": TENANT, "redacted": "0", "actor": key_id}),
    ]


def test_a_body_whose_event_is_gone_is_null(world: ApiWorld) -> None:
    settled(world)
    with world.store._tables as tables:
        del tables.events[TENANT, "evt_1"]
    shown = world.get(f"/attempts/{attempt(1).id}")
    assert (shown["request"]["body"], shown["redacted"]) == (None, False)
    assert shown["response"]["body"] == "thanks"
