"""What a new version of an event type's schema takes away from those who read its payloads.

Payloads grow by addition only: a field that was described stays, with the types that it had, and one that was always
there stays so. What is new, and what says more exactly what comes, takes nothing away. `taken_away` compares what two
schemas say of types, members and items, through `$ref`, `allOf`, `anyOf`, `oneOf`, `if` and `dependentSchemas`: what a
schema says is read as alternatives, each a list of schemas that hold together. What it doesn't understand (formats,
limits, patterns, `not`, more than ALTERNATIVES_MAX of them) it doesn't compare, so that is never refused. Pure; assumes
schemas that `policy.schema` has compiled.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, Final

from ringback.policy.schema import Mismatch, below, path_of
from ringback.policy.schema_shape import References

ALTERNATIVES_MAX: Final = 64
STEPS_MAX: Final = 2_000
TAKEN_MAX: Final = 50
ROOT: Final = "data"

Leaf = dict[str, Any]
Alternatives = tuple[tuple[Leaf, ...], ...]
"""One of them holds; all schemas of one hold together, each by what it says itself. None: nothing is allowed."""

_WORDS: Final = ("null", "boolean", "string", "integer", "fraction", "array", "object")
_EVERY: Final = frozenset(_WORDS)
_SAID: Final = {"fraction": "number"}
_NUMBER: Final = frozenset(("integer", "fraction"))
_ANYTHING: Final[Alternatives] = ((),)
_NAMED_TABLES: Final = ("dependentSchemas", "dependencies")


class _TooMany(Exception):
    """A schema that stands for more alternatives than are looked at."""


def taken_away(before: bytes, after: bytes) -> list[Mismatch]:
    """What schema `after` takes away that `before` promised: where in the payload (`data.lines[].sku`), and what.

    Empty where it takes nothing away, or nothing that can be compared; TAKEN_MAX at most.
    """
    old, new = _Version(before), _Version(after)
    comparison = _Comparison(old, new)
    comparison.compare([old.schema], [new.schema], ROOT)
    return comparison.found[:TAKEN_MAX]


class _Version:
    """One version of a schema, parsed."""

    def __init__(self, text: bytes) -> None:
        # Of a number only its type matters, and reading a long one would cost.
        self.schema: Any = json.loads(text, parse_int=lambda _: 0)
        self._references = References(self.schema) if isinstance(self.schema, dict) else None

    def alternatives(self, schemas: Sequence[Any]) -> Alternatives:
        """What some schemas that hold together allow. Raises _TooMany."""
        found: Alternatives = _ANYTHING
        for schema in schemas:
            more = self._expanded(schema)
            if len(found) * len(more) > ALTERNATIVES_MAX:
                raise _TooMany
            found = tuple((*one, *other) for one, other in product(found, more))
        return tuple(one for one in found if _types_of_one(one))

    def _expanded(self, schema: Any) -> Alternatives:
        if not isinstance(schema, dict):
            return () if schema is False else _ANYTHING
        found: Alternatives = ((schema,),)
        for choice in self._choices(schema):
            more = [one for option in choice for one in self._expanded(option)]
            if len(found) * len(more) > ALTERNATIVES_MAX:
                raise _TooMany
            found = tuple((*one, *other) for one, other in product(found, more))
        return found

    def _choices(self, schema: Leaf) -> Iterator[list[Any]]:
        """What holds beside a schema for the same value: of each list one."""
        if isinstance(schema.get("$ref"), str) and self._references is not None:
            yield [self._references.led_to(schema["$ref"], ())[0]]
        for schema_all in _listed(schema, "allOf"):
            yield [schema_all]
        for keyword in ("anyOf", "oneOf"):
            if options := _listed(schema, keyword):
                yield options
        if "if" in schema and ("then" in schema or "else" in schema):
            yield [schema.get("then", True), schema.get("else", True)]
        for keyword in _NAMED_TABLES:
            for dependent in _table(schema, keyword).values():
                if isinstance(dependent, dict):
                    yield [True, dependent]


class _Comparison:
    """Two versions, walked side by side; `found` is what is taken away."""

    def __init__(self, old: _Version, new: _Version) -> None:
        self.found: list[Mismatch] = []
        self._old = old
        self._new = new
        self._seen: set[object] = set()

    def compare(self, old_schemas: Sequence[Any], new_schemas: Sequence[Any], path: str) -> None:
        """What schemas that hold together at one place were, and are."""
        try:
            old, new = self._old.alternatives(old_schemas), self._new.alternatives(new_schemas)
        except _TooMany:
            return
        self._compare(old, new, path)

    def _compare(self, old: Alternatives, new: Alternatives, path: str) -> None:
        pair = _key(old), _key(new)
        if pair in self._seen or len(self._seen) >= STEPS_MAX or len(self.found) >= TAKEN_MAX:
            return
        self._seen.add(pair)
        before, after = _types(old), _types(new)
        if not before:
            return
        if not after:
            self._add(path, "is removed")
            return
        if not after <= before:
            self._add(path, f"may be {_said(after)} now; it was {_said(before)}")
            if after == _EVERY or not after & before:
                return
        self._compare_members(_of_type(old, "object"), _of_type(new, "object"), path)
        self._compare_items(_of_type(old, "array"), _of_type(new, "array"), path)

    def _compare_members(self, old: Alternatives, new: Alternatives, path: str) -> None:
        named, required = _names(new), _required(new)
        for name in _names(old):
            place = below(path, path_of([name]))
            if name not in named:
                self._add(place, "is removed")
                continue
            self._compare_parts(_members(old, "properties", name), _members(new, "properties", name), place)
            if new and name in _required(old) and name not in required:
                self._add(place, "may be left out now; it was required")
        for pattern in _keys(old, "patternProperties"):
            if pattern in _keys(new, "patternProperties"):
                place = below(path, path_of([pattern]))
                parts = _members(old, "patternProperties", pattern), _members(new, "patternProperties", pattern)
                self._compare_parts(*parts, place)
        others = [[part for leaf in one if (part := leaf.get("additionalProperties")) is not None] for one in old]
        if any(isinstance(part, dict) for parts in others for part in parts):
            after = [[part for leaf in one if (part := leaf.get("additionalProperties")) is not None] for one in new]
            self._compare_parts(others, after, f"{path}.*")

    def _compare_items(self, old: Alternatives, new: Alternatives, path: str) -> None:
        length = max((len(_prefix(leaf)) for one in (*old, *new) for leaf in one), default=0)
        for at in range(length):
            self._compare_parts(_items(old, at), _items(new, at), f"{path}[{at}]")
        self._compare_parts(_items(old, length), _items(new, length), f"{path}[]")

    def _compare_parts(self, old: list[list[Any]], new: list[list[Any]], path: str) -> None:
        """The same part of a value as each alternative has it: the schemas that it names for it."""
        if not new or not any(old):
            return  # nothing was said of it, or the whole is of another type, which is told already
        try:
            before = tuple(one for schemas in old for one in self._old.alternatives(schemas))
            after = tuple(one for schemas in new for one in self._new.alternatives(schemas))
        except _TooMany:
            return
        self._compare(before, after, path)

    def _add(self, path: str, message: str) -> None:
        self.found.append(Mismatch(path, message))


def _key(alternatives: Alternatives) -> frozenset[frozenset[int]]:
    """The same for the same schemas of a version, so that a recursion ends."""
    return frozenset(frozenset(map(id, one)) for one in alternatives)


# ── what alternatives say ─────────────────────────────────────────────────────────────────────────────────────


def _types(alternatives: Alternatives) -> frozenset[str]:
    return frozenset().union(*(_types_of_one(one) for one in alternatives))


def _types_of_one(leaves: tuple[Leaf, ...]) -> frozenset[str]:
    return _EVERY.intersection(*(_types_of_leaf(leaf) for leaf in leaves))


def _types_of_leaf(leaf: Leaf) -> frozenset[str]:
    found = _EVERY
    named = leaf.get("type")
    if isinstance(named, str | list):
        words = [named] if isinstance(named, str) else named
        found = frozenset(kind for word in words for kind in (_NUMBER if word == "number" else (word,)))
    values = leaf.get("enum")
    if isinstance(values, list):
        found &= frozenset(map(_type_of_value, values))
    if "const" in leaf:
        found &= {_type_of_value(leaf["const"])}
    return found


def _type_of_value(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "fraction"
    return {int: "integer", str: "string", list: "array", dict: "object"}[type(value)]


def _said(types: frozenset[str]) -> str:
    """In the words of schemas."""
    if types == _EVERY:
        return "anything"
    whole = "integer" if "fraction" in types else "fraction"
    return " or ".join(_SAID.get(word, word) for word in _WORDS if word in types and word != whole)


def _of_type(alternatives: Alternatives, word: str) -> Alternatives:
    return tuple(one for one in alternatives if word in _types_of_one(one))


def _names(alternatives: Alternatives) -> list[str]:
    """The members that are named in any way, each once."""
    required = [name for one in alternatives for leaf in one for name in _required_of(leaf)]
    return list(dict.fromkeys([*_keys(alternatives, "properties"), *required]))


def _keys(alternatives: Alternatives, keyword: str) -> list[str]:
    return list(dict.fromkeys(name for one in alternatives for leaf in one for name in _table(leaf, keyword)))


def _members(alternatives: Alternatives, keyword: str, name: str) -> list[list[Any]]:
    """What each alternative that knows a member says of it."""
    found = [[table[name] for leaf in one if name in (table := _table(leaf, keyword))] for one in alternatives]
    return [schemas for schemas in found if schemas] or [[]]


def _required(alternatives: Alternatives) -> set[str]:
    """The members that are there whichever alternative holds."""
    sets = [{name for leaf in one for name in _required_of(leaf)} for one in alternatives]
    return set.intersection(*sets) if sets else set()


def _required_of(leaf: Leaf) -> list[str]:
    return [name for name in _listed(leaf, "required") if isinstance(name, str)]


def _items(alternatives: Alternatives, at: int) -> list[list[Any]]:
    """What each alternative says of the item at a place."""
    return [[part for leaf in one if (part := _item(leaf, at)) is not None] for one in alternatives]


def _item(leaf: Leaf, at: int) -> Any:
    prefix = _prefix(leaf)
    if at < len(prefix):
        return prefix[at]
    return leaf.get("additionalItems") if isinstance(leaf.get("items"), list) else leaf.get("items")


def _prefix(leaf: Leaf) -> list[Any]:
    return _listed(leaf, "prefixItems") or _listed(leaf, "items")


def _listed(schema: Leaf, keyword: str) -> list[Any]:
    value = schema.get(keyword)
    return value if isinstance(value, list) else []


def _table(schema: Leaf, keyword: str) -> dict[str, Any]:
    value = schema.get(keyword)
    return value if isinstance(value, dict) else {}
