"""Record types over HTTP: written whole by admin keys, read by all, refused with the field that is wrong."""

from typing import Any

import pytest

from ringback.model.record import RecordType
from support.api_world import ApiWorld, fields_of, problem_of

PATH = "/v1/record-types/crm.company"


@pytest.fixture
def world() -> ApiWorld:
    return ApiWorld()


def test_a_type_there_and_back(world: ApiWorld) -> None:
    body = {"fields": ["/name", "/a~1b/~0"], "ignored": ["/seen_at"], "deleted_kept_days": 7}
    made = world.call("PUT", PATH, {"name": "crm.company", **body})
    assert made.status_code == 201
    moments = {"created_at": "2027-01-15T08:00:00.000Z", "updated_at": "2027-01-15T08:00:00.000Z"}
    assert made.json() == {"name": "crm.company", **body, **moments}
    assert world.notified == 1
    stored = world.store.get_record_type("crm.company")
    assert isinstance(stored, RecordType)
    assert (stored.fields, stored.ignored, stored.deleted_kept_days) == (("/name", "/a~1b/~0"), ("/seen_at",), 7)
    for key in ("admin", "tenant"):
        assert world.call("GET", PATH, key=key).json() == made.json()
        assert world.call("GET", "/v1/record-types", key=key).json() == {"items": [made.json()], "next_cursor": None}


def test_a_type_is_replaced_whole(world: ApiWorld) -> None:
    world.call("PUT", PATH, {"fields": ["/name"], "ignored": ["/seen_at"], "deleted_kept_days": 7})
    world.clock.pass_s(60)
    again = world.call("PUT", PATH, {})
    assert again.status_code == 200
    shown = again.json()
    assert shown["created_at"] < shown["updated_at"]
    assert {"fields": None, "ignored": [], "deleted_kept_days": 30}.items() <= shown.items()
    assert world.call("PUT", PATH, {"fields": []}).json()["fields"] == []


def test_a_pointer_that_stands_twice_is_one(world: ApiWorld) -> None:
    shown = world.call("PUT", PATH, {"fields": ["/b", "/a", "/b"], "ignored": ["/c", "/c"]}).json()
    assert (shown["fields"], shown["ignored"]) == (["/b", "/a"], ["/c"])


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"fields": [""]}, ["fields[0]"]),
        ({"fields": ["/a", "name", "/~2"]}, ["fields[1]", "fields[2]"]),
        ({"ignored": ["/a~"]}, ["ignored[0]"]),
        ({"ignored": ["/" + "x" * 256]}, ["ignored[0]"]),
        ({"fields": ["/" + "é" * 128]}, ["fields[0]"]),
        ({"fields": [f"/{n}" for n in range(257)]}, ["fields"]),
        ({"fields": "/a"}, ["fields"]),
        ({"ignored": None}, ["ignored"]),
        ({"deleted_kept_days": -1}, ["deleted_kept_days"]),
        ({"deleted_kept_days": 366}, ["deleted_kept_days"]),
        ({"deleted_kept_days": 1.5}, ["deleted_kept_days"]),
        ({"deleted_kept_days": True}, ["deleted_kept_days"]),
        ({"name": "other"}, ["name"]),
        ({"unknown": 1}, ["unknown"]),
    ],
)
def test_what_is_wrong_is_named(world: ApiWorld, body: dict[str, Any], fields: list[str]) -> None:
    assert fields_of(world.call("PUT", PATH, body)) == fields
    assert world.notified == 0
    problem_of(world.call("GET", PATH), 404, "not_found")


@pytest.mark.parametrize("name", ["a%20b", ".a", "a..b", "x" * 121, "%00"])
def test_what_is_no_name(world: ApiWorld, name: str) -> None:
    assert fields_of(world.call("PUT", f"/v1/record-types/{name}", {})) == ["name"]
    for method in ("GET", "DELETE"):
        problem_of(world.call(method, f"/v1/record-types/{name}"), 404, "not_found")


def test_the_ends_of_what_is_allowed(world: ApiWorld) -> None:
    body = {"fields": [f"/{n}" for n in range(256)], "ignored": ["/" + "x" * 255], "deleted_kept_days": 0}
    assert world.call("PUT", "/v1/record-types/" + "x" * 120, body).status_code == 201
    assert world.call("PUT", PATH, {"deleted_kept_days": 365}).status_code == 201


def test_a_type_is_deleted(world: ApiWorld) -> None:
    world.call("PUT", PATH, {})
    assert world.call("DELETE", PATH).status_code == 204
    assert world.notified == 2
    problem_of(world.call("DELETE", PATH), 404, "not_found")
    assert world.call("PUT", PATH, {}).status_code == 201


def test_a_list_goes_by_name(world: ApiWorld) -> None:
    for name in ("b", "a.c", "a"):
        world.call("PUT", f"/v1/record-types/{name}", {})
    first = world.call("GET", "/v1/record-types?limit=2").json()
    rest = world.call("GET", f"/v1/record-types?limit=2&cursor={first['next_cursor']}").json()
    assert [item["name"] for item in (*first["items"], *rest["items"])] == ["a", "a.c", "b"]
    assert rest["next_cursor"] is None


def test_there_are_so_many_types_at_most(world: ApiWorld) -> None:
    for n in range(10):
        world.call("PUT", f"/v1/record-types/t{n}", {})
    refused = world.call("PUT", PATH, {})
    problem_of(refused, 429, "record_type_quota")
    assert int(refused.headers["retry-after"]) >= 1
    assert world.call("PUT", "/v1/record-types/t1", {"deleted_kept_days": 1}).status_code == 200
