"""JSON as text: members found, forms made, and nothing about a value changed on the way."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.wire.json_text import ascii_only, compact, members, picked, plain, value_at

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12)
spaces = st.sampled_from(["", " ", "\n\t ", "\r\n"])


def spaced(value: object, space: str) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(space + "," + space, space + ":" + space)).encode(
        "utf-8", "surrogatepass"
    )


valid_text = st.text(st.characters(exclude_categories=["Cs"]))
valid = st.recursive(
    st.none() | st.booleans() | st.integers() | valid_text,
    lambda inner: st.lists(inner) | st.dictionaries(valid_text, inner),
    max_leaves=12,
)


@given(valid, spaces)
def test_forms_say_the_same_and_have_no_space(value: object, space: str) -> None:
    data = space.encode() + spaced(value, space) + space.encode()
    assert compact(data) == spaced(value, "")
    assert json.loads(ascii_only(data)) == value
    assert ascii_only(data) == json.dumps(value, separators=(",", ":")).encode().replace(b"\\u007f", b"\x7f")


@given(st.dictionaries(valid_text, valid), spaces)
def test_members_are_as_written(value: dict[str, object], space: str) -> None:
    found = members(space.encode() + spaced(value, space))
    assert {name: json.loads(raw) for name, raw in found.items()} == value
    assert list(found) == list(value)
    for name, raw in found.items():
        assert raw == spaced(value[name], space)


@pytest.mark.parametrize(
    "data", [b"", b"  ", b"1", b"null", b'"{}"', b"[]", b'["a"]', b"{", b'{"a"', b'{"a":', b"\xff"]
)
def test_what_is_no_object_has_no_members(data: bytes) -> None:
    assert members(data) == {}


def test_numbers_keep_their_digits_and_the_last_of_two_counts() -> None:
    data = b'{"a": 1.50, "long": %s, "a": 1e400, "big": 12345678901234567890}' % (b"9" * 6_000)
    assert members(data) == {"a": b"1e400", "long": b"9" * 6_000, "big": b"12345678901234567890"}
    assert picked(data, ("big", "none", "a")) == b'{"big":12345678901234567890,"a":1e400}'


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ((), b'{"a": {"b" : {"c": "x"}}, "n": null}'),
        (("a", "b"), b'{"c": "x"}'),
        (("a", "b", "c"), b'"x"'),
        (("a", "b", "c", "d"), None),
        (("n",), None),
        (("other",), None),
    ],
)
def test_what_stands_at_a_path(path: tuple[str, ...], found: bytes | None) -> None:
    assert value_at(b'{"a": {"b" : {"c": "x"}}, "n": null}', path) == found
    assert value_at(None, path) is None


@pytest.mark.parametrize(
    ("data", "text"), [(b'"a\\u00e9\\n"', "a\u00e9\n"), (b"1.50", "1.50"), (b'{"a":1}', '{"a":1}'), (b'"', '"')]
)
def test_a_value_as_text(data: bytes, text: str) -> None:
    assert plain(data) == text


def test_what_is_not_ascii_is_escaped_as_python_does() -> None:
    assert ascii_only('{ "Etelä" : "😀" }'.encode()) == b'{"Etel\\u00e4":"\\ud83d\\ude00"}'
