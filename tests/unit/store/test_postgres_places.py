"""Whoever keeps a place in the stream of a PostgreSQL store misses nothing, though transactions commit in any order."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from conformance.backend import accept, settle
from ringback.store.port import EventQuery, IntakeTransaction, ReplaySpan, StoreUnavailable
from ringback.store.postgres import jobs
from ringback.store.postgres import log as log_of_store
from ringback.store.postgres.store import PostgresStore
from ringback.times import DAY_MS
from support.process import wait_until
from support.rows import NOW, OTHER_TENANT, TENANT, attempt, event

SPAN = ReplaySpan(TENANT, "ep_a", NOW, NOW + 1, 10**12)


@pytest.fixture
def store(ready_database: str) -> Iterator[PostgresStore]:
    opened = PostgresStore.open(ready_database)
    yield opened
    opened.close()


@pytest.fixture
def slow(store: PostgresStore) -> Iterator[IntakeTransaction]:
    """A transaction that has inserted `evt_low` and isn't over, while another one has committed `evt_high` since."""
    with store.intake() as transaction:
        transaction.insert([event("evt_low")], [])
        accept(store, event("evt_high"))
        yield transaction


def listed(store: PostgresStore, after: int | None = None, *, ascending: bool = True) -> dict[str, int]:
    query = EventQuery(TENANT, ascending=ascending, after=after)
    return {stored.event.id: stored.seq for stored in store.list_events(query)}


def test_a_listing_oldest_first_stops_before_what_another_one_may_still_come_before(
    store: PostgresStore, slow: IntakeTransaction
) -> None:
    assert list(listed(store)) == []
    assert list(listed(store, ascending=False)) == ["evt_high"]
    slow.commit()
    found = listed(store)
    assert list(found) == ["evt_low", "evt_high"]
    assert list(listed(store, found["evt_low"])) == ["evt_high"]


def test_it_goes_on_when_the_other_one_was_rolled_back(store: PostgresStore) -> None:
    accept(store, event("evt_first"))
    (place,) = listed(store).values()
    with store.intake() as transaction:
        transaction.insert([event("evt_low")], [])
        accept(store, event("evt_high"))
        assert list(listed(store, place)) == []
    assert list(listed(store, place)) == ["evt_high"]


def test_another_process_that_has_just_started_stops_there_too(
    store: PostgresStore, slow: IntakeTransaction, ready_database: str
) -> None:
    other = PostgresStore.open(ready_database)
    try:
        assert list(listed(other)) == []
        slow.commit()
        assert list(listed(other)) == ["evt_low", "evt_high"]
    finally:
        other.close()


def test_a_replay_waits_for_what_may_still_be_in_its_span(store: PostgresStore, slow: IntakeTransaction) -> None:
    with ThreadPoolExecutor() as pool:
        page = pool.submit(store.replay_page, SPAN, 0, 10)
        looks = store._db.floor._looks
        wait_until(lambda: len(looks) > 2 or page.done(), 10, "a second look")
        slow.commit()
        found = page.result()
    assert [one.event_id for one in found.candidates] == ["evt_low", "evt_high"]
    assert found.place is None


def test_a_replay_does_not_wait_for_ever(
    store: PostgresStore, slow: IntakeTransaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_SPAN_LOOKS", 2)
    with pytest.raises(StoreUnavailable):
        store.replay_page(SPAN, 0, 10)


@pytest.mark.parametrize("quiet_rows", [0, 4, 500], ids=["walked", "walked since it has many", "by its own rows"])
def test_an_endpoints_events_are_found_whichever_way_is_shorter(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch, quiet_rows: int
) -> None:
    """Tried on the day they came, days after, not at all; among others, and of a tenant of several."""
    monkeypatch.setattr(log_of_store, "QUIET_ROWS", quiet_rows)
    store.make_days(NOW)
    for place in range(12):
        accepted_at = NOW + (place % 3 - 1) * DAY_MS
        one = event(f"evt_{place:02d}", accepted_at=accepted_at, type="odd" if place % 2 else "even")
        (seq,) = accept(store, one, "ep_a" if place % 4 else "ep_b")
        if place % 4 == 1:
            settle(store, seq, attempt(place, 1, one.id, at=accepted_at))
        elif place % 4 == 2:
            settle(store, seq, attempt(place, 1, one.id, at=NOW + DAY_MS))
        accept(store, one._replace(id=f"evt_x{place:02d}", tenant_id=OTHER_TENANT), "ep_a")
    own = [f"evt_{place:02d}" for place in range(12) if place % 4]

    def ids(**filters: object) -> list[str]:
        query = EventQuery(TENANT, endpoint_id="ep_a", limit=5)._replace(**filters)  # type: ignore[arg-type]
        found: list[str] = []
        while page := store.list_events(query):
            found += [stored.event.id for stored in page]
            query = query._replace(after=page[-1].seq)
        return found

    assert ids(ascending=True) == own
    assert ids() == own[::-1]
    assert ids(ascending=True, type="odd") == [name for name in own if int(name[4:]) % 2]
    assert ids(ascending=True, since=NOW + DAY_MS) == [name for name in own if int(name[4:]) % 3 == 2]
    assert ids(until=NOW) == [name for name in own[::-1] if int(name[4:]) % 3 == 0]
    assert ids(endpoint_id="ep_none") == []
