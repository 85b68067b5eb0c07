"""Figures over time as a line that an SVG can draw, without a style. Pure."""

from collections.abc import Sequence
from itertools import pairwise
from operator import itemgetter
from typing import Final, NamedTuple

WIDTH: Final = 600
HEIGHT: Final = 120
POINTS_MAX: Final = 240


class Line(NamedTuple):
    """`strokes` are for polylines in WIDTH by HEIGHT, one for each stretch that was seen; `most` is its highest value,
    `last` the latest one (None: there is none)."""

    name: str
    strokes: Sequence[str]
    most: float
    last: float | None


class Chart(NamedTuple):
    """Lines over one span of time, `begin` to `end` (wall ms), and over one scale, from 0 to `most`."""

    title: str
    unit: str
    begin: int
    end: int
    most: float
    lines: Sequence[Line]


def chart(
    title: str, unit: str, times: Sequence[int], series: Sequence[tuple[str, Sequence[float | None]]], gap_ms: int
) -> Chart:
    """Of several figures at the same times, of which there is one at least. Where there are more than can be told
    apart, the highest of neighbours stand for them. Between times further apart than `gap_ms` there is nothing."""
    most = max((value for _, values in series for value in values if value is not None), default=0.0)
    begin, end = times[0], times[-1]
    begun = [place for place in range(1, len(times)) if times[place] - times[place - 1] > gap_ms]
    stretches = [slice(*ends) for ends in pairwise([0, *begun, len(times)])]
    lines = [_line(name, times, values, stretches, max(most, 1e-9)) for name, values in series]
    return Chart(title, unit, begin, end, most, lines)


def _line(
    name: str, times: Sequence[int], values: Sequence[float | None], stretches: Sequence[slice], most: float
) -> Line:
    known = [value for value in values if value is not None]
    step = -(-len(known) // POINTS_MAX) or 1
    begin, span = times[0], max(times[-1] - times[0], 1)
    strokes = []
    for stretch in stretches:
        points = [(at, value) for at, value in zip(times[stretch], values[stretch], strict=True) if value is not None]
        highest = [max(points[place : place + step], key=itemgetter(1)) for place in range(0, len(points), step)]
        strokes.append(
            " ".join(f"{(at - begin) / span * WIDTH:.1f},{HEIGHT - value / most * HEIGHT:.1f}" for at, value in highest)
        )
    return Line(name, [stroke for stroke in strokes if stroke], max(known, default=0.0), known[-1] if known else None)
