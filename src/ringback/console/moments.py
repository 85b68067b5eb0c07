"""Moments as people type them in forms, in UTC: `2026-11-21T09:30`, a day alone, or RFC 3339 with a zone."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from ringback.model.errors import FieldError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def parse_moment(text: str) -> int | None:
    """Milliseconds since 1970; None of an empty text. Raises ValueError with what is wrong."""
    if not text.strip():
        return None
    try:
        at = datetime.fromisoformat(text.strip().upper())
    except ValueError:
        raise ValueError("must be a time such as 2026-11-21 09:30, in UTC") from None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    moment = (at - _EPOCH) // timedelta(milliseconds=1)
    if moment < 0:
        raise ValueError("must be after 1970")
    return moment


def parse_span(query: Mapping[str, str]) -> tuple[int | None, int | None, list[FieldError]]:
    """`since` and `until` of a query, and what is wrong with them at their fields."""
    moments: list[int | None] = []
    errors: list[FieldError] = []
    for name in ("since", "until"):
        try:
            moments.append(parse_moment(query.get(name, "")))
        except (ValueError, OverflowError) as error:
            moments.append(None)
            errors.append(FieldError(name, str(error)))
    return moments[0], moments[1], errors


def shown_again(at: int | None, given: str) -> str:
    """What a form's field says: the moment that was read, else what was typed."""
    return given if at is None else field_text(at)


def field_text(at: int) -> str:
    """The same as a field of a form has it: `2026-11-21T09:30:05`."""
    return datetime.fromtimestamp(at // 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
