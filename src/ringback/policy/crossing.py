"""Crossings: when a number of a record passes a threshold, or falls below it again.

A record is above a threshold when the value at the path is a number that is not less; anything else, nothing too, is
below. With a hysteresis, what is above stays so until it is less than the threshold minus the hysteresis: so a value
that swings around the threshold crosses it once. Where that alone says which side a record is on, its mark remembers
it; a mark that the state before can't have is passed over, so one that is out of date does no harm. Pure.
"""

import zlib
from collections.abc import Mapping
from typing import NamedTuple

from ringback.policy.json_value import value_at

STILL_ABOVE = 1


class Crossing(NamedTuple):
    """A threshold that is watched. `path` leads to the number from the record's root."""

    path: tuple[str, ...]
    threshold: float
    hysteresis: float

    @property
    def mark(self) -> str:
        """Under what its side is remembered: the same as long as it is the same crossing."""
        return f"{zlib.crc32(repr(tuple(self)).encode('utf-8', 'surrogatepass')):08x}"


class Sides(NamedTuple):
    """Whether the record was above, and is now. `between`: it is, though it is less than the threshold."""

    before: bool
    after: bool
    between: bool


def sides(crossing: Crossing, before: object, after: object, marks: Mapping[str, object]) -> Sides:
    """Where two states of a record are (None: there is none); `marks` are what its trigger remembers of it."""
    old, new = number_at(before, crossing.path), number_at(after, crossing.path)
    held = marks.get(crossing.mark) == STILL_ABOVE
    was = _above(crossing, old, stays=held)
    now = _above(crossing, new, stays=was)
    return Sides(was, now, now and new is not None and new < crossing.threshold)


def number_at(state: object, path: tuple[str, ...]) -> float | None:
    """The number there; None when there is none, or something else."""
    value = value_at(state, path)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _above(crossing: Crossing, value: float | None, *, stays: bool) -> bool:
    if value is None:
        return False
    return value >= crossing.threshold or (stays and value >= crossing.threshold - crossing.hysteresis)
