"""Reads a PostgreSQL query and says where it asks a tenant's table without saying whose rows it means.

A table is routed when its `tenant_id` is, in the same SELECT, UPDATE or DELETE, equal to a parameter, or to the
`tenant_id` of something that drives: a list of parameters, a subquery, a table of configuration, another table that is
routed, or one of these further out. An equality counts where it always holds: not under OR, and of a LEFT JOIN for the
joined table alone. A query of a tenant's table must not ask `lane` or `node` too, which are elsewhere when the tables
are spread. What can't be read raises: no query slips through.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

import sqlglot
from sqlglot import exp

TENANT_TABLES: Final = frozenset(
    {
        "event", "event_key", "delivery", "attempt", "endpoint_day", "endpoint_day_delta", "job_event", "record",
        "tracked_set", "tracked_member",
    }
)  # fmt: skip
STAND_INS: Final = {"event_of_day": "event", "attempt_of_day": "attempt"}
"""Names that are replaced by those of a table's partitions."""
ELSEWHERE: Final = frozenset({"lane", "node"})

_COPY: Final = re.compile(r"COPY (\w+) \(([\w\s,]+)\) FROM STDIN \(FORMAT BINARY\)")
_SIGNAL: Final = re.compile(r"(NOTIFY|LISTEN) \w+")


class Source(NamedTuple):
    """What a FROM, USING or JOIN names. `table`: of a table in the database, its name."""

    alias: str
    table: str | None

    @property
    def of_tenants(self) -> bool:
        return self.table in TENANT_TABLES


class Scope(NamedTuple):
    """One SELECT, UPDATE or DELETE, and those around it, the nearest first."""

    node: exp.Expression
    sources: list[Source]
    outer: "list[Scope]"
    pinned: set[str]


@cache
def parse(text: str) -> exp.Expression | None:
    """A query's tree; None where there is none to look at (COPY, NOTIFY, LISTEN). Raises for what it can't read."""
    if _COPY.fullmatch(text) or _SIGNAL.fullmatch(text):
        return None
    tree = sqlglot.parse_one(text, dialect="postgres")
    if not isinstance(tree, exp.Query | exp.Insert | exp.Update | exp.Delete | exp.Create | exp.Drop):
        raise TypeError(f"What is this? {text}")
    return tree


def unrouted(text: str) -> list[str]:
    """The faults of a query, in words; none: it is routed."""
    if copying := _COPY.fullmatch(text):
        columns = copying[2].replace(",", " ").split()
        return [f"{copying[1]} is written without tenant_id"] if _lacks_tenant(copying[1], columns) else []
    tree = parse(text)
    if tree is None:
        return []
    asked = {name for table in tree.find_all(exp.Table) if (name := table_name(table)) is not None}
    faults = []
    if asked & TENANT_TABLES and asked & ELSEWHERE:
        faults.append(f"{sorted(asked & TENANT_TABLES)} and {sorted(asked & ELSEWHERE)} in one query")
    for insert in tree.find_all(exp.Insert):
        table = table_name(insert.this.this if isinstance(insert.this, exp.Schema) else insert.this)
        columns = [column.name for column in insert.this.expressions] if isinstance(insert.this, exp.Schema) else []
        if _lacks_tenant(table, columns):
            faults.append(f"{table} is written without tenant_id")
    return faults + list(_faults(tree, frozenset(), []))


def table_name(table: exp.Expression) -> str | None:
    return STAND_INS.get(table.name, table.name)


def conjuncts(condition: exp.Expression | None) -> list[exp.Expression]:
    """What must hold all at once for a condition to hold."""
    if condition is None:
        return []
    condition = condition.unnest()
    if isinstance(condition, exp.And):
        return [*conjuncts(condition.left), *conjuncts(condition.right)]
    return [condition]


def own_queries(node: exp.Expression) -> Iterator[exp.Expression]:
    """The queries directly inside one: its subqueries and CTEs, not those inside these."""
    for child in node.iter_expressions():
        if isinstance(child, exp.Select | exp.SetOperation | exp.DML):
            yield child
        else:
            yield from own_queries(child)


def sources_of(node: exp.Expression, ctes: frozenset[str]) -> list[Source]:
    """What a SELECT, UPDATE or DELETE names, its target first."""
    named: list[exp.Expression] = [] if isinstance(node, exp.Select) else [node.this]
    if (origin := node.args.get("from_")) is not None:
        named.append(origin.this)
    named += node.args.get("using") or []
    for one in list(named):
        named += [join.this for join in one.args.get("joins") or []]
    named += [join.this for join in node.args.get("joins") or []]
    named += node.args.get("laterals") or []
    sources = []
    for one in named:
        known = isinstance(one, exp.Table) and isinstance(one.this, exp.Identifier) and one.name not in ctes
        sources.append(Source(one.alias_or_name, table_name(one) if known else None))
    return sources


def _joins(node: exp.Expression) -> list[exp.Join]:
    origin = node.args.get("from_")
    nested = [*(node.args.get("using") or []), *([origin.this] if origin is not None else [])]
    return [join for one in [node, *nested] for join in one.args.get("joins") or []]


def _lacks_tenant(table: str | None, columns: list[str]) -> bool:
    return table in TENANT_TABLES and "tenant_id" not in columns


def _faults(node: exp.Expression, ctes: frozenset[str], outer: list[Scope]) -> Iterator[str]:
    if (given := node.args.get("with_")) is not None:
        ctes |= {cte.alias for cte in given.expressions}
    inner = outer
    if isinstance(node, exp.Select | exp.Update | exp.Delete):
        scope = Scope(node, sources_of(node, ctes), outer, set())
        _pin(scope)
        for source in scope.sources:
            if source.of_tenants and source.alias not in scope.pinned:
                yield f"{source.table} (as {source.alias}) is not routed by tenant"
        if isinstance(node, exp.Update) and any(change.this.name == "tenant_id" for change in node.expressions):
            yield "tenant_id is changed"
        inner = [scope, *outer]
    for query in own_queries(node):
        yield from _faults(query, ctes, inner)


def _pin(scope: Scope) -> None:
    """Find out which sources are routed, or drive."""
    pinned = scope.pinned
    pinned.update(source.alias for source in scope.sources if not source.of_tenants)
    where = scope.node.args.get("where")
    equalities = [(equality, "") for equality in conjuncts(where.this if where is not None else None)]
    for join in _joins(scope.node):
        alias = join.this.alias_or_name
        equalities += [(one, alias if join.side else "") for one in conjuncts(join.args.get("on"))]
        if any(column.name == "tenant_id" for column in join.args.get("using") or []):
            # The tables before it have the column by that name too, or the server refuses it.
            before = [source for source in scope.sources if source.alias != alias]
            if any(source.alias in pinned for source in before):
                pinned.add(alias)
    grown = True
    while grown:
        size = len(pinned)
        for equality, only in equalities:
            _apply(scope, equality, only)
        grown = len(pinned) > size


def _apply(scope: Scope, equality: exp.Expression, only: str) -> None:
    """Take one condition into account. `only`: it can pin this source and no other."""
    if not isinstance(equality, exp.EQ):
        return
    for one, other in ((equality.left, equality.right), (equality.right, equality.left)):
        alias = _own_tenant(scope, one)
        if alias is not None and only in ("", alias) and _drives(scope, alias, other):
            scope.pinned.add(alias)


def _own_tenant(scope: Scope, side: exp.Expression) -> str | None:
    """Whose `tenant_id` this is, of the scope's own sources."""
    if not isinstance(side, exp.Column) or side.name != "tenant_id":
        return None
    aliases = [source.alias for source in scope.sources]
    if side.table:
        return side.table if side.table in aliases else None
    return aliases[0] if len(aliases) == 1 else None


def _drives(scope: Scope, alias: str, side: exp.Expression) -> bool:
    if isinstance(side, exp.Cast):
        side = side.this
    if isinstance(side, exp.Placeholder):
        return True
    if not isinstance(side, exp.Column) or side.name != "tenant_id":
        return False
    for place in [scope, *scope.outer]:
        if any(source.alias == side.table for source in place.sources):
            return side.table != alias and side.table in place.pinned
    return False
