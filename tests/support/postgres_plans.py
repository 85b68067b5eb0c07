"""What PostgreSQL does for a named query: its generic plan, with the settings that Ringback's sessions have, and the
pages that it touches when it runs. What it writes is rolled back. And a backlog of any length to try it on."""

import re
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql

from ringback.store.postgres.address import Address
from ringback.store.queries import load
from ringback.times import DAY_MS
from support.rows import NOW

_PARAMETER: Final = re.compile(r"%\((\w+)\)s")
# Where the server would take a parameter for a text, or for a smaller number than psycopg sends.
_NUMBERS: Final = frozenset(
    {"rows", "limit", "count", "step", "look", "forever", "now", "due_at", "not_before", "visits", "wanted"}
)
_names = count(1)

Node = dict[str, Any]


class Search(NamedTuple):
    """One table of a plan and how its rows are found. Partitions and their indexes go by their parents' names."""

    table: str
    index: str | None
    how: str
    part: str
    """The partition, or the table itself."""
    visited: bool
    """When it was run: whether it was looked into."""


class Plans:
    """The plans of one database."""

    def __init__(self, url: str) -> None:
        self.connection: psycopg.Connection[Any] = Address(url).connect()
        self.connection.prepare_threshold = None  # what we prepare is nobody else's to give up
        self._prepared: dict[str, tuple[str, list[str]]] = {}

    def close(self) -> None:
        self.connection.close()

    def plan(self, text: str, params: Mapping[str, Any]) -> Node:
        """The generic plan. Of the values depends only which days are left out."""
        name, parameters = self._prepare(text)
        return self._explain("EXPLAIN (FORMAT JSON)", name, parameters, params)

    def run(self, text: str, params: Mapping[str, Any]) -> Node:
        """The plan as it was run, with what each node did; the second time, when what is looked up once is known."""
        name, parameters = self._prepare(text)
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
                node["Node Type"],
                node["Relation Name"],
                node.get("Actual Loops", 0) > 0,
            )
            for node in nodes(plan)
            if "Scan" in node["Node Type"] and "Relation Name" in node
        ]

    def _prepare(self, text: str) -> tuple[str, list[str]]:
        if text not in self._prepared:
            parameters = list(dict.fromkeys(_PARAMETER.findall(text)))
            numbered = _PARAMETER.sub(lambda found: f"${parameters.index(found[1]) + 1}", text).replace("%%", "%")
            types = ", ".join("bigint" if name in _NUMBERS else "unknown" for name in parameters)
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


def text_of(name: str, day: str) -> str:
    """A named query; `day` is the table of one day's events."""
    return load("postgres")[name].replace("event_of_day", day)


_ROWS: Final = """
CREATE OR REPLACE TEMPORARY VIEW piled AS
SELECT
    n, 'ten_' || n % 10 AS tenant, 'ep_' || n % 50 AS endpoint, 'evt_' || lpad(n::text, 8, '0') AS event,
    'att_' || lpad(n::text, 8, '0') AS attempt, {now} + (n / 50 % 3 - 1) * {day_ms} + n AS at, n / 50 AS turn
FROM generate_series({first}, {last}) AS n;
"""
_PILE: Final = """
INSERT INTO event (
    tenant_id, id, accepted_at, seq, type, subject_type, subject_id, deliver_at, number, hops, deliveries, data
)
SELECT
    tenant, event, at, 10000 + n, 'a', 's', 's_' || n % 100, CASE WHEN n % 7 = 0 THEN at END,
    CASE WHEN n % 9 = 0 THEN n END, 0, 1, repeat('x', 200)::bytea
FROM piled;
INSERT INTO event_key (tenant_id, kind, key, body_hash, event_ids, expires_at)
SELECT
    tenant, CASE WHEN n % 4 = 0 THEN 'idempotency' ELSE 'event' END, event, '', ARRAY[event],
    CASE WHEN n % 4 = 0 THEN at END
FROM piled;
INSERT INTO event_key (tenant_id, kind, key, body_hash, event_ids)
SELECT tenant, 'number', n, '', ARRAY[event] FROM piled WHERE n % 9 = 0;
INSERT INTO delivery (
    tenant_id, seq, endpoint_id, event_id, event_at, due_at, attempts, tries, deferred, ordering_key
)
SELECT
    tenant, 100000 + n, endpoint, event, at, at, 0, 0, turn % 5 = 0,
    CASE WHEN n % 50 = 7 THEN 'key_' || turn % 20 END
FROM piled;
INSERT INTO attempt (
    tenant_id, id, endpoint_id, event_id, event_type, number, at, duration_ms, outcome, final, superseded, method, url,
    request_headers, body_head, body_tail, response_truncated, profile, maybe_repeated
)
SELECT
    tenant, attempt, endpoint, event, 'a', 1, at, 1, CASE WHEN turn % 10 = 0 THEN 'failed' ELSE 'succeeded' END, true,
    false, 'POST', 'x', '', 'x', '', false, 'x', false
FROM piled;
INSERT INTO job_event (tenant_id, job_id, event_seq) SELECT tenant, 'job_1', 10000 + n FROM piled;
INSERT INTO record (tenant_id, type, id, revision, created_at, updated_at, forget_at, data)
SELECT tenant, 'lead', event, 1, at, at, CASE WHEN turn % 5 = 0 THEN at END, repeat('x', 200)::bytea FROM piled;
INSERT INTO tracked_set (tenant_id, name, id, members, created_at, updated_at)
SELECT DISTINCT tenant, 'set_' || turn % 9, 'set_' || turn % 9, 0, 0, 0 FROM piled
ON CONFLICT DO NOTHING;
INSERT INTO tracked_member (tenant_id, set_id, member) SELECT tenant, 'set_1', event FROM piled;
INSERT INTO endpoint_day_delta (tenant_id, endpoint_id, day, succeeded, failed)
SELECT tenant, endpoint, '2027-01-15', 1, 0 FROM piled WHERE turn % 5 = 0;
INSERT INTO endpoint_day (tenant_id, endpoint_id, day, succeeded, failed)
SELECT DISTINCT tenant, endpoint, to_char(date '2027-01-15' - turn % 14, 'YYYY-MM-DD'), 1, 0 FROM piled
ON CONFLICT DO NOTHING;
INSERT INTO endpoint (id, tenant_id, label, url, status, ordering, profile, revision, config)
SELECT DISTINCT endpoint, tenant, '', '', 'active', 'none', 'standard', 1, ''::bytea FROM piled
ON CONFLICT DO NOTHING;
INSERT INTO node (id, beat) VALUES ('node_a', 0), ('node_b', 0) ON CONFLICT DO NOTHING;
INSERT INTO lane (endpoint_id, tenant_id, due_at, not_before, owner, health)
SELECT DISTINCT endpoint, tenant, NULL::bigint, 0, 'node_a', ''::bytea FROM piled
ON CONFLICT DO NOTHING;
-- Lanes of nobody that don't ring, and lanes of others.
INSERT INTO lane (endpoint_id, tenant_id, due_at, not_before, owner, health)
SELECT 'ep_other_' || n, tenant, {now} + 60000 + n, 0, CASE WHEN turn % 2 = 0 THEN 'node_b' END, '' FROM piled;
"""


def pile_up(connection: psycopg.Connection[Any], first: int, last: int) -> None:
    """Events, each pending and with an attempt, numbered so: of ten tenants with fifty lanes (`ep_0` to `ep_49`, of the
    tenants `ten_0` to `ten_9` by their last digit), over three days. Lane 7 has keys; a fifth is deferred. And of each
    a record, a fifth of them deleted, that is a member of a set."""
    places = {"now": NOW, "day_ms": DAY_MS, "first": first, "last": last}
    connection.execute((_ROWS + _PILE).format(**places))  # type: ignore[call-overload]
