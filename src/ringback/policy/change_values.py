"""A change of a record as triggers see it: decoded once, and shared by all triggers that look at it.

Beside what filters see, expressions of triggers have functions, whose paths are written out: `value("a.b")` and
`previous_value("a.b")`, null where there is nothing; `changes("a", "b")`, a map of those that differ; and `passed` and
`exited`, whose answers `policy.trigger` works out beforehand. Of a deleted record `data` is null and `previous` its
last state; of a new one `previous` is null. Where the source didn't say when it happened, `event.occurred_at` is when
it was accepted. One change on one thread at a time. Pure.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from ringback.model.event import Event
from ringback.policy.filter import FilterInput
from ringback.policy.json_value import value_at, value_of
from ringback.policy.record_change import differences, steps_of
from ringback.policy.wanted import described
from ringback.times import rfc3339

CROSSINGS: Final = frozenset({"passed", "exited"})
FUNCTIONS: Final = CROSSINGS | {"value", "previous_value", "changes"}

CrossingCall = tuple[str, str, float, float]
"""Function, path as it was written, threshold, hysteresis."""


class Change(NamedTuple):
    """A record's change: the event that it made, with the whole state in its `data` (after a deletion the last one),
    and the states as JSON. `before` None: it is new; `after` None: it was deleted."""

    event: Event
    before: bytes | None
    after: bytes | None


class ChangeValues(FilterInput):
    """Made by `change_values`. `crossed` are the calls of `passed` and `exited` that are true for the trigger whose
    turn it is."""

    __slots__ = ("after", "before", "change", "crossed")

    def __init__(self, change: Change) -> None:
        self.change = change
        self.before = None if change.before is None else value_of(change.before)
        self.after = None if change.after is None else value_of(change.after)
        self.crossed: frozenset[CrossingCall] | set[CrossingCall] = frozenset()
        event = described(change.event)
        if event["occurred_at"] is None:
            event["occurred_at"] = rfc3339(change.event.accepted_at)
        functions: dict[str, Callable[..., object]] = {
            "passed": self._passed,
            "exited": self._exited,
            "value": self._value,
            "previous_value": self._previous_value,
            "changes": self._changes,
        }
        super().__init__({"event": event, "data": self.after, "previous": self.before}, functions)

    def _passed(self, path: str, threshold: float, hysteresis: float = 0) -> bool:
        return ("passed", path, threshold, hysteresis) in self.crossed

    def _exited(self, path: str, threshold: float, hysteresis: float = 0) -> bool:
        return ("exited", path, threshold, hysteresis) in self.crossed

    def _value(self, path: str) -> object:
        return value_at(self.after, steps(path))

    def _previous_value(self, path: str) -> object:
        return value_at(self.before, steps(path))

    def _changes(self, *paths: str) -> dict[str, dict[str, object]]:
        found: dict[str, dict[str, object]] = {}
        for path in paths:
            both = {"before": self._previous_value(path), "after": self._value(path)}
            if differences({"": both["before"]}, {"": both["after"]}):
                found[steps(path)[-1]] = both
        return found


def change_values(change: Change) -> ChangeValues:
    """Decode a change for all triggers that look at it."""
    return ChangeValues(change)


def steps(path: str) -> tuple[str, ...]:
    """The names on a path: a JSON pointer when it begins with a slash, else names with dots between them."""
    return steps_of(path) if path.startswith("/") else tuple(path.split("."))
