"""What all runs have in common: their end and judgement, how tenants and endpoints are made, how an event is posted.

`scenario` draws runs from a seed, `steps` tries one fault at each step, `directed` scripts one case each; all of them
end here, under the same checks.
"""

from collections import Counter
from typing import NamedTuple

from ringback.ingest.submission import Submission
from ringback.model.endpoint import Endpoint, Ordering, RetryRule, Secret
from ringback.model.errors import Unavailable
from ringback.model.event import Event
from ringback.model.tenant import Tenant
from simulation.checks import Checks
from simulation.fate import calm_down
from simulation.node import WALL_START_MS, Node
from simulation.remote import Receiver
from simulation.world import World

QUIET_S = 700.0
STRAGGLERS_S = 30.0


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


# ── what a world is made of ──────────────────────────────────────────────────────────────────────────────────────


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
) -> str:
    """Its id. Healthy ones without an order or a rate must be prompt: their first requests are timed."""
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
    return endpoint_id


def submit(world: World, node: Node, tenant_id: str, key: str, deliver_at: int | None = None) -> None:
    """Post one event to a node, which may be too busy for it."""
    event = Event(
        tenant_id, node.clock.new_id("evt"), "thing.happened", b'{"n":%d}' % world.counts["posted"], None, "thing",
        key.partition("/")[2], None, None, key, None, deliver_at, node.clock.now_ms(), 0, 0,
    )  # fmt: skip
    world.posted(event)
    try:
        node.writer.submit(Submission([event], [None], None))
    except Unavailable:
        return
