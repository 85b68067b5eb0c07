"""What is different between two states of a record: held against what JSON says, and RFC 7396's own examples."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.model.limits import CHANGED_BYTES_MAX, CHANGED_POINTERS_MAX
from ringback.policy.record_change import (
    WHOLE,
    differences,
    masked,
    members_of,
    merged,
    object_of,
    steps_of,
    told,
    valid_pointer,
    within,
    without,
)

NAMES = st.sampled_from(["a", "b", "c/d", "~", "", "é"])
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.sampled_from(["", "x", "1"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=4)


def text_of(value: object) -> bytes:
    return json.dumps(value).encode()


def at(value: Any, pointer: str) -> object:
    """What stands there; a mark of its own where nothing does."""
    for step in steps_of(pointer):
        if not isinstance(value, dict) or step not in value:
            return differences
        value = value[step]
    return value


def told_apart(one: object, other: object) -> bool:
    """As JSON has it: by canonical text, with whole numbers written as such."""

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {name: plain(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [plain(inner) for inner in value]
        return int(value) if isinstance(value, float) and value.is_integer() else value

    return json.dumps(plain(one), sort_keys=True) != json.dumps(plain(other), sort_keys=True)


@given(OBJECTS, OBJECTS)
def test_no_difference_is_told_if_and_only_if_it_is_the_same_json(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert bool(differences(before, after)) == told_apart(before, after)


@given(OBJECTS, OBJECTS)
def test_each_place_is_one_where_they_differ_and_all_that_is_not_named_is_the_same(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    found = differences(before, after)
    assert len(set(found)) == len(found)
    for pointer in found:
        assert valid_pointer(pointer)
        one, other = at(before, pointer), at(after, pointer)
        assert one is differences or other is differences or told_apart(one, other)
        assert not (isinstance(one, dict) and isinstance(other, dict))
    repaired = json.loads(json.dumps(before))
    for pointer in found:
        *way, last = steps_of(pointer)
        there = repaired
        for step in way:
            there = there[step]
        new = at(after, pointer)
        if new is differences:
            del there[last]
        else:
            there[last] = new
    assert not told_apart(repaired, after)


def test_arrays_are_compared_as_wholes_and_true_is_not_one() -> None:
    assert differences({"a": [1, {"b": 1}]}, {"a": [1, {"b": 2}]}) == ["/a"]
    assert differences({"a": [1]}, {"a": [True]}) == ["/a"]
    assert differences({"a": [0, {"b": False}]}, {"a": [0.0, {"b": 0}]}) == ["/a"]
    assert differences({"a": 1, "b": [2.0]}, {"b": [2], "a": 1.0}) == []


def test_names_with_slashes_and_tildes_are_escaped() -> None:
    assert differences({}, {"a/b": 1, "c~": {"d": 1}}) == ["/a~1b", "/c~0"]
    assert steps_of("/a~1b/c~0/~01") == ("a/b", "c~", "~1")
    assert members_of({"a/b": 1, "": 2}) == ["/", "/a~1b"]


@pytest.mark.parametrize("text", ["", "a", "/~", "/~2", "a/b", "/a~"])
def test_what_is_no_pointer_into_a_record(text: str) -> None:
    assert not valid_pointer(text)


@pytest.mark.parametrize("text", ["/", "/a", "/a/b", "/a~0b~1c", "/é", "/a//b"])
def test_what_is_one(text: str) -> None:
    assert valid_pointer(text)


def test_too_many_places_are_the_whole_record() -> None:
    assert told([f"/{n}" for n in range(CHANGED_POINTERS_MAX)]) != (WHOLE,)
    assert told([f"/{n}" for n in range(CHANGED_POINTERS_MAX + 1)]) == (WHOLE,)
    assert told(["/" + "é" * (CHANGED_BYTES_MAX // 2)]) == (WHOLE,)


def test_ignored_places_cover_what_is_below_them_and_nothing_else() -> None:
    assert without(["/a", "/a/b", "/ab", "/c/d"], ["/a", "/c"]) == ["/ab"]
    assert without(["/a"], ["/a/b"]) == ["/a"]


def test_what_says_something_of_a_field_is_at_it_below_it_or_above_it() -> None:
    assert within(["/a", "/a/b", "/ab", "/c", "/d/e"], ["/a", "/c/x", "/d/e/f"]) == ["/a", "/a/b", "/c", "/d/e"]


# The table of RFC 7396, appendix A, as far as both are objects.
@pytest.mark.parametrize(
    ("state", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_does_what_its_specification_says(state: object, patch: object, result: object) -> None:
    assert json.loads(merged(text_of(state), text_of(patch))) == result


def test_what_a_patch_does_not_touch_keeps_its_bytes() -> None:
    state = b'{"n": 1.0, "big":12345678901234567890123, "far": 1e400, "t": "\\u00e4", "in": {"x": 1.50}}'
    assert merged(state, b'{"in": { "y" : 2.0 }}') == (
        b'{"n":1.0,"big":12345678901234567890123,"far":1e400,"t":"\\u00e4","in":{"x":1.50,"y":2.0}}'
    )


@given(OBJECTS, OBJECTS)
def test_a_patch_twice_is_a_patch_once(state: dict[str, Any], patch: dict[str, Any]) -> None:
    once = merged(text_of(state), text_of(patch))
    assert differences(object_of(merged(once, text_of(patch))), object_of(once)) == []


@given(OBJECTS)
def test_a_mask_keeps_what_stands_at_its_pointers(state: dict[str, Any]) -> None:
    fields = ["/a", "/b/a", "/b/a/c~1d", "/c~1d/~0/a", "/zz"]
    kept = json.loads(masked(text_of(state), fields))
    for field in fields:
        assert at(kept, field) == at(state, field)
    assert set(kept) <= {"a", "b", "c/d"}


def test_a_mask_keeps_the_form_of_the_record_and_the_bytes_of_what_it_keeps() -> None:
    state = b'{"id": 1.0, "company": {"name": "X", "size": 3}, "tags": ["a" ]}'
    assert masked(state, ["/company/name", "/tags", "/id"]) == b'{"id":1.0,"company":{"name":"X"},"tags":["a" ]}'
    assert masked(state, ["/company/name/first", "/id/x"]) == b'{"company":{}}'
    assert masked(state, ["/company", "/company/name"]) == b'{"company":{"name": "X", "size": 3}}'
