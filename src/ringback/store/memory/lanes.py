"""The memory store's lanes and nodes: claiming, fetching, releasing, and who is alive.

Each method is one transaction. `fetch` reads new work first (beyond the watermark, by seq), then retries and late
commits (by due_at); with `ordered` only the lowest seq of each ordering key counts, and None is a key too.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from ringback.model.endpoint import EndpointStatus
from ringback.model.event import Delivery, DueDelivery
from ringback.model.lane import LaneRow, NodeRow
from ringback.model.limits import FOREVER_MS
from ringback.model.notice import Notice
from ringback.store.memory.tables import MemoryPart, MemoryTables
from ringback.store.port import BadRow, Fetched, FetchRequest, Leaving, NotOwner


class MemoryLanes(MemoryPart):
    """`Lanes`."""

    def claim(self, node_id: str, now: int, limit: int) -> list[LaneRow]:
        with self._tables as tables:
            if node_id not in tables.nodes:
                raise NotOwner(f"The node {node_id} has been taken over.")
            ringing = [lane for lane in tables.lanes.values() if lane.owner is None and _rings(lane, now)]
            claimed = sorted(ringing, key=_by_due)[: max(limit, 0)]
            for lane in claimed:
                tables.lanes[lane.endpoint_id] = lane._replace(owner=node_id, due_at=None)
            return [lane._replace(owner=node_id) for lane in claimed]

    def ringing(self, node_id: str, now: int) -> list[str]:
        with self._tables as tables:
            return [lane.endpoint_id for lane in tables.lanes.values() if lane.owner == node_id and _rings(lane, now)]

    def silence(self, node_id: str, endpoint_ids: Sequence[str]) -> None:
        with self._tables as tables:
            for lane in _own(tables, node_id, endpoint_ids):
                tables.lanes[lane.endpoint_id] = lane._replace(due_at=None)

    def fetch(self, requests: Sequence[FetchRequest], now: int) -> list[Fetched]:
        with self._tables as tables:
            return [_fetch_one(tables, request, now) for request in requests]

    def next_due(self, tenant_id: str, endpoint_id: str, ordered: bool) -> int | None:
        with self._tables as tables:
            if asks_for_proof(tables, endpoint_id):
                return 0
            return min((row.due_at for row in candidates(tables, tenant_id, endpoint_id, ordered)), default=None)

    def release(self, node_id: str, lanes: Sequence[Leaving]) -> list[bool]:
        with self._tables as tables:
            return [_release(tables, node_id, leaving) for leaving in lanes]

    def keep_health(self, node_id: str, endpoint_id: str, health: bytes, notices: Sequence[Notice]) -> bool:
        with self._tables as tables:
            lane = tables.lanes.get(endpoint_id)
            if lane is None or lane.owner != node_id:
                return False
            tables.lanes[endpoint_id] = lane._replace(health=health)
            tables.add_notices(notices)
            return True

    def owned(self, node_id: str) -> list[str]:
        with self._tables as tables:
            return [lane.endpoint_id for lane in tables.lanes.values() if lane.owner == node_id]

    def disown(self, node_id: str, endpoint_ids: Sequence[str], now: int) -> None:
        with self._tables as tables:
            _free(tables, _own(tables, node_id, endpoint_ids), now)


class MemoryNodes(MemoryPart):
    """`Nodes`."""

    def register(self, node_id: str, now: int) -> None:
        with self._tables as tables:
            if node_id in tables.nodes:
                raise BadRow(f"There is a node {node_id} already.")
            if tables.sole:
                # Whoever owns a lane is dead: only this process can have the store open.
                tables.nodes.clear()
                _free(tables, [lane for lane in tables.lanes.values() if lane.owner is not None], now)
            tables.nodes[node_id] = 0

    def beat(self, node_id: str) -> bool:
        with self._tables as tables:
            if node_id not in tables.nodes:
                return False
            tables.nodes[node_id] += 1
            return True

    def nodes(self) -> list[NodeRow]:
        with self._tables as tables:
            return [NodeRow(node_id, beat) for node_id, beat in sorted(tables.nodes.items())]

    def spread(self) -> list[tuple[str, int]]:
        with self._tables as tables:
            owned = Counter(lane.owner for lane in tables.lanes.values())
            return [(node_id, owned[node_id]) for node_id in sorted(tables.nodes)]

    def take_over(self, node_id: str, beat: int, now: int) -> bool:
        with self._tables as tables:
            if tables.nodes.get(node_id) != beat:
                return False
            self.leave(node_id, now)
            return True

    def leave(self, node_id: str, now: int) -> None:
        with self._tables as tables:
            tables.nodes.pop(node_id, None)
            _free(tables, [lane for lane in tables.lanes.values() if lane.owner == node_id], now)


def candidates(tables: MemoryTables, tenant_id: str, endpoint_id: str, ordered: bool) -> Collection[Delivery]:
    """The deliveries of a lane that may be sent once they are due: all, or the head of each ordering key."""
    queue = tables.queues.get((tenant_id, endpoint_id), {})
    if not ordered:
        return queue.values()
    heads: dict[str | None, Delivery] = {}
    for row in sorted(queue.values(), key=_by_seq):
        heads.setdefault(row.ordering_key, row)
    return heads.values()


def asks_for_proof(tables: MemoryTables, endpoint_id: str) -> bool:
    """Whether the endpoint waits for its handshake."""
    endpoint = tables.endpoints.get(endpoint_id)
    return endpoint is not None and endpoint.status is EndpointStatus.VERIFICATION_PENDING


def is_due(tables: MemoryTables, row: Delivery, now: int) -> bool:
    """What was due when it was accepted, and wasn't tried yet, is due whatever the clock says: it may be set back."""
    if row.due_at <= now:
        return True
    stored = tables.events.get((row.tenant_id, row.event_id))
    return row.attempts == 0 and stored is not None and row.due_at <= stored.event.accepted_at


def _fetch_one(tables: MemoryTables, request: FetchRequest, now: int) -> Fetched:
    rows = candidates(tables, request.tenant_id, request.endpoint_id, request.ordered)
    due = [row for row in rows if is_due(tables, row, now)]
    # What the caller holds is due work it has seen, so it lies below the watermark.
    fresh = sorted((row for row in due if row.seq > request.watermark), key=_by_seq)[: request.limit]
    below = sorted((row for row in due if row.seq <= request.watermark), key=_by_due_and_seq)
    read = fresh + below[: request.limit - len(fresh) + request.holding]
    return Fetched(
        endpoint_id=request.endpoint_id,
        rows=[DueDelivery(row, tables.events[row.tenant_id, row.event_id].event) for row in read],
        watermark=max([request.watermark, *(row.seq for row in read)]),
        complete=len(read) == len(due),
        next_due=min((row.due_at for row in rows if not is_due(tables, row, now)), default=None),
    )


def _release(tables: MemoryTables, node_id: str, leaving: Leaving) -> bool:
    _, endpoint_id, next_due, not_before, health = leaving
    lane = tables.lanes.get(endpoint_id)
    if lane is None or lane.owner != node_id or lane.due_at is not None:
        return False
    not_before = FOREVER_MS if lane.not_before == FOREVER_MS else not_before
    tables.lanes[endpoint_id] = lane._replace(
        due_at=None if next_due is None else max(next_due, not_before),
        not_before=not_before,
        owner=None,
        health=health,
        freed_at=0 if next_due is None or next_due > lane.freed_at else lane.freed_at,
    )
    return True


def _own(tables: MemoryTables, node_id: str, endpoint_ids: Iterable[str]) -> list[LaneRow]:
    lanes = (tables.lanes.get(endpoint_id) for endpoint_id in endpoint_ids)
    return [lane for lane in lanes if lane is not None and lane.owner == node_id]


def _free(tables: MemoryTables, lanes: Iterable[LaneRow], now: int) -> None:
    for lane in lanes:
        tables.free_lane(lane.endpoint_id, now)


def _rings(lane: LaneRow, now: int) -> bool:
    return lane.due_at is not None and lane.due_at <= now


def _by_due(lane: LaneRow) -> tuple[int, str, str]:
    return lane.due_at or 0, lane.tenant_id, lane.endpoint_id


def _by_seq(row: Delivery) -> int:
    return row.seq


def _by_due_and_seq(row: Delivery) -> tuple[int, int]:
    return row.due_at, row.seq
