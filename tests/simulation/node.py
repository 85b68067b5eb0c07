"""One process of the simulation: the real parts of the engine and of ingest, each on a task of its own.

It stands for `engine.engine` and `compose`, which do the same with threads: start, stamp progress, stop, leave. A node
can die, pause, hang in one thread, and stop gracefully.
"""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from ringback.engine import messages as m
from ringback.engine.directory import Directory
from ringback.engine.dispatcher import Dispatcher
from ringback.engine.engine import PROGRESS_WITHIN_S, STOP_WITHIN_S
from ringback.engine.fetcher import Fetcher
from ringback.engine.gate import Gate
from ringback.engine.heartbeat import Heartbeat
from ringback.engine.lanes import Lane
from ringback.engine.lease import Lease
from ringback.engine.settler import Settler
from ringback.engine.sweeps import Sweep
from ringback.ingest.index import MatchIndex
from ringback.ingest.submission import Submission
from ringback.ingest.writer import Writer
from ringback.model.ids import random_part, time_part
from ringback.profiles import Registry
from ringback.store.port import CommitInDoubt, StoreUnavailable
from simulation.calls import SimStore, SimTransaction
from simulation.remote import SimTransport
from simulation.scheduler import Process, Scheduler, SimLock, SimMailbox, Task

if TYPE_CHECKING:
    from simulation.world import World

WALL_START_MS = 1_700_000_000_000
CORE = ("dispatcher", "fetcher", "settler")


class SimClock:
    """A node's clocks: each machine booted at another time and has its own idea of the hour. Ids and chances have a
    stream of their own: who draws one more of them does not shift the steps of the whole run."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._random = Random(scheduler.random.random())
        self._boot_offset_s = scheduler.random.uniform(0, 10_000)
        self.wall_offset_ms = scheduler.random.randint(-100, 100)

    def now_ms(self) -> int:
        return WALL_START_MS + int(self._scheduler.now_s * 1000) + self.wall_offset_ms

    def boottime_s(self) -> float:
        return self._scheduler.now_s + self._boot_offset_s

    def chance(self) -> float:
        return self._random.random()

    def token_bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_{time_part(self.now_ms())}{random_part(self.token_bytes(16))}"


class Door:
    """The dispatcher as ingest's gate sees it: a hand-over may arrive late, as from a thread that was preempted."""

    def __init__(self, node: "Node") -> None:
        self._node = node
        self.always_leased = False

    @property
    def epoch(self) -> int:
        return self._node.dispatcher.epoch

    @property
    def leased(self) -> bool:
        return self.always_leased or self._node.dispatcher.leased

    def owns(self, endpoint_id: str) -> bool:
        return self._node.dispatcher.owns(endpoint_id)

    def post(self, message: m.ToDispatcher) -> None:
        world, random, faults = self._node.world, self._node.world.scheduler.random, self._node.world.faults_now()
        if isinstance(message, m.HandedOver):
            late_s = faults.late_hand_over_s if random.random() < faults.late_hand_over else 0.0001
            world.scheduler.wait(late_s * random.random())
            world.counts["hand-overs"] += len(message.rows)
        self._node.dispatcher.post(message)


class Node:
    """One process. Its parts are attributes, so that a test can break one."""

    def __init__(self, name: str, world: "World") -> None:
        scheduler = world.scheduler
        self.world = world
        self.process = Process(name)
        self.clock = SimClock(scheduler)
        self.open_transactions: list[SimTransaction] = []
        self.tasks: dict[str, Task] = {}
        self.ready = False
        self.stopping = False
        self.owes_bells = False
        self.back_at_s = 0.0
        self.awaits_beat = False
        self._napping: list[Task] = []
        self._progress_s: dict[str, float] = {}
        self._ended: set[str] = set()
        store: Any = SimStore(self, world.store, world)
        self.store = store
        self.lease = Lease(self.clock.new_id("node"))
        to_fetcher, to_settler, to_writer = SimMailbox(scheduler), SimMailbox(scheduler), SimMailbox(scheduler)
        lock: Any = SimLock(scheduler)
        self.directory = Directory(
            store,
            self.clock,
            Registry(world.store),
            lambda ids: self.tell(m.Reconfigured(ids, None)),
            lambda events: self.tell(m.Redacted(events)),
        )
        self.directory._lock = lock
        wait, observe = self.wait, world.observe
        self.dispatcher = Dispatcher(
            clock=self.clock, lease=self.lease, transport=SimTransport(self, world), directory=self.directory,
            fetcher=to_fetcher, settler=to_settler, slots=world.slots, observer=observe,
        )  # fmt: skip
        self._count_moves()
        self.fetcher = Fetcher(
            store=store, directory=self.directory, clock=self.clock, inbox=to_fetcher, tell=self.tell, pause=wait,
            observer=observe,
        )  # fmt: skip
        self.settler = Settler(
            store, to_settler, self.tell, wait, observe, now_ms=self.clock.now_ms, refresh=self.directory.try_refresh
        )
        self.heartbeat = Heartbeat(
            store=store, clock=self.clock, lease=self.lease, tell=self.tell, wait=wait, alive=self.moving,
            observer=observe,
        )  # fmt: skip
        self.sweep = Sweep(
            store=store, clock=self.clock, lease=self.lease, fetcher=to_fetcher.post, tell=self.tell, wait=wait,
            observer=observe, resealed=lambda: None,
        )  # fmt: skip
        self.door: Any = Door(self)
        self.writer = Writer(
            store=store, index=MatchIndex(), clock=self.clock, inbox=to_writer, engine=Gate(self.door),
            on_done=self._answered, pause=wait,
        )  # fmt: skip

    def _count_moves(self) -> None:
        """Note which lanes are given up for balance, and which of them with requests under way."""
        lanes = self.dispatcher._lanes
        plain = lanes.move

        def move(lane: Lane) -> None:
            self.world.counts["given up"] += 1
            self.world.counts["given up in flight"] += lane.in_flight > 0
            plain(lane)

        lanes.move = move  # type: ignore[method-assign]

    def tell(self, message: m.ToDispatcher) -> None:
        if self.world.scheduler.tracing:
            self.world.scheduler.note(f"tells {message!s:.200}")
        self.dispatcher.post(message)

    def _answered(self, submissions: list[Submission]) -> None:
        for submission in submissions:
            self.world.answered(submission)

    def wait(self, seconds: float) -> None:
        """As `Pause.wait`: cut short when the node stops."""
        scheduler = self.world.scheduler
        task = scheduler.current()
        assert task is not None
        self._napping.append(task)
        scheduler.wait(0.0 if self.stopping else seconds)
        self._napping.remove(task)

    # ── starting ─────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        self.world.scheduler.spawn(self.process, "boot", self._boot)

    def _boot(self) -> None:
        while True:
            try:
                self.directory.start()
                self.heartbeat.register()
                self.heartbeat.look_round()
                break
            except (StoreUnavailable, CommitInDoubt):
                self.lease.node_id = self.clock.new_id("node")
        self._loop("dispatcher", self.dispatcher.step)
        self._loop("fetcher", self.fetcher.step)
        self._loop("settler", self.settler.step)
        self._loop("heartbeat", self.heartbeat.step)
        if self.world.sweeping:
            self._loop("sweep", self.sweep.step)
        self._loop("follower", self._follow)
        self._loop("writer", self._write)
        self.ready = True

    def _follow(self) -> None:
        self.wait(0.5)
        self.directory.try_refresh()

    def _write(self) -> None:
        self.writer.step()
        self.owes_bells = bool(self.writer._late_rings)

    def _loop(self, name: str, step: Callable[[], None]) -> None:
        self._progress_s[name] = self.clock.boottime_s()

        def work() -> None:
            while not self.stopping:
                step()
                self._progress_s[name] = self.clock.boottime_s()
            self._ended.add(name)

        self.tasks[name] = self.world.scheduler.spawn(self.process, name, work)

    def moving(self) -> bool:
        """As `Engine._moving`: the threads that matter have ended a step of late."""
        now_s = self.clock.boottime_s()
        return all(now_s - self._progress_s[name] < PROGRESS_WITHIN_S for name in CORE)

    # ── ending ───────────────────────────────────────────────────────────────────────────────────────────────

    def die(self) -> None:
        """At this step, with everything in memory."""
        self.process.dead = True
        for transaction in list(self.open_transactions):
            transaction.die()

    def stop(self) -> bool:
        """As `Server._stop`: ingest first, then the engine. From a task of another process; False if it was killed."""
        self.world.scheduler.note(f"{self.process.name} is asked to stop")
        self.ready = False
        if self._waited(lambda: self.writer._submitted == self.writer._answered and not self.owes_bells):
            self.dispatcher.post(m.Stop())
            if self._waited(lambda: self.dispatcher.drained):
                self.stopping = True
                for task in self._napping:
                    self.world.scheduler.wake(task)
                if self._waited(lambda: len(self._ended) == len(self.tasks)):
                    self.process.dead = True
                    self.world.store.leave(self.lease.node_id, self.clock.now_ms())
                    return True
        self.world.scheduler.note(f"{self.process.name} would not go and is killed")
        self.die()
        return False

    def _waited(self, done: Callable[[], bool]) -> bool:
        scheduler = self.world.scheduler
        until_s = scheduler.now_s + STOP_WITHIN_S
        while not done() and not self.process.dead and scheduler.now_s < until_s:
            scheduler.wait(0.02)
        return done() and not self.process.dead

    # ── what it believes ─────────────────────────────────────────────────────────────────────────────────────

    @property
    def held_up(self) -> bool:
        """Paused, or a thread of it hangs."""
        now_s = self.world.scheduler.now_s
        return self.process.paused_until > now_s or any(task.frozen_until > now_s for task in self.tasks.values())

    def believes_in(self, endpoint_id: str) -> bool:
        """Whether it would send for this lane now: it is in memory, the lease holds, and nobody told it otherwise."""
        if self.process.dead or not self.dispatcher.owns(endpoint_id):
            return False
        if self.lease.until_s <= self.clock.boottime_s():
            return False
        return not any(isinstance(message, m.LeaseLost) for message in self.dispatcher._inbox)
