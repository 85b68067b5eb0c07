"""Schemas made of samples: every sample matches, one more sample only widens, and no sample makes it large."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.model.limits import SCHEMA_BYTES_MAX
from ringback.policy import schema_inference
from ringback.policy.schema import compile_schema
from ringback.policy.schema_inference import DEPTH_MAX, DRAFT, WORDS_MAX, infer_schema

TEXTS = st.sampled_from(["", "a", "b", "2026-11-21T23:11:26.042Z", "ada@example.com", "https://example.com/a", "x:y"])
NAMES = st.sampled_from(["id", "name", "a/b", "~", "", "ä"]) | st.text(max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)


def mismatches(schema: dict[str, Any], samples: list[Any]) -> list[Any]:
    compiled = compile_schema(json.dumps(schema).encode())
    return [found for sample in samples for found in compiled.mismatches(json.dumps(sample).encode())]


@given(samples=st.lists(VALUES, min_size=1, max_size=6), enums=st.booleans())
def test_every_sample_matches_and_one_more_makes_none_invalid(samples: list[Any], enums: bool) -> None:
    for count in range(1, len(samples) + 1):
        assert mismatches(infer_schema(samples[:count], enums=enums), samples[:count]) == []


def of(*samples: Any, enums: bool = False) -> dict[str, Any]:
    schema = infer_schema(samples, enums=enums)
    assert schema.pop("$schema") == DRAFT
    return schema


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([1], {"type": "integer"}),
        ([1, 2.5], {"type": "number"}),
        ([True, None], {"type": ["null", "boolean"]}),
        (["a"], {"type": "string"}),
        ([[]], {"type": "array"}),
        ([{}], {"type": "object"}),
        ([[1, "a"], [None]], {"type": "array", "items": {"type": ["null", "integer", "string"]}}),
        (
            [{"id": 1, "name": "Ada"}, {"id": 2, "name": None}, {"id": 3}],
            {
                "type": "object",
                "properties": {"id": {"type": "integer"}, "name": {"type": ["null", "string"]}},
                "required": ["id"],
            },
        ),
        ([{"a": 1}, 5], {"type": ["integer", "object"], "properties": {"a": {"type": "integer"}}, "required": ["a"]}),
        (
            [[{"sku": "a"}], [{"sku": "b", "n": 1}]],
            {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"sku": {"type": "string"}, "n": {"type": "integer"}},
                    "required": ["sku"],
                },
            },
        ),
    ],
)
def test_what_all_samples_have_in_common(samples: list[Any], expected: dict[str, Any]) -> None:
    assert of(*samples) == expected


@pytest.mark.parametrize(
    ("samples", "found"),
    [
        (["2026-11-21T23:11:26.042Z", "2026-11-21T23:11:26+01:00"], "date-time"),
        (["2026-11-21T23:11:26.042Z", "2026-11-21"], None),
        (["https://example.com/a?b=1", "ftp://example.com"], "uri"),
        (["note:this"], None),
        (["ada@example.com"], "email"),
        (["ada@example.com", None], "email"),
        (["ada@example.com", "https://example.com"], None),
        (["ada@example.com", ""], None),
    ],
)
def test_a_format_stands_where_all_texts_have_it(samples: list[Any], found: str | None) -> None:
    assert of(*samples).get("format") == found


def test_words_are_listed_only_if_asked_for_and_few() -> None:
    words = ["new", "won", "new", None]
    assert "enum" not in of(*words)
    assert of(*words, enums=True)["enum"] == ["new", "won", None]
    assert "enum" not in of("new", "won", enums=True)
    assert "enum" not in of("new", "new", 5, enums=True)
    many = [str(number) for number in range(WORDS_MAX + 1)]
    assert "enum" not in of(*many, *many, enums=True)


def test_deep_samples_are_described_so_far() -> None:
    deep: Any = 1
    for _ in range(90):
        deep = {"a": deep}
    schema = infer_schema([deep])
    levels, inner = 0, schema
    while "properties" in inner:
        levels, inner = levels + 1, inner["properties"]["a"]
    assert (levels, inner) == (DEPTH_MAX, {"type": "object"})
    assert mismatches(schema, [deep]) == []


def test_of_very_many_members_so_many_are_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_inference, "MEMBERS_MAX", 5)
    samples = [{f"m{number}": number for number in range(9)}, {"m1": 1, "m8": "x", "x" * 300: 1}]
    schema = infer_schema(samples)
    assert list(schema["properties"]) == ["m0", "m1", "m2", "m3", "m4"]
    assert schema["required"] == ["m1"]
    assert mismatches(schema, samples) == []


def test_a_schema_that_would_be_too_large_is_made_of_fewer_levels() -> None:
    inner = {f"{'n' * 200}{number}": number for number in range(900)}
    samples = [{"a": {"b": inner}}]
    schema = infer_schema(samples)
    assert len(json.dumps(schema)) <= SCHEMA_BYTES_MAX
    assert schema["properties"]["a"]["properties"] == {"b": {"type": "object"}}
    assert mismatches(schema, samples) == []
