"""The memory store as several processes share it, which is how the simulation uses it."""

import pytest

from conformance.backend import NODE, Backend, accept, add_endpoint, fetch, own_lane, ring
from conformance.suite_clock import TestManyClocks  # noqa: F401
from conformance.suite_intake import TestConcurrentIntake  # noqa: F401
from conformance.suite_nodes import TestNodes, TestSharedNodes  # noqa: F401
from conformance.suite_numbers import TestConcurrentNumbers  # noqa: F401
from conformance.suite_records import TestConcurrentRecords, TestRecordTransactions  # noqa: F401
from conformance.suite_wakeups import TestWakeups  # noqa: F401
from conformance.test_memory import MemoryBackend
from ringback.store.memory import MemoryStore
from ringback.store.port import Retryable
from support.rows import NOW, TENANT, claim, event, new_delivery


class SharedBackend(MemoryBackend):
    sole = False


@pytest.fixture
def backend() -> Backend:
    return SharedBackend()


def test_a_ring_wakes_who_waits_and_many_are_one() -> None:
    store = MemoryStore(sole=False)
    add_endpoint(store)
    ring(store)
    ring(store)
    assert store.wait_for_ring(3_600.0) is True
    assert store.wait_for_ring(0.0) is False


def test_a_resend_and_a_takeover_wake_who_waits_too() -> None:
    store = MemoryStore(sole=False)
    store.register(NODE, NOW)
    own_lane(store)
    accept(store, event())
    store.wait_for_ring(0.0)
    assert store.resend(TENANT, "evt_1", ["ep_a"], NOW) == 1
    assert store.wait_for_ring(3_600.0) is True
    assert store.take_over(NODE, 0, NOW)
    assert store.wait_for_ring(3_600.0) is True


class TestOpenTransactions:
    def test_a_key_that_an_open_transaction_has_claimed_is_retryable(self) -> None:
        store = MemoryStore(sole=False)
        with store.intake() as first, store.intake() as second:
            assert first.claim_keys([claim("a"), claim("b")], NOW) == {}
            with pytest.raises(Retryable):
                second.claim_keys([claim("b"), claim("c")], NOW)
            # The refused one has taken nothing: `c` is still free for the first.
            assert first.claim_keys([claim("c")], NOW) == {}
            first.commit()
            assert {key for _, _, key in second.claim_keys([claim("b"), claim("d")], NOW)} == {"b"}

    def test_a_key_is_free_again_when_its_claimant_rolls_back(self) -> None:
        store = MemoryStore(sole=False)
        with store.intake() as second:
            with store.intake() as first:
                first.claim_keys([claim()], NOW)
            assert second.claim_keys([claim()], NOW) == {}

    def test_an_open_transaction_sees_what_others_have_committed_by_now(self) -> None:
        store = MemoryStore(sole=False)
        with store.intake() as transaction:
            assert list(transaction.changes_since(0)) == []
            made = add_endpoint(store)
            assert [change.id for change in transaction.changes_since(0)] == ["ep_a"]
            assert list(transaction.endpoints(["ep_a"])) == [made]

    def test_no_lock_is_held_between_two_calls(self) -> None:
        store = MemoryStore(sole=False)
        store.register(NODE, NOW)
        with store.intake() as transaction:
            transaction.insert([event("evt_1")], [new_delivery(event("evt_1"))])
            accept(store, event("evt_2"), "ep_a")
            assert [row.event.id for row in fetch(store).rows] == ["evt_2"]
            assert store.beat(NODE)
            assert store.next_due(TENANT, "ep_a", False) == NOW
