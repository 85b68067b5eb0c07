"""What a kind of store has to offer so that the suites can run on it, and what many tests do with a store.

The functions speak to the port alone: what can't be seen through it is nobody's business.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from ringback.model.attempt import Attempt
from ringback.model.endpoint import Endpoint
from ringback.model.event import Event
from ringback.model.lane import LaneRow
from ringback.model.limits import FOREVER_MS
from ringback.model.notice import Notice
from ringback.store.port import AttemptQuery, Fetched, FetchRequest, Leaving, Ring, Settlement, Store
from support import rows
from support.rows import NOW, TENANT

NODE: Final = "node_a"
ALWAYS: Final = FOREVER_MS - 1  # as late as a test can look


class Backend(Protocol):
    """One kind of store, for one test."""

    sole: bool
    """Whether one process at a time has the store open, so that who registers knows all others dead."""

    def open(self) -> Store:
        """Another empty store, at each call."""

    def drop_lane(self, store: Store, endpoint_id: str) -> None:
        """Lose a lane's row, which the port has no way to do."""

    def drop_node(self, store: Store, node_id: str) -> None:
        """Lose a node's row and leave its lanes with it, which the port has no way to do either."""

    def write_notice(self, store: Store, notice: Notice) -> None:
        """Write one down that tells of nothing that happened."""


class DurableBackend(Backend, Protocol):
    """One that keeps its rows when the process ends."""

    def reopen(self, store: Store) -> Store:
        """The same store, closed and opened again."""


def add_endpoint(store: Store, endpoint_id: str = "ep_a", tenant_id: str = TENANT, **changes: Any) -> Endpoint:
    """Register an endpoint without a secret, and its lane with it."""
    endpoint = rows.endpoint(endpoint_id, tenant_id, **changes)
    assert store.create_endpoint(endpoint, None, 1_000)
    return endpoint


def accept(store: Store, event: Event, *endpoint_ids: str, due_at: int = NOW) -> list[int]:
    """Commit one event with its deliveries; their numbers. No bell is rung."""
    with store.intake() as transaction:
        drawn = transaction.insert([event], [rows.new_delivery(event, i, due_at) for i in endpoint_ids])
        transaction.commit()
    return list(drawn)


def accept_many(store: Store, count: int, endpoint_id: str = "ep_a", prefix: str = "evt", **changes: Any) -> list[int]:
    """Commit `count` events for one endpoint in one transaction; the deliveries' numbers."""
    due_at = changes.pop("due_at", NOW)
    events = [rows.event(f"{prefix}_{place:05d}", **changes) for place in range(1, count + 1)]
    with store.intake() as transaction:
        drawn = transaction.insert(events, [rows.new_delivery(event, endpoint_id, due_at) for event in events])
        transaction.commit()
    return list(drawn)


def fetch(
    store: Store,
    now: int = NOW,
    endpoint_id: str = "ep_a",
    *,
    watermark: int = 0,
    limit: int = 100,
    holding: int = 0,
    ordered: bool = False,
) -> Fetched:
    """Fetch for one lane."""
    (fetched,) = store.fetch([FetchRequest(TENANT, endpoint_id, watermark, limit, holding, ordered)], now)
    return fetched


def numbers(fetched: Fetched) -> list[int]:
    return [row.delivery.seq for row in fetched.rows]


def ring(store: Store, endpoint_id: str = "ep_a", due_at: int = NOW, tenant_id: str = TENANT) -> None:
    store.ring([Ring(tenant_id, endpoint_id, due_at)])


def claim(store: Store, now: int = NOW, node_id: str = NODE, limit: int = 1_000) -> dict[str, LaneRow]:
    """What a node can claim, by endpoint."""
    return {lane.endpoint_id: lane for lane in store.claim(node_id, now, limit)}


def own_lane(store: Store, endpoint_id: str = "ep_a", node_id: str = NODE, **changes: Any) -> None:
    """An endpoint whose lane a registered node owns, with a silent bell."""
    add_endpoint(store, endpoint_id, **changes)
    ring(store, endpoint_id)
    assert set(claim(store, NOW, node_id)) == {endpoint_id}


def release(store: Store, node_id: str, endpoint_id: str, next_due: int | None, not_before: int, health: bytes) -> bool:
    """Give one lane up."""
    (given_up,) = store.release(node_id, [Leaving(TENANT, endpoint_id, next_due, not_before, health)])
    return given_up


def settle(store: Store, seq: int, attempt: Attempt, retry_at: int | None = None, tries: int = 0) -> bool:
    """Settle one attempt."""
    (expected,) = store.settle([Settlement(seq, attempt, retry_at, tries)])
    return expected


def log(store: Store, **filters: Any) -> Sequence[Attempt]:
    """The attempts of the tenant, oldest first."""
    return store.list_attempts(AttemptQuery(**{"tenant_id": TENANT, "ascending": True, "limit": 1_000, **filters}))


def run_out(step: Callable[[], int], limit: int) -> int:
    """Repeat a step until there is nothing to do; how many rows it changed in all."""
    total = 0
    while changed := step():
        assert 0 < changed <= limit
        total += changed
    return total
