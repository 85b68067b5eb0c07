"""Nothing due is forgotten: for each due delivery somebody is going to look, or is on the way to see to it.

A due delivery is covered by a bell that rings in time, or by its lane's owner: the row is held, or the owner is about
to fetch, or has its time noted. Nobody is asked who moves: while a process is paused, or owes a bell for what it
committed, it is waited for. So this sees within seconds what the sweep would repair within half a minute. It is not for
runs in which processes die or wall clocks jump.
"""

from ringback.engine.lanes import Lane
from ringback.model.event import Delivery
from ringback.model.lane import LaneRow
from ringback.store.memory.lanes import candidates
from simulation.node import WALL_START_MS, Node
from simulation.world import World

LOOK_EVERY_S = 0.1
SKEW_MS = 300
# How much longer what takes several calls may last.
BETWEEN = 8.0
LISTENING = 4.0


class Coverage:
    """`grace_s`: how long messages and calls may take that nobody can see from here."""

    def __init__(self, world: World, grace_s: float) -> None:
        self._world = world
        self._grace_s = grace_s
        self._looked_s = 0.0
        self._since: dict[str, tuple[float, float]] = {}

    def look(self) -> None:
        now_s = self._world.scheduler.now_s
        if now_s - self._looked_s < LOOK_EVERY_S:
            return
        self._looked_s = now_s
        if any(node.held_up for node in self._world.alive):
            self._since.clear()
            return
        for lane in self._world.lanes():
            grace_s = self._uncovered(lane)
            if grace_s is None:
                self._since.pop(lane.endpoint_id, None)
                continue
            known_grace_s, since_s = self._since.setdefault(lane.endpoint_id, (grace_s, now_s))
            if known_grace_s != grace_s:  # it waits for something else now
                self._since[lane.endpoint_id] = (grace_s, now_s)
            elif now_s - since_s > grace_s and not self._world.owed():
                self._since[lane.endpoint_id] = (grace_s, now_s + 1e6)
                self._world.violate(f"work for {lane.endpoint_id} is due, and nobody knows of it")

    def _uncovered(self, lane: LaneRow) -> float | None:
        """For how long the lane may stay as it is; None: it is well."""
        tables = self._world.store._tables
        if not tables.queues.get((lane.tenant_id, lane.endpoint_id)):
            return None
        now_ms = WALL_START_MS + int(self._world.scheduler.now_s * 1000) - SKEW_MS
        ordered = self._world.key_at("", lane.endpoint_id) is not None
        due = [row for row in candidates(tables, lane.tenant_id, lane.endpoint_id, ordered) if row.due_at <= now_ms]
        if lane.owner is None:
            return None if all(_bell_rings(lane, row) for row in due) else self._grace_s
        owner = next((node for node in self._world.alive if node.lease.node_id == lane.owner), None)
        if owner is None:
            return None  # dead or taken for dead: that is the lease's business
        return self._unseen_by(owner, lane, due)

    def _unseen_by(self, owner: Node, lane: LaneRow, due: list[Delivery]) -> float | None:
        here = owner.dispatcher._lanes._lanes.get(lane.endpoint_id)
        if here is None:
            return BETWEEN * self._grace_s
        if here.stale or here.fetching:
            return None
        unseen = [row for row in due if not _is_seen(here, row)]
        if not unseen:
            return None
        return LISTENING * self._grace_s if all(_bell_rings(lane, row) for row in unseen) else self._grace_s


def _is_seen(here: Lane, row: Delivery) -> bool:
    """Held, or noted for when it is due, or behind a held row of its key, after which the owner fetches again."""
    noted = here.next_due is not None and here.next_due <= row.due_at
    return noted or row.seq in here.held or (here.ordered and row.ordering_key in here.keys)


def _bell_rings(lane: LaneRow, row: Delivery) -> bool:
    return lane.due_at is not None and lane.due_at <= max(row.due_at, lane.not_before)
