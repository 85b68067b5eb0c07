"""The body of a request: a profile's JSON with slots in it, compiled into constants and functions.

What stands in the shape as `"{slot}"` becomes the value itself, null where it is absent, unless the member's name ends
in `?`: then it is left out. Text with slots inside becomes text, all else goes out as it is, in its order. A payload is
never serialised anew unless the profile's body form asks for it. Fails with BadTemplate (or ValueError for text that is
no JSON) when it is compiled, never later.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from json.encoder import encode_basestring as quoted
from typing import Any, Final, NamedTuple

from ringback.wire import ecmascript
from ringback.wire.json_text import NULL, ascii_only, compact
from ringback.wire.message import Message, make_tuple
from ringback.wire.slots import Kind
from ringback.wire.template import AS_TEXT, BadTemplate, Names, Template, Value, compile_template, json_of, text_of

OPTIONAL: Final = "?"
"""Behind a member's name: it is left out where its slot is absent."""

Form = Callable[[bytes], bytes]
Part = Callable[[Message], bytes]


def _as_received(data: bytes) -> bytes:
    return data


FORMS: Final[Mapping[str, Form]] = {
    "as_received": _as_received,
    "compact": compact,
    "ascii": ascii_only,
    "ecmascript": ecmascript.canonical,
}


class Body(NamedTuple):
    """A body and, if the event's data stand in it once as they came in, what is before and behind them."""

    body: bytes
    head: bytes
    tail: bytes
    whole: bool


class Shape:
    """One compiled body. `event_id_path` is where the event's id stands in it, else its number, if one does: names from
    the outside in; `sent_at` where the attempt's time does, and in which form; `slots` are those that it reads."""

    def __init__(self, text: str, form: str, names: Names) -> None:
        parsed = json.loads(text, object_pairs_hook=_no_name_twice, parse_int=_Written, parse_float=_Written)
        self._form = FORMS[form]
        self._in_order = ecmascript.in_order if form == "ecmascript" else dict
        self._names = names
        self._parts: list[bytes | Part] = []
        self._data_at: list[int] = []
        self.slots: set[str] = set()
        self._paths: dict[str, tuple[str, ...]] = {}
        self._write(parsed, ())
        self.event_id_path: Final = self._paths.get("event_id") or self._paths.get("event_number")
        self.sent_at: Final = self._time_of("sent_at")
        self._has_data_once = len(self._data_at) == 1 and form == "as_received"
        at = self._data_at[0] if self._has_data_once else len(self._parts)
        self._head, self._tail = _filled(self._parts[:at]), _filled(self._parts[at + 1 :])

    def render(self, message: Message) -> Body:
        """The body of one attempt."""
        head = self._head(message)
        if not self._has_data_once:
            return make_tuple(Body, (head, b"", b"", True))
        tail = self._tail(message)
        return make_tuple(Body, (b"".join((head, message.data, tail)), head, tail, False))

    # ── compiling ────────────────────────────────────────────────────────────────────────────────────────────

    def _write(self, value: Any, path: tuple[str, ...] | None) -> None:
        if isinstance(value, dict):
            self._write_all(list(self._in_order(value).items()), b"{}", path)
        elif isinstance(value, list):
            self._write_all([(None, item) for item in value], b"[]", None)
        elif isinstance(value, str) and not isinstance(value, _Written):
            self._write_text(compile_template(value, self._names), path)
        else:
            self._constant(str(value) if isinstance(value, _Written) else json.dumps(value))

    def _write_all(self, items: Any, braces: bytes, path: tuple[str, ...] | None) -> None:
        self._bytes(braces[:1])
        last = len(items) - 1
        for place, (name, item) in enumerate(items):
            if name is not None and name.endswith(OPTIONAL):
                if place == last:
                    raise BadTemplate(name, "a member that may be left out can't be the last of its object")
                self._write_optional(name.removesuffix(OPTIONAL), item)
                continue
            if name is not None:
                self._constant(quoted(name))
                self._bytes(b":")
            self._write(item, None if name is None or path is None else (*path, name))
            if place < last:
                self._bytes(b",")
        self._bytes(braces[1:])

    def _write_optional(self, name: str, value: Any) -> None:
        template = compile_template(value, self._names) if isinstance(value, str) else None
        if template is None or template.only is None:
            raise BadTemplate(name + OPTIONAL, "only a member that is one slot can be left out")
        self.slots.update(template.slots)
        key = self._form(quoted(name).encode()) + b":"
        self._parts.append(_optional_part(key, json_of(template.only), self._form))

    def _write_text(self, template: Template, path: tuple[str, ...] | None) -> None:
        slot = template.only
        self.slots.update(template.slots)
        if slot is None:
            if not template.slots:
                self._constant(quoted("".join(map(str, template.pieces))))
            else:
                self._parts.append(_text_part(text_of(template), self._form))
            return
        if path:
            self._paths.setdefault(slot.text.removesuffix(f":{AS_TEXT}"), path)
        if slot.slots == ("data",) and slot.kind is Kind.JSON and slot.get(_PROBE) is _PROBE.data:
            self._data_at.append(len(self._parts))
        self._parts.append(_json_part(slot, self._form))

    def _time_of(self, slot: str) -> tuple[tuple[str, ...], str] | None:
        """Where a time stands as it is, and in which form."""
        found = ((path, text.partition(":")[2]) for text, path in self._paths.items() if text.startswith(f"{slot}:"))
        return next(found, None)

    def _constant(self, text: str) -> None:
        self._bytes(self._form(text.encode()))

    def _bytes(self, data: bytes) -> None:
        if self._parts and isinstance(self._parts[-1], bytes):
            self._parts[-1] += data
        else:
            self._parts.append(data)


def _filled(parts: Sequence[bytes | Part]) -> Part:
    """A function that puts all of it together, constants and what is to be asked."""
    text = b"".join(part.replace(b"%", b"%%") if isinstance(part, bytes) else b"%b" for part in parts)
    slots = [part for part in parts if not isinstance(part, bytes)]
    if not slots:
        constant = text % ()
        return lambda _: constant
    return lambda message: text % tuple([part(message) for part in slots])


def _optional_part(key: bytes, get: Callable[[Message], bytes | None], form: Form) -> Part:
    def part(message: Message) -> bytes:
        found = get(message)
        return b"" if found is None else b"".join((key, form(found), b","))

    return part


class _Written(str):
    """A number as the profile writes it."""


_PROBE: Final = Message("", "", b"{}", 0, 0)


def _json_part(slot: Value, form: Form) -> Part:
    get, json = slot.get, json_of(slot)
    if form is _as_received and slot.kind is Kind.TEXT:
        # As below, in one call: most profiles have several of these.
        return lambda message: quoted(text).encode() if (text := get(message)) is not None else NULL
    if form is _as_received or slot.kind is Kind.NUMBER:
        return lambda message: found if (found := json(message)) is not None else NULL
    return lambda message: form(found) if (found := json(message)) is not None else NULL


def _text_part(get: Callable[[Message], str | None], form: Form) -> Part:
    return lambda message: form(quoted(get(message) or "").encode())


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(name for place, (name, _) in enumerate(pairs) if name in [other for other, _ in pairs[:place]])
        raise BadTemplate(f'"{twice}"', f"{twice} stands twice in one object")
    return found
