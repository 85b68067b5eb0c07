"""What every store does with notices: they are written down with what they tell of or not at all, once, and wait in the
order in which it happened until they are dropped."""

import pytest

from conformance.backend import NODE, accept, add_endpoint, own_lane, release
from ringback.model.endpoint import EndpointMove, EndpointStatus
from ringback.model.handshake import HandshakeEnd
from ringback.model.notice import Notice
from ringback.store.port import BadRow, Settlement, Store
from support.rows import NOW, OTHER_TENANT, TENANT, attempt, event, failed, secret, tenant


def notice(place: int = 1, tenant_id: str = TENANT, at: int = NOW, endpoint_id: str | None = "ep_a") -> Notice:
    return Notice(tenant_id, f"evt_notice_{place}", "delivery.failed", endpoint_id, at, b'{"of":%d}' % place)


def waiting(store: Store, limit: int = 100) -> list[Notice]:
    return list(store.oldest_notices(limit))


@pytest.mark.usefixtures("node")
class TestNoticesOfTransactions:
    def test_they_wait_in_the_order_of_what_happened_and_go_when_dropped(self, store: Store) -> None:
        store.create_tenant(tenant(), secret("sec_t", None))
        told = [notice(1, at=NOW + 2), notice(2, OTHER_TENANT, NOW + 1, None), notice(3, at=NOW)]
        for place, one in enumerate(told):
            store.rotate_secret(secret(f"sec_{place}", None, created_at=NOW + place), NOW, [one])
        assert waiting(store) == told[::-1]
        assert waiting(store, 2) == told[:0:-1]
        store.drop_notices([(TENANT, told[2].id), (OTHER_TENANT, told[1].id), (TENANT, "evt_unknown")])
        store.drop_notices([])
        assert waiting(store) == told[:1]

    def test_the_same_again_is_no_other(self, store: Store) -> None:
        own_lane(store, "ep_a")
        for health in (b"one", b"two"):
            assert store.keep_health(NODE, "ep_a", health, [notice()])
        assert waiting(store) == [notice()]


class TestToldWithSettlements:
    def test_one_that_ends_a_delivery_is_told(self, store: Store) -> None:
        add_endpoint(store)
        (seq,) = accept(store, event(), "ep_a")
        settlement = Settlement(seq, failed(1, 1, final=True), None, 1, notice())
        assert store.settle([settlement]) == [True]
        assert waiting(store) == [notice()]
        store.drop_notices([(TENANT, notice().id)])
        assert store.settle([settlement]) == [True]
        assert waiting(store) == []

    def test_one_that_was_settled_meanwhile_is_not(self, store: Store) -> None:
        add_endpoint(store)
        (seq,) = accept(store, event(), "ep_a")
        assert store.settle([Settlement(seq, attempt(1, 1), None, 1)]) == [True]
        assert store.settle([Settlement(seq, failed(2, 1, final=True), None, 1, notice())]) == [False]
        assert waiting(store) == []

    def test_several_of_a_batch_are_told(self, store: Store) -> None:
        add_endpoint(store)
        drawn = [accept(store, event(f"evt_{place}"), "ep_a")[0] for place in range(1, 4)]
        batch = [
            Settlement(
                seq, failed(place, 1, f"evt_{place}", final=True), None, 1, notice(place) if place != 2 else None
            )
            for place, seq in enumerate(drawn, 1)
        ]
        assert store.settle(batch) == [True] * 3
        assert waiting(store) == [notice(1), notice(3)]

    def test_one_that_no_store_takes_takes_the_settlement_along(self, store: Store) -> None:
        add_endpoint(store)
        (seq,) = accept(store, event(), "ep_a")
        bad = notice()._replace(type="half \udc00")
        with pytest.raises(BadRow):
            store.settle([Settlement(seq, failed(1, 1, final=True), None, 1, bad)])
        assert store.settle([Settlement(seq, failed(1, 1, final=True), None, 1)]) == [True]


class TestToldWithEndpoints:
    def test_who_is_given_up_is_told_once(self, store: Store) -> None:
        add_endpoint(store)
        for expected in (True, False):
            told = store.give_up(
                TENANT, "ep_a", "gone", "It answered 410.", NOW, notices=[notice(1 if expected else 2)]
            )
            assert told is expected
        assert waiting(store) == [notice(1)]

    @pytest.mark.parametrize("by", [EndpointMove.VERIFIED, EndpointMove.REFUSED])
    def test_a_handshake_that_decides_is_told_once(self, store: Store, by: EndpointMove) -> None:
        add_endpoint(store, status=EndpointStatus.VERIFICATION_PENDING, unverified_since=NOW)
        end = HandshakeEnd(TENANT, "ep_a", NOW, attempt(1, event_id=None), by)
        assert store.end_handshake(end, NOW, [notice(1)])
        store.drop_notices([(TENANT, notice(1).id)])
        assert store.end_handshake(end, NOW, [notice(1)])
        assert not store.end_handshake(end._replace(attempt=attempt(2, event_id=None)), NOW, [notice(2)])
        assert waiting(store) == []

    def test_a_rotation_is_told(self, store: Store) -> None:
        add_endpoint(store)
        store.rotate_secret(secret("sec_1", "ep_a"), NOW, [notice()])
        store.rotate_secret(secret("sec_2", "ep_a", created_at=NOW + 1), NOW)
        assert waiting(store) == [notice()]


@pytest.mark.usefixtures("node")
class TestToldWithHealth:
    def test_the_owner_s_word_is_kept_with_the_health(self, store: Store) -> None:
        own_lane(store)
        assert store.keep_health(NODE, "ep_a", b"parked", [notice()])
        (lane,) = store.lanes_of(["ep_a"])
        assert (lane.health, lane.owner) == (b"parked", NODE)
        assert waiting(store) == [notice()]

    @pytest.mark.parametrize("node_id", [NODE, "node_other"])
    def test_who_does_not_own_the_lane_has_no_word(self, store: Store, node_id: str) -> None:
        own_lane(store)
        if node_id == NODE:
            assert release(store, NODE, "ep_a", None, 0, b"as released")
        assert not store.keep_health(node_id, "ep_a", b"parked", [notice()])
        assert not store.keep_health(node_id, "ep_unknown", b"parked", [notice()])
        assert store.lanes_of(["ep_a"])[0].health in (b"as released", b"")
        assert waiting(store) == []


class TestPatternsOfEndpoints:
    def test_all_that_are_there_are_listed_by_their_ids(self, store: Store) -> None:
        add_endpoint(store, "ep_b", event_types=("endpoint.*", "a.b"))
        add_endpoint(store, "ep_a", OTHER_TENANT)
        add_endpoint(store, "ep_c", status=EndpointStatus.INACTIVE)
        add_endpoint(store, "ep_d")
        store.delete_endpoint(TENANT, "ep_d", NOW)
        found = [(one, whose, tuple(patterns)) for one, whose, patterns in store.patterns_of_endpoints("", 10)]
        assert found == [
            ("ep_a", OTHER_TENANT, ("*",)),
            ("ep_b", TENANT, ("endpoint.*", "a.b")),
            ("ep_c", TENANT, ("*",)),
        ]
        assert [one for one, *_ in store.patterns_of_endpoints("ep_a", 1)] == ["ep_b"]
