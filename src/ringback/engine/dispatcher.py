"""The dispatcher: the one thread that decides what is sent next, and polls the transport that sends it.

A turn: take what finished, read the inbox, look again at every lane that something happened to, start requests in fair
turns, ask the fetcher for more. It never touches the store (the fetcher and the settler do, on their threads) and
never blocks but in `Transport.poll`. It assumes that messages may come late, or for a lane that is another by now
(generations tell). If its thread dies the process ends; what it held stands in the store.
"""

from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Final

from ringback.clock import Clock
from ringback.engine import messages as m
from ringback.engine.attempt import record
from ringback.engine.directory import Directory
from ringback.engine.flying import Flying
from ringback.engine.handshakes import Handshakes
from ringback.engine.lanes import Lane, bytes_of
from ringback.engine.lease import Lease
from ringback.engine.news import LaneNews, News
from ringback.engine.owned import OwnedLanes, cost_s
from ringback.engine.ports import InboundResponse, Logged, Transport
from ringback.engine.search import Search
from ringback.engine.verdict import ABORTED, REASONS_TO_GIVE_UP, judge
from ringback.engine.wall import moment_of
from ringback.model.lane import LaneRow
from ringback.model.tuples import make_tuple
from ringback.observe.attempts import NOTHING, WINDOW
from ringback.observe.telemetry import ClockSet, LaneParked, LaneRecovered, Observer
from ringback.outgoing import Target
from ringback.policy import health as health_policy
from ringback.policy.health import Health, Signal
from ringback.store.port import Ring, Settlement
from ringback.wire.handshake import DEFAULT_ORIGIN
from ringback.workers import Mailbox

# A settlement is a commit. While more answers are on their way they are gathered, but not for long.
SETTLE_AT_ONCE: Final = 256
SETTLE_WITHIN_S: Final = 0.01
# What leaves within this after it was due has not waited for anything.
PROMPT_MS: Final = 20
CROWDED_MS: Final = 1_000
"""So long after somebody last waited for a slot it may still be so."""


class Dispatcher:
    """See the module. `post`, `owns`, `epoch` and the counts are for any thread; everything else for its own."""

    def __init__(
        self,
        *,
        clock: Clock,
        lease: Lease,
        transport: Transport,
        directory: Directory,
        fetcher: Mailbox[m.ToFetcher],
        settler: Mailbox[m.ToSettler],
        slots: int,
        observer: Observer,
        origin: str = DEFAULT_ORIGIN,
        news: News | None = None,
    ) -> None:
        self._clock = clock
        self._news = news or News(clock)
        self._lane_news = LaneNews(self._news, fetcher, lease)
        self._lease = lease
        self._transport = transport
        self._directory = directory
        self._fetcher = fetcher
        self._settler = settler
        self._observer = observer
        self._tokens = count(1)
        self._handshakes = Handshakes(
            clock=clock, lease=lease, transport=transport, directory=directory, settler=settler, tokens=self._tokens,
            touch=lambda endpoint_id: self._lanes.touch(endpoint_id), origin=origin, news=self._news,  # noqa: PLW0108 - made below
        )  # fmt: skip
        self._lanes = OwnedLanes(slots, directory, self._let_go, self._handshakes)
        self._search = Search(lease=lease, lanes=self._lanes, fetcher=fetcher)
        self._leaving: set[str] = set()
        self._inbox: deque[m.ToDispatcher] = deque()
        self._asleep = False
        self._flying: dict[int, Flying] = {}
        self._settlements: list[m.Settling] = []
        self._settle_by_s = 0.0
        self._hurried = False
        self._unsettled = 0
        self._fetching = False
        self._crowded_ms = 0
        self._now = moment_of(clock)
        self._handlers: dict[type, Callable[..., None]] = {
            m.Settled: self._on_settled,
            m.HandshakeRecorded: self._handshakes.recorded,
            m.BroughtForward: self._on_brought_forward,
            m.HandedOver: self._on_handed_over,
            m.FetchDone: self._on_fetch_done,
            m.Claimed: self._search.claimed,
            m.Kept: self._on_kept,
            m.Left: self._on_left,
            m.Rang: self._search.rang,
            m.Spread: self._search.heard,
            m.Woken: self._on_woken,
            m.Reconfigured: self._on_reconfigured,
            m.Redacted: self._on_redacted,
            m.LeaseLost: self._on_lease_lost,
            m.Stop: self._on_stop,
            m.BreakOff: self._on_break_off,
        }

    # ── for any thread ───────────────────────────────────────────────────────────────────────────────────────

    def post(self, message: m.ToDispatcher) -> None:
        self._inbox.append(message)
        if self._asleep:
            self._transport.wake()

    def owns(self, endpoint_id: str) -> bool:
        """A hint: whether the lane is in memory just now."""
        return endpoint_id in self._lanes

    @property
    def leased(self) -> bool:
        """Whether the lanes in memory are this node's own for sure: nobody has taken them over before now."""
        return self._lease.covers(self._clock.boottime_s(), 0.0)

    @property
    def epoch(self) -> int:
        """Grows whenever a lane is opened."""
        return self._lanes.epoch

    @property
    def drained(self) -> bool:
        """After Stop: nothing in flight, nothing unsettled, every lane given up."""
        return self.at_rest and not (len(self._lanes) or self._leaving)

    @property
    def at_rest(self) -> bool:
        """After Stop: nothing in flight, nothing unsettled."""
        return self._lanes.stopping and not (self._flying or self._unsettled or self._handshakes.busy)

    @property
    def in_flight(self) -> int:
        return len(self._flying) + self._handshakes.in_flight

    @property
    def rows_held(self) -> int:
        """Deliveries in memory: queued, in flight, or not recorded yet."""
        return self._lanes.budget.rows

    def oldest_waiting(self) -> int | None:
        """Since when (wall ms) what is due longest waits for a slot; None: nothing has to wait."""
        now_ms, crowded_ms = self._clock.now_ms(), self._crowded_ms
        # Between two turns a lane may want a slot that it gets in the next.
        return None if now_ms - crowded_ms > CROWDED_MS else self._lanes.oldest_waiting(now_ms, crowded_ms)

    @property
    def lanes(self) -> list[str]:
        """The endpoints whose lanes this process believes to own now."""
        return list(self._lanes)

    # ── one turn ─────────────────────────────────────────────────────────────────────────────────────────────

    def step(self) -> None:
        self._asleep = True
        finished = self._transport.poll(0.0 if self._inbox else self._nap_s())
        self._asleep = False
        self._now = moment_of(self._clock)
        if set_by_ms := self._lanes.begin_turn(self._now):
            self._clock_was_set(set_by_ms)
        for response, logged in finished:
            self._finish(response, logged)
        inbox, handlers = self._inbox, self._handlers
        while inbox:
            message = inbox.popleft()
            handlers[type(message)](message)
        self._lanes.review()
        self._start_requests()
        self._post_settlements()
        self._ask_fetcher()

    def _clock_was_set(self, by_ms: int) -> None:
        self._observer(ClockSet(by_ms / 1000.0))
        if by_ms < 0:
            self._settler.post(self._settlements)
            self._settlements = []
            self._settler.post(m.SetBack(-by_ms))

    def _nap_s(self) -> float:
        until_s = min(self._search.next_s, self._lanes.next_alarm_s())
        if self._settlements:
            until_s = min(until_s, self._settle_by_s)
        return max(0.0, until_s - self._clock.boottime_s())

    # ── what finished ────────────────────────────────────────────────────────────────────────────────────────

    def _finish(self, response: InboundResponse, logged: Logged | None) -> None:
        flying = self._flying.pop(response.token, None)
        if flying is None:
            self._handshakes.finish(response, self._now)
            return
        if logged is None:
            raise RuntimeError("a delivery ended without a word for the log")
        lane, row, target = flying.lane, flying.row, flying.target
        delivery = row.delivery
        verdict = judge(
            response,
            lane.health,
            target.retry,
            delivery.tries,
            cap=target.cap,
            now_ms=self._now.wall_ms,
            chance=self._clock.chance(),
        )
        before, lane.health = lane.health, verdict.health
        lane.in_flight -= 1
        took_s = response.timings.total / 1000.0
        self._lanes.turns.finished(lane.endpoint_id, lane.tenant_id, flying.charged_s, took_s, flying.pace)
        attempt = record(row, target, response, logged, verdict, maybe_repeated=flying.maybe_repeated)
        notice = None
        if not verdict.succeeded and verdict.error_code != ABORTED:
            notice = self._lane_news.failure(lane, row, target.endpoint, attempt, owned=self._is_own(lane))
        settlement = make_tuple(Settlement, (delivery.seq, attempt, verdict.retry_at, verdict.tries, notice))
        if not self._settlements:
            self._settle_by_s = self._now.boot_s + SETTLE_WITHIN_S
        if lane.ordered or not self._flying:
            self._hurried = True  # somebody waits for it, or nothing more comes soon
        event = row.event
        told = (delivery.due_at, flying.held_by, event.trace, len(event.data))
        self._settlements.append(make_tuple(m.Settling, (lane.generation, settlement, *told)))
        self._unsettled += 1
        self._lanes.budget.bytes -= bytes_of(row)
        self._lanes.touch(lane.endpoint_id)
        if verdict.signal is not None:
            self._heed(lane, verdict.signal, target, before)

    def _heed(self, lane: Lane, signal: Signal, target: Target, before: Health) -> None:
        """The lane's health says something that others should know. `before`: what it was."""
        if signal is Signal.PARKED:
            self._observer(LaneParked(lane.tenant_id, lane.endpoint_id))
        elif signal is Signal.RECOVERED:
            self._observer(LaneRecovered(lane.tenant_id, lane.endpoint_id))
            if self._is_own(lane):
                self._lane_news.recovery(lane, target.endpoint, before)
        elif not lane.closing:
            lane.closing = True
            reason = REASONS_TO_GIVE_UP[signal]
            notice = self._news.disabled(target.endpoint, *reason)
            self._fetcher.post(m.GiveUp(lane.tenant_id, lane.endpoint_id, *reason, notice))

    def _is_own(self, lane: Lane) -> bool:
        """Whether it still is what a request knew it as when it left."""
        return self._lanes.get(lane.endpoint_id, lane.generation) is lane

    def _post_settlements(self) -> None:
        waiting = len(self._settlements)
        if waiting >= SETTLE_AT_ONCE or (waiting and (self._hurried or self._now.boot_s >= self._settle_by_s)):
            self._hurried = False
            self._settler.post(self._settlements)
            self._settlements = []

    # ── the inbox ────────────────────────────────────────────────────────────────────────────────────────────

    def _on_settled(self, message: m.Settled) -> None:
        self._unsettled -= len(message.done)
        for endpoint_id, generation, seq, retry_at in message.done:
            lane = self._lanes.get(endpoint_id, generation)
            if lane is not None:
                self._lanes.settled(lane, seq, retry_at)

    def _on_brought_forward(self, message: m.BroughtForward) -> None:
        self._lanes.must_fetch_all()

    def _on_handed_over(self, message: m.HandedOver) -> None:
        rings: list[Ring] = []
        for row in message.rows:
            delivery = row.delivery
            lane = self._lanes.get(delivery.endpoint_id)
            if lane is None:
                rings.append(Ring(delivery.tenant_id, delivery.endpoint_id, delivery.due_at))
            else:
                self._lanes.hand_over(lane, row, message.mark)
        if rings:
            self._fetcher.post(m.RingBells(rings))

    def _on_fetch_done(self, message: m.FetchDone) -> None:
        self._fetching = False
        found = {fetched.endpoint_id: fetched for fetched in message.results}
        for endpoint_id, generation in message.generations.items():
            lane = self._lanes.get(endpoint_id, generation)
            if lane is not None:
                self._lanes.take_fetched(lane, found.get(endpoint_id))

    def _on_kept(self, message: m.Kept) -> None:
        self._leaving.discard(message.row.endpoint_id)
        if message.node_id == self._lease.node_id:
            self._lanes.open(message.row)

    def _on_left(self, message: m.Left) -> None:
        self._leaving.discard(message.endpoint_id)

    def _on_woken(self, message: m.Woken) -> None:
        self._search.soon()

    def _on_reconfigured(self, message: m.Reconfigured) -> None:
        for endpoint_id in message.endpoint_ids:
            lane = self._lanes.get(endpoint_id)
            if lane is not None:
                self._lanes.reconfigured(lane)
        if message.seen is not None:
            message.seen.set()

    def _on_redacted(self, message: m.Redacted) -> None:
        """Let go of what may not be sent any more, and break off what is on its way."""
        events = message.events
        self._lanes.redact(events)
        if events is not None:  # who missed changes doesn't know: what is on its way goes on
            for token, flying in self._flying.items():
                if (flying.lane.tenant_id, flying.row.event.id) in events:
                    self._transport.abort(token)

    def _on_lease_lost(self, message: m.LeaseLost) -> None:
        """Nothing of the old node's is ours any more: forget the lanes, break off their requests."""
        self._on_break_off(m.BreakOff())
        self._lanes.drop_all()
        self._leaving.clear()

    def _on_stop(self, message: m.Stop) -> None:
        self._lanes.stopping = True
        self._lanes.touch_all()

    def _on_break_off(self, message: m.BreakOff) -> None:
        for token in self._flying:
            self._transport.abort(token)
        self._handshakes.break_off()

    def _let_go(self, row: LaneRow, ordered: bool) -> None:
        self._leaving.add(row.endpoint_id)
        self._fetcher.post(m.Release(self._lease.node_id, row, ordered))

    # ── sending ──────────────────────────────────────────────────────────────────────────────────────────────

    def _start_requests(self) -> None:
        if self._lanes.stopping or not self._directory.fresh(self._now.boot_s):
            return
        pick = self._lanes.turns.pick
        while (endpoint_id := pick()) is not None:
            lane = self._lanes.get(endpoint_id)
            target = self._directory.get(endpoint_id)
            if lane is None or target is None or not target.sendable:
                self._lanes.turns.withdraw(endpoint_id)
                self._lanes.touch(endpoint_id)
            elif not self._lease.covers(self._now.boot_s, target.deadline_s):
                return
            else:
                self._start(lane, target)
        if self._lanes.turns.waiting:
            self._crowded_ms = self._now.wall_ms

    def _start(self, lane: Lane, target: Target) -> None:
        token = next(self._tokens)
        row = lane.pop()
        charged_s = cost_s(lane)
        self._lanes.turns.started(lane.endpoint_id, lane.tenant_id, charged_s, lane.pace)
        due_at, now_ms = row.delivery.due_at, self._now.wall_ms
        late = now_ms - due_at > PROMPT_MS
        held_by = lane.waited_for(due_at, now_ms, self._crowded_ms) if late else NOTHING
        self._flying[token] = Flying(lane, row, target, charged_s, held_by)
        lane.in_flight += 1
        lane.idle_since_s = None
        self._transport.deliver(token, target, row.event, row.delivery.attempts + 1)
        full = lane.in_flight >= health_policy.window(lane.health, target.cap)
        if full:
            lane.hold_back(WINDOW, now_ms)  # also what is not in memory yet
        if full or not lane.queue:
            self._lanes.turns.withdraw(lane.endpoint_id)
        if target.per_second is not None:
            self._lanes.space(lane, target.per_second)

    # ── asking for more ──────────────────────────────────────────────────────────────────────────────────────

    def _ask_fetcher(self) -> None:
        if not self._fetching and not self._lanes.stopping:
            self._fetch()
        self._search.look(self._now)

    def _fetch(self) -> None:
        begun = self._lanes.begin_fetches()
        if begun:
            self._fetching = True
            generations = {request.endpoint_id: generation for request, generation in begun}
            self._fetcher.post(m.Fetch(self._lease.node_id, [request for request, _ in begun], generations))
