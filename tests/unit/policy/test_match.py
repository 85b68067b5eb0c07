"""Event types and patterns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.policy.match import candidates, pattern_matches, valid_event_type, valid_pattern

WORD = st.text("ab_-9", min_size=1, max_size=3)
EVENT_TYPES = st.lists(WORD, min_size=1, max_size=6).map(".".join)
PATTERNS = st.one_of(EVENT_TYPES, EVENT_TYPES.map(lambda name: name + ".*"), st.just("*"))


def test_candidates_are_the_name_every_prefix_and_the_star() -> None:
    assert candidates("a.b.c") == ("a.b.c", "a.b.*", "a.*", "*")
    assert candidates("contact") == ("contact", "*")


@given(PATTERNS, EVENT_TYPES)
def test_a_pattern_matches_exactly_when_it_is_a_candidate(pattern: str, event_type: str) -> None:
    assert (pattern in candidates(event_type)) is pattern_matches(pattern, event_type)


@given(EVENT_TYPES)
def test_all_candidates_are_valid_distinct_and_match(event_type: str) -> None:
    found = candidates(event_type)
    assert len(set(found)) == len(found)
    assert all(valid_pattern(pattern) and pattern_matches(pattern, event_type) for pattern in found)


@pytest.mark.parametrize(
    ("pattern", "event_type", "matches"),
    [
        ("*", "contact", True),
        ("*", "contact.created", True),
        ("contact.*", "contact.created", True),
        ("contact.*", "contact.email.changed", True),
        ("contact.*", "contact", False),
        ("contact.*", "contacts.created", False),
        ("contact.*", "contactx.created", False),
        ("contact.created", "contact.created", True),
        ("contact.created", "contact.created.again", False),
        ("contact.created", "Contact.created", False),
        ("contact", "contact.created", False),
    ],
)
def test_matching(pattern: str, event_type: str, matches: bool) -> None:
    assert pattern_matches(pattern, event_type) is matches
    assert (pattern in candidates(event_type)) is matches


@pytest.mark.parametrize("name", ["a", "a.b", "A-b_9.c", "0", "-", "_._", "a" * 128])
def test_valid_event_types(name: str) -> None:
    assert valid_event_type(name)
    assert valid_pattern(name)


@pytest.mark.parametrize(
    "name",
    ["", ".", "a.", ".a", "a..b", "a b", "a\n", "a.b\n", "é", "a.*", "*", "a/b", "a" * 129, "a.\x00", "a.*.b", "٣"],
)
def test_invalid_event_types(name: str) -> None:
    assert not valid_event_type(name)


@pytest.mark.parametrize("pattern", ["*", "a.*", "a.b.*", "a" * 126 + ".*"])
def test_valid_patterns(pattern: str) -> None:
    assert valid_pattern(pattern)


@pytest.mark.parametrize(
    "pattern", ["", ".*", "**", "a*", "*.a", "a.*.b", "a.*.*", "a..*", "a.*\n", "*\n", "a" * 127 + ".*"]
)
def test_invalid_patterns(pattern: str) -> None:
    assert not valid_pattern(pattern)
