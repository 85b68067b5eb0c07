"""What every store does for doorbells and lanes: ringing, claiming, silencing, releasing."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from conformance.backend import ALWAYS, NODE, add_endpoint, claim, own_lane, release, ring
from ringback.model.endpoint import EndpointStatus
from ringback.model.lane import LaneRow
from ringback.model.limits import FOREVER_MS
from ringback.store.port import NotOwner, Ring, Store
from support.rows import NOW, OTHER_TENANT, TENANT, endpoint


@pytest.mark.usefixtures("node")
class TestBells:
    def test_a_new_lane_is_silent(self, store: Store) -> None:
        add_endpoint(store)
        assert claim(store, ALWAYS) == {}

    def test_a_bell_rings_from_due_at_on(self, store: Store) -> None:
        add_endpoint(store)
        ring(store, due_at=NOW)
        assert claim(store, NOW - 1) == {}
        assert claim(store, NOW) == {"ep_a": LaneRow(TENANT, "ep_a", NOW, 0, NODE, b"")}

    def test_the_earliest_ring_counts(self, store: Store) -> None:
        add_endpoint(store)
        for due_at in (NOW + 5, NOW + 3, NOW + 9):
            ring(store, due_at=due_at)
        assert claim(store, ALWAYS)["ep_a"].due_at == NOW + 3

    def test_the_earliest_of_several_rings_in_one_call_counts(self, store: Store) -> None:
        add_endpoint(store)
        store.ring([Ring(TENANT, "ep_a", due_at) for due_at in (NOW + 5, NOW + 3, NOW + 9)])
        assert claim(store, ALWAYS)["ep_a"].due_at == NOW + 3

    def test_a_bell_never_rings_before_the_pause_ends(self, store: Store) -> None:
        own_lane(store)
        assert release(store, NODE, "ep_a", None, NOW + 60, b"")
        ring(store, due_at=NOW + 1)
        ring(store, due_at=NOW + 70)
        assert claim(store, NOW + 59) == {}
        assert claim(store, NOW + 60)["ep_a"].due_at == NOW + 60

    def test_a_lane_that_is_paused_for_ever_never_rings(self, store: Store) -> None:
        add_endpoint(store, status=EndpointStatus.INACTIVE)
        ring(store)
        assert claim(store, ALWAYS) == {}

    def test_an_owned_lane_rings_for_its_owner(self, store: Store) -> None:
        own_lane(store)
        assert store.ringing(NODE, ALWAYS) == []
        ring(store, due_at=NOW + 5)
        assert store.ringing(NODE, NOW + 4) == []
        assert store.ringing(NODE, NOW + 5) == ["ep_a"]

    def test_an_unknown_lane_is_passed_over(self, store: Store) -> None:
        add_endpoint(store, "ep_b")
        store.ring([Ring(TENANT, "ep_a", NOW), Ring(TENANT, "ep_b", NOW), Ring(TENANT, "ep_c", NOW)])
        assert set(claim(store)) == {"ep_b"}

    def test_another_tenants_name_rings_nothing(self, store: Store) -> None:
        add_endpoint(store)
        ring(store, tenant_id=OTHER_TENANT)
        assert claim(store, ALWAYS) == {}

    def test_ringing_nothing_is_fine(self, store: Store) -> None:
        store.ring([])

    def test_a_thousand_rings_in_one_call(self, store: Store) -> None:
        names = [f"ep_{place:04d}" for place in range(1_000)]
        for name in names:
            store.create_endpoint(endpoint(name), None, 1_000)
        store.ring([Ring(TENANT, name, NOW) for name in reversed(names)])
        assert set(claim(store)) == set(names)


@pytest.mark.usefixtures("node")
class TestClaims:
    def test_a_node_that_is_gone_claims_nothing(self, store: Store) -> None:
        add_endpoint(store)
        ring(store)
        with pytest.raises(NotOwner):
            store.claim("node_gone", NOW, 10)
        assert set(claim(store)) == {"ep_a"}

    def test_the_earliest_come_first_up_to_the_limit(self, store: Store) -> None:
        for name, due_at in (("ep_a", NOW), ("ep_b", NOW - 2), ("ep_c", NOW - 1), ("ep_d", NOW + 1)):
            add_endpoint(store, name)
            ring(store, name, due_at)
        assert [lane.endpoint_id for lane in store.claim(NODE, NOW, 2)] == ["ep_b", "ep_c"]
        assert [lane.endpoint_id for lane in store.claim(NODE, NOW, 2)] == ["ep_a"]
        assert store.claim(NODE, NOW, 2) == []

    def test_a_limit_of_nothing_claims_nothing(self, store: Store) -> None:
        add_endpoint(store)
        ring(store)
        assert store.claim(NODE, NOW, 0) == []
        assert set(claim(store)) == {"ep_a"}

    def test_a_claim_owns_and_silences(self, store: Store) -> None:
        own_lane(store)
        assert store.owned(NODE) == ["ep_a"]
        assert store.ringing(NODE, ALWAYS) == []
        assert claim(store, ALWAYS) == {}

    def test_the_row_of_a_claim_is_as_it_was_but_for_the_owner(self, store: Store) -> None:
        own_lane(store)
        assert release(store, NODE, "ep_a", NOW + 7, NOW + 3, b"how it was")
        assert claim(store, ALWAYS)["ep_a"] == LaneRow(TENANT, "ep_a", NOW + 7, NOW + 3, NODE, b"how it was")

    def test_an_owned_lane_is_not_claimed_although_it_rings(self, store: Store) -> None:
        own_lane(store)
        ring(store)
        assert claim(store, ALWAYS) == {}

    def test_silence_is_for_the_nodes_own_lanes_among_those_named(self, store: Store) -> None:
        for name in ("ep_a", "ep_b"):
            own_lane(store, name)
            ring(store, name)
        add_endpoint(store, "ep_c")
        ring(store, "ep_c")
        store.silence("node_b", ["ep_a", "ep_b", "ep_c"])
        store.silence(NODE, ["ep_a", "ep_c", "ep_none"])
        store.silence(NODE, [])
        assert store.ringing(NODE, NOW) == ["ep_b"]
        assert set(claim(store)) == {"ep_c"}

    def test_a_silenced_bell_rings_again(self, store: Store) -> None:
        own_lane(store)
        ring(store)
        store.silence(NODE, ["ep_a"])
        ring(store, due_at=NOW + 9)
        assert store.ringing(NODE, NOW + 9) == ["ep_a"]

    def test_disown_frees_and_rings_the_nodes_own_lanes_among_those_named(self, store: Store) -> None:
        for name in ("ep_a", "ep_b"):
            own_lane(store, name)
        store.disown("node_b", ["ep_a"], NOW)
        assert sorted(store.owned(NODE)) == ["ep_a", "ep_b"]
        store.disown(NODE, ["ep_a", "ep_none"], NOW + 1)
        assert store.owned(NODE) == ["ep_b"]
        assert claim(store, NOW) == {}
        assert claim(store, NOW + 1)["ep_a"].due_at == NOW + 1

    def test_what_was_disowned_rings_after_its_pause(self, store: Store) -> None:
        own_lane(store)
        release(store, NODE, "ep_a", NOW, NOW + 60, b"")
        assert set(claim(store, NOW + 60)) == {"ep_a"}
        store.disown(NODE, ["ep_a"], NOW + 1)
        assert claim(store, ALWAYS)["ep_a"].due_at == NOW + 60

    def test_a_lane_is_claimed_once_however_many_ask(self, store: Store) -> None:
        names = {f"ep_{place:03d}" for place in range(120)}
        for name in names:
            add_endpoint(store, name)
            ring(store, name)

        def claim_all(_: int) -> list[str]:
            claimed = []
            while lanes := store.claim(NODE, NOW, 7):
                claimed += [lane.endpoint_id for lane in lanes]
            return claimed

        with ThreadPoolExecutor(4) as threads:
            claimed = [name for some in threads.map(claim_all, range(4)) for name in some]
        assert sorted(claimed) == sorted(names)


@pytest.mark.usefixtures("node")
class TestRelease:
    def test_a_release_without_more_work_leaves_a_silent_free_lane(self, store: Store) -> None:
        own_lane(store)
        assert release(store, NODE, "ep_a", None, 0, b"healthy")
        assert store.owned(NODE) == []
        assert claim(store, ALWAYS) == {}
        ring(store)
        assert claim(store)["ep_a"].health == b"healthy"

    def test_a_release_rings_when_the_next_row_is_due(self, store: Store) -> None:
        own_lane(store)
        assert release(store, NODE, "ep_a", NOW + 5, 0, b"")
        assert claim(store, NOW + 4) == {}
        assert claim(store, NOW + 5)["ep_a"].due_at == NOW + 5

    def test_a_release_rings_no_earlier_than_the_pause_ends(self, store: Store) -> None:
        own_lane(store)
        assert release(store, NODE, "ep_a", NOW + 5, NOW + 9, b"")
        assert claim(store, ALWAYS)["ep_a"] == LaneRow(TENANT, "ep_a", NOW + 9, NOW + 9, NODE, b"")

    def test_a_release_may_end_a_pause(self, store: Store) -> None:
        own_lane(store)
        release(store, NODE, "ep_a", NOW, NOW + 9, b"")
        claim(store, ALWAYS)
        assert release(store, NODE, "ep_a", None, 0, b"")
        ring(store, due_at=NOW + 1)
        assert claim(store, NOW + 1)["ep_a"].not_before == 0

    def test_a_lane_whose_bell_rang_is_kept_as_it_was(self, store: Store) -> None:
        own_lane(store)
        ring(store, due_at=NOW + 50)
        assert not release(store, NODE, "ep_a", NOW + 5, NOW + 9, b"lost")
        assert store.owned(NODE) == ["ep_a"]
        assert store.ringing(NODE, NOW + 50) == ["ep_a"]
        store.disown(NODE, ["ep_a"], NOW)
        assert claim(store)["ep_a"] == LaneRow(TENANT, "ep_a", NOW, 0, NODE, b"", freed_at=NOW)

    def test_only_the_owner_releases(self, store: Store) -> None:
        own_lane(store)
        assert not release(store, "node_b", "ep_a", None, 0, b"")
        assert store.owned(NODE) == ["ep_a"]

    def test_a_lane_that_is_free_or_unknown_is_not_released(self, store: Store) -> None:
        add_endpoint(store)
        assert not release(store, NODE, "ep_a", NOW, 0, b"")
        assert not release(store, NODE, "ep_none", NOW, 0, b"")
        assert claim(store, ALWAYS) == {}

    def test_a_pause_for_ever_outlives_a_release(self, store: Store) -> None:
        own_lane(store)
        store.update_endpoint(endpoint(status=EndpointStatus.INACTIVE, revision=2), NOW)
        assert release(store, NODE, "ep_a", NOW + 5, NOW + 9, b"kept")
        assert claim(store, ALWAYS) == {}
        store.update_endpoint(endpoint(status=EndpointStatus.ACTIVE, revision=3), NOW + 20)
        assert claim(store, NOW + 20)["ep_a"] == LaneRow(TENANT, "ep_a", NOW + 20, 0, NODE, b"kept")

    def test_a_release_may_pause_for_ever(self, store: Store) -> None:
        own_lane(store)
        assert release(store, NODE, "ep_a", NOW, FOREVER_MS, b"")
        assert claim(store, ALWAYS) == {}
