"""JSON Schemas of event types: which `data` an event of a type may have.

The only importer of the validator. Draft 2020-12 unless `$schema` names another (4, 6, 7, 2019-09). Nothing is ever
fetched; patterns are matched in linear time, so look-around and back-references are refused; `format` is checked. What
could take for ever is refused by its shape (`schema_shape`). A schema is compiled where it is saved and again where it
is used; the same text gives the same. Messages never repeat a value of the event, and are short. A compiled schema
serves all threads.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import jsonschema_rs

from ringback.model.limits import SCHEMA_BYTES_MAX, SCHEMA_PATTERN_COMPILED_BYTES_MAX
from ringback.policy.json_value import value_of
from ringback.policy.schema_shape import BadShape, Place, check_shape

MISMATCHES_MAX: Final = 20
# The validator collects all mismatches before it gives the first: too many in large data.
ALL_OF_BYTES_MAX: Final = 16 * 1024
MESSAGE_CHARS_MAX: Final = 200
PATH_CHARS_MAX: Final = 256
_PATTERNS: Final = jsonschema_rs.RegexOptions(size_limit=SCHEMA_PATTERN_COMPILED_BYTES_MAX)
# What the validator writes in place of the event's value.
_VALUE: Final = "\x01"
_FORMATS: Final = {
    name: jsonschema_rs.validator_for({"format": name}, validate_formats=True) for name in ("date-time", "email", "uri")
}
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_$-]{1,128}")
_REGULAR: Final = ("pattern", "patternProperties")
# In place of the validator's own words, by keyword.
_WORDS: Final = {
    "anyOf": "fits none of the schemas of anyOf",
    "oneOf": "fits none, or more than one, of the schemas of oneOf",
    "falseSchema": "is not allowed",
}


class Mismatch(NamedTuple):
    """One thing that is wrong: where (`items[0].price`, "": the whole), and what, to go on from there: "is not …"."""

    path: str
    message: str


class SchemaRefused(ValueError):
    """A schema that can't be used. `path` and `message` as in a Mismatch, within the schema."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


class Schema:
    """A compiled schema. Made by `compile_schema`."""

    __slots__ = ("_validator",)

    def __init__(self, validator: jsonschema_rs.Validator) -> None:
        self._validator = validator

    def mismatches(self, data: bytes) -> list[Mismatch]:
        """What is wrong with `data`, which is JSON; empty when it matches. Of large data only the first mismatch."""
        value = value_of(data)
        if self._validator.is_valid(value):
            return []
        errors = self._validator.iter_errors(value) if len(data) <= ALL_OF_BYTES_MAX else self._first(value)
        return [_mismatch(error) for error, _ in zip(errors, range(MISMATCHES_MAX), strict=False)]

    def _first(self, value: object) -> Iterator[jsonschema_rs.ValidationError]:
        try:
            self._validator.validate(value)
        except jsonschema_rs.ValidationError as error:
            yield error


def compile_schema(text: bytes) -> Schema:
    """The schema in `text`: JSON in UTF-8, nested no deeper than NESTING_DEPTH_MAX. Raises SchemaRefused."""
    if len(text) > SCHEMA_BYTES_MAX:
        raise SchemaRefused("", f"must be at most {SCHEMA_BYTES_MAX:,} bytes long")
    try:
        # Numbers don't matter to the shape, and reading a long one would cost.
        check_shape(json.loads(text, parse_int=str, parse_float=str))
        validator = jsonschema_rs.validator_for(
            text.decode(), pattern_options=_PATTERNS, offline=True, validate_formats=True, mask=_VALUE
        )
    except BadShape as bad:
        raise SchemaRefused(path_of(bad.place), bad.message) from None
    except jsonschema_rs.ValidationError as error:
        raise _refused(error) from None
    except ValueError as error:
        raise SchemaRefused("", f"can't be read: {_short(str(error))}") from None
    return Schema(validator)


def is_of_format(name: str, text: str) -> bool:
    """Whether a text is of a format: one of "date-time", "email" and "uri", and of the last only those with an
    authority, since nearly every text with a colon in it is a URI."""
    return (name != "uri" or "://" in text) and _FORMATS[name].is_valid(text)


def path_of(place: Place | list[str | int]) -> str:
    """`items[0].price`; a name that isn't plain stands in brackets, as JSON."""
    path = ""
    for part in place:
        if isinstance(part, int):
            path += f"[{part}]"
        elif _PLAIN_NAME.fullmatch(part):
            path += f".{part}"
        else:
            path += f"[{json.dumps(part[:PATH_CHARS_MAX], ensure_ascii=False)}]"
    path = path.removeprefix(".")
    return path if len(path) <= PATH_CHARS_MAX else f"{path[:PATH_CHARS_MAX]}…"


def below(field: str, path: str) -> str:
    """The field that `path` within `field` is: `data.items[0]`, `data[0]`, `data`."""
    return f"{field}{path}" if path[:1] in ("", "[") else f"{field}.{path}"


def _refused(error: jsonschema_rs.ValidationError) -> SchemaRefused:
    """Against the meta-schema, or a pattern that the linear engine doesn't take."""
    path = path_of(error.instance_path)
    if any(part in _REGULAR for part in error.instance_path) and error.kind.name in ("format", "propertyNames"):
        return SchemaRefused(
            path, "is not a pattern that is taken: look-around, back-references and very large ones aren't"
        )
    if error.kind.name == "$ref":
        return SchemaRefused("$schema" if "meta-schema" in error.message else path, f"can't be used: {_words(error)}")
    if error.instance_path and error.instance_path[-1] == "type" and error.kind.name == "anyOf":
        return SchemaRefused(path, _TYPE)
    return SchemaRefused(path, _words(error))


def _mismatch(error: jsonschema_rs.ValidationError) -> Mismatch:
    place = list(error.instance_path)
    kind: Any = error.kind
    if kind.name == "required":
        return Mismatch(path_of([*place, kind.property]), "is required")
    return Mismatch(path_of(place), _words(error))


_TYPE: Final = "must be array, boolean, integer, null, number, object or string, or a list of some of these"


def _words(error: jsonschema_rs.ValidationError) -> str:
    """The validator's message without the value."""
    kind: Any = error.kind
    if kind.name == "format":
        return f"is not of the format {kind.format}"
    if kind.name in _WORDS:
        return _WORDS[kind.name]
    message = error.message.replace(f"{_VALUE} ", "", 1) if error.message.startswith(_VALUE) else error.message
    text = _short(message.replace(_VALUE, "it"))
    return text[:1].lower() + text[1:]


def _short(text: str) -> str:
    return text if len(text) <= MESSAGE_CHARS_MAX else f"{text[:MESSAGE_CHARS_MAX]}…"
