"""Tracked sets over HTTP: made, filled and emptied; what is refused names the place."""

import json
from typing import Any

import httpx
import pytest

from support.api_world import ApiWorld, fields_of, problem_of
from support.rows import OTHER_TENANT, TENANT

SETS = f"/v1/tenants/{TENANT}/tracked-sets"
PATH = f"{SETS}/customer-data"


@pytest.fixture
def world() -> ApiWorld:
    return ApiWorld()


def ask(world: ApiWorld, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
    return world.call(method, path, body, key="tenant", **more)


def test_the_life_of_a_set(world: ApiWorld) -> None:
    made = ask(world, "PUT", PATH)
    moments = {"created_at": "2027-01-15T08:00:00.000Z", "updated_at": "2027-01-15T08:00:00.000Z"}
    assert (made.status_code, made.json()) == (201, {"name": "customer-data", "members": 0, **moments})
    world.clock.pass_s(2)
    added = ask(world, "POST", f"{PATH}/members", {"ids": ["25578642", "a/b", "25578642"]})
    assert (added.status_code, added.json()) == (200, {"added": 2, "members": 2})
    again = ask(world, "PUT", PATH, {})
    assert again.status_code == 200
    shown = {"name": "customer-data", "members": 2, **moments, "updated_at": "2027-01-15T08:00:02.000Z"}
    assert again.json() == ask(world, "GET", PATH).json() == shown
    assert ask(world, "GET", SETS).json() == {"items": [shown], "next_cursor": None}
    removed = ask(world, "POST", f"{PATH}/members/remove", {"ids": ["a/b", "nobody"]})
    assert (removed.status_code, removed.json()) == (200, {"removed": 1, "members": 1})
    assert ask(world, "GET", f"{PATH}/members").json() == {"items": [{"id": "25578642"}], "next_cursor": None}
    assert ask(world, "DELETE", PATH).status_code == 204
    for method, path in (("GET", PATH), ("DELETE", PATH), ("GET", f"{PATH}/members")):
        problem_of(ask(world, method, path), 404, "not_found")
    assert world.notified == 0, "nobody keeps sets in memory"


def test_lists_come_in_pages(world: ApiWorld) -> None:
    for name in ("b", "a", "c"):
        ask(world, "PUT", f"{SETS}/{name}")
    ids = ["é", "z", "a", "Z"]
    ask(world, "POST", f"{SETS}/a/members", {"ids": ids})
    for path, of, expected in (
        (SETS, "name", ["a", "b", "c"]),
        (f"{SETS}/a/members", "id", sorted(ids, key=str.encode)),
    ):
        found: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = ask(world, "GET", f"{path}?limit=1" + (f"&cursor={cursor}" if cursor else "")).json()
            found += [item[of] for item in page["items"]]
            cursor = page["next_cursor"]
        assert found == expected
        assert fields_of(ask(world, "GET", f"{path}?cursor=nonsense")) == ["cursor"]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["ids"]),
        ({"ids": None}, ["ids"]),
        ({"ids": "c_1"}, ["ids"]),
        ({"ids": ["a", 5, None]}, ["ids[1]"]),
        ({"ids": ["a", ""]}, ["ids[1]"]),
        ({"ids": ["x" * 257, "a", "b\u0000"]}, ["ids[0]", "ids[2]"]),
        ({"ids": [f"c_{place}" for place in range(17)] + ["a\nb"]}, ["ids[17]"]),
        ({"ids": ["a"], "more": 1}, ["more"]),
        ([], ["body"]),
    ],
)
def test_what_is_refused_names_the_place_and_changes_nothing(world: ApiWorld, body: Any, fields: list[str]) -> None:
    ask(world, "PUT", PATH)
    ask(world, "POST", f"{PATH}/members", {"ids": ["a"]})
    for path in (f"{PATH}/members", f"{PATH}/members/remove"):
        assert fields_of(ask(world, "POST", path, body)) == fields
    assert ask(world, "GET", PATH).json()["members"] == 1


def test_a_body_takes_ten_thousand_ids_of_usual_length_and_longer_ones_in_parts(world: ApiWorld) -> None:
    ask(world, "PUT", PATH)
    ids = [
        f"customer-{place:05}-0123456789abcdef-0123456789abcdef-0123456789abcdef-0123456789abcdef"
        for place in range(10_000)
    ]
    assert ask(world, "POST", f"{PATH}/members", {"ids": ids}).json() == {"added": 10_000, "members": 10_000}
    assert fields_of(ask(world, "POST", f"{PATH}/members", {"ids": [*ids, "one more"]})) == ["ids"]
    long = json.dumps({"ids": [f"{place:0256}" for place in range(5_000)]}).encode()
    headers = {"Content-Type": "application/json"}
    told = problem_of(ask(world, "POST", f"{PATH}/members", content=long, headers=headers), 413, "too_large")
    assert "1048576 bytes" in told["detail"]


def test_names(world: ApiWorld) -> None:
    for name in ("a.b", "a%20b", "%C3%BC", "a" * 65):
        assert fields_of(ask(world, "PUT", f"{SETS}/{name}")) == ["name"]
        problem_of(ask(world, "GET", f"{SETS}/{name}"), 404, "not_found")
    assert ask(world, "PUT", f"{SETS}/{'a' * 64}").status_code == 201


def test_sets_belong_to_their_tenant(world: ApiWorld) -> None:
    ask(world, "PUT", PATH)
    elsewhere = PATH.replace(TENANT, OTHER_TENANT)
    problem_of(world.call("GET", elsewhere, key="other_tenant"), 404, "not_found")
    problem_of(world.call("GET", PATH, key="other_tenant"), 404, "not_found")
    problem_of(world.call("PUT", PATH, key="ingest"), 403, "forbidden")
    problem_of(world.call("PUT", PATH.replace(TENANT, "nobody")), 404, "not_found")


def test_there_are_so_many_at_most(world: ApiWorld) -> None:
    for place in range(100):
        assert ask(world, "PUT", f"{SETS}/s{place}").status_code == 201
    problem_of(ask(world, "PUT", f"{SETS}/one-more"), 429, "tracked_set_quota")
    assert ask(world, "PUT", f"{SETS}/s7").status_code == 200
