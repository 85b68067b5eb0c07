"""What every named query of PostgreSQL keeps to: routed by tenant, and rows locked in the order of their keys.

So the tables can be spread over machines by tenant, and two processes never wait for each other in a circle. Both are
found by reading the queries (`support.sql_routing`, `support.sql_locking`); the tests of that are at the end: queries
that must not pass.
"""

import re

import pytest
from sqlglot.errors import ParseError

from ringback.store.migrate import load_migrations
from ringback.store.queries import Query, read_all
from support.sql_locking import disordered, locked_by
from support.sql_routing import TENANT_TABLES, unrouted

# What looks at the rows of all tenants; each says in its purpose why it has to. Nothing of it is hot.
ALL_TENANTS = {
    # Before a day of events is dropped, page by page.
    "day_is_kept", "end_of_page", "lock_deliveries_of_page", "delete_claims_of_page", "numbers_of_day",
    "delete_numbers",
    # Sweeps and upkeep, a small step each.
    "stranded_lanes", "missing_lanes", "lost_endpoints", "expire_keys", "gather_days", "count_deliveries",
    "forget_records",
    # Once, before another store is moved into this one.
    "tables_with_rows",
}  # fmt: skip

# Query → the one that has locked its rows, in order, earlier in the same transaction.
LOCKED_BEFORE = {
    "delete_deliveries": "lock_deliveries",
    "reschedule_deliveries": "lock_deliveries",
    "hasten_deliveries": "lock_pending_deliveries",
    "delete_events": "lock_doomed_events",
    "number_events": "lock_events_without_number",
    "redact_events": "lock_events",
    "delete_endpoints": "lock_tombstones",
    "update_records": "lock_records",
}
# What is changed or locked in any order, and why nobody waits in a circle for it.
IN_ANY_ORDER = {
    "remove_job_events": "whoever takes a job's step has the job's row",
    "purge_day_deltas": "whoever purges a tenant has the tenant's row; everybody else skips what is locked",
    "clear_members": "whoever clears a set that is gone has the note of it; a purge skips what is locked",
    "remove_members": "whoever changes a set has the set's row",
    "purge_lanes": "whoever purges a tenant has the tenant's row, and goes in the order of its endpoints",
    "delete_claims_of_page": "one process drops days at a time, in the order of the ids; nobody waits for two of them",
    "delete_numbers": "one process drops days at a time; whoever wants a number that is taken waits for no other",
    "trim_schema_versions": "the row of their event type is locked",
    "forget_bin_requests": "whoever removes what a bin has kept has the bin's row",
    "delete_schema_versions": "the row of their event type is locked",
}

QUERIES = {query.name: query for query in read_all("postgres")}


def text_of(query: Query) -> str:
    """As the server gets it."""
    return query.text.replace("%%", "%")


def keys() -> dict[str, list[str]]:
    """The key of each table, by the migrations. One without a key has one row, or no order."""
    found = {}
    source = "".join(migration.script for migration in load_migrations("postgres"))
    for name, body in re.findall(r"CREATE TABLE (\w+) \((.*?)\n\)", source, re.DOTALL):
        several = re.search(r"PRIMARY KEY \(([^)]*)\)", body)
        one = re.search(r"^ +(\w+)[^\n]* PRIMARY KEY", body, re.MULTILINE)
        found[name] = several[1].split(", ") if several else [one[1]] if one else []
    found["endpoint_day_delta"] = ["ctid"]
    # The time is in their keys for the sake of the days; an id is there once.
    found["event"].remove("accepted_at")
    found["attempt"].remove("at")
    found["store_move"] = []  # while a move goes on: one row
    return found


KEYS = keys()


class TestOurs:
    def test_a_query_says_whose_rows_it_means(self) -> None:
        faults = {name: unrouted(text_of(query)) for name, query in QUERIES.items() if name not in ALL_TENANTS}
        assert len(faults) > 200
        assert {name: found for name, found in faults.items() if found} == {}

    def test_what_looks_at_all_tenants_says_why_and_is_known(self) -> None:
        marked = {name for name, query in QUERIES.items() if "all tenants" in query.purpose}
        assert marked == ALL_TENANTS
        assert len(ALL_TENANTS) == 14
        for name in ALL_TENANTS:
            assert re.search(r" -- all tenants: [a-z].+\.$", QUERIES[name].purpose), name
            assert unrouted(text_of(QUERIES[name])), f"{name} needs no exemption"

    def test_every_table_of_tenants_is_asked_for(self) -> None:
        """Else the rules look for names that are nowhere."""
        texts = " ".join(query.text for query in QUERIES.values())
        assert {table for table in TENANT_TABLES if re.search(rf"\b{table}\b", texts)} == TENANT_TABLES

    def test_rows_are_locked_in_the_order_of_their_keys(self) -> None:
        excused = LOCKED_BEFORE.keys() | IN_ANY_ORDER.keys()
        faults = {name: disordered(text_of(query), KEYS) for name, query in QUERIES.items() if name not in excused}
        assert len(faults) > 200
        assert {name: found for name, found in faults.items() if found} == {}

    def test_what_is_locked_before_is_locked_by_a_query_that_keeps_the_order(self) -> None:
        for name, before in LOCKED_BEFORE.items():
            assert disordered(text_of(QUERIES[name]), KEYS), f"{name} needs no exemption"
            (table,) = re.findall(r"^(?:UPDATE|DELETE FROM) (\w+)", QUERIES[name].text)
            assert table in locked_by(text_of(QUERIES[before]))
            assert disordered(text_of(QUERIES[before]), KEYS) == []

    def test_what_is_locked_in_any_order_needs_to_be_excused(self) -> None:
        for name in IN_ANY_ORDER:
            assert disordered(text_of(QUERIES[name]), KEYS), f"{name} needs no exemption"


GOOD = [
    "SELECT 1 FROM event WHERE tenant_id = %(t)s AND id = %(i)s",
    "SELECT 1 FROM event AS e WHERE e.id = %(i)s AND (%(t)s::text = e.tenant_id AND e.seq > 1)",
    "SELECT 1 FROM unnest(%(t)s::text[]) AS asked (tenant_id) JOIN event USING (tenant_id)",
    "SELECT 1 FROM delivery AS d LEFT JOIN event AS e ON e.tenant_id = d.tenant_id WHERE d.tenant_id = %(t)s",
    "SELECT 1 FROM endpoint JOIN delivery ON delivery.tenant_id = endpoint.tenant_id",
    "SELECT 1 FROM event AS e WHERE tenant_id = %(t)s AND (SELECT 1 FROM attempt AS a WHERE a.tenant_id = e.tenant_id)",
    "WITH a AS (SELECT tenant_id FROM tenant) DELETE FROM job_event USING a WHERE job_event.tenant_id = a.tenant_id",
    "INSERT INTO event_key (tenant_id, kind) SELECT tenant_id, 'x' FROM unnest(%(t)s::text[]) AS asked (tenant_id)",
    "COPY event (tenant_id, id) FROM STDIN (FORMAT BINARY)",
    "SELECT 1 FROM lane JOIN node ON node.id = lane.owner",
    "NOTIFY bells",
]
UNROUTED = [
    "SELECT 1 FROM event WHERE id = %(i)s",
    "SELECT 1 FROM event",
    "SELECT 1 FROM event WHERE tenant_id = %(t)s OR id = %(i)s",
    "SELECT 1 FROM event WHERE NOT tenant_id = %(t)s",
    "SELECT 1 FROM event WHERE tenant_id > %(t)s",
    "SELECT 1 FROM event WHERE tenant_id = ANY(%(t)s::text[])",
    "SELECT 1 FROM event WHERE (tenant_id, id) > (%(t)s, %(i)s)",
    "SELECT 1 FROM event WHERE tenant_id IN (SELECT tenant_id FROM endpoint)",
    "SELECT 1 FROM event WHERE tenant_id = lower(tenant_id)",
    "SELECT 1 FROM event WHERE event.tenant_id = event.tenant_id",
    "SELECT 1 FROM event WHERE channel = %(t)s",
    "SELECT 1 FROM event AS a JOIN event AS b ON a.tenant_id = b.tenant_id",
    "SELECT 1 FROM event AS a JOIN delivery AS b ON b.event_id = a.id WHERE a.tenant_id = %(t)s",
    "SELECT 1 FROM event AS a LEFT JOIN delivery AS b ON a.tenant_id = %(t)s AND b.tenant_id = a.tenant_id",
    "SELECT 1 FROM event, delivery WHERE tenant_id = %(t)s",
    "SELECT 1 FROM unnest(%(t)s::text[]) AS asked (id) JOIN event USING (id)",
    "SELECT (SELECT max(id) FROM event) FROM tenant WHERE id = %(t)s",
    "SELECT 1 FROM delivery WHERE tenant_id = %(t)s AND NOT EXISTS (SELECT 1 FROM event WHERE event.id = event_id)",
    "SELECT 1 FROM delivery WHERE tenant_id = %(t)s AND EXISTS (SELECT 1 FROM event WHERE delivery.tenant_id = %(t)s)",
    "WITH all_of AS (SELECT tenant_id FROM event) SELECT 1 FROM all_of",
    "SELECT 1 FROM event WHERE tenant_id = %(t)s UNION ALL SELECT 1 FROM event",
    "SELECT 1 FROM event_of_day WHERE number = %(n)s",
    "UPDATE delivery SET due_at = 1 WHERE seq = %(s)s",
    "UPDATE event SET tenant_id = %(b)s WHERE tenant_id = %(t)s",
    "DELETE FROM delivery USING unnest(%(s)s::bigint[]) AS asked (seq) WHERE delivery.seq = asked.seq",
    "INSERT INTO job_event (job_id, event_seq) VALUES (%(j)s, %(s)s)",
    "INSERT INTO event VALUES (%(t)s)",
    "COPY attempt (id, at) FROM STDIN (FORMAT BINARY)",
    "SELECT 1 FROM lane JOIN delivery ON delivery.tenant_id = lane.tenant_id",
    "WITH x AS (DELETE FROM job_event RETURNING tenant_id) INSERT INTO event_key (tenant_id) SELECT tenant_id FROM x",
]
ORDERED = [
    "SELECT 1 FROM delivery WHERE tenant_id = %(t)s AND seq = %(s)s FOR UPDATE",
    "SELECT 1 FROM delivery WHERE tenant_id = %(t)s ORDER BY seq FOR UPDATE",
    "SELECT 1 FROM delivery ORDER BY tenant_id, seq LIMIT 5 FOR UPDATE",
    "SELECT 1 FROM delivery ORDER BY due_at FOR UPDATE SKIP LOCKED",
    "SELECT 1 FROM delivery WHERE tenant_id = %(t)s",
    "UPDATE node SET beat = 1 WHERE id = %(n)s",
    "WITH own AS (SELECT id FROM secret ORDER BY id FOR UPDATE) DELETE FROM secret USING own WHERE secret.id = own.id",
    "DELETE FROM job WHERE id IN (SELECT id FROM job ORDER BY id FOR UPDATE)",
    "DELETE FROM job WHERE id = ANY (ARRAY(SELECT id FROM job ORDER BY id || '' FOR UPDATE))",
    "INSERT INTO node (id) VALUES (%(n)s) ON CONFLICT (id) DO NOTHING",
    'INSERT INTO node (id) SELECT id FROM unnest(%(i)s) AS a (id) ORDER BY id COLLATE "C" ON CONFLICT DO NOTHING',
    "UPDATE commit_check SET count = 1",
]
DISORDERED = [
    "SELECT 1 FROM delivery WHERE tenant_id = %(t)s FOR UPDATE",
    "SELECT 1 FROM delivery WHERE tenant_id = %(t)s ORDER BY due_at, seq FOR UPDATE",
    "SELECT 1 FROM delivery WHERE tenant_id = %(t)s ORDER BY seq DESC FOR UPDATE",
    "SELECT 1 FROM delivery ORDER BY seq FOR UPDATE",
    "SELECT 1 FROM event WHERE tenant_id = %(t)s AND id = ANY(%(i)s::text[]) ORDER BY type, id FOR SHARE",
    "SELECT 1 FROM lane JOIN endpoint ON endpoint.id = lane.endpoint_id ORDER BY lane.endpoint_id FOR UPDATE",
    "SELECT 1 FROM endpoint_day_delta WHERE tenant_id = %(t)s ORDER BY endpoint_id FOR UPDATE",
    "UPDATE lane SET due_at = NULL WHERE owner = %(n)s",
    "UPDATE lane SET due_at = NULL FROM unnest(%(i)s::text[]) AS a (id) WHERE lane.endpoint_id = a.id",
    "WITH own AS (SELECT id FROM secret) DELETE FROM secret USING own WHERE secret.id = own.id",
    "WITH own AS (SELECT id FROM secret FOR UPDATE) DELETE FROM secret USING own WHERE secret.id = own.id",
    "WITH own AS (SELECT id FROM secret ORDER BY id FOR UPDATE) DELETE FROM secret USING own WHERE value = own.id",
    "WITH own AS (SELECT id FROM tenant ORDER BY id FOR UPDATE) DELETE FROM secret USING own WHERE secret.id = own.id",
    "DELETE FROM secret WHERE id = ANY(%(i)s::text[])",
    "DELETE FROM event WHERE tenant_id = %(t)s AND seq = %(i)s",
    "INSERT INTO node (id) SELECT id FROM unnest(%(i)s::text[]) AS a (id) ON CONFLICT (id) DO NOTHING",
    "INSERT INTO node (id) SELECT id FROM unnest(%(i)s::text[]) AS a (id) ORDER BY id ON CONFLICT (id) DO NOTHING",
]


class TestTheRules:
    @pytest.mark.parametrize("text", GOOD)
    def test_what_is_routed_passes(self, text: str) -> None:
        assert unrouted(text) == []

    @pytest.mark.parametrize("text", UNROUTED)
    def test_what_is_not_routed_does_not(self, text: str) -> None:
        assert unrouted(text)

    @pytest.mark.parametrize("text", ORDERED)
    def test_what_locks_in_order_passes(self, text: str) -> None:
        assert disordered(text, KEYS) == []

    @pytest.mark.parametrize("text", DISORDERED)
    def test_what_locks_in_any_order_does_not(self, text: str) -> None:
        assert disordered(text, KEYS)

    @pytest.mark.parametrize("text", ["SELECT 1 FROM", "COPY event FROM STDIN", "VACUUM event", "DO $$ BEGIN END $$"])
    def test_what_can_not_be_read_does_not_slip_through(self, text: str) -> None:
        with pytest.raises((ParseError, TypeError)):
            unrouted(text)
