"""The world of the simulation: nodes made of the real engine and ingest code, receivers, clients, and what goes wrong.

Nodes share one MemoryStore, as processes share a database. Each has clocks of its own. Store calls take time, come back
late, fail, or lose the answer of their commit; nodes die, pause, and have their wall clocks set. `checks` watches.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ringback.engine import messages as m
from ringback.engine.directory import Directory
from ringback.engine.dispatcher import Dispatcher
from ringback.engine.fetcher import Fetcher
from ringback.engine.gate import Gate
from ringback.engine.heartbeat import Heartbeat
from ringback.engine.lease import Lease
from ringback.engine.ports import InboundResponse, OutboundRequest
from ringback.engine.settler import Settler
from ringback.engine.sweeps import Sweep
from ringback.ingest.index import MatchIndex
from ringback.ingest.submission import Submission
from ringback.ingest.writer import Writer
from ringback.model.attempt import Timings
from ringback.model.ids import random_part, time_part
from ringback.observe.telemetry import unobserved
from ringback.store.memory import MemoryStore
from ringback.store.port import CommitInDoubt, StoreUnavailable
from simulation.scheduler import Process, Scheduler, SimLock, SimMailbox, Task

WALL_START_MS = 1_700_000_000_000
READS = {"load_endpoints", "load_secrets", "changes_after", "version", "fetch", "next_due", "ringing", "owned", "nodes", "events_by_id"}


@dataclass
class Faults:
    """Chances are per store call or per second of a node; 0 switches a fault off."""

    unavailable: float = 0.0
    doubt: float = 0.0
    late: float = 0.0
    late_s: float = 0.5
    crash_per_s: float = 0.0
    pause_per_s: float = 0.0
    pause_s: tuple[float, float] = (25.0, 50.0)
    jump_per_s: float = 0.0
    until_s: float = 0.0


class SimClock:
    """A node's clocks: each machine booted at another time and has its own idea of the hour."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._boot_offset_s = scheduler.random.uniform(0, 10_000)
        self.wall_offset_ms = scheduler.random.randint(-200, 200)

    def now_ms(self) -> int:
        return WALL_START_MS + int(self._scheduler.now_s * 1000) + self.wall_offset_ms

    def boottime_s(self) -> float:
        return self._scheduler.now_s + self._boot_offset_s

    def chance(self) -> float:
        return self._scheduler.random.random()

    def token_bytes(self, count: int) -> bytes:
        return self._scheduler.random.randbytes(count)

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_{time_part(self.now_ms())}{random_part(self.token_bytes(16))}"


class SimStore:
    """A node's connection to the shared store: slow, late, failing, in doubt. Everything it does is a step."""

    def __init__(self, node: "Node", store: MemoryStore, world: "World") -> None:
        self._node = node
        self._store = store
        self._world = world

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name == "intake":
            return lambda: SimTransaction(self, method())
        return lambda *args: self.call(name, lambda: method(*args))

    def call(self, name: str, run: Callable[[], Any]) -> Any:
        world, random = self._world, self._world.scheduler.random
        world.scheduler.wait(random.uniform(0.0001, 0.003))
        faults = world.faults_now()
        if random.random() < faults.unavailable:
            raise StoreUnavailable("simulated")
        doubt = name not in READS and random.random() < faults.doubt
        if doubt and random.random() < 0.5:
            world.doubts += 1
            raise CommitInDoubt("simulated, not applied")
        result = run()
        if name == "take_over" and result:
            world.takeovers += 1
        late = random.random() < faults.late
        world.scheduler.wait(random.uniform(0.0, faults.late_s) if late else 0.0001)
        if doubt:
            world.doubts += 1
            raise CommitInDoubt("simulated, applied")
        return result


class SimTransaction:
    """An intake transaction with steps between its statements, so that others begin and commit meanwhile."""

    def __init__(self, store: SimStore, transaction: Any) -> None:
        self._store = store
        self._transaction = transaction

    def __enter__(self) -> "SimTransaction":
        self._transaction.__enter__()
        self._store._node.open_transactions.append(self)
        return self

    def __exit__(self, *error: Any) -> None:
        self._store._node.open_transactions.remove(self)
        self._transaction.__exit__(*error)

    def die(self) -> None:
        """The process is gone: its connection closes."""
        self._transaction.__exit__(GeneratorExit, GeneratorExit(), None)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._transaction, name)
        if name == "commit":
            return lambda: self._store.call("commit", method)
        # A read's name, so that only the commit can be in doubt.
        return lambda *args: self._store.call("fetch", lambda: method(*args))


@dataclass
class Request:
    """One request as the receiver saw it."""

    at_s: float
    node: "Node"
    event_id: str
    endpoint_id: str
    ends_at_s: float
    status: int | None
    ended: bool = False


class SimTransport:
    """Receivers at the other end: they answer after a while, fail, or let the request run into its deadline."""

    def __init__(self, node: "Node", world: "World") -> None:
        self._node = node
        self._world = world
        self._pending: dict[int, tuple[Request, OutboundRequest]] = {}
        self._aborted: list[int] = []
        self._task: Task | None = None

    def start(self, request: OutboundRequest) -> None:
        world, random = self._world, self._world.scheduler.random
        event_id = next(line for line in request.headers if line.startswith("webhook-id: "))[12:]
        endpoint_id = request.url.rsplit("/", 1)[1]
        draw = random.random()
        failing = world.failing.get(endpoint_id, 0.0)
        status: int | None = 500 if draw < failing else 200
        takes_s = random.uniform(0.001, 0.05) if random.random() < 0.9 else random.uniform(0.05, 3.0)
        if random.random() < failing / 10:
            status, takes_s = None, request.deadline_s
        seen = Request(world.scheduler.now_s, self._node, event_id, endpoint_id, world.scheduler.now_s + takes_s, status)
        self._pending[request.token] = (seen, request)
        world.request_started(seen)

    def poll(self, timeout_s: float) -> list[InboundResponse]:
        scheduler = self._world.scheduler
        due = min((seen.ends_at_s for seen, _ in self._pending.values()), default=1e18) - scheduler.now_s
        self._task = scheduler.current()
        if due > 0 and timeout_s > 0 and not self._aborted:
            scheduler.wait(min(due, timeout_s))
        else:
            scheduler.wait(0.0001)
        self._task = None
        done = [token for token, (seen, _) in self._pending.items() if seen.ends_at_s <= scheduler.now_s]
        responses = [self._answer(token) for token in done]
        responses += [self._broken_off(token) for token in self._aborted if token in self._pending]
        self._aborted.clear()
        return responses

    def wake(self) -> None:
        if self._task is not None:
            self._world.scheduler.wake(self._task)

    def abort(self, token: int) -> None:
        self._aborted.append(token)

    def close(self) -> None:
        self._pending.clear()

    def _answer(self, token: int) -> InboundResponse:
        seen, request = self._pending.pop(token)
        seen.ended = True
        took = Timings(None, None, None, None, (seen.ends_at_s - seen.at_s) * 1000)
        error = None if seen.status else "timeout"
        return InboundResponse(token, seen.status, error, error, [], b"", False, took, "192.0.2.1:443", "1.1")

    def _broken_off(self, token: int) -> InboundResponse:
        seen, _ = self._pending.pop(token)
        seen.ended = True
        return InboundResponse(token, None, "aborted", "aborted", [], b"", False, Timings(None, None, None, None, 1.0), None, None)


class Node:
    """One process with the real parts, each on a task of its own."""

    def __init__(self, name: str, world: "World") -> None:
        scheduler = world.scheduler
        self.world = world
        self.process = Process(name)
        self.clock = SimClock(scheduler)
        self.open_transactions: list[SimTransaction] = []
        self.ready = False
        self.lease_losses = 0
        store: Any = SimStore(self, world.store, world)
        self.store = store
        self.lease = Lease(self.clock.new_id("node"))
        to_fetcher, to_settler, to_writer = SimMailbox(scheduler), SimMailbox(scheduler), SimMailbox(scheduler)
        self.directory = Directory(store, self.clock, lambda ids: self.tell(m.Reconfigured(ids, None)))
        self.directory._lock = SimLock(scheduler)  # type: ignore[assignment]
        self.dispatcher = Dispatcher(
            clock=self.clock,
            lease=self.lease,
            transport=SimTransport(self, world),
            directory=self.directory,
            fetcher=to_fetcher,
            settler=to_settler,
            slots=world.slots,
            log_attempts=None,
            observer=unobserved,
        )
        wait = scheduler.wait
        self.fetcher = Fetcher(
            store=store, directory=self.directory, clock=self.clock, inbox=to_fetcher, tell=self.tell, pause=wait,
            observer=unobserved,
        )  # fmt: skip
        self.settler = Settler(store, to_settler, self.tell, wait, unobserved)
        self.heartbeat = Heartbeat(
            store=store, clock=self.clock, lease=self.lease, tell=self.tell, wait=wait, alive=lambda: True,
            observer=unobserved,
        )  # fmt: skip
        self.sweep = Sweep(
            store=store, clock=self.clock, lease=self.lease, fetcher=to_fetcher.post, tell=self.tell, wait=wait,
            observer=unobserved,
        )  # fmt: skip
        self.writer = Writer(
            store=store,
            index=MatchIndex(),
            clock=self.clock,
            inbox=to_writer,
            engine=Gate(self.dispatcher),
            on_done=self._answered,
            pause=wait,
        )

    def tell(self, message: m.ToDispatcher) -> None:
        if isinstance(message, m.LeaseLost):
            self.lease_losses += 1
        self.dispatcher.post(message)

    def start(self) -> None:
        self.world.scheduler.spawn(self.process, "boot", self._boot)

    def _boot(self) -> None:
        while True:
            try:
                self.directory.start()
                self.heartbeat.register()
                break
            except (StoreUnavailable, CommitInDoubt):
                self.lease.node_id = self.clock.new_id("node")
        self._loop("dispatcher", self.dispatcher.step)
        self._loop("fetcher", self.fetcher.step)
        self._loop("settler", self.settler.step)
        self._loop("heartbeat", self.heartbeat.step)
        self._loop("sweep", self.sweep.step)
        self._loop("follower", self._follow)
        self._loop("writer", self.writer.step)
        self.ready = True

    def _follow(self) -> None:
        self.world.scheduler.wait(0.5)
        self.directory.try_refresh()

    def _loop(self, name: str, step: Callable[[], None]) -> None:
        def forever() -> None:
            while True:
                step()

        self.world.scheduler.spawn(self.process, name, forever)

    def _answered(self, submissions: list[Submission]) -> None:
        for submission in submissions:
            self.world.answered(submission)

    def crash(self) -> None:
        self.process.dead = True
        for transaction in list(self.open_transactions):
            transaction.die()


@dataclass
class World:
    """Everything of one run. `violations` is what the checks found."""

    scheduler: Scheduler
    faults: Faults
    store: MemoryStore
    slots: int = 20
    nodes: list[Node] = field(default_factory=list)
    requests: dict[tuple[str, str], list[Request]] = field(default_factory=dict)
    endpoints: dict[str, str] = field(default_factory=dict)
    orderings: dict[str, Any] = field(default_factory=dict)
    prompt: set[str] = field(default_factory=set)
    failing: dict[str, float] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    accepted: dict[str, Any] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    doubts: int = 0
    crashes: int = 0
    takeovers: int = 0
    pauses: int = 0
    jumps: int = 0
    on_request: Callable[[Request], None] = lambda request: None

    def faults_now(self) -> Faults:
        return self.faults if self.scheduler.now_s < self.faults.until_s else Faults()

    def request_started(self, request: Request) -> None:
        self.on_request(request)
        self.requests.setdefault((request.event_id, request.endpoint_id), []).append(request)

    def answered(self, submission: Submission) -> None:
        if isinstance(submission.outcome, list):
            for accepted in submission.outcome:
                self.accepted[accepted.id] = (self.scheduler.now_s, submission.events[0])

    @property
    def alive(self) -> list[Node]:
        return [node for node in self.nodes if not node.process.dead]

    @property
    def lease_losses(self) -> int:
        return sum(node.lease_losses for node in self.nodes)

    def wanted_by(self, event_id: str) -> set[str]:
        """The endpoints an accepted event must reach."""
        tenant_id = self.accepted[event_id][1].tenant_id
        return {endpoint_id for endpoint_id, owner in self.endpoints.items() if owner == tenant_id}

    def key_at(self, event_id: str, endpoint_id: str) -> str:
        """The ordering key that counts at an endpoint."""
        return "" if self.orderings[endpoint_id] == "strict" else self.keys.get(event_id, "")

    def pending(self) -> list[Any]:
        """Every delivery that is not finished."""
        return list(self.store._tables.deliveries())

    def attempts(self) -> list[Any]:
        """The whole log."""
        return list(self.store._tables.attempts.values())

    def owners(self) -> list[tuple[str, str]]:
        """(owner, endpoint) of every lane that is owned."""
        return [(lane.owner, lane.endpoint_id) for lane in self.store._tables.lanes.values() if lane.owner is not None]

    def violate(self, what: str) -> None:
        self.violations.append(f"{self.scheduler.now_s:.3f}: {what}")
