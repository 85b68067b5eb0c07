"""What the queries cost: each uses the index that was made for it, and the steps taken don't grow with the backlog."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from conformance.backend import accept, accept_many, fetch
from ringback.store.log_reading import other_way_round
from ringback.store.port import Cutoff, EventQuery, Membership, RecordPut, Settlement
from ringback.store.queries import load
from ringback.store.sqlite import SqliteStore
from ringback.store.sqlite.fetch import KEYS_VISITED
from support.queue import fill
from support.rows import NOW, TENANT, attempt, event, new_delivery, record, tracked_set

SQL = load("sqlite")
LARGE_TABLES = {
    "job",
    "job_event",
    "event",
    "event_key",
    "delivery",
    "attempt",
    "lane",
    "endpoint",
    "endpoint_day",
    "secret",
    "tenant",
    "record",
    "tracked_set",
    "tracked_member",
    "rule_failure",
    "notice",
    "bin_request",
    "console_session",
    "console_link",
    "audit_entry",
    "pulse",
}
# Partial indexes that hold only what the query is after.
MAY_BE_SCANNED = {
    "SCAN endpoint USING INDEX endpoint_deleted",
    "SCAN tenant USING INDEX tenant_deleted",
    "SCAN endpoint USING INDEX endpoint_unverified",
    "SCAN endpoint USING COVERING INDEX endpoint_disabled",
    "SCAN job USING COVERING INDEX job_open",
    # Read in order, as far as wanted.
    "SCAN notice USING INDEX notice_by_age",
}
# What is after everything: read once at a start, and by who has missed changes; and before a store is moved.
READS_EVERYTHING = {"all_configuration", "rows_to_move"}

# What the hot queries use, table by table, in the order of the plan.
HOT = {
    "find_keys": ["event_key USING PRIMARY KEY (tenant_id=? AND kind=? AND key=?)"],
    "ring_lanes": ["lane USING PRIMARY KEY (endpoint_id=?)"],
    "lanes_to_claim": ["lane USING INDEX lane_to_claim (due_at<?)"],
    "oldest_bell": ["lane USING INDEX lane_to_claim (due_at<?)"],
    "own_lanes": ["lane USING PRIMARY KEY (endpoint_id=?)"],
    "ringing_lanes": ["lane USING COVERING INDEX lane_owned (owner=? AND due_at<?)"],
    "silence_lanes": ["lane USING PRIMARY KEY (endpoint_id=?)"],
    "release_lane": ["lane USING PRIMARY KEY (endpoint_id=?)"],
    "owned_lanes": ["lane USING COVERING INDEX lane_owned (owner=?)"],
    "lanes_of_nodes": ["lane USING COVERING INDEX lane_owned (owner=?)"],
    "find_due": [
        "delivery USING COVERING INDEX delivery_in_lane (endpoint_id=? AND ordering_key=? AND deferred=? AND rowid>?)",
        "delivery USING INDEX delivery_keyed (endpoint_id=? AND rowid>?)",
        "delivery USING COVERING INDEX delivery_deferred (endpoint_id=? AND due_at<?)",
        "delivery USING COVERING INDEX delivery_in_lane (endpoint_id=? AND ordering_key=? AND deferred=? AND rowid<?)",
        "delivery USING INDEX delivery_keyed (endpoint_id=? AND rowid<?)",
        "delivery USING COVERING INDEX delivery_deferred (endpoint_id=? AND due_at>?)",
    ],
    "load_due": [
        "delivery USING INTEGER PRIMARY KEY (rowid=?)",
        "event USING INDEX event_by_id (tenant_id=? AND id=?)",
    ],
    "deliveries_as_stored": ["delivery USING INTEGER PRIMARY KEY (rowid=?)"],
    "known_attempts": ["attempt USING INDEX attempt_by_id (tenant_id=? AND id=?)"],
    "hasten_retries": [
        "delivery USING INTEGER PRIMARY KEY (rowid=?)",
        "delivery USING INDEX delivery_deferred (endpoint_id=? AND due_at>?)",
    ],
    "delete_deliveries": ["delivery USING INTEGER PRIMARY KEY (rowid=?)"],
    "reschedule_deliveries": ["delivery USING INTEGER PRIMARY KEY (rowid=?)"],
    "changes_after": ["change USING INTEGER PRIMARY KEY (rowid>?)"],
    "key_by_hash": ["api_key USING INDEX api_key_by_hash (hash=?)"],
    "events_by_id": ["event USING INDEX event_by_id (tenant_id=? AND id=?)"],
    "taken_numbers": ["event USING COVERING INDEX event_by_number (tenant_id=? AND number=?)"],
    "event_by_number": ["event USING INDEX event_by_number (tenant_id=? AND number=?)"],
    "number_events": ["event USING INDEX event_by_id (tenant_id=? AND id=?)"],
    "events_without_number": ["event USING INDEX event_by_id (tenant_id=? AND id=?)"],
    "walk_events": [
        "event USING INDEX event_in_stream (tenant_id=? AND seq<?)",
        "delivery USING INDEX delivery_by_event (tenant_id=? AND event_id=?)",
        "attempt USING INDEX attempt_by_event (tenant_id=? AND event_id=?)",
    ],
    "walk_attempts_of_tenant": ["attempt USING INDEX attempt_by_id (tenant_id=? AND id<?)"],
    "walk_failures_of_tenant": ["attempt USING INDEX attempt_unsuccessful_by_tenant (tenant_id=? AND id<?)"],
    "walk_attempts_of_endpoint": ["attempt USING INDEX attempt_by_endpoint (endpoint_id=? AND id<?)"],
    "walk_failures_of_endpoint": ["attempt USING INDEX attempt_unsuccessful_by_endpoint (endpoint_id=? AND id<?)"],
    "walk_attempts_of_event": ["attempt USING INDEX attempt_by_event (tenant_id=? AND event_id=?)"],
    "lanes_of": ["lane USING PRIMARY KEY (endpoint_id=?)"],
    "behind_others": [
        "own USING INDEX delivery_by_event (tenant_id=? AND event_id=?)",
        "delivery USING COVERING INDEX delivery_in_lane (endpoint_id=? AND ordering_key=? AND deferred=? AND rowid<?)",
        "delivery USING COVERING INDEX delivery_in_lane (endpoint_id=? AND ordering_key=? AND deferred=? AND rowid<?)",
    ],
    "endpoints_of_profile": ["endpoint USING INDEX endpoint_by_profile (<expr>=? AND id>?)"],
    "tenants_of_profile": ["tenant USING INDEX tenant_by_profile (profile=?)"],
    "list_tenants_with_quotas": ["tenant USING INDEX tenant_with_quotas (id>?)"],
    "day_counts": ["endpoint_day USING PRIMARY KEY (tenant_id=? AND endpoint_id=? AND day>?)"],
    "tenant_day_counts": ["endpoint_day USING INDEX endpoint_day_by_age (tenant_id=? AND day>?)"],
    "day_counts_of": ["endpoint_day USING PRIMARY KEY (tenant_id=? AND endpoint_id=? AND day>?)"],
    "overdue_tenants": [
        "event USING COVERING INDEX event_in_stream (tenant_id=?)",
        "attempt USING COVERING INDEX attempt_by_id (tenant_id=?)",
        "job USING COVERING INDEX job_by_tenant (tenant_id=?)",
        "endpoint_day USING COVERING INDEX endpoint_day_by_age (tenant_id=?)",
    ],
    "oldest_events": ["event USING INDEX event_in_stream (tenant_id=? AND seq>?)"],
    "deliveries_of_events": ["delivery USING INDEX delivery_by_event (tenant_id=? AND event_id=?)"],
    "delete_events": ["event USING INTEGER PRIMARY KEY (rowid=?)"],
    "delete_event_claims": ["event_key USING PRIMARY KEY (tenant_id=? AND kind=? AND key=?)"],
    "expire_attempts": [
        "attempt USING INTEGER PRIMARY KEY (rowid=?)",
        "attempt USING COVERING INDEX attempt_by_id (tenant_id=? AND id<?)",
    ],
    "expire_days": [
        "endpoint_day USING PRIMARY KEY (tenant_id=? AND endpoint_id=? AND day=?)",
        "endpoint_day USING COVERING INDEX endpoint_day_by_age (tenant_id=? AND day<?)",
    ],
    "events_of_subject": [
        "event USING INDEX event_by_subject (tenant_id=? AND subject_type=? AND subject_id=? AND rowid>?)"
    ],
    "redact_events": [
        "event USING INTEGER PRIMARY KEY (rowid=?)",
        "delivery USING COVERING INDEX delivery_by_event (tenant_id=? AND event_id=?)",
        "event USING INDEX event_by_id (tenant_id=? AND id=?)",
    ],
    "redact_attempts": [
        "attempt USING INTEGER PRIMARY KEY (rowid=?)",
        "attempt USING INDEX attempt_by_event (tenant_id=? AND event_id=?)",
    ],
    "redacted_events": ["event USING INDEX event_by_id (tenant_id=? AND id=?)"],
    "running_jobs": ["job USING COVERING INDEX job_running (tenant_id=?)"],
    "replay_page": [
        "event USING COVERING INDEX event_in_stream (tenant_id=? AND seq>? AND seq<?)",
        "event USING INTEGER PRIMARY KEY (rowid=?)",
        "delivery USING INDEX delivery_by_event (tenant_id=? AND event_id=?)",
        "attempt USING INDEX attempt_by_event (tenant_id=? AND event_id=?)",
    ],
    "next_job_events": ["job_event USING PRIMARY KEY (tenant_id=? AND job_id=?)"],
    "has_more_deliveries": ["delivery USING COVERING INDEX delivery_in_lane (endpoint_id=?)"],
    "events_to_replay": [
        "event USING INTEGER PRIMARY KEY (rowid=?)",
        "delivery USING INDEX delivery_by_event (tenant_id=? AND event_id=?)",
        "attempt USING INDEX attempt_by_event (tenant_id=? AND event_id=?)",
    ],
    "lock_records": ["record USING INDEX record_by_key (tenant_id=? AND type=? AND id=?)"],
    "tracked": [
        "tracked_set USING PRIMARY KEY (tenant_id=? AND name=?)",
        "tracked_member USING PRIMARY KEY (tenant_id=? AND set_id=? AND member=?)",
    ],
    "record_by_id": ["record USING INDEX record_by_key (tenant_id=? AND type=? AND id=?)"],
    "sizes_of_records": ["record USING INDEX record_by_key (tenant_id=? AND type=? AND id>?)"],
    "load_records": ["record USING INDEX record_by_key (tenant_id=? AND type=? AND id=?)"],
    "records_to_forget": ["record USING COVERING INDEX record_to_forget (forget_at<?)"],
    "forget_records": ["record USING INTEGER PRIMARY KEY (rowid=?)"],
    "count_members": ["tracked_member USING PRIMARY KEY (tenant_id=? AND set_id=? AND member=?)"],
    "remove_members": ["tracked_member USING PRIMARY KEY (tenant_id=? AND set_id=? AND member=?)"],
    "list_members": ["tracked_member USING PRIMARY KEY (tenant_id=? AND set_id=? AND member>?)"],
    "clear_members": [
        "tracked_member USING PRIMARY KEY (tenant_id=? AND set_id=? AND member=?)",
        "tracked_member USING PRIMARY KEY (tenant_id=? AND set_id=?)",
    ],
    "rule_failures": ["rule_failure USING PRIMARY KEY (tenant_id=? AND rule_id=?)"],
    "oldest_notices": [],
    "drop_notices": ["notice USING COVERING INDEX sqlite_autoindex_notice_1 (tenant_id=? AND id=?)"],
    "expire_jobs": ["job USING PRIMARY KEY (id=?)", "job USING INDEX job_by_tenant (tenant_id=? AND id<?)"],
    "moments": ["pulse USING PRIMARY KEY (at>? AND at<?)"],
    "expire_pulses": ["pulse USING PRIMARY KEY (at=? AND process=?)", "pulse USING PRIMARY KEY (at<?)"],
    "trim_changes": [
        "change USING INTEGER PRIMARY KEY (rowid=?)",
        "change USING INTEGER PRIMARY KEY (rowid<?)",
        "change",
    ],
}
INSERT_ENDPOINT = """
INSERT INTO endpoint (id, tenant_id, label, url, status, ordering, revision, disabled_at, config)
VALUES (?, 't', '', '', '', '', 1, ?, CAST('{}' AS BLOB))
"""
INSERT_LANE = "INSERT INTO lane (endpoint_id, tenant_id, due_at, not_before, owner, health) VALUES (?, ?, ?, ?, ?, ?)"
SORT_A_FEW_ROWS = {"walk_attempts_of_event", "replay_page"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path / "ringback.db")
    # What these tests are about costs no disk.
    opened._writer._connection.pragma("synchronous", "off")
    yield opened
    opened.close()


def plan(store: SqliteStore, text: str) -> list[str]:
    """The lines of a query's plan."""
    places = text.count("?")
    bindings: Any = (None,) * places if places else dict.fromkeys(re.findall(r":(\w+)", text))
    return [line[3] for line in store._writer._connection.execute(f"EXPLAIN QUERY PLAN {text}", bindings)]


def searches(lines: list[str]) -> list[str]:
    found = [line.removeprefix("SEARCH ") for line in lines if line.startswith("SEARCH ")]
    return [line for line in found if line.split()[0] in {*LARGE_TABLES, "own", "change", "api_key"}]


class TestPlans:
    @pytest.mark.parametrize("name", HOT)
    def test_a_hot_query_uses_its_indexes_and_sorts_nothing(self, store: SqliteStore, name: str) -> None:
        lines = plan(store, SQL[name])
        assert searches(lines) == HOT[name]
        if name not in SORT_A_FEW_ROWS:
            assert [line for line in lines if "TEMP B-TREE" in line] == []

    @pytest.mark.parametrize("name", sorted(SQL.keys() - READS_EVERYTHING))
    def test_no_query_walks_a_whole_table(self, store: SqliteStore, name: str) -> None:
        scans = [line for line in plan(store, SQL[name]) if line.startswith("SCAN ")]
        walked = [line for line in scans if line.split()[1] in LARGE_TABLES and line not in MAY_BE_SCANNED]
        assert walked == []

    @pytest.mark.parametrize("name", [name for name in SQL if name.startswith("walk_")])
    def test_a_walk_the_other_way_round_uses_the_same_index(self, store: SqliteStore, name: str) -> None:
        there, back = plan(store, SQL[name]), plan(store, other_way_round(SQL[name], ":after"))
        assert other_way_round(SQL[name], ":after").count("> :after") == 1
        assert [line.replace("<?", ">?") for line in there] == back

    def test_a_query_is_not_planned_anew_for_new_values(self, store: SqliteStore) -> None:
        with store._readers.reading() as reader:
            for connection in (reader, store._writer._connection):
                assert connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, -1) == 1

    def test_the_heads_are_found_by_a_skip_scan(self, store: SqliteStore) -> None:
        used = set(searches(plan(store, SQL["find_due_heads"])))
        assert used == {
            "delivery USING COVERING INDEX delivery_in_lane (endpoint_id=? AND ordering_key=? AND deferred=?)",
            "delivery USING COVERING INDEX delivery_in_lane (endpoint_id=? AND ordering_key>?)",
            "delivery USING INTEGER PRIMARY KEY (rowid=?)",
            "delivery USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN",
        }


class Meter:
    """Counts the steps of SQLite's machine: the same on a fast computer and on a slow one."""

    def __init__(self, store: SqliteStore) -> None:
        self.steps = 0
        self.statements = 0
        self._store = store

    def of(self, call: Callable[[], object]) -> int:
        """The steps that a call takes."""
        with self._store._readers.reading() as reader:
            connections = (reader, self._store._writer._connection)
        for connection in connections:
            connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, self._count, id="meter")
        self.steps = self.statements = 0
        call()
        for connection in connections:
            connection.trace_v2(0, None, id="meter")
        assert self.statements
        return self.steps

    def _count(self, told: dict[str, Any]) -> None:
        self.statements += 1
        self.steps += told["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]


@pytest.fixture
def meter(store: SqliteStore) -> Meter:
    return Meter(store)


class TestSteps:
    """The numbers are what was seen, with some room; without its index each of these is off by a factor of 100."""

    def test_a_fetch_does_not_feel_the_backlog(self, store: SqliteStore, meter: Meter) -> None:
        fill(store, 100, lambda _: None, "evt_few")
        few = meter.of(lambda: fetch(store, limit=64))
        fill(store, 50_000, lambda _: None, "evt_many")
        many = meter.of(lambda: fetch(store, limit=64))
        assert many <= few + 20
        assert many < 10_000

    def test_a_fetch_does_not_feel_what_is_not_due(self, store: SqliteStore, meter: Meter) -> None:
        fill(store, 10, lambda _: None, "evt_due")
        before = meter.of(lambda: fetch(store, limit=64))
        fill(store, 20_000, lambda _: None, "evt_future", due_at=NOW + 60_000)
        assert meter.of(lambda: fetch(store, limit=64)) <= before + 20

    def test_a_fetch_of_retries_does_not_feel_their_number(self, store: SqliteStore, meter: Meter) -> None:
        fill(store, 20_000, lambda _: None, "evt_retry", due_at=NOW + 5)
        store._writer._connection.execute("UPDATE delivery SET deferred = 1")
        fetched = fetch(store, NOW + 5, limit=64)
        assert (len(fetched.rows), fetched.complete) == (64, False)
        assert meter.of(lambda: fetch(store, NOW + 5, limit=64)) < 10_000

    def test_what_is_blocked_behind_a_head_costs_nothing(self, store: SqliteStore, meter: Meter) -> None:
        fill(store, 1, lambda _: "b", "evt_b")
        fill(store, 30_000, lambda _: "a", "evt_a")
        assert len(fetch(store, ordered=True).rows) == 2
        assert meter.of(lambda: fetch(store, ordered=True)) < 1_000
        assert meter.of(lambda: store.next_due(TENANT, "ep_a", True)) < 1_000

    def test_whether_an_older_one_goes_first_does_not_feel_how_many_there_are(
        self, store: SqliteStore, meter: Meter
    ) -> None:
        fill(store, 20_000, lambda place: None if place % 2 else "a", "evt_many")
        accept(store, event("evt_last"), "ep_a")
        assert list(store.behind_others(TENANT, "evt_last")) == ["ep_a"]
        assert meter.of(lambda: store.behind_others(TENANT, "evt_last")) < 200

    def test_what_has_no_key_blocks_only_itself_and_costs_nothing(self, store: SqliteStore, meter: Meter) -> None:
        fill(store, 20_000, lambda _: None, "evt_keyless")
        fill(store, 1, lambda _: "b", "evt_b")
        assert len(fetch(store, ordered=True).rows) == 2
        assert meter.of(lambda: fetch(store, ordered=True)) < 1_000

    def test_of_very_many_keys_only_so_many_are_visited(self, store: SqliteStore, meter: Meter) -> None:
        fill(store, 4 * KEYS_VISITED, lambda place: f"key {place}", "evt_k")
        steps = meter.of(lambda: fetch(store, limit=64, ordered=True))
        assert steps < 200 * KEYS_VISITED
        fill(store, 20 * KEYS_VISITED, lambda place: f"more {place}", "evt_m")
        assert meter.of(lambda: fetch(store, limit=64, ordered=True)) <= steps + 100

    def test_claiming_does_not_feel_lanes_that_do_not_ring(self, store: SqliteStore, meter: Meter) -> None:
        store.register("node_a", NOW)
        lanes = [(f"ep_{place}", TENANT, None if place % 2 else NOW + 60, 0, None, b"") for place in range(5_000)]
        with store._writer.transaction() as connection:
            connection.executemany(INSERT_LANE, lanes)
        assert meter.of(lambda: store.claim("node_a", NOW, 100)) < 200

    def test_silencing_does_not_feel_how_many_lanes_a_node_owns(self, store: SqliteStore, meter: Meter) -> None:
        lanes = [(f"ep_{place}", TENANT, NOW, 0, "node_a", b"") for place in range(5_000)]
        with store._writer.transaction() as connection:
            connection.executemany(INSERT_LANE, lanes)
        assert meter.of(lambda: store.silence("node_a", ["ep_1", "ep_2"])) < 500

    def test_a_sweep_jumps_over_the_backlog_of_a_lane(self, store: SqliteStore, meter: Meter) -> None:
        fill(store, 20_000, lambda _: None, "evt_many")
        for step in (
            lambda: store.ring_stranded(NOW, 100),
            lambda: store.make_missing_lanes(NOW, 100),
        ):
            assert meter.of(step) < 500

    def test_a_batch_is_a_handful_of_statements(self, store: SqliteStore, meter: Meter) -> None:
        events = [event(f"evt_{place}") for place in range(64)]

        def accept() -> list[int]:
            with store.intake() as transaction:
                drawn = transaction.insert(events, [new_delivery(one) for one in events])
                transaction.commit()
            return list(drawn)

        drawn: list[int] = []
        meter.of(lambda: drawn.extend(accept()))
        assert meter.statements == 2 + 1 + 1  # BEGIN, COMMIT; events; deliveries
        batch = [Settlement(seq, attempt(seq, 1, f"evt_{place}"), None, 0) for place, seq in enumerate(drawn)]
        meter.of(lambda: store.settle(batch))
        assert meter.statements == 2 + 1 + 1 + 1 + 1  # BEGIN, COMMIT; read; attempts; delete; count

    def test_a_batch_of_records_is_a_handful_of_statements(self, store: SqliteStore, meter: Meter) -> None:
        store.put_tracked_set(tracked_set(), 1)
        old = [record(f"old-{place}") for place in range(64)]
        new = [record(f"new-{place}") for place in range(64)]

        def write(puts: list[RecordPut]) -> None:
            with store.intake() as transaction:
                transaction.lock_records([put.record.key for put in puts])
                transaction.tracked([Membership(TENANT, "vip", put.record.id) for put in puts])
                transaction.put_records(puts)
                transaction.commit()

        write([RecordPut(one, None) for one in old])
        meter.of(lambda: write([*(RecordPut(one, None) for one in new), *(RecordPut(one, 1) for one in old)]))
        # BEGIN, COMMIT; the 128 rows that are read: locked, tracked; those that are new, those that were there.
        assert meter.statements == 2 + 1 + 1 + 1 + 1

    def test_a_record_does_not_feel_how_many_there_are(self, store: SqliteStore, meter: Meter) -> None:
        def add(record_ids: Iterable[str], **fields: Any) -> None:
            with store.intake() as transaction:
                transaction.put_records([RecordPut(record(name, **fields), None) for name in record_ids])
                transaction.commit()

        add(f"c-{place:05d}" for place in range(20))
        page = meter.of(lambda: store.list_records(TENANT, "contact", None, 10))
        nothing = meter.of(lambda: store.forget_records_step(NOW, 500))
        add(f"c-{place:05d}" for place in range(20, 20_000))
        add((f"gone-{place:05d}" for place in range(2_000)), forget_at=NOW + 1, data=b"")
        assert meter.of(lambda: store.list_records(TENANT, "contact", None, 10)) <= page + 20
        assert meter.of(lambda: store.forget_records_step(NOW, 500)) <= nothing + 20
        assert store.forget_records_step(NOW + 1, 500) == 500

    def test_the_latest_that_were_disabled_do_not_feel_the_others(self, store: SqliteStore, meter: Meter) -> None:
        rows = [(f"ep_{place:05d}", NOW + place if place % 2 else None) for place in range(10_000)]
        with store._writer.transaction() as connection:
            connection.executemany(INSERT_ENDPOINT, rows)
        assert len(store.latest_disabled(100)) == 100
        assert meter.of(lambda: store.latest_disabled(100)) < 1_500

    def test_what_is_not_too_old_costs_retention_nothing(self, store: SqliteStore, meter: Meter) -> None:
        cutoffs = [Cutoff(f"t_{place}", NOW, NOW, "2027-01-15") for place in range(100)]
        accept_many(store, 10)
        few = meter.of(lambda: store.overdue([Cutoff(TENANT, NOW, NOW, "2027-01-15"), *cutoffs]))
        for batch in range(20):
            accept_many(store, 500, prefix=f"evt_{batch}")
        assert meter.of(lambda: store.overdue([Cutoff(TENANT, NOW, NOW, "2027-01-15"), *cutoffs])) <= few + 20
        assert few < 101 * 120
        assert meter.of(lambda: store.trim_changes_step(10_000, 500)) < 100

    def test_a_step_of_retention_does_not_feel_how_much_there_is(self, store: SqliteStore, meter: Meter) -> None:
        for batch in range(20):
            accept_many(store, 500, prefix=f"evt_{batch}", accepted_at=NOW - (batch < 10))
        cutoff = Cutoff(TENANT, NOW, NOW, "2027-01-15")
        assert meter.of(lambda: store.expire_events_step(cutoff, NOW, 0, 100)) < 100 * 200  # deliveries end
        while store.expire_events_step(cutoff, NOW, 0, 500).changed:
            pass
        assert len(store.list_events(EventQuery(TENANT, limit=10_000))) == 5_000
        assert meter.of(lambda: store.expire_events_step(cutoff, NOW, 0, 100)) < 100 * 30
