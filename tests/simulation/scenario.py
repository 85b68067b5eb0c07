"""One run of the simulation: a seed, a kind of trouble, and what the checks found.

    python -m simulation.scenario SEED [--count N] [--trouble KIND] [--trace]

(from tests/; `make sim SEED=…` does it.)

A run is a world drawn from the seed, half a minute or more of clients, faults and changes, then calm, in which all must
get well. The same seed and trouble give the same run, to the step.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from ringback.model.endpoint import Ordering
from ringback.store.memory import MemoryStore
from simulation.checks import Checks
from simulation.coverage import Coverage
from simulation.directed import DIRECTED, run_directed
from simulation.fate import decide
from simulation.faults import NO_FAULTS, Faults
from simulation.node import Node
from simulation.remote import Receiver
from simulation.run import Run, add_endpoint, add_tenant, finish, submit
from simulation.scheduler import Process, Scheduler
from simulation.world import World

STORM = 40
RATE_PER_S = 0.3
LONG_S = (40.0, 70.0)


class Trouble(NamedTuple):
    """What goes wrong in a run, how late a first request may be, and how long due work may look forgotten.

    `grace_s` None: in such trouble that can't be told. `nodes` are the least and the most, `seconds` how long clients
    and faults are about, `faulty` is the part of that time in which there are faults, `gaps_s` what passes between a
    client's events. `endpoints` are a tenant's, at least and at most, beside one that is well. `rated`, `ordered`,
    `slow`, `failing` and `hanging` are the chances of an endpoint to have a rate or an order, to be slow, to fail often
    (`fails` of its requests), or to let many requests hang.
    """

    faults: Faults
    late_s: float
    grace_s: float | None
    nodes: tuple[int, int] = (1, 3)
    sole: bool = False
    rated: float = 0.1
    ordered: float = 0.5
    slow: float = 0.4
    failing: float = 0.25
    fails: float = 0.4
    hanging: float = 0.1
    endpoints: tuple[int, int] = (0, 3)
    seconds: tuple[float, float] = (12.0, 30.0)
    faulty: float = 1.0
    storms: bool = True
    gaps_s: tuple[float, ...] = (0.01, 0.1, 1.0, 1.9, 2.0, 2.1, 4.0)


TROUBLES: dict[str, Trouble] = {
    "none": Trouble(NO_FAULTS, 8.0, 0.6),
    "rate": Trouble(NO_FAULTS, 8.0, 0.6, rated=0.6),
    "late": Trouble(Faults(late=0.15), 15.0, 0.8, nodes=(2, 3)),
    "linger": Trouble(
        Faults(late=0.3, late_s=0.3), 15.0, 0.7, nodes=(2, 3), gaps_s=(1.9, 2.0, 2.1, 2.3), seconds=LONG_S,
        storms=False,
    ),
    "hand-over": Trouble(
        Faults(late_hand_over=0.6, late_hand_over_s=12.0), 60.0, 0.8, ordered=0.0, failing=0.7, fails=0.7, rated=0.0,
        hanging=0.0, seconds=LONG_S, gaps_s=(1.0, 3.0, 5.0), storms=False,
    ),
    "order": Trouble(Faults(late=0.3), 25.0, 0.8, nodes=(2, 3), ordered=0.9, rated=0.0, slow=1.0, failing=0.1),
    "unavailable": Trouble(Faults(unavailable=0.03, late=0.05, late_s=0.3), 15.0, 1.0),
    "doubt": Trouble(Faults(doubt=0.02, late=0.05), 60.0, None),
    "crash": Trouble(Faults(crash_per_s=0.02, crash_per_call=0.003, late=0.05), 110.0, None),
    "unrung": Trouble(Faults(crash_before_ring=0.25), 110.0, None, gaps_s=(1.0, 3.0), storms=False),
    "restart": Trouble(Faults(crash_per_s=0.05, crash_per_call=0.002), 12.0, None, nodes=(1, 1), sole=True),
    "stop": Trouble(Faults(stop_per_s=0.05, late=0.05, late_s=0.2), 30.0, None),
    "pause": Trouble(
        Faults(pause_per_s=0.03, pause_per_call=0.002, pause_s=(30.0, 45.0), late=0.05), 170.0, 5.0, nodes=(2, 3),
        failing=0.8, seconds=LONG_S,
    ),
    "heartbeat": Trouble(
        Faults(beat_hangs=0.5, late=0.1, late_s=3.0), 200.0, 8.0, nodes=(2, 3), hanging=0.5, seconds=LONG_S,
        faulty=0.75, gaps_s=(0.5, 1.0, 2.0, 3.0), storms=False,
    ),
    "hang": Trouble(Faults(thread_hangs_per_s=0.06, late=0.03), 100.0, None, nodes=(2, 3)),
    "jump": Trouble(Faults(jump_per_s=0.25, beat_hangs=0.1, late=0.05), 1e9, None),
    "crowd": Trouble(
        Faults(late=0.1, unavailable=0.005, doubt=0.005, crash_per_s=0.01, stop_per_s=0.03), 110.0, None, nodes=(2, 3),
        endpoints=(7, 9), rated=0.0, seconds=(25.0, 40.0), gaps_s=(0.5, 1.0, 1.5), storms=False,
    ),
    "change": Trouble(Faults(change_per_s=0.3), 20.0, None),
    "all": Trouble(
        Faults(
            unavailable=0.01, doubt=0.01, late=0.05, late_s=1.0, crash_per_s=0.01, crash_per_call=0.001,
            pause_per_s=0.01, pause_per_call=0.001, beat_hangs=0.05, jump_per_s=0.02, stop_per_s=0.01,
            change_per_s=0.05, thread_hangs_per_s=0.003,
        ),
        1e9,
        None,
    ),
}  # fmt: skip


def simulate(
    seed: int,
    trouble: str = "none",
    *,
    break_it: Callable[[Node], None] = lambda node: None,
    sweeping: bool = True,
    trace: bool = False,
) -> Run:
    """Run one seed. `break_it` gets every new node (the tests of the protections); `sweeping` off leaves no sweep.

    `trouble` is one of TROUBLES, or of DIRECTED.
    """
    if trouble in DIRECTED:
        return run_directed(seed, trouble, break_it=break_it, sweeping=sweeping, trace=trace)
    kind = TROUBLES[trouble]
    scheduler = Scheduler(seed)
    scheduler.tracing = trace
    random = scheduler.random
    seconds = random.uniform(*kind.seconds)
    faults = replace(kind.faults, until_s=scheduler.now_s + kind.faulty * seconds)
    world = World(scheduler, faults, MemoryStore(sole=kind.sole), slots=random.choice([40, 200]), sweeping=sweeping)
    world.born = break_it
    world.provoke = lambda: post(world)
    world.haunt = lambda victim: haunt(world, victim)
    configure(world, kind)
    coverage = Coverage(world, kind.grace_s) if kind.grace_s is not None else None
    checks = Checks(world, late_s=kind.late_s, coverage=coverage)
    for _ in range(random.randint(*kind.nodes)):
        world.give_birth().start()
    people = Process("world")
    for number in range(random.randint(1, 3 if kind.storms else 1)):
        scheduler.spawn(people, f"client{number}", lambda: client(world, kind, scheduler.now_s + seconds))
    scheduler.spawn(people, "fate", lambda: decide(world))
    return finish(world, checks, seed, trouble, seconds)


# ── the world ────────────────────────────────────────────────────────────────────────────────────────────────────


def configure(world: World, kind: Trouble) -> None:
    """One or two tenants with endpoints that answer, fail, are slow, hang, break down for a while, or want order."""
    random = world.scheduler.random
    for tenant_number in range(random.randint(1, 2)):
        tenant_id = f"t{tenant_number}"
        add_tenant(world, tenant_id)
        for number in range(random.randint(*kind.endpoints)):
            receiver = Receiver()
            if random.random() < kind.slow:
                receiver = random.choice([Receiver(slow=True), Receiver(slow=True, throttling=0.2)])
            if random.random() < kind.failing:
                receiver = Receiver(failing=kind.fails)
            if random.random() < 0.15:
                start_s = world.scheduler.now_s + random.uniform(0.0, 10.0)
                receiver.outage = (start_s, start_s + random.uniform(10.0, 30.0))
            ordering = Ordering.NONE
            if random.random() < kind.ordered:
                ordering = random.choice([Ordering.SUBJECT, Ordering.STRICT])
            in_flight, rate = random.choice([None, 1, 30]), None
            if random.random() < kind.rated and world.sweeping:
                rate, receiver = RATE_PER_S, Receiver()
            elif random.random() < kind.hanging:
                ordering, in_flight, receiver = Ordering.NONE, None, Receiver(hanging=0.3)
            add_endpoint(world, tenant_id, number, ordering, receiver, in_flight, rate)
        add_endpoint(world, tenant_id, 9, Ordering.NONE, Receiver())


# ── clients ──────────────────────────────────────────────────────────────────────────────────────────────────────


def client(world: World, kind: Trouble, until_s: float) -> None:
    """Posts events to some node, in bursts and with gaps around the two seconds that a drained lane lingers."""
    scheduler, random = world.scheduler, world.scheduler.random
    leisure = random.choice([1.0, 1.0, 4.0])
    while scheduler.now_s < until_s:
        for _ in range(_burst(kind, random.random())):
            post(world)
        scheduler.wait(random.uniform(0.8, 1.2) * random.choice(kind.gaps_s) * leisure)


def _burst(kind: Trouble, chance: float) -> int:
    if not kind.storms or chance < 0.7:
        return 1
    return STORM if chance > 0.98 else 5


def haunt(world: World, victim: Node) -> None:
    """Go on posting to a node that was taken over and does not know it yet."""

    def client() -> None:
        for _ in range(6):
            world.scheduler.wait(2.0 * world.scheduler.random.random())
            post(world, victim)

    world.scheduler.spawn(Process("world"), "haunt", client)


def post(world: World, taker: Node | None = None) -> None:
    """Post one event to a node (`taker`, or any) that takes one just now, if there is any."""
    random, now_s = world.scheduler.random, world.scheduler.now_s
    nodes = [
        node for node in world.alive if node.ready and node.process.paused_until <= now_s and taker in (None, node)
    ]
    if not nodes:
        return
    node = random.choice(nodes)
    tenant_id = random.choice(sorted(set(world.endpoints.values())))
    subject = random.choice(["a", "b", "c"])
    deliver_at = node.clock.now_ms() + random.choice([500, 2_000, 5_000]) if random.random() < 0.05 else None
    submit(world, node, tenant_id, f"thing/{subject}", deliver_at)


# ── from the command line ────────────────────────────────────────────────────────────────────────────────────────


def main() -> int:
    parser = argparse.ArgumentParser(prog="simulation", description="Replay seeds of the simulation.")
    parser.add_argument("seed", type=int)
    parser.add_argument("--trouble", choices=sorted([*TROUBLES, *DIRECTED]), default="all")
    parser.add_argument("--count", type=int, default=1, help="so many seeds from SEED on")
    parser.add_argument("--trace", action="store_true", help="print every call, message and request")
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
