"""The delivery engine of one process: its parts put together, started, watched and stopped.

Eight threads: the dispatcher (HTTP has a process of its own), the fetcher, the settler, the heartbeat, the sweep,
retention, replays, and one that follows the change log; a ninth, the listener, where other processes may share the
store. They talk through mailboxes only. `stop` takes no new work,
lets requests in flight end, records them, gives every lane up and leaves. An exception that ends a thread is given to
`on_crash`, which ends the process.
"""

import threading
from collections.abc import Callable
from typing import Final, Protocol

from ringback.clock import Clock
from ringback.engine import messages as m
from ringback.engine.census import Census
from ringback.engine.directory import ConfigSource, Directory
from ringback.engine.dispatcher import Dispatcher
from ringback.engine.fetcher import EngineStore, Fetcher
from ringback.engine.gate import Gate
from ringback.engine.heartbeat import Heartbeat
from ringback.engine.lease import Lease
from ringback.engine.listener import Listener
from ringback.engine.news import News
from ringback.engine.ports import Transport
from ringback.engine.replays import Replays
from ringback.engine.retention import Keeper, RetentionStore
from ringback.engine.settler import Settler, SettlerStore
from ringback.engine.sweeps import Sweep, SweepStore
from ringback.listeners import Wants, nobody
from ringback.model.limits import TOTAL_DEADLINE_S_MAX
from ringback.observe.attempts import WatchAttempts
from ringback.observe.meters import CommitMeter
from ringback.observe.telemetry import Observer, StoreTrouble
from ringback.profiles import Registry
from ringback.store import port
from ringback.store.port import CommitInDoubt, JobSteps, Retryable, StoreUnavailable, Wakeups
from ringback.wire.handshake import DEFAULT_ORIGIN
from ringback.workers import Mailbox, ThreadMailbox, Worker, stop_all

FOLLOW_EVERY_S: Final = 0.5
SEEN_WITHIN_S: Final = 1.0
PROGRESS_WITHIN_S: Final = 10.0
STOP_WITHIN_S: Final = TOTAL_DEADLINE_S_MAX + 5.0
BREAK_OFF_WITHIN_S: Final = 5.0
GIVE_UP_WITHIN_S: Final = 3.0
POLL_STOP_S: Final = 0.02


class DeliveryStore(
    EngineStore, ConfigSource, Wakeups, SettlerStore, SweepStore, RetentionStore, JobSteps, port.Census, Protocol
):
    """Everything the engine asks of a store."""


class Pause:
    """Waiting that a stop, or someone who asks, cuts short."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._stopped = False

    def wait(self, seconds: float) -> bool:
        """Wait; True when somebody asked to look now."""
        if not self._event.wait(seconds) or self._stopped:
            return False
        self._event.clear()
        return True

    def cut_short(self) -> None:
        self._event.set()

    def stop(self) -> None:
        self._stopped = True
        self._event.set()


class Engine:
    """`start`, then `gate` and `reconfigure` from any thread, then `stop`."""

    def __init__(
        self,
        *,
        store: DeliveryStore,
        profiles: Registry,
        clock: Clock,
        transport: Transport,
        slots: int,
        observer: Observer,
        on_crash: Callable[[str], None],
        watch_attempts: WatchAttempts | None = None,
        commits: CommitMeter | None = None,
        resealed: Callable[[], None],
        origin: str = DEFAULT_ORIGIN,
        wants: Wants = nobody,
        noticed: Callable[[], object] = lambda: None,
    ) -> None:
        """`origin`: who sends, to endpoints that ask for it before they take anything. `wants`: who listens to
        operational events; `noticed` is called when there is something for them."""
        self._noticed = noticed
        self._resealed = resealed
        self._observer = observer
        self._store = store
        self._watch_attempts = watch_attempts
        self._commits = commits
        self._clock = clock
        self._transport = transport
        self._lease = Lease(clock.new_id("node"))
        self._stopping = Pause()
        self._sweep_pause = Pause()
        self.census = Census(store, self._stopping.wait)
        to_fetcher: ThreadMailbox[m.ToFetcher] = ThreadMailbox()
        to_settler: ThreadMailbox[m.ToSettler] = ThreadMailbox()
        self.directory = Directory(
            store,
            clock,
            profiles,
            lambda ids: self.dispatcher.post(m.Reconfigured(ids, None)),
            lambda events: self.dispatcher.post(m.Redacted(events)),
        )
        self.dispatcher = Dispatcher(
            clock=clock,
            lease=self._lease,
            transport=transport,
            directory=self.directory,
            fetcher=to_fetcher,
            settler=to_settler,
            slots=slots,
            observer=observer,
            origin=origin,
            news=News(clock, wants),
        )
        self.gate = Gate(self.dispatcher)
        self._heartbeat = self._make_heartbeat(observer)
        self._core = [
            Worker("dispatcher", self.dispatcher.step, clock, on_crash),
            Worker("fetcher", self._fetcher(to_fetcher, observer).step, clock, on_crash, to_fetcher.wake),
            Worker("settler", self._settler(to_settler, observer).step, clock, on_crash, to_settler.wake),
        ]
        self._others = self._make_others(to_fetcher, observer, on_crash)

    def _make_others(
        self, to_fetcher: Mailbox[m.ToFetcher], observer: Observer, on_crash: Callable[[str], None]
    ) -> list[Worker]:
        steps: dict[str, Callable[[], None]] = {
            "heartbeat": self._heartbeat.step,
            "sweep": self._sweep(to_fetcher, observer).step,
            "retention": self._keeper(observer).step,
            "replays": self._replays(observer).step,
            "follower": self._follow,
        }
        if self._store.shared:
            steps["listener"] = self._listener(observer).step
        return [Worker(name, step, self._clock, on_crash) for name, step in steps.items()]

    def _make_heartbeat(self, observer: Observer) -> Heartbeat:
        return Heartbeat(
            store=self._store,
            clock=self._clock,
            lease=self._lease,
            tell=self.dispatcher.post,
            wait=self._stopping.wait,
            alive=self._moving,
            observer=observer,
        )

    def _fetcher(self, inbox: Mailbox[m.ToFetcher], observer: Observer) -> Fetcher:
        return Fetcher(
            store=self._store,
            directory=self.directory,
            clock=self._clock,
            inbox=inbox,
            tell=self.dispatcher.post,
            pause=self._stopping.wait,
            observer=observer,
            noticed=self._noticed,
        )

    def _settler(self, inbox: Mailbox[m.ToSettler], observer: Observer) -> Settler:
        return Settler(
            self._store, inbox, self.dispatcher.post, self._stopping.wait, observer,
            watch=self._watch_attempts, commits=self._commits, now_ms=self._clock.now_ms,
            refresh=self.directory.try_refresh, noticed=self._noticed,
        )  # fmt: skip

    def _sweep(self, fetcher: Mailbox[m.ToFetcher], observer: Observer) -> Sweep:
        return Sweep(
            store=self._store,
            clock=self._clock,
            lease=self._lease,
            fetcher=fetcher.post,
            tell=self.dispatcher.post,
            wait=self._sweep_pause.wait,
            observer=observer,
            also=self.census.count,
            resealed=self._resealed,
        )

    def _keeper(self, observer: Observer) -> Keeper:
        return Keeper(store=self._store, clock=self._clock, wait=self._stopping.wait, observer=observer)

    def _replays(self, observer: Observer) -> Replays:
        return Replays(
            store=self._store,
            clock=self._clock,
            tell=self.dispatcher.post,
            wait=self._stopping.wait,
            observer=observer,
        )

    def _listener(self, observer: Observer) -> Listener:
        return Listener(store=self._store, tell=self.dispatcher.post, wait=self._stopping.wait, observer=observer)

    def start(self) -> None:
        """Join the other nodes, then work. Raises what the store raises."""
        self.directory.start()
        self._heartbeat.register()
        self._heartbeat.look_round()
        for worker in self._core + self._others:
            worker.start()

    def stop(self, hurried: Callable[[], bool] = lambda: False) -> int:
        """End gracefully, within the total deadline of a request; how many requests were broken off. Idempotent.

        Once `hurried` says so, requests under way are broken off, and recorded as that, instead of waited for.
        """
        self.dispatcher.post(m.Stop())
        broken_off = 0
        if not self._drained(STOP_WITHIN_S, hurried):
            broken_off = self.dispatcher.in_flight
            self.dispatcher.post(m.BreakOff())
            self._drained(BREAK_OFF_WITHIN_S, lambda: False)
        self._stopping.stop()
        self._sweep_pause.stop()
        stop_all(self._others + self._core, PROGRESS_WITHIN_S)
        self._leave()
        self._transport.close()
        return broken_off

    def _leave(self) -> None:
        """Sign off. A store that is away finds out by itself, as if this process had died."""
        try:
            self._store.leave(self._lease.node_id, self._clock.now_ms())
        except (StoreUnavailable, Retryable, CommitInDoubt) as error:
            self._observer(StoreTrouble("heartbeat", error.code, error.detail))

    def _drained(self, within_s: float, hurried: Callable[[], bool]) -> bool:
        """Wait until nothing is under way or unrecorded; whether that came in time. Lanes that can't be given up, since
        the store is away, are not waited for as long: they are freed as those of one that died."""
        waiting = Pause()
        waited_s = at_rest_s = 0.0
        while not self.dispatcher.drained and waited_s < within_s and self._moving() and not hurried():
            waiting.wait(POLL_STOP_S)
            waited_s += POLL_STOP_S
            at_rest_s = at_rest_s + POLL_STOP_S if self.dispatcher.at_rest else 0.0
            if at_rest_s >= GIVE_UP_WITHIN_S:
                break
        return self.dispatcher.drained

    def _follow(self) -> None:
        self._stopping.wait(FOLLOW_EVERY_S)
        self.directory.try_refresh()

    def _moving(self) -> bool:
        return all(worker.silent_for_s() < PROGRESS_WITHIN_S for worker in self._core)

    # ── for control, from any thread ─────────────────────────────────────────────────────────────────────────

    def reconfigure(self) -> None:
        """Configuration was changed in this process: when this returns, no request starts by the old one."""
        self.directory.refresh()
        seen = threading.Event()
        self.dispatcher.post(m.Reconfigured([], seen))
        seen.wait(SEEN_WITHIN_S)
        self.dispatcher.post(m.Woken())

    def sweep_soon(self) -> None:
        """Something was deleted, or is to be sealed anew: carry it out now, not in half a minute."""
        self._sweep_pause.cut_short()

    def silences_s(self) -> dict[str, float]:
        """For each thread that must move all the time: seconds since it last did."""
        return {worker.name: worker.silent_for_s() for worker in self._core}

    def troubles(self) -> list[str]:
        """Why the engine is not fit to work, for /readyz; empty: it is."""
        return [
            f"The {name} has made no progress for {silent_s:.0f} s."
            for name, silent_s in self.silences_s().items()
            if silent_s >= PROGRESS_WITHIN_S
        ]
