"""Reads the named queries of a dialect from its .sql files: SQL is source, kept in files of its own.

A file holds queries of the form

    -- name: find_due
    -- One line that says what it is for.
    SELECT …;

Names are unique within a dialect. Files that break these rules raise ValueError when they are loaded: that is ours
to repair, never the operator's. Assumes that the files are installed beside this module. Runs nothing.
"""

import re
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Final, NamedTuple

_HEADING: Final = re.compile(r"^-- name: ", re.MULTILINE)
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_ROW: Final = re.compile(r"VALUES (\((?:\?, )*\?\))")


class Query(NamedTuple):
    """One named query: its file, its purpose and its text."""

    name: str
    file: str
    purpose: str
    text: str


def folder(dialect: str) -> Traversable:
    """Where a dialect's queries are; its migrations are in `migrations` there."""
    return files("ringback.store") / "sql" / dialect


@cache
def load(dialect: str) -> MappingProxyType[str, str]:
    """Name → text of all queries of a dialect (`sqlite`, …)."""
    return MappingProxyType({query.name: query.text for query in read_all(dialect)})


def read_all(dialect: str) -> list[Query]:
    """All queries of a dialect. Raises ValueError when a name comes twice."""
    sources = sorted((file.name, file) for file in folder(dialect).iterdir() if file.name.endswith(".sql"))
    queries = [query for name, file in sources for query in parse(name, file.read_text("utf-8"))]
    seen: set[str] = set()
    for query in queries:
        if query.name in seen:
            raise ValueError(f"{query.file}: there is a query {query.name} already")
        seen.add(query.name)
    return queries


def parse(file: str, source: str) -> list[Query]:
    """The queries of one file. Raises ValueError for one without a name, a purpose or a text."""
    return [_query(file, part) for part in _HEADING.split(source)[1:]]


def _query(file: str, part: str) -> Query:
    name, _, rest = part.partition("\n")
    first, _, body = rest.partition("\n")
    purpose = first.removeprefix("-- ").strip()
    text = body.strip().removesuffix(";")
    if not _NAME.fullmatch(name) or first == purpose or not purpose or not text:
        raise ValueError(f"{file}: the query {name!r} needs a name, one line of purpose and a text")
    return Query(name, file, purpose, text)


def for_rows(text: str, count: int) -> str:
    """The same query for `count` rows of values: its one `VALUES (?, …)` is repeated that often."""
    widened, places = _ROW.subn(lambda row: "VALUES " + ", ".join([row[1]] * count), text)
    if places != 1:
        raise ValueError(f"a query for many rows needs one VALUES (?, …), this one has {places}: {text}")
    return widened
