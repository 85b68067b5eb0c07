"""The script of many busy lanes and nodes that come and go: each time, all come to own about as many.

Somebody posts to all endpoints all the time, so that no lane is ever idle for long enough to be released by itself. A
node that joins can only get what others give up; one that hangs while it claims wants none of it, for a while.
"""

from typing import Any, Final

from ringback.model.endpoint import Ordering
from ringback.model.limits import HEARTBEAT_EVERY_S
from ringback.policy.spread import equal_share, tolerance
from simulation.node import Node
from simulation.protection import Override
from simulation.remote import Receiver
from simulation.run import add_endpoint, add_tenant, submit
from simulation.scheduler import Process
from simulation.world import World

TENANT: Final = "t0"
LANES: Final = 24
POST_EVERY_S: Final = (0.8, 1.6)
HANGS_S: Final = 9.0
CONVERGE_WITHIN_S: Final = 45.0
OWNED_MIN: Final = 0.8
# As long as it takes two nodes to hear of each other again, and to give up what they would.
STEADY_FOR_S: Final = 12.0


def prepare(world: World) -> None:
    """A third of the receivers are slow, so that lanes have requests under way when they are given up."""
    add_tenant(world, TENANT)
    for number in range(LANES):
        ordering = Ordering.SUBJECT if number % 5 == 0 else Ordering.NONE
        add_endpoint(world, TENANT, number, ordering, Receiver(slow=number % 3 == 0))


def play(world: World, first: Node, second: Node) -> None:
    """One has all, another joins, a third joins, one leaves; then nothing moves any more."""
    world.scheduler.spawn(Process("world"), "crowd", lambda: _post(world))
    first.start()
    _until(world, lambda: len(first.dispatcher.lanes) == LANES, "one node owns all lanes")
    _hang_while_claiming(world, second)
    second.start()
    _until(world, lambda: _is_fair(world, 2), "two nodes share")
    third = world.give_birth()
    third.start()
    _until(world, lambda: _is_fair(world, 3), "three nodes share")
    leaving = world.scheduler.random.choice([first, third])
    leaving.ready = False
    leaving.stop()
    _until(world, lambda: _is_fair(world, 2), "those that are left share")
    _stays(world)
    world.counts["shared"] += 1


def _post(world: World) -> None:
    scheduler, random = world.scheduler, world.scheduler.random
    while not world.counts["shared"]:
        if takers := [node for node in world.alive if node.ready]:
            submit(world, random.choice(takers), TENANT, f"thing/{random.choice('abc')}")
        scheduler.wait(random.uniform(*POST_EVERY_S))


def _hang_while_claiming(world: World, node: Node) -> None:
    """The node's first claim after something was given up takes long: for that time nobody wants it."""
    plain = node.fetcher._store.claim

    def claim(*args: Any) -> Any:
        if world.counts["given up"] and not world.counts["hung claims"]:
            world.counts["hung claims"] += 1
            world.scheduler.wait(HANGS_S)
        return plain(*args)

    node.fetcher._store = Override(node.fetcher._store, claim=claim)


def _owned(world: World) -> list[int]:
    return [lanes for _, lanes in world.store.spread()]


def _is_fair(world: World, nodes: int) -> bool:
    owned = _owned(world)
    if len(owned) != nodes or sum(owned) < LANES * OWNED_MIN:
        return False
    share = equal_share(owned[0], owned[1:])
    return all(abs(one - share) <= tolerance(share) for one in owned)


def _until(world: World, done: Any, what: str) -> None:
    until_s = world.scheduler.now_s + CONVERGE_WITHIN_S
    while not done():
        if world.scheduler.now_s > until_s:
            world.violate(f"after {CONVERGE_WITHIN_S:.0f} s it is not so that {what}: {_owned(world)}")
            return
        world.scheduler.wait(0.1)


def _stays(world: World) -> None:
    """Where all have about as many, nobody gives anything up."""
    world.scheduler.wait(HEARTBEAT_EVERY_S + 1.0)  # by then everybody has heard of it
    given_up = world.counts["given up"]
    world.scheduler.wait(STEADY_FOR_S)
    if moved := world.counts["given up"] - given_up:
        world.violate(f"{moved} lanes were given up though all was well")
