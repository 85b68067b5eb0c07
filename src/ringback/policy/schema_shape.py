"""What a JSON Schema can cost, from its shape alone: so that no schema makes checking an event take for ever.

Subschemas and the ways between them are a graph: a way leads on within the same value (`allOf`, `$ref`, …) or into a
part of it (`properties`, `items`, …). A schema is refused when following all references would take too many steps,
or when a subschema leads back to itself in two ways that can both be taken for the same value: each level of such a
value doubles the work. A recursion that goes one way, as a tree's does, is fine. References are followed within the
document alone. Pure; assumes JSON nested no deeper than NESTING_DEPTH_MAX.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from ringback.model.limits import SCHEMA_PATTERNS_MAX, SCHEMA_STEPS_MAX

Place = tuple[str | int, ...]

# Ways on: within the same value, to one member, to members by a pattern, to all others, and the same for items.
SAME, MEMBER, PATTERN, OTHERS, ITEM, ITEMS, ANY_ITEM, NAME = range(8)
_SINGLE: Final = {
    "not": SAME, "if": SAME, "then": SAME, "else": SAME,
    "additionalProperties": OTHERS, "unevaluatedProperties": OTHERS, "propertyNames": NAME,
    "items": ITEMS, "additionalItems": ITEMS, "unevaluatedItems": ITEMS, "contains": ANY_ITEM,
}  # fmt: skip
_LISTED: Final = {"allOf": SAME, "anyOf": SAME, "oneOf": SAME, "prefixItems": ITEM, "items": ITEM}
_NAMED: Final = {"dependentSchemas": SAME, "dependencies": SAME, "properties": MEMBER, "patternProperties": PATTERN}
# To know what is left over, these look at the same value a second time.
_TWICE: Final = ("unevaluatedProperties", "unevaluatedItems")
_TWICE_FACTOR: Final = 3
_DYNAMIC: Final = ("$dynamicRef", "$recursiveRef")
_OPEN: Final[dict[str, Any]] = {}
_DRAFT_4: Final = re.compile(r"https?://json-schema\.org/draft-04/schema#?")


class BadShape(ValueError):
    """A schema that can't be taken. `place` is where in the schema; the message goes on from there: "must be …"."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.place = place
        self.message = message


class Way(NamedTuple):
    """From one subschema to another; `kind` is one of the constants above."""

    kind: int
    to: int


def check_shape(schema: Any) -> None:
    """Raises BadShape for a schema that is no tree or takes too long. `schema` is parsed JSON."""
    if isinstance(schema, dict):
        graph = _Graph(schema)
        groups = _groups(graph.ways)
        _check_recursion(graph, groups)
        _check_steps(graph, groups)


class _Graph:
    """Every subschema that can be reached, by number (0 is the whole), and the ways from each."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._references = References(schema)
        self._numbers: dict[int, int] = {}
        self.nodes: list[dict[str, Any]] = []
        self.places: list[Place] = []
        self.ways: list[list[Way]] = []
        self._number(schema, ())
        for number, node in enumerate(self.nodes):  # grows while it is walked
            self.ways.append([Way(kind, self._number(inner, place)) for kind, inner, place in self._next(node, number)])

    def _number(self, node: dict[str, Any], place: Place) -> int:
        number = self._numbers.get(id(node))
        if number is None:
            number = self._numbers[id(node)] = len(self.nodes)
            self.nodes.append(node)
            self.places.append(place)
        return number

    def _next(self, node: dict[str, Any], number: int) -> Iterator[tuple[int, dict[str, Any], Place]]:
        here = self.places[number]
        for keyword, value in node.items():
            if keyword == "$ref" and isinstance(value, str):
                yield (SAME, *self._references.led_to(value, (*here, keyword)))
            elif keyword in _SINGLE and isinstance(value, dict):
                yield _SINGLE[keyword], value, (*here, keyword)
            elif keyword in _LISTED and isinstance(value, list):
                yield from (
                    (_LISTED[keyword], one, (*here, keyword, at))
                    for at, one in enumerate(value)
                    if isinstance(one, dict)
                )
            elif keyword in _NAMED and isinstance(value, dict):
                yield from (
                    (_NAMED[keyword], one, (*here, keyword, name))
                    for name, one in value.items()
                    if isinstance(one, dict)
                )


class References:
    """Where the references of a schema lead."""

    def __init__(self, document: dict[str, Any]) -> None:
        """Raises BadShape for names that would make a reference mean something else than the place it names."""
        self._document = document
        self._names = _names_in(document)

    def led_to(self, reference: str, place: Place) -> tuple[dict[str, Any], Place]:
        """The subschema that a reference at `place` names, and where it stands. Raises BadShape for what leads out of
        the document."""
        own = self._document.get("$id", self._document.get("id"))
        base, sharp, fragment = reference.partition("#")
        if base and (not isinstance(own, str) or base != own.partition("#")[0]):
            raise BadShape(place, "must lead to a place in this schema, such as #/$defs/name; nothing is fetched")
        fragment = unquote(fragment)
        if sharp and fragment and not fragment.startswith("/"):
            found = self._names.get(fragment)
        else:
            found = _pointed_at(self._document, fragment)
        if found is None:
            raise BadShape(place, "leads to nothing in this schema")
        node, there = found
        # true and false have no ways on.
        return (node, there) if isinstance(node, dict) else (_OPEN, there)


def _names_in(document: dict[str, Any]) -> dict[str, tuple[Any, Place]]:
    """Every `$anchor`. Refuses what would make a reference mean something else than the place it names."""
    draft_4 = _DRAFT_4.fullmatch(str(document.get("$schema", ""))) is not None
    names: dict[str, tuple[Any, Place]] = {}
    patterns = 0
    for node, place in _dicts(document):
        for keyword in _DYNAMIC:
            if isinstance(node.get(keyword), str):
                raise BadShape((*place, keyword), "is not taken; use $ref")
        for keyword in ("$id", "id") if draft_4 else ("$id",):
            if place and isinstance(node.get(keyword), str):
                raise BadShape((*place, keyword), "is taken at the top of a schema alone")
        anchor = node.get("$anchor")
        if isinstance(anchor, str):
            if anchor in names:
                raise BadShape((*place, "$anchor"), "stands there twice")
            names[anchor] = node, place
        regular = node.get("patternProperties")
        patterns += isinstance(node.get("pattern"), str) + (len(regular) if isinstance(regular, dict) else 0)
        if patterns > SCHEMA_PATTERNS_MAX:
            raise BadShape(place, f"goes over the number of patterns: {SCHEMA_PATTERNS_MAX} are taken in a schema")
    return names


def _dicts(value: Any, place: Place = ()) -> Iterator[tuple[dict[str, Any], Place]]:
    if isinstance(value, dict):
        yield value, place
        for name, inner in value.items():
            yield from _dicts(inner, (*place, name))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _dicts(inner, (*place, at))


def _pointed_at(document: Any, pointer: str) -> tuple[Any, Place] | None:
    """What a JSON pointer (RFC 6901) leads to."""
    place: list[str | int] = []
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict) and name in document:
            document = document[name]
            place.append(name)
        elif isinstance(document, list) and name.isdecimal() and int(name) < len(document):
            document = document[int(name)]
            place.append(int(name))
        else:
            return None
    return document, tuple(place)


# ── the graph ─────────────────────────────────────────────────────────────────────────────────────────────────


def _groups(ways: list[list[Way]]) -> list[int]:
    """For each node the number of its group; nodes that lead to one another are a group (a strongly connected
    component). A group has a higher number than those that lead to it (Kosaraju's algorithm)."""
    back: list[list[Way]] = [[] for _ in ways]
    for number, leading in enumerate(ways):
        for way in leading:
            back[way.to].append(Way(way.kind, number))
    done: list[int] = []
    seen: set[int] = set()
    for number in range(len(ways)):
        done += _reached(ways, number, seen)
    group_of = [0] * len(ways)
    seen = set()
    for group, number in enumerate(reversed(done)):
        for member in _reached(back, number, seen):
            group_of[member] = group
    return group_of


def _reached(ways: list[list[Way]], start: int, seen: set[int]) -> list[int]:
    """What can be reached from `start` and was not seen yet, each after all that it leads to."""
    if start in seen:
        return []
    seen.add(start)
    order: list[int] = []
    path = [(start, iter(ways[start]))]
    while path:
        number, rest = path[-1]
        for way in rest:
            if way.to not in seen:
                seen.add(way.to)
                path.append((way.to, iter(ways[way.to])))
                break
        else:
            order.append(number)
            path.pop()
    return order


def _check_recursion(graph: _Graph, groups: list[int]) -> None:
    within = [[way for way in ways if way.kind == SAME] for ways in graph.ways]
    level = _groups(within)
    for number, ways in enumerate(graph.ways):
        if any(level[way.to] == level[number] for way in within[number]):
            raise BadShape(graph.places[number], "leads back to itself for the same value, which never ends")
        inner = [way.kind for way in ways if groups[way.to] == groups[number]]
        if len(inner) > 1 and _overlap(inner):
            raise BadShape(
                graph.places[number],
                "leads back to itself in several ways that one value can take, which may take for ever; use one $ref",
            )


def _overlap(kinds: list[int]) -> bool:
    """Whether two of the ways from one subschema can be taken for the same part of a value."""
    if SAME in kinds:
        return True
    members, patterns, others = kinds.count(MEMBER), kinds.count(PATTERN), kinds.count(OTHERS)
    items, rest, any_item = kinds.count(ITEM), kinds.count(ITEMS), kinds.count(ANY_ITEM)
    return (
        others > 1
        or (patterns > 0 and members + patterns > 1)
        or rest > 1
        or (any_item > 0 and items + rest + any_item > 1)
    )


def _check_steps(graph: _Graph, groups: list[int]) -> None:
    """Count the subschemas as often as they are reached; those of a group once, since a recursion goes one way."""
    steps: dict[int, int] = {}
    for number in sorted(range(len(groups)), key=lambda number: -groups[number]):
        beyond = sum(steps[groups[way.to]] for way in graph.ways[number] if groups[way.to] != groups[number])
        factor = _TWICE_FACTOR if any(keyword in graph.nodes[number] for keyword in _TWICE) else 1
        steps[groups[number]] = steps.get(groups[number], 0) + 1 + factor * beyond
        if steps[groups[number]] > SCHEMA_STEPS_MAX:
            raise BadShape(
                graph.places[number], f"takes more than {SCHEMA_STEPS_MAX:,} steps when its references are followed"
            )
