"""Schemas of event types: what is taken, what is refused and where, and what a mismatch says."""

import json
from typing import Any

import pytest

from ringback.model.limits import SCHEMA_BYTES_MAX, SCHEMA_PATTERNS_MAX
from ringback.policy.schema import (
    MESSAGE_CHARS_MAX,
    MISMATCHES_MAX,
    PATH_CHARS_MAX,
    SchemaRefused,
    below,
    compile_schema,
)
from support.receivers import Receiver, answers

ORDER = {
    "type": "object",
    "required": ["id", "items"],
    "properties": {
        "id": {"type": "string", "pattern": "^o_[0-9]+$"},
        "items": {"type": "array", "items": {"type": "object", "properties": {"price": {"type": "integer"}}}},
    },
    "additionalProperties": False,
}


def mismatches(schema: Any, data: Any) -> list[tuple[str, str]]:
    text = data if isinstance(data, bytes) else json.dumps(data).encode()
    return [tuple(one) for one in compile_schema(json.dumps(schema).encode()).mismatches(text)]  # type: ignore[misc]


def refusal(schema: Any) -> tuple[str, str]:
    text = schema if isinstance(schema, bytes) else json.dumps(schema).encode()
    with pytest.raises(SchemaRefused) as refused:
        compile_schema(text)
    return refused.value.path, refused.value.message


def test_what_matches_has_no_mismatches() -> None:
    assert mismatches(ORDER, {"id": "o_1", "items": [{"price": 3}, {}]}) == []
    assert mismatches(True, None) == []


def test_each_mismatch_says_where_and_what_and_never_repeats_the_value() -> None:
    found = mismatches(ORDER, {"id": "secret-id", "items": [{"price": "secret-price"}], "more": "secret-more"})
    assert sorted(found) == [
        ("", "additional properties are not allowed ('more' was unexpected)"),
        ("id", 'does not match "^o_[0-9]+$"'),
        ("items[0].price", 'is not of type "integer"'),
    ]
    assert mismatches(ORDER, {"id": "o_1"}) == [("items", "is required")]


@pytest.mark.parametrize(
    ("schema", "data", "path", "message"),
    [
        (False, 1, "", "is not allowed"),
        ({"anyOf": [{"type": "string"}, {"const": 2}]}, 1, "", "fits none of the schemas of anyOf"),
        ({"oneOf": [{"type": "string"}, {"const": 2}]}, 1, "", "fits none, or more than one, of the schemas of oneOf"),
        ({"format": "email"}, "secret", "", "is not of the format email"),
        ({"enum": ["a", "b"]}, "secret", "", 'is not one of "a" or "b"'),
        ({"properties": {"a.b": {"type": "null"}}}, {"a.b": "secret"}, '["a.b"]', 'is not of type "null"'),
        ({"items": {"minLength": 9}}, ["secret"], "[0]", "is shorter than 9 characters"),
        ({"not": {}}, "secret", "", "{} is not allowed for it"),
    ],
)
def test_messages_go_on_from_the_field(schema: Any, data: Any, path: str, message: str) -> None:
    assert mismatches(schema, data) == [(path, message)]


def test_messages_and_paths_and_their_number_are_short() -> None:
    (found,) = mismatches({"enum": ["x" * 5_000]}, "y")
    assert len(found[1]) == MESSAGE_CHARS_MAX + 1
    (found,) = mismatches({"additionalProperties": {"type": "null"}}, {"n" * 5_000: 1})
    assert len(found[0]) <= PATH_CHARS_MAX + 1
    assert len(mismatches({"items": {"type": "null"}}, [1] * 1_000)) == MISMATCHES_MAX
    assert mismatches({"items": {"type": "null"}}, [1] * 100_000) == [("[0]", 'is not of type "null"')]


def test_a_path_stands_below_its_field() -> None:
    assert [below("data", path) for path in ("", "[0].a", "a")] == ["data", "data[0].a", "data.a"]


@pytest.mark.parametrize(
    ("number", "matches"),
    [
        (b"9007199254740993", True),
        (b"9007199254740994", False),
        (b"123456789012345678901234567890", True),
        (b"123456789012345678901234567891", False),
    ],
)
def test_whole_numbers_are_exact(number: bytes, matches: bool) -> None:
    schema = {"enum": [9007199254740993, 123456789012345678901234567890]}
    assert (mismatches(schema, number) == []) is matches


@pytest.mark.parametrize(
    ("number", "matches"), [(b"1.0", True), (b"1.5", False), (b"1" * 300, True), (b"1e999", False)]
)
def test_a_whole_number_is_what_has_no_fraction_and_fits(number: bytes, matches: bool) -> None:
    assert (mismatches({"type": "integer"}, number) == []) is matches


def test_of_a_name_that_stands_twice_the_last_counts() -> None:
    schema = {"properties": {"a": {"type": "string"}}}
    assert mismatches(schema, b'{"a":1,"a":"x"}') == []
    assert mismatches(schema, b'{"a":"x","a":1}') != []


@pytest.mark.parametrize(
    "uri",
    [
        "http://json-schema.org/draft-04/schema#",
        "http://json-schema.org/draft-06/schema#",
        "http://json-schema.org/draft-07/schema#",
        "https://json-schema.org/draft/2019-09/schema",
        "https://json-schema.org/draft/2020-12/schema",
    ],
)
def test_all_drafts_are_read(uri: str) -> None:
    assert mismatches({"$schema": uri, "type": "string"}, 1) == [("", 'is not of type "string"')]


def test_the_draft_decides_what_a_keyword_means() -> None:
    tuple_of_old = {"items": [{"type": "string"}]}
    assert mismatches({"$schema": "http://json-schema.org/draft-07/schema#", **tuple_of_old}, [1]) != []
    assert refusal(tuple_of_old)[0] == "items"


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        (b"{", ""),
        (b"5", ""),
        (b"[]", ""),
        ({"type": "objekt"}, "type"),
        ({"properties": {"a": {"minLength": -1}}}, "properties.a.minLength"),
        ({"$schema": "https://example.com/mine"}, "$schema"),
        ({"properties": {"a": {"pattern": "(?=a)b"}}}, "properties.a.pattern"),
        ({"properties": {"a": {"pattern": "(a)\\1"}}}, "properties.a.pattern"),
        ({"pattern": "((a{1000}){1000}){1000}"}, "pattern"),
        ({"patternProperties": {"(?<!a)b": {}}}, 'patternProperties["(?<!a)b"]'),
    ],
)
def test_what_is_no_schema_is_refused_where_it_is_wrong(schema: Any, path: str) -> None:
    assert refusal(schema)[0] == path


def test_an_unknown_type_is_told_which_there_are() -> None:
    for wrong in ("objekt", 5, ["string", "text"]):
        assert refusal({"properties": {"a": {"type": wrong}}}) == (
            "properties.a.type",
            "must be array, boolean, integer, null, number, object or string, or a list of some of these",
        )
    assert "array, boolean" not in refusal({"properties": {"type": 5}})[1]


def test_a_schema_has_a_size_and_a_number_of_patterns() -> None:
    text = json.dumps({"description": "x" * SCHEMA_BYTES_MAX}).encode()
    assert refusal(text) == ("", "must be at most 65,536 bytes long")
    many = {"allOf": [{"pattern": "a"}] * SCHEMA_PATTERNS_MAX}
    assert mismatches(many, "a") == []
    assert "100 are taken" in refusal({**many, "pattern": "a"})[1]


def test_a_pattern_takes_linear_time() -> None:
    assert mismatches({"pattern": "^(a+)+$"}, "a" * 100_000 + "b") == [("", 'does not match "^(a+)+$"')]


@pytest.mark.parametrize("keyword", ["$ref", "$dynamicRef", "$recursiveRef", "$schema"])
def test_nothing_is_ever_fetched(keyword: str) -> None:
    with Receiver(answers(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")) as other:
        refusal({keyword: f"http://127.0.0.1:{other.port}/schema.json"})
        refusal({"$id": f"http://127.0.0.1:{other.port}/a", keyword: "b.json"})
        inside = {"properties": {"a": {keyword: f"http://127.0.0.1:{other.port}/schema.json#/a"}}}
        if keyword == "$schema":  # means nothing there
            assert mismatches(inside, {"a": 1}) == []
        else:
            refusal(inside)
        assert other.connections == 0


@pytest.mark.parametrize(
    "reference", ["file:///etc/passwd", "/etc/passwd", "schema.json", "urn:x", "#/nowhere", "#name"]
)
def test_a_reference_leads_to_a_place_in_the_schema(reference: str) -> None:
    assert refusal({"properties": {"a": {"$ref": reference}}})[0] == "properties.a.$ref"
