"""The arithmetic of what size costs and of latencies, and that databases are made as large as they should be."""

from pathlib import Path

import arrivals
import seed
import size
from ringback.ingest.index import MatchIndex
from ringback.model.endpoint import Secret
from ringback.store.port import FetchRequest
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
    assert size.shrunk(size.Sizes(endpoints=100_000, waiting=1_000_000), 0.01) == (1_000, 1, 10_000)


def test_a_seeded_database_is_what_the_server_would_have_made(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "ringback.db")
    store.create_tenant(tenant(), secret("sec_t", None))
    store.create_endpoint(endpoint("ep_first", event_types=("wanted",)), secret("sec_1", "ep_first"), 10)
    store.close()
    with seed.opened(tmp_path) as connection:
        seed.add_tenants(connection, ["more-1", "more-2"])
        copies = [(TENANT, "ep_copy"), ("more-1", "ep_other")]
        seed.copy_endpoint(connection, "ep_first", copies, event_types=["of.{}"], url="https://{}.example/")
        seed.add_waiting(connection, TENANT, ["ep_copy"], 3)

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
        index = MatchIndex()
        with store.intake() as transaction:
            index.refresh(transaction)
        assert [one.endpoint_id for one in index.targets(event(type="of.ep_copy"))] == ["ep_copy"]
        assert index.knows("more-2")
    finally:
        store.close()
