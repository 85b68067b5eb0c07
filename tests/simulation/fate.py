"""What befalls the nodes of a world, once a second: deaths, pauses, hanging threads, restarts, clocks that are set, and
changes of configuration by an operator. The faults of single calls are in `calls`.
"""

from dataclasses import replace

from ringback.model.endpoint import EndpointStatus
from simulation.faults import Faults
from simulation.node import CORE, Node
from simulation.scheduler import Process
from simulation.world import World

JUMPS_MS = (-60_000, -5_000, 5_000, 60_000, 300_000)
OFFSET_MS_MAX = 360_000


def decide(world: World) -> None:
    """For ever."""
    scheduler = world.scheduler
    while True:
        scheduler.wait(scheduler.random.uniform(0.5, 1.5))
        faults = world.faults_now()
        if scheduler.random.random() < faults.change_per_s:
            _change(world)
        for node in list(world.alive):
            _befall(world, node, faults)


def _befall(world: World, node: Node, faults: Faults) -> None:
    scheduler, random = world.scheduler, world.scheduler.random
    if random.random() < faults.crash_per_s:
        world.crash(node)
    elif random.random() < faults.pause_per_s and not world.held_up:
        world.pause(node, random.uniform(*faults.pause_s))
    elif random.random() < faults.stop_per_s and node.ready:
        node.ready = False
        scheduler.spawn(Process(f"stop.{node.process.name}"), "stop", lambda: _restart(world, node))
    elif random.random() < faults.thread_hangs_per_s and node.ready and not world.held_up:
        world.counts["hangs"] += 1
        name = random.choice(CORE)
        scheduler.note(f"{node.process.name}.{name} hangs")
        node.tasks[name].frozen_until = scheduler.now_s + random.uniform(*faults.thread_hangs_s)
    if random.random() < faults.jump_per_s:
        world.counts["jumps"] += 1
        jump_ms = random.choice(JUMPS_MS)
        scheduler.note(f"the clock of {node.process.name} jumps {jump_ms} ms")
        offset_ms = node.clock.wall_offset_ms + jump_ms
        node.clock.wall_offset_ms = max(-OFFSET_MS_MAX, min(offset_ms, OFFSET_MS_MAX))


def _restart(world: World, node: Node) -> None:
    """A graceful one; a node that would not go is killed."""
    if node.stop():
        world.counts["stops"] += 1
    else:
        world.counts["crashes"] += 1
        world.ambiguous_s = world.scheduler.now_s
    world.give_birth().start()


def _change(world: World) -> None:
    """The operator deactivates, reactivates or deletes an endpoint."""
    random = world.scheduler.random
    names = [name for name in world.endpoints if name not in world.deleted]
    if not names:
        return
    endpoint_id = random.choice(names)
    world.versions[endpoint_id] += 1
    world.counts["changes"] += 1
    if random.random() < 0.1:
        _delete(world, endpoint_id)
    else:
        _turn(world, endpoint_id)


def _delete(world: World, endpoint_id: str) -> None:
    world.scheduler.note(f"{endpoint_id} is deleted")
    world.store.delete_endpoint(world.endpoints[endpoint_id], endpoint_id, world.wall_ms())
    world.deleted.add(endpoint_id)
    world.off_since_s.setdefault(endpoint_id, world.scheduler.now_s)


def _turn(world: World, endpoint_id: str) -> None:
    """Off if it is on, on if it is off."""
    endpoint = world.store.get_endpoint(world.endpoints[endpoint_id], endpoint_id)
    assert endpoint is not None
    if endpoint.status is EndpointStatus.ACTIVE:
        status = EndpointStatus.INACTIVE
        world.off_since_s[endpoint_id] = world.scheduler.now_s
    else:
        status = EndpointStatus.ACTIVE
        world.off_since_s.pop(endpoint_id, None)
    world.scheduler.note(f"{endpoint_id} becomes {status}")
    changed = replace(endpoint, status=status, revision=endpoint.revision + 1)
    world.store.update_endpoint(changed, world.wall_ms())


def calm_down(world: World) -> None:
    """The faults are over: clocks are right again, what was switched off is switched on, what has a rate is deleted,
    and receivers no longer fail (a parked lane whose probes fail by chance could last for hours)."""
    for endpoint_id in world.rates:
        _delete(world, endpoint_id)  # what it has queued would last
    for endpoint_id in list(world.off_since_s):
        if endpoint_id not in world.deleted:
            _turn(world, endpoint_id)
    for receiver in world.receivers.values():
        receiver.failing = receiver.throttling = 0.0
    for node in world.alive:
        node.clock.wall_offset_ms = 0
