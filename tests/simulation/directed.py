"""Scripted runs: each brings about one case that chance hardly ever does, under the same checks as all others.

The script says who does what and about when; latencies, the order of steps and the rest still come from the seed. A
script stages the world and never looks at the protection it is for, so whole code must pass it on every seed.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from ringback.engine import messages as m
from ringback.model.endpoint import Ordering
from ringback.store.memory import MemoryStore
from simulation import proving, sharing
from simulation.calls import SimTransaction
from simulation.checks import Checks
from simulation.coverage import Coverage
from simulation.faults import NO_FAULTS, Faults
from simulation.node import Node
from simulation.protection import Override
from simulation.remote import Receiver
from simulation.run import Run, add_endpoint, add_tenant, finish, submit
from simulation.scheduler import Process, Scheduler
from simulation.world import World

TENANT = "t0"
NO_KEY = "thing/a"
# Longer than a lease, and what it takes another node to notice that it is over.
BEYOND_THE_LEASE_S = 60.0


class Directed(NamedTuple):
    """`prepare` makes the endpoints; `play` is the script, a task that gets two nodes not yet started.

    `seconds` is how long the script may take; `late_s` and `grace_s` as in `scenario.Trouble`.
    """

    prepare: Callable[[World], None]
    play: Callable[[World, Node, Node], None]
    seconds: float
    late_s: float
    grace_s: float
    faults: Faults = NO_FAULTS


def run_directed(
    seed: int, name: str, *, break_it: Callable[[Node], None], sweeping: bool = True, trace: bool = False
) -> Run:
    """Run one of `DIRECTED`; otherwise as `scenario.simulate`."""
    directed = DIRECTED[name]
    scheduler = Scheduler(seed)
    scheduler.tracing = trace
    faults = replace(directed.faults, until_s=scheduler.now_s + directed.seconds)
    world = World(scheduler, faults, MemoryStore(sole=False), slots=40, sweeping=sweeping)
    world.born = break_it
    directed.prepare(world)
    checks = Checks(world, late_s=directed.late_s, coverage=Coverage(world, directed.grace_s))
    first, second = world.give_birth(), world.give_birth()
    scheduler.spawn(Process("world"), "script", lambda: directed.play(world, first, second))
    return finish(world, checks, seed, name, directed.seconds)


def _until(world: World, done: Callable[[], object]) -> None:
    while not done():
        world.scheduler.wait(0.01)


def _start(world: World, *nodes: Node) -> None:
    for node in nodes:
        node.start()
    _until(world, lambda: all(node.ready for node in nodes))


# ── a lower number that commits later ────────────────────────────────────────────────────────────────────────────


class _LateCommit(SimTransaction):
    """Its rows have their numbers and wait to be committed."""

    def commit(self) -> None:
        scheduler = self._store._world.scheduler
        scheduler.wait(scheduler.random.uniform(0.3, 1.0))
        super().commit()


def _one_ordered_and_slow(world: World) -> None:
    add_tenant(world, TENANT)
    add_endpoint(world, TENANT, 1, Ordering.SUBJECT, Receiver(slow=True))


def _overtake(world: World, first: Node, second: Node) -> None:
    """Of two events of one key the one with the higher number is committed first, and in flight when the other is."""
    _start(world, first, second)
    first.writer._store = Override(first.writer._store, intake=lambda: _LateCommit(first.store, world.store.intake()))
    for number in range(12):
        submit(world, first, TENANT, f"thing/{number}")
        world.scheduler.wait(world.scheduler.random.uniform(0.05, 0.2))
        submit(world, second, TENANT, f"thing/{number}")
        world.scheduler.wait(1.5)


# ── ingest of a node whose lease is over ─────────────────────────────────────────────────────────────────────────


def _one_healthy(world: World) -> None:
    add_tenant(world, TENANT)
    add_endpoint(world, TENANT, 1, Ordering.NONE, Receiver())


def _outlive_the_lease(world: World, first: Node, second: Node) -> None:
    """The first node's heartbeat hangs, the second takes its lane over and is fed by a steady stream, so that it has no
    reason to fetch; the first, which has the lane in memory still, goes on accepting events for it."""
    scheduler, random = world.scheduler, world.scheduler.random
    _start(world, first)
    submit(world, first, TENANT, NO_KEY)
    _until(world, lambda: first.dispatcher.lanes)
    _start(world, second)
    plain = first.heartbeat._store.beat

    def hanging(node_id: str) -> Any:
        scheduler.wait(BEYOND_THE_LEASE_S)
        return plain(node_id)

    first.heartbeat._store = Override(first.heartbeat._store, beat=hanging)
    while not world.counts["takeovers"]:
        submit(world, first, TENANT, NO_KEY)
        scheduler.wait(random.uniform(0.8, 1.2))
    _until(world, lambda: second.dispatcher.lanes)
    for number in range(30):
        submit(world, first if number % 5 == 4 else second, TENANT, NO_KEY)
        scheduler.wait(random.uniform(0.2, 0.6))


# ── a claim under a lost id ──────────────────────────────────────────────────────────────────────────────────────

CROWD = [f"t{number}" for number in range(8)]


def _a_crowd(world: World) -> None:
    for tenant_id in CROWD:
        add_tenant(world, tenant_id)
        add_endpoint(world, tenant_id, 1, Ordering.NONE, Receiver())


def _claim_too_late(world: World, first: Node, second: Node) -> None:
    """The first node is paused with a claim in its fetcher's mailbox, and taken over; it comes back amid bells that
    ring for lanes nobody owns, and carries the claim out before its heartbeat notices anything."""
    scheduler = world.scheduler
    _start(world, first, second)
    plain = first.fetcher._claim

    def paused(command: m.Claim) -> None:
        if not world.counts["pauses"]:
            world.pause(first, 2 * BEYOND_THE_LEASE_S)
            scheduler.wait(0.0)
        plain(command)

    first.fetcher._claim = paused
    _until(world, lambda: world.counts["takeovers"])
    back_s = scheduler.now_s + 0.1 + 0.25 * scheduler.random.random()
    for _ in range(2):
        for tenant_id in CROWD:
            submit(world, second, tenant_id, NO_KEY)
            scheduler.wait(0.05)
            if first.held_up and scheduler.now_s >= back_s:
                _wake_up(first)
        scheduler.wait(3.0)  # until the lanes are released


def _wake_up(node: Node) -> None:
    """End its pause now."""
    node.process.paused_until = 0.0
    for task in node.tasks.values():
        node.world.scheduler.wake(task)


# ── a takeover of somebody who is back ───────────────────────────────────────────────────────────────────────────


def _come_back_in_time(world: World, first: Node, second: Node) -> None:
    """The second node takes the first, which is paused, for dead; but the store is slow, and carries the takeover out
    only when the first is back, has beaten again, and is at work."""
    _start(world, first)
    submit(world, first, TENANT, NO_KEY)
    _until(world, lambda: first.dispatcher.lanes)
    _start(world, second)
    plain = second.heartbeat._store.take_over

    def late(*args: Any) -> Any:
        _wake_up(first)
        _until(world, lambda: first.dispatcher.leased)
        return plain(*args)

    second.heartbeat._store = Override(second.heartbeat._store, take_over=late)
    world.pause(first, 2 * BEYOND_THE_LEASE_S)
    _until(world, lambda: not first.held_up)
    for _ in range(20):
        submit(world, first, TENANT, NO_KEY)
        world.scheduler.wait(world.scheduler.random.uniform(0.2, 1.0))


# ── an owner that dies, and nobody posts any more ────────────────────────────────────────────────────────────────


def _one_down_for_a_while(world: World) -> None:
    now_s = world.scheduler.now_s
    add_tenant(world, TENANT)
    add_endpoint(world, TENANT, 1, Ordering.NONE, Receiver(outage=(now_s, now_s + 10.0)))


def _die_silently(world: World, first: Node, second: Node) -> None:
    """The owner of a lane with retries dies. Nothing but the takeover can ring the lane's bell."""
    _start(world, first)
    for _ in range(3):
        submit(world, first, TENANT, NO_KEY)
    _until(world, lambda: len(world.requests) == 3)
    _start(world, second)
    world.scheduler.wait(3.0 * world.scheduler.random.random())
    world.crash(first)


# ── a receiver that is down for long ─────────────────────────────────────────────────────────────────────────────


def _two_down_one_up(world: World) -> None:
    now_s, random = world.scheduler.now_s, world.scheduler.random
    add_tenant(world, TENANT)
    for number, ordering in enumerate((Ordering.NONE, Ordering.SUBJECT)):
        down = (now_s + random.uniform(0.0, 2.0), now_s + random.uniform(12.0, 60.0))
        add_endpoint(world, TENANT, number, ordering, Receiver(outage=down))
    add_endpoint(world, TENANT, 9, Ordering.NONE, Receiver())


def _break_down(world: World, first: Node, second: Node) -> None:
    """More first tries fail in a row than a lane stands before it is parked; probes find out when it is over."""
    _start(world, first, second)
    random = world.scheduler.random
    for number in range(90):
        submit(world, random.choice([first, second]), TENANT, f"thing/{number % 60}")
        world.scheduler.wait(random.uniform(0.02, 0.15))


DIRECTED = {
    "overtaken": Directed(_one_ordered_and_slow, _overtake, 25.0, 60.0, 0.8),
    "outlived-lease": Directed(_one_healthy, _outlive_the_lease, 65.0, 60.0, 0.8),
    "late-claim": Directed(_a_crowd, _claim_too_late, 50.0, 15.0, 2.0, Faults(late=0.5, late_s=0.1)),
    "late-takeover": Directed(_one_healthy, _come_back_in_time, 60.0, 60.0, 2.0),
    "silent-death": Directed(_one_down_for_a_while, _die_silently, 60.0, 60.0, 5.0),
    "handshake": Directed(proving.prepare, proving.play, 200.0, 400.0, 8.0, Faults(late=0.3, late_s=0.1, doubt=0.03)),
    "shares": Directed(sharing.prepare, sharing.play, 130.0, 6.0, 0.8),
    "breakdown": Directed(_two_down_one_up, _break_down, 12.0, 8.0, 0.8),
}
