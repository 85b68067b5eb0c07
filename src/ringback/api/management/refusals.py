"""What FastAPI and pydantic refuse, in the form and the words of the API: field and message, never the value.

A field is a dotted path (`auth.username`, `retry.delays_s[0]`). Assumes pydantic's error types; one that isn't known
here gets a general message, since pydantic's own text may quote what came in.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ringback.model.errors import FieldError, Invalid

_NAME_CHARS_MAX: Final = 128
# Fields whose value has one of several forms: pydantic puts the form's name behind theirs.
_UNIONS: Final = frozenset(("auth", "retry"))
_MESSAGES: Final = {
    "bool_type": "must be true or false",
    "dict_type": "must be an object",
    "extra_forbidden": "is not a field that is known here",
    "finite_number": "must be a finite number",
    "float_type": "must be a number",
    "greater_than_equal": "must be at least {ge}",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "is too large",
    "int_type": "must be a whole number",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be a list",
    "literal_error": "must be one of: {expected}",
    "missing": "is required",
    "model_attributes_type": "must be an object",
    "model_type": "must be an object",
    "string_type": "must be text",
    "union_tag_invalid": "must be one of: {expected_tags}",
    "union_tag_not_found": "is required",
}


def invalid_from(errors: Sequence[Mapping[str, Any]]) -> Invalid:
    """One Invalid with every error of a `RequestValidationError`."""
    fields = [FieldError(_path(error), _message(error)) for error in errors]
    first = fields[0]
    rest = f" And {len(fields) - 1} more: see errors." if len(fields) > 1 else ""
    return Invalid(f"{first.field} {first.message}.{rest}", fields)


def _path(error: Mapping[str, Any]) -> str:
    place, *parts = error["loc"]
    if len(parts) > 1 and parts[0] in _UNIONS:
        del parts[1]
    if str(error["type"]).startswith("union_tag"):
        parts.append("type")
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part[:_NAME_CHARS_MAX]}"
    return path.removeprefix(".") or str(place)


def _message(error: Mapping[str, Any]) -> str:
    if error["type"] == "refused":
        return str(error["msg"])
    template = _MESSAGES.get(str(error["type"]), "is not valid")
    return template.format_map(error.get("ctx") or {})
