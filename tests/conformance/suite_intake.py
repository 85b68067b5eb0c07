"""What every store does for ingest: transactions of events and deliveries, and the keys that callers choose."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from conformance.backend import accept, accept_many, add_endpoint, fetch, numbers
from ringback.model.event import DueDelivery
from ringback.store.port import BadRow, EventQuery, Store, TakenKey
from support.rows import NOW, OTHER_TENANT, TENANT, claim, event, new_delivery, secret, tenant


class TestIntake:
    def test_events_and_deliveries_are_there_after_commit(self, store: Store) -> None:
        one = event("evt_1")
        (seq,) = accept(store, one, "ep_a")
        assert store.events_by_id(TENANT, ["evt_1"]) == [one]
        (row,) = fetch(store).rows
        assert isinstance(row, DueDelivery)
        assert row.event == one
        assert row.delivery == (TENANT, "ep_a", "evt_1", None, NOW, seq, 0, 0)

    def test_an_event_keeps_its_trace_wherever_it_is_read(self, store: Store) -> None:
        traced = event("evt_1", trace="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        accept(store, traced, "ep_a")
        assert store.events_by_id(TENANT, ["evt_1"]) == [traced]
        assert store.get_event(TENANT, "evt_1") == traced
        assert [stored.event for stored in store.list_events(EventQuery(TENANT))] == [traced]
        assert fetch(store).rows[0].event == traced

    def test_who_missed_an_event_is_kept_beside_it(self, store: Store) -> None:
        missed = '[["ep_b","filter","data has no key \\u0000 ü."]]'
        events = [event("evt_1"), event("evt_2"), event("evt_3")]
        with store.intake() as transaction:
            transaction.insert(events, [new_delivery(one) for one in events], {1: missed})
            transaction.commit()
        assert [store.missed(TENANT, one.id) for one in events] == [None, missed, None]
        assert store.missed(OTHER_TENANT, "evt_2") is None
        assert store.missed(TENANT, "evt_none") is None
        assert store.events_by_id(TENANT, ["evt_1", "evt_2", "evt_3"]) == events
        assert [row.event for row in fetch(store).rows] == events

    def test_what_was_redacted_keeps_who_missed_it(self, store: Store) -> None:
        with store.intake() as transaction:
            transaction.insert([event()], [], {0: '[["ep_b","type",null]]'})
            transaction.commit()
        assert store.redact_step(TENANT, ["evt_1"], NOW, 100) == 1
        assert store.missed(TENANT, "evt_1") == '[["ep_b","type",null]]'

    def test_leaving_without_commit_rolls_back(self, store: Store) -> None:
        with store.intake() as transaction:
            transaction.claim_keys([claim()], NOW)
            transaction.insert([event()], [new_delivery(event())])
        assert store.events_by_id(TENANT, ["evt_1"]) == []
        assert fetch(store).rows == []
        with store.intake() as transaction:
            assert transaction.claim_keys([claim()], NOW) == {}

    def test_an_error_in_the_block_rolls_back_and_goes_on(self, store: Store) -> None:
        def insert_and_fail() -> None:
            with store.intake() as transaction:
                transaction.insert([event()], [new_delivery(event())])
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            insert_and_fail()
        assert store.events_by_id(TENANT, ["evt_1"]) == []
        assert accept(store, event(), "ep_a")

    def test_nothing_is_seen_before_commit(self, store: Store) -> None:
        with store.intake() as transaction:
            transaction.insert([event()], [new_delivery(event())])
            with ThreadPoolExecutor(1) as another_thread:
                seen = another_thread.submit(lambda: (store.events_by_id(TENANT, ["evt_1"]), fetch(store).rows))
                assert seen.result(30) == ([], [])
            transaction.commit()
        assert len(fetch(store).rows) == 1

    def test_a_commit_that_is_left_by_an_error_stays_committed(self, store: Store) -> None:
        def commit_and_fail() -> None:
            with store.intake() as transaction:
                transaction.insert([event()], [])
                transaction.commit()
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            commit_and_fail()
        assert store.events_by_id(TENANT, ["evt_1"]) == [event()]

    def test_numbers_come_in_the_order_given_and_grow_within_a_transaction(self, store: Store) -> None:
        one, two = event("evt_1"), event("evt_2")
        with store.intake() as transaction:
            first = list(transaction.insert([one, two], [new_delivery(two, "ep_b"), new_delivery(one, "ep_a")]))
            second = list(transaction.insert([], [new_delivery(one, "ep_b"), new_delivery(two, "ep_a")]))
            transaction.commit()
        assert first + second == sorted({*first, *second})
        assert numbers(fetch(store, endpoint_id="ep_b")) == [first[0], second[0]]
        assert numbers(fetch(store, endpoint_id="ep_a")) == [first[1], second[1]]

    def test_later_transactions_draw_higher_numbers(self, store: Store) -> None:
        earlier = accept_many(store, 3)
        assert accept_many(store, 1, prefix="later")[0] > max(earlier)

    def test_events_come_back_to_the_byte(self, store: Store) -> None:
        full = event(
            "evt_full",
            type="deal.won",
            data=b'{ "a":1.10 ,\xc3\xa9\x00\xff',
            channel="sales",
            subject_type="deal",
            subject_id="Δ-7",
            change="updated",
            previous=b"",
            ordering_key="deal:Δ-7",
            occurred_at=NOW - 5,
            deliver_at=NOW + 5,
            accepted_at=NOW + 1,
            hops=3,
            deliveries=2,
        )
        bare = event("evt_bare", data=b"")
        accept(store, full, "ep_a")
        accept(store, bare, "ep_a")
        assert store.events_by_id(TENANT, ["evt_full", "evt_bare"]) == [full, bare]
        assert [row.event for row in fetch(store).rows] == [full, bare]
        assert fetch(store).rows[0].delivery.ordering_key == "deal:Δ-7"

    def test_an_event_may_have_no_deliveries(self, store: Store) -> None:
        assert accept(store, event()) == []
        assert store.get_event(TENANT, "evt_1") == event()

    def test_events_by_id_answers_in_the_order_asked_and_passes_over_the_unknown(self, store: Store) -> None:
        accept_many(store, 3)
        asked = ["evt_00003", "evt_none", "evt_00001"]
        assert [found.id for found in store.events_by_id(TENANT, asked)] == ["evt_00003", "evt_00001"]
        assert store.events_by_id(TENANT, []) == []

    def test_events_of_two_tenants_may_share_an_id(self, store: Store) -> None:
        accept(store, event("evt_1", data=b"1"))
        accept(store, event("evt_1", OTHER_TENANT, data=b"2"))
        assert [found.data for found in store.events_by_id(TENANT, ["evt_1"])] == [b"1"]
        assert [found.data for found in store.events_by_id(OTHER_TENANT, ["evt_1"])] == [b"2"]

    def test_an_empty_transaction_commits(self, store: Store) -> None:
        with store.intake() as transaction:
            assert transaction.claim_keys([], NOW) == {}
            assert list(transaction.insert([], [])) == []
            transaction.commit()

    @pytest.mark.parametrize(
        "bad",
        [
            event("evt_2", type="half \ud800"),
            event("evt_2", accepted_at=1 << 63),
            event("evt_1"),
        ],
        ids=["half a surrogate pair", "over 64 bits", "an event twice"],
    )
    def test_a_bad_row_is_told_and_changes_nothing(self, store: Store, bad: object) -> None:
        with pytest.raises(BadRow), store.intake() as transaction:
            transaction.insert([event("evt_1"), bad], [new_delivery(event("evt_1"))])  # type: ignore[list-item]
        assert store.events_by_id(TENANT, ["evt_1"]) == []
        accept(store, event("evt_1"), "ep_a")
        assert len(fetch(store).rows) == 1

    def test_thousands_of_rows_in_one_transaction(self, store: Store) -> None:
        drawn = accept_many(store, 3_000)
        assert drawn == sorted(set(drawn))
        assert numbers(fetch(store, limit=5_000)) == drawn

    def test_transactions_from_many_threads_all_count(self, store: Store) -> None:
        def write(place: int) -> list[int]:
            return accept_many(store, 5, prefix=f"evt_{place}")

        with ThreadPoolExecutor(4) as threads:
            drawn = [seq for numbers_ in threads.map(write, range(20)) for seq in numbers_]
        assert sorted(drawn) == sorted(set(drawn)) == numbers(fetch(store, limit=1_000))

    def test_configuration_as_the_transaction_sees_it(self, store: Store) -> None:
        assert store.create_tenant(tenant(), secret("sec_t", None))
        kept, gone = add_endpoint(store, "ep_a"), add_endpoint(store, "ep_b")
        version = store.version()
        store.delete_endpoint(TENANT, gone.id, NOW)
        with store.intake() as transaction:
            assert list(transaction.tenants([TENANT, OTHER_TENANT])) == [tenant()]
            assert list(transaction.endpoints(["ep_a", "ep_b", "ep_c"])) == [kept]
            assert list(transaction.tenants([])) == []
            assert list(transaction.endpoints([])) == []
            assert [change.id for change in transaction.changes_since(0)] == [TENANT, "ep_a", "ep_b", "ep_b"]
            assert [change.id for change in transaction.changes_since(version)] == ["ep_b"]
            assert list(transaction.changes_since(store.version())) == []


class TestKeys:
    def test_a_free_key_is_taken_once_it_is_committed(self, store: Store) -> None:
        first = claim(event_ids=["evt_1", "evt_2"])
        with store.intake() as transaction:
            assert transaction.claim_keys([first], NOW) == {}
            transaction.commit()
        with store.intake() as transaction:
            taken = transaction.claim_keys([claim(body_hash=b"another", event_ids=["evt_9"])], NOW)
        assert taken == {(TENANT, "idempotency", "key-1"): TakenKey(b"hash of the body", ("evt_1", "evt_2"))}

    def test_free_keys_are_taken_although_others_are_not_free(self, store: Store) -> None:
        with store.intake() as transaction:
            transaction.claim_keys([claim("b", body_hash=b"B")], NOW)
            transaction.commit()
        with store.intake() as transaction:
            assert set(transaction.claim_keys([claim("c"), claim("b"), claim("a")], NOW)) == {
                (TENANT, "idempotency", "b")
            }
            transaction.commit()
        with store.intake() as transaction:
            taken = transaction.claim_keys([claim("a"), claim("b"), claim("c"), claim("d")], NOW)
        assert {key for _, _, key in taken} == {"a", "b", "c"}
        assert taken[TENANT, "idempotency", "b"].body_hash == b"B"

    def test_keys_are_apart_by_tenant_and_kind(self, store: Store) -> None:
        with store.intake() as transaction:
            transaction.claim_keys([claim("same")], NOW)
            transaction.commit()
        with store.intake() as transaction:
            others = [claim("same", "event"), claim("same", tenant_id=OTHER_TENANT), claim("Same"), claim("same ")]
            assert transaction.claim_keys(others, NOW) == {}

    def test_a_key_is_known_to_the_transaction_that_took_it(self, store: Store) -> None:
        with store.intake() as transaction:
            transaction.claim_keys([claim()], NOW)
            assert set(transaction.claim_keys([claim(body_hash=b"another")], NOW).values()) == {
                TakenKey(b"hash of the body", ("evt_1",))
            }

    def test_an_idempotency_key_is_free_again_from_expires_at_on(self, store: Store) -> None:
        with store.intake() as transaction:
            transaction.claim_keys([claim(expires_at=NOW + 10)], NOW)
            transaction.commit()
        with store.intake() as transaction:
            assert transaction.claim_keys([claim()], NOW + 9)
        with store.intake() as transaction:
            second = claim(event_ids=["evt_2"], body_hash=b"second", expires_at=NOW + 20)
            assert transaction.claim_keys([second], NOW + 10) == {}
            transaction.commit()
        with store.intake() as transaction:
            (owner,) = transaction.claim_keys([claim()], NOW + 19).values()
        assert owner == TakenKey(b"second", ("evt_2",))

    def test_an_expired_key_that_was_taken_in_vain_is_still_the_first_ones(self, store: Store) -> None:
        with store.intake() as transaction:
            transaction.claim_keys([claim(expires_at=NOW + 10)], NOW)
            transaction.commit()
        with store.intake() as transaction:
            transaction.claim_keys([claim(event_ids=["evt_2"], expires_at=NOW + 20)], NOW + 10)
        with store.intake() as transaction:
            (owner,) = transaction.claim_keys([claim()], NOW + 9).values()
        assert owner.event_ids == ("evt_1",)

    def test_an_event_key_lives_as_long_as_the_event(self, store: Store) -> None:
        with store.intake() as transaction:
            transaction.claim_keys([claim("evt_1", "event")], NOW)
            transaction.commit()
        with store.intake() as transaction:
            assert transaction.claim_keys([claim("evt_1", "event")], NOW + 10**12)

    def test_many_keys_in_one_claim(self, store: Store) -> None:
        claims = [claim(f"key {place}") for place in range(1_500)]
        with store.intake() as transaction:
            assert transaction.claim_keys(claims, NOW) == {}
            transaction.commit()
        with store.intake() as transaction:
            assert len(transaction.claim_keys(claims, NOW)) == 1_500


class TestConcurrentIntake:
    """For stores in which several write transactions can be open at once."""

    def test_what_commits_late_is_found_below_the_watermark(self, store: Store) -> None:
        early, late = event("evt_early"), event("evt_late")
        with store.intake() as slow:
            (low,) = slow.insert([late], [new_delivery(late)])
            (high,) = accept(store, early, "ep_a")
            assert low < high
            before = fetch(store)
            slow.commit()
        assert (numbers(before), before.watermark) == ([high], high)
        after = fetch(store, watermark=high, holding=1)
        assert sorted(numbers(after)) == [low, high]
        assert after.watermark == high

    def test_who_keeps_a_place_in_the_stream_misses_nothing_whatever_the_order_of_commits(self, store: Store) -> None:
        with store.intake() as slow:
            slow.insert([event("evt_late")], [])
            accept(store, event("evt_early"))
            seen = list(store.list_events(EventQuery(TENANT, ascending=True)))
            slow.commit()
        place = seen[-1].seq if seen else None
        seen += store.list_events(EventQuery(TENANT, ascending=True, after=place))
        assert sorted(stored.event.id for stored in seen) == ["evt_early", "evt_late"]
        assert [stored.seq for stored in seen] == sorted(stored.seq for stored in seen)
