"""The script of endpoints that have to prove themselves, again and again, while processes come and go.

Whoever owns the lane asks; most answers are right, some never come. Until an answer counts nothing may be sent, and
what was posted meanwhile goes out afterwards. The status in the store is all that a crash leaves.
"""

from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Any, Final

from ringback.model.endpoint import EndpointMove, EndpointStatus, Ordering
from ringback.model.handshake import HandshakeEnd
from ringback.model.notice import Notice
from ringback.wire.profile import check_profile
from simulation.node import Node
from simulation.remote import Receiver
from simulation.run import add_endpoint, add_tenant, submit
from simulation.world import World
from support.handshakes import POST_IN_BODY

TENANT: Final = "t0"
ROUNDS: Final = 4
PASSES_WITHIN_S: Final = 60.0
_STANDARD: Final = files("ringback.wire").joinpath("profiles", "standard.toml").read_text("utf-8")
_ASKING: Final = check_profile(_STANDARD + POST_IN_BODY.replace("retry_for_s = 0", "retry_for_s = 600"), "standard")


def prepare(world: World) -> None:
    """Two endpoints, one with an order; every node asks them by the same rules."""
    add_tenant(world, TENANT)
    add_endpoint(world, TENANT, 1, Ordering.NONE, Receiver())
    add_endpoint(world, TENANT, 2, Ordering.SUBJECT, Receiver(slow=True))
    born, end_handshake = world.born, world.store.end_handshake

    def asking(node: Node) -> None:
        get = node.directory.get

        def found(endpoint_id: str) -> Any:
            target = get(endpoint_id)
            return target._replace(contract=_ASKING) if target is not None and target.pending else target

        node.directory.get = found
        born(node)

    def ended(end: HandshakeEnd, now: int, notices: Sequence[Notice] = ()) -> bool:
        counts = end_handshake(end, now, notices)
        if counts and end.by is EndpointMove.VERIFIED:
            world.off_since_s.pop(end.endpoint_id, None)
            world.counts["verified"] += 1
        world.counts["late answers"] += not counts
        return counts

    world.born = asking
    world.store.end_handshake = ended  # type: ignore[method-assign]


def play(world: World, first: Node, second: Node) -> None:
    """Ask, post, disturb, and wait until both have passed."""
    scheduler, random = world.scheduler, world.scheduler.random
    for node in (first, second):
        node.start()
    _until(world, lambda: first.ready and second.ready, 60.0)
    for _ in range(ROUNDS):
        for endpoint_id in world.endpoints:
            if random.random() < 0.8:
                ask(world, endpoint_id)
        for _ in range(random.randint(1, 4)):
            scheduler.wait(random.uniform(0.0, 0.3))
            submit(world, random.choice([node for node in world.alive if node.ready] or world.alive), TENANT, "thing/a")
        if random.random() < 0.4:
            ask(world, random.choice(list(world.endpoints)))
        if random.random() < 0.6:
            _disturb(world)
        if not _until(world, lambda: not world.off_since_s, PASSES_WITHIN_S):
            world.violate(f"{sorted(world.off_since_s)} wait to be asked, and nobody does")


def ask(world: World, endpoint_id: str) -> None:
    """As `control` does."""
    endpoint = world.store.get_endpoint(TENANT, endpoint_id)
    assert endpoint is not None
    since = max(world.wall_ms(), (endpoint.unverified_since or 0) + 1)
    world.scheduler.note(f"{endpoint_id} has to prove itself")
    world.off_since_s.setdefault(endpoint_id, world.scheduler.now_s)
    asked = replace(
        endpoint,
        status=EndpointStatus.VERIFICATION_PENDING,
        unverified_since=since,
        revision=endpoint.revision + 1,
    )
    assert world.store.update_endpoint(asked, world.wall_ms())


def _disturb(world: World) -> None:
    """One node dies, stands still, or is replaced by another."""
    random = world.scheduler.random
    node = random.choice(world.alive)
    how = random.random()
    if how < 0.4:
        world.crash(node)
    elif how < 0.7:
        world.pause(node, random.uniform(1.0, 45.0))
    elif node.ready and not node.held_up:
        world.give_birth().start()
        node.stop()
        world.counts["stops"] += 1


def _until(world: World, done: Any, within_s: float) -> bool:
    until_s = world.scheduler.now_s + within_s
    while not done() and world.scheduler.now_s < until_s:
        world.scheduler.wait(0.05)
    return bool(done())
