"""What must hold in every run of the simulation, whatever the seed and whatever goes wrong.

While it runs:
- No two nodes believe in one lane at the same time, and nobody sends for a lane that another believes in.
- A delivery is never in flight twice, unless the first sender died.
- A delivery is sent again beside or after a success only where, since the first request, a node was taken over, a
  process died or a commit was in doubt.
- A delivery of an ordered lane goes out only when nothing that was committed before it, with a lower number and the
  same key, is unfinished; and no two of one key are in flight together, unless such an ambiguity explains it.
- Nothing is sent to an endpoint that was switched off or deleted more than a second ago.
- Two requests to an endpoint with a rate are never closer than it allows, the machines' clocks aside.
- A lane's row never names a node that has no row.
- Nothing due is forgotten: a bell, a memory or an errand sees to it (`coverage`).
- What a dispatcher counts (rows, bytes, reservations) is what its lanes hold.
In the end:
- Everything that was accepted has been delivered, in time; nothing is left.
- No lane is tried to be released again and again.
- Every request is in the log once, and no failed attempt is counted twice.
"""

from typing import Any

from ringback.engine.lanes import bytes_of
from ringback.policy.health import Pace
from simulation.coverage import Coverage
from simulation.node import Node
from simulation.remote import Request
from simulation.world import World

LOOK_EVERY_STEPS = 5
SEEN_WITHIN_S = 1.0
KEPT_MAX = 100
RATE_SKEW_S = 0.5


class Checks:
    """Watches a world. `late_s`: how long after its event was accepted a first request may start."""

    def __init__(self, world: World, *, late_s: float, coverage: Coverage | None) -> None:
        self._world = world
        self._late_s = late_s
        self._coverage = coverage
        self._seen: set[str] = set()
        world.on_request = self._on_request
        world.scheduler.after_step = self._after_step

    def _violate(self, what: str) -> None:
        """Once for each finding, however long it lasts."""
        if what not in self._seen:
            self._seen.add(what)
            self._world.violate(what)

    # ── at each request ──────────────────────────────────────────────────────────────────────────────────────

    def _on_request(self, request: Request) -> None:
        self._one_owner(request)
        self._switched_on(request)
        self._alone(request)
        self._spaced(request)
        self._no_duplicate(request)
        if self._world.key_at(request.event_id, request.endpoint_id) is not None:
            self._in_order(request)

    def _one_owner(self, request: Request) -> None:
        sender = request.node.process.name
        for other in self._world.alive:
            if other is not request.node and other.believes_in(request.endpoint_id):
                self._violate(f"{sender} sends for {request.endpoint_id}, which {other.process.name} believes in")

    def _switched_on(self, request: Request) -> None:
        off_s = self._world.off_since_s.get(request.endpoint_id)
        if off_s is not None and request.at_s - off_s > SEEN_WITHIN_S + 3 * self._world.faults.late_s * bool(
            self._world.faults.late
        ):
            self._violate(f"{request.event_id} went to {request.endpoint_id}, off for {request.at_s - off_s:.1f} s")

    def _spaced(self, request: Request) -> None:
        rate, last = self._world.rates.get(request.endpoint_id), self._world.last.get(request.endpoint_id)
        if rate is None or last is None or self._world.ambiguous_s >= last.at_s or self._world.counts["jumps"]:
            return
        if self._world.versions[request.endpoint_id]:
            return  # who switches it off and on starts anew
        after_s = request.at_s - last.at_s
        if after_s < 1.0 / rate - RATE_SKEW_S:
            self._violate(f"{request.endpoint_id} wants {rate} a second, and got two within {after_s:.1f} s")

    def _earlier(self, request: Request) -> list[Request]:
        return self._world.requests.get((request.event_id, request.endpoint_id), [])

    def _alone(self, request: Request) -> None:
        for earlier in self._earlier(request):
            if earlier.ends_at_s > request.at_s and not earlier.node.process.dead:
                self._violate(f"{request.event_id} is in flight to {request.endpoint_id} twice")

    def _no_duplicate(self, request: Request) -> None:
        for earlier in self._earlier(request):
            unexplained = self._world.ambiguous_s < earlier.at_s
            if unexplained and (earlier.status == 200 or not earlier.ended):
                self._violate(f"{request.event_id} sent twice to {request.endpoint_id}, and nothing explains it")

    def _in_order(self, request: Request) -> None:
        world = self._world
        event_id, endpoint_id = request.event_id, request.endpoint_id
        key = world.key_at(event_id, endpoint_id)
        for other in world.flying.get(endpoint_id, []):
            explained = world.ambiguous_s >= other.at_s
            if not explained and other.event_id != event_id and world.key_at(other.event_id, endpoint_id) == key:
                self._violate(f"{event_id} and {other.event_id} of one key are in flight together to {endpoint_id}")
        queue = world.queue(endpoint_id)
        own = next((row for row in queue.values() if row.event_id == event_id), None)
        for row in queue.values():
            if own is None or row.seq >= own.seq or world.key_at(row.event_id, endpoint_id) != key:
                continue
            if world.commit_number(row) < world.commit_number(own):
                self._violate(f"{event_id} went to {endpoint_id} before {row.event_id} of the same key")

    # ── between any two steps ────────────────────────────────────────────────────────────────────────────────

    def _after_step(self) -> None:
        if self._world.scheduler.steps % LOOK_EVERY_STEPS:
            return
        self._one_believer()
        self._living_owners()
        if self._coverage is not None:
            self._coverage.look()

    def _one_believer(self) -> None:
        believers: dict[str, Node] = {}
        for node in self._world.nodes:
            if node.process.dead:
                continue
            for endpoint_id in node.dispatcher._lanes._lanes:
                other = believers.setdefault(endpoint_id, node)
                if other is not node and other.believes_in(endpoint_id) and node.believes_in(endpoint_id):
                    self._violate(f"{other.process.name} and {node.process.name} both believe in {endpoint_id}")

    def _living_owners(self) -> None:
        tables = self._world.store._tables
        for lane in tables.lanes.values():
            if lane.owner is not None and lane.owner not in tables.nodes:
                self._violate(f"the lane of {lane.endpoint_id} names {lane.owner}, which has no row")

    # ── in the end ───────────────────────────────────────────────────────────────────────────────────────────

    def at_the_end(self) -> None:
        """After the faults are over and time has passed."""
        self._all_delivered()
        self._numbers()
        self._in_time()
        for endpoint_id, times in self._world.kept.items():
            if times > KEPT_MAX:
                self._violate(f"the lane of {endpoint_id} could not be released {times} times")
        for node in self._world.alive:
            self._bookkeeping(node)

    def _all_delivered(self) -> None:
        world = self._world
        left = world.pending()
        for row in left[:3]:
            self._violate(f"{row.event_id} is stuck at {row.endpoint_id} (due {row.due_at}, {len(left)} in all)")
        for event_id in world.accepted:
            for endpoint_id in world.wanted_by(event_id):
                requests = world.requests.get((event_id, endpoint_id), [])
                if not any(request.status == 200 for request in requests) and not left:
                    self._violate(f"{event_id} was accepted and never reached {endpoint_id}")

    def _numbers(self) -> None:
        seen: set[tuple[Any, ...]] = set()
        log = [one for one in self._world.log() if one.event_id is not None and one.outcome in ("succeeded", "failed")]
        for attempt in log:
            if attempt.superseded or attempt.outcome == "succeeded":
                continue  # a success ends its delivery whatever else was recorded
            key = (attempt.event_id, attempt.endpoint_id, attempt.number)
            if key in seen:
                self._violate(f"attempt {key} failed twice in the log and neither is marked")
            seen.add(key)
        sent = sum(len(requests) for requests in self._world.requests.values())
        if len(log) != sent and not self._world.counts["crashes"]:
            self._violate(f"{sent} requests left, {len(log)} are in the log")

    def _in_time(self) -> None:
        world = self._world
        for event_id, (accepted_s, event) in world.accepted.items():
            for endpoint_id in world.wanted_by(event_id):
                requests = world.requests.get((event_id, endpoint_id), [])
                if endpoint_id not in world.prompt or event.deliver_at is not None or not requests:
                    continue
                late_s = requests[0].at_s - accepted_s
                if late_s > self._late_s:
                    self._violate(f"{event_id} first went to {endpoint_id} {late_s:.1f} s after it was accepted")

    def _bookkeeping(self, node: Node) -> None:
        dispatcher, budget = node.dispatcher, node.dispatcher._lanes.budget
        lanes = list(dispatcher._lanes._lanes.values())
        flying = sum(bytes_of(one.row) for one in dispatcher._flying.values())
        counted = (budget.rows, budget.slow_rows, budget.bytes)
        held = (
            sum(len(lane.held) + lane.reserved for lane in lanes),
            sum(len(lane.held) + lane.reserved for lane in lanes if lane.pace is not Pace.QUICK),
            sum(lane.bytes_queued for lane in lanes) + flying,
        )
        if counted != held:
            self._violate(f"{node.process.name} counts {counted} rows, slow rows and bytes, and holds {held}")
