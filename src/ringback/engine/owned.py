"""The lanes that this process owns: which may send now, which want to be fed, which are let go.

Every lane that something happened to is marked, and looked at once a turn (`review`): it is offered a turn or not,
wants a fetch or not, rests, lingers, or is released. A lane's pause, whatever its reason, acts here: its window and its
`not_before`. Alarms are on the boot clock, so a wall clock that is set moves none of them. Belongs to the dispatcher's
thread; `mark`s of hand-overs are readings of `epoch`. Never sends and never touches the store.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from ringback.engine.alarms import Alarms
from ringback.engine.directory import Directory
from ringback.engine.feeding import Feeding
from ringback.engine.handshakes import Handshakes
from ringback.engine.lanes import Lane, bytes_of
from ringback.engine.wall import Moment, Steps
from ringback.model.event import DueDelivery
from ringback.model.lane import LaneRow
from ringback.model.limits import LINGER_S
from ringback.observe.attempts import PAUSED, RATE, WINDOW
from ringback.outgoing import Target
from ringback.policy import health as health_policy
from ringback.policy import rate
from ringback.policy.fairness import Turns
from ringback.store.port import Fetched, FetchRequest

FIRST_COST_S: Final = 0.05
OFFERED_MAX: Final = 256


def cost_s(lane: Lane) -> float:
    """What a request of the lane is charged when it starts: seconds of connection time."""
    average_s = lane.health.average_s
    return FIRST_COST_S if average_s is None else average_s


class OwnedLanes:
    """`let_go(row, ordered)` is called with what a release writes, after the lane was forgotten here."""

    def __init__(
        self, slots: int, directory: Directory, let_go: Callable[[LaneRow, bool], None], handshakes: Handshakes
    ) -> None:
        self.turns = Turns(slots)
        self.feeding = Feeding(slots, self._window)
        self.budget = self.feeding.budget
        self.epoch = 0
        self.stopping = False
        self._directory = directory
        self._let_go = let_go
        self._handshakes = handshakes
        self._lanes: dict[str, Lane] = {}
        self._dirty: dict[str, None] = {}
        self._alarms = Alarms()
        self._generation = 0
        self._now = Moment(0, 0.0)
        self._steps: Steps | None = None

    # ── which there are ──────────────────────────────────────────────────────────────────────────────────────

    def __contains__(self, endpoint_id: str) -> bool:
        return endpoint_id in self._lanes

    def __len__(self) -> int:
        return len(self._lanes)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._lanes))

    def values(self) -> Iterable[Lane]:
        """All of them. None is opened or released meanwhile."""
        return self._lanes.values()

    def get(self, endpoint_id: str, generation: int | None = None) -> Lane | None:
        """The lane, if it is owned (and, with `generation`, if it is still the same one)."""
        lane = self._lanes.get(endpoint_id)
        if lane is None or (generation is not None and lane.generation != generation):
            return None
        return lane

    def open(self, row: LaneRow) -> None:
        """A lane was claimed, or could not be released."""
        self._generation += 1
        self.epoch += 1
        lane = self._lanes[row.endpoint_id] = Lane(row, self._generation, self.epoch, self._now.wall_ms)
        if row.not_before > lane.health.not_before:  # a rate's, which the health knows nothing of
            lane.health = health_policy.pause(lane.health, row.not_before)
        self.touch(row.endpoint_id)

    def touch(self, endpoint_id: str) -> None:
        """Something happened to the lane: look at it this turn."""
        self._dirty[endpoint_id] = None

    def touch_all(self) -> None:
        self._dirty.update(dict.fromkeys(self._lanes))

    def _clock_was_set(self, by_ms: int) -> None:
        """What is counted from the wall clock moves with it."""
        for lane in self._lanes.values():
            lane.health = health_policy.clock_was_set(lane.health, by_ms)
            if by_ms < 0 and lane.next_due is not None:
                lane.next_due += by_ms
        self.touch_all()

    def drop_all(self) -> None:
        """They are others' now."""
        for lane in self._lanes.values():
            self._drop(lane)
        self._lanes.clear()
        self.feeding.clear()

    def _drop(self, lane: Lane) -> None:
        self.turns.withdraw(lane.endpoint_id)
        self.feeding.sated(lane)
        self.budget.bytes -= lane.bytes_queued
        self.feeding.count(lane, -len(lane.held) - lane.reserved)

    def oldest_waiting(self, now_ms: int, crowded_ms: int) -> int | None:
        """Since when the lane whose turn is longest overdue waits for it (`Lane.waits_since`). For any thread."""
        wanting = [lane for lane in list(self._lanes.values()) if self.turns.wants(lane.endpoint_id)]
        waits = (lane.waits_since(now_ms, crowded_ms) for lane in wanting)
        return min((since for since in waits if since is not None), default=None)

    # ── what happens to them ─────────────────────────────────────────────────────────────────────────────────

    def settled(self, lane: Lane, seq: int, retry_at: int | None) -> None:
        lane.settle(seq, retry_at)
        self.feeding.count(lane, -1)
        self.touch(lane.endpoint_id)

    def hand_over(self, lane: Lane, row: DueDelivery, mark: int) -> None:
        """Queue a row that ingest just committed, or have the lane fetched."""
        self.touch(lane.endpoint_id)
        if row.event.deliver_at is not None and row.delivery.due_at > self._now.wall_ms:
            lane.note_due(row.delivery.due_at)
        elif row.delivery.seq in lane.held:
            pass  # a fetch was faster
        elif lane.caught_up and lane.may_take(row, mark) and self.feeding.may_queue(lane):
            self._enqueue(lane, row)
        elif lane.fetching and lane.may_take(row, mark) and len(lane.offered) < OFFERED_MAX:
            lane.offered.append(row)  # whether it may be queued shows when the fetch is here
        else:
            self.must_fetch(lane)

    def _enqueue(self, lane: Lane, row: DueDelivery) -> None:
        lane.enqueue(row)
        lane.watermark = row.delivery.seq
        self.feeding.count(lane, 1)
        self.budget.bytes += bytes_of(row)

    def must_fetch(self, lane: Lane) -> None:
        """There may be due work in the store that is not here."""
        lane.complete = False
        lane.stale = True
        self.touch(lane.endpoint_id)

    def must_fetch_all(self) -> None:
        for lane in self._lanes.values():
            self.must_fetch(lane)

    def take_fetched(self, lane: Lane, found: Fetched | None) -> None:
        """What a fetch found (None: it failed)."""
        if lane.distrusted:
            lane.distrusted, found = False, None
        self.feeding.count(lane, -lane.reserved)
        bytes_before = lane.bytes_queued
        self.feeding.count(lane, lane.end_fetch(found))
        self.budget.bytes += lane.bytes_queued - bytes_before
        offered, lane.offered = lane.offered, []
        for row in offered:
            self.hand_over(lane, row, self.epoch)
        self.touch(lane.endpoint_id)

    def reconfigured(self, lane: Lane) -> None:
        """Its endpoint was changed: what the directory says now counts."""
        target = self._directory.get(lane.endpoint_id)
        lane.closing = False
        if target is not None and target.ordered is not lane.ordered:
            self._forget_queue(lane)
        self.touch(lane.endpoint_id)

    def move(self, lane: Lane) -> None:
        """Give it up: nothing more of it is sent, and once it is quiet another node may have it."""
        lane.moving = True
        self.touch(lane.endpoint_id)

    def keep(self, lane: Lane) -> None:
        """Don't give it up after all."""
        lane.moving = False
        self.touch(lane.endpoint_id)

    def redact(self, events: frozenset[tuple[str, str]] | None) -> None:
        """These (tenant, event) are not to be sent any more (None: it isn't known which).

        Whatever was read before this moment may show them: a fetch on its way is not believed, and rows of
        transactions that began before it are not taken over from ingest.
        """
        tenants = None if events is None else {tenant_id for tenant_id, _ in events}
        for lane in self._lanes.values():
            if tenants is not None and lane.tenant_id not in tenants:
                continue
            lane.distrusted = lane.fetching
            self._forget_queue(lane)
            self.touch(lane.endpoint_id)

    def _window(self, lane: Lane) -> int:
        target = self._directory.get(lane.endpoint_id)
        return health_policy.window(lane.health, target.cap if target is not None else 1)

    # ── looking at them ──────────────────────────────────────────────────────────────────────────────────────

    def begin_turn(self, now: Moment) -> int:
        """Milliseconds by which the wall clock was set since the turn before (negative: back; 0: it was not)."""
        self._now = now
        self.turns.at(now.boot_s)
        if self._steps is None:
            self._steps = Steps(*now)
        by_ms = self._steps.step_ms(*now)
        if by_ms:
            self._clock_was_set(by_ms)
        return by_ms

    def review(self) -> None:
        """Look at every lane that something happened to, or whose alarm rings."""
        self._fire_alarms()
        while self._dirty:
            endpoint_id, _ = self._dirty.popitem()
            lane = self._lanes.get(endpoint_id)
            if lane is not None:
                self._review(lane)

    def _review(self, lane: Lane) -> None:
        target = self._directory.get(lane.endpoint_id)
        if target is None or not target.sendable or lane.closing or self.stopping:
            self._hold(lane, target)
            return
        if lane.asking is not None:
            self._handshakes.drop(lane)
        if lane.ordered is not target.ordered:
            lane.ordered = target.ordered
            lane.stale = True
        if lane.moving:
            self._rest(lane, for_long=True)
            return
        lane.health = health_policy.wake(lane.health, self._now.wall_ms)
        self.feeding.keep_pace(lane)
        pause_s, reason = self._pause_s(lane, target)
        window = health_policy.window(lane.health, target.cap)
        if pause_s > 0.0 or window == 0:
            lane.hold_back(reason, self._now.wall_ms, max(0.0, pause_s))
            self._rest(lane, for_long=pause_s > LINGER_S or window == 0)
            self._set_alarm(lane, pause_s if pause_s > 0.0 else LINGER_S)
            return
        self._offer(lane, window)
        self._feed(lane, window)
        self._linger(lane)

    def _hold(self, lane: Lane, target: Target | None) -> None:
        """Nothing may be sent now. While its endpoint has to prove itself the lane stays, for somebody must ask it."""
        lane.hold_back(PAUSED, self._now.wall_ms)
        asks = target is not None and target.pending and not self.stopping
        if asks and target is not None:
            self._set_alarm(lane, self._handshakes.look(lane, target, self._now))
            if lane.queue or lane.offered:
                self._forget_queue(lane)
        elif not self.stopping:
            self._handshakes.drop(lane)
        self._rest(lane, for_long=not asks)

    def space(self, lane: Lane, per_second: float) -> None:
        """A request left: the lane has its next turn when the next one conforms to the endpoint's rate."""
        lane.conforms_at_s = rate.after_request(lane.conforms_at_s, self._now.boot_s, per_second)
        if rate.wait_s(lane.conforms_at_s, self._now.boot_s) > 0.0:
            self.turns.withdraw(lane.endpoint_id)
            self.touch(lane.endpoint_id)
            lane.hold_back(RATE, self._now.wall_ms)

    def _pause_s(self, lane: Lane, target: Target) -> tuple[float, str]:
        """Seconds until the lane may send, the larger of its pause and its rate's, and which of them it is."""
        until_ms = health_policy.paused_until(lane.health, self._now.wall_ms)
        pause_s = (until_ms - self._now.wall_ms) / 1000.0 if until_ms else 0.0
        if target.per_second is not None:
            wait_s = rate.wait_s(lane.conforms_at_s, self._now.boot_s)
            if wait_s > pause_s:
                return wait_s, RATE
        return pause_s, PAUSED

    def _rest(self, lane: Lane, for_long: bool) -> None:
        self.turns.withdraw(lane.endpoint_id)
        self.feeding.sated(lane)
        if for_long:
            self._forget_queue(lane)
            if lane.quiet:
                self._release(lane)

    def _offer(self, lane: Lane, window: int) -> None:
        if lane.queue and lane.in_flight < window:
            self.turns.offer(lane.endpoint_id, lane.tenant_id, cost_s(lane), lane.pace)
        else:
            self.turns.withdraw(lane.endpoint_id)
            if lane.queue:
                lane.hold_back(WINDOW, self._now.wall_ms)

    def _feed(self, lane: Lane, window: int) -> None:
        if lane.next_due is not None:
            if lane.next_due <= self._now.wall_ms:
                lane.stale = True
                lane.next_due = None
            else:
                self._set_alarm(lane, (lane.next_due - self._now.wall_ms) / 1000.0)
        self.feeding.look(lane, window)

    def _linger(self, lane: Lane) -> None:
        """A drained lane stays for a while, since more may come; then it is released."""
        if lane.held or lane.fetching or lane.stale:
            lane.idle_since_s = None
        elif lane.idle_since_s is None:
            lane.idle_since_s = self._now.boot_s
            self._set_alarm(lane, LINGER_S)
        elif self._now.boot_s - lane.idle_since_s >= LINGER_S:
            self._release(lane)
        else:
            self._set_alarm(lane, lane.idle_since_s + LINGER_S - self._now.boot_s)

    def _forget_queue(self, lane: Lane) -> None:
        """Let go what is not sent yet. It has been seen, so from here on the lane is as if it were opened anew."""
        self.budget.bytes -= lane.bytes_queued
        self.feeding.count(lane, -lane.forget_queue())
        self.epoch += 1
        lane.opened = self.epoch

    def _release(self, lane: Lane) -> None:
        self._drop(lane)
        del self._lanes[lane.endpoint_id]
        conforms_ms = 0
        if lane.conforms_at_s > self._now.boot_s:
            conforms_ms = self._now.wall_ms + int(1000 * (lane.conforms_at_s - self._now.boot_s))
        elif lane.moving:
            conforms_ms = self._now.wall_ms  # its bell rings from now on, not since its oldest row was due
        row = lane.row(conforms_ms)
        # A handshake doesn't wait for a pause to end.
        self._let_go(row if lane.asking is None else row._replace(not_before=0), lane.ordered)

    # ── alarms ───────────────────────────────────────────────────────────────────────────────────────────────

    def next_alarm_s(self) -> float:
        """When to look again at the latest, on the boot clock; infinity when nothing is set."""
        return min(self._alarms.next_s, self.turns.opens_at_s)

    def _set_alarm(self, lane: Lane, in_s: float) -> None:
        self._alarms.set(lane, self._now.boot_s + in_s)

    def _fire_alarms(self) -> None:
        for endpoint_id, generation in self._alarms.ringing(self._now.boot_s):
            lane = self.get(endpoint_id, generation)
            if lane is not None:
                lane.alarm_s = None
                self.touch(endpoint_id)

    # ── feeding them ─────────────────────────────────────────────────────────────────────────────────────────

    def begin_fetches(self) -> list[tuple[FetchRequest, int]]:
        """The fetches to ask for now, each with its lane's generation."""
        return self.feeding.begin(self._lanes)
