"""A JSON Schema made of samples: what all of them have in common, and nothing that one of them breaks.

For whoever has events already and no schema of them. Every sample matches the schema that is made of it, so one more
sample can only widen it: a member that is missing in one is not required, a type that is new is allowed. Nothing is
said of members that no sample has. Formats stand where every text is of that format; words are listed (`enum`) only
where that is asked for. It is bounded: what lies deeper than DEPTH_MAX, or comes when MEMBERS_MAX members are
described, is not described, and a schema that would be too large is made of fewer levels. Pure.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from ringback.model.limits import SCHEMA_BYTES_MAX
from ringback.policy.schema import is_of_format

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
DEPTH_MAX: Final = 20
MEMBERS_MAX: Final = 1_000
"""Of all objects together."""
NAME_CHARS_MAX: Final = 256
WORDS_MAX: Final = 20
"""Of an `enum`: more different texts are not a list of words."""
WORD_CHARS_MAX: Final = 64
FORMATS: Final = ("date-time", "uri", "email")

_TYPES: Final[tuple[str, ...]] = ("null", "boolean", "integer", "number", "string", "array", "object")


def infer_schema(samples: Iterable[object], *, enums: bool = False) -> dict[str, Any]:
    """The schema of some samples, which are JSON values, at least one; draft 2020-12.

    `enums`: texts that are one of a few, and come again, are listed.
    """
    seen = _Seen()
    budget = _Budget(MEMBERS_MAX)
    for sample in samples:
        seen.add(sample, budget, DEPTH_MAX)
    for depth in range(DEPTH_MAX, -1, -1):
        schema = {"$schema": DRAFT, **seen.schema(depth, enums)}
        if len(json.dumps(schema, ensure_ascii=False).encode("utf-8", "surrogatepass")) <= SCHEMA_BYTES_MAX:
            return schema
    return {"$schema": DRAFT}


class _Budget:
    """How many members may still be described."""

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self) -> bool:
        self.left -= 1
        return self.left >= 0


class _Seen:
    """What was seen at one place of the samples."""

    __slots__ = ("formats", "items", "members", "objects", "texts", "types", "words")

    def __init__(self) -> None:
        self.types: set[str] = set()
        self.objects = 0
        self.members: dict[str, tuple[int, _Seen]] = {}
        self.items: _Seen | None = None
        self.texts = 0
        self.formats: tuple[str, ...] = FORMATS
        self.words: set[str] | None = set()

    def add(self, value: object, budget: _Budget, depth: int) -> None:
        """One more value, of which so many levels are looked at."""
        self.types.add(_type_of(value))
        if isinstance(value, str):
            self._add_text(value)
        elif isinstance(value, dict):
            self.objects += 1
            if depth:
                self._add_members(value, budget, depth - 1)
        elif isinstance(value, list) and depth and value:
            self.items = self.items or _Seen()
            for item in value:
                self.items.add(item, budget, depth - 1)

    def schema(self, depth: int, enums: bool) -> dict[str, Any]:
        """What all values have in common, so many levels of it."""
        schema: dict[str, Any] = {}
        types = [name for name in _TYPES if name in self.types and not (name == "integer" and "number" in self.types)]
        if types:
            schema["type"] = types[0] if len(types) == 1 else types
        if "string" in types:
            schema.update(self._of_texts(types, enums))
        if depth and self.members:
            required = sorted(name for name, (times, _) in self.members.items() if times == self.objects)
            members = {name: seen.schema(depth - 1, enums) for name, (_, seen) in self.members.items()}
            schema["properties"] = members
            schema |= {"required": required} if required else {}
        if depth and self.items is not None:
            schema["items"] = self.items.schema(depth - 1, enums)
        return schema

    def _add_members(self, value: dict[str, object], budget: _Budget, depth: int) -> None:
        for name, member in value.items():
            times, seen = self.members.get(name, (0, None))
            if seen is None:
                if len(name) > NAME_CHARS_MAX or not budget.take():
                    continue
                seen = _Seen()
            seen.add(member, budget, depth)
            self.members[name] = times + 1, seen

    def _add_text(self, text: str) -> None:
        self.texts += 1
        if self.formats:
            self.formats = tuple(name for name in self.formats if is_of_format(name, text))
        if self.words is not None:
            self.words.add(text)
            if len(self.words) > WORDS_MAX or len(text) > WORD_CHARS_MAX:
                self.words = None

    def _of_texts(self, types: Sequence[str], enums: bool) -> dict[str, Any]:
        if self.formats:
            return {"format": self.formats[0]}
        comes_again = self.words is not None and self.texts > len(self.words)
        if enums and comes_again and self.words is not None and set(types) <= {"string", "null"}:
            return {"enum": [*sorted(self.words), *([None] if "null" in types else [])]}
        return {}


def _type_of(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"
