"""A queue that was emptied and vacuumed: statements that are planned then still look rows up by their keys."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ringback.store.postgres.connection import Database
from ringback.store.queries import load
from support.postgres_ground import opened

FILL = """
INSERT INTO delivery (tenant_id, seq, endpoint_id, event_id, event_at, due_at, attempts, tries, deferred)
SELECT 'acme', n, 'ep_' || n % 5, 'evt_' || n, 1, 1, 0, 0, false FROM generate_series(1, 20000) AS n
"""
ASKED: dict[str, Any] = {"tenant_ids": ["acme"], "seqs": [5], "due_ats": [1], "attempts": [1], "tries": [1]}


@pytest.fixture(scope="module")
def emptied(postgres: Any) -> Iterator[Database]:
    with postgres.empty_database() as url, opened(url) as database:
        with database.reading() as session:
            session.change(FILL)
            session.change("DELETE FROM delivery")
            session.simple(b"VACUUM delivery")
        yield database


@pytest.mark.parametrize("name", ["lock_deliveries", "delete_deliveries", "reschedule_deliveries"])
def test_rows_are_looked_up_by_their_keys(emptied: Database, name: str) -> None:
    with emptied.reading() as session:
        ((plan,),) = session.rows(f"EXPLAIN (FORMAT JSON) {load('postgres')[name]}", ASKED)
    text = plan if isinstance(plan, str) else json.dumps(plan)
    assert "delivery_pkey" in text
    assert "Index Cond" in text
