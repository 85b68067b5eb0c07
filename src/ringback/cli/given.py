"""What people give on a command line, read: JSON from a flag, a file or standard input, headers, spans of time.

Everything wrong is a BadSetting that names the flag, and never repeats what a secret may be in.
"""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ringback.model.errors import BadSetting
from ringback.times import parse_rfc3339, rfc3339

STANDARD_INPUT: Final = "-"
_SPAN: Final = re.compile(r"([0-9]{1,6})(s|m|h|d|w)")
_UNIT_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def read_file(path: str, name: str) -> bytes:
    """The bytes of the file at `path`, or of standard input for `-`. Raises BadSetting."""
    try:
        return sys.stdin.buffer.read() if path == STANDARD_INPUT else Path(path).read_bytes()
    except OSError as error:
        raise BadSetting(f"{name}: {path} can't be read: {error.strerror}.") from None


def read_json(source: str, name: str) -> bytes:
    """The bytes of JSON text, of `@FILE`, or of standard input for `-`, as they are. Raises BadSetting."""
    is_file = source == STANDARD_INPUT or source.startswith("@")
    data = read_file(source.removeprefix("@"), name) if is_file else source.encode()
    try:
        json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadSetting(f"{name}: not JSON: {error}.") from None
    return data.strip()


def read_secret(path: str) -> str:
    """A secret from a file, or from standard input for `-`, so that it stands in no shell's history. BadSetting."""
    try:
        secret = read_file(path, "secret-file").decode("utf-8").strip()
    except UnicodeDecodeError:
        secret = ""
    if not secret:
        raise BadSetting(f"secret-file: {path} has no secret in it.")
    return secret


def subject_of(text: str) -> dict[str, str]:
    """The subject `TYPE/ID`, whose id may have slashes too. Raises BadSetting."""
    kind, slash, name = text.partition("/")
    if not (kind and slash and name):
        raise BadSetting(f"subject: {text!r} is not of the form TYPE/ID, such as company/c_1.")
    return {"type": kind, "id": name}


def header_pairs(lines: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """`Name: value` each. Raises BadSetting."""
    pairs = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip() or not line.isprintable() or not line.isascii():
            raise BadSetting(f"header: {line!r} is not of the form 'Name: value'.")
        pairs.append((name.strip(), value.strip()))
    return tuple(pairs)


def span_s(text: str, name: str) -> int:
    """The seconds of `15m`, `24h`, `7d`, or of a plain number of seconds. Raises BadSetting."""
    given_s = _with_unit_s(text)
    if given_s is not None:
        return given_s
    if re.fullmatch(r"[0-9]{1,9}", text):
        return int(text)
    raise BadSetting(f"{name}: {text!r} is not a span such as 90s, 15m, 24h or 7d.")


def instant_ms(text: str, now_ms: int, name: str) -> int:
    """The milliseconds since 1970 of an RFC 3339 time, or of a span before now (`15m`, `24h`, `7d`). BadSetting."""
    ago_s = _with_unit_s(text)
    if ago_s is not None:
        return max(0, now_ms - ago_s * 1000)
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError):
        raise BadSetting(
            f"{name}: {text!r} is not a time such as 2026-11-21T12:00:00Z, nor how long ago, such as 15m, 24h or 7d."
        ) from None


def instant(text: str | None, now_ms: int, name: str) -> str | None:
    """The same as the API takes it."""
    return None if text is None else rfc3339(instant_ms(text, now_ms, name))


def _with_unit_s(text: str) -> int | None:
    found = _SPAN.fullmatch(text)
    return None if found is None else int(found[1]) * _UNIT_S[found[2]]
