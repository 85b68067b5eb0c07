"""The arithmetic of what size costs and of latencies, and that databases are made as large as they should be."""

from pathlib import Path
from typing import Any

import pytest

import arrivals
import seed
import size
from ringback.control.keys import hash_of_key
from ringback.ingest.index import MatchIndex
from ringback.model.endpoint import Secret
from ringback.model.tenant import Scope
from ringback.store.port import Cutoff, FetchRequest
from ringback.store.sqlite import SqliteStore
from support.rows import NOW, TENANT, endpoint, event, secret, tenant


def test_latencies_are_summed_up() -> None:
    found = arrivals.latency_of([float(ms) for ms in range(100, 0, -1)])
    assert found == (100, 51.0, 100.0, 100.0)
    assert arrivals.latency_of([2.0, 1.0, 3.0]).p50 == 2.0


def test_each_figure_is_the_median_of_the_rounds_and_memory_the_greatest() -> None:
    runs = [size.Measured(300.0, 10.0, 150.0, 1.0), size.Measured(320.0, 8.0, 140.0, 2.0)]
    assert size.median_of([*runs, size.Measured(500.0, 2.0, 130.0, 3.0)]) == (320.0, 8.0, 150.0, 2.0)


def test_a_trial_is_smaller_but_small_things_stay() -> None:
    assert size.shrunk(size.Sizes(endpoints=100_000, waiting=1_000_000), 0.01) == (1_000, 1, 1, 10_000)


def figures(**changes: float) -> dict[str, Any]:
    """What `size` would return of a good machine, with changes to the case with deliveries waiting and to latency."""
    good = {"cpu_us": 300.0, "per_s": 3_000.0, "memory_mb": 200.0, "ready_s": 2.0}
    waiting = good | {name: value for name, value in changes.items() if name != "p99"}
    late = {"p50": 5.0, "p99": changes.get("p99", 20.0), "memory_mb": 200.0}
    return {"cost": {"10 endpoints": good, size.READY_GOAL_CASE: waiting}, "fan_out": good, "latency": late}


@pytest.mark.parametrize(("changes", "said"), [
    ({}, []),
    ({"cpu_us": 360.0, "memory_mb": 299.9, "ready_s": 2.99, "p99": 49.9}, []),
    ({"cpu_us": 363.0}, ["1,000,000 waiting: 1.21 of the least cost, the goal is 1.2"]),
    ({"memory_mb": 300.0}, ["1,000,000 waiting: 300 MB, the goal is under 300"]),
    ({"ready_s": 3.0}, ["1,000,000 waiting: ready after 3.0 s, the goal is under 3"]),
    ({"p99": 50.0}, ["latency: p99 50.0 ms at half load, the goal is under 50"]),
])  # fmt: skip
def test_each_goal_of_size_that_is_missed_is_named(changes: dict[str, float], said: list[str]) -> None:
    assert size.missed(figures(**changes)) == said
    assert size.READY_GOAL_CASE in size.CASES


def test_five_hundred_tenants_out_of_all_post(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    store = SqliteStore.open(data / "ringback.db")
    store.create_tenant(tenant(), secret("sec_t", None))
    store.create_endpoint(endpoint("ep_first", event_types=("wanted",)), secret("sec_1", "ep_first"), 10)
    store.close()

    grown = size.grow(
        size.Prepared(tmp_path, "ep_first", [TENANT]), size.Sizes(tenants=2_000, posting=500), "http://dead.test"
    )

    assert len(set(grown.tenants)) == 500
    store = SqliteStore.open(data / "ringback.db")
    try:
        index = MatchIndex()
        with store.intake() as transaction:
            index.refresh(transaction)
        for name in (grown.tenants[1], grown.tenants[-1]):
            reached = index.reach(event(tenant_id=name, type="wanted")).targets
            assert [one.endpoint_id for one in reached] == [f"ep_of_{name}"]
    finally:
        store.close()


def test_a_seeded_database_is_what_the_server_would_have_made(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "ringback.db")
    store.create_tenant(tenant(), secret("sec_t", None))
    store.create_endpoint(endpoint("ep_first", event_types=("wanted",)), secret("sec_1", "ep_first"), 10)
    store.close()
    with seed.opened(tmp_path) as connection:
        seed.add_tenants(connection, ["more-1", "more-2"])
        copies = [(TENANT, "ep_copy"), ("more-1", "ep_other")]
        seed.copy_endpoint(connection, "ep_first", copies, event_types=["of.{}"], url="https://{}.example/")
        seed.add_waiting(connection, TENANT, ["ep_copy"], 3, large=1)
        seed.add_old(connection, "more-2", 2, days=40)

    store = SqliteStore.open(tmp_path / "ringback.db")
    try:
        copy = store.get_endpoint("more-1", "ep_other")
        assert copy is not None
        assert (copy.url, copy.event_types) == ("https://ep_other.example/", ("of.ep_other",))
        (held,) = store.load_secrets([], ["ep_copy"])
        assert isinstance(held, Secret)
        assert held.value == seed.SECRET
        (fetched,) = store.fetch([FetchRequest(TENANT, "ep_copy", 0, 10, 0, False)], NOW * 2)
        assert [row.event.type for row in fetched.rows] == ["seeded.waiting"] * 3
        assert [row.event.data for row in fetched.rows] == [seed.LARGE[0], seed.DATA, seed.DATA]
        key = store.find_key(hash_of_key(seed.key_of("more-1")))
        assert key is not None
        assert (key.tenant_id, key.scope) == ("more-1", Scope.INGEST)
        (of_tenant,) = store.load_secrets(["more-1"], [])
        assert of_tenant.value == seed.SECRET
        old = store.overdue([Cutoff(name, NOW, NOW, "2020-01-01") for name in ("more-1", "more-2")])
        assert old == ["more-2"]
        index = MatchIndex()
        with store.intake() as transaction:
            index.refresh(transaction)
        assert [one.endpoint_id for one in index.reach(event(type="of.ep_copy")).targets] == ["ep_copy"]
        assert index.knows("more-2")
    finally:
        store.close()
