"""The log over HTTP: lists without bodies, single attempts whole, figures by day."""

import base64
from typing import Any

import pytest

from ringback.model.attempt import Attempt, Outcome
from support.api_world import ApiWorld, fields_of, problem_of
from support.rows import NOW, TENANT, attempt, attempt_id, event, failed

DAY_MS = 86_400_000


@pytest.fixture
def world() -> ApiWorld:
    return ApiWorld()


def keep(world: ApiWorld, *attempts: Attempt) -> None:
    with world.store._tables as tables:
        for one in attempts:
            tables.keep_attempt(one)


def listed(world: ApiWorld, query: str, path: str = "/attempts") -> list[str]:
    return [item["id"] for item in world.get(f"{path}?{query}")["items"]]


SHORT: dict[str, Any] = {
    "id": attempt_id(1),
    "event_id": "evt_1",
    "event_type": "contact.created",
    "endpoint_id": "ep_a",
    "number": 1,
    "at": "2027-01-15T08:00:00.000Z",
    "duration_ms": 12.5,
    "outcome": "succeeded",
    "final": True,
    "superseded": False,
    "maybe_repeated": False,
    "profile": "standard",
    "profile_version": "1a2b3c4d",
    "status_code": 200,
    "error": None,
    "timings_ms": {"dns": 1.5, "connect": 2.5, "tls": None, "first_byte": 8.0, "total": 12.5},
    "remote_address": "192.0.2.7:443",
    "http_version": "1.1",
}


def test_a_list_has_everything_but_bodies(world: ApiWorld) -> None:
    keep(world, attempt())
    assert world.get("/attempts") == {"items": [SHORT], "next_cursor": None}


def test_durations_are_shown_without_the_noise_of_subtraction(world: ApiWorld) -> None:
    noisy = b"[0.30000000000000004,null,null,1.1999999999999997,1.4009999999999998]"
    keep(world, attempt(duration_ms=1.4009999999999998, timings=noisy))
    shown = world.get("/attempts")["items"][0]
    assert shown["duration_ms"] == 1.401
    assert shown["timings_ms"] == {"dns": 0.3, "connect": None, "tls": None, "first_byte": 1.2, "total": 1.401}


def test_a_single_attempt_is_whole(world: ApiWorld) -> None:
    world.accept([event(data=b'{"n":"\xc3\xa4"}')])
    keep(world, attempt())
    assert world.get(f"/attempts/{attempt_id(1)}") == {
        **SHORT,
        "request": {
            "method": "POST",
            "url": "https://ep-a.example/hook",
            "headers": [["content-type", "application/json"]],
            "body": '{"data":{"n":"ä"}}',
            "body_base64": None,
        },
        "response": {"headers": [["server", "x"]], "body": "thanks", "body_base64": None, "truncated": False},
        "redacted": False,
    }


def test_bytes_that_are_no_text_are_there_in_base64(world: ApiWorld) -> None:
    raw = b"\x00\xff\xfeok"
    keep(world, attempt(response_body=raw, response_truncated=True, request_body=b"{}"))
    response = world.get(f"/attempts/{attempt_id(1)}")["response"]
    assert base64.b64decode(response["body_base64"]) == raw
    assert response["body"] == "\x00\ufffd\ufffdok"
    assert response["truncated"] is True


def test_a_request_that_was_not_answered(world: ApiWorld) -> None:
    keep(
        world,
        failed(
            status_code=None,
            error_code="timeout",
            error_message="No answer within 20 s.",
            response_headers=None,
            response_body=None,
            request_body=b"{}",
        ),
    )
    shown = world.get(f"/attempts/{attempt_id(1)}")
    assert shown["error"] == {"code": "timeout", "message": "No answer within 20 s."}
    assert (shown["outcome"], shown["status_code"], shown["response"]) == ("failed", None, None)
    assert shown["request"]["body"] == "{}"


def test_an_end_without_a_request_is_in_the_log(world: ApiWorld) -> None:
    made = world.endpoint()["id"]
    world.accept([event()], [made])
    world.call("DELETE", f"/v1/tenants/{TENANT}/endpoints/{made}")
    while world.store.cancel_step(NOW, 10):
        pass
    (item,) = world.get("/attempts")["items"]
    assert (item["outcome"], item["final"], item["endpoint_id"], item["number"]) == ("failed", True, made, 1)
    assert item["error"]["code"] == "cancelled"
    whole = world.get(f"/attempts/{item['id']}")
    assert (whole["request"], whole["response"], whole["timings_ms"]) == (None, None, None)


def test_filters(world: ApiWorld) -> None:
    first, second = world.endpoint()["id"], world.endpoint()["id"]
    keep(
        world,
        attempt(1, endpoint_id=first, at=NOW, event_type="a.b"),
        failed(2, endpoint_id=first, at=NOW + 1_000, event_type="a.c"),
        failed(3, endpoint_id=second, at=NOW + 2_000, event_type="a.b"),
        failed(4, endpoint_id=second, at=NOW + 3_000, event_type=None, event_id=None),
        failed(5, endpoint_id=second, at=NOW + 4_000, outcome=Outcome.CANCELLED),
    )
    for query, places in {
        "": [5, 4, 3, 2, 1],
        "outcome=succeeded": [1],
        "outcome=failed": [5, 4, 3, 2],
        "event_type=a.b": [3, 1],
        f"endpoint_id={second}&event_type=a.b": [3],
        f"endpoint_id={first}": [2, 1],
        "endpoint_id=ep_unknown": [],
        "since=2027-01-15T08:00:01Z&until=2027-01-15T08:00:03Z": [3, 2],
    }.items():
        assert listed(world, query) == [attempt_id(place) for place in places], query
    path = f"/endpoints/{first}/attempts"
    assert listed(world, "", path) == [attempt_id(2), attempt_id(1)]
    assert listed(world, "outcome=failed", path) == [attempt_id(2)]
    assert listed(world, f"endpoint_id={first}", path) == [attempt_id(2), attempt_id(1)]
    other = world.call("GET", f"/v1/tenants/{TENANT}{path}?endpoint_id={second}")
    assert fields_of(other) == ["endpoint_id"]


def test_unknown_endpoints_and_attempts(world: ApiWorld) -> None:
    for path in ("/endpoints/ep_9/attempts", "/endpoints/ep_9/stats", "/attempts/att_9"):
        problem_of(world.call("GET", f"/v1/tenants/{TENANT}{path}"), 404, "not_found")


def test_figures_have_every_day_oldest_first(world: ApiWorld) -> None:
    made = world.endpoint()["id"]
    with world.store._tables as tables:
        tables.days[TENANT, made, "2027-01-15"] = [2, 1]
        tables.days[TENANT, made, "2027-01-02"] = [0, 5]
        tables.days[TENANT, made, "2027-01-01"] = [100, 100]
        tables.days[TENANT, "ep_other", "2027-01-15"] = [7, 7]
    stats = world.get(f"/endpoints/{made}/stats")
    assert [day["day"] for day in stats["days"]] == [f"2027-01-{day:02d}" for day in range(2, 16)]
    assert stats["days"][0] == {"day": "2027-01-02", "succeeded": 0, "failed": 5}
    assert stats["days"][5] == {"day": "2027-01-07", "succeeded": 0, "failed": 0}
    assert (stats["succeeded"], stats["failed"]) == (2, 6)
    assert world.get(f"/endpoints/{made}/stats?days=1") == {
        "succeeded": 2,
        "failed": 1,
        "days": [{"day": "2027-01-15", "succeeded": 2, "failed": 1}],
    }
    assert len(world.get(f"/endpoints/{made}/stats?days=90")["days"]) == 90
