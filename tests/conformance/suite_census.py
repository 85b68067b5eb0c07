"""Counting what a store holds, page by page, and its sizes."""

from dataclasses import replace

from ringback.model.endpoint import EndpointStatus
from ringback.model.limits import FOREVER_MS
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

    def test_those_that_were_disabled_come_newest_first(self, store: Store) -> None:
        store.create_tenant(tenant(), secret("sec_t", None))
        for name in ("ep_a", "ep_b", "ep_c", "ep_d", "ep_e", "ep_f"):
            store.create_endpoint(endpoint(name), secret(f"sec_{name}", name), 10)
        assert list(store.latest_disabled(10)) == []
        for at, name in enumerate(("ep_c", "ep_a", "ep_b", "ep_d", "ep_e")):
            assert store.give_up("acme", name, "failing_too_long", "It failed for 5 days.", NOW + at)
        gone = store.get_endpoint("acme", "ep_d")
        assert gone is not None
        again = replace(gone, status=EndpointStatus.ACTIVE, disabled_at=None, updated_at=NOW + 9, revision=3)
        assert store.update_endpoint(again, NOW + 9)
        assert store.delete_endpoint("acme", "ep_e", NOW + 9)
        renamed = store.get_endpoint("acme", "ep_a")
        assert renamed is not None
        assert store.update_endpoint(replace(renamed, label="Else", updated_at=NOW + 9, revision=3), NOW + 9)
        expected = [("ep_b", NOW + 2), ("ep_a", NOW + 1), ("ep_c", NOW)]
        assert [tuple(one) for one in store.latest_disabled(10)] == expected
        assert [tuple(one) for one in store.latest_disabled(2)] == expected[:2]

    def test_one_that_was_disabled_before_that_was_kept_has_its_last_change(self, store: Store) -> None:
        store.create_tenant(tenant(), secret("sec_t", None))
        store.create_endpoint(
            endpoint(status=EndpointStatus.DISABLED, disable_code="gone", updated_at=NOW + 7), secret(), 10
        )
        assert [tuple(one) for one in store.latest_disabled(2)] == [("ep_a", NOW + 7)]

    def test_the_oldest_bell_is_of_a_lane_that_nobody_has(self, store: Store) -> None:
        store.create_tenant(tenant(), secret("sec_t", None))
        for name in ("ep_a", "ep_b", "ep_c"):
            store.create_endpoint(endpoint(name), secret(f"sec_{name}", name), 10)
        assert store.oldest_bell(FOREVER_MS - 1) is None
        store.ring([Ring("acme", "ep_a", NOW), Ring("acme", "ep_b", NOW + 5), Ring("acme", "ep_c", NOW + 10)])
        assert store.oldest_bell(NOW - 1) is None
        assert store.oldest_bell(NOW) == NOW
        off = endpoint("ep_b", status=EndpointStatus.INACTIVE, updated_at=NOW + 1, revision=2)
        assert store.update_endpoint(off, NOW + 1)
        store.register("node", NOW)
        assert [lane.endpoint_id for lane in store.claim("node", NOW, 1)] == ["ep_a"]
        assert store.oldest_bell(NOW + 9) is None
        assert store.oldest_bell(NOW + 10) == NOW + 10

    def test_sizes_are_not_negative(self, store: Store) -> None:
        fill(store, 5)
        space = store.space()
        assert space.store_bytes >= 0
        assert space.log_bytes >= 0
        assert (space.free_bytes is None) is (space.disk_bytes is None)
