"""Event types and the patterns endpoints subscribe with: `contact.created`, `contact.*` (any depth) or `*`.

Matching runs backwards: instead of trying an event against every pattern, an event type lists the few patterns
that could match it, and the index looks those up. So its cost grows with the dots in a name, never with the number
of endpoints. `candidates` and `pattern_matches` must agree; a property test holds them to it. Nothing here fails:
a text that is no name is simply not valid.
"""

import re
from functools import lru_cache
from typing import Final

from ringback.model.limits import EVENT_TYPE_CHARS_MAX, RECORD_TYPE_CHARS_MAX

ANY: Final = "*"

_EVENT_TYPE: Final = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_CACHED_TYPES_MAX: Final = 4_096


def valid_event_type(text: str) -> bool:
    """Whether `text` names an event type: words of letters, digits, `_` and `-`, joined by dots, up to 128."""
    return len(text) <= EVENT_TYPE_CHARS_MAX and _EVENT_TYPE.fullmatch(text) is not None


def valid_record_type(text: str) -> bool:
    """Whether `text` names a type of records: an event type that leaves room for `.created`."""
    return len(text) <= RECORD_TYPE_CHARS_MAX and valid_event_type(text)


def valid_pattern(text: str) -> bool:
    """Whether `text` is an event type, `*`, or an event type followed by `.*`; up to 128 characters in all."""
    if text == ANY:
        return True
    return len(text) <= EVENT_TYPE_CHARS_MAX and valid_event_type(text.removesuffix(".*"))


@lru_cache(maxsize=_CACHED_TYPES_MAX)
def candidates(event_type: str) -> tuple[str, ...]:
    """Every pattern that matches a valid `event_type`, the most exact first: for `a.b.c` these are `a.b.c`,
    `a.b.*`, `a.*` and `*`."""
    words = event_type.split(".")
    prefixes = (".".join(words[:count]) + ".*" for count in range(len(words) - 1, 0, -1))
    return (event_type, *prefixes, ANY)


def naming(event_type: str) -> tuple[str, ...]:
    """The same without `*`: the patterns that name it, as those do that want to know of Ringback's own work."""
    return candidates(event_type)[:-1]


def pattern_matches(pattern: str, event_type: str) -> bool:
    """Whether a valid `pattern` matches a valid `event_type`. `contact.*` doesn't match `contact` itself."""
    if pattern.endswith(".*"):
        return event_type.startswith(pattern[:-1])
    return pattern in (ANY, event_type)
