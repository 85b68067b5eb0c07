"""What the queries cost on PostgreSQL: each uses the index that was made for it, on empty tables as on full ones, asks
no day that it needn't, and touches no more pages when more is waiting."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from ringback.model.limits import FOREVER_MS
from ringback.store.log_reading import LAST_ID, LAST_SEQ, other_way_round
from ringback.store.postgres.store import PostgresStore
from ringback.store.queries import load
from ringback.times import DAY_MS
from support.postgres import Cluster
from support.postgres_plans import Node, Plans, nodes, pages, pile_up, text_of
from support.rows import NOW
from support.sql_routing import ELSEWHERE, TENANT_TABLES

FEW, MANY = 1_000, 20_000
DAY = "event_20270115"

# What queries are run with. `evt_00000053` is of `ten_3` and `ep_3`, as is each 50th from there.
PLACES = [53, 103, 153, 203]
EVENTS = [f"evt_{place:08d}" for place in PLACES]
ATTEMPTS = [f"att_{place:08d}" for place in PLACES]
TIMES = [NOW + (place // 50 % 3 - 1) * DAY_MS + place for place in PLACES]
STREAM = [10_000 + place for place in PLACES]
LANES = ["ep_13", "ep_23", "ep_3", "ep_33"]
PLAIN: dict[str, Any] = {
    "tenant_id": "ten_3", "tenant_ids": ["ten_3"] * 4, "endpoint_id": "ep_3", "endpoint_ids": LANES, "node_id":
    "node_a", "owners": ["node_gone"], "beat": 0, "event_id": EVENTS[0], "event_ids": EVENTS, "ids": EVENTS, "keys":
    EVENTS, "id": "", "kinds": ["event"] * 4, "body_hashes": [b""] * 4, "expires_ats": [NOW] * 4, "subject_type": "s",
    "subject_id": "s_53", "number": 153, "numbers": [153] * 4, "times": TIMES, "from_at": min(TIMES), "to_at":
    max(TIMES), "seq": 0, "seqs": [100_000 + place for place in PLACES], "after": "", "after_tenant": "", "last":
    LAST_SEQ, "floor": LAST_SEQ, "since": 0, "until": LAST_SEQ, "from_day": 0, "to_day": LAST_SEQ, "since_day":
    "2027-01-10", "limit": 10, "rows": 10, "step": 10, "look": 10, "count": 10, "wanted": 10, "visits": 20,
    "pending_max": 5, "from_key": "", "new": True, "beyond": 100_000, "watermarks": [100_000], "rooms": [10],
    "limits": [10], "from_due": -1, "from_tenant": "", "from_endpoint": "", "bytes_max": 1 << 20, "now": NOW,
    "due_at": NOW, "due_ats": [NOW] * 4, "attempts": [1] * 4, "tries": [1] * 4, "next_dues": [NOW] * 4,
    "not_before": 0, "not_befores": [0] * 4, "healths": [b""] * 4, "forever": FOREVER_MS, "due_before": 0,
    "day_after": NOW + 2 * DAY_MS, "before": "", "type": "lead", "types": ["lead"] * 4, "name": "set_1", "names":
    ["set_1"] * 4, "set_id": "set_1", "members": EVENTS, "more": 1, "revisions": [2] * 4, "versions": [1] * 4,
    "source_ats": [NOW] * 4, "created_ats": [NOW] * 4, "updated_ats": [NOW] * 4, "forget_ats": [NOW] * 4, "marks":
    ["{}"] * 4, "data": b"xxxx", "starts": [1] * 4, "sizes": [1] * 4, "seen": [1] * 4,
}  # fmt: skip
OF_STREAM = {"after": 0, "before": NOW}
NEWEST = {"after": LAST_ID}
OTHERWISE: dict[str, dict[str, Any]] = {
    "walk_events": {"after": LAST_SEQ},
    "walk_events_of_endpoint": {"after": LAST_SEQ},
    "walk_attempts_of_tenant": NEWEST,
    "walk_failures_of_tenant": NEWEST,
    "walk_attempts_of_endpoint": NEWEST,
    "walk_failures_of_endpoint": NEWEST,
    "walk_attempts_of_event": NEWEST,
    "events_of_subject": OF_STREAM,
    "oldest_events": OF_STREAM,
    "replay_page": OF_STREAM,
    "load_events": {"seqs": STREAM},
    "lock_events_to_replay": {"seqs": STREAM},
    "remove_job_events": {"seqs": STREAM, "id": "job_1"},
    "add_job_events": {"id": "job_new"},
    "next_job_events": {"id": "job_1"},
    "clear_members": {"last": EVENTS[-1]},
    "load_attempts": {"ids": ATTEMPTS},
    "known_attempts": {"ids": ATTEMPTS},
    "attempt_by_id": {"id": ATTEMPTS[0]},
    "lanes_of": {"ids": LANES},
    "keep_health": {"health": b""},
    "numbers_of_day": {"number": -1},
    "delete_number_claims": {"numbers": ["153"]},
    "find_due": {"tenant_ids": ["ten_3"], "endpoint_ids": ["ep_3"], "beyond": [100_000]},
    "find_due_heads": {"tenant_id": "ten_7", "endpoint_id": "ep_7"},
    "expire_attempts": {"before": LAST_ID},
    "expire_days": {"before": "2027-01-10"},
    "expire_day_deltas": {"before": "2027-02-01"},
    "insert_lane": {"endpoint_id": "ep_new"},
    "insert_node": {"node_id": "node_new"},
    "overdue_tenants": {
        "tenant_ids": ["ten_3"], "befores": [0], "days_after": [NOW + 2 * DAY_MS], "attempts": [""], "jobs": [""],
        "days": [""],
    },
}  # fmt: skip
# Query → what it finds rows by, on empty tables and on full ones. Walks the other way round use the same.
INDEXES: dict[str, set[str]] = {
    "ring_lanes": {"lane_pkey"},
    "audit_known": {"event_pkey"},
    "audit_succeeded": {"attempt_by_event"},
    "audit_attempts": {"attempt_pkey"},
    "count_deliveries": {"delivery_pkey"},
    "lane_healths": {"lane_pkey"},
    "oldest_bell": {"lane_to_claim"},
    "keep_health": {"lane_pkey"},
    "day_is_kept": {"event_scheduled"},
    "end_of_page": {"event_pkey"},
    "lock_deliveries_of_page": {"delivery_by_event", "delivery_pkey", "event_pkey"},
    "delete_claims_of_page": {"event_key: Tid Scan", "event_key_pkey", "event_pkey"},
    "numbers_of_day": {"event_by_number"},
    "delete_numbers": {"event_by_number", "event_key: Tid Scan", "event_key_pkey"},
    "lock_deliveries_of_events": {"delivery_by_event"},
    "has_deliveries_of_events": {"delivery_by_event"},
    "insert_lane": {"lane_pkey"},
    "lanes_of": {"lane_pkey"},
    "pause_lane": {"lane_pkey"},
    "resume_lane": {"lane_pkey"},
    "open_lane": {"lane_pkey"},
    "pause_lanes_of_tenant": {"lane_pkey"},
    "resume_lanes_of_tenant": {"lane_pkey"},
    "find_due": {"delivery_deferred", "delivery_in_lane", "delivery_keyed", "event_pkey"},
    "find_due_heads": {"delivery_in_lane", "delivery_pkey"},
    "load_due": {"delivery_pkey", "event_pkey"},
    "earliest_due": {"delivery_deferred", "delivery_in_lane", "delivery_keyed"},
    "owners_of_keys": {"event_key_pkey"},
    "made_events_of_ids": {"event_key_pkey", "event_pkey"},
    "taken_numbers": {"event_key_pkey"},
    "events_by_id": {"event_pkey"},
    "replay_page": {"attempt_by_event", "delivery_by_event", "event_in_stream"},
    "has_more_deliveries": {"delivery_in_lane"},
    "next_job_events": {"job_event_pkey"},
    "lock_events_to_replay": {"event_in_stream"},
    "queue_at": {"attempt_by_event", "delivery_by_event"},
    "remove_job_events": {"job_event_pkey"},
    "anything_to_claim": {"lane_to_claim", "node_pkey"},
    "keep_node": {"node_pkey"},
    "claim_lanes": {"lane_pkey", "lane_to_claim"},
    "ringing_lanes": {"lane_owned"},
    "not_silent_lanes": {"lane_pkey"},
    "silence_lanes": {"lane_pkey"},
    "release_lanes": {"lane_pkey"},
    "owned_lanes": {"lane_owned"},
    "free_lanes": {"lane_pkey"},
    "free_lanes_of_node": {"lane_owned", "lane_pkey"},
    "beat_node": {"node_pkey"},
    "list_nodes": {"node_pkey"},
    "delete_silent_node": {"node_pkey"},
    "delete_node": {"node_pkey"},
    "spread_of_lanes": {"lane_owned", "node_pkey"},
    "walk_events": {"event_in_stream"},
    "walk_events_of_endpoint": {"attempt_by_event", "delivery_by_event", "event_in_stream"},
    "events_of_quiet_endpoint": {"attempt_by_endpoint", "delivery_in_lane"},
    "places_of_events": {"event_pkey"},
    "latest_place": {"event_in_stream"},
    "time_of_place": {"event_in_stream"},
    "walk_attempts_of_tenant": {"attempt_pkey"},
    "walk_failures_of_tenant": {"attempt_unsuccessful_by_tenant"},
    "walk_attempts_of_endpoint": {"attempt_by_endpoint"},
    "walk_failures_of_endpoint": {"attempt_unsuccessful_by_endpoint"},
    "walk_attempts_of_event": {"attempt_by_event"},
    "load_events": {"event_in_stream"},
    "event_by_number": {"event_by_number"},
    "who_missed_event": {"event_pkey"},
    "lock_events_without_number": {"event_pkey"},
    "number_events": {"event_pkey"},
    "load_attempts": {"attempt_pkey"},
    "attempt_by_id": {"attempt_pkey", "event_pkey"},
    "story_of_event": {"attempt_by_event"},
    "pending_deliveries": {"delivery_by_event"},
    "behind_others": {"delivery_by_event", "delivery_in_lane"},
    "day_counts": {"endpoint_day_delta_of", "endpoint_day_pkey"},
    "day_counts_of": {"endpoint_day_delta_of", "endpoint_day_pkey"},
    "tenant_day_counts": {"endpoint_day_by_age", "endpoint_day_delta_of"},
    "events_of_subject": {"event_by_subject"},
    "lock_events": {"event_pkey"},
    "redact_events": {"delivery_by_event", "event_pkey"},
    "redact_attempts": {"attempt_by_event", "attempt_pkey"},
    "lock_event_to_resend": {"event_pkey"},
    "lock_pending_deliveries": {"delivery_by_event"},
    "hasten_deliveries": {"delivery_pkey"},
    "hasten_retries": {"delivery_deferred", "delivery_pkey"},
    "last_numbers": {"attempt_by_event"},
    "overdue_tenants": {"attempt_pkey", "endpoint_day_by_age", "endpoint_day_delta_of", "event_in_stream"},
    "oldest_events": {"event_in_stream"},
    "lock_doomed_events": {"event_pkey"},
    "delete_events": {"event_pkey"},
    "delete_event_claims": {"event_key_pkey", "event_pkey"},
    "delete_number_claims": {"event_by_number", "event_key_pkey"},
    "expire_attempts": {"attempt_pkey"},
    "expire_days": {"endpoint_day: Tid Scan", "endpoint_day_by_age"},
    "expire_day_deltas": {"endpoint_day_delta: Tid Scan", "endpoint_day_delta_of"},
    "lock_deliveries": {"delivery_pkey"},
    "known_attempts": {"attempt_pkey"},
    "redacted_events": {"event_pkey"},
    "delete_deliveries": {"delivery_pkey"},
    "reschedule_deliveries": {"delivery_pkey"},
    "stranded_lanes": {"delivery_deferred", "delivery_in_lane", "delivery_keyed", "lane_pkey"},
    "stranded_handshakes": {"lane_pkey"},
    "ring_stranded": {"lane_pkey"},
    "orphaned_owners": {"lane_owned", "node_pkey"},
    "free_orphaned_lanes": {"lane_owned", "lane_pkey"},
    "missing_lanes": {"delivery_in_lane", "lane_pkey"},
    "lost_endpoints": {"delivery_in_lane"},
    "lock_deliveries_to_cancel": {"delivery_in_lane", "event_pkey"},
    "emptied_tombstones": {"delivery_in_lane"},
    "lock_tombstones": {"delivery_in_lane"},
    "delete_lanes": {"lane_pkey"},
    "purge_deliveries": {"delivery_pkey"},
    "purge_events": {"event_pkey"},
    "purge_job_events": {"job_event: Tid Scan", "job_event_pkey"},
    "purge_event_keys": {"event_key: Tid Scan", "event_key_pkey"},
    "purge_attempts": {"attempt_pkey"},
    "purge_days": {"endpoint_day: Tid Scan", "endpoint_day_pkey"},
    "purge_day_deltas": {"endpoint_day_delta: Tid Scan", "endpoint_day_delta_of"},
    "purge_lanes": {"lane_pkey"},
    "expire_keys": {"event_key: Tid Scan", "event_key_expiring"},
    "gather_days": {"endpoint_day_delta: Tid Scan", "endpoint_day_delta_of"},
    "lock_records": {"record_pkey"},
    "update_records": {"record_pkey"},
    "record_by_id": {"record_pkey"},
    "sizes_of_records": {"record_pkey"},
    "load_records": {"record_pkey"},
    "forget_records": {"record: Tid Scan", "record_to_forget"},
    "purge_records": {"record: Tid Scan", "record_pkey"},
    "tracked": {"tracked_member_pkey", "tracked_set_pkey"},
    "count_tracked_sets": {"tracked_set_pkey"},
    "tracked_set_by_name": {"tracked_set_pkey"},
    "list_tracked_sets": {"tracked_set_pkey"},
    "lock_tracked_set": {"tracked_set_pkey"},
    "count_members": {"tracked_member_pkey"},
    "remove_members": {"tracked_member_pkey"},
    "count_change_of_members": {"tracked_set_pkey"},
    "list_members": {"tracked_member_pkey", "tracked_set_pkey"},
    "delete_tracked_set": {"tracked_set_pkey"},
    "delete_tracked_sets_of_tenant": {"tracked_set_pkey"},
    "members_to_clear": {"tracked_member_pkey"},
    "clear_members": {"tracked_member_pkey"},
    "purge_members": {"tracked_member: Tid Scan", "tracked_member_pkey"},
}
# Where an index can't be told from another one, and it doesn't matter: on a day that is empty, and was looked at by
# VACUUM; and where so few rows are changed in one step that they may be found one way or the other.
ALSO_ON_EMPTY_DAYS = {
    "walk_failures_of_tenant": {"attempt_pkey"}, "walk_attempts_of_endpoint": {"attempt_pkey"},
    "delete_number_claims": {"event_pkey"},
}  # fmt: skip
IN_EMPTIED_TABLES = {
    "day_counts", "delete_number_claims", "expire_days", "expire_day_deltas", "purge_job_events", "purge_event_keys",
    "purge_days", "purge_day_deltas", "purge_records", "purge_members", "tenant_day_counts", "day_counts_of",
}  # fmt: skip
# What may ask all days: an id or a number, or a place in the stream, that says nothing of the day.
# The others are asked with a time, and look into the days of the rows alone.
DAYS_VISITED = {
    "find_due": 3, "load_due": 3, "load_events": 3, "load_attempts": 3, "lock_doomed_events": 3, "delete_events": 3,
    "redact_events": 3, "number_events": 3, "day_is_kept": 1, "end_of_page": 1, "lock_deliveries_of_page": 1,
    "numbers_of_day": 1,
}  # fmt: skip
# Half of them are disabled.
ENDPOINTS = """
INSERT INTO endpoint (id, tenant_id, label, url, status, ordering, profile, revision, disabled_at, config)
SELECT 'ep_' || n, 'ten', '', '', '', '', 'standard', 1, CASE WHEN n % 2 = 0 THEN n END, ''::bytea
FROM generate_series(1, 20000) AS n
"""
# What grows, and why it may.
GROWING = {
    "day_counts": "by what is not gathered yet, of one endpoint: some seconds' worth",
    "day_counts_of": "the same of each endpoint that is asked for",
    "tenant_day_counts": "by the tenant's endpoints and days, a small row each",
    "overdue_tenants": "by what is not gathered yet, of one tenant: some seconds' worth",
    "walk_failures_of_tenant": "an index may be of the next day, where nothing is yet",
    "hasten_retries": "past what is to be sent later and was never tried; a person asks for it",
}
# What sorts a few rows: those that were asked for, those of one event, those of a step.
FEW_ROWS = {
    "find_due", "find_due_heads", "walk_attempts_of_event", "story_of_event", "last_numbers", "pending_deliveries",
    "lock_pending_deliveries", "lock_deliveries_of_events", "redact_attempts", "day_counts", "lock_events",
    "lock_events_to_replay", "tenant_day_counts", "day_counts_of", "lock_events_without_number", "lock_doomed_events",
    "delete_event_claims", "delete_number_claims", "ring_stranded", "lock_tombstones", "replay_page", "load_records",
    # All lanes of nodes that are gone: they are taken in the order of their keys.
    "free_orphaned_lanes", "free_lanes_of_node",
}  # fmt: skip


class Seen(NamedTuple):
    """What one database told: the plans of the queries while it was empty, when it was full and when it was emptied,
    and as they were run when few rows were there and when there were many."""

    empty: dict[str, Node]
    full: dict[str, Node]
    few: dict[str, Node]
    many: dict[str, Node]
    emptied: dict[str, Node]
    plans: Plans

    def indexes(self, plan: Node) -> set[str]:
        """What a plan finds rows of tenants' tables, lanes and nodes by; `table: how` where that is no index."""
        searches = self.plans.searches(plan)
        return {one.index or f"{one.table}: {one.how}" for one in searches if one.table in TENANT_TABLES | ELSEWHERE}


def asked(name: str) -> dict[str, Any]:
    query, _, oldest_first = name.partition(" ")
    found = {**PLAIN, **OTHERWISE.get(query, {})}
    if oldest_first:
        found["after"] = 0 if query.startswith("walk_events") else ""
    return found


def queries() -> dict[str, str]:
    """Those that look for something in the tables of tenants, or for lanes or nodes."""
    tables = re.compile(rf"\b(FROM|JOIN|UPDATE|USING)\s+({'|'.join([*TENANT_TABLES, *ELSEWHERE, 'event_of_day'])})\b")
    known = load("postgres").items()
    texts = {name: text_of(name, DAY) for name, text in known if tables.search(text) and name != "tables_with_rows"}
    walks = {f"{name} (oldest first)": other_way_round(texts[name], "%(after)s") for name in texts if "walk_" in name}
    return texts | walks


QUERIES = queries()


@pytest.fixture(scope="module")
def seen(postgres: Cluster) -> Iterator[Seen]:
    with postgres.empty_database() as url:
        store = PostgresStore.open(url)
        store.make_days(NOW)
        store.close()
        plans = Plans(url)

        def planned() -> dict[str, Node]:
            return {name: plans.plan(text, asked(name)) for name, text in QUERIES.items()}

        def run() -> dict[str, Node]:
            return {name: plans.run(text, asked(name)) for name, text in QUERIES.items()}

        empty = planned()
        pile_up(plans.connection, 1, FEW)
        few = run()
        pile_up(plans.connection, FEW + 1, MANY)
        plans.connection.execute("VACUUM ANALYZE")
        full, many = planned(), run()
        plans.connection.execute(f"TRUNCATE {', '.join(TENANT_TABLES)}")
        plans.connection.execute("VACUUM ANALYZE")
        yield Seen(empty, full, few, many, planned(), plans)
        plans.close()


def query_of(name: str) -> str:
    return name.partition(" ")[0]


class TestPlans:
    def test_every_query_has_its_indexes_in_the_table(self) -> None:
        assert {query_of(name) for name in QUERIES} == INDEXES.keys()

    def test_on_tables_that_never_had_a_row_a_query_uses_the_indexes_made_for_it(self, seen: Seen) -> None:
        assert wrong(seen, seen.empty) == {}

    def test_on_full_tables_it_uses_the_same(self, seen: Seen) -> None:
        found = wrong(seen, seen.full)
        also = {name: INDEXES[query_of(name)] | ALSO_ON_EMPTY_DAYS.get(query_of(name), set()) for name in found}
        assert {name: used for name, used in found.items() if used != also[name]} == {}

    def test_on_tables_that_were_emptied_too(self, seen: Seen) -> None:
        assert {name for name in wrong(seen, seen.emptied) if query_of(name) not in IN_EMPTIED_TABLES} == set()

    def test_no_table_is_read_from_end_to_end(self, seen: Seen) -> None:
        for plans in (seen.empty, seen.full, seen.emptied):
            kinds = {name: {node["Node Type"] for node in nodes(plan)} for name, plan in plans.items()}
            assert {
                name for name, found in kinds.items() if found & {"Seq Scan", "Bitmap Heap Scan", "Hash Join"}
            } == set()

    @pytest.mark.parametrize(
        ("name", "index", "columns"),
        [
            ("lock_records", "record_pkey", 3), ("update_records", "record_pkey", 3),
            ("tracked", "tracked_set_pkey", 2), ("tracked", "tracked_member_pkey", 3),
            ("remove_members", "tracked_member_pkey", 3), ("count_members", "tracked_member_pkey", 3),
            ("clear_members", "tracked_member_pkey", 4),
        ],
    )  # fmt: skip
    def test_one_of_many_is_found_by_its_whole_key(self, seen: Seen, name: str, index: str, columns: int) -> None:
        for plans in (seen.empty, seen.full):
            found = {node["Index Cond"] for node in nodes(plans[name]) if node.get("Index Name") == index}
            assert {condition.count(" AND ") + 1 for condition in found} == {columns}, found

    def test_what_is_sorted_is_bounded(self, seen: Seen) -> None:
        for plans in (seen.empty, seen.full):
            sorting = {query_of(name) for name, plan in plans.items() if sorts_rows_of_tables(plan)}
            assert sorting - FEW_ROWS == set()

    def test_a_walk_goes_the_other_way_round_by_the_same_index(self, seen: Seen) -> None:
        walks = [name for name in QUERIES if query_of(name) != name]
        assert len(walks) == 7
        for name in walks:
            assert "> %(after)s" in QUERIES[name]
            assert seen.indexes(seen.empty[name]) == seen.indexes(seen.empty[query_of(name)])


class TestRuns:
    @pytest.mark.parametrize("name", DAYS_VISITED)
    def test_no_day_is_asked_that_has_nothing_of_it(self, seen: Seen, name: str) -> None:
        searches = seen.plans.searches(seen.many[name])
        for table in ("event", "attempt"):
            assert len({one.part for one in searches if one.table == table and one.visited}) in (0, DAYS_VISITED[name])

    def test_a_query_touches_no_more_pages_when_more_is_waiting(self, seen: Seen) -> None:
        touched = {name: (pages(seen.few[name]), pages(seen.many[name])) for name in QUERIES}
        # An index grows by a level, and every search by a page.
        growing = {name: pair for name, pair in touched.items() if pair[1] > 1.5 * pair[0] + 20}
        assert growing.keys() <= GROWING.keys()
        assert {name: pair for name, pair in touched.items() if pair[1] > 600 and name != "free_lanes_of_node"} == {}


def test_the_latest_that_were_disabled_are_found_among_all_endpoints_by_their_index(postgres: Cluster) -> None:
    text = text_of("latest_disabled", DAY)
    with postgres.empty_database() as url:
        PostgresStore.open(url).close()
        plans = Plans(url)
        empty = plans.plan(text, {"limit": 100})
        plans.connection.execute(ENDPOINTS)
        plans.connection.execute("VACUUM ANALYZE endpoint")
        full = plans.run(text, {"limit": 100})
        plans.close()
    for plan in (empty, full):
        assert [node.get("Index Name") for node in nodes(plan)] == [None, "endpoint_disabled"]
    assert full["Actual Rows"] == 100
    assert pages(full) < 120


def wrong(seen: Seen, plans: dict[str, Node]) -> dict[str, set[str]]:
    """The queries that use other indexes than in the table, and which."""
    used = {name: seen.indexes(plan) for name, plan in plans.items()}
    return {name: found for name, found in used.items() if found != INDEXES[query_of(name)]}


def sorts_rows_of_tables(plan: Node) -> bool:
    """Whether a plan sorts what it reads from a table, unless it is looked up one by one for a list of parameters, or
    cut to so many before."""
    sorts = [node for node in nodes(plan) if "Sort" in node["Node Type"]]
    return any(not _cut(child) for node in sorts for child in node["Plans"])


def _cut(node: Node) -> bool:
    if node["Node Type"] in ("Limit", "Function Scan", "CTE Scan", "WorkTable Scan", "Result"):
        return True
    if node["Node Type"] == "Nested Loop":
        return _cut(node["Plans"][0])  # the other side is looked up for each of these
    return bool(node.get("Plans")) and all(_cut(child) for child in node["Plans"])
