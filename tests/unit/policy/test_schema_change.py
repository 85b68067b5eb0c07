"""What a new version of a schema takes away: what receivers may count on is refused, growth and what can't be compared
is not."""

import json
from typing import Any

import pytest

from ringback.policy import schema_change
from ringback.policy.schema import compile_schema
from ringback.policy.schema_change import taken_away
from ringback.policy.schema_shape import BadShape, References

REMOVED = "is removed"
OPTIONAL = "may be left out now; it was required"


def taken(before: Any, after: Any) -> list[tuple[str, str]]:
    """(path, message) of schemas that can both be used."""
    texts = [json.dumps(one).encode() for one in (before, after)]
    for text in texts:
        compile_schema(text)
    return [tuple(one) for one in taken_away(*texts)]  # type: ignore[misc]


def of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


TEXT, WHOLE, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
NULLABLE = {"type": ["string", "null"]}
DEFINED = {"$defs": {"address": of(city=TEXT, zip=TEXT)}, **of(home={"$ref": "#/$defs/address"})}
TREE = of(name=TEXT, children={"type": "array", "items": {"$ref": "#"}})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (of(a=TEXT), of(a=TEXT)),
        (of(a=TEXT), of(a=TEXT, b=WHOLE)),
        ({}, of(a=TEXT)),
        (True, of(a=TEXT)),
        (of(a={}), of(a=TEXT)),
        (of(a=NULLABLE), of(a=TEXT)),
        (of(a=NUMBER), of(a=WHOLE)),
        (of(a=TEXT), {**of(a=TEXT), "required": ["a"]}),
        (of(a=TEXT), {**of(a=TEXT), "additionalProperties": False}),
        ({**of(a=TEXT), "additionalProperties": False}, of(a=TEXT, b=TEXT)),
        (of(a={"enum": ["x"]}), of(a={"enum": ["x", "y"]})),
        (of(a={"enum": ["x", "y"]}), of(a={"const": "x"})),
        (of(a=TEXT), of(a={"type": "string", "format": "date", "maxLength": 10, "pattern": "^2"})),
        (of(a=of(b=TEXT)), of(a=of(b=TEXT, c=TEXT))),
        (of(a={"type": "array", "items": of(b=TEXT)}), of(a={"type": "array", "items": of(b=TEXT, c=WHOLE)})),
        (of(a={"type": "array"}), of(a={"type": "array", "items": TEXT})),
        (DEFINED, of(home=of(city=TEXT, zip=TEXT, country=TEXT))),
        (of(home=of(city=TEXT, zip=TEXT)), DEFINED),
        (of(a=NULLABLE), of(a={"anyOf": [TEXT, {"type": "null"}]})),
        (of(a=TEXT), {"allOf": [of(b=TEXT), of(a=TEXT)]}),
        (of(a=TEXT), {"oneOf": [of(a=TEXT, kind={"const": 1}), of(a=TEXT, kind={"const": 2})]}),
        (of(a=TEXT), {"if": of(k=TEXT), "then": of(a=TEXT), "else": of(a=TEXT, b=TEXT)}),
        ({**of(a=TEXT), "dependentSchemas": {"a": of(b=TEXT)}}, of(a=TEXT, b=TEXT)),
        (TREE, TREE),
        (TREE, of(name=TEXT, size=WHOLE, children={"type": "array", "items": {"$ref": "#"}})),
        (of(a={"not": TEXT}), of(a={"not": WHOLE})),
        (of(a={"format": "date"}), of(a={"format": "date-time"})),
        ({"patternProperties": {"^x-": TEXT}}, {"patternProperties": {"^y-": TEXT}}),
        ({"additionalProperties": TEXT}, {"additionalProperties": {"enum": ["x"]}}),
        ({"prefixItems": [TEXT]}, {"prefixItems": [TEXT, WHOLE]}),
        (False, of(a=TEXT)),
    ],
)
def test_what_grows_or_says_more_takes_nothing_away(before: Any, after: Any) -> None:
    assert taken(before, after) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (of(a=TEXT, b=TEXT), of(b=TEXT), [("data.a", REMOVED)]),
        (of(a=TEXT), {}, [("data", "may be anything now; it was object")]),
        ({"properties": {"a": TEXT}}, {}, [("data.a", REMOVED)]),
        ({"properties": {"a": TEXT, "b": {}}}, True, [("data.a", REMOVED), ("data.b", REMOVED)]),
        (of(a=TEXT), False, [("data", REMOVED)]),
        (of(a=TEXT), of(a=False), [("data.a", REMOVED)]),
        (of(a=TEXT), of(a=WHOLE), [("data.a", "may be integer now; it was string")]),
        (of(a=TEXT), of(a=NULLABLE), [("data.a", "may be null or string now; it was string")]),
        (of(a=WHOLE), of(a=NUMBER), [("data.a", "may be number now; it was integer")]),
        (of(a=TEXT), of(a={}), [("data.a", "may be anything now; it was string")]),
        (of(a={"enum": ["x", 2]}), of(a={"enum": ["x", 2.5]}), [
            ("data.a", "may be string or number now; it was string or integer"),
        ]),
        (of(a={"const": "x"}), of(a={"const": 5}), [("data.a", "may be integer now; it was string")]),
        ({**of(a=TEXT), "required": ["a"]}, of(a=TEXT), [("data.a", OPTIONAL)]),
        ({"required": ["a"]}, {"type": "object"}, [("data.a", REMOVED)]),
        (of(a=of(b=TEXT)), of(a=of(c=TEXT)), [("data.a.b", REMOVED)]),
        (of(**{"a b": of(ü=TEXT)}), of(**{"a b": of()}), [('data["a b"]["ü"]', REMOVED)]),
        (of(a=of(b=TEXT)), of(a=TEXT), [("data.a", "may be string now; it was object")]),
        (of(a={"type": ["object", "null"], "properties": {"b": TEXT}}), of(a={"type": "null"}), [
            ("data.a.b", REMOVED),
        ]),
        ({"type": "array", "items": of(sku=TEXT)}, {"type": "array", "items": of()}, [("data[].sku", REMOVED)]),
        ({"items": TEXT}, {"items": WHOLE}, [("data[]", "may be integer now; it was string")]),
        ({"items": TEXT}, {"type": "array"}, [("data[]", "may be anything now; it was string")]),
        ({"prefixItems": [TEXT, WHOLE]}, {"prefixItems": [TEXT], "items": TEXT}, [
            ("data[1]", "may be string now; it was integer"),
        ]),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "items": [TEXT], "additionalItems": WHOLE},
         {"prefixItems": [TEXT], "items": NUMBER},
         [("data[]", "may be number now; it was integer")]),
        ({"additionalProperties": TEXT}, {"additionalProperties": WHOLE}, [
            ("data.*", "may be integer now; it was string"),
        ]),
        ({"additionalProperties": TEXT}, {}, [("data.*", "may be anything now; it was string")]),
        ({"patternProperties": {"^x-": TEXT}}, {"patternProperties": {"^x-": WHOLE}}, [
            ('data["^x-"]', "may be integer now; it was string"),
        ]),
        (DEFINED, of(home=of(city=TEXT)), [("data.home.zip", REMOVED)]),
        (of(home=of(city=TEXT, town=TEXT)), DEFINED, [("data.home.town", REMOVED)]),
        ({"allOf": [of(a=TEXT), of(b=TEXT)]}, of(a=TEXT), [("data.b", REMOVED)]),
        ({"anyOf": [of(a=TEXT), of(b=TEXT)]}, {"anyOf": [of(a=TEXT), of(c=TEXT)]}, [("data.b", REMOVED)]),
        (of(a=TEXT), of(a={"anyOf": [TEXT, WHOLE]}), [("data.a", "may be string or integer now; it was string")]),
        ({"oneOf": [{**of(a=TEXT), "required": ["a"]}, {"type": "null"}]}, {"type": ["object", "null"], "properties": {
            "a": TEXT}}, [("data.a", OPTIONAL)]),
        ({**of(a=TEXT), "if": of(k=TEXT), "then": of(b=TEXT)}, of(a=TEXT, k=TEXT), [("data.b", REMOVED)]),
        (TREE, of(children={"type": "array", "items": {"$ref": "#"}}), [
            ("data.name", REMOVED), ("data.children[].name", REMOVED),
        ]),
        (TREE, of(name=TEXT, children={"type": "array", "items": of(children=TREE["properties"]["children"])}), [
            ("data.children[].name", REMOVED),
        ]),
    ],
)  # fmt: skip
def test_what_receivers_may_count_on_is_told_with_its_place(
    before: Any, after: Any, expected: list[tuple[str, str]]
) -> None:
    assert taken(before, after) == expected


def test_all_that_is_taken_away_is_told_up_to_a_limit() -> None:
    before = of(**{f"f{number}": TEXT for number in range(schema_change.TAKEN_MAX + 5)})
    found = taken(before, of())
    assert len(found) == schema_change.TAKEN_MAX
    assert found[0] == ("data.f0", REMOVED)


def test_more_alternatives_than_are_looked_at_are_not_compared() -> None:
    choice = {"anyOf": [of(a=TEXT), of(b=TEXT)]}
    many = {"allOf": [choice] * 10}
    assert taken(many, of()) == []
    assert taken(of(deep=many, shallow=TEXT), of(deep=of())) == [("data.shallow", REMOVED)]


def test_a_comparison_ends_after_so_many_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_change, "STEPS_MAX", 3)
    before = of(**{f"f{number}": of(x=TEXT) for number in range(5)})
    after = of(**{f"f{number}": of() for number in range(5)})
    # One step for the whole, then one for each member: the third is not reached.
    assert taken(before, after) == [("data.f0.x", REMOVED), ("data.f1.x", REMOVED)]


def test_numbers_of_any_length_and_references_to_everything_are_no_trouble() -> None:
    huge = b'{"enum": [' + b"9" * 5_000 + b"]}"
    assert taken_away(huge, b'{"type": "integer"}') == []
    assert taken({"$defs": {"any": True}, **of(a={"$ref": "#/$defs/any"})}, of(a=TEXT)) == []
    with pytest.raises(BadShape, match="leads to nothing"):
        References({}).led_to("#/nowhere", ())
