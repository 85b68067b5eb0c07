"""What every store does about a wall clock that was set back: what is new is due, and waits are brought forward."""

import pytest

from conformance.backend import ALWAYS, NODE, accept, accept_many, add_endpoint, claim, fetch, own_lane, release, settle
from ringback.model.endpoint import EndpointStatus, Ordering
from ringback.store.port import FROM_THE_BEGINNING, Store
from support.rows import NOW, TENANT, attempt, event, failed

HOUR_MS = 3_600_000
BEFORE = NOW - HOUR_MS


def bring_forward(store: Store, limit: int = 1_000, by_ms: int = HOUR_MS) -> int:
    """All of it; how many steps that took."""
    place, steps = FROM_THE_BEGINNING, 1
    while (beyond := store.bring_forward_step(by_ms, place, limit)) is not None:
        assert beyond != place
        place, steps = beyond, steps + 1
        assert steps < 1_000
    return steps


def due_at(store: Store, endpoint_id: str = "ep_a") -> dict[str, int]:
    """When each delivery is due, by event."""
    rows = fetch(store, ALWAYS, endpoint_id, limit=10_000).rows
    return {row.event.id: row.delivery.due_at for row in rows}


class TestNewWork:
    def test_it_is_due_by_a_clock_that_was_set_back(self, store: Store) -> None:
        drawn = accept_many(store, 3)
        fetched = fetch(store, BEFORE)
        assert [row.delivery.seq for row in fetched.rows] == drawn
        assert (fetched.complete, fetched.next_due) == (True, None)

    def test_heads_are_too_and_what_is_tried_again_is_not(self, store: Store) -> None:
        for place, key in enumerate(("a", "a", "b", None), 1):
            accept(store, event(f"evt_{place}", ordering_key=key), "ep_a")
        fetched = fetch(store, BEFORE, ordered=True)
        assert [row.event.id for row in fetched.rows] == ["evt_1", "evt_3", "evt_4"]
        assert (fetched.complete, fetched.next_due) == (True, None)
        assert settle(store, fetched.rows[0].delivery.seq, failed(1, 1, "evt_1"), retry_at=NOW, tries=1)
        fetched = fetch(store, BEFORE, ordered=True)
        assert [row.event.id for row in fetched.rows] == ["evt_3", "evt_4"]
        assert fetched.next_due == NOW

    @pytest.mark.parametrize("ordering", [Ordering.NONE, Ordering.SUBJECT])
    def test_a_bell_that_an_older_clock_set_is_as_good_as_silent(self, store: Store, ordering: Ordering) -> None:
        store.register(NODE, BEFORE)
        own_lane(store, ordering=ordering)
        accept(store, event(ordering_key="a" if ordering is Ordering.SUBJECT else None), "ep_a")
        release(store, NODE, "ep_a", NOW, 0, b"")
        assert claim(store, BEFORE) == {}
        assert store.ring_stranded(BEFORE, 10) == 1
        assert set(claim(store, BEFORE)) == {"ep_a"}


class TestBringingForward:
    def test_retries_come_sooner_and_nothing_else(self, store: Store) -> None:
        add_endpoint(store)
        (tried,) = accept(store, event("evt_tried"), "ep_a")
        (finished,) = accept(store, event("evt_finished"), "ep_a")
        accept(store, event("evt_new"), "ep_a")
        accept(store, event("evt_appointed", deliver_at=NOW + HOUR_MS), "ep_a", due_at=NOW + HOUR_MS)
        assert settle(store, tried, failed(1, 1, "evt_tried"), retry_at=NOW + HOUR_MS + 2, tries=1)
        assert settle(store, finished, attempt(2, 1, "evt_finished"))
        bring_forward(store)
        assert due_at(store) == {"evt_tried": NOW + 2, "evt_new": NOW, "evt_appointed": NOW + HOUR_MS}

    def test_it_goes_in_steps_and_moves_each_once(self, store: Store) -> None:
        for endpoint_id in ("ep_a", "ep_b"):
            add_endpoint(store, endpoint_id)
            for place, seq in enumerate(accept_many(store, 7, endpoint_id, prefix=endpoint_id), 1):
                if place != 3:
                    name = f"{endpoint_id}_{place:05d}"
                    failure = failed(place, 1, name, id=f"att_{name}", endpoint_id=endpoint_id)
                    assert settle(store, seq, failure, retry_at=NOW + HOUR_MS + place, tries=1)
        assert bring_forward(store, limit=2) > 6
        for endpoint_id in ("ep_a", "ep_b"):
            expected = {f"{endpoint_id}_{place:05d}": NOW + place * (place != 3) for place in range(1, 8)}
            assert due_at(store, endpoint_id) == expected

    def test_pauses_end_and_bells_ring_sooner_but_never_in_a_pause(self, store: Store) -> None:
        store.register(NODE, NOW)
        for name in ("ep_bell", "ep_pause"):
            own_lane(store, name)
        release(store, NODE, "ep_bell", NOW + HOUR_MS + 5, 0, b"")
        release(store, NODE, "ep_pause", NOW, NOW + HOUR_MS + 9, b"")
        assert claim(store, NOW + 9) == {}
        bring_forward(store, limit=1)
        assert {name: lane.due_at for name, lane in claim(store, NOW + 5).items()} == {"ep_bell": NOW + 5}
        (paused,) = claim(store, NOW + 9).values()
        assert (paused.endpoint_id, paused.due_at, paused.not_before) == ("ep_pause", NOW + 9, NOW + 9)

    def test_a_pause_for_ever_stays_one(self, store: Store) -> None:
        store.register(NODE, NOW)
        add_endpoint(store, status=EndpointStatus.INACTIVE)
        accept(store, event(), "ep_a")
        store.ring_stranded(NOW, 10)
        bring_forward(store)
        assert claim(store, ALWAYS) == {}

    def test_a_silent_bell_stays_silent(self, store: Store) -> None:
        store.register(NODE, NOW)
        add_endpoint(store)
        bring_forward(store)
        assert claim(store, ALWAYS) == {}

    def test_an_empty_store_has_nothing_to_bring_forward(self, store: Store) -> None:
        assert bring_forward(store) <= 2
        assert store.next_due(TENANT, "ep_a", False) is None


class TestManyClocks:
    """For stores that several processes share: nobody's clock is everybody's."""

    def test_nothing_is_brought_forward(self, store: Store) -> None:
        for name in (NODE, "node_b"):
            store.register(name, NOW)
        add_endpoint(store)
        (seq,) = accept(store, event(), "ep_a")
        assert settle(store, seq, failed(1, 1), retry_at=NOW + HOUR_MS, tries=1)
        assert store.bring_forward_step(HOUR_MS, FROM_THE_BEGINNING, 10) is None
        assert due_at(store) == {"evt_1": NOW + HOUR_MS}
