"""What PostgreSQL does for a named query: its generic plan, with the settings that Ringback's sessions have, and the
pages that it touches when it runs. What it writes is rolled back."""

import re
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql

from ringback.store.postgres.address import Address
from ringback.store.queries import load

_PARAMETER: Final = re.compile(r"%\((\w+)\)s")
_COUNTS: Final = frozenset({"rows", "limit", "count", "step", "look"})
_names = count(1)

Node = dict[str, Any]


class Search(NamedTuple):
    """One table of a plan and how its rows are found. Partitions and their indexes go by their parents' names."""

    table: str
    index: str | None
    rows_read: int
    """When it was run: how often it was looked into."""


class Plans:
    """The plans of one database."""

    def __init__(self, url: str) -> None:
        self.connection: psycopg.Connection[Any] = Address(url).connect()
        self._prepared: dict[str, tuple[str, list[str]]] = {}

    def close(self) -> None:
        self.connection.close()

    def plan(self, text: str) -> Node:
        """The generic plan, whatever the values."""
        name, parameters = self._prepare(text, {})
        return self._explain("EXPLAIN (FORMAT JSON)", name, parameters, {})

    def run(self, text: str, params: Mapping[str, Any]) -> Node:
        """The plan as it was run, with what each node did. For the second time, when what is looked up once is known."""
        name, parameters = self._prepare(text, params)
        for _ in range(2):
            self.connection.execute("BEGIN")
            try:
                found = self._explain("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON)", name, parameters, params)
            finally:
                self.connection.execute("ROLLBACK")
        return found

    def searches(self, plan: Node) -> list[Search]:
        """The scans of tables, in the order of the plan."""
        parents = dict(
            self.connection.execute(
                "SELECT child.relname::text, parent.relname::text FROM pg_inherits "
                "JOIN pg_class AS child ON child.oid = inhrelid JOIN pg_class AS parent ON parent.oid = inhparent"
            ).fetchall()
        )
        return [
            Search(
                parents.get(node["Relation Name"], node["Relation Name"]),
                parents.get(node["Index Name"], node["Index Name"]) if "Index Name" in node else None,
                node.get("Actual Loops", 0),
            )
            for node in nodes(plan)
            if "Scan" in node["Node Type"] and "Relation Name" in node
        ]

    def _prepare(self, text: str, params: Mapping[str, Any]) -> tuple[str, list[str]]:
        if text not in self._prepared:
            parameters = list(dict.fromkeys(_PARAMETER.findall(text)))
            numbered = _PARAMETER.sub(lambda found: f"${parameters.index(found[1]) + 1}", text).replace("%%", "%")
            types = ", ".join("bigint" if name in _COUNTS else "unknown" for name in parameters)
            name = f"query_{next(_names)}"
            self.connection.execute(f"PREPARE {name} {f'({types})' if types else ''} AS {numbered}")  # type: ignore[call-overload]
            self._prepared[text] = name, parameters
        return self._prepared[text]

    def _explain(self, how: str, name: str, parameters: list[str], params: Mapping[str, Any]) -> Node:
        values = sql.SQL(", ").join(sql.Literal(params.get(parameter)) for parameter in parameters)
        given = sql.SQL("({})").format(values) if parameters else sql.SQL("")
        row = self.connection.execute(sql.SQL(f"{how} EXECUTE {name}") + given).fetchone()  # type: ignore[arg-type]
        assert row is not None
        plan: Node = row[0][0]["Plan"]
        return plan


def nodes(plan: Node) -> Iterator[Node]:
    """All nodes of a plan, from the top."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def pages(plan: Node) -> int:
    """How many pages a run touched, in memory or not."""
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


def text_of(name: str, day: str = "event") -> str:
    """A named query; `day` is the table that stands for one day's."""
    return load("postgres")[name].replace("event_of_day", day)
