"""One small run with exactly one fault, at a step of one's choice: so that every step can be tried in turn.

Two nodes, a plain endpoint that fails once and an ordered one, a few events within four seconds: the life of a lane
from its claim to its release, twice. The faults of long runs are drawn; here none is left out.
"""

from ringback.model.endpoint import Ordering
from ringback.store.memory import MemoryStore
from simulation.checks import Checks
from simulation.faults import NO_FAULTS, Plan
from simulation.remote import Receiver
from simulation.run import Run, add_endpoint, add_tenant, finish, submit
from simulation.scheduler import Process, Scheduler
from simulation.world import World

SECONDS = 5.0
WITHIN_S = 100.0
TENANT = "t0"
EVENTS_AT_S = (0.5, 0.51, 0.9, 3.4, 3.5)


def run_with(seed: int, plan: Plan, *, trace: bool = False) -> Run:
    """Run it. `Run.calls` says how many steps there were to choose from."""
    scheduler = Scheduler(seed)
    scheduler.tracing = trace
    world = World(scheduler, NO_FAULTS, MemoryStore(sole=False), plan=plan)
    add_tenant(world, TENANT)
    start_s = scheduler.now_s
    add_endpoint(world, TENANT, 1, Ordering.NONE, Receiver(outage=(start_s, start_s + 0.7)))
    add_endpoint(world, TENANT, 2, Ordering.SUBJECT, Receiver())
    checks = Checks(world, late_s=WITHIN_S, coverage=None)
    world.prompt.update(world.endpoints)
    for _ in range(2):
        world.give_birth().start()
    scheduler.spawn(Process("world"), "client", lambda: _client(world, start_s))
    return finish(world, checks, seed, plan.fault, SECONDS)


def _client(world: World, start_s: float) -> None:
    for number, at_s in enumerate(EVENTS_AT_S):
        world.scheduler.wait(start_s + at_s - world.scheduler.now_s)
        takers = [node for node in world.alive if node.ready and not node.held_up]
        if takers:
            submit(world, takers[number % len(takers)], TENANT, f"thing/{number % 2}")
