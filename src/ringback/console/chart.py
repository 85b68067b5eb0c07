"""Figures over time as a line that an SVG can draw, without a style. Pure."""

from collections.abc import Sequence
from typing import Final, NamedTuple

WIDTH: Final = 600
HEIGHT: Final = 120
POINTS_MAX: Final = 240


class Line(NamedTuple):
    """`points` is for a polyline in WIDTH by HEIGHT; `most` is its highest value, `last` the latest one (None: there is
    none)."""

    name: str
    points: str
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


def chart(title: str, unit: str, times: Sequence[int], series: Sequence[tuple[str, Sequence[float | None]]]) -> Chart:
    """Of several figures at the same times, of which there is one at least. Where there are more than can be told
    apart, the highest of neighbours stand for them."""
    most = max((value for _, values in series for value in values if value is not None), default=0.0)
    begin, end = times[0], times[-1]
    lines = [_line(name, times, values, max(most, 1e-9)) for name, values in series]
    return Chart(title, unit, begin, end, most, lines)


def _line(name: str, times: Sequence[int], values: Sequence[float | None], most: float) -> Line:
    begin, span = times[0], max(times[-1] - times[0], 1)
    known = [(at, value) for at, value in zip(times, values, strict=True) if value is not None]
    step = -(-len(known) // POINTS_MAX) or 1
    highest = [max(known[place : place + step], key=_value) for place in range(0, len(known), step)]
    points = " ".join(
        f"{(at - begin) / span * WIDTH:.1f},{HEIGHT - value / most * HEIGHT:.1f}" for at, value in highest
    )
    return Line(name, points, max((value for _, value in known), default=0.0), known[-1][1] if known else None)


def _value(one: tuple[int, float]) -> float:
    return one[1]
