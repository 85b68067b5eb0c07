"""What rows that are gone cost while somebody's open transaction keeps them from being cleared away.

An index that leads to rows in the order of their numbers leads through those that are gone, too. What is asked all the
time begins beyond them: new work by its number, deliveries by their keys, lanes by their own index. The rest is asked
seldom, and its price stands here: about a page for ten dead rows, as they are next to one another.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from ringback.store.postgres.store import PostgresStore
from support.postgres import Cluster
from support.postgres_plans import Plans, pages, pile_up, text_of
from support.rows import NOW

DEAD = 30_000
LANE = {"tenant_id": "ten_3", "endpoint_id": "ep_3"}
LAST_DEAD = 2_000_000 + DEAD
LIVE = [LAST_DEAD + place for place in range(1, 21)]
INSERT = """
INSERT INTO delivery (tenant_id, seq, endpoint_id, event_id, event_at, due_at, attempts, tries, deferred)
SELECT 'ten_3', {first} + n, '{lane}', 'evt_' || n, {now}, {now}, 0, 0, {deferred} FROM generate_series(1, {count}) AS n
"""
CHANGES = 2_000
RECORD = {"tenant_ids": ["ten_3"], "types": ["lead"], "ids": ["busy"]}
A_RECORD = """
INSERT INTO record (tenant_id, type, id, revision, created_at, updated_at, data)
VALUES ('ten_3', 'lead', 'busy', 0, 0, 0, repeat('x', 200)::bytea)
"""
CHANGED = f"""
DO $$ BEGIN
FOR n IN 1..{CHANGES} LOOP UPDATE record SET revision = n WHERE id = 'busy' AND type = 'lead' AND tenant_id = 'ten_3';
END LOOP; END $$
"""
# A lane that was claimed and given up so often, each time with a bell at another time.
TURNS = f"""
DO $$ BEGIN
FOR n IN 1..{CHANGES} LOOP
    UPDATE lane SET due_at = n, owner = NULL, turn = turn + 1 WHERE endpoint_id = 'ep_3' AND turn = 2 * n - 2;
    UPDATE lane SET due_at = NULL, owner = 'node_a', turn = turn + 1 WHERE endpoint_id = 'ep_3' AND turn = 2 * n - 1;
END LOOP; END $$
"""
A_LANE = {"endpoint_ids": ["ep_3"], "tenant_ids": ["ten_3"], "node_id": "node_a"}
MEMBERS = f"""
INSERT INTO tracked_member (tenant_id, set_id, member)
SELECT 'ten_3', 'set_gone', lpad(n::text, 6, '0') FROM generate_series(1, {DEAD}) AS n
"""
CLEARED = f"DELETE FROM tracked_member WHERE set_id = 'set_gone' AND member < '{DEAD:06}'"
NOTICES = """
INSERT INTO notice (tenant_id, id, type, at, data)
SELECT 'ten_3', 'evt_' || n, 'endpoint.disabled', n, ''::bytea FROM generate_series({first}, {last}) AS n
"""
GONE_SET = {"tenant_id": "ten_3", "set_id": "set_gone", "limit": 10}
FETCH: dict[str, Any] = {
    "tenant_ids": ["ten_3"], "endpoint_ids": ["ep_3"], "beyond": [LAST_DEAD], "watermarks": [LAST_DEAD],
    "rooms": [11], "limits": [11], "now": NOW, "bytes_max": 1 << 20,
}  # fmt: skip
DELIVERIES = {"tenant_ids": ["ten_3"] * 4, "seqs": LIVE[:4]}


@pytest.fixture(scope="module")
def plans(postgres: Cluster) -> Iterator[Plans]:
    """A lane with new work behind rows that were finished while another session's transaction was open."""
    with postgres.empty_database() as url:
        store = PostgresStore.open(url)
        store.make_days(NOW)
        store.close()
        plans = Plans(url)
        pile_up(plans.connection, 1, 200)
        plans.connection.execute("DELETE FROM delivery WHERE endpoint_id = 'ep_3'")
        with psycopg.connect(url) as holding:
            holding.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            holding.execute("SELECT 1")
            for lane, first, deferred in (("ep_3", 2_000_000, "false"), ("ep_13", 3_000_000, "true")):
                insert = INSERT.format(lane=lane, first=first, now=NOW, deferred=deferred, count=DEAD)
                plans.connection.execute(insert)  # type: ignore[call-overload]
                plans.connection.execute("DELETE FROM delivery WHERE seq > 2000000")
            noted, left = NOTICES.format(first=1, last=DEAD), NOTICES.format(first=DEAD + 1, last=DEAD + 5)
            for statement in (A_RECORD, CHANGED, MEMBERS, CLEARED, noted, "DELETE FROM notice", left):
                plans.connection.execute(statement)  # type: ignore[call-overload]
            insert = INSERT.format(lane="ep_3", first=LAST_DEAD, now=NOW, deferred="false", count=len(LIVE))
            plans.connection.execute(insert)  # type: ignore[call-overload]
            plans.connection.execute(TURNS)
            # Which can take nothing away.
            plans.connection.execute("VACUUM delivery, lane, record, tracked_member, notice")
            yield plans
        plans.close()


def touched(plans: Plans, name: str, params: dict[str, Any]) -> int:
    return pages(plans.run(text_of(name, ""), params))


@pytest.mark.parametrize(
    ("name", "params", "most"),
    [
        ("find_due", FETCH, 60),
        ("earliest_due", {**LANE, "beyond": LAST_DEAD}, 50),
        ("lock_deliveries", DELIVERIES, 40),
        ("delete_deliveries", DELIVERIES, 40),
        ("load_due", {**LANE, "seqs": LIVE[:4], "bytes_max": 1 << 20}, 100),
        # What happens to lanes all the time: each is found by its latest turn, and bells from a time on.
        ("ring_lanes", {**A_LANE, "due_ats": [NOW]}, 60),
        ("not_silent_lanes", A_LANE, 20),
        ("silence_lanes", A_LANE, 60),
        ("release_lanes", {
            **A_LANE, "next_dues": [NOW], "not_befores": [0], "healths": [b""], "forever": 1 << 60,
        }, 60),
        ("ringing_lanes", {"node_id": "node_a", "now": NOW, "from_due": NOW - 2_000}, 20),
        ("claim_lanes", {
            "node_id": "node_a", "now": NOW, "limit": 10, "from_due": NOW - 2_000, "from_tenant": "",
            "from_endpoint": "",
        }, 20),
        ("members_to_clear", {**GONE_SET, "after": f"{DEAD - 1:06}"}, 40),
        ("tracked", {"tenant_ids": ["ten_3"], "names": ["set_1"], "members": ["evt_00000053"]}, 20),
    ],
)  # fmt: skip
def test_what_is_asked_all_the_time_begins_beyond_the_dead(
    plans: Plans, name: str, params: dict[str, Any], most: int
) -> None:
    assert touched(plans, name, params) < most


@pytest.mark.parametrize(
    ("name", "params", "most"),
    [
        # At a start, when nothing is known of a lane: 790 and 776.
        ("find_due", {**FETCH, "beyond": [0], "watermarks": [0]}, 1_000),
        ("earliest_due", {**LANE, "beyond": 0}, 1_000),
        # Of a lane whose retries were finished meanwhile: 780. What is to be sent again is found by its time alone.
        ("find_due", {**FETCH, "endpoint_ids": ["ep_13"]}, 1_000),
        # At each fetch of a lane with an order, whose head may be anywhere: 785.
        ("find_due_heads", {**LANE, "now": NOW, "new": True, "from_key": "", "wanted": 10, "visits": 20}, 1_000),
        # A record that changes all the time.
        ("lock_records", RECORD, 1_000),
        # Members of a deleted set by a process that begins to clear it, and notices that have become events.
        ("members_to_clear", {**GONE_SET, "after": ""}, 1_000),
        ("oldest_notices", {"limit": 10}, 1_000),
        # A look for lanes from the head, every few seconds; whatever else is asked of a lane, seldom.
        (
            "claim_lanes",
            {
                "node_id": "node_a",
                "now": NOW,
                "limit": 10,
                "from_due": -1,
                "from_tenant": "",
                "from_endpoint": "",
            },
            1_000,
        ),
        ("pause_lane", {**LANE, "forever": 1 << 60}, 1_000),
    ],
)
def test_what_goes_through_the_dead_has_its_price(plans: Plans, name: str, params: dict[str, Any], most: int) -> None:
    assert touched(plans, name, params) < most
