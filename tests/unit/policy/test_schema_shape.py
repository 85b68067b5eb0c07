"""What a schema may cost: what could take for ever is refused, and what people write isn't."""

import json
from typing import Any

import pytest

from ringback.model.limits import SCHEMA_STEPS_MAX
from ringback.policy.schema import compile_schema
from ringback.policy.schema_shape import BadShape, check_shape

TREE = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}}
LIST = {"$defs": {"node": {"properties": {"next": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/node"}]}}}},
        "$ref": "#/$defs/node"}  # fmt: skip
BINARY = {"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}}
ANYTHING = {"type": ["string", "array", "object"], "items": {"$ref": "#"}, "additionalProperties": {"$ref": "#"}}
TWO_KINDS = {
    "$defs": {"a": {"properties": {"b": {"$ref": "#/$defs/b"}}}, "b": {"items": {"$ref": "#/$defs/a"}}},
    "$ref": "#/$defs/a",
}
TUPLE = {"prefixItems": [{"$ref": "#"}, {"$ref": "#"}], "items": {"$ref": "#"}}


def doubling(levels: int, keyword: str = "allOf") -> dict[str, Any]:
    """Each level refers twice to the one below: 2 ** levels steps."""
    definitions: dict[str, Any] = {
        f"a{level}": {keyword: [{"$ref": f"#/$defs/a{level + 1}"}] * 2} for level in range(levels)
    }
    return {"$ref": "#/$defs/a0", "$defs": {**definitions, f"a{levels}": {"type": "integer"}}}


def leftovers(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"allOf": [schema], "unevaluatedProperties": False}
    return schema


@pytest.mark.parametrize(
    "schema", [TREE, LIST, BINARY, ANYTHING, TWO_KINDS, TUPLE, {}, True, doubling(8), leftovers(5)]
)
def test_what_goes_one_way_is_taken(schema: Any) -> None:
    check_shape(schema)
    compile_schema(json.dumps(schema).encode())


def test_a_deep_value_of_a_recursive_schema_is_checked_to_its_end() -> None:
    deep: dict[str, Any] = {"left": 5}
    for _ in range(90):
        deep = {"left": deep, "right": {}}
    schema = compile_schema(json.dumps({"type": "object", **BINARY}).encode())
    (found,) = schema.mismatches(json.dumps(deep).encode())
    assert found.path.startswith("left.left.left.")
    assert found.message == 'is not of type "object"'


@pytest.mark.parametrize("keyword", ["allOf", "anyOf", "oneOf"])
def test_references_that_double_the_work_at_each_step_are_refused(keyword: str) -> None:
    with pytest.raises(BadShape, match=f"more than {SCHEMA_STEPS_MAX:,} steps"):
        check_shape(doubling(40, keyword))


def test_a_long_chain_of_references_is_no_deep_recursion_of_ours() -> None:
    definitions = {f"a{level}": {"$ref": f"#/$defs/a{level + 1}"} for level in range(3_000)}
    check_shape({"$ref": "#/$defs/a0", "$defs": {**definitions, "a3000": {}}})


def test_what_is_left_over_is_looked_at_twice_and_counts_so() -> None:
    with pytest.raises(BadShape, match="steps"):
        check_shape(leftovers(20))


@pytest.mark.parametrize(
    "schema",
    [
        {"oneOf": [{"properties": {"l": {"$ref": "#"}}}, {"properties": {"l": {"$ref": "#"}}}]},
        {"allOf": [{"items": {"$ref": "#"}}], "items": {"$ref": "#"}},
        {"if": {"items": {"$ref": "#"}}, "then": {"items": {"$ref": "#"}}},
        {"properties": {"a": {"$ref": "#"}}, "patternProperties": {"a": {"$ref": "#"}}},
        {"patternProperties": {"a": {"$ref": "#"}, "^a": {"$ref": "#"}}},
        {"additionalProperties": {"$ref": "#"}, "unevaluatedProperties": {"$ref": "#"}},
        {"items": {"$ref": "#"}, "contains": {"$ref": "#"}},
        {"items": {"$ref": "#"}, "unevaluatedItems": {"$ref": "#"}},
        {"dependentSchemas": {"a": {"items": {"$ref": "#"}}}, "items": {"$ref": "#"}},
    ],
)
def test_a_recursion_that_can_go_two_ways_at_once_is_refused(schema: Any) -> None:
    with pytest.raises(BadShape, match="in several ways"):
        check_shape(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"$defs": {"a": {"not": {"$ref": "#"}}}, "anyOf": [{"$ref": "#/$defs/a"}]},
    ],
)
def test_a_recursion_that_never_goes_into_the_value_is_refused(schema: Any) -> None:
    with pytest.raises(BadShape, match="never ends"):
        check_shape(schema)


def test_references_by_anchor_own_id_and_escaped_pointer_are_followed() -> None:
    recursion = {"oneOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}]}
    for reference, where in (
        ("#here", {"x": {"$anchor": "here", "allOf": [{"items": {"$ref": "#here"}}] * 2}}),
        ("#/$defs/a~1b%25", {"a/b%": {"anyOf": [{"items": {"$ref": "#/$defs/a~1b%25"}}] * 2}}),
        ("https://a.example/s#/$defs/x", {"x": {"anyOf": [{"items": {"$ref": "https://a.example/s#/$defs/x"}}] * 2}}),
    ):
        with pytest.raises(BadShape, match="in several ways"):
            check_shape({"$id": "https://a.example/s", "$ref": reference, "$defs": where})
    with pytest.raises(BadShape, match="in several ways"):
        check_shape({"properties": {"a": {"$ref": "#/x/1"}}, "x": [{}, {**recursion, "allOf": [{"$ref": "#/x/0"}]}]})


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"$dynamicRef": "#a"}, ("$dynamicRef",)),
        ({"items": {"$recursiveRef": "#"}}, ("items", "$recursiveRef")),
        ({"$defs": {"a": {"$id": "b"}}}, ("$defs", "a", "$id")),
        ({"$schema": "http://json-schema.org/draft-04/schema#", "items": {"id": "b"}}, ("items", "id")),
        ({"$defs": {"a": {"$anchor": "n"}, "b": {"$anchor": "n"}}}, ("$defs", "b", "$anchor")),
    ],
)
def test_what_would_lead_a_reference_elsewhere_is_refused(schema: Any, place: tuple[str, ...]) -> None:
    with pytest.raises(BadShape) as refused:
        check_shape(schema)
    assert refused.value.place == place


def test_members_may_be_called_as_keywords_are() -> None:
    names = ("$id", "$ref", "$anchor", "pattern", "allOf", "$dynamicRef", "items")
    check_shape({"properties": {name: {"type": "string"} for name in names}, "required": list(names)})
