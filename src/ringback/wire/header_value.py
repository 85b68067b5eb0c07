"""The value of a header made of slots: visible ASCII, whatever the event's texts are.

What an event's channel or subject says may be any text; in a header all that isn't visible ASCII, and the characters
`"` and `%`, are percent-encoded as UTF-8 (CloudEvents, HTTP protocol binding, section 3.1.3.2). Ids and times need
none of it. Where the whole value is one slot that is absent, so is the header.
"""

import re
from collections.abc import Callable
from typing import Final

from ringback.wire.message import Message
from ringback.wire.slots import SLOTS, Kind
from ringback.wire.template import Template, Value, text_of

_PLAIN_SLOTS: Final = frozenset(("event_id", "event_number", "attempt", "endpoint_id", "tenant_id", "source"))
_UNSAFE: Final = re.compile(r"[^!#$&-~]")


def header_writer(template: Template) -> Callable[[Message], str | None]:
    """The header's value for a message; None: the header is left out."""
    return text_of(Template(tuple(piece if isinstance(piece, str) else _encoded(piece) for piece in template.pieces)))


def _encoded(value: Value) -> Value:
    if all(name in _PLAIN_SLOTS or SLOTS[name].kind is Kind.TIME for name in value.slots):
        return value
    write = text_of(Template((value,)))

    def encoded(message: Message) -> str | None:
        found = write(message)
        return found if found is None or _UNSAFE.search(found) is None else _UNSAFE.sub(_percent, found)

    return Value(Kind.TEXT, encoded, value.slots, value.text)


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found.group().encode("utf-8", "replace"))
