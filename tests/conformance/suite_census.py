"""Counting what a store holds, page by page, and its sizes."""

from ringback.store.port import Leaving, Ring, Store
from support.rows import NOW, endpoint, event, new_delivery, secret, tenant


def fill(store: Store, count: int) -> list[int]:
    store.create_tenant(tenant(), secret("sec_t", None))
    store.create_endpoint(endpoint(), secret(), 10)
    events = [event(f"evt_{number}") for number in range(count)]
    with store.intake() as transaction:
        seqs = transaction.insert(events, [new_delivery(one) for one in events])
        transaction.commit()
    return list(seqs)


class TestCensus:
    def test_deliveries_are_counted_by_page(self, store: Store) -> None:
        fill(store, 4)
        first = store.count_deliveries(None, 2)
        assert first.rows == 2
        second = store.count_deliveries(first.last, 2)
        assert second.rows == 2
        assert second.last not in (None, first.last)
        assert store.count_deliveries(second.last, 2) == (0, None)
        assert store.count_deliveries(first.last, 3) == (2, None)
        assert store.count_deliveries(None, 3).rows == 3

    def test_deliveries_of_all_tenants_are_counted_once(self, store: Store) -> None:
        for place in range(4):
            events = [event(f"evt_{place}_{tenant_id}", tenant_id) for tenant_id in ("b", "a b", "a", "é")]
            with store.intake() as transaction:
                transaction.insert(events, [new_delivery(one) for one in events])
                transaction.commit()
        for limit in (1, 3, 4, 7, 16, 17):
            page = store.count_deliveries(None, limit)
            counted = [page.rows]
            while page.last is not None:
                page = store.count_deliveries(page.last, limit)
                counted.append(page.rows)
            assert sum(counted) == 16

    def test_nothing_is_nothing(self, store: Store) -> None:
        assert store.count_deliveries(None, 10) == (0, None)
        assert list(store.lane_healths("", 10)) == []

    def test_lanes_come_with_the_health_of_their_last_release(self, store: Store) -> None:
        store.create_tenant(tenant(), secret("sec_t", None))
        for name in ("ep_a", "ep_b", "ep_c"):
            store.create_endpoint(endpoint(name), secret(f"sec_{name}", name), 10)
        store.register("node", NOW)
        store.ring([Ring("acme", "ep_b", NOW)])
        store.claim("node", NOW, 1)
        assert store.release("node", [Leaving("acme", "ep_b", None, 0, b'{"phase":"parked"}')]) == [True]

        assert [tuple(lane) for lane in store.lane_healths("", 2)] == [("ep_a", b""), ("ep_b", b'{"phase":"parked"}')]
        assert [tuple(lane) for lane in store.lane_healths("ep_b", 2)] == [("ep_c", b"")]

    def test_sizes_are_not_negative(self, store: Store) -> None:
        fill(store, 5)
        space = store.space()
        assert space.store_bytes >= 0
        assert space.log_bytes >= 0
        assert (space.free_bytes is None) is (space.disk_bytes is None)
