"""Filters: CEL expressions over `event`, `data` and `previous` that say which events an endpoint wants.

The only importer of the CEL library. A filter is compiled when it is saved and again when it is loaded, and is
refused with words for the person who wrote it: over 1 KiB, more than one list macro, brackets nested too deep, a
name or function that doesn't exist, a pattern that isn't written out or costs too much. Whatever goes wrong later
means no match and never an error: a missing key, a null parent, mixed types, an answer that isn't true or false,
and an event on which the filter would take more than about 10 ms, or all filters more than 100 (`policy.effort`).
`Filter.judge` says then what went wrong. The expressions of triggers (`policy.trigger`) are compiled here too.

`event` has what EVENT_FIELDS says, each null when there is none; occurred_at is RFC 3339 text. The size of a text
counts its bytes of UTF-8: so the library reads CEL. Assumes that data and previous are decoded JSON, nested no deeper
than NESTING_DEPTH_MAX, since the library recurses. Filters may be used on any thread, one FilterInput on one thread at
a time.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from ringback.policy.effort import (
    CHEAP_WORK_MAX,
    EVENT_WORK_MAX,
    NOTHING,
    PATTERN_WORK_MAX,
    WORK_MAX,
    Extent,
    extent,
    pattern_work,
    work,
)
from ringback.policy.expression import (
    MACROS,
    ROOTS,
    Expression,
    FilterRefused,
    Path,
    is_call,
    is_member,
    is_root,
    place,
    read,
)
from ringback.policy.json_value import value_at
from ringback.policy.rule_failure import NO_ANSWER, TOO_DEAR, no_yes_or_no, words_for

__all__ = ["Filter", "FilterInput", "FilterRefused", "compile_filter", "compile_rule", "filter_input", "literal"]


def _library() -> Any:
    """CEL, loaded when the first filter is: its package brings a command line along that takes half a second."""
    import cel  # noqa: PLC0415

    return cel


TYPES: Final = frozenset({"bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"})
FUNCTIONS: Final = frozenset(
    {"bytes", "double", "duration", "dyn", "has", "int", "size", "string", "timestamp", "type", "uint"}
)
METHODS: Final = MACROS | {
    "contains",
    "endsWith",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "matches",
    "size",
    "startsWith",
}
EVENT_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "id": (),
    "type": (),
    "channel": (),
    "subject": ("type", "id"),
    "change": (),
    "occurred_at": (),
    "ordering_key": (),
    "changed": (),
}
"""What `event` has, and what its parts have."""
_CONSTANTS: Final = frozenset({"true", "false", "null", "in"})
_INTEGER_MAX: Final = 2**63


class FilterInput:
    """One event as filters see it, shared by the filters of all endpoints: what they read is converted for CEL, which
    costs microseconds for each text, when one asks for it first."""

    __slots__ = ("_context", "_converted", "_extents", "_functions", "_variables", "_work_left")

    def __init__(self, variables: dict[str, object], functions: Mapping[str, Callable[..., object]] | None = None):
        self._variables = variables
        self._functions = dict(functions or {})
        self._context: Any = None
        self._converted: frozenset[str] = frozenset()
        self._extents: dict[Path, Extent] = {}
        self._work_left = EVENT_WORK_MAX

    def affords(self, visits: int) -> bool:
        """Whether a filter that takes `visits` may run on this event; if so, they are spent."""
        if visits > CHEAP_WORK_MAX and visits > min(WORK_MAX, self._work_left):
            return False
        self._work_left -= visits
        return True

    @property
    def spent(self) -> int:
        """The visits that it has cost so far."""
        return EVENT_WORK_MAX - self._work_left

    def context(self, roots: frozenset[str]) -> Any:
        """The CEL context with at least these variables. Raises ValueError for what has no place in JSON."""
        if self._context is None or not roots <= self._converted:
            wanted = self._converted | roots
            read = {name: value for name, value in self._variables.items() if name in wanted}
            try:
                self._context = _library().Context(variables=read, functions=self._functions)
            except (ValueError, OverflowError):
                fitted = {name: _fitted(value) for name, value in read.items()}
                self._context = _library().Context(variables=fitted, functions=self._functions)
            self._converted = wanted
        return self._context

    def extent(self, path: Path) -> Extent:
        """How large the value at `path` is; as good as nothing when it is missing."""
        known = self._extents.get(path)
        if known is None:
            value = self.at(path)
            is_large = isinstance(value, (dict, list, str))
            known = self._extents[path] = extent(value) if is_large else NOTHING
        return known

    def at(self, path: Path) -> object:
        """The value at `path`; None when it is missing."""
        return value_at(self._variables, path)


class Outcome(NamedTuple):
    """What an expression gave, or, in words for people, why it gave nothing."""

    value: object
    failure: str | None


class Judgement(NamedTuple):
    """Whether an event is wanted. `failure`: in words for people, why that could not be said; then it is not."""

    matched: bool
    failure: str | None


_MATCHED: Final = Judgement(True, None)
_UNMATCHED: Final = Judgement(False, None)


class Filter:
    """A compiled filter, or another rule. Made by `compile_filter` and `compile_rule`."""

    __slots__ = ("_body_pattern", "_expression", "_outside_pattern", "_program", "_roots", "text")

    def __init__(self, text: str, expression: Expression, program: Any, patterns: tuple[int, int]) -> None:
        self.text = text
        self._expression = expression
        self._program = program
        self._outside_pattern, self._body_pattern = patterns
        self._roots = frozenset(root for root, *_ in (*expression.outside.paths, *expression.body.paths))

    @property
    def expression(self) -> Expression:
        return self._expression

    def reading(self, outside: tuple[Path, ...], body: tuple[Path, ...]) -> "Filter":
        """The same, where functions read these paths besides: outside of the list macro and in its body."""
        expression = self._expression
        more = expression._replace(
            outside=expression.outside._replace(paths=expression.outside.paths + outside),
            body=expression.body._replace(paths=expression.body.paths + body),
        )
        return Filter(self.text, more, self._program, (self._outside_pattern, self._body_pattern))

    def matches(self, given: FilterInput) -> bool:
        """Whether the event is wanted. Never raises; an evaluation that fails, or would take too long, is a no."""
        return self.judge(given).matched

    def judge(self, given: FilterInput) -> Judgement:
        """Whether the event is wanted, and if that can't be said, why. Never raises."""
        value, failure = self.evaluate(given)
        if failure is None:
            if value is True:
                return _MATCHED
            if value is False:
                return _UNMATCHED
            failure = no_yes_or_no(value)
        return Judgement(False, failure)

    def evaluate(self, given: FilterInput) -> Outcome:
        """What it gives. Never raises."""
        visits = work(self._expression, given.extent, self._outside_pattern, self._body_pattern)
        if not given.affords(visits):
            return Outcome(None, TOO_DEAR)
        try:
            return Outcome(self._program.execute(given.context(self._roots)), None)
        except Exception as error:
            return Outcome(None, words_for(error, self._expression, given.at))
        except BaseException as error:
            # A panic in the library's Rust is no Exception, and its class can't be imported.
            if type(error).__name__ == "PanicException":
                return Outcome(None, NO_ANSWER)
            raise


def filter_input(event: dict[str, object], data: object, previous: object) -> FilterInput:
    """What all filters see of one event: `event` with the keys named above, and the decoded JSON."""
    return FilterInput({"event": event, "data": data, "previous": previous})


def compile_filter(text: str) -> Filter:
    """Check and compile a filter. Raises FilterRefused, whose `detail` says what is wrong and where."""
    return compile_rule(text, frozenset())


def literal(text: str) -> object:
    """The value of a text or a number as CEL writes it. Raises FilterRefused."""
    return _compiled(text).execute()


def compile_rule(text: str, functions: frozenset[str]) -> Filter:
    """As `compile_filter`; there are these functions besides, which the input has to bring."""
    expression = read(text)
    program = _compiled(text)
    _check_names(expression, functions)
    _check_fields([*expression.outside.paths, *expression.body.paths])
    _check_library_agrees(expression, program, functions)
    patterns = _patterns_work(expression.outside.patterns), _patterns_work(expression.body.patterns)
    if sum(patterns) > PATTERN_WORK_MAX:
        raise FilterRefused(
            "The patterns of matches(…) cost too much to compile. Repeat less by {n}, and write [A-Za-z0-9_] for \\w "
            "and [0-9] for \\d."
        )
    return Filter(text, expression, program, patterns)


def _compiled(text: str) -> Any:
    try:
        return _library().compile(text)
    except ValueError as error:
        raise FilterRefused(_first_complaint(str(error))) from None
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise FilterRefused("It can't be read as a CEL expression.") from None
        raise


def _first_complaint(message: str) -> str:
    """From the library's "ERROR: <input>:1:5: Syntax error: …" the place and the reason."""
    _, found, complaint = message.partition("ERROR: <input>:")
    line, _, rest = complaint.partition(":")
    column, _, reason = rest.partition(":")
    if not (found and line.isdigit() and column.isdigit()):
        return "It can't be read as a CEL expression."
    reason = reason.splitlines()[0].partition(" expecting ")[0].strip()
    return f"Line {line}, character {column}: {reason}."


def _check_names(expression: Expression, functions: frozenset[str]) -> None:
    tokens, macro = expression.tokens, expression.macro
    known = ROOTS | TYPES | _CONSTANTS | ({macro.bound} if macro else set())
    for index, token in enumerate(tokens):
        if token.kind != "word":
            continue
        if is_call(tokens, index):
            on_something = is_member(tokens, index)
            if on_something or token.text not in functions:
                _check_call(token.text, on_something, place(token))
        elif is_root(tokens, index) and token.text not in known:
            raise FilterRefused(f"{token.text} {place(token)} is unknown. There are event, data and previous.")


def _check_fields(paths: Iterable[Path]) -> None:
    """What `event` doesn't have is never there, so a filter that asks for it would never match."""
    for root, *names in paths:
        if root != "event" or not names:
            continue
        first, *below = names
        if first not in EVENT_FIELDS:
            raise FilterRefused(f"event has no field {first}. It has {', '.join(EVENT_FIELDS)}; the payload is data.")
        if EVENT_FIELDS[first] and below and below[0] not in EVENT_FIELDS[first]:
            raise FilterRefused(f"event.{first} has no field {below[0]}. It has {', '.join(EVENT_FIELDS[first])}.")


def _check_call(name: str, on_something: bool, where: str) -> None:
    if name == "in" or name in (METHODS if on_something else FUNCTIONS):
        return
    if name in FUNCTIONS:
        raise FilterRefused(f"{name} {where} is called as {name}(x), not x.{name}().")
    if name in METHODS:
        raise FilterRefused(f"{name} {where} is called as x.{name}(…), on a value.")
    raise FilterRefused(f"The function {name} {where} is unknown.")


def _check_library_agrees(expression: Expression, program: Any, functions: frozenset[str]) -> None:
    """The library must have seen the very words that were checked, else one of the two misread a literal."""
    words = {token.text for token in expression.tokens if token.kind == "word"}
    calls = {name for name in program.functions() if name.isidentifier()}
    for name in sorted(calls & MACROS):
        raise FilterRefused(f"{name}(…) takes a name and a condition, map(…) also a name, a condition and a value.")
    strange = sorted(({*program.variables(), *calls} - words) | (calls - FUNCTIONS - METHODS - functions))
    if strange:
        raise FilterRefused(f"It can't be read for certain. Look at {', '.join(strange)}.")
    _check_no_messages(expression)


def _check_no_messages(expression: Expression) -> None:
    for index, token in enumerate(expression.tokens[:-1]):
        if token.kind == "word" and token.text not in _CONSTANTS and expression.tokens[index + 1].text == "{":
            raise FilterRefused(f"The message type {token.text} {place(token)} is unknown.")


def _patterns_work(literals: tuple[str, ...]) -> int:
    return sum(_pattern_work(literal) for literal in literals)


def _pattern_work(literal: str) -> int:
    pattern = _library().compile(literal).execute()
    try:
        visits = pattern_work(pattern)
    except ValueError as error:
        raise FilterRefused(f"The pattern {literal} can't be used: {error}.") from None
    if visits <= PATTERN_WORK_MAX:
        try:
            _library().compile(f"''.matches({literal})").execute()
        except RuntimeError as error:
            reason = str(error).rpartition("error: ")[2].partition(". Check")[0].splitlines()[-1]
            raise FilterRefused(f"The pattern {literal} can't be used: {reason}.") from None
    return visits


def _fitted(value: object) -> object:
    """Numbers that CEL has no integer for become floats, as all large numbers are in JavaScript."""
    if isinstance(value, dict):
        return {key: _fitted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_fitted(item) for item in value]
    if isinstance(value, int) and not -_INTEGER_MAX <= value < 2 * _INTEGER_MAX:
        try:
            return float(value)
        except OverflowError:
            return float("inf") if value > 0 else float("-inf")
    return value
