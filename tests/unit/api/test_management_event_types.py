"""The catalogue over HTTP: written whole, answered as it came in, refused with the field that is wrong."""

from typing import Any

import pytest

from ringback.control.event_types import EventTypeUseCases
from ringback.model.limits import DESCRIPTION_BYTES_MAX, SAMPLE_BYTES_MAX, SCHEMA_BYTES_MAX
from support.api_world import ApiWorld, fields_of, problem_of

PATH = "/v1/event-types/contact.created"
SCHEMA = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}


@pytest.fixture
def world() -> ApiWorld:
    return ApiWorld()


def test_a_type_there_and_back(world: ApiWorld) -> None:
    body = {"description": "A contact\nwas made.", "schema": SCHEMA, "sample": {"id": "c_1"}, "deprecated": True}
    made = world.call("PUT", PATH, {"name": "contact.created", **body})
    assert made.status_code == 201
    moments = {"created_at": "2027-01-15T08:00:00.000Z", "updated_at": "2027-01-15T08:00:00.000Z"}
    assert made.json() == {"name": "contact.created", **body, **moments, "version": 1}
    assert world.notified == 1
    for key in ("admin", "tenant"):
        assert world.call("GET", PATH, key=key).json() == made.json()
        assert world.call("GET", "/v1/event-types", key=key).json() == {"items": [made.json()], "next_cursor": None}


def test_a_type_is_replaced_whole(world: ApiWorld) -> None:
    world.call("PUT", PATH, {"description": "x", "schema": SCHEMA, "sample": {"id": "c_1"}, "deprecated": True})
    world.clock.pass_s(60)
    again = world.call("PUT", PATH, {"description": "y"})
    assert again.status_code == 200
    shown = again.json()
    assert shown["created_at"] < shown["updated_at"]
    bare = {"name": "contact.created", "description": "y", "schema": None, "sample": None, "deprecated": False}
    assert bare.items() <= shown.items()


def test_schema_and_sample_keep_their_bytes(world: ApiWorld) -> None:
    schema = b'{ "maximum" : 1e2, "minimum":12345678901234567890123 , "const": 1.50}'
    sample = b'[1.50,  "\\u00e9", 123456789012345678901234567890]'
    for body, field, text in ((b'{"schema": %b}', "schema", schema), (b'{"sample": %b}', "sample", sample)):
        answer = world.call("PUT", PATH, content=body % text)
        assert answer.is_success, answer.text
        assert b'"%b":%b' % (field.encode(), text) in answer.content
        assert b'"%b":%b' % (field.encode(), text) in world.call("GET", PATH).content


@pytest.mark.parametrize("schema", [True, False, {}, {"$schema": "http://json-schema.org/draft-07/schema#"}])
def test_every_kind_of_schema_is_one(world: ApiWorld, schema: Any) -> None:
    assert world.call("PUT", PATH, {"schema": schema}).json()["schema"] == schema


def test_null_is_none(world: ApiWorld) -> None:
    shown = world.call("PUT", PATH, {"schema": None, "sample": None}).json()
    assert (shown["schema"], shown["sample"]) == (None, None)
    stored = world.store.get_event_type("contact.created")
    assert stored is not None
    assert (stored.schema, stored.sample) == (None, None)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"colour": "red"}, ["colour"]),
        ({"name": "contact.deleted"}, ["name"]),
        ({"description": 5}, ["description"]),
        ({"description": "x" * (DESCRIPTION_BYTES_MAX + 1)}, ["description"]),
        ({"description": "a\x00b"}, ["description"]),
        ({"deprecated": "yes"}, ["deprecated"]),
        ({"schema": 5}, ["schema"]),
        ({"schema": []}, ["schema"]),
        ({"schema": {"type": "objekt"}}, ["schema.type"]),
        ({"schema": {"properties": {"a": {"pattern": "(?=x)"}}}}, ["schema.properties.a.pattern"]),
        ({"schema": {"$ref": "http://127.0.0.1/x"}}, ["schema.$ref"]),
        ({"schema": {"items": {"$ref": "file:///etc/passwd"}}}, ["schema.items.$ref"]),
        ({"schema": {"description": "x" * SCHEMA_BYTES_MAX}}, ["schema"]),
        ({"schema": SCHEMA, "sample": {"id": 5}}, ["sample.id"]),
        ({"schema": SCHEMA, "sample": 5}, ["sample"]),
        ({"sample": "x" * SAMPLE_BYTES_MAX}, ["sample"]),
        ({"schema": {"type": "x"}, "sample": 5, "description": "\x07"}, ["description", "schema.type"]),
    ],
)
def test_what_is_wrong_is_named(world: ApiWorld, body: Any, fields: list[str]) -> None:
    assert fields_of(world.call("PUT", PATH, body)) == fields
    problem_of(world.call("GET", PATH), 404, "not_found")
    assert world.notified == 0


def test_a_schema_that_nests_too_deeply_is_refused(world: ApiWorld) -> None:
    deep: Any = {}
    for _ in range(100):
        deep = {"not": deep}
    assert fields_of(world.call("PUT", PATH, {"schema": deep})) == ["body"]


@pytest.mark.parametrize("name", ["a..b", ".a", "a b", "ä", "a" * 129, "a.*", "*"])
def test_a_name_is_an_event_type(world: ApiWorld, name: str) -> None:
    path = f"/v1/event-types/{name}"
    assert fields_of(world.call("PUT", path, {})) == ["name"]
    problem_of(world.call("GET", path), 404, "not_found")
    problem_of(world.call("DELETE", path), 404, "not_found")


def test_a_body_is_needed_and_is_an_object(world: ApiWorld) -> None:
    assert fields_of(world.call("PUT", PATH)) == ["body"]
    assert fields_of(world.call("PUT", PATH, [1])) == ["body"]
    problem_of(world.call("PUT", PATH, content=b'{"schema":'), 400, "malformed")


def test_a_deleted_type_is_gone(world: ApiWorld) -> None:
    world.call("PUT", PATH, {})
    assert world.call("DELETE", PATH).status_code == 204
    problem_of(world.call("DELETE", PATH), 404, "not_found")
    problem_of(world.call("GET", PATH), 404, "not_found")
    assert world.call("PUT", PATH, {}).status_code == 201


def test_writing_is_for_admin_keys_and_reading_not_for_ingest_keys(world: ApiWorld) -> None:
    for key in ("tenant", "ingest"):
        problem_of(world.call("PUT", PATH, {}, key=key), 403, "forbidden")
        problem_of(world.call("DELETE", PATH, key=key), 403, "forbidden")
    problem_of(world.call("GET", PATH, key="ingest"), 403, "forbidden")
    problem_of(world.call("GET", "/v1/event-types", key="ingest"), 403, "forbidden")


def test_types_are_listed_by_name_in_pages_that_end_early_when_they_are_large(world: ApiWorld) -> None:
    names = [f"a.{number:03d}" for number in range(100)]
    for name in reversed(names):
        world.call("PUT", f"/v1/event-types/{name}", {"sample": "x" * (SAMPLE_BYTES_MAX - 2)})
    seen: list[str] = []
    cursor, pages = "", 0
    while pages == 0 or cursor:
        page = world.call("GET", f"/v1/event-types?limit=90{cursor}").json()
        seen += [one["name"] for one in page["items"]]
        cursor = f"&cursor={page['next_cursor']}" if page["next_cursor"] else ""
        pages += 1
        assert len(page["items"]) <= 64
    assert seen == names
    assert fields_of(world.call("GET", "/v1/event-types?cursor=x")) == ["cursor"]


def test_there_are_so_many_types_at_most(world: ApiWorld) -> None:
    full = EventTypeUseCases(world.store, world.clock, lambda: None, types_max=1)
    world.parts.event_types.__dict__.update(full.__dict__)
    assert world.call("PUT", PATH, {}).status_code == 201
    refused = world.call("PUT", "/v1/event-types/other", {})
    problem_of(refused, 429, "event_type_quota")
    assert int(refused.headers["retry-after"]) >= 1
    assert world.call("PUT", PATH, {"description": "still"}).status_code == 200


# ── schemas grow ──────────────────────────────────────────────────────────────────────────────────────────────


GROWN = {"type": "object", "properties": {"id": {"type": "string"}, "name": {"type": "string"}}}


def test_a_schema_that_takes_something_away_is_refused_and_nothing_is_changed(world: ApiWorld) -> None:
    before = world.call("PUT", PATH, {"description": "first", "schema": GROWN}).json()
    taking = {"type": "object", "properties": {"id": {"type": ["string", "null"]}}}
    refused = world.call("PUT", PATH, {"description": "second", "schema": taking})
    problem = problem_of(refused, 409, "schema_not_additive")
    assert problem["errors"] == [
        {"field": "data.id", "message": "may be null or string now; it was string"},
        {"field": "data.name", "message": "is removed"},
    ]
    assert "force=true" in problem["detail"]
    assert world.call("GET", PATH).json() == before


def test_forced_it_is_replaced_and_the_new_one_counts_from_then_on(world: ApiWorld) -> None:
    world.call("PUT", PATH, {"schema": GROWN})
    less = {"type": "object", "properties": {"id": {"type": "string"}}}
    assert world.call("PUT", f"{PATH}?force=true", {"schema": less}).json()["schema"] == less
    assert world.call("PUT", f"{PATH}?force=false", {"schema": less}).status_code == 200
    problem_of(world.call("PUT", PATH, {"schema": {"type": "object"}}), 409, "schema_not_additive")
    # An entry without a schema promises nothing.
    assert world.call("PUT", PATH, {"description": "none"}).status_code == 200
    assert world.call("PUT", PATH, {"schema": {"type": "object"}}).status_code == 200


def test_force_is_true_or_false(world: ApiWorld) -> None:
    for value in ("1", "yes", "True", ""):
        assert fields_of(world.call("PUT", f"{PATH}?force={value}", {})) == ["force"]


def test_what_else_is_wrong_is_told_first(world: ApiWorld) -> None:
    world.call("PUT", PATH, {"schema": GROWN})
    assert fields_of(world.call("PUT", PATH, {"schema": {"type": "objekt"}})) == ["schema.type"]
