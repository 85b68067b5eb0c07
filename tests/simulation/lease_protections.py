"""Protections of the lease: who may own a lane, for how long, and how a death is noticed (docs/simulation.md)."""

from collections.abc import Callable, Sequence
from typing import Any

from ringback.engine import messages as m
from ringback.engine.heartbeat import Heartbeat
from ringback.engine.lease import Lease
from ringback.model.lane import LaneRow
from ringback.model.limits import LEASE_S
from ringback.store.port import Leaving
from simulation.protection import Override, protection, wall_s

# ── the lease ────────────────────────────────────────────────────────────────────────────────────────────────────


def _while_sending(node: Any, covers: Callable[[float, float], bool]) -> None:
    """Requests start by another rule for the lease; everything else goes by the right one."""
    dispatcher = node.dispatcher
    plain = dispatcher._start_requests

    def start_requests() -> None:
        lease, dispatcher._lease = dispatcher._lease, Override(dispatcher._lease, covers=covers)
        plain()
        dispatcher._lease = lease

    dispatcher._start_requests = start_requests


@protection("heartbeat")
def no_request_starts_past_the_lease(node: Any) -> None:
    """A dispatcher sends without looking at the lease."""
    _while_sending(node, lambda now_s, deadline_s: True)


@protection("heartbeat")
def a_request_ends_within_the_lease(node: Any) -> None:
    """A request starts within the lease, whatever its deadline."""
    _while_sending(node, lambda now_s, deadline_s: now_s <= node.lease.until_s)


@protection("heartbeat")
def the_lease_counts_from_before_the_beat_was_sent(node: Any) -> None:
    """The lease counts from when the beat was answered."""

    class Late(Lease):
        __slots__ = ()

        def renewed(self, beat_sent_s: float) -> None:
            self.until_s = node.clock.boottime_s() + LEASE_S

    node.lease.__class__ = Late


@protection("jump")
def the_lease_is_on_the_boot_clock(node: Any) -> None:
    """The lease is measured on the wall clock, which somebody may set back."""

    class OnTheWall(Lease):
        __slots__ = ()

        def renewed(self, beat_sent_s: float) -> None:
            self.until_s = wall_s(node) + LEASE_S

        def covers(self, now_s: float, deadline_s: float) -> bool:
            return wall_s(node) + deadline_s <= self.until_s

    node.lease.__class__ = OnTheWall


@protection("hang")
def a_node_beats_only_while_its_threads_move(node: Any) -> None:
    """The heartbeat beats whatever the other threads do."""
    node.heartbeat._alive = lambda: True


# ── being taken over ─────────────────────────────────────────────────────────────────────────────────────────────


@protection("pause")
def a_node_taken_over_drops_its_lanes(node: Any) -> None:
    """A node that finds its row gone goes on with the lanes it has."""
    node.dispatcher._handlers[m.LeaseLost] = lambda message: None


@protection("pause")
def a_node_taken_over_gets_a_fresh_id(node: Any) -> None:
    """A node that finds its row gone registers under the same id."""
    heartbeat = node.heartbeat
    clock = Override(node.clock, new_id=lambda prefix: node.lease.node_id)
    heartbeat._clock = clock


@protection("pause")
def what_an_old_id_claimed_is_not_opened(node: Any) -> None:
    """Lanes are opened from a late answer to a claim under an id that was lost meanwhile."""
    dispatcher = node.dispatcher
    plain = dispatcher._handlers[m.Claimed]
    dispatcher._handlers[m.Claimed] = lambda message: plain(message._replace(node_id=node.lease.node_id))


@protection("late-claim")
def a_claim_needs_the_nodes_own_row(node: Any) -> None:
    """A claim does not look for the claimer's own row."""

    def claim(node_id: str, now: int, limit: int) -> Any:
        def done() -> Any:
            nodes = node.world.store._tables.nodes
            missing = node_id not in nodes
            if missing:
                nodes[node_id] = 0
            try:
                return node.world.store.claim(node_id, now, limit)
            finally:
                if missing:
                    del nodes[node_id]

        return node.store.call("claim", done, (node_id, now, limit))

    node.fetcher._store = Override(node.store, claim=claim)


@protection("none")
def a_claim_takes_only_what_nobody_owns(node: Any) -> None:
    """A claim takes ringing lanes whoever owns them."""

    def claim(node_id: str, now: int, limit: int) -> list[LaneRow]:
        lanes = node.world.store._tables.lanes
        for lane in list(lanes.values()):
            if lane.owner != node_id and lane.due_at is not None and lane.due_at <= now:
                lanes[lane.endpoint_id] = lane._replace(owner=None)
        rows: list[LaneRow] = node.store.claim(node_id, now, limit)
        return rows

    node.fetcher._store = Override(node.store, claim=claim)


@protection("pause")
def a_release_needs_a_lane_that_is_still_ours(node: Any) -> None:
    """A release frees the lane whoever owns it by now."""

    def release(node_id: str, lanes: Sequence[Leaving]) -> list[bool]:
        given_up: list[bool] = []
        for leaving in lanes:
            lane = node.world.store._tables.lanes.get(leaving.endpoint_id)
            owner = node_id if lane is None or lane.owner is None else lane.owner
            given_up += node.store.release(owner, [leaving])
        return given_up

    node.fetcher._store = Override(node.store, release=release)


# ── taking over ──────────────────────────────────────────────────────────────────────────────────────────────────


@protection("crash")
def the_dead_are_taken_over(node: Any) -> None:
    """Nobody looks for dead nodes."""
    node.heartbeat._bury_the_dead = lambda: None


@protection("late-takeover")
def only_a_beat_as_seen_is_taken_over(node: Any) -> None:
    """A node is taken over though its beat moved since it was looked at."""

    def take_over(node_id: str, beat: int, now: int) -> Any:
        # The store's own step, as late as the real call would be.
        def done() -> bool:
            store = node.world.store
            return store.take_over(node_id, store._tables.nodes.get(node_id, -1), now)

        return node.store.call("take_over", done, (node_id, beat, now))

    node.heartbeat._store = Override(node.store, take_over=take_over)


@protection("jump")
def death_is_judged_on_the_boot_clock(node: Any) -> None:
    """A node is dead when the wall clock says that its beat stood still for a lease."""
    heartbeat: Heartbeat = node.heartbeat
    plain = heartbeat._bury_the_dead
    on_the_wall: Any = Override(node.clock, boottime_s=lambda: wall_s(node))

    def bury() -> None:
        clock, heartbeat._clock = heartbeat._clock, on_the_wall
        try:
            plain()
        finally:
            heartbeat._clock = clock

    node.heartbeat._bury_the_dead = bury


@protection("silent-death", sweeping=False)
def lanes_taken_over_ring(node: Any) -> None:
    """A takeover frees the lanes and leaves their bells as they are."""

    def take_over(node_id: str, beat: int, now: int) -> Any:
        def done() -> bool:
            store = node.world.store
            before = {lane.endpoint_id: lane.due_at for lane in store._tables.lanes.values() if lane.owner == node_id}
            taken = store.take_over(node_id, beat, now)
            if taken:
                for endpoint_id, due_at in before.items():
                    store._tables.lanes[endpoint_id] = store._tables.lanes[endpoint_id]._replace(due_at=due_at)
            return taken

        return node.store.call("take_over", done, (node_id, beat, now))

    node.heartbeat._store = Override(node.store, take_over=take_over)


@protection("restart")
def where_one_process_has_the_store_a_start_frees_all_lanes(node: Any) -> None:
    """A start leaves the lanes and the row of the process before it, as if that might live."""

    def register(node_id: str, now: int) -> None:
        node.world.store._tables.nodes[node_id] = 0

    node.heartbeat._store = Override(node.store, register=register)


@protection("outlived-lease", sweeping=False)
def nothing_is_handed_over_without_a_lease(node: Any) -> None:
    """Ingest hands rows over to a dispatcher whose lease may have run out."""
    node.door.always_leased = True


@protection("heartbeat")
def who_may_not_send_does_not_claim(node: Any) -> None:
    """A dispatcher claims lanes whatever is left of its lease."""
    search = node.dispatcher._search
    plain = search._ask

    def ask(now: Any) -> None:
        lease, search._lease = search._lease, Override(search._lease, covers=lambda now_s, deadline_s: True)
        plain(now)
        search._lease = lease

    search._ask = ask
