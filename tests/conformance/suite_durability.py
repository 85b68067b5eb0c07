"""What every store that keeps its rows on disk does when it is closed and opened again."""

from collections.abc import Callable, Iterator

import pytest

from conformance.backend import (
    ALWAYS,
    NODE,
    DurableBackend,
    accept,
    accept_many,
    add_endpoint,
    claim,
    fetch,
    log,
    own_lane,
    release,
    ring,
    settle,
)
from ringback.model.endpoint import EndpointStatus
from ringback.store.port import AttemptQuery, EventQuery, Store
from support.rows import NOW, TENANT, api_key, attempt, endpoint, event, failed, new_delivery, secret, tenant
from support.rows import claim as key_claim

Reopen = Callable[[], Store]


class TestDurability:
    @pytest.fixture
    def kept(self, backend: DurableBackend) -> Iterator[list[Store]]:
        """The store that is open, in a list, so that it can be exchanged."""
        opened = [backend.open()]
        yield opened
        opened[0].close()

    @pytest.fixture
    def reopen(self, backend: DurableBackend, kept: list[Store]) -> Reopen:
        def close_and_open() -> Store:
            kept[0] = backend.reopen(kept[0])
            return kept[0]

        return close_and_open

    @pytest.fixture
    def store(self, kept: list[Store]) -> Store:
        return kept[0]

    def test_an_empty_store_opens_again(self, reopen: Reopen) -> None:
        store = reopen()
        store.check()
        assert (store.version(), store.nodes()) == (0, [])

    def test_an_endpoint_is_there_with_the_event_it_begins_with(self, store: Store, reopen: Reopen) -> None:
        store.create_endpoint(endpoint(), secret(), 10, event(deliveries=1))
        store = reopen()
        store.register(NODE, NOW)
        assert set(claim(store)) == {"ep_a"}
        assert [row.event.id for row in fetch(store).rows] == ["evt_1"]

    def test_what_was_committed_is_there(self, store: Store, reopen: Reopen) -> None:
        store.create_tenant(tenant(), secret("sec_t", None))
        store.create_endpoint(endpoint(), secret(), 10)
        store.create_key(api_key())
        with store.intake() as transaction:
            transaction.claim_keys([key_claim()], NOW)
            transaction.commit()
        accept(store, event("evt_1"), "ep_a")
        (done,) = accept(store, event("evt_2"), "ep_a")
        settle(store, done, attempt(1, 1, "evt_2"))

        def everything(store: Store) -> list[object]:
            with store.intake() as transaction:
                taken = transaction.claim_keys([key_claim()], NOW)
            return [
                taken,
                store.get_tenant(TENANT),
                store.get_endpoint(TENANT, "ep_a"),
                list(store.list_secrets(TENANT, "ep_a")),
                store.find_key(api_key().hash),
                list(store.list_events(EventQuery(TENANT))),
                list(store.list_attempts(AttemptQuery(TENANT))),
                list(store.progress(TENANT, "evt_1")),
                list(store.day_counts(TENANT, "ep_a", "1970-01-01")),
                fetch(store),
                list(store.changes_after(0)),
            ]

        before = everything(store)
        assert everything(reopen()) == before

    def test_what_was_not_committed_is_not_there(self, store: Store, reopen: Reopen) -> None:
        with store.intake() as transaction:
            transaction.insert([event()], [new_delivery(event())])
        store = reopen()
        assert store.get_event(TENANT, "evt_1") is None
        assert fetch(store).rows == []

    def test_numbers_versions_and_places_go_on_although_no_row_is_left(self, store: Store, reopen: Reopen) -> None:
        drawn = accept_many(store, 3)
        for place, seq in enumerate(drawn, 1):
            settle(store, seq, attempt(place, 1, f"evt_{place:05d}"))
        store.create_key(api_key())
        store.delete_key(TENANT, "key_1")
        version, (last,) = store.version(), store.list_events(EventQuery(TENANT, limit=1))
        store = reopen()
        assert accept_many(store, 1, prefix="later")[0] > drawn[-1]
        assert [one.event.id for one in store.list_events(EventQuery(TENANT, ascending=True, after=last.seq))] == [
            "later_00001"
        ]
        assert store.version() == version
        add_endpoint(store)
        assert [change.id for change in store.changes_after(version)] == ["ep_a"]

    def test_a_lanes_bell_pause_and_health_are_there(self, store: Store, reopen: Reopen) -> None:
        store.register(NODE, NOW)
        own_lane(store)
        release(store, NODE, "ep_a", NOW + 5, NOW + 9, b"tired")
        add_endpoint(store, "ep_b", status=EndpointStatus.INACTIVE)
        ring(store, "ep_b")
        store.leave(NODE, NOW)
        store = reopen()
        store.register(NODE, NOW)
        assert claim(store, ALWAYS) == {"ep_a": (TENANT, "ep_a", NOW + 9, NOW + 9, NODE, b"tired", 0)}

    def test_what_a_dead_process_owned_can_be_had(self, store: Store, reopen: Reopen) -> None:
        store.register(NODE, NOW)
        own_lane(store)
        (seq,) = accept(store, event(), "ep_a")
        settle(store, seq, failed(1, 1), retry_at=NOW + 5, tries=1)
        store = reopen()
        assert store.owned(NODE) == ["ep_a"]
        assert [node.id for node in store.nodes()] == [NODE]
        store.take_over(NODE, 0, NOW + 5)
        store.register("node_b", NOW + 5)
        assert set(claim(store, NOW + 5, "node_b")) == {"ep_a"}
        assert [row.delivery.attempts for row in fetch(store, NOW + 5).rows] == [1]

    def test_a_settlement_is_known_again(self, store: Store, reopen: Reopen) -> None:
        (seq,) = accept(store, event(), "ep_a")
        assert settle(store, seq, attempt(1, 1)) is True
        store = reopen()
        assert settle(store, seq, attempt(1, 1)) is True
        assert settle(store, seq, attempt(2, 1)) is False
        assert [one.superseded for one in log(store)] == [False, True]
