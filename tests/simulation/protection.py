"""What a protection of the ownership protocol is to the tests: a name, a way to switch it off, and where that shows.

A protection that can be left out without any seed noticing is either not needed or not tested. So each has a way to
break it (a function that gets every new node of a run) and a kind of trouble in which some seed must fail.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from ringback.engine.lanes import Lane

BreakIt = Callable[[Any], None]


class Protection(NamedTuple):
    """`broken_by` says what is done when it is off; `sweeping` off leaves out the sweep, in broken and unbroken runs,
    where it would repair the damage before it shows. `trouble` is one of `scenario.TROUBLES` or `directed.DIRECTED`."""

    name: str
    broken_by: str
    trouble: str
    sweeping: bool
    break_it: BreakIt


PROTECTIONS: list[Protection] = []


def protection(trouble: str, *, sweeping: bool = True) -> Callable[[BreakIt], BreakIt]:
    """Register a function that breaks what its name says; its docstring says how."""

    def add(break_it: BreakIt) -> BreakIt:
        assert break_it.__doc__, "say what is broken"
        PROTECTIONS.append(Protection(break_it.__name__, break_it.__doc__.strip(), trouble, sweeping, break_it))
        return break_it

    return add


class Override:
    """A part with some of its methods replaced."""

    def __init__(self, inner: Any, **methods: Callable[..., Any]) -> None:
        self._inner = inner
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        return self._methods.get(name) or getattr(self._inner, name)


def on_open(node: Any, alter: Callable[[Lane], None]) -> None:
    """Alter every lane that the node opens."""
    lanes = node.dispatcher._lanes
    plain = lanes.open

    def opened(row: Any) -> None:
        plain(row)
        alter(lanes._lanes[row.endpoint_id])

    lanes.open = opened


def lanes_of_kind(node: Any, kind: type[Lane]) -> None:
    """Every lane that the node opens is of this subclass (with empty slots)."""
    on_open(node, lambda lane: setattr(lane, "__class__", kind))


def wall_s(node: Any) -> float:
    """What a clock would say that follows the wall."""
    return float(node.clock.now_ms()) / 1000.0
