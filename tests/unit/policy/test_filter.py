"""Filters: what they see, what they refuse, and that nothing an expression or an event does gets out of hand."""

import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ringback.policy.effort import EVENT_WORK_MAX, WORK_MAX
from ringback.policy.filter import EVENT_FIELDS, FUNCTIONS, METHODS, FilterRefused, compile_filter, filter_input
from ringback.policy.wanted import filter_values
from support.rows import event as made_event

EVENT: dict[str, object] = {
    "id": "evt_1",
    "type": "contact.created",
    "channel": None,
    "subject": {"type": "contact", "id": "c1"},
    "change": "updated",
    "occurred_at": "2026-05-06T07:08:09.123Z",
    "ordering_key": None,
}
DATA: dict[str, object] = {
    "age": 41,
    "score": 7.0,
    "name": "Zoë",
    "nothing": None,
    "tags": ["new", "vip"],
    "items": [{"sku": "A1", "price": 10.5}, {"sku": "B2", "price": 99}],
    "address": {"city": "Köln"},
    "two words": 1,
}
PREVIOUS: dict[str, object] = {"age": 40, "tags": ["new"]}


def matches(text: str, data: object = DATA, previous: object = PREVIOUS, event: dict[str, object] = EVENT) -> bool:
    return compile_filter(text).matches(filter_input(event, data, previous))


@pytest.mark.parametrize(
    "text",
    [
        "true",
        "data.age == 41",
        "data.age > 40.5",
        "data.score == 7",
        "data.age != previous.age",
        "data.name == 'Zoë' && data.address.size() == 1",
        "data['two words'] == 1",
        "data.nothing == null",
        "has(data.nothing) && !has(data.missing)",
        "has(data.address.city)",
        "data.missing == 1 || true",
        "'vip' in data.tags",
        "'age' in data",
        "data.tags.exists(tag, !(tag in previous.tags))",
        "data.items.exists(item, item.price > 50 && item.sku.startsWith('B'))",
        "data.items.all(item, item.price > 10.0)",
        "data.items.exists_one(item, item.sku == 'A1')",
        "data.items.filter(item, item.price > 50).size() == 1",
        "data.items.map(item, item.sku) == ['A1', 'B2']",
        "data.items.map(item, item.price > 50, item.sku)[0] == 'B2'",
        "{'a': 1, 'b': data.age}.b == 41",
        "event.type.startsWith('contact.') && event.change in ['updated', 'created']",
        "event.subject.type == 'contact' && event.channel == null",
        "timestamp(event.occurred_at) > timestamp('2026-01-01T00:00:00Z')",
        "timestamp(event.occurred_at).getFullYear() == 2026",
        "timestamp(event.occurred_at) - timestamp('2026-05-06T07:00:00Z') < duration('10m')",
        "data.name.matches('^Z') && data.name.matches(r'^\\w+$')",
        "string(data.age) == '41' && int('41') == data.age && double(data.age) == 41.0",
        "type(data.age) == int && type(data.name) == string",
        "data.age % 2 == 1 ? data.score > 5 : false",
        "// a comment\ndata.age == 41",
    ],
)
def test_wanted(text: str) -> None:
    assert matches(text)


@pytest.mark.parametrize(
    "text",
    [
        "false",
        "data.age == 42",
        "data.missing == 1",
        "data.missing != 1",
        "data.missing.deeper == 1",
        "has(data.missing.deeper)",
        "data.nothing.x == 1",
        "data.nothing > 1",
        "data.tags[9] == 'x'",
        "data.tags.x == 1",
        "data.age > 'a'",
        "data.age",
        "'true'",
        "1",
        "null",
        "data",
        "data.age / 0 == 1",
        "9223372036854775807 + data.age > 0",
        "timestamp('nonsense') > timestamp(event.occurred_at)",
        "timestamp('9999-12-31T23:59:59Z') + duration('100000000h') > timestamp(event.occurred_at)",
        "int('x') == 1",
        "data.items.all(item, item.missing == 1)",
        "data.age.all(x, true)",
        "data.name.all(x, true)",
    ],
)
def test_not_wanted(text: str) -> None:
    assert not matches(text)


@pytest.mark.parametrize("previous", [None, {}, [], "text"])
def test_a_previous_that_is_not_there_is_no_error(previous: object) -> None:
    assert not matches("previous.age < data.age", previous=previous)
    assert not matches("previous.age < data.age && true", previous=previous)
    assert matches("previous == null || data.age == 41", previous=previous)


def test_an_event_without_a_subject() -> None:
    event = {**EVENT, "subject": None, "occurred_at": None}
    assert not matches("event.subject.id == 'c1'", event=event)
    assert not matches("timestamp(event.occurred_at) > timestamp('2026-01-01T00:00:00Z')", event=event)
    assert matches("event.subject == null && event.occurred_at == null", event=event)


@pytest.mark.parametrize("data", [None, True, 5, 1.5, "text", [1, 2], {"data": {"data": 1}}])
def test_data_may_be_any_json(data: object) -> None:
    assert matches("data == data", data=data)
    assert not matches("data.x == 1", data=data)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (2**63 - 1, "data.n == 9223372036854775807"),
        (2**63, "data.n > 9223372036854775807"),
        (-(2**63), "data.n < 0"),
        (-(2**63) - 1, "data.n < -9.0e18"),
        (10**30, "data.n > 1e29"),
        (10**400, "data.n > 1e300"),
        (-(10**400), "data.n < -1e300"),
        (float("inf"), "data.n > 1e300"),
    ],
)
def test_large_numbers_have_a_value(number: float, text: str) -> None:
    assert matches(text, data={"n": number, "deep": [{"n": number}]})
    assert matches(text.replace("data.n", "data.deep[0].n"), data={"n": number, "deep": [{"n": number}]})


def test_one_input_serves_many_filters() -> None:
    given_input = filter_input(EVENT, DATA, PREVIOUS)
    context = given_input.context(frozenset({"data", "previous"}))
    found = [
        compile_filter(text).matches(given_input) for text in ("data.age == 41", "data.age == 42", "data.x", "true")
    ]
    assert found == [True, False, False, True]
    assert given_input.context(frozenset({"data"})) is context
    assert compile_filter("event.id == 'evt_1' || data.age == 41 && previous != null").matches(given_input)
    assert given_input.context(frozenset({"data"})) is not context, "event came to it"


def test_what_a_filter_does_not_read_is_not_in_its_way() -> None:
    """JSON has no such value; it stands for one that the library can't take."""
    given_input = filter_input(EVENT, {"bad": object()}, PREVIOUS)
    assert compile_filter("previous != null").matches(given_input)
    assert compile_filter("data.bad == 1").judge(given_input).failure is not None
    assert compile_filter("event.id != ''").matches(given_input)


# ── refused when saved ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("foo == 1", "foo at character 1 is unknown"),
        ("data.a == 1 && (true || bar.baz)", "bar at character 25 is unknown"),
        ("true || foo(1)", "The function foo at character 9 is unknown"),
        ("false ? data.s.foo() : true", "The function foo at character 16 is unknown"),
        ("data.l.exists(x, y == 1)", "y at character 18 is unknown"),
        ("data.l.exists(x, x == 1) && x == 1", "x at character 29 is only known within exists"),
        ("{a: 1}.a == 1", "a at character 2 is unknown"),
        ("[data.a, b]", "b at character 10 is unknown"),
        ("data[key]", "key at character 6 is unknown"),
        (".data.a", "Look at .data"),
        ("event.typo == 'x'", "event has no field typo. It has id, type,.*the payload is data"),
        ("has(event.data.x)", "event has no field data"),
        ("event['typo'] == 1", "event has no field typo"),
        ("event.subject.name == 'x'", "event.subject has no field name. It has type, id"),
        ("data.l.exists(x, x == event.typo)", "event has no field typo"),
        ("Data.a", "Data at character 1 is unknown"),
        ("data.Type{x: 1}", "x at character 11 is unknown"),
        ("data.Type{}", "The message type Type at character 6 is unknown"),
        ("google.protobuf.Timestamp{}", "google at character 1"),
        ("cel.bind(x, 1, x)", "cel at character 1"),
        ("optional.of(1)", "optional at character 1"),
        ("math.abs(1) == 1", "math at character 1"),
        ("string.of(1)", "The function of"),
        ("data.a.string() == '1'", r"string at character 8 is called as string\(x\)"),
        ("contains(data.s, 'x')", r"contains at character 1 is called as x.contains"),
        ("all(data.l, x, true)", r"all at character 1 is called as x.all"),
        ("data.l.all(i, v, true)", "v at character 15 is unknown"),
        ("data.l.all(i, 1, true)", r"all\(…\) takes a name and a condition"),
        ("data.s.upperAscii() == 'A'", "The function upperAscii"),
        ("data.a ==", "Line 1, character 10: Syntax error"),
        ("data.a\n== &&", "Line 2, character 4: Syntax error"),
        ("has(data)", r"invalid argument to has\(\)"),
        ("data.?a", "unsupported syntax"),
        ("if", "reserved"),
        ("'\\q'", "Line 1, character 1"),
        ("'\\ud800' == ''", "invalid string literal"),
        ("données == 1", "Line 1, character 5"),
        ("true\x00", "Line 1, character 5"),
        ("data\u00a0.a", "Line 1, character 5"),
        ("\ud800", "Line 1, character 1|can't be read"),
        ("data.s.matches('(')", "unclosed group"),
        ("data.s.matches('a{5')", "unclosed counted repetition"),
        ("data.s.matches('(?=a)')", "look-around"),
        ("data.s.matches('a{1000}{1000}')", "cost too much"),
        (r"data.s.matches(r'(?:\w\w?){50}b')", "cost too much"),
        (" || ".join([r"data.s.matches(r'\w{3}')"] * 5), "cost too much"),
        ("data.s.matches('(?x) a')", "the flag x is not allowed"),
    ],
)
def test_refused(text: str, complaint: str) -> None:
    with pytest.raises(FilterRefused, match=complaint):
        compile_filter(text)


def test_the_fields_that_are_taken_are_those_that_an_event_has() -> None:
    seen = filter_values(made_event(subject_type="contact", subject_id="c_1"))._variables["event"]
    assert isinstance(seen, dict)
    assert seen.keys() == EVENT_FIELDS.keys()
    assert seen["subject"].keys() == set(EVENT_FIELDS["subject"])


@pytest.mark.parametrize("name", sorted(FUNCTIONS | METHODS))
def test_every_function_that_is_allowed_exists(name: str) -> None:
    """A name the library doesn't know would fail on every event, and the person who wrote it would never learn."""
    arguments = {
        "bytes": "bytes('a') == b'a'",
        "double": "double(1) == 1.0",
        "duration": "duration('1s') == duration('1000ms')",
        "dyn": "dyn(1) == 1",
        "has": "has(data.age)",
        "int": "int(1.5) == 1",
        "size": "size('ab') == 2 && 'ab'.size() == 2",
        "string": "string(1) == '1'",
        "timestamp": "timestamp(event.occurred_at) == timestamp(event.occurred_at)",
        "type": "type(1) == int",
        "uint": "uint(1) == 1u",
        "contains": "'ab'.contains('b')",
        "endsWith": "'ab'.endsWith('b')",
        "startsWith": "'ab'.startsWith('a')",
        "matches": "'ab'.matches('b')",
        "all": "[1].all(x, x == 1)",
        "exists": "[1].exists(x, x == 1)",
        "exists_one": "[1].exists_one(x, x == 1)",
        "existsOne": "[1].existsOne(x, x == 1)",
        "map": "[1].map(x, x + 1) == [2]",
        "filter": "[1].filter(x, x > 1) == []",
    }
    assert matches(arguments.get(name, f"timestamp(event.occurred_at).{name}() >= 0"))


# ── hostile ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        "data.l.filter(x, x >= 0).size() > 0",
        "data.l.map(x, x).size() > 0",
        "data.l.all(x, !(x + 1000000 in data.l))",
        "data.l.all(x, data.l[x] == x)",
        "data.l.all(x, data.l == data.l)",
        "data.l.all(x, [data.l, data.l] == [data.l, data.l])",
        "(data.l + data.l + data.l).exists(x, x < 0) || true",
        "data.m.all(k, data.m[k] >= 0)",
        "data['m'].all(k, data['m'][k] >= 0)",
        "data.all(k, data == data)",
        "data.l.all(x, data.s.contains(string(x)) || true)",
        "data.l.all(x, string(x).matches('^[0-9]+$'))",
        "data.s == " + "+".join(["data.s"] * 100) + " || true",
        "||".join(["size(data.l)<0"] * 60) + " || true",
    ],
)
def test_what_would_take_seconds_is_not_run(text: str) -> None:
    """Each of these matches, but would take from 50 ms to minutes. That none runs is what keeps this test short."""
    data = {"l": list(range(100_000)), "m": {str(key): key for key in range(10_000)}, "s": "x" * 200_000}
    assert not matches(text, data=data)


def test_the_same_expressions_run_where_there_is_little() -> None:
    data = {"l": [1, 2], "m": {"0": 0}, "s": "x"}
    assert matches("data.l.filter(x, x >= 0).size() > 0", data=data)
    assert matches("data.m.all(k, data.m[k] >= 0)", data=data)


def test_all_filters_of_an_event_share_what_it_may_take() -> None:
    given_input = filter_input(EVENT, {"l": list(range(10_000)), "a": 1}, None)
    dear, cheap = compile_filter("data.l.exists(x, x >= 9999)"), compile_filter("data.a == 1")
    ran = [dear.matches(given_input) for _ in range(100)]
    assert ran[0]
    assert not ran[-1]
    assert ran == sorted(ran, reverse=True)
    assert sum(ran) <= EVENT_WORK_MAX / 100_000
    assert sum(ran) >= EVENT_WORK_MAX / WORK_MAX
    assert all(cheap.matches(given_input) for _ in range(1_000))
    assert dear.matches(filter_input(EVENT, {"l": list(range(10_000)), "a": 1}, None))


DEEP = ["(", "[", "{1:", "size(", "-(", "!(", "true&&(", "1+(", "[0].map(x,", "a(", "data[", "([{"]


@pytest.mark.parametrize("thread_stack_kib", [512])
def test_deep_nesting_never_reaches_the_parser(thread_stack_kib: int) -> None:
    """On a small stack the library's parser ends the process, so this runs in one of its own."""
    script = f"""
import threading
from ringback.policy.filter import FilterRefused, compile_filter
def go():
    for piece in {DEEP!r}:
        for count in (16, 17, 60, 200, 500):
            for text in (piece * count, piece * count + "1" + ")" * count, "!" * 1000 + "true", "1" + "+1" * 500,
                         "data" + ".a" * 500, "data" + "[0]" * 300, "true?1:" * 140 + "1", "-" * 1000 + "1"):
                try:
                    compile_filter(text[:1024])
                except FilterRefused:
                    pass
    for piece, end in (("(", ")"), ("[", "]"), ("size(", ")"), ("-(", ")"), ("true&&(", ")"), ("1+(", ")")):
        try:
            compile_filter(piece * 16 + "1" + end * 16)
        except FilterRefused:
            pass
    print("alive")
threading.stack_size({thread_stack_kib} * 1024)
thread = threading.Thread(target=go)
thread.start()
thread.join()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr


NAMES = st.sampled_from(["data", "event", "previous", "x", "item", "foo", "data.a", "data.l", "event.type", "x.b"])
ATOMS = st.one_of(
    NAMES,
    st.sampled_from(
        ["1", "2.5", "'a'", "r'\\'", "'it\\'s'", "true", "null", "[1, 2]", "{'a': 1}", "b'x'", "'''q'''", "5u"]
    ),
)


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    binary = st.sampled_from(["==", "!=", "<", "+", "-", "*", "/", "%", "&&", "||", "in"])
    macro = st.sampled_from(["all", "exists", "exists_one", "existsOne", "map", "filter"])
    return st.one_of(
        st.tuples(inner, binary, inner).map(" ".join),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"!({text})"),
        inner.map(lambda text: f"size({text})"),
        st.tuples(inner, inner).map(lambda pair: f"{pair[0]} ? {pair[1]} : false"),
        st.tuples(inner, macro, inner).map(lambda parts: f"({parts[0]}).{parts[1]}(x, {parts[2]})"),
        st.tuples(inner, inner).map(lambda pair: f"[{pair[0]}, {pair[1]}][0]"),
        inner.map(lambda text: f"{text} // '\n"),
        inner.map(lambda text: f"({text}).startsWith('a')"),
    )


@settings(max_examples=300, deadline=None)
@given(st.recursive(ATOMS, compound, max_leaves=8))
@example("data.l.exists(x, x == 1)")
@example("true || x")
def test_what_is_accepted_answers_and_knows_no_strange_name(text: str) -> None:
    try:
        accepted = compile_filter(text)
    except FilterRefused:
        return
    assert accepted.matches(filter_input(EVENT, {"a": 1, "l": [1, 2]}, None)) in (True, False)
    names = set(accepted._program.variables())
    assert "foo" not in names
    assert "item" not in names
    assert ("x" not in names) or text.count("(x, ") == 1
    assert text.count("(x, ") <= 1


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_refused_or_answers(text: str) -> None:
    try:
        accepted = compile_filter(text)
    except FilterRefused:
        return
    assert accepted.matches(filter_input(EVENT, DATA, PREVIOUS)) in (True, False)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(exclude_categories=["Cs"]))),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.sampled_from(["a", "b", "l", "x"]), inner)),
)


@settings(max_examples=150, deadline=None)
@given(JSON, JSON)
def test_no_data_makes_a_filter_raise(data: object, previous: object) -> None:
    given_input = filter_input(EVENT, data, previous)
    for accepted in FILTERS:
        assert accepted.matches(given_input) in (True, False)


FILTERS = [
    compile_filter(text)
    for text in (
        "data.a > previous.a",
        "data.l.exists(x, x.a == 1 || x > 2)",
        "data.l.map(x, x.b) == previous.l",
        "data.a.b.x.startsWith('a') || 'a' in data",
        "int(data.a) + int(previous.a) > size(data.l)",
        "timestamp(data.a) > timestamp(previous.a) || duration(data.b) > duration('1s')",
        "data == previous",
    )
]
