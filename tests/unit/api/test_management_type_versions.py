"""Versions of event types' schemas, schemas made of samples, and the whole list of what a new version takes away."""

from typing import Any

import pytest

from ringback.model.limits import SAMPLES_MAX, SCHEMA_VERSIONS_KEPT_MAX
from ringback.policy.schema_change import TAKEN_MAX
from support.api_world import ApiWorld, fields_of, problem_of

PATH = "/v1/event-types/contact.created"


@pytest.fixture
def world() -> ApiWorld:
    return ApiWorld()


def grown(count: int) -> dict[str, Any]:
    return {"type": "object", "properties": {f"m{number}": {"type": "string"} for number in range(count)}}


def test_versions_are_numbered_kept_and_shown(world: ApiWorld) -> None:
    world.call("PUT", PATH, {"description": "first"})
    for count in (1, 2, 3):
        world.clock.pass_s(60)
        shown = world.call("PUT", PATH, {"schema": grown(count)}).json()
        assert shown["version"] == count + 1
        assert world.call("PUT", PATH, {"schema": grown(count), "sample": {}}).json()["version"] == count + 1
    for key in ("admin", "tenant"):
        page = world.call("GET", f"{PATH}/versions", key=key).json()
        assert page["next_cursor"] is None
        assert [one["version"] for one in page["items"]] == [4, 3, 2, 1]
    latest, *_, first = page["items"]
    assert latest == {"version": 4, "created_at": "2027-01-15T08:03:00.000Z", "schema": grown(3)}
    assert first == {"version": 1, "created_at": "2027-01-15T08:00:00.000Z", "schema": None}
    assert world.call("GET", f"{PATH}/versions/2").json() == page["items"][2]
    problem_of(world.call("GET", f"{PATH}/versions", key="ingest"), 403, "forbidden")


def test_versions_are_paged(world: ApiWorld) -> None:
    for count in range(5):
        world.call("PUT", PATH, {"schema": grown(count)})
    seen: list[int] = []
    cursor = ""
    while True:
        page = world.call("GET", f"{PATH}/versions?limit=2{cursor}").json()
        seen += [one["version"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [5, 4, 3, 2, 1]
    assert fields_of(world.call("GET", f"{PATH}/versions?cursor=x")) == ["cursor"]


def test_a_version_that_is_not_there_is_not_found(world: ApiWorld) -> None:
    problem_of(world.call("GET", f"{PATH}/versions"), 404, "not_found")
    problem_of(world.call("GET", f"{PATH}/versions/1"), 404, "not_found")
    world.call("PUT", PATH, {})
    for number in ("0", "2", "-1", "01", "x", "9" * 30):
        problem_of(world.call("GET", f"{PATH}/versions/{number}"), 404, "not_found")
    for count in range(SCHEMA_VERSIONS_KEPT_MAX):
        world.call("PUT", PATH, {"schema": grown(count)})
    problem = problem_of(world.call("GET", f"{PATH}/versions/1"), 404, "not_found")
    assert str(SCHEMA_VERSIONS_KEPT_MAX) in problem["detail"]
    assert world.call("GET", f"{PATH}/versions/2").status_code == 200


def test_a_deleted_type_begins_anew(world: ApiWorld) -> None:
    for count in (1, 2):
        world.call("PUT", PATH, {"schema": grown(count)})
    world.call("DELETE", PATH)
    assert world.call("PUT", PATH, {"schema": grown(5)}).json()["version"] == 1
    assert [one["version"] for one in world.call("GET", f"{PATH}/versions").json()["items"]] == [1]


def test_a_refused_schema_is_no_version_and_a_forced_one_is(world: ApiWorld) -> None:
    world.call("PUT", PATH, {"schema": grown(2)})
    problem_of(world.call("PUT", PATH, {"schema": grown(1)}), 409, "schema_not_additive")
    assert world.call("GET", PATH).json()["version"] == 1
    assert world.call("PUT", f"{PATH}?force=true", {"schema": grown(1)}).json()["version"] == 2


def test_all_that_breaks_is_listed(world: ApiWorld) -> None:
    text, whole = {"type": "string"}, {"type": "integer"}
    line = {"type": "object", "properties": {"sku": text, "count": whole}, "required": ["sku"]}
    before = {
        "type": "object",
        "properties": {"id": text, "total": whole, "lines": {"type": "array", "items": line}, "gone": whole},
        "required": ["id", "total"],
    }
    after = {
        "type": "object",
        "properties": {
            "id": whole,
            "total": whole,
            "lines": {"type": "array", "items": {"type": "object", "properties": {"sku": text, "count": text}}},
        },
        "required": ["id"],
    }
    world.call("PUT", PATH, {"schema": before})
    problem = problem_of(world.call("PUT", PATH, {"schema": after}), 409, "schema_not_additive")
    assert {(one["field"], one["message"]) for one in problem["errors"]} == {
        ("data.id", "may be integer now; it was string"),
        ("data.total", "may be left out now; it was required"),
        ("data.gone", "is removed"),
        ("data.lines[].sku", "may be left out now; it was required"),
        ("data.lines[].count", "may be string now; it was integer"),
    }


def test_of_very_many_so_many_are_listed(world: ApiWorld) -> None:
    world.call("PUT", PATH, {"schema": grown(TAKEN_MAX + 10)})
    problem = problem_of(world.call("PUT", PATH, {"schema": {"type": "object"}}), 409, "schema_not_additive")
    assert [one["field"] for one in problem["errors"]] == [f"data.m{number}" for number in range(TAKEN_MAX)]


class TestInferring:
    PATH = "/v1/schemas/infer"

    def test_a_schema_is_made_of_samples_and_nothing_is_stored(self, world: ApiWorld) -> None:
        body = {"samples": [{"id": "c_1", "stage": "new"}, {"id": "c_2", "stage": "new"}], "enums": True}
        for key in ("admin", "tenant"):
            made = world.call("POST", self.PATH, body, key=key)
            assert made.status_code == 200, made.text
            assert made.json()["schema"]["properties"] == {
                "id": {"type": "string"},
                "stage": {"type": "string", "enum": ["new"]},
            }
        assert made.json()["schema"]["required"] == ["id", "stage"]
        assert world.call("GET", "/v1/event-types").json()["items"] == []
        assert world.call("PUT", PATH, {"schema": made.json()["schema"]}).status_code == 201

    @pytest.mark.parametrize(
        ("body", "fields"),
        [
            ({"samples": []}, ["samples"]),
            ({"samples": [1] * (SAMPLES_MAX + 1)}, ["samples"]),
            ({}, ["samples"]),
            ({"samples": {}}, ["samples"]),
            ({"samples": [1], "enums": "yes"}, ["enums"]),
            ({"samples": [1], "colour": 1}, ["colour"]),
        ],
    )
    def test_what_is_wrong_is_named(self, world: ApiWorld, body: Any, fields: list[str]) -> None:
        assert fields_of(world.call("POST", self.PATH, body)) == fields

    def test_it_is_not_for_ingest_keys(self, world: ApiWorld) -> None:
        problem_of(world.call("POST", self.PATH, {"samples": [1]}, key="ingest"), 403, "forbidden")
