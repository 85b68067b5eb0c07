"""Which events a shape is for: a profile's `when`, compiled. All that is named has to fit; nothing named fits all."""

import json
import re
from collections.abc import Callable
from typing import Final, NamedTuple

from ringback.wire.message import Message
from ringback.wire.slots import SLOTS

# Pairs keep duplicate names apart. Numbers stay text: their value doesn't matter, and reading a long one would cost.
_pairs = json.JSONDecoder(object_pairs_hook=list, parse_int=str, parse_float=str).decode

ANY: Final = "*"
_action: Final = SLOTS["action"].value


class When(NamedTuple):
    """`event_types` as endpoints have them (exact, `prefix.*`, `*`); `actions` as the slot action; `data_is`: data must
    be an object of exactly these members, and a member `type` must be the event's."""

    event_types: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    data_is: tuple[str, ...] = ()

    def compiled(self) -> Callable[[Message], bool]:
        """Whether the shape is for an event, as a function."""
        tests: list[Callable[[Message], bool]] = []
        if self.event_types:
            tests.append(lambda message: any(_matches(pattern, message.type) for pattern in self.event_types))
        if self.actions:
            tests.append(lambda message: _action(message) in self.actions)
        if self.data_is:
            tests.append(_exact(self.data_is))
        if len(tests) == 1:
            return tests[0]
        return lambda message: all(test(message) for test in tests)


def _matches(pattern: str, event_type: str) -> bool:
    return pattern in (event_type, ANY) or (pattern.endswith(".*") and event_type.startswith(pattern[:-1]))


def _exact(names: tuple[str, ...]) -> Callable[[Message], bool]:
    """Whether data are an object of exactly these members, and its `type`, if that is one of them, the event's.

    Most payloads are told apart by their first member; only what may be exact is parsed.
    """
    either = "|".join(f'{re.escape(name)}"' for name in names)
    # An object whose first member is one of these, or is written with an escape and may be one.
    may_be = re.compile(rf'[ \t\r\n]*\{{[ \t\r\n]*"(?:{either}|[^"\\]*\\)'.encode()).match
    needed = [f'"{name}"'.encode() for name in names]
    members, has_type = set(names), "type" in names

    def exact(message: Message) -> bool:
        data = message.data
        if may_be(data) is None or (b"\\" not in data and any(name not in data for name in needed)):
            return False
        try:
            pairs = _pairs(data.decode())
        except (ValueError, RecursionError):
            return False
        if len(pairs) != len(members) or {name for name, _ in pairs} != members:
            return False
        return not has_type or ("type", message.type) in pairs

    return exact
