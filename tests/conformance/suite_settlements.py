"""What every store does when an attempt is settled: the log, the row's end or its next time, the figures of the day."""

from collections.abc import Sequence

import pytest

from conformance.backend import accept, accept_many, add_endpoint, fetch, log, numbers, run_out, settle
from ringback.model.attempt import Outcome
from ringback.store.port import BadRow, DayCount, Settlement, Store
from support.rows import NOW, OTHER_TENANT, TENANT, attempt, attempt_id, event, failed, new_delivery

DAY_MS = 86_400_000
MIDNIGHT = NOW // DAY_MS * DAY_MS


def rows_due(store: Store, now: int = NOW) -> list[tuple[int, int, int, int]]:
    """What is pending at `ep_a`: (seq, due_at, attempts, tries)."""
    rows = [row.delivery for row in fetch(store, now).rows]
    return [(row.seq, row.due_at, row.attempts, row.tries) for row in rows]


class TestSettlements:
    def test_a_success_is_logged_and_ends_the_delivery(self, store: Store) -> None:
        (seq,) = accept(store, event(), "ep_a")
        assert settle(store, seq, attempt()) is True
        assert fetch(store).rows == []
        assert store.next_due(TENANT, "ep_a", False) is None
        assert store.get_attempt(TENANT, attempt_id(1)) is not None

    def test_a_failure_with_a_retry_puts_the_delivery_off(self, store: Store) -> None:
        (seq,) = accept(store, event(), "ep_a")
        assert settle(store, seq, failed(), retry_at=NOW + 5, tries=1) is True
        assert rows_due(store) == []
        assert rows_due(store, NOW + 5) == [(seq, NOW + 5, 1, 1)]

    def test_a_request_may_count_without_a_try(self, store: Store) -> None:
        (seq,) = accept(store, event(), "ep_a")
        settle(store, seq, failed(), retry_at=NOW, tries=0)
        settle(store, seq, failed(2, 2), retry_at=NOW + 1, tries=1)
        assert rows_due(store, NOW + 1) == [(seq, NOW + 1, 2, 1)]

    def test_a_failure_without_a_retry_ends_the_delivery(self, store: Store) -> None:
        (seq,) = accept(store, event(), "ep_a")
        settle(store, seq, failed(), retry_at=NOW, tries=1)
        assert settle(store, seq, failed(2, 2, final=True)) is True
        assert fetch(store).rows == []

    def test_each_delivery_of_a_batch_is_answered_for_in_order(self, store: Store) -> None:
        first, second, third = accept_many(store, 3)
        answers = store.settle(
            [
                Settlement(third, failed(1, 1, "evt_00003"), NOW + 5, 1),
                Settlement(10**9, attempt(2, 1, "evt_00009"), None, 0),
                Settlement(first, attempt(3, 1, "evt_00001"), None, 0),
            ]
        )
        assert answers == [True, False, True]
        assert [row[0] for row in rows_due(store, NOW + 5)] == [second, third]

    def test_a_number_that_another_event_has_now_is_left_alone(self, store: Store) -> None:
        """As after a failover that lost the first event: its number was given out again."""
        (seq,) = accept(store, event(), "ep_a")
        assert settle(store, seq, attempt(1, 1, "evt_lost")) is False
        assert settle(store, seq, failed(2, 1, "evt_lost"), retry_at=NOW + 5, tries=1) is False
        assert rows_due(store) == [(seq, NOW, 0, 0)]

    def test_a_failure_whose_number_is_not_the_rows_next_is_superseded(self, store: Store) -> None:
        (seq,) = accept(store, event(), "ep_a")
        settle(store, seq, failed(1, 1), retry_at=NOW + 5, tries=1)
        assert settle(store, seq, failed(2, 1), retry_at=NOW + 90, tries=1) is False
        assert settle(store, seq, failed(3, 3), retry_at=NOW + 90, tries=1) is False
        assert settle(store, seq, failed(4, 1, final=True)) is False
        assert rows_due(store, NOW + 5) == [(seq, NOW + 5, 1, 1)]
        assert [one.superseded for one in log(store)] == [False, True, True, True]

    def test_a_success_ends_the_delivery_whatever_its_number(self, store: Store) -> None:
        (seq,) = accept(store, event(), "ep_a")
        settle(store, seq, failed(1, 1), retry_at=NOW + 5, tries=1)
        assert settle(store, seq, attempt(2, 1)) is True
        assert store.next_due(TENANT, "ep_a", False) is None
        assert [one.superseded for one in log(store)] == [False, False]

    def test_what_comes_after_the_end_is_superseded(self, store: Store) -> None:
        (seq,) = accept(store, event(), "ep_a")
        settle(store, seq, attempt(1, 1))
        assert settle(store, seq, attempt(2, 1)) is False
        assert settle(store, seq, failed(3, 1), retry_at=NOW, tries=1) is False
        assert fetch(store).rows == []
        assert [one.superseded for one in log(store)] == [False, True, True]

    def test_the_same_again_changes_nothing_and_answers_the_same(self, store: Store) -> None:
        first, second = accept_many(store, 2)
        batch = [
            Settlement(first, attempt(1, 1, "evt_00001"), None, 0),
            Settlement(second, failed(2, 1, "evt_00002"), NOW + 5, 1),
            Settlement(10**9, attempt(3, 1, "evt_00003"), None, 0),
        ]
        answers = store.settle(batch)
        before = (log(store), rows_due(store, NOW + 5), store.day_counts(TENANT, "ep_a", "1970-01-01"))
        assert store.settle(batch) == answers == [True, True, False]
        assert before == (log(store), rows_due(store, NOW + 5), store.day_counts(TENANT, "ep_a", "1970-01-01"))

    def test_the_same_again_beside_something_new(self, store: Store) -> None:
        first, second = accept_many(store, 2)
        done = Settlement(first, attempt(1, 1, "evt_00001"), None, 0)
        store.settle([done])
        assert store.settle([Settlement(second, attempt(2, 1, "evt_00002"), None, 0), done]) == [True, True]
        assert fetch(store).rows == []
        assert [one.id for one in log(store)] == [attempt_id(1), attempt_id(2)]

    def test_a_number_belongs_to_its_tenant_and_endpoint(self, store: Store) -> None:
        (seq,) = accept(store, event(), "ep_a")
        assert settle(store, seq, attempt(1, tenant_id=OTHER_TENANT)) is False
        assert numbers(fetch(store)) == [seq]

    def test_a_handshake_has_no_delivery_and_is_never_superseded(self, store: Store) -> None:
        (seq,) = accept(store, event(), "ep_a")
        assert settle(store, 0, attempt(1, 1, event_id=None, request_body=b"hello")) is True
        (logged,) = log(store)
        assert (logged.superseded, logged.event_id) == (False, None)
        assert numbers(fetch(store)) == [seq]
        assert list(store.day_counts(TENANT, "ep_a", "1970-01-01")) == []

    def test_a_settlement_of_nothing(self, store: Store) -> None:
        assert store.settle([]) == []

    def test_every_field_of_an_attempt_is_kept(self, store: Store) -> None:
        full = failed(
            1,
            1,
            duration_ms=1.25,
            status_code=503,
            error_code="timeout",
            error_message="No answer within 20 s.\n\x7fé",
            request_body=b"\x00\xff whole",
            response_headers=b'[["x","\xc3\xa9"]]',
            response_body=b"\x00\xff\xfe",
            response_truncated=True,
            body_head=b"",
            body_tail=b"",
        )
        bare = failed(
            2,
            2,
            status_code=None,
            timings=None,
            remote_address=None,
            http_version=None,
            request_body=b"",
            response_headers=None,
            response_body=None,
            at=NOW + 1,
        )
        (seq,) = accept(store, event(), "ep_a")
        settle(store, seq, full, retry_at=NOW, tries=1)
        settle(store, seq, bare, retry_at=NOW, tries=2)
        assert store.get_attempt(TENANT, full.id) == full
        assert store.get_attempt(TENANT, bare.id) == bare

    def test_a_bad_row_is_told_and_changes_nothing(self, store: Store) -> None:
        first, second = accept_many(store, 2)
        good = Settlement(first, attempt(1, 1, "evt_00001"), None, 0)
        bad = Settlement(second, attempt(2, 1, "evt_00002", error_message="half \udc00"), None, 0)
        with pytest.raises(BadRow):
            store.settle([good, bad])
        assert numbers(fetch(store)) == [first, second]
        assert list(log(store)) == []
        assert store.settle([good]) == [True]

    def test_a_number_is_never_drawn_again(self, store: Store) -> None:
        drawn = accept_many(store, 3)
        for place, seq in enumerate(drawn, 1):
            settle(store, seq, attempt(place, 1, f"evt_{place:05d}"))
        assert accept_many(store, 1, prefix="later")[0] > drawn[-1]

    def test_a_big_batch(self, store: Store) -> None:
        drawn = accept_many(store, 1_200)
        batch = [Settlement(seq, attempt(place, 1, f"evt_{place:05d}"), None, 0) for place, seq in enumerate(drawn, 1)]
        assert store.settle(batch) == [True] * 1_200
        assert fetch(store).rows == []
        assert store.day_counts(TENANT, "ep_a", "1970-01-01")[0].succeeded == 1_200

    def test_deliveries_of_many_endpoints_and_tenants_in_one_batch(self, store: Store) -> None:
        add_endpoint(store, "ep_a")
        one, other = accept(store, event(), "ep_a", "ep_b")
        with store.intake() as transaction:
            foreign_event = event("evt_1", OTHER_TENANT)
            (foreign,) = transaction.insert([foreign_event], [new_delivery(foreign_event, "ep_z")])
            transaction.commit()
        answers = store.settle(
            [
                Settlement(foreign, attempt(1, 1, endpoint_id="ep_z", tenant_id=OTHER_TENANT), None, 0),
                Settlement(one, attempt(2, 1), None, 0),
                Settlement(other, failed(3, 1, endpoint_id="ep_b"), NOW + 5, 1),
            ]
        )
        assert answers == [True, True, True]
        assert store.next_due(OTHER_TENANT, "ep_z", False) is None
        assert store.next_due(TENANT, "ep_a", False) is None
        assert store.next_due(TENANT, "ep_b", False) == NOW + 5


def counts(store: Store, endpoint_id: str) -> Sequence[DayCount]:
    return store.day_counts(TENANT, endpoint_id, "1970-01-01")


class TestDayCounts:
    def test_attempts_of_events_are_counted_by_outcome_and_utc_day(self, store: Store) -> None:
        (seq,) = accept(store, event(), "ep_a")
        times = [MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + 1, MIDNIGHT + DAY_MS - 1]
        for number, at in enumerate(times, 1):
            settle(store, seq, failed(number, number, at=at), retry_at=NOW, tries=number)
        settle(store, seq, attempt(5, 5, at=MIDNIGHT + DAY_MS))
        assert list(store.day_counts(TENANT, "ep_a", "1970-01-01")) == [
            DayCount("2027-01-14", 0, 1),
            DayCount("2027-01-15", 0, 3),
            DayCount("2027-01-16", 1, 0),
        ]

    def test_the_first_day_asked_for_is_among_them(self, store: Store) -> None:
        settle(store, 0, attempt(1, 1, at=MIDNIGHT - DAY_MS))
        settle(store, 0, attempt(2, 1, at=MIDNIGHT))
        assert [day.day for day in store.day_counts(TENANT, "ep_a", "2027-01-15")] == ["2027-01-15"]

    def test_a_superseded_request_is_counted_for_it_left(self, store: Store) -> None:
        assert settle(store, 10**9, attempt(1, 1)) is False
        assert settle(store, 10**9, failed(2, 1), retry_at=NOW, tries=1) is False
        assert list(store.day_counts(TENANT, "ep_a", "1970-01-01")) == [DayCount("2027-01-15", 1, 1)]

    def test_handshakes_are_not_counted(self, store: Store) -> None:
        settle(store, 0, attempt(1, 1, event_id=None, request_body=b"hello"))
        settle(store, 0, failed(2, 2, event_id=None, request_body=b"hello", final=True))
        assert list(store.day_counts(TENANT, "ep_a", "1970-01-01")) == []

    def test_ends_without_a_request_are_not_counted(self, store: Store) -> None:
        settle(store, 0, attempt(1, 1, outcome=Outcome.CANCELLED))
        settle(store, 0, attempt(2, 1, outcome=Outcome.EXPIRED))
        assert [day for day in store.day_counts(TENANT, "ep_a", "1970-01-01") if day.succeeded or day.failed] == []

    def test_figures_are_the_same_before_and_after_they_are_gathered(self, store: Store) -> None:
        for number in range(1, 6):
            settle(store, 0, attempt(number, 1, at=MIDNIGHT + number))
            settle(store, 0, failed(10 + number, 1, at=MIDNIGHT - number, endpoint_id="ep_b"))
        right = [DayCount("2027-01-15", 5, 0)], [DayCount("2027-01-14", 0, 5)]
        assert (list(counts(store, "ep_a")), list(counts(store, "ep_b"))) == right
        run_out(lambda: store.gather_days_step(3), 3)
        assert (list(counts(store, "ep_a")), list(counts(store, "ep_b"))) == right
        settle(store, 0, failed(20, 1, at=MIDNIGHT))
        assert list(counts(store, "ep_a")) == [DayCount("2027-01-15", 5, 1)]
        run_out(lambda: store.gather_days_step(3), 3)
        assert list(counts(store, "ep_a")) == [DayCount("2027-01-15", 5, 1)]
        assert store.gather_days_step(3) == 0

    def test_each_endpoint_and_tenant_has_its_own_figures(self, store: Store) -> None:
        settle(store, 0, attempt(1, 1, endpoint_id="ep_b"))
        settle(store, 0, attempt(2, 1, tenant_id=OTHER_TENANT))
        assert list(store.day_counts(TENANT, "ep_a", "1970-01-01")) == []
        assert len(store.day_counts(TENANT, "ep_b", "1970-01-01")) == 1
        assert len(store.day_counts(OTHER_TENANT, "ep_a", "1970-01-01")) == 1

    def test_a_tenants_figures_are_those_of_all_its_endpoints(self, store: Store) -> None:
        settle(store, 0, attempt(1, 1, at=MIDNIGHT))
        settle(store, 0, failed(2, 1, at=MIDNIGHT, endpoint_id="ep_b"))
        settle(store, 0, attempt(3, 1, at=MIDNIGHT - 1, endpoint_id="ep_b"))
        settle(store, 0, attempt(4, 1, tenant_id=OTHER_TENANT))
        run_out(lambda: store.gather_days_step(3), 3)
        settle(store, 0, attempt(5, 1, at=MIDNIGHT + 1, endpoint_id="ep_b"))
        right = [DayCount("2027-01-14", 1, 0), DayCount("2027-01-15", 2, 1)]
        assert list(store.tenant_day_counts(TENANT, "1970-01-01")) == right
        assert list(store.tenant_day_counts(TENANT, "2027-01-15")) == right[1:]
        assert list(store.tenant_day_counts("none", "1970-01-01")) == []

    def test_those_of_many_are_what_each_has(self, store: Store) -> None:
        for number, endpoint_id in enumerate(("ep_a", "ep_b", "ep_c")):
            settle(store, 0, attempt(10 + number, 1, endpoint_id=endpoint_id, at=MIDNIGHT))
            settle(store, 0, failed(20 + number, 1, endpoint_id=endpoint_id, at=MIDNIGHT - number))
        settle(store, 0, attempt(30, 1, tenant_id=OTHER_TENANT))
        settle(store, 0, attempt(31, 1, endpoint_id="ep_old", at=MIDNIGHT - DAY_MS))
        run_out(lambda: store.gather_days_step(3), 3)
        settle(store, 0, attempt(32, 1, endpoint_id="ep_b", at=MIDNIGHT))
        names = ["ep_c", "ep_b", "ep_none", "ep_old", "ep_a"]
        assert dict(store.day_counts_of(TENANT, names, "1970-01-01")) == {
            name: list(counts(store, name)) for name in names if name != "ep_none"
        }
        since = store.day_counts_of(TENANT, names, "2027-01-15")
        assert {name: list(days) for name, days in since.items()} == {
            "ep_a": [DayCount("2027-01-15", 1, 1)],
            "ep_b": [DayCount("2027-01-15", 2, 0)],
            "ep_c": [DayCount("2027-01-15", 1, 0)],
        }
        assert dict(store.day_counts_of(TENANT, [], "1970-01-01")) == {}
