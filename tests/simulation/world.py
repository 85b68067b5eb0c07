"""The world of the simulation: nodes that share one store, receivers, what was accepted and sent, and what goes wrong.

Nodes share one MemoryStore, as processes share a database. The world keeps the facts; `checks` judges them, `scenario`
and `directed` make things happen.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ringback.engine import messages as m
from ringback.ingest.submission import Submission
from ringback.model.attempt import Attempt
from ringback.model.endpoint import Ordering
from ringback.model.event import Delivery, Event
from ringback.model.lane import LaneRow
from ringback.observe.telemetry import TelemetryEvent
from ringback.store.memory import MemoryStore
from simulation.calls import MOMENTOUS
from simulation.faults import NO_FAULTS, Fault, Faults, Plan
from simulation.node import WALL_START_MS, Node
from simulation.remote import Receiver, Request
from simulation.scheduler import Scheduler

Place = tuple[str, str]
"""(event id, endpoint id)."""


CLAIMING_S_MIN = 8.0
"""A claim may be so late that no more is left of a lease that would have been enough."""


@dataclass
class World:
    """Everything of one run. `violations` is what the checks found; `counts` what happened, by name."""

    scheduler: Scheduler
    faults: Faults
    store: MemoryStore
    slots: int = 20
    plan: Plan | None = None
    sweeping: bool = True
    nodes: list[Node] = field(default_factory=list)
    requests: dict[Place, list[Request]] = field(default_factory=dict)
    flying: dict[str, list[Request]] = field(default_factory=dict)
    last: dict[str, Request] = field(default_factory=dict)
    endpoints: dict[str, str] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    versions: Counter[str] = field(default_factory=Counter)
    wanted: dict[str, dict[str, int]] = field(default_factory=dict)
    orderings: dict[str, Ordering] = field(default_factory=dict)
    prompt: set[str] = field(default_factory=set)
    rates: dict[str, float] = field(default_factory=dict)
    receivers: dict[str, Receiver] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    accepted: dict[str, tuple[float, Event]] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    off_since_s: dict[str, float] = field(default_factory=dict)
    ambiguous_s: float = -1.0
    calls: int = 0
    on_request: Callable[[Request], None] = lambda request: None
    born: Callable[[Node], None] = lambda node: None
    provoke: Callable[[], None] = lambda: None
    haunt: Callable[[Node], None] = lambda node: None

    # ── nodes ────────────────────────────────────────────────────────────────────────────────────────────────

    def give_birth(self) -> Node:
        """One more process, not started."""
        node = Node(f"n{len(self.nodes)}", self)
        self.nodes.append(node)
        self.born(node)
        return node

    @property
    def alive(self) -> list[Node]:
        return [node for node in self.nodes if not node.process.dead]

    @property
    def held_up(self) -> bool:
        """Whether some node stands still: then the others have to go on, or nobody would take it over."""
        return any(node.held_up for node in self.alive)

    def crash(self, node: Node) -> None:
        """It dies at this step; another one comes up in its place, at once."""
        self.scheduler.note(f"{node.process.name} dies")
        self.counts["crashes"] += 1
        self.ambiguous_s = self.scheduler.now_s
        node.die()
        self.give_birth().start()

    def pause(self, node: Node, seconds: float) -> None:
        self.scheduler.note(f"{node.process.name} pauses for {seconds:.1f} s")
        self.counts["pauses"] += 1
        node.process.paused_until = max(node.process.paused_until, self.scheduler.now_s + seconds)

    # ── faults ───────────────────────────────────────────────────────────────────────────────────────────────

    def faults_now(self) -> Faults:
        return self.faults if self.scheduler.now_s < self.faults.until_s else NO_FAULTS

    def planned(self, name: str) -> Fault | None:
        """Count a call that matters; the fault that the plan has for it."""
        if self.plan is None or name not in MOMENTOUS or (name == "claim" and not self._anything_rings()):
            return None
        self.calls += 1
        return self.plan.fault if self.calls == self.plan.at else None

    def _anything_rings(self) -> bool:
        return any(lane.owner is None and lane.due_at is not None for lane in self.store._tables.lanes.values())

    def in_doubt(self) -> None:
        self.counts["doubts"] += 1
        self.ambiguous_s = self.scheduler.now_s

    # ── what happens ─────────────────────────────────────────────────────────────────────────────────────────

    def done(self, node: Node, name: str, args: tuple[Any, ...], result: Any) -> None:
        """A store call was carried out."""
        if name == "take_over" and result:
            self.counts["takeovers"] += 1
            self.ambiguous_s = self.scheduler.now_s
            for victim in self.alive:
                if victim.lease.node_id == args[0]:
                    self.haunt(victim)
        elif name == "claim":
            if result and not self.counts["pauses"] and node.lease.until_s - node.clock.boottime_s() < CLAIMING_S_MIN:
                self.violate(f"{node.process.name} claims lanes for which it may not send")
            for row in result:
                if row.not_before > args[1]:
                    self.violate(f"the lane of {row.endpoint_id} was claimed in its pause")
        elif name == "release":
            self.counts["shared releases"] += len(result) > 1
            for lane, given_up in zip(args[1], result, strict=True):
                self.counts["kept"] += not given_up
                self.kept[lane.endpoint_id] += not given_up

    def observe(self, event: TelemetryEvent, /) -> None:
        self.counts[type(event).__name__] += 1

    def committing(self, rows: Iterable[Delivery]) -> None:
        """These deliveries are about to become visible; some are late: a higher number is there already."""
        for row in rows:
            queue = self.queue(row.endpoint_id)
            self.counts["late commits"] += bool(queue) and row.seq < max(queue)

    def request_started(self, request: Request) -> None:
        self.scheduler.note(f"sends {request.event_id} to {request.endpoint_id}: {request.status}")
        self.on_request(request)
        self.requests.setdefault((request.event_id, request.endpoint_id), []).append(request)
        self.flying.setdefault(request.endpoint_id, []).append(request)
        self.last[request.endpoint_id] = request

    def request_ended(self, request: Request) -> None:
        """Its sender knows how it ended."""
        self.flying[request.endpoint_id].remove(request)

    def answered(self, submission: Submission) -> None:
        """A caller heard of its events."""
        if isinstance(submission.outcome, list):
            for accepted in submission.outcome:
                self.accepted[accepted.id] = (self.scheduler.now_s, submission.events[0])
                wanted = self.wanted[accepted.id]
                self.wanted[accepted.id] = {name: at for name, at in wanted.items() if self.versions[name] == at}

    def violate(self, what: str) -> None:
        self.scheduler.note(f"VIOLATED: {what}")
        self.violations.append(f"{self.scheduler.now_s:.3f}: {what}")

    # ── what there is ────────────────────────────────────────────────────────────────────────────────────────

    def posted(self, event: Event) -> None:
        """An event is about to be submitted; who is switched on now, and as which version."""
        self.counts["posted"] += 1
        self.keys[event.id] = event.ordering_key or ""
        self.wanted[event.id] = {
            name: self.versions[name]
            for name, tenant_id in self.endpoints.items()
            if tenant_id == event.tenant_id and name not in self.off_since_s
        }

    def wanted_by(self, event_id: str) -> list[str]:
        """The endpoints an accepted event must reach: switched on from its submission to its answer."""
        return [name for name in self.wanted[event_id] if name not in self.deleted]

    def key_at(self, event_id: str, endpoint_id: str) -> str | None:
        """The ordering key that counts at an endpoint; None where there is no order."""
        ordering = self.orderings[endpoint_id]
        if ordering is Ordering.NONE:
            return None
        return "" if ordering is Ordering.STRICT else self.keys.get(event_id, "")

    def pending(self) -> list[Delivery]:
        """Every delivery that is not finished."""
        return list(self.store._tables.deliveries())

    def wall_ms(self) -> int:
        """The hour as it really is."""
        return WALL_START_MS + int(self.scheduler.now_s * 1000)

    def lanes(self) -> list[LaneRow]:
        return list(self.store._tables.lanes.values())

    def queue(self, endpoint_id: str) -> dict[int, Delivery]:
        """What is not finished at one endpoint, by seq."""
        return self.store._tables.queues.get((self.endpoints[endpoint_id], endpoint_id), {})

    @property
    def idle(self) -> bool:
        """Whether every delivery is finished."""
        return not any(self.store._tables.queues.values())

    def commit_number(self, delivery: Delivery) -> int:
        """Grows with each commit of an event."""
        return self.store._tables.events[delivery.tenant_id, delivery.event_id].seq

    def log(self) -> list[Attempt]:
        """The whole log."""
        return list(self.store._tables.attempts.values())

    def owed(self) -> bool:
        """Whether somebody is still to ring: what looks forgotten may be on its way."""
        return any(
            node.owes_bells or any(isinstance(one, m.HandedOver) for one in node.dispatcher._inbox)
            for node in self.alive
        )
