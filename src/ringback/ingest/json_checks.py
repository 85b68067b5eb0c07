"""Checks on JSON as bytes, before and beside decoding: UTF-8, nesting, and what a decoder's refusal means.

Works on the caller's bytes and never changes them. Syntax is msgspec's business (it refuses NaN, byte order marks,
trailing commas and lone surrogate escapes, in skipped parts too); what it doesn't look at in a part it passes over
is whether the bytes are UTF-8 and how deep they nest, so that is done here. Fails with `Malformed` or `Invalid`.
"""

import re
from itertools import accumulate
from typing import Final

import msgspec

from ringback.model.errors import FieldError, Invalid, Malformed

_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
# As signed bytes: one level down, one level up.
_STEPS: Final = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_LONE_SURROGATE: Final = re.compile(
    rb"(?:[^\\]++|\\[^u]|\\u(?![dD][89a-fA-F])|\\u[dD][89abAB]..\\u[dD][c-fC-F]..)*+\\u[dD][89a-fA-F]", re.DOTALL
)
_RAW: Final = msgspec.json.Decoder(msgspec.Raw)
_MESSAGE: Final = re.compile(r"(.*?)(?: - at `(\$[^`]*)`)?", re.DOTALL)
_NAMED_FIELD: Final = re.compile(r"Object (contains unknown|missing required) field `(.*)`", re.DOTALL)
_EXPECTED: Final = re.compile(r"Expected `([a-z |]+)`, got `[a-z]+`")
_WORDS: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}
_NAME_CHARS_MAX: Final = 128


def check_utf8(body: bytes) -> None:
    """Raises Malformed unless `body` is UTF-8 (which has no surrogates)."""
    if body.isascii():
        return
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"The body is not UTF-8: byte {error.start} doesn't belong there.") from None


def nests_deeper(value: bytes, depth: int) -> bool:
    """Whether a JSON value has more than `depth` arrays and objects within one another. Assumes it is well-formed."""
    # Taking at most depth + 1 of a character out and looking at the length is five times as fast as `count`.
    squares = len(value) - len(value.replace(b"[", b"", depth + 1))
    curlies = len(value) - len(value.replace(b"{", b"", depth + 1))
    if squares + curlies <= depth:
        return False
    steps = _STRING.sub(b"", value).translate(_STEPS, _NOT_BRACKETS)
    return max(accumulate(memoryview(steps).cast("b")), default=0) > depth


def refusal(error: Exception, raw: bytes | msgspec.Raw, place: str) -> Malformed | Invalid:
    """What to answer when msgspec refused `raw` with `error`.

    `place` is where `raw` stands in the request: "" or `events[3]`. The decoder stops at the first wrong type, so
    what follows is looked at again: text that isn't JSON at all is Malformed, whatever else is wrong with it.
    """
    if not isinstance(error, msgspec.ValidationError):
        return _not_json(error, raw, place)
    try:
        _RAW.decode(raw)
    except msgspec.DecodeError as worse:
        return _not_json(worse, raw, place)
    except RecursionError:
        pass
    return invalid([_field_error(str(error), place)])


def invalid(errors: list[FieldError]) -> Invalid:
    """An Invalid whose detail names the first field."""
    first = errors[0]
    return Invalid(f"The request is not valid: {first.field} {first.message}.", errors)


def _not_json(error: Exception, raw: bytes | msgspec.Raw, place: str) -> Malformed:
    what = place or "The body"
    body = bytes(raw)
    if _SURROGATE.search(body) and _LONE_SURROGATE.match(body):
        return Malformed(f"{what} has a lone surrogate in a string, which is no character.")
    text = str(error).removeprefix("JSON is malformed: ")
    return Malformed(f"{what} is not JSON: {'it ends too early' if 'truncated' in text else text}.")


def _field_error(text: str, place: str) -> FieldError:
    match = _MESSAGE.fullmatch(text)
    message, path = (match[1], match[2] or "$") if match else (text, "$")
    field = place + path[1:]
    named = _NAMED_FIELD.fullmatch(message)
    if named is not None:
        name = named[2][:_NAME_CHARS_MAX]
        field = f"{field}.{name}"
        message = "is required" if named[1] == "missing required" else "is not a field that is known here"
    elif (expected := _EXPECTED.fullmatch(message)) is not None:
        kinds = expected[1].split(" | ")
        message = f"must be {' or '.join(_WORDS.get(kind, kind) for kind in kinds)}"
    else:
        message = message[:1].lower() + message[1 : 2 * _NAME_CHARS_MAX]
    return FieldError(field.removeprefix(".") or "body", message.replace("`", ""))
