"""Why a rule failed on an event, in words for the person who wrote it: "data has no key country".

Says where the expression went, never what the payload has: names come from the expression alone. Assumes the errors of
the CEL library that `policy.filter` uses; one that isn't known is told in general words. Pure; never fails.
"""

import re
from collections.abc import Callable
from typing import Final

from ringback.policy.expression import Expression, Path

TOO_DEAR: Final = "It would take too long on data this large. Look at shorter lists and texts, or at fewer of them."
NO_ANSWER: Final = "It could not be worked out."
_TYPES: Final = "Two values don't go together: CEL takes no text or null for a number, and the reverse."
_PLAIN: Final[dict[type[BaseException], str]] = {
    ZeroDivisionError: "It divides by zero.",
    IndexError: "A list is shorter than the place that is asked for.",
    OverflowError: "A number becomes too large.",
}
_FUNCTION: Final = re.compile(r"Function '([A-Za-z_]{1,40})' error")
_NAME_CHARS_MAX: Final = 64
_KINDS: Final[dict[type, str]] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a map",
    type(None): "null",
}


def words_for(error: Exception, expression: Expression, at: Callable[[Path], object]) -> str:
    """What the error means. `at` gives the value at a path of the event."""
    if isinstance(error, KeyError):
        return _missing(str(error.args[0]) if error.args else "", expression, at)
    if isinstance(error, TypeError):
        return _through_something(expression, at) or _TYPES
    function = _FUNCTION.search(str(error))
    if function is not None:
        return f"{function.group(1)}(…) can't use what it is given."
    return _PLAIN.get(type(error), NO_ANSWER)


def no_yes_or_no(value: object) -> str:
    """Of an expression that has to be true or false, and gave something else."""
    return f"It gives {kind_of(value)}, not true or false."


def kind_of(value: object) -> str:
    """What sort of JSON a value is."""
    return _KINDS.get(type(value), "another value")


def _missing(name: str, expression: Expression, at: Callable[[Path], object]) -> str:
    for path in _paths(expression):
        for count in range(1, len(path)):
            if path[count] != name:
                continue
            holder = at(path[:count])
            if isinstance(holder, dict) and name not in holder:
                return f"{_written(path[:count])} has no key {_short(name)}."
    # A key that was computed may be the payload's own, and is not shown.
    known = any(name in (token.text, token.text[1:-1]) for token in expression.tokens)
    return f"There is no key {_short(name)}." if known else "A key that is asked for is not there."


def _through_something(expression: Expression, at: Callable[[Path], object]) -> str | None:
    """Where a path goes through what has no keys, such as null."""
    for path in _paths(expression):
        for count in range(1, len(path)):
            holder = at(path[:count])
            if not isinstance(holder, dict):
                return f"{_written(path[:count])} is {kind_of(holder)} and has no key {_short(path[count])}."
            if path[count] not in holder:
                break
    return None


def _paths(expression: Expression) -> tuple[Path, ...]:
    return expression.outside.paths + expression.body.paths


def _written(path: Path) -> str:
    first, *rest = path
    return _short(first + "".join(f".{name}" if name.isidentifier() else f"[{name!r}]" for name in rest))


def _short(name: str) -> str:
    shown = name if name.isprintable() else ascii(name)
    return shown if len(shown) <= _NAME_CHARS_MAX else shown[:_NAME_CHARS_MAX] + "…"
