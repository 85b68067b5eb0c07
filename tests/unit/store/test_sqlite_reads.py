"""What the SQLite store does that the port leaves open: long pages, very many keys, rows that were passed over,
attempts that were settled before."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from conformance.backend import accept_many, fetch, numbers
from ringback.store.log_reading import STEP_ROWS
from ringback.store.port import AttemptQuery, EventQuery, Settlement
from ringback.store.sqlite import SqliteStore
from ringback.store.sqlite.fetch import KEYS_VISITED
from support.queue import fill
from support.rows import NOW, TENANT, attempt, failed


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path / "ringback.db")
    opened._writer._connection.pragma("synchronous", "off")
    yield opened
    opened.close()


class TestRareRows:
    """Pages whose rows are far apart: found, and in steps that each end soon."""

    def test_the_only_failure_among_thousands(self, store: SqliteStore) -> None:
        places = count(1)
        total = 2 * STEP_ROWS + 10
        attempts = [attempt(next(places), 1, f"evt_{place}") for place in range(total)]
        attempts[3] = failed(4, 1, "evt_3", event_type="rare.one")
        store.settle([Settlement(10**9, one, None, 0) for one in attempts])
        for query in (
            AttemptQuery(TENANT, outcome="failed"),
            AttemptQuery(TENANT, endpoint_id="ep_a", outcome="failed"),
            AttemptQuery(TENANT, event_type="rare.one"),
            AttemptQuery(TENANT, event_type="rare.one", ascending=True),
            AttemptQuery(TENANT, endpoint_id="ep_a", event_type="rare.one"),
        ):
            assert [one.event_id for one in store.list_attempts(query)] == ["evt_3"]
        assert list(store.list_attempts(AttemptQuery(TENANT, event_type="no.such"))) == []

    def test_the_only_event_of_its_type_among_thousands(self, store: SqliteStore) -> None:
        accept_many(store, 3)
        accept_many(store, 1, prefix="rare", type="rare.one")
        accept_many(store, 2 * STEP_ROWS, prefix="later")
        for ascending in (False, True):
            query = EventQuery(TENANT, type="rare.one", ascending=ascending)
            assert [found.event.id for found in store.list_events(query)] == ["rare_00001"]
        page = store.list_events(EventQuery(TENANT, type="contact.created", ascending=True, limit=5))
        assert [found.event.id for found in page[-2:]] == ["later_00001", "later_00002"]


class TestManyKeys:
    def test_no_key_waits_for_the_keys_before_it_in_the_alphabet(self, store: SqliteStore) -> None:
        keys = [f"key {place:05d}" for place in range(3 * KEYS_VISITED)]
        fill(store, len(keys), keys.__getitem__, "evt_k")
        seen: set[str | None] = set()
        for fetches in range(60):
            rows = [row.delivery for row in fetch(store, limit=50, ordered=True).rows]
            assert len(rows) <= 50
            seen |= {row.ordering_key for row in rows}
            # As fast as these go, others of the same keys come.
            assert all(store.settle([Settlement(row.seq, attempt(row.seq, 1, row.event_id), None, 0) for row in rows]))
            fill(store, len(rows), lambda place: rows[place].ordering_key, f"evt_{fetches}")  # noqa: B023
        assert seen == set(keys)

    def test_all_heads_come_and_then_it_is_complete(self, store: SqliteStore) -> None:
        total = 2 * KEYS_VISITED + 100
        fill(store, total, lambda place: f"key {place:05d}", "evt_k")
        done = 0
        for _ in range(1_000):
            fetched = fetch(store, limit=100, ordered=True)
            done += len(fetched.rows)
            due = [row.delivery for row in fetched.rows]
            batch = [Settlement(row.seq, attempt(row.seq, 1, row.event_id), None, 0) for row in due]
            assert all(store.settle(batch))
            if fetched.complete and not fetched.rows:
                break
        assert done == total
        assert fetch(store, ordered=True).complete


class TestPassedOver:
    """A caller should hold all new work up to its watermark. What it forgot all the same is not lost."""

    def test_what_the_caller_forgot_comes_again(self, store: SqliteStore) -> None:
        drawn = accept_many(store, 5)
        fetched = fetch(store, watermark=drawn[-1], holding=4)
        assert set(numbers(fetched)) == set(drawn)
        assert not fetched.complete
        assert fetch(store, watermark=drawn[-1], holding=5).rows == []
        assert fetch(store, watermark=drawn[-1], holding=5).complete

    def test_it_comes_before_new_work_and_within_the_limit(self, store: SqliteStore) -> None:
        old = accept_many(store, 4)
        new = accept_many(store, 5, prefix="new")
        fetched = fetch(store, watermark=old[-1], holding=2, limit=3)
        assert numbers(fetched) == [*old[:3], *new[:2]]
        assert (fetched.watermark, fetched.complete) == (new[1], False)

    def test_what_it_holds_is_not_read_again(self, store: SqliteStore) -> None:
        old = accept_many(store, 4)
        new = accept_many(store, 2, prefix="new")
        assert numbers(fetch(store, watermark=old[-1], holding=4)) == new


class TestOrderGivenUp:
    def test_what_was_blocked_is_found_when_the_order_is_given_up(self, store: SqliteStore) -> None:
        fill(store, 3, lambda _: "a", "evt_a")
        fill(store, 1, lambda _: "b", "evt_b")
        ordered = fetch(store, ordered=True)
        held = set(numbers(ordered))
        free = fetch(store, watermark=ordered.watermark, holding=len(held))
        assert held | set(numbers(free)) == {1, 2, 3, 4}
        assert free.complete

    def test_keyed_and_keyless_work_come_in_one_order(self, store: SqliteStore) -> None:
        for place in range(6):
            fill(store, 1, lambda place: "a" if place % 2 else None, f"evt_{place}")
        assert numbers(fetch(store)) == [1, 2, 3, 4, 5, 6]
        assert numbers(fetch(store, limit=4)) == [1, 2, 3, 4]


class TestSettledBefore:
    def test_an_attempt_that_was_superseded_is_known_when_the_row_fits_at_last(self, store: SqliteStore) -> None:
        (seq,) = accept_many(store, 1)
        early = Settlement(seq, failed(2, 2, "evt_00001"), NOW + 9, 2)
        assert store.settle([early]) == [False]
        assert store.settle([Settlement(seq, failed(1, 1, "evt_00001"), NOW, 1)]) == [True]
        # Now the row has one attempt, as this one expects; but it was answered for already.
        assert store.settle([early]) == [False]
        (row,) = fetch(store).rows
        assert (row.delivery.attempts, row.delivery.due_at) == (1, NOW)
        assert len(store.list_attempts(AttemptQuery(TENANT))) == 2

    def test_the_same_attempt_twice_in_a_batch_counts_once(self, store: SqliteStore) -> None:
        (seq,) = accept_many(store, 1)
        one = Settlement(seq, attempt(1, 1, "evt_00001"), None, 0)
        assert store.settle([one, one]) == [True, True]
        assert [day.succeeded for day in store.day_counts(TENANT, "ep_a", "1970-01-01")] == [1]

    def test_several_attempts_of_a_delivery_in_one_batch(self, store: SqliteStore) -> None:
        first, second = accept_many(store, 2)
        answers = store.settle(
            [
                Settlement(first, failed(1, 1, "evt_00001"), NOW + 1, 1),
                Settlement(first, failed(2, 2, "evt_00001"), NOW + 2, 2),
                Settlement(second, failed(3, 1, "evt_00002"), NOW + 1, 1),
                Settlement(second, attempt(4, 2, "evt_00002"), None, 0),
            ]
        )
        assert answers == [True] * 4
        (row,) = fetch(store, NOW + 2).rows
        assert (row.delivery.seq, row.delivery.attempts, row.delivery.tries) == (first, 2, 2)
