"""What every store does when something is past its time, step by step; and what followers of trimmed changes get."""

import pytest

from conformance.backend import accept, accept_many, add_endpoint, fetch, log, run_out, settle
from ringback.model.attempt import Attempt, Outcome
from ringback.model.ids import time_part
from ringback.store.port import Cutoff, EventQuery, Store
from ringback.times import DAY_MS, day_of
from support.rows import NOW, OTHER_TENANT, TENANT, attempt, event, failed, tenant
from support.rows import claim as key_claim
from support.rows import secret as a_secret

LATER = NOW + 1_000
CUTOFF = Cutoff(TENANT, NOW, NOW, day_of(NOW))
BEFORE = NOW - 30 * DAY_MS


def attempt_at(at: int, place: int = 1) -> str:
    return f"att_{time_part(at)}{place:016d}"


def expire(store: Store, cutoff: Cutoff = CUTOFF, limit: int = 10) -> int:
    """Remove all events that may go; how many rows were changed in all."""
    total, place = 0, 0
    while True:
        changed, next_place = store.expire_events_step(cutoff, LATER, place, limit)
        assert changed <= limit
        total += changed
        if next_place is None:
            return total
        assert changed or next_place > place
        place = next_place


def drop_days(store: Store) -> None:
    """Drop every day that was over at `BEFORE`."""
    run_out(lambda: store.drop_days_step(BEFORE, NOW, LATER, 3), 1_000)


def ids(store: Store, tenant_id: str = TENANT) -> list[str]:
    return [stored.event.id for stored in store.list_events(EventQuery(tenant_id, ascending=True, limit=1_000))]


class TestRetention:
    def test_old_events_go_and_young_ones_stay(self, store: Store) -> None:
        accept(store, event("evt_old", accepted_at=NOW - 1))
        accept(store, event("evt_young", accepted_at=NOW))
        accept(store, event("evt_foreign", OTHER_TENANT, accepted_at=NOW - 1))
        assert expire(store) == 1
        assert ids(store) == ["evt_young"]
        assert ids(store, OTHER_TENANT) == ["evt_foreign"]

    def test_they_go_in_steps_oldest_first(self, store: Store) -> None:
        accept_many(store, 7, accepted_at=NOW - 1)
        run_out_deliveries = store.expire_events_step(CUTOFF, LATER, 0, 3)
        assert run_out_deliveries == (3, 0)  # deliveries end before their events go
        assert len(ids(store)) == 7
        expire(store, limit=3)
        assert ids(store) == []

    @pytest.mark.parametrize("limit", [1, 2, 3, 10])
    def test_a_pending_delivery_ends_as_expired_and_the_log_says_so(self, store: Store, limit: int) -> None:
        for name in ("ep_a", "ep_b", "ep_c"):
            add_endpoint(store, name)
        seqs = accept(store, event("evt_1", accepted_at=NOW - 1), "ep_a", "ep_b", "ep_c")
        settle(store, seqs[1], failed(1, 1, "evt_1", "ep_b"), retry_at=NOW + 5, tries=1)
        settle(store, seqs[2], attempt(2, 1, "evt_1", "ep_c"))
        assert expire(store, limit=limit) == 3
        assert fetch(store, LATER).rows == []
        assert fetch(store, LATER, "ep_b").rows == []
        ended = {one.endpoint_id: one for one in log(store) if one.outcome == Outcome.EXPIRED}
        assert {name: (one.number, one.final, one.at) for name, one in ended.items()} == {
            "ep_a": (0, True, LATER),
            "ep_b": (1, True, LATER),
        }
        assert {one.event_type for one in ended.values()} == {"contact.created"}
        whole = store.get_attempt(TENANT, ended["ep_a"].id)
        assert isinstance(whole, Attempt)
        assert (whole.method, whole.request_body, whole.status_code) == ("", b"", None)

    def test_what_was_in_flight_is_superseded(self, store: Store) -> None:
        add_endpoint(store)
        (seq,) = accept(store, event("evt_1", accepted_at=NOW - 1), "ep_a")
        expire(store)
        assert settle(store, seq, attempt(1, 1)) is False

    def test_what_is_to_be_delivered_later_stays_and_holds_nothing_up(self, store: Store) -> None:
        cutoff = CUTOFF._replace(due_before=NOW - 50)
        for place in range(5):
            accept(store, event(f"evt_kept_{place}", accepted_at=NOW - 1, deliver_at=NOW - 50 + place), "ep_a")
        accept(store, event("evt_past", accepted_at=NOW - 1, deliver_at=NOW - 51))
        accept(store, event("evt_plain", accepted_at=NOW - 1))
        assert expire(store, cutoff, limit=2) == 2
        assert ids(store) == [f"evt_kept_{place}" for place in range(5)]
        assert len(fetch(store, LATER).rows) == 5

    def test_a_callers_id_goes_with_its_event_and_an_idempotency_key_does_not(self, store: Store) -> None:
        claims = [
            key_claim("evt_old", "event", ["evt_old"]),
            key_claim("evt_young", "event", ["evt_young"]),
            key_claim("evt_old", event_ids=["evt_old"]),
            key_claim("evt_old", "event", ["evt_old"], tenant_id=OTHER_TENANT),
        ]
        with store.intake() as transaction:
            transaction.claim_keys(sorted(claims), NOW)
            transaction.commit()
        accept(store, event("evt_old", accepted_at=NOW - 1))
        accept(store, event("evt_young"))
        expire(store)
        with store.intake() as transaction:
            taken = transaction.claim_keys(sorted(claims), NOW)
        assert set(taken) == {
            (TENANT, "event", "evt_young"),
            (TENANT, "idempotency", "evt_old"),
            (OTHER_TENANT, "event", "evt_old"),
        }

    def test_old_attempts_go_in_steps_by_the_time_in_their_ids(self, store: Store) -> None:
        for place in range(5):
            settle(store, 99, attempt(place, 1, None, id=attempt_at(NOW - 1, place), at=NOW - 1))
        settle(store, 99, attempt(6, 1, None, id=attempt_at(NOW), at=NOW))
        settle(store, 99, attempt(7, 1, None, id=attempt_at(NOW - 1), tenant_id=OTHER_TENANT))
        assert store.expire_attempts_step(CUTOFF, 2) == 2
        assert [one.id for one in log(store)] == [attempt_at(NOW - 1, place) for place in (2, 3, 4)] + [attempt_at(NOW)]
        assert run_out(lambda: store.expire_attempts_step(CUTOFF, 2), 2) == 3
        assert [one.id for one in log(store)] == [attempt_at(NOW)]
        assert len(log(store, tenant_id=OTHER_TENANT)) == 1

    def test_a_record_of_an_expiry_is_kept_from_when_it_was_written(self, store: Store) -> None:
        accept(store, event("evt_1", accepted_at=NOW - 1), "ep_a")
        expire(store)
        assert store.expire_attempts_step(CUTOFF, 10) == 0
        assert store.expire_attempts_step(CUTOFF._replace(before=LATER), 10) == 0
        assert store.expire_attempts_step(CUTOFF._replace(before=LATER + 1), 10) == 1

    def test_an_attempt_may_outlive_its_event(self, store: Store) -> None:
        (seq,) = accept(store, event("evt_1", accepted_at=NOW - 1), "ep_a")
        settle(store, seq, attempt(1, 1, id=attempt_at(NOW)))
        expire(store)
        shown = store.get_attempt(TENANT, attempt_at(NOW))
        assert shown is not None
        assert shown.request_body is None

    def test_figures_of_old_days_go_in_steps(self, store: Store) -> None:
        day = 86_400_000
        for back in range(4):
            for name in ("ep_a", "ep_b"):
                settle(
                    store, 99, attempt(back, 1, "evt_1", name, id=f"{attempt_at(NOW)}{name}{back}", at=NOW - back * day)
                )
        settle(store, 99, attempt(9, 1, "evt_1", tenant_id=OTHER_TENANT, at=NOW - 9 * day))
        cutoff = CUTOFF._replace(day=day_of(NOW - day))
        assert store.expire_days_step(cutoff, 3) == 3
        assert run_out(lambda: store.expire_days_step(cutoff, 3), 3) == 1
        for name in ("ep_a", "ep_b"):
            days = [one.day for one in store.day_counts(TENANT, name, "1970-01-01")]
            assert days == [day_of(NOW - day), day_of(NOW)]
        assert len(store.day_counts(OTHER_TENANT, "ep_a", "1970-01-01")) == 1

    def test_only_who_has_something_past_its_time_is_overdue(self, store: Store) -> None:
        def overdue(**changes: object) -> list[str]:
            cutoffs = [CUTOFF._replace(tenant_id=name)._replace(**changes) for name in ("t_e", "t_a", "t_d", "t_none")]
            return sorted(store.overdue(cutoffs))

        accept(store, event("evt_1", "t_e", accepted_at=NOW))
        settle(store, 99, attempt(1, 1, None, id=attempt_at(NOW), tenant_id="t_a"))
        settle(store, 99, attempt(2, 1, "evt_9", id=attempt_at(NOW + 5_000), tenant_id="t_d"))
        assert overdue() == []
        assert overdue(before=NOW + 1) == ["t_a", "t_e"]
        assert overdue(day=day_of(NOW + 86_400_000)) == ["t_d"]
        assert list(store.overdue([])) == []

    def test_giving_space_back_comes_to_an_end(self, store: Store) -> None:
        accept_many(store, 50, accepted_at=NOW - 1)
        expire(store)
        run_out(store.shrink_step, 10_000)


class TestWholeDays:
    """Where events are kept by the day, days go whole; elsewhere rows do, and nobody sees a difference."""

    def test_a_day_that_is_over_for_all_goes_and_its_deliveries_end_as_expired(self, store: Store) -> None:
        add_endpoint(store)
        old = NOW - 40 * DAY_MS
        accept_many(store, 7, prefix="evt_old", accepted_at=old)
        settle(store, 0, attempt(1, 1, "evt_old_00001", id=attempt_at(old), at=old))
        accept(store, event("evt_young", accepted_at=NOW), "ep_a")
        drop_days(store)
        assert set(ids(store)) >= {"evt_young"}
        expire(store, CUTOFF._replace(before=BEFORE, due_before=BEFORE))
        assert ids(store) == ["evt_young"]
        ended = [one.event_id for one in log(store) if one.outcome == Outcome.EXPIRED]
        assert sorted(ended) == [f"evt_old_{place:05d}" for place in range(1, 8)]
        assert len(fetch(store).rows) == 1

    def test_what_is_not_over_stays(self, store: Store) -> None:
        add_endpoint(store)
        accept(store, event("evt_same_day", accepted_at=BEFORE), "ep_a")
        accept(store, event("evt_day_before", accepted_at=BEFORE + 1 - DAY_MS), "ep_a")
        drop_days(store)
        assert set(ids(store)) >= {"evt_same_day"}
        assert store.drop_days_step(0, 0, LATER, 10) == 0

    def test_what_is_to_be_delivered_later_keeps_its_day(self, store: Store) -> None:
        add_endpoint(store)
        due_at = NOW + DAY_MS
        one = event("evt_later", accepted_at=NOW - 40 * DAY_MS, deliver_at=due_at)
        accept(store, one, "ep_a", due_at=due_at)
        drop_days(store)
        assert ids(store) == ["evt_later"]

    def test_days_are_made_once(self, store: Store) -> None:
        while store.make_days(NOW):
            pass
        assert store.make_days(NOW) == 0
        accept(store, event("evt_1", accepted_at=NOW + DAY_MS))
        assert ids(store) == ["evt_1"]


class TestTrimmedChanges:
    def write(self, store: Store, count: int) -> None:
        for place in range(count):
            assert store.create_tenant(tenant(f"t_{place:03d}"), a_secret(f"sec_{place}", None, f"t_{place:03d}"))

    def test_the_oldest_go_and_the_latest_stay(self, store: Store) -> None:
        self.write(store, 10)
        assert run_out(lambda: store.trim_changes_step(4, 2), 2) == 6
        assert store.trim_changes_step(4, 2) == 0
        latest = store.version()
        kept = store.changes_after(latest - 4)
        assert kept is not None
        assert [change.id for change in kept] == ["t_006", "t_007", "t_008", "t_009"]

    def test_who_is_too_far_behind_is_told_so(self, store: Store) -> None:
        self.write(store, 10)
        run_out(lambda: store.trim_changes_step(4, 100), 100)
        latest = store.version()
        assert store.changes_after(latest - 5) is None
        assert store.changes_after(0) is None
        assert list(store.changes_after(latest) or ()) == []
        with store.intake() as transaction:
            assert transaction.changes_since(latest - 5) is None
            assert len(transaction.changes_since(latest - 4) or ()) == 4

    def test_versions_go_on(self, store: Store) -> None:
        self.write(store, 3)
        latest = store.version()
        run_out(lambda: store.trim_changes_step(1, 100), 100)
        assert store.version() == latest
        add_endpoint(store)
        (change,) = store.changes_after(latest) or ()
        assert (change.version, change.id) == (store.version(), "ep_a")

    def test_everything_is_what_exists(self, store: Store) -> None:
        self.write(store, 3)
        for name in ("ep_a", "ep_b"):
            add_endpoint(store, name, "t_000")
        store.delete_endpoint("t_000", "ep_b", NOW)
        store.delete_tenant("t_002", NOW)
        with store.intake() as transaction:
            version, changes = transaction.everything()
        assert version == store.version()
        assert {(change.kind, change.tenant_id, change.id) for change in changes} == {
            ("tenant", "t_000", "t_000"),
            ("tenant", "t_001", "t_001"),
            ("endpoint", "t_000", "ep_a"),
        }
