"""Milliseconds since 1970 as text and back: RFC 3339 in UTC with milliseconds, as everywhere in the API.

Pure; reads no clock. Fails on text that is not RFC 3339 with a zone.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

DAY_MS: Final = 86_400_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_seconds: dict[int, str] = {}
_SECONDS_KEPT_MAX: Final = 64


def rfc3339(ms: int) -> str:
    """`2026-11-21T23:11:26.042Z`."""
    second, rest = divmod(ms, 1000)
    text = _seconds.get(second)
    if text is None:
        text = (_EPOCH + timedelta(seconds=second)).isoformat()[:19]
        if len(_seconds) >= _SECONDS_KEPT_MAX:
            _seconds.clear()
        _seconds[second] = text
    return f"{text}.{rest:03d}Z"


def parse_rfc3339(text: str) -> int:
    """Milliseconds since 1970. Raises ValueError for anything but an RFC 3339 time with a zone."""
    if len(text) < 20 or text[10] not in "Tt ":
        raise ValueError("not an RFC 3339 time such as 2026-11-21T23:11:26Z")
    moment = datetime.fromisoformat(text.upper())
    if moment.tzinfo is None:
        raise ValueError("the time has no zone; end it with Z for UTC")
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def day_of(ms: int) -> str:
    """The UTC day of a moment: `2026-11-21`."""
    return rfc3339(ms)[:10]
