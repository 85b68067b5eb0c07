"""JSON as text: parts of it found and forms of it made without turning numbers or strings into values and back.

What comes in was checked by ingest: JSON in UTF-8 without lone surrogates, nested no deeper than a hundred (`checked`
does that for what a profile has). With anything else the rest doesn't fail: what can't be read has no members, and is
passed on as it is.
"""

import json
import re
from collections.abc import Callable
from typing import Final

NULL: Final = b"null"
NESTING_MAX: Final = 100

_string: Final[Callable[[str, int], tuple[str, int]]] = json.decoder.scanstring  # type: ignore[attr-defined]
# A number's value doesn't matter here, and reading a long one would cost.
_scan: Final = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str).raw_decode
_space: Final = re.compile(r"[ \t\r\n]*").match
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[ \t\r\n]+', re.DOTALL)
_HAS_SPACE: Final = re.compile(rb"[ \t\r\n]").search
_NOT_ASCII: Final = re.compile("[^\x00-\x7f]")


def checked(text: str) -> bytes:
    """JSON that no ingest has checked, held to what ingest asks. Raises ValueError and RecursionError."""
    value = json.loads(text, parse_int=str, parse_float=str, parse_constant=_no_constant)
    if _depth(value) > NESTING_MAX:
        raise ValueError(f"it nests deeper than {NESTING_MAX} arrays and objects")
    json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate has no UTF-8
    return text.strip().encode()


def _no_constant(name: str) -> str:
    raise ValueError(f"{name} is no number")


def _depth(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)


def members(data: bytes) -> dict[str, bytes]:
    """The members of an object, each value as it is written; of a name that stands twice, the last. {} for the rest."""
    try:
        return _members(data.decode())
    except (ValueError, RecursionError, IndexError):
        return {}


def _members(text: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    at = _after_space(text, 0)
    if text[at] != "{":
        return found
    at = _after_space(text, at + 1)
    while text[at] == '"':
        name, at = _string(text, at + 1)
        begin = _after_space(text, _after_space(text, at) + 1)  # behind the colon
        _, at = _scan(text, begin)
        found[name] = text[begin:at].encode()
        at = _after_space(text, at)
        if text[at] == ",":
            at = _after_space(text, at + 1)
    return found


def _after_space(text: str, at: int) -> int:
    found = _space(text, at)
    return at if found is None else found.end()


def value_at(data: bytes | None, path: tuple[str, ...]) -> bytes | None:
    """The JSON of what stands at `path`, names from the outside in; None where nothing does, or null."""
    for name in path:
        if data is None:
            return None
        data = members(data).get(name)
    return None if data is None or data.strip() == NULL else data


def picked(data: bytes, names: tuple[str, ...]) -> bytes:
    """An object of those members of `data` that are named, in the order of `names`, their values as written."""
    have = members(data)
    parts = [json.dumps(name).encode() + b":" + have[name] for name in names if name in have]
    return b"{" + b",".join(parts) + b"}"


def plain(data: bytes) -> str:
    """A value as text: what a string says, anything else as it is written."""
    if data[:1] == b'"':
        try:
            text, _ = _string(data.decode(), 1)
        except ValueError:
            pass
        else:
            return text
    return data.decode("utf-8", "replace")


def compact(data: bytes) -> bytes:
    """Without the white space between the tokens."""
    if _HAS_SPACE(data) is None:
        return data
    return _TOKEN.sub(_token, data)


def ascii_only(data: bytes) -> bytes:
    """Compact, and what isn't ASCII as \\u and four small hex digits; above U+FFFF a surrogate pair."""
    data = compact(data)
    if data.isascii():
        return data
    return _NOT_ASCII.sub(_escape, data.decode("utf-8", "replace")).encode()


def _token(found: re.Match[bytes]) -> bytes:
    token = found.group()
    return token if token[:1] == b'"' else b""


def _escape(found: re.Match[str]) -> str:
    return json.dumps(found.group())[1:-1]
