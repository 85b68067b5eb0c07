"""What every store does for those who wait for bells that are rung elsewhere."""

import pytest

from conformance.backend import Backend, add_endpoint, own_lane, ring
from ringback.store.port import Store


@pytest.mark.usefixtures("node")
class TestWakeups:
    def test_a_store_says_whether_others_may_have_it_open(self, store: Store, backend: Backend) -> None:
        assert store.shared is not backend.sole

    def test_nobody_is_woken_while_nobody_rings(self, store: Store) -> None:
        add_endpoint(store)
        assert store.wait_for_ring(0.0) is False

    def test_where_nobody_else_can_ring_nobody_waits(self, store: Store, backend: Backend) -> None:
        own_lane(store)
        ring(store)
        assert not backend.sole or store.wait_for_ring(3_600.0) is False
