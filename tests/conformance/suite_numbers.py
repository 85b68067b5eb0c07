"""What every store does for events that contracts call by a number: one number, one event of the tenant."""

import pytest

from conformance.backend import accept, fetch
from ringback.store.port import BadRow, EventQuery, Retryable, Store
from support.rows import OTHER_TENANT, TENANT, event

LARGEST = (1 << 53) - 1


class TestNumbers:
    def test_an_event_is_found_by_its_tenant_and_number_and_keeps_it_wherever_it_is_read(self, store: Store) -> None:
        numbered = event("evt_1", number=LARGEST)
        accept(store, numbered, "ep_a")
        accept(store, event("evt_2"), "ep_a")
        assert store.event_by_number(TENANT, LARGEST) == numbered
        assert store.event_by_number(TENANT, LARGEST - 1) is None
        assert store.event_by_number(OTHER_TENANT, LARGEST) is None
        assert store.get_event(TENANT, "evt_1") == numbered
        assert [stored.event.number for stored in store.list_events(EventQuery(TENANT))] == [None, LARGEST]
        assert [row.event.number for row in fetch(store).rows] == [LARGEST, None]

    def test_numbers_that_are_taken_are_told_those_of_the_same_transaction_too(self, store: Store) -> None:
        accept(store, event("evt_1", number=7))
        with store.intake() as transaction:
            transaction.insert([event("evt_2", number=8)], [])
            asked = [(TENANT, 7), (TENANT, 8), (TENANT, 9), (OTHER_TENANT, 7)]
            assert transaction.taken_numbers(asked) == {(TENANT, 7), (TENANT, 8)}
            assert transaction.taken_numbers([]) == set()
        with store.intake() as transaction:
            assert transaction.taken_numbers(asked) == {(TENANT, 7)}

    def test_a_thousand_numbers_at_once(self, store: Store) -> None:
        with store.intake() as transaction:
            transaction.insert([event(f"evt_{number}", number=number) for number in range(0, 2_000, 2)], [])
            transaction.commit()
        with store.intake() as transaction:
            taken = transaction.taken_numbers([(TENANT, number) for number in range(1_000)])
        assert taken == {(TENANT, number) for number in range(0, 1_000, 2)}

    def test_two_tenants_may_share_a_number_two_events_of_one_may_not(self, store: Store) -> None:
        accept(store, event("evt_1", number=7))
        accept(store, event("evt_1", OTHER_TENANT, number=7))
        for bad in ([event("evt_2", number=7)], [event("evt_2", number=8), event("evt_3", number=8)]):
            with pytest.raises(BadRow), store.intake() as transaction:
                transaction.insert(bad, [])
        assert store.events_by_id(TENANT, ["evt_2", "evt_3"]) == []

    def test_a_number_is_free_again_when_its_event_was_not_committed(self, store: Store) -> None:
        with store.intake() as transaction:
            transaction.insert([event("evt_1", number=7)], [])
        accept(store, event("evt_2", number=7))
        found = store.event_by_number(TENANT, 7)
        assert found is not None
        assert found.id == "evt_2"

    def test_events_without_a_number_are_given_one_later(self, store: Store) -> None:
        accept(store, event("evt_1"))
        accept(store, event("evt_2", number=7))
        accept(store, event("evt_3"))
        accept(store, event("evt_3", OTHER_TENANT))
        asked = [("evt_1", 7), ("evt_2", 8), ("evt_3", 9), ("evt_none", 10)]
        assert list(store.number_events(TENANT, asked)) == ["evt_1"]
        numbers = {found.id: found.number for found in store.events_by_id(TENANT, ["evt_1", "evt_2", "evt_3"])}
        assert numbers == {"evt_1": None, "evt_2": 7, "evt_3": 9}
        assert store.event_by_number(OTHER_TENANT, 9) is None
        assert list(store.number_events(TENANT, [("evt_1", 11)])) == []
        assert list(store.number_events(TENANT, [])) == []
        found = store.event_by_number(TENANT, 11)
        assert found == event("evt_1", number=11)


class TestConcurrentNumbers:
    """For stores in which several write transactions can be open at once."""

    def test_a_number_that_another_transaction_is_about_to_take_is_worth_another_try(self, store: Store) -> None:
        with store.intake() as slow:
            slow.insert([event("evt_1", number=7)], [])
            with pytest.raises(Retryable), store.intake() as transaction:
                transaction.insert([event("evt_2", number=7)], [])
            slow.commit()
        assert store.events_by_id(TENANT, ["evt_2"]) == []
