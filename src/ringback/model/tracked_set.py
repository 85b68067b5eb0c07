"""Tracked sets: named lists of object ids. An endpoint with one is told of their members alone. Plain values."""

from dataclasses import dataclass


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
