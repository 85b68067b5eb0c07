"""What is different between two states of a record, and what of a record is told: pure, on decoded JSON.

Places are JSON pointers (RFC 6901). Objects are compared member by member, everything else as a whole, arrays too:
where in a list something changed says little about what changed. Two values are the same if they are the same JSON:
1 is 1.0 and not true; order of members and white space don't count. Assumes JSON nested no deeper than
NESTING_DEPTH_MAX, and pointers that `valid_pointer` has passed.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from ringback.model.limits import CHANGED_BYTES_MAX, CHANGED_POINTERS_MAX
from ringback.policy.json_value import value_of

Object = Mapping[str, Any]

WHOLE: Final = ""
"""The pointer of the whole record."""
_POINTER: Final = re.compile(r"(?:/(?:[^~/]|~[01])*)+")
_POINTERS_KEPT_MAX: Final = 4_096
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def valid_pointer(text: str) -> bool:
    """Whether `text` points to something inside a record."""
    return _POINTER.fullmatch(text) is not None


@lru_cache(maxsize=_POINTERS_KEPT_MAX)
def steps_of(pointer: str) -> tuple[str, ...]:
    """The names that a pointer goes down by: `/a~1b/c` is `a/b`, `c`."""
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])


def differences(before: Object, after: Object) -> list[str]:
    """Where they differ, in the order of the names; empty: they are the same."""
    found: list[str] = []
    _compare(before, after, "", found)
    return found


def _compare(before: Object, after: Object, place: str, found: list[str]) -> None:
    for name in sorted({*before, *after}):
        there = f"{place}/{_escaped(name)}"
        if name not in before or name not in after:
            found.append(there)
            continue
        old, new = before[name], after[name]
        if isinstance(old, dict) and isinstance(new, dict):
            _compare(old, new, there, found)
        elif not _same(old, new):
            found.append(there)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[name]) for name, value in one.items())
    return bool(one == other)


def members_of(state: Object) -> list[str]:
    """The pointers of all that it has, for what is new or gone as a whole."""
    return [f"/{_escaped(name)}" for name in sorted(state)]


def told(pointers: Sequence[str]) -> tuple[str, ...]:
    """As many of them as are told; where that would be too many, the whole record is what changed."""
    if len(pointers) > CHANGED_POINTERS_MAX or sum(len(one.encode()) for one in pointers) > CHANGED_BYTES_MAX:
        return (WHOLE,)
    return tuple(pointers)


def without(pointers: Sequence[str], ignored: Iterable[str]) -> list[str]:
    """Those that are not at or below an ignored one."""
    left = list(pointers)
    for one in ignored:
        left = [pointer for pointer in left if not _at_or_below(pointer, one)]
    return left


def within(pointers: Sequence[str], fields: Iterable[str]) -> list[str]:
    """Those that say something of one of the fields: at it, below it, or above it."""
    kept = tuple(fields)
    return [
        pointer
        for pointer in pointers
        if any(_at_or_below(pointer, field) or _at_or_below(field, pointer) for field in kept)
    ]


def _at_or_below(pointer: str, place: str) -> bool:
    return pointer == place or pointer.startswith(place + "/")


def masked(state: bytes, fields: Iterable[str]) -> bytes:
    """What of it stands at these pointers, in the form of the record; what is kept keeps its bytes."""
    tree: dict[str, Any] = {}
    for field in fields:
        _plant(tree, steps_of(field))
    return _kept(state, tree)


def _plant(tree: dict[str, Any], steps: Sequence[str]) -> None:
    """An empty branch keeps all that is below it."""
    for place, step in enumerate(steps):
        inner = tree.get(step)
        if inner == {} or place == len(steps) - 1:
            tree[step] = {}
            return
        tree = tree.setdefault(step, {}) if inner is None else inner


def _kept(state: bytes, tree: Mapping[str, Any]) -> bytes:
    kept: dict[str, msgspec.Raw] = {}
    for name, value in _MEMBERS.decode(state).items():
        branch = tree.get(name)
        if branch == {}:
            kept[name] = value
        elif branch and _is_object(value):
            kept[name] = msgspec.Raw(_kept(bytes(value), branch))
    return msgspec.json.encode(kept)


def merged(state: bytes, patch: bytes) -> bytes:
    """The state after a merge patch (RFC 7396): null removes a member, an object is merged, all else replaces. What is
    not touched keeps its bytes."""
    members = _MEMBERS.decode(state)
    for name, value in _MEMBERS.decode(patch).items():
        if bytes(value) == b"null":
            members.pop(name, None)
        elif _is_object(value):
            inside = members.get(name)
            before = bytes(inside) if inside is not None and _is_object(inside) else b"{}"
            members[name] = msgspec.Raw(merged(before, bytes(value)))
        else:
            members[name] = value
    return msgspec.json.encode(members)


def _is_object(value: msgspec.Raw) -> bool:
    return bytes(memoryview(value)[:1]) == b"{"


def object_of(data: bytes) -> dict[str, Any]:
    """A record's state, which is an object, as values."""
    value = value_of(data)
    if not isinstance(value, dict):
        raise TypeError("a record is an object")
    return value
