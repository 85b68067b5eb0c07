"""What every store does for engine processes: registering, beating, and taking over from the dead."""

import pytest

from conformance.backend import ALWAYS, NODE, accept, add_endpoint, claim, fetch, own_lane, release, ring, settle
from ringback.model.lane import NodeRow
from ringback.store.port import FROM_THE_BEGINNING, NotOwner, Store
from support.rows import NOW, event, failed


class TestNodes:
    def test_a_node_is_there_from_register_to_leave(self, store: Store) -> None:
        assert store.nodes() == []
        store.register(NODE, NOW)
        assert store.nodes() == [NodeRow(NODE, 0)]
        store.leave(NODE, NOW)
        assert store.nodes() == []

    def test_each_beat_counts_one(self, store: Store) -> None:
        store.register(NODE, NOW)
        assert store.beat(NODE)
        assert store.beat(NODE)
        assert store.nodes() == [NodeRow(NODE, 2)]

    def test_a_node_without_a_row_can_not_beat(self, store: Store) -> None:
        assert not store.beat("node_gone")
        store.register(NODE, NOW)
        store.leave(NODE, NOW)
        assert not store.beat(NODE)
        assert store.nodes() == []

    def test_who_leaves_frees_and_rings_its_lanes(self, store: Store) -> None:
        store.register(NODE, NOW)
        own_lane(store)
        store.leave(NODE, NOW + 5)
        store.register("node_b", NOW + 5)
        assert store.owned(NODE) == []
        assert claim(store, NOW + 5, "node_b")["ep_a"].due_at == NOW + 5

    def test_a_lane_knows_when_it_was_freed_until_nothing_of_then_is_left(self, store: Store) -> None:
        store.register(NODE, NOW)
        own_lane(store)
        store.leave(NODE, NOW + 5)
        store.register("node_b", NOW + 5)
        assert claim(store, NOW + 5, "node_b")["ep_a"].freed_at == NOW + 5
        assert release(store, "node_b", "ep_a", NOW + 5, 0, b"")
        assert claim(store, NOW + 6, "node_b")["ep_a"].freed_at == NOW + 5
        assert release(store, "node_b", "ep_a", NOW + 6, 0, b"")
        assert claim(store, NOW + 7, "node_b")["ep_a"].freed_at == 0

    def test_it_is_known_how_many_lanes_a_node_owns(self, store: Store) -> None:
        assert list(store.spread()) == []
        store.register(NODE, NOW)
        assert list(store.spread()) == [(NODE, 0)]
        add_endpoint(store, "ep_free")
        own_lane(store, "ep_a")
        own_lane(store, "ep_b")
        assert list(store.spread()) == [(NODE, 2)]
        assert release(store, NODE, "ep_b", None, 0, b"")
        assert list(store.spread()) == [(NODE, 1)]
        store.leave(NODE, NOW)
        assert list(store.spread()) == []

    def test_who_left_twice_left_once(self, store: Store) -> None:
        store.leave("node_gone", NOW)
        assert store.nodes() == []

    def test_a_node_is_taken_over_once_by_its_last_beat(self, store: Store) -> None:
        store.register(NODE, NOW)
        own_lane(store)
        assert store.take_over(NODE, 0, NOW + 5)
        assert not store.take_over(NODE, 0, NOW + 6)
        assert store.nodes() == []
        assert not store.beat(NODE)
        store.register("node_b", NOW + 5)
        assert claim(store, NOW + 5, "node_b")["ep_a"].due_at == NOW + 5

    def test_a_node_that_beat_in_the_meantime_is_not_taken_over(self, store: Store) -> None:
        store.register(NODE, NOW)
        own_lane(store)
        store.beat(NODE)
        assert not store.take_over(NODE, 0, NOW)
        assert not store.take_over(NODE, 2, NOW)
        assert store.owned(NODE) == ["ep_a"]
        assert store.beat(NODE)

    def test_who_was_taken_over_owns_nothing_and_claims_nothing(self, store: Store) -> None:
        store.register(NODE, NOW)
        own_lane(store)
        assert store.take_over(NODE, 0, NOW)
        assert store.owned(NODE) == []
        assert not release(store, NODE, "ep_a", None, 0, b"too late")
        with pytest.raises(NotOwner):
            store.claim(NODE, NOW, 10)
        store.silence(NODE, ["ep_a"])
        store.register("node_b", NOW)
        assert claim(store, NOW, "node_b")["ep_a"].health == b""

    def test_a_freed_lane_that_rings_already_is_not_put_off(self, store: Store) -> None:
        store.register(NODE, NOW)
        own_lane(store)
        ring(store, due_at=NOW + 1)
        store.leave(NODE, NOW + 5)
        store.register("node_b", NOW)
        assert claim(store, NOW + 1, "node_b")["ep_a"].due_at == NOW + 1

    def test_a_freed_lane_rings_after_its_pause(self, store: Store) -> None:
        store.register(NODE, NOW)
        own_lane(store)
        release(store, NODE, "ep_a", NOW, NOW + 60, b"")
        assert claim(store, NOW + 60)
        assert store.take_over(NODE, 0, NOW)
        store.register("node_b", NOW)
        assert claim(store, ALWAYS, "node_b")["ep_a"].due_at == NOW + 60


class TestSoleNodes:
    """For stores that one process at a time has open."""

    def test_who_registers_frees_and_rings_the_lanes_of_all_others(self, store: Store) -> None:
        store.register("node_dead", NOW)
        own_lane(store, "ep_a", "node_dead")
        own_lane(store, "ep_b", "node_dead")
        store.register(NODE, NOW + 5)
        assert store.nodes() == [NodeRow(NODE, 0)]
        assert store.owned("node_dead") == []
        assert not store.beat("node_dead")
        assert {lane.due_at for lane in claim(store, NOW + 5).values()} == {NOW + 5}

    def test_a_lane_that_nobody_owned_is_left_alone(self, store: Store) -> None:
        add_endpoint(store)
        store.register(NODE, NOW)
        assert claim(store, ALWAYS) == {}


class TestSharedNodes:
    """For stores that many processes have open."""

    def test_who_registers_leaves_the_others_alone(self, store: Store) -> None:
        store.register(NODE, NOW)
        own_lane(store)
        store.beat(NODE)
        store.register("node_b", NOW)
        assert sorted(store.nodes()) == [NodeRow(NODE, 1), NodeRow("node_b", 0)]
        assert store.owned(NODE) == ["ep_a"]

    def test_all_nodes_are_in_the_spread_those_without_lanes_too(self, store: Store) -> None:
        for node_id in (NODE, "node_b", "node_c"):
            store.register(node_id, NOW)
        for number in range(3):
            own_lane(store, f"ep_a{number}")
        own_lane(store, "ep_b", "node_b")
        assert dict(store.spread()) == {NODE: 3, "node_b": 1, "node_c": 0}
        assert store.take_over(NODE, 0, NOW)
        assert dict(store.spread()) == {"node_b": 1, "node_c": 0}

    def test_a_clock_that_is_set_back_is_one_of_several(self, store: Store) -> None:
        add_endpoint(store)
        (seq,) = accept(store, event(), "ep_a")
        assert settle(store, seq, failed(1, 1, "evt_1"), retry_at=NOW + 5_000, tries=1)
        for node_id in (NODE, "node_b"):
            store.register(node_id, NOW)
        assert store.bring_forward_step(1_000, FROM_THE_BEGINNING, 10) is None
        assert fetch(store).next_due == NOW + 5_000

    def test_one_node_takes_over_from_another(self, store: Store) -> None:
        store.register(NODE, NOW)
        store.register("node_b", NOW)
        own_lane(store)
        own_lane(store, "ep_b", "node_b")
        assert store.take_over(NODE, 0, NOW + 5)
        assert store.nodes() == [NodeRow("node_b", 0)]
        assert set(claim(store, NOW + 5, "node_b")) == {"ep_a"}
        assert sorted(store.owned("node_b")) == ["ep_a", "ep_b"]

    def test_a_lane_belongs_to_the_node_that_claimed_it_first(self, store: Store) -> None:
        store.register(NODE, NOW)
        store.register("node_b", NOW)
        own_lane(store)
        ring(store)
        assert claim(store, NOW, "node_b") == {}
        assert store.ringing("node_b", NOW) == []
