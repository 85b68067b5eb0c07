"""Protections of the doorbell and of the rows in memory (docs/simulation.md lists them)."""

from collections.abc import Sequence
from typing import Any

from ringback.engine import messages as m
from ringback.engine.lanes import Lane
from ringback.model.limits import LINGER_S
from ringback.store.port import Fetched, Leaving, Ring
from simulation.protection import Override, lanes_of_kind, on_open, protection

# ── the doorbell ─────────────────────────────────────────────────────────────────────────────────────────────────


@protection("linger")
def the_bell_is_silenced_before_the_snapshot(node: Any) -> None:
    """A fetch silences the bell after its snapshot."""

    def fetch(command: m.Fetch) -> None:
        found = node.store.fetch(command.requests, node.clock.now_ms())
        node.store.silence(command.node_id, sorted(request.endpoint_id for request in command.requests))
        node.tell(m.FetchDone(command.node_id, command.generations, found))

    node.fetcher._fetch = fetch


@protection("late")
def the_bell_rings_after_the_commit(node: Any) -> None:
    """Ingest rings and hands over before it commits."""
    writer = node.writer
    announce = writer._announce

    def attempt(batch: Any) -> Any:
        with node.store.intake() as transaction:
            batch.claim(transaction, node.clock.now_ms())
            writer._index.refresh(transaction)
            left_out = batch.leave_out(writer._index)
            if not left_out:
                batch.insert(transaction, writer._index)
                announce(node.dispatcher.epoch, batch)
                transaction.commit()
            return left_out

    writer._try = attempt
    writer._announce = lambda mark, batch: None


@protection("late")
def a_bell_rings_for_a_lane_that_another_owns(node: Any) -> None:
    """Ingest rings for lanes without an owner only."""

    def ring(rings: list[Ring]) -> None:
        owned = {lane.endpoint_id for lane in node.world.lanes() if lane.owner is not None}
        node.store.ring([one for one in rings if one.endpoint_id not in owned])

    node.writer._store = Override(node.store, ring=ring)


@protection("unavailable")
def a_bell_is_owed_until_it_rang(node: Any) -> None:
    """Ingest tries to ring once."""
    ring = node.writer._ring

    def once(rings: list[Ring]) -> None:
        ring(rings)
        node.writer._late_rings.clear()

    node.writer._ring = once


@protection("rate")
def a_bell_does_not_ring_within_a_pause(node: Any) -> None:
    """Ringing a lane's bell does not heed its `not_before`."""

    def ring(rings: list[Ring]) -> None:
        node.store.ring(rings)
        lanes = node.world.store._tables.lanes
        for one in rings:
            lane = lanes[one.endpoint_id]
            lanes[one.endpoint_id] = lane._replace(due_at=min(one.due_at, lane.due_at or one.due_at))

    node.writer._store = Override(node.store, ring=ring)


@protection("none")
def an_owner_listens_for_its_bells(node: Any) -> None:
    """An owner never asks which of its bells ring."""
    node.fetcher._store = Override(node.store, ringing=lambda node_id, now: [])


@protection("linger")
def a_lane_whose_bell_rang_is_kept(node: Any) -> None:
    """A release silences the bell again after it read the next due time."""

    def release(node_id: str, lanes: Sequence[Leaving]) -> Any:
        node.store.silence(node_id, [lane.endpoint_id for lane in lanes])
        return node.store.release(node_id, lanes)

    node.fetcher._store = Override(node.store, release=release)


@protection("none")
def a_release_reads_the_next_due_time(node: Any) -> None:
    """A released lane's bell is left silent."""
    node.fetcher._store = Override(node.store, next_due=lambda tenant_id, endpoint_id, ordered: None)


@protection("rate")
def a_release_carries_the_pause_on(node: Any) -> None:
    """A released lane may be claimed at once, though its rate or its health makes it pause."""

    def release(node_id: str, lanes: Sequence[Leaving]) -> Any:
        return node.store.release(node_id, [lane._replace(not_before=0) for lane in lanes])

    node.fetcher._store = Override(node.store, release=release)


# ── rows in memory ───────────────────────────────────────────────────────────────────────────────────────────────


@protection("late")
def a_held_row_is_dropped_when_fetched_again(node: Any) -> None:
    """A fetched row is queued though it is held."""

    class Careless(Lane):
        __slots__ = ()

        def is_new(self, row: Any) -> bool:
            return row.delivery.seq not in self.settled

    lanes_of_kind(node, Careless)


class _NeverHolds(set[int]):
    """A set that forgets: membership is never seen."""

    def __contains__(self, item: object) -> bool:
        return False


@protection("late")
def a_row_settled_since_the_fetch_began_is_dropped(node: Any) -> None:
    """A fetched row is queued though it was settled while the fetch was on its way."""
    on_open(node, lambda lane: setattr(lane, "settled", _NeverHolds()))


@protection("late")
def late_commits_below_the_watermark_are_fetched(node: Any) -> None:
    """A fetch shows what is new above the watermark, and retries, but no late commits."""

    def fetch(requests: Any, now: int) -> list[Fetched]:
        marks = {request.endpoint_id: request.watermark for request in requests}
        return [
            one._replace(
                rows=[r for r in one.rows if r.delivery.seq > marks[one.endpoint_id] or r.delivery.attempts],
                complete=True,
            )
            for one in node.store.fetch(requests, now)
        ]

    node.fetcher._store = Override(node.store, fetch=fetch)


@protection("none")
def an_owner_notes_when_its_retries_are_due(node: Any) -> None:
    """A lane does not note the time of a row that is due later."""

    class Careless(Lane):
        __slots__ = ()

        def note_due(self, due_at: int | None) -> None:
            """Forget it."""

    lanes_of_kind(node, Careless)


@protection("late")
def a_lane_is_released_with_nothing_held(node: Any) -> None:
    """A lane is released two seconds after its queue ran dry, whatever is in flight."""
    lanes = node.dispatcher._lanes

    def linger(lane: Lane) -> None:
        if lane.queue or lane.fetching or lane.stale:
            lane.idle_since_s = None
        elif lane.idle_since_s is None:
            lane.idle_since_s = lanes._now.boot_s
            lanes._set_alarm(lane, LINGER_S)
        elif lanes._now.boot_s - lane.idle_since_s >= LINGER_S:
            lanes._release(lane)
        else:
            lanes._set_alarm(lane, 0.1)

    lanes._linger = linger


# ── the hand-over ────────────────────────────────────────────────────────────────────────────────────────────────


@protection("hand-over")
def a_hand_over_below_the_watermark_is_refused(node: Any) -> None:
    """Rows are taken from ingest though a fetch may have shown them."""

    class Careless(Lane):
        __slots__ = ()

        def may_take(self, row: Any, mark: int) -> bool:
            return self.opened <= mark and not self.ordered and not self.closing

    lanes_of_kind(node, Careless)


@protection("hand-over")
def a_hand_over_for_a_lane_opened_since_is_refused(node: Any) -> None:
    """Rows are taken from ingest though the lane was opened after their transaction had begun."""

    class Careless(Lane):
        __slots__ = ()

        def may_take(self, row: Any, mark: int) -> bool:
            return super().may_take(row, max(mark, self.opened))

    lanes_of_kind(node, Careless)


@protection("none")
def what_is_not_taken_is_fetched(node: Any) -> None:
    """A row of ingest that a lane can't take is forgotten."""
    lanes = node.dispatcher._lanes
    plain = lanes.hand_over

    def hand_over(lane: Lane, row: Any, mark: int) -> None:
        lanes.must_fetch = lambda lane: None
        plain(lane, row, mark)
        del lanes.must_fetch

    lanes.hand_over = hand_over


# ── order ────────────────────────────────────────────────────────────────────────────────────────────────────────


@protection("overtaken")
def one_row_of_a_key_at_a_time(node: Any) -> None:
    """A fetched head is queued though another row of its key is held (a late commit has the lower number)."""

    class Careless(Lane):
        __slots__ = ()

        def is_new(self, row: Any) -> bool:
            return row.delivery.seq not in self.held and row.delivery.seq not in self.settled

    lanes_of_kind(node, Careless)


@protection("order")
def ordered_lanes_fetch_heads_only(node: Any) -> None:
    """A fetch of an ordered lane shows whatever is due."""

    def fetch(requests: Any, now: int) -> Any:
        return node.store.fetch([request._replace(ordered=False) for request in requests], now)

    node.fetcher._store = Override(node.store, fetch=fetch)


@protection("order")
def ordered_lanes_take_no_hand_over(node: Any) -> None:
    """Rows of ingest are queued in ordered lanes too."""

    class Careless(Lane):
        __slots__ = ()

        def may_take(self, row: Any, mark: int) -> bool:
            ordered, self.ordered = self.ordered, False
            taken = super().may_take(row, mark)
            self.ordered = ordered
            return taken

    lanes_of_kind(node, Careless)


# ── endpoints that have to prove themselves ──────────────────────────────────────────────────────────────────────


@protection("handshake", sweeping=False)
def a_lane_that_is_left_while_its_endpoint_waits_is_due(node: Any) -> None:
    """What is next due in a lane is what its deliveries say, though its endpoint waits to be asked."""
    store = node.fetcher._store

    def next_due(tenant_id: str, endpoint_id: str, ordered: bool) -> int | None:
        return store.next_due(tenant_id, endpoint_id, ordered) or None

    node.fetcher._store = Override(store, next_due=next_due)


@protection("handshake")
def a_recorded_answer_has_the_lane_looked_at_again(node: Any) -> None:
    """The dispatcher doesn't hear that what a handshake came to is recorded."""
    node.dispatcher._handlers[m.HandshakeRecorded] = lambda message: None
