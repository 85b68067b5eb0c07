"""JSON as JavaScript would write it: `JSON.stringify(JSON.parse(text))`, ECMA-262 sections 25.5 and 6.1.6.1.20.

A receiver that signs what it has parsed gets the same text only if it was this form that was sent. Compact; names that
are array indices first, in ascending order, then the others as they came; of a name that stands twice the last value at
the first one's place; numbers as 64-bit floats in their shortest form. Assumes JSON in UTF-8 without lone surrogates;
anything else is passed on as it is.
"""

import json
import re
from typing import Any, Final

# Up to here every whole number is a float of its own and is written as it is.
_SAFE_DIGITS: Final = 15
_INDEX_MAX: Final = 2**32 - 2
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,9}")
_quoted: Final = json.encoder.encode_basestring


class _Number:
    """A number that Python would write in another way: what is to be written."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def canonical(data: bytes) -> bytes:
    """What JavaScript makes of it."""
    try:
        value = _decoder.decode(data.decode())
    except (ValueError, RecursionError):
        return data
    try:
        # Most payloads have no number that Python writes otherwise, and this encoder is C.
        return _encoder.encode(value).encode()
    except _NotPlain:
        return _written(value).encode()


class _NotPlain(Exception):
    """There is a number in it that must be written by hand."""


def _not_plain(_: object) -> Any:
    raise _NotPlain


def number(text: str) -> str:
    """A JSON number as `Number.prototype.toString` writes it; `null` for what is too large to be one."""
    digits = text.removeprefix("-")
    if len(digits) <= _SAFE_DIGITS and digits.isdigit():
        return "0" if digits == "0" else text
    return _of_float(float(text))


def _of_float(value: float) -> str:
    """From the shortest digits, which `repr` has, to the form of section 6.1.6.1.20."""
    if value == 0.0:
        return "0"
    if value in (float("inf"), float("-inf")):
        return "null"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    # The value is 0.DIGITS times ten to the power of `point`.
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    return sign + _placed(digits, point)


def _placed(digits: str, point: int) -> str:
    count = len(digits)
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    exponent = point - 1
    power = f"e{'+' if exponent > 0 else '-'}{abs(exponent)}"
    return digits + power if count == 1 else f"{digits[0]}.{digits[1:]}{power}"


def _number(text: str) -> Any:
    written = number(text)
    if written == "null":
        return None
    if written.removeprefix("-").isdigit():
        return int(written)
    value = float(written)
    return value if repr(value) == written else _Number(written)


def in_order(found: dict[str, Any]) -> dict[str, Any]:
    """An object's members in the order in which JavaScript goes through them: array indices first."""
    if not any(name[:1].isdigit() for name in found):
        return found
    indices = sorted(filter(_is_index, found), key=int)
    return {name: found[name] for name in indices} | found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return in_order(dict(pairs))


def _is_index(name: str) -> bool:
    return _INDEX.fullmatch(name) is not None and int(name) <= _INDEX_MAX


def _written(value: Any) -> str:
    """The same as the encoder, with the numbers that it can't write."""
    match value:
        case _Number():
            return value.text
        case dict():
            return "{" + ",".join(f"{_quoted(name)}:{_written(item)}" for name, item in value.items()) + "}"
        case list():
            return "[" + ",".join(map(_written, value)) + "]"
        case _:
            return _encoder.encode(value)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_decoder: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_number, parse_float=_number, parse_constant=_no_constant
)
_encoder: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False, default=_not_plain)
