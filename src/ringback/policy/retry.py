"""What an answer means, and when a failed delivery is tried again.

Pure arithmetic over a status and a `RetryRule`: it sends nothing, stores nothing and reads no clock; the time and
a chance come in. Assumes a rule that was checked when it was saved. A `Retry-After` that makes no sense counts as
none, because the receiver wrote it. Sources: RFC 9110, sections 10.2.3 (Retry-After) and 5.6.7 (its dates).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final

from ringback.model.endpoint import DEFAULT_RETRY, RetryRule
from ringback.model.limits import RETRY_AFTER_S_MAX

JITTER: Final = 0.2
"""Delays of ours are spread by this share to either side, so that what failed together doesn't return together."""

_RETRY_AFTER_CHARS_MAX: Final = 64
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Answer(StrEnum):
    """What the end of a request means to whoever schedules the next one."""

    SUCCESS = "success"
    GONE = "gone"
    THROTTLED = "throttled"
    BUSY = "busy"
    FAILED = "failed"


_SPECIAL: Final = {
    410: Answer.GONE,
    429: Answer.THROTTLED,
    502: Answer.BUSY,
    503: Answer.BUSY,
    504: Answer.BUSY,
}


def classify(status: int | None) -> Answer:
    """What a status means. None (no status: an error) and redirects are failures; only 2xx is success."""
    if status is None:
        return Answer.FAILED
    if 200 <= status <= 299:
        return Answer.SUCCESS
    return _SPECIAL.get(status, Answer.FAILED)


def spread(delay_s: float, chance: float) -> float:
    """`delay_s` with jitter: anywhere within ±20 %, by a `chance` in [0, 1)."""
    return delay_s * (1.0 - JITTER + 2.0 * JITTER * chance)


def retry_delay_s(rule: RetryRule | None, tries: int, chance: float) -> float | None:
    """Seconds to wait before the next try when `tries` are done; None when the schedule is exhausted.

    A rule of None is the default schedule with jitter. A list of delays is kept to the letter. An exponential rule
    gets jitter after its cap, so it never waits longer than 1.2 times the cap. Raises ValueError for `tries` < 1.
    """
    if tries < 1:
        raise ValueError(f"a retry follows at least one try, not {tries}")
    if rule is None:
        delay_s = _listed(DEFAULT_RETRY.delays_s or (), tries)
        return None if delay_s is None else spread(delay_s, chance)
    if rule.delays_s is not None:
        return _listed(rule.delays_s, tries)
    if tries >= rule.max_attempts:
        return None
    return spread(_exponential(rule, tries), chance)


def _listed(delays_s: tuple[float, ...], tries: int) -> float | None:
    return delays_s[tries - 1] if tries <= len(delays_s) else None


def _exponential(rule: RetryRule, tries: int) -> float:
    try:
        return min(rule.base_s * float(rule.factor) ** (tries - 1), rule.max_delay_s)
    except OverflowError:
        return rule.max_delay_s if rule.base_s > 0 else 0.0


def retry_after_s(headers: Sequence[tuple[str, str]], now_ms: int) -> float | None:
    """The pause that the first Retry-After among (name, value) `headers` asks for, within [0, 1 h].

    Both forms are read: seconds, and an HTTP date, which is compared with `now_ms`. None when there is no such
    header or when it makes no sense.
    """
    for name, value in headers:
        if name.lower() == "retry-after":
            return _pause_s(value.strip(), now_ms)
    return None


def _pause_s(text: str, now_ms: int) -> float | None:
    if len(text) > _RETRY_AFTER_CHARS_MAX:
        return None
    if text.isascii() and text.isdigit():
        return float(min(int(text), RETRY_AFTER_S_MAX))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    ahead_s = (moment - _EPOCH).total_seconds() - now_ms / 1000
    return min(max(ahead_s, 0.0), float(RETRY_AFTER_S_MAX))
