"""Cursors: they lead back to where they came from, and nothing else is taken for one."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.control.paging import checked_limit, decode_cursor, decode_number_cursor, encode_cursor, page_of
from ringback.model.errors import Invalid

KEYS = st.from_regex(r"[A-Za-z0-9_-]{1,128}", fullmatch=True)


@given(KEYS)
def test_a_cursor_gives_its_key_back(key: str) -> None:
    assert decode_cursor("endpoints", encode_cursor("endpoints", key)) == key


@given(st.integers(0, 2**63 - 1))
def test_a_number_cursor_gives_its_number_back(number: int) -> None:
    assert decode_number_cursor("events", encode_cursor("events", str(number))) == number


def test_no_cursor_means_the_beginning() -> None:
    assert decode_cursor("endpoints", None) is None
    assert decode_number_cursor("events", None) is None


@given(st.text(max_size=300))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        decode_cursor("keys", text)
    assert [error.field for error in refused.value.errors] == ["cursor"]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "!",
        "a",
        "ä",
        "keys",
        encode_cursor("tenants", "ten_1"),
        base64.urlsafe_b64encode(b"keys:").decode(),
        base64.urlsafe_b64encode(b"keys:a b").decode(),
        base64.urlsafe_b64encode(b"keys:a\x00").decode(),
        base64.urlsafe_b64encode(b"keys:" + b"a" * 129).decode(),
        "a" * 10_000,
    ],
)
def test_what_is_no_cursor_of_the_list_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid):
        decode_cursor("keys", cursor)


@pytest.mark.parametrize("key", ["abc", "-1", "9223372036854775808", "1" * 40])
def test_a_number_cursor_holds_a_number_that_fits(key: str) -> None:
    with pytest.raises(Invalid):
        decode_number_cursor("events", encode_cursor("events", key))


def test_a_page_has_a_cursor_only_when_there_is_more() -> None:
    assert page_of("keys", ["a", "b"], 2, str).next_cursor is None
    assert page_of("keys", [], 2, str) == ([], None)
    page = page_of("keys", ["a", "b", "c"], 2, str)
    assert page.items == ["a", "b"]
    assert decode_cursor("keys", page.next_cursor) == "b"


@pytest.mark.parametrize("limit", [0, -1, 251])
def test_limits_are_from_1_to_250(limit: int) -> None:
    with pytest.raises(Invalid):
        checked_limit(limit)


@pytest.mark.parametrize("limit", [1, 250])
def test_the_ends_of_the_range_are_in_it(limit: int) -> None:
    assert checked_limit(limit) == limit
