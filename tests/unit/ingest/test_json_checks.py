"""Checks on JSON as bytes: UTF-8, nesting (against a plain recursive count), and what a refusal is called."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.ingest.json_checks import check_utf8, nests_deeper, refusal
from ringback.model.errors import Invalid, Malformed

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='[]{}"\\aé,:', max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='[]{}"\\a', max_size=4), inner),
    max_leaves=30,
)


def depth_of(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


@given(JSON_VALUES)
def test_nesting_is_what_a_recursive_count_says(value: Any) -> None:
    for indent in (None, 1):
        for escaped in (True, False):
            text = json.dumps(value, indent=indent, ensure_ascii=escaped).encode()
            depth = depth_of(value)
            assert not nests_deeper(text, depth)
            assert depth == 0 or nests_deeper(text, depth - 1)


@pytest.mark.parametrize("levels", [99, 100])
def test_a_hundred_levels_are_allowed(levels: int) -> None:
    assert not nests_deeper(b"[" * levels + b"]" * levels, 100)
    assert not nests_deeper(b'{"a":' * levels + b"1" + b"}" * levels, 100)


def test_a_hundred_and_one_levels_are_not() -> None:
    assert nests_deeper(b"[" * 101 + b"]" * 101, 100)
    assert nests_deeper(b'[{"a":' * 51 + b"1" + b"}]" * 51, 100)


def test_width_is_not_depth() -> None:
    assert not nests_deeper(b"[" + b",".join([b"[{}]"] * 10_000) + b"]", 3)
    assert nests_deeper(b"[" + b",".join([b"[{}]"] * 10_000) + b"]", 2)


def test_brackets_in_strings_do_not_nest_and_do_not_close() -> None:
    assert not nests_deeper(json.dumps(["[" * 500, '"[{' * 200, "\\"]).encode(), 100)
    # Real brackets that strings pretend to close.
    hidden = b'["]",' * 150 + b"1" + b"]" * 150
    assert json.loads(hidden)
    assert nests_deeper(hidden, 100)


@pytest.mark.parametrize(
    "body", [b"\xff", b'{"a":"\xc3"}', b"\xed\xa0\x80", b"\xc0\xaf", "é".encode("utf-16"), b"\xf4\x90\x80\x80"]
)
def test_what_is_not_utf8_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        check_utf8(body)


@pytest.mark.parametrize("body", [b"", b"plain", "é€😀".encode(), b"\x00"])
def test_utf8_passes(body: bytes) -> None:
    check_utf8(body)


class Thing(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    parts: list[dict[str, int]] = []


def refused(body: bytes, place: str = "") -> Malformed | Invalid:
    with pytest.raises((msgspec.DecodeError, RecursionError)) as caught:
        msgspec.json.decode(body, type=Thing)
    return refusal(caught.value, body, place)


@pytest.mark.parametrize(
    ("body", "place", "field", "message"),
    [
        (b'{"name":5}', "", "name", "must be text"),
        (b'{"name":5}', "events[3]", "events[3].name", "must be text"),
        (b'{"name":"a","parts":[{"x":"y"}]}', "", "parts[0][...]", "must be a whole number"),
        (b"{}", "", "name", "is required"),
        (b"{}", "events[0]", "events[0].name", "is required"),
        (b'{"name":"a","nome":1}', "", "nome", "is not a field that is known here"),
        (b"[]", "", "body", "must be an object"),
        (b"[]", "events[1]", "events[1]", "must be an object"),
    ],
)
def test_a_wrong_type_names_its_field(body: bytes, place: str, field: str, message: str) -> None:
    error = refused(body, place)
    assert isinstance(error, Invalid)
    assert error.errors == ((field, message),)
    assert field in error.detail


def test_the_name_of_an_unknown_field_is_cut() -> None:
    error = refused(b'{"name":"a","' + b"z" * 100_000 + b'":1}')
    assert isinstance(error, Invalid)
    assert len(error.errors[0].field) == 128


def test_a_name_that_looks_like_a_message_is_only_a_name() -> None:
    error = refused(b'{"name":"a","x` - at `$.y":1}')
    assert isinstance(error, Invalid)
    assert error.errors[0].message == "is not a field that is known here"


def test_text_that_is_not_json_is_malformed_even_if_a_type_is_wrong_first() -> None:
    assert isinstance(refused(b'{"name":5,"parts":[}'), Malformed)
    assert isinstance(refused(b'{"name":5'), Malformed)


def test_a_lone_surrogate_is_called_by_its_name() -> None:
    for body in (rb'{"name":"\ud800"}', rb'{"name":"x\\\udc00"}', rb'{"name":"\ud83d\ude00 \ud83d"}'):
        error = refused(body)
        assert isinstance(error, Malformed)
        assert "surrogate" in error.detail
    assert "surrogate" not in refused(rb'{"name":"\ud83d\ude00 \\ud800",}').detail
