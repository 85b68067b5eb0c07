"""Each protection of the ownership protocol, and how to switch it off.

A protection that can be left out without any seed noticing is either not needed or not tested. So each has a way to
break it, and the kind of trouble in which that shows.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from ringback.engine import messages as m
from ringback.engine.lanes import Lane
from ringback.store.port import Fetched, Ring
from simulation.world import Node, World


class Protection(NamedTuple):
    """`break_it` gets every new node of a run; `first_seed` is where a search for a failing seed starts."""

    name: str
    trouble: str
    first_seed: int
    break_it: Callable[[Node], None]


PROTECTIONS: list[Protection] = []


def protection(trouble: str, first_seed: int = 1) -> Callable[[Callable[[Node], None]], Callable[[Node], None]]:
    def add(break_it: Callable[[Node], None]) -> Callable[[Node], None]:
        PROTECTIONS.append(Protection(break_it.__name__, trouble, first_seed, break_it))
        return break_it

    return add


def broken(protection: Protection) -> Callable[[World], None]:
    """The change of a world in which the protection is off, for all nodes, those born later too."""
    done: set[int] = set()

    def change(world: World) -> None:
        for node in world.nodes:
            if id(node) not in done:
                done.add(id(node))
                protection.break_it(node)

    return change


class _Override:
    """The node's store with some methods replaced."""

    def __init__(self, inner: Any, **methods: Callable[..., Any]) -> None:
        self._inner = inner
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        return self._methods.get(name) or getattr(self._inner, name)


def _on_open(node: Node, alter: Callable[[Lane], None]) -> None:
    """Alter every lane that the node opens."""
    lanes = node.dispatcher._lanes
    plain = lanes.open

    def opened(row: Any) -> None:
        plain(row)
        alter(lanes._lanes[row.endpoint_id])

    lanes.open = opened  # type: ignore[method-assign]


class _NeverHolds(set[int]):
    """A set that forgets: membership is never seen."""

    def __contains__(self, item: object) -> bool:
        return False


# ── the doorbell ─────────────────────────────────────────────────────────────────────────────────────────────────


@protection("late")
def the_bell_is_silenced_before_the_snapshot(node: Node) -> None:
    def fetch(command: m.Fetch) -> None:
        found = node.store.fetch(command.requests, node.clock.now_ms())
        node.store.silence(command.node_id, sorted(request.endpoint_id for request in command.requests))
        node.tell(m.FetchDone(command.node_id, command.generations, found))

    node.fetcher._fetch = fetch  # type: ignore[method-assign]


@protection("late")
def the_bell_rings_after_the_commit(node: Node) -> None:
    writer, announced = node.writer, node.writer._announce
    attempt = writer._try

    def early(batch: Any) -> Any:
        with node.store.intake() as transaction:
            batch.claim(transaction, node.clock.now_ms())
            writer._index.refresh(transaction)
            left_out = batch.leave_out(writer._index)
            if not left_out:
                batch.insert(transaction, writer._index)
                announced(node.dispatcher.epoch, batch)
                transaction.commit()
            return left_out

    assert attempt is not None
    writer._try = early  # type: ignore[method-assign]
    writer._announce = lambda mark, batch: None  # type: ignore[method-assign]


@protection("none")
def a_bell_rings_for_a_lane_that_another_owns(node: Node) -> None:
    def ring(rings: list[Ring]) -> None:
        owned = {endpoint_id for _, endpoint_id in node.world.owners()}
        node.store.ring([one for one in rings if one.endpoint_id not in owned])

    node.writer._store = _Override(node.store, ring=ring)  # type: ignore[assignment]


@protection("none")
def an_owner_listens_for_its_bells(node: Node) -> None:
    node.fetcher._store = _Override(node.store, ringing=lambda node_id, now: [])  # type: ignore[assignment]


@protection("late")
def a_lane_whose_bell_rang_is_kept(node: Node) -> None:
    def release(node_id: str, endpoint_id: str, next_due: Any, not_before: int, health: bytes) -> bool:
        node.store.silence(node_id, [endpoint_id])
        done: bool = node.store.release(node_id, endpoint_id, next_due, not_before, health)
        return done

    node.fetcher._store = _Override(node.store, release=release)  # type: ignore[assignment]


@protection("none")
def a_release_reads_the_next_due_time(node: Node) -> None:
    node.fetcher._store = _Override(  # type: ignore[assignment]
        node.store, next_due=lambda tenant_id, endpoint_id, ordered: None
    )


# ── rows in memory ───────────────────────────────────────────────────────────────────────────────────────────────


@protection("none")
def a_held_row_is_dropped_when_fetched_again(node: Node) -> None:
    def alter(lane: Lane) -> None:
        lane.is_new = lambda row: row.delivery.seq not in lane.settled  # type: ignore[method-assign]

    _patchable_lanes(node, alter)


@protection("late")
def a_row_settled_since_the_fetch_began_is_dropped(node: Node) -> None:
    _on_open(node, lambda lane: setattr(lane, "settled", _NeverHolds()))


@protection("late")
def a_hand_over_older_than_a_fetch_is_refused(node: Node) -> None:
    lanes = node.dispatcher._lanes
    plain = lanes.hand_over

    def hand_over(lane: Lane, row: Any, mark: int) -> None:
        was, lane.fetching = lane.fetching, False
        watermark, lane.watermark = lane.watermark, 0
        plain(lane, row, 1 << 60)
        lane.fetching = was
        lane.watermark = max(watermark, lane.watermark)

    lanes.hand_over = hand_over  # type: ignore[method-assign]


@protection("late")
def late_commits_below_the_watermark_are_fetched(node: Node) -> None:
    def fetch(requests: Any, now: int) -> list[Fetched]:
        marks = {request.endpoint_id: request.watermark for request in requests}
        found = node.store.fetch(requests, now)
        return [
            one._replace(rows=[r for r in one.rows if r.delivery.seq > marks[one.endpoint_id] or r.delivery.attempts])
            for one in found
        ]

    node.fetcher._store = _Override(node.store, fetch=fetch)  # type: ignore[assignment]


@protection("late")
def one_row_of_a_key_at_a_time(node: Node) -> None:
    _on_open(node, lambda lane: setattr(lane, "keys", _ForgetfulKeys()))


class _ForgetfulKeys(dict[Any, int]):
    def __contains__(self, item: object) -> bool:
        return False


# ── settling ─────────────────────────────────────────────────────────────────────────────────────────────────────


@protection("heartbeat")
def a_reschedule_counts_only_where_attempts_matches(node: Node) -> None:
    def settle(settlements: Any) -> list[bool]:
        tables = node.world.store._tables
        guarded = []
        for one in settlements:
            key = (one.attempt.tenant_id, one.attempt.endpoint_id)
            row = tables.queues[key].get(one.seq) if key in tables.queues else None
            if row is not None:
                tables.queues[key][one.seq] = row._replace(attempts=one.attempt.number - 1)
            guarded.append(one)
        done: list[bool] = node.store.settle(guarded)
        return done

    node.settler._store = _Override(node.store, settle=settle)  # type: ignore[assignment]


# ── leases ───────────────────────────────────────────────────────────────────────────────────────────────────────


@protection("pause")
def no_request_starts_past_the_lease(node: Node) -> None:
    node.lease.covers = lambda now_s, deadline_s: True  # type: ignore[method-assign]


@protection("heartbeat")
def the_lease_counts_from_before_the_beat_was_sent(node: Node) -> None:
    renewed = node.lease.renewed
    node.lease.renewed = lambda sent_s: renewed(node.clock.boottime_s())  # type: ignore[method-assign]


@protection("pause")
def a_node_taken_over_drops_its_lanes(node: Node) -> None:
    node.dispatcher._handlers[m.LeaseLost] = lambda message: None


@protection("pause")
def a_claim_needs_the_nodes_own_row(node: Node) -> None:
    def claim(node_id: str, now: int, limit: int) -> Any:
        tables = node.world.store._tables
        missing = node_id not in tables.nodes
        if missing:
            tables.nodes[node_id] = 0
        rows = node.world.store.claim(node_id, now, limit)
        if missing:
            del tables.nodes[node_id]
        return rows

    node.fetcher._store = _Override(node.store, claim=claim)  # type: ignore[assignment]


@protection("pause")
def only_a_beat_as_seen_is_taken_over(node: Node) -> None:
    def take_over(node_id: str, beat: int, now: int) -> bool:
        current = {one.id: one.beat for one in node.world.store.nodes()}
        done: bool = node.store.take_over(node_id, current.get(node_id, beat), now)
        return done

    node.heartbeat._store = _Override(node.store, take_over=take_over)  # type: ignore[assignment]


@protection("pause")
def the_dead_are_taken_over(node: Node) -> None:
    node.heartbeat._bury_the_dead = lambda: None  # type: ignore[method-assign]


# ── repairs ──────────────────────────────────────────────────────────────────────────────────────────────────────


@protection("crash")
def a_sweep_rings_for_stranded_work(node: Node) -> None:
    node.sweep._store = _Override(node.store, ring_stranded=lambda now, limit: 0)  # type: ignore[assignment]


@protection("doubt")
def a_doubtful_claim_is_audited(node: Node) -> None:
    node.fetcher._audit = lambda node_id: None  # type: ignore[method-assign]


@protection("doubt")
def a_doubtful_commit_is_settled_by_asking(node: Node) -> None:
    node.writer._happened = lambda batch: True  # type: ignore[method-assign]


def _patchable_lanes(node: Node, alter: Callable[[Lane], None]) -> None:
    """Lanes of a subclass whose methods can be replaced one by one (Lane itself has slots)."""

    class Patchable(Lane):
        pass

    lanes = node.dispatcher._lanes
    plain = lanes.open

    def opened(row: Any) -> None:
        plain(row)
        lane = lanes._lanes[row.endpoint_id]
        patched = Patchable(row, lane.generation, lane.opened)
        lanes._lanes[row.endpoint_id] = patched
        alter(patched)

    lanes.open = opened  # type: ignore[method-assign]
