"""What every store does when an event is sent again."""

import pytest

from conformance.backend import ALWAYS, accept, add_endpoint, claim, fetch, settle
from ringback.model.endpoint import EndpointStatus, Ordering
from ringback.store.port import Store
from support.rows import NOW, OTHER_TENANT, TENANT, attempt, event, failed

LATER = NOW + 1_000


@pytest.mark.usefixtures("node")
class TestResends:
    def test_a_finished_delivery_is_queued_anew_and_counts_on_from_the_log(self, store: Store) -> None:
        add_endpoint(store)
        (seq,) = accept(store, event(), "ep_a")
        settle(store, seq, failed(1, 1), retry_at=NOW, tries=1)
        settle(store, seq, failed(2, 2, final=True))
        assert store.resend(TENANT, "evt_1", ["ep_a"], LATER) == 1
        (row,) = fetch(store, LATER).rows
        assert row.event == event()
        assert row.delivery.seq > seq
        assert row.delivery[:5] == (TENANT, "ep_a", "evt_1", None, LATER)
        assert (row.delivery.attempts, row.delivery.tries) == (2, 0)
        assert settle(store, row.delivery.seq, attempt(3, 3)) is True

    def test_superseded_attempts_have_numbers_too(self, store: Store) -> None:
        add_endpoint(store)
        (seq,) = accept(store, event(), "ep_a")
        settle(store, seq, attempt(1, 1))
        settle(store, seq, failed(2, 2), retry_at=NOW, tries=1)
        store.resend(TENANT, "evt_1", ["ep_a"], LATER)
        assert fetch(store, LATER).rows[0].delivery.attempts == 2

    def test_the_log_of_another_endpoint_does_not_count(self, store: Store) -> None:
        add_endpoint(store, "ep_a")
        add_endpoint(store, "ep_b")
        (seq,) = accept(store, event(), "ep_b")
        settle(store, seq, attempt(1, 1, endpoint_id="ep_b"))
        assert store.resend(TENANT, "evt_1", ["ep_a"], LATER) == 1
        assert fetch(store, LATER).rows[0].delivery.attempts == 0

    def test_a_pending_delivery_is_made_due_now(self, store: Store) -> None:
        add_endpoint(store)
        (seq,) = accept(store, event(), "ep_a")
        settle(store, seq, failed(1, 1), retry_at=LATER + 500, tries=1)
        assert store.resend(TENANT, "evt_1", ["ep_a"], LATER) == 1
        (row,) = fetch(store, LATER).rows
        assert row.delivery == (TENANT, "ep_a", "evt_1", None, LATER, seq, 1, 1)

    def test_what_failed_and_waits_is_made_due_now_in_steps(self, store: Store) -> None:
        for name in ("ep_a", "ep_b"):
            add_endpoint(store, name)
        seqs = [accept(store, event(f"evt_{place}"), "ep_a")[0] for place in range(3)]
        for place, seq in enumerate(seqs):
            settle(store, seq, failed(place + 1, 1, f"evt_{place}"), retry_at=LATER + 900 - place, tries=1)
        (other,) = accept(store, event("evt_other"), "ep_b")
        settle(store, other, failed(9, 1, "evt_other", "ep_b"), retry_at=LATER + 900, tries=1)
        accept(store, event("evt_planned"), "ep_a", due_at=LATER + 10)
        assert store.hasten_step(OTHER_TENANT, "ep_a", LATER, 5) == 0
        assert store.hasten_step(TENANT, "ep_a", LATER, 2) == 2
        assert sorted(row.delivery.event_id for row in fetch(store, LATER).rows) == ["evt_1", "evt_2"]
        assert store.hasten_step(TENANT, "ep_a", LATER, 2) == 1
        assert store.hasten_step(TENANT, "ep_a", LATER, 2) == 0
        assert {row.delivery[4:] for row in fetch(store, LATER).rows} == {(LATER, seq, 1, 1) for seq in seqs}
        assert set(claim(store, LATER)) == {"ep_a"}

    def test_a_delivery_that_is_due_already_is_left_alone_and_not_counted(self, store: Store) -> None:
        add_endpoint(store)
        (seq,) = accept(store, event(), "ep_a")
        assert store.resend(TENANT, "evt_1", ["ep_a"], LATER) == 0
        (row,) = fetch(store, LATER).rows
        assert (row.delivery.seq, row.delivery.due_at) == (seq, NOW)

    def test_its_lane_is_rung(self, store: Store) -> None:
        add_endpoint(store, "ep_a")
        add_endpoint(store, "ep_b")
        accept(store, event())
        assert store.resend(TENANT, "evt_1", ["ep_a"], LATER) == 1
        assert claim(store, LATER - 1) == {}
        assert set(claim(store, LATER)) == {"ep_a"}

    def test_several_endpoints_at_once(self, store: Store) -> None:
        for name in ("ep_a", "ep_b", "ep_c"):
            add_endpoint(store, name)
        accept(store, event(), "ep_c", due_at=LATER + 500)
        assert store.resend(TENANT, "evt_1", ["ep_c", "ep_a"], LATER) == 2
        assert set(claim(store, LATER)) == {"ep_a", "ep_c"}
        assert fetch(store, LATER, "ep_b").rows == []
        assert store.resend(TENANT, "evt_1", [], LATER) == 0

    def test_an_unknown_event_is_not_sent(self, store: Store) -> None:
        add_endpoint(store)
        assert store.resend(TENANT, "evt_none", ["ep_a"], LATER) == 0
        assert fetch(store, LATER).rows == []

    def test_unknown_deleted_and_foreign_endpoints_are_passed_over(self, store: Store) -> None:
        add_endpoint(store, "ep_gone")
        store.delete_endpoint(TENANT, "ep_gone", NOW)
        add_endpoint(store, "ep_foreign", OTHER_TENANT)
        accept(store, event())
        assert store.resend(TENANT, "evt_1", ["ep_none", "ep_gone", "ep_foreign"], LATER) == 0
        for tenant_id in (TENANT, OTHER_TENANT):
            for name in ("ep_none", "ep_gone", "ep_foreign"):
                assert store.next_due(tenant_id, name, False) is None

    def test_another_tenants_event_is_not_sent(self, store: Store) -> None:
        add_endpoint(store)
        accept(store, event("evt_1", OTHER_TENANT))
        assert store.resend(TENANT, "evt_1", ["ep_a"], LATER) == 0
        assert store.resend(OTHER_TENANT, "evt_1", ["ep_a"], LATER) == 0

    @pytest.mark.parametrize(
        ("ordering", "events_key", "deliverys_key"),
        [
            (Ordering.NONE, "contact:7", None),
            (Ordering.SUBJECT, "contact:7", "contact:7"),
            (Ordering.SUBJECT, None, ""),
            (Ordering.STRICT, "contact:7", ""),
            (Ordering.STRICT, None, ""),
        ],
    )
    def test_its_ordering_key_is_the_one_that_ingest_would_give_it(
        self, store: Store, ordering: Ordering, events_key: str | None, deliverys_key: str | None
    ) -> None:
        add_endpoint(store, ordering=ordering)
        accept(store, event(ordering_key=events_key))
        store.resend(TENANT, "evt_1", ["ep_a"], LATER)
        assert fetch(store, LATER).rows[0].delivery.ordering_key == deliverys_key

    def test_an_inactive_endpoint_gets_it_when_it_is_active(self, store: Store) -> None:
        add_endpoint(store, status=EndpointStatus.INACTIVE)
        accept(store, event())
        assert store.resend(TENANT, "evt_1", ["ep_a"], LATER) == 1
        assert claim(store, ALWAYS) == {}
        assert store.next_due(TENANT, "ep_a", False) == LATER
