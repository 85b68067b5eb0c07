"""Whole days of a PostgreSQL store go, with all that hangs on them and nothing else."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from conformance.backend import accept, add_endpoint, log, run_out, settle
from ringback.model.attempt import Outcome
from ringback.store.port import EventQuery
from ringback.store.postgres import dropping
from ringback.store.postgres.locks import DROPPING
from ringback.store.postgres.store import PostgresStore
from ringback.times import DAY_MS
from support.rows import NOW, TENANT, attempt, claim, event

TODAY = NOW - NOW % DAY_MS
OLD = TODAY - 40 * DAY_MS + 5
KEPT = TODAY - 35 * DAY_MS + 5
BEFORE = TODAY - 30 * DAY_MS + 1
DUE_BEFORE = NOW - DAY_MS
LATER = NOW + 1_000


@pytest.fixture
def store(ready_database: str) -> Iterator[PostgresStore]:
    opened = PostgresStore.open(ready_database)
    yield opened
    opened.close()


@pytest.fixture
def other(ready_database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(ready_database, autocommit=True) as connection:
        yield connection


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dropping, "_PATIENCE", b"SET lock_timeout = '100ms'")


def drop(store: PostgresStore, limit: int = 3) -> int:
    return run_out(lambda: store.drop_days_step(BEFORE, DUE_BEFORE, LATER, limit), limit)


def days(other: psycopg.Connection[Any], parent: str) -> list[str]:
    """The tables of days, attached or not."""
    found = other.execute(f"SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^{parent}_[0-9]+$'")
    return sorted(name for (name,) in found)


def kept(store: PostgresStore) -> list[str]:
    return [stored.event.id for stored in store.list_events(EventQuery(TENANT, ascending=True))]


def claims_left(store: PostgresStore, *keys: str) -> set[str]:
    with store.intake() as transaction:
        return {key for _, _, key in transaction.claim_keys([claim(key, "event", [key]) for key in sorted(keys)], NOW)}


def take(store: PostgresStore, key: str) -> None:
    with store.intake() as transaction:
        assert transaction.claim_keys([claim(key, "event", [key])], NOW) == {}
        transaction.commit()


class TestMakingDays:
    def test_yesterday_today_and_some_days_ahead_are_made_once(
        self, store: PostgresStore, ready_database: str, other: psycopg.Connection[Any]
    ) -> None:
        assert store.make_days(NOW) == 2 * (2 + dropping.DAYS_AHEAD)
        assert store.make_days(NOW + 5) == 0
        assert len(days(other, "event")) == len(days(other, "attempt")) == 2 + dropping.DAYS_AHEAD
        another = PostgresStore.open(ready_database)
        assert another.make_days(NOW) == 0
        assert another.make_days(NOW + DAY_MS) == 2
        another.close()


class TestDroppingDays:
    def test_a_day_goes_with_what_hangs_on_it(self, store: PostgresStore, other: psycopg.Connection[Any]) -> None:
        add_endpoint(store)
        for place in range(7):
            take(store, f"evt_old_{place}")
            accept(store, event(f"evt_old_{place}", accepted_at=OLD, number=place or None), "ep_a")
        accept(store, event("evt_old_too", "globex", accepted_at=OLD, type="deal.lost"), "ep_b")
        take(store, "evt_young")
        accept(store, event("evt_young", number=70), "ep_a")
        settle(store, 99, attempt(1, 1, at=OLD))
        before = len(days(other, "event"))
        # Deliveries of eight events, seven ids, six numbers; two tables detached and dropped.
        assert drop(store) >= 8 + 7 + 6 + 4
        assert store.drop_days_step(BEFORE, DUE_BEFORE, LATER, 3) == 0
        assert len(days(other, "event")) == before - 1
        assert kept(store) == ["evt_young"]
        ended = [one for one in log(store) if one.outcome == Outcome.EXPIRED]
        assert sorted(one.event_id or "" for one in ended) == [f"evt_old_{place}" for place in range(7)]
        assert [one.event_type for one in log(store, tenant_id="globex")] == ["deal.lost"]
        assert claims_left(store, "evt_old_0", "evt_old_6", "evt_young") == {"evt_young"}
        with store.intake() as transaction:
            assert transaction.taken_numbers([(TENANT, number) for number in (1, 6, 70)]) == {(TENANT, 70)}
        assert other.execute("SELECT count(*) FROM delivery").fetchall() == [(1,)]
        assert store.get_attempt(TENANT, attempt(1, 1).id) is None

    def test_a_day_with_an_event_that_is_to_be_delivered_later_stays_whole(self, store: PostgresStore) -> None:
        take(store, "evt_plain")
        accept(store, event("evt_plain", accepted_at=KEPT), "ep_a")
        accept(store, event("evt_past", "aaa", accepted_at=KEPT, deliver_at=DUE_BEFORE - 1), "ep_a")
        accept(store, event("evt_later", accepted_at=KEPT, deliver_at=DUE_BEFORE), "ep_a", due_at=DUE_BEFORE)
        accept(store, event("evt_old", accepted_at=OLD), "ep_a")
        drop(store)
        assert kept(store) == ["evt_plain", "evt_later"]
        assert claims_left(store, "evt_plain") == {"evt_plain"}
        assert [one.event_id for one in log(store)] == ["evt_old"]

    def test_a_day_that_has_not_ended_before_stays(self, store: PostgresStore) -> None:
        accept(store, event(accepted_at=BEFORE - 1))
        assert drop(store) == 0
        assert kept(store) == ["evt_1"]

    def test_an_id_that_another_event_has_by_now_stays_taken(
        self, store: PostgresStore, other: psycopg.Connection[Any]
    ) -> None:
        take(store, "evt_1")
        accept(store, event(accepted_at=OLD, number=7))
        other.execute("DELETE FROM event_key")  # as a process that died in the middle has left it
        take(store, "evt_1")
        accept(store, event(number=7))
        drop(store)
        assert claims_left(store, "evt_1") == {"evt_1"}
        with store.intake() as transaction:
            assert transaction.taken_numbers([(TENANT, 7)]) == {(TENANT, 7)}

    def test_what_was_queued_again_while_the_day_was_cleared_ends_too(
        self, store: PostgresStore, other: psycopg.Connection[Any]
    ) -> None:
        accept(store, event(accepted_at=OLD), "ep_a")
        with other.transaction():
            other.execute("SELECT 1 FROM event FOR NO KEY UPDATE")
            other.execute(
                "INSERT INTO delivery SELECT tenant_id, seq + 1, 'ep_b', event_id, event_at, due_at, 0, 0, false "
                "FROM delivery"
            )
            assert drop(store) == 1  # the delivery; the day can't be detached
            assert kept(store) == []
        assert drop(store) >= 1
        assert sorted((one.endpoint_id, one.outcome) for one in log(store)) == [
            ("ep_a", Outcome.EXPIRED),
            ("ep_b", Outcome.EXPIRED),
        ]
        assert other.execute("SELECT count(*) FROM delivery").fetchall() == [(0,)]
        assert len(days(other, "event")) == 0

    def test_another_process_goes_on_with_a_detached_day(
        self, store: PostgresStore, ready_database: str, other: psycopg.Connection[Any]
    ) -> None:
        accept(store, event(accepted_at=OLD), "ep_a")
        steps = iter(lambda: store.drop_days_step(BEFORE, DUE_BEFORE, LATER, 10), 0)
        while other.execute(
            "SELECT count(*) FROM pg_inherits JOIN pg_class ON oid = inhrelid AND relkind = 'r' "
            "AND relname LIKE 'event%'"
        ).fetchall() != [(0,)]:
            assert next(steps)
        assert len(days(other, "event")) == 1
        another = PostgresStore.open(ready_database)
        assert drop(another) == 1
        another.close()
        assert days(other, "event") == []

    def test_a_table_that_somebody_detached_to_keep_it_is_kept(
        self, store: PostgresStore, other: psycopg.Connection[Any]
    ) -> None:
        accept(store, event(accepted_at=OLD))
        (name,) = days(other, "event")
        other.execute(f"ALTER TABLE event DETACH PARTITION {name}")
        assert drop(store) == 0
        assert days(other, "event") == [name]

    def test_one_process_drops_at_a_time(self, store: PostgresStore, other: psycopg.Connection[Any]) -> None:
        accept(store, event(accepted_at=OLD))
        other.execute("SELECT pg_advisory_lock(%s::int, %s::int)", tuple(DROPPING))
        assert drop(store) == 0
        other.execute("SELECT pg_advisory_unlock(%s::int, %s::int)", tuple(DROPPING))
        assert drop(store) > 0
        assert kept(store) == []

    def test_events_may_come_into_a_day_that_was_dropped(self, store: PostgresStore) -> None:
        accept(store, event(accepted_at=OLD))
        drop(store)
        accept(store, event(accepted_at=OLD))
        assert kept(store) == ["evt_1"]
