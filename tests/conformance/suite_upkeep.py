"""What every store does to repair what crashes leave and to clear away what was deleted, step by step."""

import pytest

from conformance.backend import (
    ALWAYS,
    NODE,
    Backend,
    accept,
    add_endpoint,
    claim,
    own_lane,
    release,
    ring,
    run_out,
)
from ringback.model.endpoint import EndpointStatus
from ringback.store.port import Store
from support.rows import (
    NOW,
    TENANT,
    endpoint,
    event,
)

LATER = NOW + 1_000


@pytest.mark.usefixtures("node")
class TestStranded:
    def test_due_work_whose_lane_is_silent_and_free_is_rung_for(self, store: Store) -> None:
        add_endpoint(store)
        accept(store, event(), "ep_a")
        assert store.ring_stranded(NOW, 10) == 1
        assert store.ring_stranded(NOW, 10) == 0
        assert claim(store, NOW)["ep_a"].due_at == NOW

    def test_a_bell_that_is_set_for_later_than_the_work_is_as_good_as_silent(self, store: Store) -> None:
        add_endpoint(store)
        ring(store, due_at=NOW + 10**6)
        accept(store, event(), "ep_a")
        assert store.ring_stranded(NOW, 10) == 1
        assert claim(store, NOW)["ep_a"].due_at == NOW

    def test_work_that_is_not_due_yet_is_not_stranded(self, store: Store) -> None:
        add_endpoint(store)
        accept(store, event(), "ep_a", due_at=NOW + 1)
        assert store.ring_stranded(NOW, 10) == 0
        assert claim(store, ALWAYS) == {}

    def test_an_owned_lane_is_not_stranded(self, store: Store) -> None:
        own_lane(store)
        accept(store, event(), "ep_a")
        assert store.ring_stranded(NOW, 10) == 0
        assert store.ringing(NODE, ALWAYS) == []

    def test_an_idle_lane_is_not_stranded(self, store: Store) -> None:
        add_endpoint(store)
        assert store.ring_stranded(NOW, 10) == 0

    def test_a_lane_that_is_paused_for_ever_stays_so(self, store: Store) -> None:
        add_endpoint(store, status=EndpointStatus.INACTIVE)
        accept(store, event(), "ep_a")
        store.ring_stranded(NOW, 10)
        assert claim(store, ALWAYS) == {}

    def test_a_pause_is_kept(self, store: Store) -> None:
        own_lane(store)
        accept(store, event(), "ep_a")
        release(store, NODE, "ep_a", None, NOW + 60, b"")
        assert store.ring_stranded(NOW, 10) == 1
        assert store.ring_stranded(NOW, 10) == 0
        assert claim(store, ALWAYS)["ep_a"].due_at == NOW + 60

    def test_it_goes_in_steps(self, store: Store) -> None:
        for place in range(5):
            add_endpoint(store, f"ep_{place}")
        accept(store, event(), *[f"ep_{place}" for place in range(5)])
        assert store.ring_stranded(NOW, 2) == 2
        assert run_out(lambda: store.ring_stranded(NOW, 2), 2) == 3
        assert len(claim(store)) == 5


@pytest.mark.usefixtures("node")
class TestOrphans:
    def test_the_lanes_of_living_nodes_are_left_alone(self, store: Store) -> None:
        own_lane(store)
        add_endpoint(store, "ep_b")
        assert store.free_orphans(LATER) == 0
        assert store.owned(NODE) == ["ep_a"]
        assert claim(store, ALWAYS) == {}

    def test_lanes_whose_owner_has_no_row_are_freed_and_rung(self, store: Store, backend: Backend) -> None:
        own_lane(store, "ep_a")
        own_lane(store, "ep_b")
        backend.drop_node(store, NODE)
        assert store.free_orphans(LATER) == 2
        assert store.free_orphans(LATER) == 0
        assert store.owned(NODE) == []
        store.register("node_b", LATER)
        assert {lane.due_at for lane in claim(store, LATER, "node_b").values()} == {LATER}


@pytest.mark.usefixtures("node")
class TestMissingLanes:
    def test_an_endpoint_with_deliveries_and_no_lane_gets_one_that_rings(self, store: Store, backend: Backend) -> None:
        for name in ("ep_a", "ep_b", "ep_c"):
            add_endpoint(store, name)
        accept(store, event(), "ep_a", "ep_b")
        for name in ("ep_a", "ep_c"):
            backend.drop_lane(store, name)
        assert store.make_missing_lanes(LATER, 10) == 1
        assert store.make_missing_lanes(LATER, 10) == 0
        assert claim(store, LATER) == {"ep_a": (TENANT, "ep_a", LATER, 0, NODE, b"", 0)}

    def test_the_new_lane_follows_the_status(self, store: Store, backend: Backend) -> None:
        add_endpoint(store, status=EndpointStatus.DISABLED)
        accept(store, event(), "ep_a")
        backend.drop_lane(store, "ep_a")
        assert store.make_missing_lanes(NOW, 10) == 1
        assert claim(store, ALWAYS) == {}
        store.update_endpoint(endpoint(revision=2), LATER)
        assert set(claim(store, LATER)) == {"ep_a"}

    def test_a_deleted_or_unknown_endpoint_gets_none(self, store: Store, backend: Backend) -> None:
        add_endpoint(store)
        accept(store, event(), "ep_a", "ep_none")
        store.delete_endpoint(TENANT, "ep_a", NOW)
        backend.drop_lane(store, "ep_a")
        assert store.make_missing_lanes(NOW, 10) == 0

    def test_it_goes_in_steps(self, store: Store, backend: Backend) -> None:
        names = [f"ep_{place}" for place in range(5)]
        for name in names:
            add_endpoint(store, name)
        accept(store, event(), *names)
        for name in names:
            backend.drop_lane(store, name)
        assert run_out(lambda: store.make_missing_lanes(NOW, 2), 2) == 5
