"""Rules for records as the model test draws them: the text that Ringback gets, and what it means, in plain Python.

Written of what the documentation says of CEL, of filters and of triggers, without asking the code that is tested. An
expression is true, false or can't be evaluated; what can't is absorbed as CEL says: `false && ?` is false, `true || ?`
is true. A rule holds where its expression is true.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

Json = Any
SCORE: Final = 80
MISSING: Final = object()


class Fails(Exception):
    """The expression can't be evaluated."""


class Crossing(NamedTuple):
    """A threshold: `path` leads to the number; `hysteresis` is how far below it what is above stays above."""

    path: tuple[str, ...]
    threshold: float
    hysteresis: float = 0.0


@dataclass(frozen=True)
class Sight:
    """What an expression sees. `crossed` says of each crossing whether it was `passed` or `exited` by this change."""

    event: Mapping[str, Json]
    data: Json
    previous: Json
    crossed: Mapping[Crossing, str | None]


@dataclass(frozen=True)
class Rule:
    """`value` gives what the expression gives, or raises Fails. `crossings`: those it watches. `macros`: list macros in
    it, of which Ringback takes one."""

    text: str
    value: Callable[[Sight], Json]
    crossings: frozenset[Crossing] = frozenset()
    macros: int = 0

    def holds(self, sight: Sight) -> bool:
        try:
            return self.value(sight) is True
        except Fails:
            return False

    def __repr__(self) -> str:
        return self.text


def at(value: Json, *path: str) -> Json:
    """What is there; MISSING if nothing is."""
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return MISSING
        value = value[name]
    return value


def number(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def same(one: Json, other: Json) -> bool:
    """Whether two values are the same JSON: 1 is 1.0, and not true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return set(one) == set(other) and all(same(one[name], other[name]) for name in one)
    return bool(one == other)


# ── the smallest expressions ─────────────────────────────────────────────────────────────────────────────────────────


def _needed(value: Json) -> Json:
    if value is MISSING:
        raise Fails
    return value


def _at_least(path: Sequence[str], least: float) -> Rule:
    def value(sight: Sight) -> bool:
        found = at(sight.data, *path)
        if not number(found):
            raise Fails
        return bool(found >= least)

    return Rule(f"data.{'.'.join(path)} >= {least}", value)


def _equals(path: Sequence[str], text: str) -> Rule:
    return Rule(f'data.{".".join(path)} == "{text}"', lambda sight: _needed(at(sight.data, *path)) == text)


def _moved(name: str) -> Rule:
    return Rule(
        f"data.{name} != previous.{name}",
        lambda sight: not same(_needed(at(sight.data, name)), _needed(at(sight.previous, name))),
    )


def _has(name: str) -> Rule:
    def value(sight: Sight) -> bool:
        if not isinstance(sight.data, dict):
            raise Fails
        return name in sight.data

    # A record that is gone has nothing; whether that is false or an error says nothing in a rule that isn't negated.
    return Rule(f"data != null && has(data.{name})", lambda sight: sight.data is not None and value(sight))


def _tagged(tag: str) -> Rule:
    def value(sight: Sight) -> bool:
        tags = at(sight.data, "tags")
        if not isinstance(tags, list):
            raise Fails
        return tag in tags

    return Rule(f'"{tag}" in data.tags', value)


def _of_event(name: str, wanted: str) -> Rule:
    return Rule(f'event.{name} == "{wanted}"', lambda sight: sight.event[name] == wanted)


def _subject(wanted: str) -> Rule:
    return Rule(f'event.subject.id == "{wanted}"', lambda sight: _needed(at(sight.event, "subject", "id")) == wanted)


def _changed(sight: Sight) -> list[str]:
    changed = sight.event["changed"]
    if changed is None:
        raise Fails
    return list(changed)


def _changes(pointer: str) -> Rule:
    return Rule(f'"{pointer}" in event.changed', lambda sight: pointer in _changed(sight))


def _changes_below(pointer: str) -> Rule:
    def value(sight: Sight) -> bool:
        return any(one.startswith(pointer) for one in _changed(sight))

    return Rule(f'event.changed.exists(place, place.startsWith("{pointer}"))', value, macros=1)


def _is_null(name: str) -> Rule:
    return Rule(f"{name} == null", lambda sight: getattr(sight, name) is None)


SEEN: Final = (
    _at_least(("score",), SCORE),
    _at_least(("score",), 70.5),
    _at_least(("company", "size"), 50),
    _equals(("stage",), "won"),
    _equals(("company", "name"), "Acme"),
    _moved("stage"),
    _moved("score"),
    _has("score"),
    _tagged("hot"),
    _of_event("change", "created"),
    _of_event("change", "updated"),
    _of_event("change", "deleted"),
    _of_event("channel", "a"),
    _subject("1"),
    _changes("/score"),
    _changes("/company/name"),
    _changes("/a~1b"),
    _changes_below("/company"),
    _is_null("previous"),
    _is_null("data"),
)
"""What filters and triggers may ask."""

_WATCHED: Final = (
    ('"score", 80', Crossing(("score",), 80)),
    ('"score", 80, 10', Crossing(("score",), 80, 10)),
    ('"company.size", 50', Crossing(("company", "size"), 50)),
    ('"/a~1b", 1, 0.5', Crossing(("a/b",), 1, 0.5)),
)


def _crosses(kind: str, arguments: str, crossing: Crossing) -> Rule:
    return Rule(f"{kind}({arguments})", lambda sight: sight.crossed[crossing] == kind, frozenset({crossing}))


CROSSED: Final = tuple(_crosses(kind, *watched) for kind in ("passed", "exited") for watched in _WATCHED)
"""What only triggers may ask."""
OF_SCORES: Final = tuple(one for one in CROSSED if '"score"' in one.text)


# ── what they are put together to ────────────────────────────────────────────────────────────────────────────────────


def _both(one: Rule, other: Rule) -> Rule:
    def value(sight: Sight) -> bool:
        return _absorbed(sight, (one, other), False)

    return Rule(f"({one.text}) && ({other.text})", value, one.crossings | other.crossings, one.macros + other.macros)


def _either(one: Rule, other: Rule) -> Rule:
    def value(sight: Sight) -> bool:
        return _absorbed(sight, (one, other), True)

    return Rule(f"({one.text}) || ({other.text})", value, one.crossings | other.crossings, one.macros + other.macros)


def _absorbed(sight: Sight, rules: Sequence[Rule], decides: bool) -> bool:
    """`decides` if one of them gives that, whatever the others do; else they all have to give something."""
    failed = False
    for rule in rules:
        try:
            if rule.value(sight) is decides:
                return decides
        except Fails:
            failed = True
    if failed:
        raise Fails
    return not decides


def _put_together(inner: st.SearchStrategy[Rule]) -> st.SearchStrategy[Rule]:
    return st.one_of(st.builds(_both, inner, inner), st.builds(_either, inner, inner))


def _drawn(smallest: st.SearchStrategy[Rule]) -> st.SearchStrategy[Rule]:
    return st.recursive(smallest, _put_together, max_leaves=3).filter(lambda rule: rule.macros <= 1)


FILTERS: Final = _drawn(st.sampled_from(SEEN))
CONDITIONS: Final = _drawn(st.one_of(st.sampled_from(CROSSED), st.sampled_from(SEEN)))
"""Of triggers."""


# ── what a trigger's event carries ───────────────────────────────────────────────────────────────────────────────────


def _map(text: str, value: Callable[[Sight], dict[str, Json]]) -> Rule:
    return Rule(text, value)


MAPS: Final = (
    _map(
        '{"who": event.subject.id, "what": event.change}',
        lambda sight: {"who": sight.event["subject"]["id"], "what": sight.event["change"]},
    ),
    _map(
        '{"now": data.score, "name": data.company.name}',
        lambda sight: {
            "now": _needed(at(sight.data, "score")),
            "name": _needed(at(sight.data, "company", "name")),
        },
    ),
    _map(
        '{"before": previous, "places": event.changed}',
        lambda sight: {"before": sight.previous, "places": _changed(sight)},
    ),
)
FIELDS: Final = (("/score",), ("/company/name", "/stage"), ("/a~1b", "/company"), ("/nothing",))
