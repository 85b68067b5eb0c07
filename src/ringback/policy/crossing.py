"""Crossings: when a number of a record passes a threshold, or falls below it again.

A record is above a threshold when the value at the path is a number that is not less; anything else, nothing too, is
below. With a hysteresis, what is above stays so until it is less than the threshold minus the hysteresis: so a value
that swings around the threshold crosses it once. Where that alone says which side a record is on, its mark remembers
it; a mark that the state before can't have is passed over, so one that is out of date does no harm. Pure.
"""

import zlib
from collections.abc import Mapping
from typing import Final, NamedTuple

from ringback.policy.json_value import value_at

STILL_ABOVE: Final = 1


class Crossing(NamedTuple):
    """A threshold that is watched. `path` leads to the number from the record's root. `mark` is what its side is
    remembered under: the same as long as it is the same crossing."""

    path: tuple[str, ...]
    threshold: float
    hysteresis: float
    mark: str


def crossing(path: tuple[str, ...], threshold: float, hysteresis: float) -> Crossing:
    """A crossing with its mark."""
    said = repr((path, threshold, hysteresis)).encode("utf-8", "surrogatepass")
    return Crossing(path, threshold, hysteresis, f"{zlib.crc32(said):08x}")


class Sides(NamedTuple):
    """Whether the record was above, and is now. `between`: it is, though it is less than the threshold."""

    before: bool
    after: bool
    between: bool


def sides(watched: Crossing, before: object, after: object, marks: Mapping[str, object]) -> Sides:
    """Where two states of a record are (None: there is none); `marks` are what its trigger remembers of it."""
    path, threshold, hysteresis, mark = watched
    old, new = number_at(before, path), number_at(after, path)
    was = old is not None and old >= threshold
    now = new is not None and new >= threshold
    if not hysteresis:
        return Sides(was, now, between=False)
    lowest = threshold - hysteresis
    was = was or (old is not None and old >= lowest and marks.get(mark) == STILL_ABOVE)
    between = was and not now and new is not None and new >= lowest
    return Sides(was, now or between, between)


def number_at(state: object, path: tuple[str, ...]) -> float | None:
    """The number there; None when there is none, or something else."""
    value = value_at(state, path)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
