"""What is said of a rule that fails on an event: where the expression went, never what the event has."""

import pytest

from ringback.policy.filter import compile_filter, filter_input
from ringback.policy.reasons import why
from ringback.policy.rule_failure import NO_ANSWER, TOO_DEAR
from ringback.policy.wanted import filter_judges, filter_values
from support.rows import endpoint, event

DATA = {
    "age": 41,
    "name": "secret of the payload",
    "nothing": None,
    "tags": ["new"],
    "address": {"city": "Köln"},
    "items": [{"sku": "A1"}],
    "key": "hidden",
}


def failure(text: str, data: object = DATA, previous: object = None) -> str | None:
    matched, failed = compile_filter(text).judge(filter_input({"type": "a.b", "subject": None}, data, previous))
    assert not matched
    return failed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("data.country == 'DK'", "data has no key country."),
        ("data.address.street == 'x'", "data.address has no key street."),
        ("data['two words'] == 1", "data has no key two words."),
        ("has(data.a.b)", "data has no key a."),
        ("previous.age < data.age", "previous is null and has no key age."),
        ("data.nothing.x == 1", "data.nothing is null and has no key x."),
        ("data.name.x == 1", "data.name is a text and has no key x."),
        ("data.tags.x == 1", "data.tags is a list and has no key x."),
        ("event.subject.id == 'c'", "event.subject is null and has no key id."),
        ("data.items.exists(item, item.price > 1)", "There is no key price."),
        ("data.address[data.key] == 1", "A key that is asked for is not there."),
        ("data.age > 'a'", "Two values don't go together"),
        ("data.nothing > 1", "Two values don't go together"),
        ("data.tags[9] == 'x'", "A list is shorter"),
        ("data.age / 0 == 1", "It divides by zero."),
        ("9223372036854775807 + data.age > 0", "A number becomes too large."),
        ("int(data.name) == 1", "int(…) can't use what it is given."),
        ("timestamp(data.name) > timestamp('2026-01-01T00:00:00Z')", "timestamp(…) can't use what it is given."),
        ("data.age", "It gives a number, not true or false."),
        ("data.name", "It gives a text, not true or false."),
        ("null", "It gives null, not true or false."),
        ("data.tags", "It gives a list, not true or false."),
        ("duration('1s')", "It gives another value, not true or false."),
    ],
)
def test_it_says_what_to_look_at(text: str, words: str) -> None:
    said = failure(text)
    assert said is not None
    assert said.startswith(words)
    assert said != NO_ANSWER
    assert "secret" not in said
    assert "hidden" not in said


@pytest.mark.parametrize("text", ["data.age == 42", "data.missing == 1 && false", "'x' in data"])
def test_what_is_false_did_not_fail(text: str) -> None:
    assert failure(text) is None


def test_a_long_or_strange_name_is_shortened() -> None:
    assert failure(f"data.{'x' * 300} == 1") == f"data has no key {'x' * 64}…."
    assert failure("data['\\u0000'] == 1") == "A key that is asked for is not there."
    assert failure("data['a\u2028b'] == 1") == "data has no key 'a\\u2028b'."


def test_what_takes_too_long_says_so() -> None:
    assert failure("data.l.filter(x, x >= 0).size() > 0", {"l": list(range(100_000))}) == TOO_DEAR


def test_a_filter_that_is_refused_by_now_says_so() -> None:
    judged = filter_judges("nothing.known == 1", filter_values(event()))
    assert not judged.matched
    assert judged.failure is not None
    assert "Save it again" in judged.failure
    found = why(endpoint(filter="nothing.known == 1"), event(), lambda *_: False)
    assert found is not None
    assert (found.kind, found.failed, found.message) == ("filter", True, judged.failure)
