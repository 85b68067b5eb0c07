"""What an endpoint and its deliveries say about whether anything is sent, for every state of its lane."""

from typing import Any

import pytest

from conformance.backend import NODE, add_endpoint, claim, release, ring, settle
from ringback.control.events import DeliveryStatus, EventUseCases, WaitingFor
from ringback.control.paging import PageRequest
from ringback.control.sending import ATTEMPTS_LOOKED_AT, Sending, SendingState, sendings
from ringback.model.attempt import DeliveryState
from ringback.model.endpoint import EndpointStatus, Ordering
from ringback.model.event import NewDelivery
from ringback.policy.health import FRESH, Phase, dump
from ringback.profiles import Registry
from ringback.store.memory import MemoryStore
from ringback.testing.clock import ManualClock
from support.rows import NOW, TENANT, attempt, event, failed

PARKED = dump(FRESH._replace(phase=Phase.PARKED, not_before=NOW + 9_000, average_s=0.1))
PROBING = dump(FRESH._replace(phase=Phase.PROBING, average_s=0.1))
OPEN = dump(FRESH._replace(not_before=NOW + 9_000, average_s=0.1))
SOON = NOW + 9_000


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    store.register(NODE, NOW)
    return store


def lane(store: MemoryStore, not_before: int, health: bytes, **fields: Any) -> None:
    """An endpoint whose lane was released like this."""
    add_endpoint(store, **fields)
    ring(store)
    assert set(claim(store)) == {"ep_a"}
    assert release(store, NODE, "ep_a", NOW, not_before, health)


def sending(store: MemoryStore, now: int = NOW) -> Sending:
    return sendings(store, store.load_endpoints(["ep_a"]), now)["ep_a"]


def accept(store: MemoryStore, event_id: str = "evt_1", due_at: int = NOW, key: str | None = None) -> int:
    with store.intake() as transaction:
        (seq,) = transaction.insert([event(event_id)], [NewDelivery(TENANT, "ep_a", event_id, key, due_at)])
        transaction.commit()
    return seq


def waiting(store: MemoryStore, event_id: str = "evt_1", now: int = NOW) -> tuple[int | None, WaitingFor | None]:
    (status,) = (
        EventUseCases(store, ManualClock(now), Registry(store), lambda: None)
        .deliveries(TENANT, event_id, PageRequest(50, None))
        .items
    )
    assert isinstance(status, DeliveryStatus)
    assert status.state is DeliveryState.PENDING
    return status.next_attempt_at, status.waiting_for


@pytest.mark.parametrize(
    ("not_before", "health", "now", "expected"),
    [
        (0, b"", NOW, Sending(SendingState.SENDING)),
        (SOON, OPEN, NOW, Sending(SendingState.PAUSED, SOON)),
        (SOON, b"", NOW, Sending(SendingState.PAUSED, SOON)),  # a rate's
        (SOON, OPEN, SOON, Sending(SendingState.SENDING)),
        (SOON, PARKED, NOW, Sending(SendingState.PARKED, SOON)),
        (SOON, PARKED, SOON, Sending(SendingState.PARKED)),
        (0, PROBING, NOW, Sending(SendingState.PARKED)),
        (SOON, b"{broken", NOW, Sending(SendingState.PAUSED, SOON)),
    ],
)
def test_the_state_of_a_lane(store: MemoryStore, not_before: int, health: bytes, now: int, expected: Sending) -> None:
    lane(store, not_before, health)
    assert sending(store, now) == expected


@pytest.mark.parametrize("status", [status for status in EndpointStatus if status is not EndpointStatus.ACTIVE])
def test_an_endpoint_that_is_not_active_is_stopped(store: MemoryStore, status: EndpointStatus) -> None:
    add_endpoint(store, status=status)
    accept(store)
    assert sending(store) == Sending(SendingState.STOPPED)
    assert waiting(store) == (None, WaitingFor.ENDPOINT)


def test_one_that_is_switched_off_between_two_reads_is_stopped(store: MemoryStore) -> None:
    endpoint = add_endpoint(store)
    store.delete_endpoint(TENANT, "ep_a", NOW)
    assert sendings(store, [endpoint], NOW) == {"ep_a": Sending(SendingState.STOPPED)}


def test_a_deleted_endpoint_is_waited_for_until_its_deliveries_are_cancelled(store: MemoryStore) -> None:
    add_endpoint(store)
    accept(store)
    store.delete_endpoint(TENANT, "ep_a", NOW)
    assert waiting(store) == (None, WaitingFor.ENDPOINT)


@pytest.mark.parametrize(
    ("end", "state"),
    [(attempt(1, 1, at=SOON), SendingState.SENDING), (failed(1, 1, at=SOON), SendingState.PARKED)],
)
def test_a_parked_lane_that_is_tried_is_parked_until_a_request_succeeds(
    store: MemoryStore, end: Any, state: SendingState
) -> None:
    lane(store, SOON, PARKED)
    settle(store, 0, attempt(0, 1, at=SOON - 1))  # before it was tried again
    assert set(claim(store, SOON)) == {"ep_a"}
    assert sending(store, SOON) == Sending(SendingState.PARKED)
    settle(store, 0, end)
    assert sending(store, SOON) == Sending(state)


def test_only_so_many_attempts_are_looked_at(store: MemoryStore) -> None:
    lane(store, SOON, PARKED)
    claim(store, SOON)
    settle(store, 0, attempt(1, 1, at=SOON))
    for place in range(2, ATTEMPTS_LOOKED_AT + 1):
        settle(store, 0, failed(place, 1, at=SOON))
    assert sending(store, SOON).state is SendingState.SENDING
    settle(store, 0, failed(ATTEMPTS_LOOKED_AT + 1, 1, at=SOON))
    assert sending(store, SOON).state is SendingState.PARKED


@pytest.mark.parametrize(
    ("not_before", "health", "due_at", "expected"),
    [
        (0, b"", NOW, (NOW, None)),
        (0, b"", NOW + 5, (NOW + 5, None)),
        (SOON, OPEN, NOW, (SOON, WaitingFor.PAUSE)),
        (SOON, PARKED, NOW, (SOON, WaitingFor.PAUSE)),
        (SOON, OPEN, SOON, (SOON, WaitingFor.PAUSE)),  # Retry-After sets both
        (SOON, PARKED, SOON + 1, (SOON + 1, None)),
        (0, PROBING, NOW, (None, WaitingFor.PAUSE)),
        (0, PROBING, NOW + 1, (NOW + 1, None)),
    ],
)
def test_when_a_delivery_is_sent_next(
    store: MemoryStore, not_before: int, health: bytes, due_at: int, expected: tuple[int | None, WaitingFor | None]
) -> None:
    lane(store, not_before, health)
    accept(store, due_at=due_at)
    assert waiting(store) == expected


@pytest.mark.parametrize("ordering", [Ordering.STRICT, Ordering.SUBJECT])
def test_in_an_order_only_the_first_of_a_key_has_a_time(store: MemoryStore, ordering: Ordering) -> None:
    add_endpoint(store, ordering=ordering)
    first = accept(store, "evt_1", key="k")
    accept(store, "evt_2", key="k")
    accept(store, "evt_3", key="other")
    settle(store, first, failed(1, 1), retry_at=NOW + 600_000, tries=1)
    assert waiting(store, "evt_1") == (NOW + 600_000, None)
    assert waiting(store, "evt_2") == (None, WaitingFor.ORDER)
    assert waiting(store, "evt_3") == (NOW, None)


def test_without_an_order_nobody_waits_for_another(store: MemoryStore) -> None:
    add_endpoint(store)
    for event_id in ("evt_1", "evt_2"):
        accept(store, event_id)
        assert waiting(store, event_id) == (NOW, None)
