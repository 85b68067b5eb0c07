"""The keeper: whose retention holds when, that it goes step by step, and what a store that fails does to it."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from conformance.backend import accept, add_endpoint, fetch, log, settle
from ringback.engine import retention
from ringback.engine.retention import CLEAR_EVERY_S, STEP_PAUSE_S, Keeper, cutoff_of
from ringback.engine.wall import DOUBTED_FOR_S
from ringback.model.attempt import Outcome
from ringback.model.console import AUDIT_KEPT_DAYS, AuditEntry
from ringback.model.ids import time_part
from ringback.model.limits import RETENTION_EVERY_S
from ringback.model.record import Record
from ringback.observe.telemetry import RetentionHeld, StoreTrouble, TelemetryEvent
from ringback.store.memory import MemoryStore
from ringback.store.port import Cutoff, EventQuery, ExpiredStep, RecordPut, StoreUnavailable
from ringback.testing.clock import ManualClock
from ringback.times import DAY_MS, day_of
from support.rows import NOW, OTHER_TENANT, TENANT, attempt, event, record, secret, tenant


class Store(MemoryStore):
    """Counts the tenants that are walked, and can be gone."""

    def __init__(self) -> None:
        super().__init__()
        self.gone = False
        self.steps: list[str] = []

    def overdue(self, cutoffs: Sequence[Cutoff]) -> Sequence[str]:
        if self.gone:
            raise StoreUnavailable("Gone.")
        return super().overdue(cutoffs)

    def expire_events_step(self, cutoff: Cutoff, now: int, after: int, limit: int) -> ExpiredStep:
        self.steps.append(cutoff.tenant_id)
        return super().expire_events_step(cutoff, now, after, limit)


class StoreOfDays(Store):
    by_day = True

    """One that keeps events by the day: notes what it is asked to drop, and has two days to drop and two to make."""

    def __init__(self) -> None:
        super().__init__()
        self.dropped: list[tuple[int, int, int]] = []
        self.made: list[int] = []

    def drop_days_step(self, before: int, due_before: int, now: int, limit: int) -> int:
        assert limit == retention.STEP_ROWS
        assert not self.steps, "whole days go first"
        self.dropped.append((before, due_before, now))
        return int(len(self.dropped) < 3)

    def make_days(self, now: int) -> int:
        self.made.append(now)
        return int(len(self.made) < 3)


class World:
    def __init__(self, store: Store | None = None) -> None:
        self.store = store if store is not None else Store()
        self.clock = ManualClock(NOW)
        self.pauses: list[float] = []
        self.told: list[TelemetryEvent] = []
        self.keeper = Keeper(store=self.store, clock=self.clock, wait=self.pauses.append, observer=self.told.append)

    def add(self, tenant_id: str = TENANT, **fields: Any) -> None:
        self.store.create_tenant(tenant(tenant_id, **fields), secret(f"sec_{tenant_id}", None, tenant_id))

    def round(self) -> None:
        """A whole round, and the pauses up to the next one."""
        self.pauses.clear()
        while sum(pause for pause in self.pauses if pause >= CLEAR_EVERY_S) < RETENTION_EVERY_S:
            self.keeper.step()

    def add_records(self, *records: Record) -> None:
        with self.store.intake() as transaction:
            transaction.put_records([RecordPut(one, None) for one in records])
            transaction.commit()

    @property
    def record_ids(self) -> list[str]:
        """Of those that the store knows, deleted ones too."""
        return sorted(record_id for _, _, record_id in self.store._tables.records)

    def ids(self, tenant_id: str = TENANT) -> list[str]:
        listed = self.store.list_events(EventQuery(tenant_id, ascending=True, limit=1_000))
        return [stored.event.id for stored in listed]


@pytest.fixture
def world() -> World:
    return World()


def test_what_is_past_its_time() -> None:
    assert cutoff_of(tenant(retention_days=30), NOW) == (
        TENANT,
        NOW - 30 * DAY_MS,
        NOW - DAY_MS,
        day_of(NOW - 90 * DAY_MS),
    )
    assert cutoff_of(tenant(retention_days=1), NOW)[:3] == (TENANT, NOW - DAY_MS, NOW - DAY_MS)
    assert cutoff_of(tenant(retention_days=365), NOW).day == day_of(NOW - 365 * DAY_MS)


def test_each_tenants_own_days_count(world: World) -> None:
    world.add(TENANT, retention_days=1)
    world.add(OTHER_TENANT, retention_days=3)
    for owner in (TENANT, OTHER_TENANT):
        for days in range(5):
            one = event(f"evt_{days}", owner, accepted_at=NOW - days * DAY_MS - 1)
            accept(world.store, one)
            at = one.accepted_at
            settle(world.store, 99, attempt(0, 1, one.id, id=f"att_{time_part(at)}{days:016d}", tenant_id=owner, at=at))
    world.round()
    assert world.ids() == ["evt_0"]
    assert world.ids(OTHER_TENANT) == ["evt_0", "evt_1", "evt_2"]
    assert len(log(world.store)) == 1
    assert len(log(world.store, tenant_id=OTHER_TENANT)) == 3


def test_another_number_of_days_holds_in_the_next_round(world: World) -> None:
    world.add(retention_days=10)
    accept(world.store, event("evt_1", accepted_at=NOW - 5 * DAY_MS))
    world.round()
    assert world.ids() == ["evt_1"]
    world.store.update_tenant(tenant(retention_days=5, revision=2))
    world.round()
    assert world.ids() == ["evt_1"]  # to the millisecond
    world.clock.pass_s(0.001)
    world.round()
    assert world.ids() == []


def test_a_delivery_that_is_not_due_yet_outlives_a_short_retention(world: World) -> None:
    world.add(retention_days=1)
    add_endpoint(world.store)
    due_at = NOW + 20 * DAY_MS
    accept(world.store, event("evt_1", deliver_at=due_at), "ep_a", due_at=due_at)
    world.clock.pass_s(20 * 86_400)
    world.round()
    assert len(fetch(world.store, world.clock.now_ms()).rows) == 1
    world.clock.pass_s(86_400 + 1)
    world.round()
    assert world.ids() == []
    (record,) = log(world.store)
    assert (record.outcome, record.at) == (Outcome.EXPIRED, world.clock.now_ms())


def test_a_backlog_goes_in_steps_with_a_pause_after_each(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP_ROWS", 3)
    world.add(retention_days=1)
    for place in range(10):
        accept(world.store, event(f"evt_{place}", accepted_at=NOW - 2 * DAY_MS), "ep_a")
    counts = [20]
    while True:
        world.keeper.step()
        if world.pauses[-1] == CLEAR_EVERY_S:
            break
        assert world.pauses[-1] == STEP_PAUSE_S
        counts.append(len(world.ids()) + len(fetch(world.store, NOW).rows))
    assert counts[-1] == 0
    assert all(0 < before - after <= 3 for before, after in pairwise(counts))


def test_tenants_with_nothing_old_are_not_walked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "TENANTS_AT_ONCE", 4)
    for place in range(11):
        world.add(f"t_{place:02d}")
        accept(world.store, event("evt_1", f"t_{place:02d}", accepted_at=NOW - (40 if place % 5 == 0 else 0) * DAY_MS))
    world.round()
    assert sorted(set(world.store.steps)) == ["t_00", "t_05", "t_10"]
    assert [world.ids(f"t_{place:02d}") for place in (0, 1, 10)] == [[], ["evt_1"], []]


def test_deleted_records_are_forgotten_when_their_time_is_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP_ROWS", 3)
    world.add_records(
        record("there"),
        record("later", data=b"", forget_at=NOW + 60_001),
        *[record(f"gone{place}", data=b"", forget_at=NOW + 60_000) for place in range(7)],
    )
    world.round()
    assert len(world.record_ids) == 9
    world.clock.pass_s(60)
    world.round()
    assert world.record_ids == ["later", "there"]
    assert world.pauses.count(STEP_PAUSE_S) == 3


def test_the_audit_log_goes_back_for_a_year_by_a_clock_that_is_believed(world: World) -> None:
    entries = [AuditEntry(f"aud_{day}", None, NOW + day * DAY_MS, "key_1", "change", "", "{}") for day in range(3)]
    world.store.add_audit_entries(entries)
    world.round()
    world.clock.jump_ms((AUDIT_KEPT_DAYS + 1) * DAY_MS)
    world.round()
    assert len(world.store.list_audit_entries(None, None, 9)) == 3
    world.clock.pass_s(DOUBTED_FOR_S)
    world.round()
    assert [one.id for one in world.store.list_audit_entries(None, None, 9)] == ["aud_2"]


def test_a_clock_that_is_not_believed_forgets_no_record(world: World) -> None:
    world.add_records(record("gone", data=b"", forget_at=NOW + 30 * DAY_MS))
    world.round()
    world.clock.jump_ms(365 * DAY_MS)
    world.round()
    assert world.record_ids == ["gone"]
    world.clock.pass_s(DOUBTED_FOR_S)
    world.round()
    assert world.record_ids == []


def test_changes_are_trimmed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "CHANGES_KEPT_MAX", 3)
    for place in range(7):
        world.add(f"t_{place}")
    world.round()
    assert world.store.changes_after(3) is None
    assert len(world.store.changes_after(4) or ()) == 3


def test_a_store_that_fails_is_asked_again(world: World) -> None:
    world.add(retention_days=1)
    accept(world.store, event("evt_1", accepted_at=NOW - 2 * DAY_MS))
    world.store.gone = True
    world.round()
    assert world.told == [StoreTrouble("retention", "store_unavailable", "Gone.")]
    world.store.gone = False
    world.round()
    assert world.ids() == []


def test_traces_of_redactions_are_cleared_between_two_rounds(world: World) -> None:
    cleared: list[float] = []
    world.store.clear_traces = lambda: cleared.append(sum(world.pauses)) or True  # type: ignore[method-assign,func-returns-value]
    world.round()
    assert cleared == [place * CLEAR_EVERY_S for place in range(int(RETENTION_EVERY_S / CLEAR_EVERY_S))]


@pytest.fixture
def days() -> World:
    return World(StoreOfDays())


def drops(world: World) -> list[tuple[int, int, int]]:
    assert isinstance(world.store, StoreOfDays)
    return world.store.dropped


def test_days_that_are_over_for_all_go_whole_before_anything_else(days: World) -> None:
    days.add(TENANT, retention_days=7)
    days.add(OTHER_TENANT, retention_days=90)
    accept(days.store, event("evt_1", accepted_at=NOW - 100 * DAY_MS))
    days.round()
    assert drops(days) == [(NOW - 90 * DAY_MS, NOW - DAY_MS, NOW)] * 3
    assert days.pauses.count(STEP_PAUSE_S) >= 4  # two days to drop, two to make
    assert days.store.steps


def test_who_keeps_events_longer_from_now_on_is_heard_in_time(days: World) -> None:
    days.add(retention_days=7)
    days.round()
    days.store.update_tenant(tenant(retention_days=365, revision=2))
    days.round()
    assert drops(days)[-1][0] == NOW - 7 * DAY_MS  # it was past its time for all when it was looked at last
    days.round()
    assert drops(days)[-1][0] == NOW - 365 * DAY_MS


def test_who_keeps_events_longest_loses_nothing_before_their_day_is_over(days: World) -> None:
    days.add("longest", retention_days=30)
    days.add("shorter", retention_days=10)
    asked: list[Cutoff] = []
    overdue = days.store.overdue
    days.store.overdue = lambda cutoffs: (asked.extend(cutoffs), overdue(cutoffs))[1]  # type: ignore[method-assign]
    days.round()
    before = {cutoff.tenant_id: cutoff.before for cutoff in asked}
    assert before["longest"] == (NOW - 30 * DAY_MS) // DAY_MS * DAY_MS < NOW - 30 * DAY_MS
    assert before["shorter"] == NOW - 10 * DAY_MS


def test_without_a_tenant_no_day_is_dropped(days: World) -> None:
    days.round()
    days.round()
    assert drops(days) == []


def test_days_are_made_ahead_in_each_round(days: World) -> None:
    assert isinstance(days.store, StoreOfDays)
    days.round()
    assert days.store.made == [NOW] * 3
    days.round()
    assert days.store.made == [NOW] * 4


def test_days_are_not_dropped_by_a_clock_that_is_not_believed(days: World) -> None:
    days.add(retention_days=7)
    days.round()
    known = len(drops(days))
    days.clock.jump_ms(365 * DAY_MS)
    days.round()
    assert len(drops(days)) == known


def test_a_clock_that_was_set_far_ahead_removes_nothing_for_an_hour(world: World) -> None:
    world.add(retention_days=30)
    accept(world.store, event("evt_1"))
    world.round()
    world.clock.jump_ms(365 * DAY_MS)
    world.round()
    world.round()
    assert world.ids() == ["evt_1"]
    assert world.told == [RetentionHeld(DOUBTED_FOR_S)]
    world.clock.pass_s(DOUBTED_FOR_S)
    world.round()
    assert world.ids() == []
    assert len(world.told) == 1


def test_a_clock_that_is_set_right_in_time_has_removed_nothing(world: World) -> None:
    world.add(retention_days=1)
    accept(world.store, event("evt_1"))
    world.clock.jump_ms(365 * DAY_MS)
    world.round()
    world.clock.pass_s(600)
    world.clock.jump_ms(-365 * DAY_MS)
    world.round()
    assert world.ids() == ["evt_1"]
    world.clock.pass_s(86_400)
    world.round()
    assert world.ids() == []
    assert world.told == [RetentionHeld(DOUBTED_FOR_S)]
