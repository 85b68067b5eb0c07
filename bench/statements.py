"""What PostgreSQL itself counted: Ringback's named queries in pg_stat_statements, dead rows and sizes of its tables."""

import re
from typing import Any, Final, NamedTuple

from support.postgres import Cluster

# Whatever belongs to a table that is partitioned counts for it.
TABLES: Final = ("lane", "delivery", "event", "attempt", "endpoint_day_delta", "endpoint_day", "node")
OTHERS: Final = "(BEGIN, COMMIT and others)"
_BLANKS: Final = re.compile(r"\s+")
_CHANGING: Final = re.compile(r"%\(\w+\)s|\$\d+|'[^']*'|\b\d+\b|(?<!IS )(?<!NOT )\bNULL\b|\b(?:true|false)\b")


class Spent(NamedTuple):
    """How often a query ran until now, and the milliseconds that took in all."""

    calls: int
    ms: float

    def since(self, before: "Spent") -> "Spent":
        """What came after that."""
        return Spent(self.calls - before.calls, self.ms - before.ms)

    @property
    def mean_ms(self) -> float:
        """Of one call."""
        return self.ms / self.calls if self.calls else 0.0


NEVER: Final = Spent(0, 0.0)


class Statements:
    """The queries that run in one database of a cluster that has loaded pg_stat_statements."""

    def __init__(self, server: Cluster, database: str) -> None:
        from ringback.store.queries import load  # noqa: PLC0415 - found once the source is on the path

        self._server = server
        self._database = database
        self._names = {_shape(text.rstrip().rstrip(";")): name for name, text in load("postgres").items()}
        server.sql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        server.sql("SELECT pg_stat_statements_reset()")

    def read(self) -> dict[str, Spent]:
        """By the name of the query; all others together are `OTHERS`."""
        rows = self._server.sql(
            "SELECT query, calls, total_exec_time FROM pg_stat_statements(true) AS one "
            "JOIN pg_database ON pg_database.oid = one.dbid WHERE datname = %s",
            self._database,
        )
        found: dict[str, Spent] = {}
        for text, calls, ms in rows:
            name = self._names.get(_shape(text), OTHERS)
            known = found.get(name, NEVER)
            found[name] = Spent(known.calls + calls, known.ms + ms)
        return found


def tables(server: Cluster, database: str) -> dict[str, dict[str, Any]]:
    """Rows, dead rows, how often they were vacuumed, and the sizes of the table and its indexes in MB."""
    rows = server.sql(
        "SELECT relname, n_live_tup, n_dead_tup, autovacuum_count, pg_table_size(relid), pg_indexes_size(relid) "
        "FROM pg_stat_user_tables",
        database=database,
    )
    found = {name: {"live": 0, "dead": 0, "vacuums": 0, "mb": 0.0, "index_mb": 0.0} for name in TABLES}
    for table, live, dead, vacuums, size, indexes in rows:
        one = found.get(re.sub(r"_\d{8}$", "", table))
        if one is not None:
            one["live"] += live
            one["dead"] += dead
            one["vacuums"] += vacuums
            one["mb"] += size / 1e6
            one["index_mb"] += indexes / 1e6
    return found


def _shape(text: str) -> str:
    """A query as its text in the source and in pg_stat_statements have it in common."""
    return _CHANGING.sub("?", _BLANKS.sub(" ", text.replace("%%", "%"))).strip()
