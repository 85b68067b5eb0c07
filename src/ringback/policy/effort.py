"""How long a filter may take on one event, reckoned before it runs.

CEL ends always, but not always soon: the library holds the interpreter's lock, has no step limit, copies a list or
map each time it is read, and compiles a pattern each time it is matched. Measured: `data.l.filter(x, x >= 0)` took
5 s over 10,000 numbers and 467 s over 100,000; `data.m.all(k, data.m[k] >= 0)` 22 s over 10,000 entries;
`(?:x|\\w\\w?){100}b$` 1.9 s on 200,000 letters. So the work is estimated from what the expression reads and how
large that is in this event, from above. What would take more than about 10 ms isn't run, nor what is not cheap
when the filters of other endpoints have had 100 ms of the same event.

The unit is a visit, about 40 ns: the copying of one number in a list. Nothing is evaluated here.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from ringback.policy.expression import Expression, Path

WORK_MAX: Final = 250_000
"""Visits for one filter on one event, about 10 ms: some 13,000 numbers, or 2,500 objects, in a simple `exists`."""
EVENT_WORK_MAX: Final = 2_500_000
"""Visits for all filters on one event, about 100 ms, so that a thousand endpoints can't hold up everybody else."""
CHEAP_WORK_MAX: Final = 2_500
"""What a filter may take, about 0.1 ms, even when the event's share is used up: ordinary filters always run."""
PATTERN_WORK_MAX: Final = 125_000
"""Visits to compile all patterns of one filter, about 5 ms: ten times `\\w`."""

_ENTRY: Final = 6
_CHARS_PER_VISIT: Final = 400
_ITEM: Final = 10
_TOKEN: Final = 2
_PATTERN: Final = 250
_CHARS_PER_PATTERN: Final = 20_000

_CHARACTER: Final = 10
_ANY_CHARACTER: Final = 250
_FEW_RANGES: Final = 3_000
_MANY_RANGES: Final = 13_000


class Extent(NamedTuple):
    """How large a value is: the visits to copy it, its longest list or map, and the characters of its texts."""

    size: int
    longest: int
    chars: int


NOTHING: Final = Extent(1, 0, 0)


def extent(value: object) -> Extent:
    """Measure a decoded JSON value, in time proportional to its size."""
    size = longest = chars = 0
    left = [value]
    while left:
        item = left.pop()
        size += 1
        if isinstance(item, dict):
            size += _ENTRY * len(item)
            longest = max(longest, len(item))
            left.extend(item.values())
        elif isinstance(item, list):
            longest = max(longest, len(item))
            left.extend(item)
        elif isinstance(item, str):
            chars += len(item)
    return Extent(size + chars // _CHARS_PER_VISIT, longest, chars)


def work(expression: Expression, measure: Callable[[Path], Extent], outside_pattern: int, body_pattern: int) -> int:
    """An upper estimate, in visits, of one evaluation. `measure` knows the extents of the paths; the last two are
    the visits it takes to compile the patterns outside and inside the macro's body once (`pattern_work`)."""
    around, body = expression.outside, expression.body
    read = _sum(measure, around.paths)
    # Each plus sign may copy everything that stands left of it.
    size = read.size * (1 + around.joins)
    total = around.tokens + size + outside_pattern * (1 + read.chars // _CHARS_PER_PATTERN)
    if expression.macro is None:
        return total
    read_each = _sum(measure, body.paths)
    items = read.longest * (1 + around.joins) + around.tokens
    total += items * (_ITEM + _TOKEN * body.tokens + read_each.size * (1 + body.joins))
    total += size * (2 + body.bound_uses) * (1 + body.joins)
    total += body_pattern * (items + (read.chars + items * read_each.chars) // _CHARS_PER_PATTERN)
    if expression.macro.name in ("map", "filter"):
        total += items * (items + size)  # The result is copied for every item that is added to it.
    return total


def characters(expression: Expression, measure: Callable[[Path], Extent]) -> int:
    """An upper estimate of the characters of text in what one evaluation gives. `measure` as in `work`."""
    around, body = expression.outside, expression.body
    read, read_each = _sum(measure, around.paths), _sum(measure, body.paths)
    return read.chars * (1 + body.bound_uses) + (read.longest + around.tokens) * read_each.chars


def _sum(measure: Callable[[Path], Extent], paths: Sequence[Path]) -> Extent:
    size = longest = chars = 0
    for path in paths:
        found = measure(path)
        size += found.size
        longest += found.longest
        chars += found.chars
    return Extent(size, longest, chars)


_PATTERN_TOKEN: Final = re.compile(
    r"""
    (?P<property> \\[pP](?:\{[^}]*\}|.) )
  | (?P<escape> \\[xuU]\{[^}]*\} | \\. )
  | (?P<flags> \(\?[A-Za-z-]+[:)] )
  | (?P<group> \((?:\?(?:P?<[^>]*>|:))? )
  | (?P<close> \) )
  | (?P<named> \[:\^?[a-z]+:\] )
  | (?P<set> \[\^?\]? )
  | (?P<unset> \] )
  | (?P<count> \{[^}]*\} )
  | (?P<repeat> [*+?] )
  | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_NUMBER: Final = re.compile(r"[0-9]+")


def pattern_work(pattern: str) -> int:
    """The visits it takes to compile a pattern of Rust's regex crate: the sum of its atoms, each as often as it is
    repeated by `{n}`. Raises ValueError when the pattern turns on a flag that changes how patterns are written."""
    nested = [0]
    last, in_set, folded = 0, 0, False
    for found in _PATTERN_TOKEN.finditer(pattern):
        kind, text = found.lastgroup, found.group()
        if kind == "flags":
            if "x" in text:
                raise ValueError("the flag x is not allowed")
            folded = folded or "i" in text
        opens = kind == "set" or ((kind == "group" or (kind == "flags" and text[-1] == ":")) and not in_set)
        closes = (kind == "unset" and in_set > 0) or (kind == "close" and not in_set)
        if opens:
            in_set += kind == "set"
            nested.append(_ANY_CHARACTER if text.startswith("[^") else _CHARACTER)
        elif closes and len(nested) > 1:
            in_set -= kind == "unset"
            last = nested.pop()
            nested[-1] += last
        elif kind == "count" and not in_set:
            times = max((int(digits) for digits in _NUMBER.findall(text)), default=1)
            nested[-1] += last * max(0, times - 1)
            last *= max(1, times)
        elif in_set or kind not in ("repeat", "flags"):
            last = _atom(kind or "other", text, folded)
            nested[-1] += last
    return _PATTERN + sum(nested)


def _atom(kind: str, text: str, folded: bool) -> int:
    if kind == "property" or text in ("\\w", "\\W"):
        return _MANY_RANGES
    if text in ("\\d", "\\D", "\\s", "\\S"):
        return _FEW_RANGES
    return _ANY_CHARACTER if text == "." or folded else _CHARACTER
