"""Tracked sets: named lists of object ids. An endpoint with one is told of their members alone. Plain values."""

import re
from dataclasses import dataclass
from typing import Final

NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
"""What a set may be called."""
NAME_RULE: Final = "must be 1 to 64 letters, digits, _ or -"


@dataclass(frozen=True, slots=True)
class TrackedSet:
    """A tenant's list. Members are the ids of events' subjects; they are stored apart, below the set's own `id`, so
    that a new set of the same name doesn't get those of a deleted one. Times are milliseconds since 1970."""

    id: str
    tenant_id: str
    name: str
    members: int
    created_at: int
    updated_at: int
