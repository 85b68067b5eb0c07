"""Query parameters that several routes share, strictly read: a number is digits, a moment is RFC 3339.

Unknown and repeated ones are refused before (`api.query`). What is wrong is reported as FastAPI reports it; `refusals`
gives it its form.
"""

import re
from typing import Annotated, Final

from fastapi import Depends, Query
from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from ringback.control.paging import PageRequest
from ringback.model.limits import INDEXED_TEXT_BYTES_MAX, PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX
from ringback.model.text import CONTROL_CHARACTER
from ringback.times import parse_rfc3339

_DIGITS: Final = re.compile(r"[0-9]{1,9}")
REFUSED: Final = "refused"


def _digits(value: object) -> object:
    if isinstance(value, str) and _DIGITS.fullmatch(value) is None:
        raise PydanticCustomError(REFUSED, "must be a whole number")
    return value


def _yes_or_no(value: object) -> object:
    if isinstance(value, str) and value not in ("true", "false"):
        raise PydanticCustomError(REFUSED, "must be true or false")
    return value


def moment_of(value: object) -> object:
    """RFC 3339 text as milliseconds since 1970; anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return parse_rfc3339(value)
    except (ValueError, OverflowError):
        raise PydanticCustomError(
            REFUSED, "must be an RFC 3339 date and time with a zone, such as 2026-11-21T08:30:00.000Z (+ is %2B)"
        ) from None


def _text(value: str) -> str:
    if not value or len(value.encode("utf-8", "surrogatepass")) > INDEXED_TEXT_BYTES_MAX:
        raise PydanticCustomError(REFUSED, f"must be from 1 to {INDEXED_TEXT_BYTES_MAX} bytes long")
    if CONTROL_CHARACTER.search(value):
        raise PydanticCustomError(REFUSED, "must not contain control characters")
    return value


WholeNumber = Annotated[int, BeforeValidator(_digits, json_schema_input_type=int)]
YesOrNo = Annotated[bool, BeforeValidator(_yes_or_no, json_schema_input_type=bool)]
Text = Annotated[str, AfterValidator(_text)]
Since = Annotated[
    int | None,
    BeforeValidator(moment_of, json_schema_input_type=str),
    Query(description="From this moment on, RFC 3339."),
]
Until = Annotated[
    int | None,
    BeforeValidator(moment_of, json_schema_input_type=str),
    Query(description="Before this moment, RFC 3339."),
]


def _page(
    limit: Annotated[
        WholeNumber, Query(ge=1, le=PAGE_ITEMS_MAX, description="How many items at most.")
    ] = PAGE_ITEMS_DEFAULT,
    cursor: Annotated[str | None, Query(description="`next_cursor` of an earlier page.")] = None,
) -> PageRequest:
    return PageRequest(limit, cursor)


PageParameters = Annotated[PageRequest, Depends(_page)]
