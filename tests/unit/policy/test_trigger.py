"""Triggers: when they fire, against a plain model; what they carry, remember and refuse; and nothing that raises."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.policy.trigger import Change, TriggerRefused, Verdict, change_values, compile_trigger
from support.rows import NOW, event

State = dict[str, Any] | None


def change(before: State, after: State, **fields: Any) -> Change:
    states = [None if state is None else json.dumps(state).encode() for state in (before, after)]
    kind = "created" if before is None else "deleted" if after is None else "updated"
    told = event(
        data=states[1] or states[0] or b"{}",
        type=f"contact.{kind}",
        change=kind,
        subject_type="contact",
        subject_id="c_1",
        previous=states[0],
        origin="record",
        **fields,
    )
    return Change(told, *states)


def judged(
    when: str,
    before: State,
    after: State,
    data: tuple[str, ...] | str | None = None,
    *,
    marks: dict[str, Any] | None = None,
    cooldown_s: float = 0,
    now: int = NOW,
    **fields: Any,
) -> Verdict:
    values = change_values(change(before, after, **fields))
    return compile_trigger(when, data).judge("trg_1", cooldown_s, values, marks, now)


def made(data: tuple[str, ...] | str | None, before: State, after: State, **fields: Any) -> object:
    verdict = judged("true", before, after, data, **fields)
    assert verdict.failure is None
    return None if verdict.data is None else json.loads(verdict.data)


# ── crossings ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("before", "after", "passes", "exits"),
    [
        ({"score": 79}, {"score": 80}, True, False),
        ({"score": 80}, {"score": 79.9}, False, True),
        ({"score": 80}, {"score": 95}, False, False),
        ({"score": 10}, {"score": 20}, False, False),
        (None, {"score": 80}, True, False),
        (None, {"score": 10}, False, False),
        ({"score": 90}, None, False, True),
        ({"score": 10}, None, False, False),
        ({}, {"score": 80}, True, False),
        ({"score": 80}, {}, False, True),
        ({"score": None}, {"score": 81}, True, False),
        ({"score": "95"}, {"score": 81}, True, False),
        ({"score": 81}, {"score": "95"}, False, True),
        ({"score": True}, {"score": 1e30}, True, False),
        ({"score": [90]}, {"score": {"a": 90}}, False, False),
        ([], {"score": 90}, True, False),
    ],
)
def test_passed_and_exited(before: Any, after: Any, passes: bool, exits: bool) -> None:
    assert judged('passed("score", 80)', before, after).fires is passes
    assert judged('exited("score", 80.0)', before, after).fires is exits
    assert judged('passed("score", 80, 0) || exited("/score", 80)', before, after).fires is (passes or exits)
    assert judged('!passed("score", 80) && !exited("score", 80)', before, after).fires is not (passes or exits)


def test_paths_go_into_objects_and_lists_and_may_be_pointers() -> None:
    before = {"scores": {"lead": 1, "a/b": 1, "x.y": 1}, "list": [{"n": 1}]}
    after = {"scores": {"lead": 9, "a/b": 9, "x.y": 9}, "list": [{"n": 9}]}
    for path in ("scores.lead", "/scores/lead", "/scores/a~1b", "/scores/x.y", "list.0.n", "/list/0/n"):
        assert judged(f'passed("{path}", 5)', before, after).fires
    for path in ("scores.x.y", "scores.a~1b", "list.1.n", "list.-1.n", "/list/00000000000/n", "scores.none.x"):
        assert not judged(f'passed("{path}", 5)', before, after).fires
    assert judged('passed("n", -5)', {"n": -6}, {"n": -5}).fires
    assert judged('passed("n", 80u)', {"n": 79}, {"n": 80}).fires


def test_a_plain_expression_has_to_allow_for_no_previous() -> None:
    failing = judged("data.score > previous.score", None, {"score": 5})
    assert (failing.fires, failing.failure) == (False, "previous is null and has no key score.")
    assert judged("previous == null || data.score > previous.score", None, {"score": 5}).fires
    assert judged("data == null", {"score": 5}, None).fires
    assert judged('previous_value("score") == null && value("score") == 5', None, {"score": 5}).fires


SCORES = st.lists(
    st.one_of(st.none(), st.just("gone"), st.integers(60, 100), st.sampled_from(["90", True, 79.5, 80.0, 74.999])),
    min_size=1,
    max_size=30,
)


class Model:
    """What a trigger is to do with a record, said as plainly as can be."""

    def __init__(self, threshold: float, hysteresis: float, cooldown_s: int, direction: str) -> None:
        self.threshold, self.hysteresis = threshold, hysteresis
        self.cooldown_s, self.direction = cooldown_s, direction
        self.above = False
        self.fired_s = -(10**9)

    def change(self, score: object, now_s: int) -> bool:
        number = score if isinstance(score, (int, float)) and not isinstance(score, bool) else None
        was = self.above
        if number is None:
            self.above = False
        elif was:
            self.above = number >= self.threshold - self.hysteresis
        else:
            self.above = number >= self.threshold
        crossed = (not was and self.above) if self.direction == "passed" else (was and not self.above)
        fires = crossed and now_s - self.fired_s >= self.cooldown_s
        if fires:
            self.fired_s = now_s
        return fires


@settings(max_examples=300, deadline=None)
@given(
    SCORES,
    st.integers(75, 90),
    st.sampled_from([0, 3, 5.5, 30]),
    st.sampled_from([0, 2, 60]),
    st.sampled_from(["passed", "exited"]),
    st.data(),
)
def test_it_fires_once_per_crossing(
    scores: list[object], threshold: int, hysteresis: float, cooldown_s: int, direction: str, draw: st.DataObject
) -> None:
    """A record lives on as the scores say ("gone": it is deleted), and each state is judged from the one before."""
    model = Model(threshold, hysteresis, cooldown_s, direction)
    guard = draw.draw(st.sampled_from(["", "true && ", "false || "]))
    text = f'{guard}{direction}("score", {threshold}, {hysteresis})'
    compiled = compile_trigger(text, None)
    before: State = None
    marks: dict[str, Any] = {"trg_other": {"kept": 1}}
    now_s = NOW // 1000
    for score in scores:
        after: State = None if score == "gone" else {"score": score}
        if before is None and after is None:
            continue
        now_s += draw.draw(st.integers(0, 3))
        wanted = model.change(score, now_s)
        verdict = compiled.judge("trg_1", cooldown_s, change_values(change(before, after)), marks, now_s * 1000)
        assert (verdict.fires, verdict.failure) == (wanted, None)
        marks = {"trg_1": verdict.marks} if verdict.marks is not None else {}
        before = after


def test_every_crossing_is_looked_at_whatever_is_passed_over() -> None:
    """`&&` leaves out what stands behind a false; the side is remembered all the same."""
    when = 'data.on && passed("score", 80, 10)'
    first = judged(when, {"score": 70}, {"score": 85, "on": False})
    inside = judged(when, {"score": 85}, {"score": 75, "on": False}, marks={"trg_1": first.marks})
    assert inside.marks is not None
    again = judged(when, {"score": 75}, {"score": 85, "on": True}, marks={"trg_1": inside.marks})
    assert not again.fires
    anew = judged(when, {"score": 75}, {"score": 85, "on": True})
    assert anew.fires


def test_a_mark_that_is_out_of_date_does_no_harm() -> None:
    when = 'passed("score", 80, 10)'
    kept = judged(when, {"score": 85}, {"score": 75}).marks
    assert kept is not None
    for marks in ({"trg_1": kept}, {"trg_1": "?"}, {"trg_1": {"fired_at": "x"}}, {"trg_1": None}, {}):
        assert judged(when, {"score": 20}, {"score": 85}, marks=marks).fires
    other_threshold = judged('passed("score", 78, 10)', {"score": 75}, {"score": 79}, marks={"trg_1": kept})
    assert other_threshold.fires


def test_what_need_not_be_remembered_is_not() -> None:
    assert judged('passed("score", 80)', {"score": 1}, {"score": 90}).marks is None
    assert judged('passed("score", 80, 5)', {"score": 1}, {"score": 90}).marks is None
    assert judged('passed("score", 80, 5)', {"score": 90}, {"score": 70}).marks is None
    assert judged('passed("score", 80, 5)', {"score": 90}, {"score": 76}).marks is not None
    assert judged('passed("score", 80)', {"score": 1}, {"score": 90}, cooldown_s=5).marks == {"fired_at": NOW}
    old = {"trg_1": {"fired_at": NOW - 5_000}}
    assert judged("false", {"score": 1}, {"score": 2}, cooldown_s=5, marks=old).marks is None


def test_a_cooldown_holds_it_up_for_one_record_and_ends_though_the_clock_is_set_back() -> None:
    marks = {"trg_1": {"fired_at": NOW}}
    held = judged("true", {}, {"a": 1}, cooldown_s=5, marks=marks, now=NOW + 4_999)
    assert (held.fires, held.marks) == (False, {"fired_at": NOW})
    assert judged("true", {}, {"a": 1}, cooldown_s=5, marks=marks, now=NOW + 5_000).fires
    back = judged("true", {}, {"a": 1}, cooldown_s=5, marks=marks, now=NOW - 10**9)
    assert back.marks == {"fired_at": NOW - 10**9}
    assert judged("true", {}, {"a": 1}, cooldown_s=5, marks={"trg_1": back.marks}, now=NOW - 10**9 + 5_000).fires


# ── what the event carries ─────────────────────────────────────────────────────────────────────────────────────


def test_the_record_as_it_is_byte_by_byte() -> None:
    assert judged("true", {"a": 1}, {"a": 2, "b": 1.50}).data == b'{"a": 2, "b": 1.5}'
    assert judged("true", {"a": 1}, None).data == b'{"a": 1}'


def test_some_fields_in_the_form_of_the_record() -> None:
    after = {"id": 1, "company": {"name": "B", "city": "C"}, "tags": ["x"]}
    assert made(("/company/name", "/tags", "/nothing"), None, after) == {"company": {"name": "B"}, "tags": ["x"]}
    assert made(("/company", "/company/name"), None, after) == {"company": after["company"]}
    assert made(("/id",), after, None) == {"id": 1}


def test_a_map_of_cel() -> None:
    text = """{"who": event.subject.id, "at": event.occurred_at, "changed": event.changed, "now": value("score"),
        "before": previous_value("score"), "all": data, "diff": changes("score", "/name", "none"), "n": 1 + 1,
        "when": timestamp("2026-01-01T00:00:00Z")}"""
    got = made(text, {"score": 1, "name": "x"}, {"score": 2, "name": "x"}, changed='["/score"]')
    assert got == {
        "who": "c_1",
        "at": "2027-01-15T08:00:00.000Z",
        "changed": ["/score"],
        "now": 2,
        "before": 1,
        "all": {"score": 2, "name": "x"},
        "diff": {"score": {"before": 1, "after": 2}},
        "n": 2,
        "when": "2026-01-01T00:00:00Z",
    }
    assert made('{"at": event.occurred_at}', None, {"a": 1}, occurred_at=0) == {"at": "1970-01-01T00:00:00.000Z"}


def test_changes_are_compared_as_json() -> None:
    got = made(
        'changes("a", "b", "c", "d")',
        {"a": 1, "b": True, "c": {"x": 1, "y": 2}},
        {"a": 1.0, "b": 1, "c": {"y": 2, "x": 1}},
    )
    assert got == {"b": {"before": True, "after": 1}}


@pytest.mark.parametrize(
    ("data", "failure"),
    [
        ("data.none", "data: data has no key none."),
        ("[1]", "data: It gives a list, not a map."),
        ("{true: 1}", "data: It gives a map that can't be written as JSON."),
        ('{"a": 1, 2: 3}', "data: It gives a map that can't be written as JSON."),
    ],
)
def test_data_that_fails_makes_no_event(data: str, failure: str) -> None:
    verdict = judged("true", None, {"a": 1}, data, cooldown_s=60)
    assert verdict == Verdict(fires=False, data=None, marks=None, failure=failure)


def test_an_event_is_no_larger_than_it_may_be() -> None:
    large = {"text": "x" * 200_000}
    twice = judged("true", None, large, '{"a": data, "b": data}')
    assert twice.failure is not None
    assert "at most 262144 are allowed" in twice.failure
    many = judged("true", None, {"l": list(range(300)), "t": "x" * 200_000}, '{"a": data.l.map(x, data.t)}')
    assert (many.fires, many.failure is not None and "too long" in many.failure) == (False, True)
    assert judged("true", large, large, '{"now": data, "before": previous}').fires


# ── refused when saved ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("when", "complaint"),
    [
        ('passed("score")', r"passed at character 1 takes a path, a threshold and perhaps a hysteresis"),
        ("passed()", "takes a path, a threshold"),
        ('true && passed("a", "b")', "passed at character 9 takes a path"),
        ("passed(1, 2)", "takes a path"),
        ('passed("a", 1, 2, 3)', "takes a path"),
        ("passed(data.path, 80)", "has to be written out, in quotes or as a number; see at character 8"),
        ('passed("a", data.threshold)', "has to be written out.*at character 13"),
        ('passed("a", 40 + 40)', "has to be written out"),
        ('passed("a" + "b", 80)', "has to be written out"),
        ('passed(b"a", 80)', "has to be written out"),
        ('passed("", 80)', "is no path"),
        ('passed("a..b", 80)', "is no path"),
        ('passed("/a~2", 80)', "is no path"),
        ('exited("a", 1, -1)', "hysteresis of exited at character 1 is at least 0"),
        ('data.passed("a", 1)', "The function passed at character 6 is unknown"),
        ("passed == 1", "passed at character 1 is unknown"),
        ('value("a", "b") == 1', "value at character 1 takes one path"),
        ("value() == 1", "takes one path"),
        ("changes().size() > 0", "takes one or more paths"),
        ('changes("a.x", "b.x").size() > 0', "end in the same name"),
        (" || ".join(f'passed("s", {n})' for n in range(9)), "9 crossings; at most 8"),
        ("event.nothing == 1", "event has no field nothing"),
        ("nothing == 1", "nothing at character 1 is unknown"),
        ("data.a ==", "Line 1, character 10"),
        ("", "empty"),
        ("true" + " " * 1_024, "at most 1024"),
        ("data.l.all(x, data.m.all(y, true))", "second list macro"),
        ("(" * 17 + "true" + ")" * 17, "nested deeper"),
    ],
)
def test_refused(when: str, complaint: str) -> None:
    with pytest.raises(TriggerRefused, match=complaint) as refused:
        compile_trigger(when, None)
    assert refused.value.code == "trigger_refused"
    assert [error.field for error in refused.value.errors] == ["when"]
    with pytest.raises(TriggerRefused) as refused:
        compile_trigger("true", f"{when}")
    assert [error.field for error in refused.value.errors] == ["data"]


@pytest.mark.parametrize(
    "data", [(), ("a",), ("/a", ""), ("/~",), tuple(f"/{n}" for n in range(257)), 'passed("a", 1)']
)
def test_data_is_refused(data: tuple[str, ...] | str) -> None:
    with pytest.raises(TriggerRefused) as refused:
        compile_trigger("true", data)
    assert [error.field for error in refused.value.errors] == ["data"]


def test_filters_have_none_of_these_functions() -> None:
    from ringback.policy.filter import FilterRefused, compile_filter  # noqa: PLC0415 - for this one test

    for text in ('passed("a", 1)', 'value("a") == 1', 'changes("a") == {}'):
        with pytest.raises(FilterRefused, match="is unknown"):
            compile_filter(text)


# ── hostile ────────────────────────────────────────────────────────────────────────────────────────────────────

PIECES = st.sampled_from(
    ["passed", "exited", "value", "changes", "(", ")", '"a"', "'b'", "80", "-", ",", "&&", "||", "!", "?", ":", "data",
     ".a", "==", "null", "[", "]", "{", "}", "true", ".all(x, ", "x"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=14).map(" ".join), st.booleans())
def test_any_text_is_refused_or_judges(text: str, as_data: bool) -> None:
    try:
        compiled = compile_trigger("true" if as_data else text, text if as_data else None)
    except TriggerRefused:
        return
    verdict = compiled.judge("trg_1", 0, change_values(change({"a": 1}, {"a": 90, "b": [1]})), None, NOW)
    assert verdict.fires is (verdict.data is not None)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(exclude_categories=["Cs"]))),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.sampled_from(["a", "b", "l", "x", "0"]), inner)),
)
OBJECTS = st.dictionaries(st.sampled_from(["a", "b", "l", "x"]), JSON)
COMPILED = [
    compile_trigger(*pair)
    for pair in (
        ('passed("a", 1, 2) || exited("l.0", 0)', None),
        ('changes("a", "b", "l", "/x/0").size() > 0', '{"c": changes("a", "b"), "d": data}'),
        ("data.l.exists(x, x.a > value('a'))", ("/a/b", "/l")),
        ("previous_value('x.b.0') != value('x.b.0')", "{'a': value('x'), 'b': previous_value('l')}"),
    )
]


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.none(), OBJECTS), OBJECTS, JSON)
def test_no_record_and_no_mark_makes_a_trigger_raise(before: State, after: State, marks: object) -> None:
    try:
        values = change_values(change(before, after))
    except ValueError:  # infinity is no JSON
        return
    for compiled in COMPILED:
        verdict = compiled.judge("trg_1", 1, values, {"trg_1": marks}, NOW)
        assert verdict.data is None or json.loads(verdict.data) is not None


def test_what_would_take_seconds_is_not_run() -> None:
    large = {"l": list(range(100_000)), "t": "x" * 200_000}
    for when in ("data.l.filter(x, x >= 0).size() > 0", 'data.l.all(x, value("l") == value("l"))'):
        verdict = judged(when, None, large)
        assert (verdict.fires, verdict.failure is not None and "too long" in verdict.failure) == (False, True)
    assert judged('passed("l.99999", 5) && value("t") != ""', None, large).fires
