"""One run of the simulation: a seed, a kind of trouble, and what the checks found.

    python -m simulation.scenario SEED [--count N] [--trouble KIND] [--trace]     (from tests/; `make sim SEED=…` does it)

A run is a world drawn from the seed, half a minute or more of clients, faults and changes, then calm, in which all must
get well. The same seed and trouble give the same run, to the step.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from ringback.ingest.submission import Submission
from ringback.model.endpoint import Endpoint, Ordering, RetryRule, Secret
from ringback.model.errors import Unavailable
from ringback.model.event import Event
from ringback.model.tenant import Tenant
from ringback.store.memory import MemoryStore
from simulation.checks import Checks
from simulation.coverage import Coverage
from simulation.fate import calm_down, decide
from simulation.faults import NO_FAULTS, Faults
from simulation.node import WALL_START_MS, Node
from simulation.remote import Receiver
from simulation.scheduler import Process, Scheduler
from simulation.world import World

QUIET_S = 700.0
STRAGGLERS_S = 30.0
STORM = 40
RATE_PER_S = 0.3


LONG_S = (40.0, 70.0)


class Trouble(NamedTuple):
    """What goes wrong in a run, how late a first request may be, and how long due work may look forgotten.

    `grace_s` None: in such trouble that can't be told. `nodes` are the least and the most, `seconds` how long clients and
    faults are about, `gaps_s` what passes between a client's events;
    `faulty` is the part of that time in which there are faults. `rated`, `ordered`, `slow`, `failing` and `hanging` are the chances of an endpoint to have a rate or an
    order, to be slow, to fail often (`fails` of its requests), or to let many requests hang.
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
    seconds: tuple[float, float] = (12.0, 30.0)
    faulty: float = 1.0
    storms: bool = True
    gaps_s: tuple[float, ...] = (0.01, 0.1, 1.0, 1.9, 2.0, 2.1, 4.0)


TROUBLES: dict[str, Trouble] = {
    "none": Trouble(NO_FAULTS, 8.0, 0.6),
    "rate": Trouble(NO_FAULTS, 8.0, 0.6, rated=0.6),
    "late": Trouble(Faults(late=0.15), 15.0, 0.8, nodes=(2, 3)),
    "linger": Trouble(Faults(late=0.3, late_s=0.3), 15.0, 0.7, nodes=(2, 3), gaps_s=(1.9, 2.0, 2.1, 2.3), seconds=LONG_S, storms=False),
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
    "pause": Trouble(Faults(pause_per_s=0.02, pause_per_call=0.002, late=0.05), 170.0, 5.0, nodes=(2, 3), failing=0.8, seconds=LONG_S),
    "heartbeat": Trouble(Faults(beat_hangs=0.5, late=0.1, late_s=3.0), 200.0, 8.0, nodes=(2, 3), hanging=0.5, seconds=LONG_S,
        faulty=0.75, gaps_s=(0.5, 1.0, 2.0, 3.0), storms=False,
    ),
    "hang": Trouble(Faults(thread_hangs_per_s=0.06, late=0.03), 100.0, None, nodes=(2, 3)),
    "jump": Trouble(Faults(jump_per_s=0.25, beat_hangs=0.1, late=0.05), 1e9, None),
    "change": Trouble(Faults(change_per_s=0.3), 20.0, None),
    "all": Trouble(
        Faults(
            unavailable=0.01, doubt=0.01, late=0.05, late_s=1.0, crash_per_s=0.01, crash_per_call=0.001, pause_per_s=0.01,
            pause_per_call=0.001, beat_hangs=0.05, jump_per_s=0.02, stop_per_s=0.01, change_per_s=0.05,
            thread_hangs_per_s=0.003,
        ),
        1e9,
        None,
    ),
}  # fmt: skip


class Run(NamedTuple):
    """What came of a run."""

    seed: int
    trouble: str
    violations: list[str]
    accepted: int
    requests: int
    duplicates: int
    steps: int
    counts: Counter[str]
    calls: int
    trace: list[str]


def simulate(
    seed: int,
    trouble: str = "none",
    *,
    break_it: Callable[[Node], None] = lambda node: None,
    sweeping: bool = True,
    trace: bool = False,
) -> Run:
    """Run one seed. `break_it` gets every new node (the tests of the protections); `sweeping` off leaves no sweep."""
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


def finish(world: World, checks: Checks, seed: int, trouble: str, seconds: float) -> Run:
    """Run until all is calm and done, and judge."""
    scheduler = world.scheduler
    end_s = scheduler.now_s + seconds
    scheduler.run(end_s)
    calm_down(world)
    scheduler.run(end_s + QUIET_S, lambda: world.idle and scheduler.now_s > end_s + 5.0)
    # A pause or a hang may still hold answers back that are to be recorded.
    late_s = max((until_s for node in world.alive for until_s in _held_until(node)), default=0.0)
    scheduler.run(min(max(scheduler.now_s, late_s), end_s + QUIET_S) + STRAGGLERS_S, lambda: _recorded(world))
    checks.at_the_end()
    sent = sum(len(requests) for requests in world.requests.values())
    twice = sum(1 for requests in world.requests.values() if sum(r.status == 200 for r in requests) > 1)
    return Run(
        seed, trouble, world.violations, len(world.accepted), sent, twice, scheduler.steps, world.counts, world.calls,
        scheduler.trace,
    )  # fmt: skip


def _recorded(world: World) -> bool:
    return not any(node.held_up or node.dispatcher.in_flight or node.dispatcher._unsettled for node in world.alive)


def _held_until(node: Node) -> list[float]:
    return [node.process.paused_until, *(task.frozen_until for task in node.tasks.values())]


# ── the world ────────────────────────────────────────────────────────────────────────────────────────────────────


def configure(world: World, kind: Trouble) -> None:
    """One or two tenants with endpoints that answer, fail, are slow, hang, break down for a while, or want order."""
    random = world.scheduler.random
    for tenant_number in range(random.randint(1, 2)):
        tenant_id = f"t{tenant_number}"
        add_tenant(world, tenant_id)
        for number in range(random.randint(0, 3)):
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


def add_tenant(world: World, tenant_id: str) -> None:
    world.store.create_tenant(
        Tenant(tenant_id, tenant_id, "standard", True, 30, WALL_START_MS, WALL_START_MS),
        Secret(f"sec_{tenant_id}", tenant_id, None, "x", WALL_START_MS, None),
    )


def add_endpoint(
    world: World,
    tenant_id: str,
    number: int,
    ordering: Ordering,
    receiver: Receiver,
    max_in_flight: int | None = None,
    rate_per_second: float | None = None,
) -> None:
    endpoint_id = f"ep_{tenant_id}_{number}"
    endpoint = Endpoint(
        endpoint_id, tenant_id, "", f"https://receiver.example/{endpoint_id}", ordering=ordering,
        retry=RetryRule(delays_s=(0.2, 0.5, 1.0, 2.0, *[3.0] * 60)), max_in_flight=max_in_flight,
        rate_per_second=rate_per_second,
    )  # fmt: skip
    secret = Secret(f"sec_{endpoint_id}", tenant_id, endpoint_id, "whsec_" + "A" * 32, WALL_START_MS, None)
    world.store.create_endpoint(endpoint, secret, 100)
    world.endpoints[endpoint_id] = tenant_id
    world.receivers[endpoint_id] = receiver
    world.orderings[endpoint_id] = ordering
    if rate_per_second is not None:
        world.rates[endpoint_id] = rate_per_second
    elif ordering is Ordering.NONE and receiver == Receiver() and max_in_flight != 1:
        world.prompt.add(endpoint_id)


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
    now = node.clock.now_ms()
    tenant_id = random.choice(sorted(set(world.endpoints.values())))
    subject = random.choice(["a", "b", "c"])
    deliver_at = now + random.choice([500, 2_000, 5_000]) if random.random() < 0.05 else None
    event = Event(
        tenant_id, node.clock.new_id("evt"), "thing.happened", b'{"n":%d}' % world.counts["posted"], None, "thing", subject, None, None,
        f"thing/{subject}", None, deliver_at, now, 0, 0,
    )  # fmt: skip
    world.posted(event)
    try:
        node.writer.submit(Submission([event], [None], None))
    except Unavailable:
        return


# ── from the command line ────────────────────────────────────────────────────────────────────────────────────────


def main() -> int:
    parser = argparse.ArgumentParser(prog="simulation", description="Replay seeds of the simulation.")
    parser.add_argument("seed", type=int)
    parser.add_argument("--trouble", choices=sorted(TROUBLES), default="all")
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
