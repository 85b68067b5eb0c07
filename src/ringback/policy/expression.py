"""What can be said about the text of a rule before it runs: its words, the paths it reads, its one list macro.

Rules are filters and the expressions of triggers.

Reads CEL's lexical rules (language definition, "Syntax") by a small tokeniser of its own, because the CEL library
tells which names an expression has but not where, and its parser must not see text that is nested too deep: it
recurses on the C stack and would take the process with it. Evaluates nothing. What is too long, too deep or has
two macros is refused here with words for the person who wrote it; everything else about the syntax is left to the
library. `policy.filter` checks afterwards that both have seen the same names.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from ringback.model.errors import FieldError, Invalid
from ringback.model.limits import FILTER_BYTES_MAX

ROOTS: Final = frozenset({"event", "data", "previous"})
MACROS: Final = frozenset({"all", "exists", "exists_one", "existsOne", "map", "filter"})
NESTING_MAX: Final = 16
"""Brackets within brackets. 30 are fine on a stack of 512 KiB, 100 crash there."""

Path = tuple[str, ...]


class FilterRefused(Invalid):
    """A filter that can't be saved. `detail` says what is wrong, and where, counting characters from 1."""

    code = "filter_refused"

    def __init__(self, detail: str, field: str = "filter") -> None:
        super().__init__(detail, (FieldError(field, detail),))


class Token(NamedTuple):
    """A word, text, number or sign, and the character it begins at, from 1."""

    kind: str
    text: str
    at: int


class Macro(NamedTuple):
    """The one list macro: the name it binds, and the tokens between its brackets as a half-open range."""

    name: str
    bound: str
    begin: int
    end: int


class Part(NamedTuple):
    """What the macro's body, or all that is outside of it, does: how many tokens it has, which paths it reads,
    how often it uses the bound name, how many plus signs there are, and the literals of the patterns it matches."""

    tokens: int
    paths: tuple[Path, ...]
    bound_uses: int
    joins: int
    patterns: tuple[str, ...]


class Expression(NamedTuple):
    """A filter as far as it can be known without running it."""

    tokens: tuple[Token, ...]
    macro: Macro | None
    outside: Part
    body: Part


_TOKEN: Final = re.compile(
    r"""
    (?P<space> [ \t\r\n\f]+ | //[^\n]* )
  | (?P<text>
        [bB]?[rR] (?: \"{3}(?s:.*?)\"{3} | '{3}(?s:.*?)'{3} | "[^"\r\n]*" | '[^'\r\n]*' )
      | [bB]? (?: \"{3}(?s:\\.|[^\\])*?\"{3} | '{3}(?s:\\.|[^\\])*?'{3}
                | "(?:\\.|[^"\\\r\n])*" | '(?:\\.|[^'\\\r\n])*' )
    )
  | (?P<word> [A-Za-z_][A-Za-z0-9_]* )
  | (?P<number> 0[xX][0-9a-fA-F]+[uU]? | (?: [0-9]+(?:\.[0-9]+)? | \.[0-9]+ ) (?:[eE][+-]?[0-9]+)? [uU]? )
  | (?P<sign> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_PLAIN_TEXT: Final = re.compile(r"""(["'])([^\\"']*)\1""")
_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}
_END: Final = Token("end", "", 0)


def read(text: str) -> Expression:
    """Take a filter apart. Raises FilterRefused."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > FILTER_BYTES_MAX:
        raise FilterRefused(f"The expression has {size} bytes; at most {FILTER_BYTES_MAX} are allowed.")
    tokens = tuple(_tokens(text))
    if not tokens:
        raise FilterRefused("The expression is empty. A filter that is left out matches everything.")
    _check_brackets(tokens)
    macro = _macro(tokens)
    if macro is None:
        outside, inside = range(len(tokens)), range(0)
    else:
        outside, inside = range(macro.begin), range(macro.begin, macro.end)
        _check_bound(tokens, macro)
    rest = range(macro.end, len(tokens)) if macro else range(0)
    return Expression(
        tokens,
        macro,
        _part(tokens, [*outside, *rest], macro),
        _part(tokens, inside, macro),
    )


def place(token: Token) -> str:
    """Where a token stands, for people."""
    return f"at character {token.at}"


def is_root(tokens: Sequence[Token], index: int) -> bool:
    """Whether a word stands for itself: not a member of something, and not called."""
    return tokens[index].kind == "word" and _text(tokens, index - 1) != "." and _text(tokens, index + 1) != "("


def is_call(tokens: Sequence[Token], index: int) -> bool:
    """Whether a word is called, as a function or on something."""
    return tokens[index].kind == "word" and _text(tokens, index + 1) == "("


def is_member(tokens: Sequence[Token], index: int) -> bool:
    """Whether a dot stands before it."""
    return _text(tokens, index - 1) == "."


def _text(tokens: Sequence[Token], index: int) -> str:
    return tokens[index].text if 0 <= index < len(tokens) and tokens[index].kind in ("sign", "word") else ""


def _tokens(text: str) -> Iterator[Token]:
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup or "sign"
        token = Token(kind, found.group(), found.start() + 1)
        if kind == "sign" and token.text in "\"'":
            raise FilterRefused(f"The text that begins {place(token)} has no closing quote, or a line ends in it.")
        if kind != "space":
            yield token


def _check_brackets(tokens: Sequence[Token]) -> None:
    opened: list[Token] = []
    for token in tokens:
        if token.kind != "sign":
            continue
        if token.text in _CLOSING:
            opened.append(token)
            if len(opened) > NESTING_MAX:
                raise FilterRefused(f"Brackets are nested deeper than {NESTING_MAX} {place(token)}.")
        elif token.text in _CLOSING.values() and (not opened or _CLOSING[opened.pop().text] != token.text):
            raise FilterRefused(f"The {token.text} {place(token)} closes nothing.")
    if opened:
        raise FilterRefused(f"The {opened[-1].text} {place(opened[-1])} is never closed.")


def _macro(tokens: Sequence[Token]) -> Macro | None:
    found = [
        index
        for index, token in enumerate(tokens)
        if token.text in MACROS and is_call(tokens, index) and is_member(tokens, index)
    ]
    if not found:
        return None
    if len(found) > 1:
        second = tokens[found[1]]
        raise FilterRefused(
            f"{second.text}(…) {place(second)} is a second list macro. Only one of {', '.join(sorted(MACROS))} is "
            "allowed, since each runs over a whole list."
        )
    at = found[0]
    bound = tokens[at + 2]
    if bound.kind != "word" or _text(tokens, at + 3) != ",":
        raise FilterRefused(f"{tokens[at].text}(…) {place(tokens[at])} takes a name, a comma and a condition.")
    return Macro(tokens[at].text, bound.text, at + 4, _closing(tokens, at + 1))


def _closing(tokens: Sequence[Token], opening: int) -> int:
    depth = 0
    for index in range(opening, len(tokens)):
        if tokens[index].kind == "sign":
            depth += (tokens[index].text in _CLOSING) - (tokens[index].text in _CLOSING.values())
        if not depth:
            return index
    raise FilterRefused(f"The bracket {place(tokens[opening])} is never closed.")


def _check_bound(tokens: Sequence[Token], macro: Macro) -> None:
    if macro.bound in ROOTS:
        raise FilterRefused(f"{macro.name}({macro.bound}, …) hides {macro.bound}. Give the list's items another name.")
    for index, token in enumerate(tokens):
        inside = macro.begin - 2 <= index < macro.end
        if token.text == macro.bound and is_root(tokens, index) and not inside:
            raise FilterRefused(f"{token.text} {place(token)} is only known within {macro.name}(…).")


def _part(tokens: Sequence[Token], indexes: Sequence[int], macro: Macro | None) -> Part:
    words = [index for index in indexes if is_root(tokens, index)]
    return Part(
        tokens=len(indexes),
        paths=tuple(_path(tokens, index) for index in words if tokens[index].text in ROOTS),
        bound_uses=sum(macro is not None and tokens[index].text == macro.bound for index in words),
        joins=sum(tokens[index].text == "+" for index in indexes),
        patterns=tuple(
            _pattern(tokens, index) for index in indexes if tokens[index].text == "matches" and is_call(tokens, index)
        ),
    )


def _path(tokens: Sequence[Token], index: int) -> Path:
    """`data.a['b'].c` as far as it is constant. A computed index ends it: what comes before is what is read."""
    path = [tokens[index].text]
    while True:
        after = _text(tokens, index + 1)
        if after == "." and not is_call(tokens, min(index + 2, len(tokens) - 1)):
            index += 2
            path.append(_text(tokens, index))
        elif after == "[" and _text(tokens, index + 3) == "]" and tokens[index + 2].kind == "text":
            key = _PLAIN_TEXT.fullmatch(tokens[index + 2].text)
            if key is None:
                return tuple(path)
            index += 3
            path.append(key.group(2))
        else:
            return tuple(path)


def _pattern(tokens: Sequence[Token], index: int) -> str:
    """The literal of `x.matches('…')`. A pattern from the data could be made to take any time."""
    literal = tokens[index + 2] if index + 2 < len(tokens) else _END
    if literal.kind != "text" or literal.text[0] in "bB" or _text(tokens, index + 3) != ")":
        raise FilterRefused(f"matches {place(tokens[index])} takes one pattern, written out in quotes.")
    return literal.text
