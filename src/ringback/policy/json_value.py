"""A caller's JSON as values, for whoever looks into a payload: filters, triggers and schemas.

Whole numbers stay exact up to INTEGER_DIGITS_MAX digits; what doesn't fit a float becomes infinite. Of a name that
stands twice in an object the last counts, as most parsers have it. Assumes JSON that was checked when it came in:
UTF-8, nested no deeper than NESTING_DEPTH_MAX.
"""

import json
from collections.abc import Sequence
from typing import Final

import msgspec

INTEGER_DIGITS_MAX: Final = 100
_INDEX_DIGITS_MAX: Final = 9


def value_of(text: bytes) -> object:
    """The value that `text` stands for."""
    try:
        value: object = msgspec.json.decode(text)
    except msgspec.ValidationError:
        # A number that doesn't fit a float. JSON allows it, so it was accepted; here it becomes infinite.
        value = json.loads(text, parse_int=_fitting)
    return value


def text_of(value: object) -> bytes:
    """A value as JSON, names in order. Raises TypeError, ValueError or RecursionError for what JSON has no form for;
    infinity is null, a moment RFC 3339 text, a span of time ISO 8601 text, bytes are base64."""
    return msgspec.json.encode(value, order="deterministic")


def value_at(value: object, path: Sequence[str]) -> object:
    """What stands in a decoded value at `path`: names, and numbers in lists, from 0. None when nothing does."""
    for name in path:
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isascii() and name.isdigit() and len(name) <= _INDEX_DIGITS_MAX:
            value = value[int(name)] if int(name) < len(value) else None
        else:
            return None
    return value


def _fitting(digits: str) -> int | float:
    return int(digits) if len(digits) <= INTEGER_DIGITS_MAX else float(digits)
