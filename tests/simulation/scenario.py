"""One run of the simulation: a seed, a kind of trouble, and what the checks found.

    python -m simulation.scenario SEED [--trouble KIND] [--trace]      (from tests/; `make sim SEED=…` does it)
"""

import argparse
import sys
from collections.abc import Callable
from typing import NamedTuple

from ringback.ingest.submission import Submission
from ringback.model.endpoint import Endpoint, Ordering, RetryRule, Secret
from ringback.model.errors import Unavailable
from ringback.model.event import Event
from ringback.model.tenant import Tenant
from ringback.store.memory import MemoryStore
from simulation.checks import Checks
from simulation.scheduler import Process, Scheduler
from simulation.world import WALL_START_MS, Faults, Node, World

QUIET_S = 400.0
STRAGGLERS_S = 25.0


class Trouble(NamedTuple):
    """What goes wrong in a run, and how late a first try may be."""

    faults: Faults
    late_s: float
    hung_heartbeat: bool = False


TROUBLES: dict[str, Trouble] = {
    "none": Trouble(Faults(), 8.0),
    "late": Trouble(Faults(late=0.1, late_s=1.0), 15.0),
    "unavailable": Trouble(Faults(unavailable=0.02, late=0.05), 15.0),
    "doubt": Trouble(Faults(doubt=0.02, late=0.05), 60.0),
    "crash": Trouble(Faults(crash_per_s=0.05, late=0.05), 100.0),
    "pause": Trouble(Faults(pause_per_s=0.03, late=0.05), 150.0),
    "jump": Trouble(Faults(jump_per_s=0.1, late=0.05), 1e9),
    "heartbeat": Trouble(Faults(pause_per_s=0.01, late=0.03, late_s=40.0), 250.0),
    "all": Trouble(
        Faults(unavailable=0.01, doubt=0.01, late=0.05, late_s=2.0, crash_per_s=0.02, pause_per_s=0.02, jump_per_s=0.02),
        1e9,
    ),
}


class Run(NamedTuple):
    """What came of a run."""

    seed: int
    trouble: str
    violations: list[str]
    accepted: int
    requests: int
    duplicates: int
    steps: int
    trace: list[str]


def simulate(
    seed: int, trouble: str = "none", *, change: Callable[[World], None] = lambda world: None, trace: bool = False
) -> Run:
    """Run one seed. `change` may break something in the world before it starts (the tests of the protections)."""
    kind = TROUBLES[trouble]
    scheduler = Scheduler(seed)
    scheduler.tracing = trace
    random = scheduler.random
    seconds = random.uniform(20.0, 60.0)
    faults = Faults(**{**vars(kind.faults), "until_s": scheduler.now_s + seconds})
    world = World(scheduler, faults, MemoryStore(sole=False), slots=random.choice([5, 20, 100]))
    ordered = _configure(world)
    checks = Checks(world, late_s=kind.late_s, ordered=ordered)
    for number in range(random.randint(1, 3)):
        world.nodes.append(Node(f"n{number}", world))
    change(world)
    for node in world.nodes:
        node.start()
    people = Process("world")
    for number in range(random.randint(1, 3)):
        scheduler.spawn(people, f"client{number}", lambda: _client(world, scheduler.now_s + seconds))
    scheduler.spawn(people, "fate", lambda: _fate(world, change))
    end_s = scheduler.now_s + seconds
    scheduler.run(end_s)
    scheduler.run(end_s + QUIET_S, lambda: not world.pending() and scheduler.now_s > end_s + 5.0)
    scheduler.run(scheduler.now_s + STRAGGLERS_S)
    checks.at_the_end()
    sent = sum(len(requests) for requests in world.requests.values())
    twice = sum(1 for requests in world.requests.values() if sum(r.status == 200 for r in requests) > 1)
    return Run(seed, trouble, world.violations, len(world.accepted), sent, twice, scheduler.steps, scheduler.trace)


def _configure(world: World) -> set[str]:
    """Two tenants; plain, failing and ordered endpoints. Returns the ordered ones."""
    random = world.scheduler.random
    ordered: set[str] = set()
    for tenant_number in range(random.randint(1, 2)):
        tenant_id = f"t{tenant_number}"
        world.store.create_tenant(
            Tenant(tenant_id, tenant_id, "standard", True, 30, WALL_START_MS, WALL_START_MS),
            Secret(f"sec_{tenant_id}", tenant_id, None, "x", WALL_START_MS, None),
        )
        for number in range(random.randint(1, 3)):
            endpoint_id = f"ep_{tenant_id}_{number}"
            ordering = random.choice([Ordering.NONE, Ordering.NONE, Ordering.SUBJECT, Ordering.STRICT])
            failing = random.choice([0.0, 0.0, 0.3])
            endpoint = Endpoint(
                endpoint_id, tenant_id, "", f"https://receiver.example/{endpoint_id}", ordering=ordering,
                retry=RetryRule(delays_s=(0.2, 0.5, 1.0, *[2.0] * 40)), max_in_flight=random.choice([None, 1, 30]),
            )  # fmt: skip
            secret = Secret(f"sec_{endpoint_id}", tenant_id, endpoint_id, "whsec_" + "A" * 32, WALL_START_MS, None)
            world.store.create_endpoint(endpoint, secret, 100)
            world.endpoints[endpoint_id] = tenant_id
            world.failing[endpoint_id] = failing
            if ordering is not Ordering.NONE:
                ordered.add(endpoint_id)
            elif failing == 0.0:
                world.prompt.add(endpoint_id)
            world.orderings[endpoint_id] = ordering
    return ordered


def _client(world: World, until_s: float) -> None:
    """Posts events to some node, in bursts and with gaps around the two seconds that a drained lane lingers."""
    scheduler, random = world.scheduler, world.scheduler.random
    number = 0
    while scheduler.now_s < until_s:
        for _ in range(random.choice([1, 1, 1, 5])):
            nodes = [node for node in world.alive if node.ready and node.process.paused_until <= scheduler.now_s]
            if nodes:
                number += 1
                _post(world, random.choice(nodes), number)
        gap_s = random.choice([0.01, 0.1, 1.0, 1.9, 2.0, 2.1, 4.0])
        scheduler.sleep(random.uniform(0.8, 1.2) * gap_s)


def _post(world: World, node: Node, number: int) -> None:
    random = world.scheduler.random
    now = node.clock.now_ms()
    tenant_id = random.choice(sorted(set(world.endpoints.values())))
    subject = random.choice(["a", "b", "c"])
    deliver_at = now + random.choice([500, 2_000, 5_000]) if random.random() < 0.05 else None
    event = Event(
        tenant_id, node.clock.new_id("evt"), "thing.happened", b'{"n":%d}' % number, None, "thing", subject, None, None,
        f"thing/{subject}", None, deliver_at, now, 0, 0,
    )  # fmt: skip
    world.keys[event.id] = event.ordering_key or ""
    try:
        node.writer.submit(Submission([event], [None], None))
    except Unavailable:
        return


def _fate(world: World, change: Callable[[World], None]) -> None:
    """Once a second, something may happen to a node."""
    scheduler, random = world.scheduler, world.scheduler.random
    number = len(world.nodes)
    while True:
        scheduler.sleep(1.0)
        faults = world.faults_now()
        for node in list(world.alive):
            if random.random() < faults.crash_per_s:
                world.crashes += 1
                node.crash()
                reborn = Node(f"n{number}", world)
                number += 1
                world.nodes.append(reborn)
                change(world)
                reborn.start()
            elif random.random() < faults.pause_per_s:
                world.pauses += 1
                node.process.paused_until = scheduler.now_s + random.uniform(*faults.pause_s)
            elif random.random() < faults.jump_per_s:
                world.jumps += 1
                node.clock.wall_offset_ms += random.choice([-60_000, -5_000, 5_000, 60_000, 3_600_000])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("--trouble", choices=sorted(TROUBLES), default="all")
    parser.add_argument("--count", type=int, default=1, help="so many seeds from SEED on")
    parser.add_argument("--trace", action="store_true")
    options = parser.parse_args()
    bad = 0
    for seed in range(options.seed, options.seed + options.count):
        run = simulate(seed, options.trouble, trace=options.trace)
        for line in run.trace:
            print(line)
        print(
            f"seed {seed} ({run.trouble}): {run.accepted} events, {run.requests} requests, {run.duplicates} twice,"
            f" {run.steps} steps: {'ok' if not run.violations else 'VIOLATED'}"
        )
        for violation in run.violations[:10]:
            print(f"  {violation}")
        bad += bool(run.violations)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
