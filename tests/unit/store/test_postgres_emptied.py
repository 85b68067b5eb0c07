"""A queue that was emptied and vacuumed: statements that are planned then still look rows up by their keys."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ringback.store.postgres.connection import Database
from ringback.store.queries import load
from support.postgres_ground import opened
from support.postgres_plans import nodes

FILL = """
INSERT INTO delivery (tenant_id, seq, endpoint_id, event_id, event_at, due_at, attempts, tries, deferred)
SELECT 'acme', n, 'ep_' || n % 5, 'evt_' || n, 1, 1, 0, 0, false FROM generate_series(1, 20000) AS n
"""
RECORDS = """
INSERT INTO record (tenant_id, type, id, revision, created_at, updated_at, data)
SELECT 'acme', 'lead', 'id_' || n, 1, 1, 1, '' FROM generate_series(1, 20000) AS n
"""
MEMBERS = """
INSERT INTO tracked_member (tenant_id, set_id, member)
SELECT 'acme', 'set_1', 'id_' || n FROM generate_series(1, 20000) AS n
"""
NOTICES = """
INSERT INTO notice (tenant_id, id, type, at, data)
SELECT 'acme', 'evt_' || n, 'a', n, '' FROM generate_series(1, 20000) AS n
"""
KEYS = {
    "lock_deliveries": ("delivery_pkey", 2), "delete_deliveries": ("delivery_pkey", 2),
    "reschedule_deliveries": ("delivery_pkey", 2), "lock_records": ("record_pkey", 3),
    "update_records": ("record_pkey", 3), "tracked": ("tracked_member_pkey", 3),
    "remove_members": ("tracked_member_pkey", 3), "count_members": ("tracked_member_pkey", 3),
    "members_to_clear": ("tracked_member_pkey", 3), "clear_members": ("tracked_member_pkey", 4),
    "drop_notices": ("notice_pkey", 2),
}  # fmt: skip
ASKED: dict[str, Any] = {"tenant_ids": ["acme"], "seqs": [5], "due_ats": [1], "attempts": [1], "tries": [1]}
ASKED |= {"types": ["lead"], "ids": ["id_5"], "names": ["vip"], "members": ["id_5"], "tenant_id": "acme", "limit": 5}
ASKED |= {name: [1] for name in ("revisions", "versions", "source_ats", "created_ats", "updated_ats", "forget_ats")}
ASKED |= {
    "seen": [1],
    "marks": ["{}"],
    "data": b"x",
    "starts": [1],
    "sizes": [1],
    "set_id": "set_1",
    "after": "",
    "last": "z",
}


@pytest.fixture(scope="module")
def emptied(postgres: Any) -> Iterator[Database]:
    with postgres.empty_database() as url, opened(url) as database:
        with database.reading() as session:
            for fill in (FILL, RECORDS, MEMBERS, NOTICES):
                session.change(fill)
            for table in ("delivery", "record", "tracked_member", "notice"):
                session.simple(f"DELETE FROM {table}".encode())
                session.simple(f"VACUUM {table}".encode())
        yield database


@pytest.mark.parametrize("name", KEYS)
def test_rows_are_looked_up_by_their_keys(emptied: Database, name: str) -> None:
    index, columns = KEYS[name]
    with emptied.reading() as session:
        ((found,),) = session.rows(f"EXPLAIN (FORMAT JSON) {load('postgres')[name]}", ASKED)
    (plan,) = (one["Plan"] for one in (json.loads(found) if isinstance(found, str) else found))
    conditions = [node.get("Index Cond", "") for node in nodes(plan) if node.get("Index Name") == index]
    assert {condition.count(" AND ") + 1 for condition in conditions} == {columns}, conditions
