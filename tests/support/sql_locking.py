"""Reads a PostgreSQL query and says where it might lock rows of a table in another order than that of their keys.

Two sessions that lock the same rows in the same order never wait for each other in a circle. Allowed is

- a SELECT … FOR UPDATE (or SHARE) that names one row by its whole key, sorts by the rest of the key, or skips what is
  locked: that never waits;
- an UPDATE or DELETE that names one row by its whole key, or rows that a query inside it has locked so;
- an INSERT … ON CONFLICT of one row, or of rows sorted by the key. Texts of parameters have the database's collation,
  which may be another one elsewhere: they are sorted COLLATE "C".

Where rows were locked by an earlier statement of the transaction, this can't see it: the caller has to say so.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from sqlglot import exp

from support.sql_routing import conjuncts, own_queries, parse, sources_of, table_name

Keys = Mapping[str, Sequence[str]]
"""The columns of each table's key, in order; none: it has one row, or no key."""

_ROW: Final = "ctid"


def disordered(text: str, keys: Keys) -> list[str]:
    """The faults of a query, in words; none: it locks in order, or nothing."""
    tree = parse(text)
    if tree is None or isinstance(tree, exp.Create | exp.Drop):
        return []
    return list(_faults(tree, frozenset(), keys))


def locked_by(text: str) -> set[str]:
    """The tables of which a query locks rows by FOR UPDATE or FOR SHARE."""
    tree = parse(text)
    assert tree is not None
    selects = [select for select in tree.find_all(exp.Select) if select.args.get("locks")]
    return {table for select in selects for table in _locked(select, frozenset())}


def _faults(node: exp.Expression, ctes: frozenset[str], keys: Keys) -> Iterator[str]:
    given = node.args.get("with_")
    inside = {cte.alias: cte.this for cte in given.expressions} if given is not None else {}
    ctes |= inside.keys()
    if isinstance(node, exp.Select) and node.args.get("locks"):
        yield from _select_faults(node, ctes, keys)
    elif isinstance(node, exp.Update | exp.Delete):
        yield from _change_faults(node, ctes, keys, inside)
    elif isinstance(node, exp.Insert) and node.args.get("conflict") is not None:
        yield from _insert_faults(node, keys)
    for query in own_queries(node):
        yield from _faults(query, ctes, keys)


def _locked(select: exp.Select, ctes: frozenset[str]) -> dict[str, str]:
    """Table → alias of what it locks."""
    (lock,) = select.args["locks"]
    sources = [source for source in sources_of(select, ctes) if source.table is not None]
    named = {table.name for table in lock.expressions}
    return {source.table: source.alias for source in sources if source.table and (not named or source.alias in named)}


def _select_faults(node: exp.Select, ctes: frozenset[str], keys: Keys) -> Iterator[str]:
    (lock,) = node.args["locks"]
    if lock.args.get("wait") is False:
        return
    locked = _locked(node, ctes)
    if not locked:
        yield "nobody knows what is locked"
    for table, alias in locked.items():
        if table not in keys:
            yield f"{table} has no key to lock it by"
            continue
        missing = [column for column in keys[table] if column not in _given(node, alias, ctes)]
        if missing and _order(node, alias)[: len(missing)] != missing:
            yield f"{table} is locked without ORDER BY {', '.join(missing)}"


def _change_faults(
    node: exp.Update | exp.Delete, ctes: frozenset[str], keys: Keys, inside: Mapping[str, exp.Expression]
) -> Iterator[str]:
    table = table_name(node.this) or ""
    alias = node.this.alias_or_name
    key = keys.get(table, ())
    given = _given(node, alias, ctes)
    if key and all(column in given for column in key):
        return
    if table in keys and not key:  # it has one row
        return
    if not _names_locked_rows(node, table, [*key, _ROW], inside):
        yield f"rows of {table} are changed in any order"


def _names_locked_rows(
    node: exp.Update | exp.Delete, table: str, key: Sequence[str], inside: Mapping[str, exp.Expression]
) -> bool:
    """Whether its rows are those that a query inside it locks (which is looked at by itself)."""
    where = node.args.get("where")
    for condition in conjuncts(where.this if where is not None else None):
        column = condition.this if isinstance(condition, exp.EQ | exp.In) else None
        if not isinstance(column, exp.Column) or column.name not in key:
            continue
        if isinstance(condition, exp.EQ) and isinstance(condition.right, exp.Column):
            query = inside.get(condition.right.table)
            if query is not None and _locks(query, table):
                return True
        for query in condition.find_all(exp.Select):
            origin = query.args["from_"].this if query.args.get("from_") is not None else query
            if _locks(query, table) or _locks(inside.get(origin.name, query), table):
                return True
    return False


def _locks(query: exp.Expression, table: str) -> bool:
    return isinstance(query, exp.Select) and bool(query.args.get("locks")) and table in _locked(query, frozenset())


def _insert_faults(node: exp.Insert, keys: Keys) -> Iterator[str]:
    if not isinstance(node.expression, exp.Select):
        return  # VALUES: one row
    table = table_name(node.this.this) or ""
    select = node.expression
    columns = [column.name for column in node.this.expressions]
    values = dict(zip(columns, select.expressions, strict=True))
    varying = [column for column in keys[table] if values[column].find(exp.Column) is not None]
    if select.args.get("from_") is None or not varying or _one_row(select):
        return
    order = select.args.get("order")
    sorted_by = [ordered.this for ordered in order.expressions] if order is not None else []
    names = [one.this.name if isinstance(one, exp.Collate) else one.name for one in sorted_by]
    wanted = [values[column].name for column in varying]
    if names[: len(wanted)] != wanted:
        yield f"{table} is written without ORDER BY {', '.join(varying)}"
    elif isinstance(select.args["from_"].this, exp.Unnest):
        plain = [name for name, one in zip(names, sorted_by, strict=True) if not isinstance(one, exp.Collate)]
        if plain:
            yield f'{table} is written in the order of {", ".join(plain)} without COLLATE "C"'


def _one_row(select: exp.Select) -> bool:
    """A subquery without FROM, or with an aggregate alone, as the only source."""
    source = select.args["from_"].this
    return isinstance(source, exp.Subquery) and source.this.args.get("from_") is None and not select.args.get("joins")


def _given(node: exp.Expression, alias: str, ctes: frozenset[str]) -> set[str]:
    """The columns of a source that are equal to a parameter."""
    alone = len(sources_of(node, ctes)) == 1
    where = node.args.get("where")
    conditions = conjuncts(where.this if where is not None else None)
    for join in node.args.get("joins") or []:
        conditions += conjuncts(join.args.get("on"))
    found = set()
    for condition in conditions:
        if isinstance(condition, exp.EQ) and isinstance(condition.left, exp.Column):
            value = condition.right.this if isinstance(condition.right, exp.Cast) else condition.right
            own = condition.left.table == alias or (not condition.left.table and alone)
            if own and isinstance(value, exp.Placeholder | exp.Literal):
                found.add(condition.left.name)
    return found


def _order(node: exp.Select, alias: str) -> list[str]:
    """The columns of a source that a query is sorted by, ascending, up to the first that is something else. Columns
    that are equal to a parameter are left out."""
    order = node.args.get("order")
    given = _given(node, alias, frozenset())
    names = []
    for ordered in order.expressions if order is not None else []:
        column = ordered.this
        if isinstance(column, exp.Add | exp.DPipe) and column.right.name in ("0", ""):
            column = column.left  # the same order, by which no index is found
        if not isinstance(column, exp.Column) or ordered.args.get("desc") or column.table not in ("", alias):
            break
        if column.name not in given:
            names.append(column.name)
    return names
