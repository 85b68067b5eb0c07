"""Events over HTTP: their data to the byte, a stream to pull from, deliveries, and sending again."""

import re
from typing import Any

import pytest

from ringback.control.paging import PAGE_BYTES_MAX
from ringback.model.attempt import Outcome
from ringback.store.port import Settlement
from support.api_world import ApiWorld, fields_of, problem_of
from support.rows import NOW, OTHER_TENANT, TENANT, attempt, event, failed

EXACT = b'{"b":1.0,"a":12345678901234567890,"e":1e400,"u":"\xc3\xa4\\u00e4","b":2}'


@pytest.fixture
def world() -> ApiWorld:
    return ApiWorld()


def ids(page: dict[str, Any]) -> list[str]:
    return [item["id"] for item in page["items"]]


def test_every_field_of_an_event(world: ApiWorld) -> None:
    world.accept(
        [
            event(
                channel="eu",
                subject_type="contact",
                subject_id="c_1",
                change="updated",
                data=b'{"n":1}',
                previous=b'{"n":0}',
                ordering_key="k",
                occurred_at=NOW - 1,
                deliver_at=NOW + 1_000,
                changed='["/n"]',
                origin="record",
            )
        ]
    )
    expected = {
        "id": "evt_1",
        "type": "contact.created",
        "data": {"n": 1},
        "channel": "eu",
        "subject": {"type": "contact", "id": "c_1"},
        "change": "updated",
        "previous": {"n": 0},
        "changed": ["/n"],
        "origin": "record",
        "ordering_key": "k",
        "occurred_at": "2027-01-15T07:59:59.999Z",
        "deliver_at": "2027-01-15T08:00:01.000Z",
        "accepted_at": "2027-01-15T08:00:00.000Z",
        "deliveries": 1,
        "redacted": False,
    }
    assert world.get("/events/evt_1") == expected
    assert world.get("/events") == {"items": [expected], "next_cursor": None}


def test_what_an_event_has_not_is_null(world: ApiWorld) -> None:
    world.accept([event()])
    shown = world.get("/events/evt_1")
    names = (
        "channel",
        "subject",
        "change",
        "previous",
        "changed",
        "origin",
        "ordering_key",
        "occurred_at",
        "deliver_at",
    )
    for name in names:
        assert shown[name] is None


@pytest.mark.parametrize("path", ["/events/evt_1", "/events", "/events?order=asc"])
def test_data_is_shown_byte_by_byte(world: ApiWorld, path: str) -> None:
    world.accept([event(data=EXACT, previous=b"[1.50]")])
    content = world.call("GET", f"/v1/tenants/{TENANT}{path}").content
    assert b'"data":' + EXACT + b"," in content
    assert b'"previous":[1.50],' in content


def test_filters(world: ApiWorld) -> None:
    made = world.endpoint()
    world.accept([event("evt_1", type="a.b", channel="x", accepted_at=NOW)])
    world.accept([event("evt_2", type="a.c", channel="y", accepted_at=NOW + 1_000)], [made["id"]])
    world.accept([event("evt_3", type="a.b", channel=None, accepted_at=NOW + 2_000)])
    world.accept([event("evt_4", OTHER_TENANT, type="a.b")])
    for query, expected in {
        "": ["evt_3", "evt_2", "evt_1"],
        "order=asc": ["evt_1", "evt_2", "evt_3"],
        "type=a.b": ["evt_3", "evt_1"],
        "type=a": [],
        "channel=x": ["evt_1"],
        "since=2027-01-15T08:00:01Z": ["evt_3", "evt_2"],
        "until=2027-01-15T08:00:01.000Z": ["evt_1"],
        "since=2027-01-15T10:00:01%2B02:00&until=2027-01-15T08:00:02Z": ["evt_2"],
        f"endpoint_id={made['id']}": ["evt_2"],
        "endpoint_id=ep_unknown": [],
        "type=a.b&order=asc": ["evt_1", "evt_3"],
    }.items():
        assert ids(world.get(f"/events?{query}")) == expected, query


def test_a_consumer_pulls_with_a_cursor_it_keeps(world: ApiWorld) -> None:
    """Every page with items has a cursor; going on from the last one that was not null misses and repeats nothing."""
    pulled: list[str] = []
    kept = None
    for batch in (["evt_1", "evt_2", "evt_3"], [], ["evt_4"], [], [], ["evt_5", "evt_6"]):
        world.accept([event(event_id) for event_id in batch])
        while True:
            page = world.get("/events?order=asc&limit=2" + (f"&cursor={kept}" if kept else ""))
            pulled += ids(page)
            assert (page["next_cursor"] is None) == (page["items"] == [])
            kept = page["next_cursor"] or kept
            if not page["items"]:
                break
    assert pulled == [f"evt_{number}" for number in range(1, 7)]


def test_where_only_some_events_are_wanted_the_place_goes_on_behind_the_others(world: ApiWorld) -> None:
    world.accept([event(f"evt_{number}", type="a") for number in range(3)])
    empty = world.get("/events?order=asc&type=b")
    assert empty["items"] == []
    assert empty["next_cursor"] is not None
    assert world.get(f"/events?order=asc&type=b&cursor={empty['next_cursor']}") == {"items": [], "next_cursor": None}
    assert world.get(f"/events?order=asc&cursor={empty['next_cursor']}") == {"items": [], "next_cursor": None}
    world.accept([event("evt_3", type="b"), event("evt_4", type="a")])
    page = world.get(f"/events?order=asc&type=b&cursor={empty['next_cursor']}")
    assert ids(page) == ["evt_3"]
    assert world.get(f"/events?order=asc&cursor={page['next_cursor']}")["items"] == []
    newest_first = world.get("/events?type=c")
    assert newest_first == {"items": [], "next_cursor": None}


def test_whoever_waits_is_answered_at_once_where_something_is_there(world: ApiWorld) -> None:
    world.accept([event()])
    assert ids(world.get("/events?order=asc&wait_s=30")) == ["evt_1"]
    for query in (
        "wait_s=5",
        "order=desc&wait_s=1",
        "order=asc&wait_s=31",
        "order=asc&wait_s=-1",
        "order=asc&wait_s=0.5",
    ):
        assert fields_of(world.call("GET", f"/v1/tenants/{TENANT}/events?{query}")) == ["wait_s"], query
    world.parts.arrivals.stop()
    assert world.get("/events?order=asc&type=b&wait_s=30")["items"] == []


def test_a_page_ends_before_it_fills_the_memory(world: ApiWorld) -> None:
    size = PAGE_BYTES_MAX // 8
    big = b'"' + b"a" * (size - 2) + b'"'
    world.accept([event(f"evt_{number:02d}", data=big) for number in range(20)])
    page = world.get("/events?order=asc&limit=250")
    assert len(page["items"]) == 8
    seen = ids(page)
    while page["items"]:
        page = world.get(f"/events?order=asc&limit=250&cursor={page['next_cursor']}")
        seen += ids(page)
    assert seen == [f"evt_{number:02d}" for number in range(20)]


def test_one_event_larger_than_a_page_is_still_shown(world: ApiWorld) -> None:
    huge = b'"' + b"a" * (PAGE_BYTES_MAX + 1) + b'"'
    world.accept([event("evt_1", data=huge), event("evt_2", data=huge)])
    first = world.get("/events?order=asc")
    assert ids(first) == ["evt_1"]
    assert ids(world.get(f"/events?order=asc&cursor={first['next_cursor']}")) == ["evt_2"]


def deliveries(world: ApiWorld) -> dict[str, dict[str, Any]]:
    page = world.get("/events/evt_1/deliveries")
    return {item.pop("endpoint_id"): item for item in page["items"]}


def test_where_an_event_stands(world: ApiWorld) -> None:
    waiting, retried, done, lost, gone = (world.endpoint()["id"] for _ in range(5))
    seqs = world.accept([event()], [waiting, retried, done, lost, gone])
    world.store.settle(
        [
            Settlement(seqs[1], failed(1, 1, endpoint_id=retried), NOW + 5_000, 1),
            Settlement(seqs[2], attempt(2, 1, endpoint_id=done), None, 0),
            Settlement(seqs[3], failed(3, 1, endpoint_id=lost, final=True), None, 0),
        ]
    )
    world.call("DELETE", f"/v1/tenants/{TENANT}/endpoints/{gone}")
    while world.store.cancel_step(NOW, 10):
        pass
    ended = {"next_attempt_at": None, "waiting_for": None}
    assert deliveries(world) == {
        waiting: {
            "state": "pending",
            "attempts": 0,
            "next_attempt_at": "2027-01-15T08:00:00.000Z",
            "last_status_code": None,
            "waiting_for": None,
        },
        retried: {
            "state": "pending",
            "attempts": 1,
            "next_attempt_at": "2027-01-15T08:00:05.000Z",
            "last_status_code": 500,
            "waiting_for": None,
        },
        done: {"state": "delivered", "attempts": 1, "last_status_code": 200, **ended},
        lost: {"state": "failed", "attempts": 1, "last_status_code": 500, **ended},
        gone: {"state": "cancelled", "attempts": 0, "last_status_code": None, **ended},
    }


def test_what_expired_counts_as_failed(world: ApiWorld) -> None:
    made = world.endpoint()["id"]
    (seq,) = world.accept([event()], [made])
    expired = failed(1, 1, endpoint_id=made, outcome=Outcome.EXPIRED, final=True, status_code=None)
    world.store.settle([Settlement(seq, expired, None, 0)])
    assert deliveries(world)[made]["state"] == "failed"


def settled_world() -> tuple[ApiWorld, str, str]:
    """An event delivered to one endpoint and lost at another."""
    world = ApiWorld()
    done, lost = world.endpoint()["id"], world.endpoint()["id"]
    seqs = world.accept([event()], [done, lost])
    world.store.settle(
        [
            Settlement(seqs[0], attempt(1, 1, endpoint_id=done), None, 0),
            Settlement(seqs[1], failed(2, 1, endpoint_id=lost, final=True), None, 0),
        ]
    )
    return world, done, lost


@pytest.mark.parametrize("body", [None, {}, {"endpoint_id": None}])
def test_sending_again_to_all_it_was_meant_for(body: object) -> None:
    world, done, lost = settled_world()
    response = world.call("POST", f"/v1/tenants/{TENANT}/events/evt_1/resend", body)
    assert (response.status_code, response.json()) == (202, {"id": "evt_1", "deliveries": 2})
    assert world.kicked == 1
    assert {name: one["state"] for name, one in deliveries(world).items()} == {done: "pending", lost: "pending"}
    assert {one["attempts"] for one in deliveries(world).values()} == {1}


def test_sending_again_to_one(world: ApiWorld) -> None:
    world, done, lost = settled_world()
    assert world.post("/events/evt_1/resend", {"endpoint_id": lost})["deliveries"] == 1
    assert {name: one["state"] for name, one in deliveries(world).items()} == {done: "delivered", lost: "pending"}


def test_sending_again_to_one_it_was_not_meant_for() -> None:
    world, _, _ = settled_world()
    other = world.endpoint()["id"]
    assert world.post("/events/evt_1/resend", {"endpoint_id": other})["deliveries"] == 1
    assert deliveries(world)[other]["state"] == "pending"


def test_deleted_endpoints_are_passed_over() -> None:
    world, done, lost = settled_world()
    world.call("DELETE", f"/v1/tenants/{TENANT}/endpoints/{done}")
    assert world.post("/events/evt_1/resend")["deliveries"] == 1
    problem_of(world.call("POST", f"/v1/tenants/{TENANT}/events/evt_1/resend", {"endpoint_id": done}), 404, "not_found")
    assert deliveries(world)[lost]["state"] == "pending"


def test_an_event_nobody_wanted_is_sent_to_nobody(world: ApiWorld) -> None:
    world.accept([event()])
    assert world.post("/events/evt_1/resend") == {"id": "evt_1", "deliveries": 0}
    assert world.kicked == 0


@pytest.mark.parametrize("path", ["", "/deliveries"])
def test_an_unknown_event(world: ApiWorld, path: str) -> None:
    problem_of(world.call("GET", f"/v1/tenants/{TENANT}/events/evt_9{path}"), 404, "not_found")
    problem_of(world.call("POST", f"/v1/tenants/{TENANT}/events/evt_9/resend"), 404, "not_found")


def test_an_unknown_endpoint_to_send_to(world: ApiWorld) -> None:
    world.accept([event()])
    response = world.call("POST", f"/v1/tenants/{TENANT}/events/evt_1/resend", {"endpoint_id": "ep_9"})
    assert re.search("endpoint", problem_of(response, 404, "not_found")["detail"])
