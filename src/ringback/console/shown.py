"""Bytes from outside as text that can be looked at: what receivers answered, what callers sent.

Whatever it is, it stays text: control characters and what turns the direction of writing are shown as what they are,
what is no UTF-8 is replaced, long lines and long texts are cut with a note. The template escapes it afterwards.
"""

import json
import unicodedata
from typing import Final

SHOWN_BYTES_MAX: Final = 64 * 1024
LINE_CHARS_MAX: Final = 2_000
PRETTY_BYTES_MAX: Final = 256 * 1024

# Characters that turn or embed directions of writing, or are not to be seen at all.
_UNSEEN: Final = {"Cf", "Co", "Cn", "Zl", "Zp"}
_CONTROL_PICTURES: Final = 0x2400
_DELETE: Final = 0x7F


def shown_bytes(data: bytes | str | None, limit: int = SHOWN_BYTES_MAX) -> str:
    """The text of `data`, at most `limit` bytes of it."""
    if data is None:
        return ""
    given = data.encode("utf-8", "replace") if isinstance(data, str) else data
    text = given[:limit].decode("utf-8", "replace")
    lines = [_line(line) for line in text.replace("\r\n", "\n").split("\n")]
    if len(given) > limit:
        lines.append(f"… {len(given) - limit} more bytes")
    return "\n".join(lines)


def shown_json(data: bytes | str | None) -> str:
    """JSON over several lines; what isn't JSON, or is too long, as it is."""
    if data is None or len(data) > PRETTY_BYTES_MAX:
        return shown_bytes(data)
    try:
        value = json.loads(data)
        text = json.dumps(value, indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return shown_bytes(data)
    return shown_bytes(text)


def _line(line: str) -> str:
    shown = "".join(map(_character, line[:LINE_CHARS_MAX]))
    left = len(line) - LINE_CHARS_MAX
    return shown if left <= 0 else f"{shown} … {left} more characters"


def _character(character: str) -> str:
    if character.isprintable() or character == "\t":
        return character
    code = ord(character)
    if code < 0x20:
        return chr(_CONTROL_PICTURES + code)
    if code == _DELETE:
        return "␡"
    category = unicodedata.category(character)
    return f"⟨U+{code:04X}⟩" if category in _UNSEEN or category.startswith("C") else character
