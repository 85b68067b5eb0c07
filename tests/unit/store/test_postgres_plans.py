"""What the queries cost on PostgreSQL: each uses the index that was made for it, on empty tables as on full ones, asks no
day that it needn't, and touches no more pages when more is waiting."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from ringback.store.log_reading import LAST_ID, LAST_SEQ
from ringback.store.postgres.store import PostgresStore
from ringback.store.queries import read_all
from ringback.times import DAY_MS
from support.postgres import Cluster
from support.postgres_plans import Node, Plans, nodes, pages, pile_up, text_of
from support.rows import NOW

FEW, MANY = 1_000, 20_000
DAY = "event_20270115"

# What is measured, and with what. `evt_00000053` is of `ten_3` and `ep_3`, as is each 50th number from there.
PLACES = [53, 103, 153, 203]
EVENTS = [f"evt_{place:08d}" for place in PLACES]
TIMES = [NOW + (place // 50 % 3 - 1) * DAY_MS + place for place in PLACES]
ATTEMPTS = [name.replace("evt", "att") for name in EVENTS]
SEQS = [100_000 + place for place in PLACES]
OWN: dict[str, Any] = {"tenant_id": "ten_3", "endpoint_id": "ep_3"}
TENANTS = ["ten_3"] * len(PLACES)
WHOLE = {"since": 0, "until": LAST_SEQ, "from_day": 0, "to_day": LAST_SEQ}
ASKED: dict[str, dict[str, Any]] = {}
INDEXES: dict[str, set[str]] = {}


class Seen(NamedTuple):
    """What one database told: the plans of all queries while it was empty and when it was full, and what was run."""

    empty: dict[str, Node]
    full: dict[str, Node]
    few: dict[str, Node]
    many: dict[str, Node]
    plans: Plans


@pytest.fixture(scope="module")
def seen(postgres: Cluster) -> Iterator[Seen]:
    with postgres.empty_database() as url:
        store = PostgresStore.open(url)
        store.make_days(NOW)
        store.close()
        plans = Plans(url)
        connection = plans.connection
        empty = all_plans(plans)
        pile_up(connection, 1, FEW)
        connection.execute("ANALYZE")
        few = {name: plans.run(text_of(name, DAY), asked) for name, asked in ASKED.items()}
        pile_up(connection, FEW + 1, MANY)
        connection.execute("VACUUM ANALYZE")
        yield Seen(
            empty, all_plans(plans), few,
            {name: plans.run(text_of(name, DAY), asked) for name, asked in ASKED.items()}, plans,
        )  # fmt: skip
        plans.close()


def all_plans(plans: Plans) -> dict[str, Node]:
    return {name: plans.plan(text_of(name, DAY), ASKED.get(name, {})) for name in INDEXES}
