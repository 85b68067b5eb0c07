"""Triggers: CEL rules that say which change of a record makes which event.

`when` is an expression over `event`, `data` and `previous`, as a filter is, with the functions of
`policy.change_values` besides. `passed("score", 80)` and `exited("score", 80)`, with a hysteresis as third argument if
one is wanted, are true for the one change that crosses the threshold: `policy.crossing`. They are worked out for every
change before the expression is evaluated, whatever `&&` and `||` pass over, so that no crossing is missed or comes
late. What a trigger remembers of a record (sides that only a hysteresis holds, when it fired last) goes into the
record's marks. `data` says what the event carries: all of the record, some places of it, or a CEL map.

Limits are those of filters, and at most CROSSINGS_MAX crossings. A rule that fails when it runs doesn't fire, and says
why. Pure: reads no clock, stores nothing. Assumes that the caller holds the record's row, so that nobody judges the
same change twice or from an older state.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from ringback.model.limits import FILTER_BYTES_MAX, PAYLOAD_BYTES_MAX, RECORD_FIELDS_MAX
from ringback.policy.change_values import (
    CROSSINGS,
    FUNCTIONS,
    Change,
    ChangeValues,
    CrossingCall,
    change_values,
    steps,
)
from ringback.policy.crossing import STILL_ABOVE, Crossing, crossing, sides
from ringback.policy.effort import characters
from ringback.policy.expression import FilterRefused, Path, Token, is_call, is_member, place
from ringback.policy.filter import Filter, compile_rule, literal
from ringback.policy.json_value import text_of
from ringback.policy.record_change import masked, valid_pointer
from ringback.policy.rule_failure import TOO_DEAR, kind_of

__all__ = ["Change", "ChangeValues", "CompiledTrigger", "TriggerRefused", "Verdict", "change_values", "compile_trigger"]

CROSSINGS_MAX: Final = 8
_FIRED_AT: Final = "fired_at"
_CHARS_PER_BYTE_MAX: Final = 4
_READS: Final[Mapping[str, tuple[str, ...]]] = {
    "value": ("data",),
    "previous_value": ("previous",),
    "changes": ("data", "previous"),
}


class TriggerRefused(FilterRefused):
    """A trigger that can't be saved. `detail` says what is wrong, and where, counting characters from 1."""

    code = "trigger_refused"


class Verdict(NamedTuple):
    """What a trigger makes of a change. `data`: the JSON of the event that it makes, None: it makes none. `marks`: what
    it has to remember of the record from now on, None: nothing. `failure`: in words for people, why it could not be
    evaluated; then it doesn't fire."""

    fires: bool
    data: bytes | None
    marks: dict[str, object] | None
    failure: str | None


class _Call(NamedTuple):
    """A call of one of FUNCTIONS, with the values of its arguments. `named_at` is its name's place among the tokens."""

    token: Token
    named_at: int
    arguments: tuple[object, ...]


class CompiledTrigger:
    """A trigger's rule. Made by `compile_trigger`; may be used on any thread."""

    __slots__ = ("_crossings", "_data", "_needed", "_when")

    def __init__(
        self,
        when: Filter,
        crossings: Mapping[CrossingCall, Crossing],
        data: Filter | tuple[str, ...] | None,
        needed: frozenset[CrossingCall] = frozenset(),
    ) -> None:
        """`needed`: crossings without which `when` is false, so that it need not be evaluated."""
        self._when = when
        self._crossings = crossings
        self._data = data
        self._needed = needed

    def judge(
        self, trigger_id: str, cooldown_s: float, values: ChangeValues, marks: Mapping[str, object] | None, now: int
    ) -> Verdict:
        """Whether it fires for a change. `marks` are those of the record, by trigger. Never raises."""
        own = None if marks is None else marks.get(trigger_id)
        remembered = own if isinstance(own, dict) else {}
        kept = self._cross(values, remembered)
        fired_at = _cooling(remembered, cooldown_s, now)
        if fired_at is not None:
            return Verdict(False, None, {**kept, _FIRED_AT: fired_at}, None)
        if not self._needed <= values.crossed:
            return Verdict(False, None, kept or None, None)
        data = None
        wanted, failure = self._when.judge(values)
        if wanted:
            data, failure = self._made(values)
        if data is not None and cooldown_s > 0:
            kept[_FIRED_AT] = now
        return Verdict(data is not None, data, kept or None, failure)

    def _cross(self, values: ChangeValues, remembered: Mapping[str, object]) -> dict[str, object]:
        """Tell the functions which crossings there are; the sides that have to be remembered."""
        kept: dict[str, object] = {}
        crossed = set()
        for call, watched in self._crossings.items():
            before, after, between = sides(watched, values.before, values.after, remembered)
            if before != after and (call[0] == "passed") is after:
                crossed.add(call)
            if between:
                kept[watched.mark] = STILL_ABOVE
        values.crossed = crossed
        return kept

    def _made(self, values: ChangeValues) -> tuple[bytes | None, str | None]:
        event = values.change.event
        if self._data is None:
            return event.data, None
        if isinstance(self._data, tuple):
            return masked(event.data, self._data), None
        both = len(event.data) + len(values.change.before or b"")
        bytes_max = max(PAYLOAD_BYTES_MAX, both + FILTER_BYTES_MAX)
        if characters(self._data.expression, values.extent) > _CHARS_PER_BYTE_MAX * bytes_max:
            return None, f"data: {TOO_DEAR}"
        value, failure = self._data.evaluate(values)
        return (None, f"data: {failure}") if failure is not None else _as_json(value, bytes_max)


def compile_trigger(when: str, data: tuple[str, ...] | str | None) -> CompiledTrigger:
    """Check and compile a trigger's expressions. Raises TriggerRefused, whose `detail` says what is wrong and where."""
    rule, crossings = _rule(when, "when")
    if not isinstance(data, str):
        _check_fields(data)
        return CompiledTrigger(rule, crossings, data, _needed(rule.expression.tokens, crossings))
    made, there = _rule(data, "data")
    if there:
        raise TriggerRefused("passed(…) and exited(…) say when: they have no place in data.", "data")
    return CompiledTrigger(rule, crossings, made, _needed(rule.expression.tokens, crossings))


def _rule(text: str, field: str) -> tuple[Filter, dict[CrossingCall, Crossing]]:
    try:
        rule = compile_rule(text, FUNCTIONS)
        calls = list(_calls(rule.expression.tokens))
        crossings = dict(_crossing(call) for call in calls if call.token.text in CROSSINGS)
        for call in calls:
            if call.token.text not in CROSSINGS:
                _check_paths(call)
    except FilterRefused as error:
        raise TriggerRefused(error.detail, field) from None
    if len(crossings) > CROSSINGS_MAX:
        raise TriggerRefused(f"It watches {len(crossings)} crossings; at most {CROSSINGS_MAX} are allowed.", field)
    return _with_reads(rule, calls), crossings


def _needed(tokens: Sequence[Token], crossings: Mapping[CrossingCall, Crossing]) -> frozenset[CrossingCall]:
    """Those that are parts of the whole expression, joined to the rest by `&&`: CEL has it false if one of them is,
    even where another part fails."""
    parts: list[list[int]] = [[]]
    depth = 0
    for index, token in enumerate(tokens):
        if token.kind == "sign":
            depth += (token.text in "([{") - (token.text in ")]}")
            if not depth and token.text in "|?":
                return frozenset()
        if not depth and token.kind == "sign" and token.text == "&":
            parts.append([])
        else:
            parts[-1].append(index)
    whole = [part for part in parts if part and tokens[part[0]].text in CROSSINGS and _is_one_call(tokens, part)]
    calls = [_Call(tokens[part[0]], part[0], tuple(_arguments(tokens, part[0]))) for part in whole]
    return frozenset(_crossing(call)[0] for call in calls) & crossings.keys()


def _is_one_call(tokens: Sequence[Token], part: Sequence[int]) -> bool:
    """Whether it is a name, a bracket, what is in it, and the bracket's end, and nothing more."""
    inside = [tokens[index].text for index in part[2:] if tokens[index].kind == "sign"]
    return is_call(tokens, part[0]) and inside.count(")") == 1 and tokens[part[-1]].text == ")"


def _with_reads(rule: Filter, calls: Sequence[_Call]) -> Filter:
    """The rule with what its functions read, so that its cost is reckoned with it."""
    macro = rule.expression.macro
    outside: list[Path] = []
    body: list[Path] = []
    for call in calls:
        inside = macro is not None and macro.begin <= call.named_at < macro.end
        for root in _READS.get(call.token.text, ()):
            (body if inside else outside).extend((root, *steps(str(path))) for path in call.arguments)
    return rule.reading(tuple(outside), tuple(body))


def _crossing(call: _Call) -> tuple[CrossingCall, Crossing]:
    name, where = call.token.text, place(call.token)
    path, *numbers = call.arguments or ("",)
    if not isinstance(path, str) or not 1 <= len(numbers) <= 2 or any(isinstance(number, str) for number in numbers):
        raise FilterRefused(f'{name} {where} takes a path, a threshold and perhaps a hysteresis: {name}("score", 80).')
    _check_path(path, call)
    threshold, hysteresis = (*_floats(numbers), 0.0)[:2]
    if hysteresis < 0:
        raise FilterRefused(f"The hysteresis of {name} {where} is at least 0.")
    return (name, path, threshold, hysteresis), crossing(steps(path), threshold, hysteresis)


def _floats(numbers: Sequence[object]) -> Iterator[float]:
    return (number for number in numbers if isinstance(number, (int, float)))


def _check_paths(call: _Call) -> None:
    name, where = call.token.text, place(call.token)
    paths = [path for path in call.arguments if isinstance(path, str)]
    if not paths or len(paths) < len(call.arguments) or (name != "changes" and len(paths) > 1):
        takes = "one or more paths" if name == "changes" else "one path"
        raise FilterRefused(f'{name} {where} takes {takes}, written out in quotes: {name}("company.name").')
    for path in paths:
        _check_path(path, call)
    if len({steps(path)[-1] for path in paths}) < len(paths):
        raise FilterRefused(f"Two paths of {name} {where} end in the same name.")


def _check_path(path: str, call: _Call) -> None:
    if not (valid_pointer(path) if path.startswith("/") else all(path.split("."))):
        raise FilterRefused(
            f'The path of {call.token.text} {place(call.token)} is no path. Write "scores.lead", or a JSON pointer '
            'such as "/scores/lead".'
        )


def _calls(tokens: Sequence[Token]) -> Iterator[_Call]:
    for index, token in enumerate(tokens):
        if token.text in FUNCTIONS and is_call(tokens, index) and not is_member(tokens, index):
            yield _Call(token, index, tuple(_arguments(tokens, index)))


def _arguments(tokens: Sequence[Token], index: int) -> Iterator[object]:
    """The values between the brackets behind the name at `index`: texts and numbers that are written out."""
    name, at = tokens[index], index + 2
    while tokens[at].text != ")":
        sign = tokens[at].text == "-"
        token = tokens[at + sign]
        is_text = token.kind == "text" and token.text[0] not in "bB" and not sign
        if not (is_text or token.kind == "number") or tokens[at + sign + 1].text not in (",", ")"):
            raise FilterRefused(
                f"What {name.text} {place(name)} takes has to be written out, in quotes or as a number; see "
                f"{place(token)}."
            )
        yield _literal(token, sign=sign)
        at += sign + 1
        at += tokens[at].text == ","


def _literal(token: Token, *, sign: bool) -> object:
    value = literal(token.text)
    if isinstance(value, (int, float)):
        return -value if sign else value
    return value


def _check_fields(pointers: tuple[str, ...] | None) -> None:
    if pointers is None:
        return
    if not pointers or len(pointers) > RECORD_FIELDS_MAX:
        raise TriggerRefused(f"data names 1 to {RECORD_FIELDS_MAX} fields. Leave it out for the whole record.", "data")
    for pointer in pointers:
        if not valid_pointer(pointer):
            raise TriggerRefused(f"data: {pointer!r} is no JSON pointer such as /company/name.", "data")


def _cooling(remembered: Mapping[str, object], cooldown_s: float, now: int) -> int | None:
    """When it fired, while it still may not fire again. A clock that was set back holds it up for one more cooldown."""
    fired_at = remembered.get(_FIRED_AT)
    if not isinstance(fired_at, int) or now - fired_at >= cooldown_s * 1000:
        return None
    return min(fired_at, now)


def _as_json(value: object, bytes_max: int) -> tuple[bytes | None, str | None]:
    if not isinstance(value, dict):
        return None, f"data: It gives {kind_of(value)}, not a map."
    try:
        text = text_of(value)
    except (TypeError, ValueError, RecursionError):
        return None, "data: It gives a map that can't be written as JSON."
    if len(text) > bytes_max:
        return None, f"data: It gives {len(text)} bytes; at most {bytes_max} are allowed here."
    return text, None
