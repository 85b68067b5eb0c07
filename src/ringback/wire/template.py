"""Texts with slots in braces, as profiles write them, compiled once into functions of a message.

    {SLOT}              the value                  {data.customer.id}   a member of data or previous
    {A|B}               A, or B where A is absent  {happened_at:FORMAT} a time in one of its formats
    {change:MAP}        a word by the profile's map of that name         {data:MASK}  only the fields that MASK names
    {attempt:text}      a number as text           {{ and }}            braces

Here is what such a text means; where it may stand is up to `shape` (the body) and `profile` (headers, what is signed).
Fails with BadTemplate when it is compiled, never later.
"""

import re
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring as quoted
from typing import Any, Final, NamedTuple

from ringback.wire.json_text import picked, plain, value_at
from ringback.wire.message import Message
from ringback.wire.slots import ALWAYS_THERE, SLOTS, TIME_FORMATS, Kind

AS_TEXT: Final = "text"
OTHERWISE: Final = "*"
"""In a map: whatever is not named."""

Getter = Callable[[Message], Any]

_PIECE: Final = re.compile(r"\{\{|\}\}|\{(?P<slot>[^{}]*)\}|(?P<stray>[{}])|(?P<text>[^{}]+)")
_ALTERNATIVE: Final = re.compile(r"(?P<slot>[a-z_]+)(?P<path>(\.[A-Za-z0-9_$-]+)*)")


class BadTemplate(ValueError):
    """A text that can't be used. `found` is the part that is wrong, as written."""

    def __init__(self, found: str, message: str) -> None:
        super().__init__(message)
        self.found = found


class Names(NamedTuple):
    """What a profile defines for its own use: maps of words, and lists of fields of data."""

    maps: Mapping[str, Mapping[str, str]]
    masks: Mapping[str, tuple[str, ...]]


class Value(NamedTuple):
    """A compiled slot: its kind (never TIME), how to get its value or None, the slots it reads, how it is written."""

    kind: Kind
    get: Getter
    slots: tuple[str, ...]
    text: str = ""

    @property
    def always(self) -> bool:
        """Whether it has a value for every message: one slot that always has, as it is or in a form of its own."""
        slot, _, form = self.text.partition(":")
        return slot in ALWAYS_THERE and (form in TIME_FORMATS or form in ("", AS_TEXT))


class Template(NamedTuple):
    """A text taken apart: constants and slots in turn."""

    pieces: tuple[str | Value, ...]

    @property
    def only(self) -> Value | None:
        """The slot, if the text is one slot and nothing else."""
        first = self.pieces[0] if len(self.pieces) == 1 else None
        return first if isinstance(first, Value) else None

    @property
    def always(self) -> bool:
        """Whether it makes a text that isn't empty of every message."""
        return any(isinstance(piece, str) or piece.always for piece in self.pieces)

    @property
    def slots(self) -> tuple[str, ...]:
        """Every slot that is read."""
        return tuple(name for piece in self.pieces if isinstance(piece, Value) for name in piece.slots)


def compile_template(text: str, names: Names) -> Template:
    """Raises BadTemplate."""
    pieces: list[str | Value] = []
    for found in _PIECE.finditer(text):
        if found["stray"]:
            raise BadTemplate(found.group(), "a brace stands alone; write {{ or }} for a brace as such")
        if found["slot"] is not None:
            pieces.append(_value(found["slot"], names)._replace(text=found["slot"]))
        else:
            constant = found["text"] or found.group()[0]
            if pieces and isinstance(pieces[-1], str):
                pieces[-1] += constant
            else:
                pieces.append(constant)
    return Template(tuple(pieces))


def text_of(template: Template) -> Callable[[Message], str | None]:
    """The whole as text; None if it is a slot without a value. Within other text what is absent is nothing."""
    if not template.pieces:
        return lambda _: ""
    whole = template.only
    if whole is not None:
        return _text_of(whole)
    if len(template.pieces) == 1:
        constant = str(template.pieces[0])
        return lambda _: constant
    parts = [_constant(piece) if isinstance(piece, str) else _text_of(piece) for piece in template.pieces]
    return lambda message: "".join([part(message) or "" for part in parts])


def _constant(text: str) -> Callable[[Message], str | None]:
    return lambda _: text


def _text_of(value: Value) -> Callable[[Message], str | None]:
    if value.kind is Kind.TEXT:
        return value.get
    return _if_there(value.get, plain if value.kind is Kind.JSON else str)


def _if_there(get: Getter, write: Callable[[Any], Any]) -> Getter:
    """What is there, written; None where nothing is."""

    def written(message: Message) -> Any:
        found = get(message)
        return None if found is None else write(found)

    return written


def _value(text: str, names: Names) -> Value:
    alternatives, _, form = text.partition(":")
    values = [_alternative(one, text, form) for one in alternatives.split("|")]
    value = values[0] if len(values) == 1 else _first_of(values)
    if not form or form in TIME_FORMATS:
        return value
    if form == AS_TEXT:
        return Value(Kind.TEXT, _text_of(value), value.slots)
    if form in names.maps:
        return Value(Kind.TEXT, _mapped(_text_of(value), names.maps[form]), value.slots)
    if form in names.masks and value.kind is Kind.JSON:
        fields = names.masks[form]
        return Value(Kind.JSON, _if_there(value.get, lambda found: picked(found, fields)), value.slots)
    known = [AS_TEXT, *TIME_FORMATS, *names.maps, *(names.masks if value.kind is Kind.JSON else ())]
    raise BadTemplate(f"{{{text}}}", f"{form!r} is no form of it; allowed: {', '.join(known)}")


def _alternative(text: str, whole: str, form: str) -> Value:
    found = _ALTERNATIVE.fullmatch(text)
    if found is None or found["slot"] not in SLOTS:
        raise BadTemplate(f"{{{whole}}}", f"{text!r} is no slot; allowed: {', '.join(SLOTS)}")
    name, path = found["slot"], tuple(found["path"].split(".")[1:])
    slot = SLOTS[name]
    if path and slot.kind is not Kind.JSON:
        raise BadTemplate(f"{{{whole}}}", f"{name} has no members; data and previous have")
    if slot.kind is Kind.TIME:
        if form not in TIME_FORMATS:
            wrong = f"{form!r} is no form of a time" if form else f"say how, as in {{{name}:rfc3339}}"
            raise BadTemplate(f"{{{whole}}}", f"{wrong}; allowed: {', '.join(TIME_FORMATS)}")
        return Value(TIME_FORMATS[form].kind, _timed(slot.value, TIME_FORMATS[form].write), (name,))
    if form in TIME_FORMATS:
        raise BadTemplate(f"{{{whole}}}", f"{name} is no time, so {form} is no form of it")
    return Value(slot.kind, _member(slot.value, path) if path else slot.value, (name,))


def _first_of(values: list[Value]) -> Value:
    """The first that isn't absent: of the kind that all have, else JSON."""
    kinds = {value.kind for value in values}
    getters = [value.get if len(kinds) == 1 else json_of(value) for value in values]

    def first(message: Message) -> Any:
        for get in getters:
            found = get(message)
            if found is not None:
                return found
        return None

    kind = kinds.pop() if len(kinds) == 1 else Kind.JSON
    return Value(kind, first, tuple(name for value in values for name in value.slots))


def json_of(value: Value) -> Callable[[Message], bytes | None]:
    """The value as JSON."""
    if value.kind is Kind.JSON:
        return value.get
    write = quoted if value.kind is Kind.TEXT else str
    return _if_there(value.get, lambda found: write(found).encode())


def _member(get: Getter, path: tuple[str, ...]) -> Getter:
    return lambda message: value_at(get(message), path)


def _timed(get: Getter, write: Callable[[int], Any]) -> Getter:
    return lambda message: write(get(message))


def _mapped(get: Callable[[Message], str | None], words: Mapping[str, str]) -> Getter:
    otherwise = words.get(OTHERWISE)
    return lambda message: words.get(get(message) or "", otherwise)
