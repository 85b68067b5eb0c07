"""What a delivery costs when there is much of everything, and how long it takes.

    python bench/size.py [--rounds 3] [--events 20000] [--share 1.0] [--json FILE]

Cost: the same load (one event a request, one endpoint matching) on databases with 10 endpoints, 1,000 and 100,000, with
10,000 tenants, each with a key and an endpoint, and with 1,000,000 deliveries waiting for an endpoint that never
answers, the first 50,000 of 2 kB. Beside these one case is measured without a goal: 500 of the 10,000 tenants post, in
turn, so that each event has another lane than the one before. Each round measures all databases in turn, so that a
drift of the machine falls on all; a figure is the median of the rounds. What is compared is the server's own
CPU time for an event, and the rate beside it. Memory is that of both of the server's processes, start-up the time until
/readyz answers 200. (h2load sends the same headers everywhere, so the load comes with the operator's key.)

Fan-out: one event to 10,000 endpoints. Latency: p50 and p99 from posting to arrival at half the rate of the smallest
database. `--share` makes all sizes smaller, for a trial. What misses a goal (`missed`) is named, and the exit code 1.
"""

import argparse
import json
import re
import secrets
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import seed
from arrivals import Poster, arrived, latency_of, receivers
from machinery import ROOT, BenchFailed, Server, get, load, run, serving, sink

TENANT = "bench"
EVENT = {"type": "contact.created", "data": {"id": "c_1", "name": "Ada", "note": "y" * 900}}
WARM_UP_EVENTS = 2_000
DELIVERED = rb'^ringback_deliveries_ended_total{state="delivered"} (\S+)$'
PATIENCE_S = 120.0
MANY_POST = "500 of them post"
LARGE_SHARE = 0.05
COST_GOAL = 1.2
MEMORY_GOAL_MB = 300.0
P99_GOAL_MS = 50.0
READY_GOAL_S = 3.0
READY_GOAL_CASE = "1,000,000 waiting"


class Sizes(NamedTuple):
    """How much there is of everything."""

    endpoints: int = 10
    tenants: int = 1
    posting: int = 1
    waiting: int = 0


CASES = {
    "10 endpoints": Sizes(),
    "1,000 endpoints": Sizes(endpoints=1_000),
    "100,000 endpoints": Sizes(endpoints=100_000),
    "10,000 tenants": Sizes(tenants=10_000),
    MANY_POST: Sizes(tenants=10_000, posting=500),
    "1,000,000 waiting": Sizes(waiting=1_000_000),
}


class Prepared(NamedTuple):
    """A database on disk: its directory, the endpoint that wants what is posted, and the tenants that post."""

    directory: Path
    endpoint: str
    tenants: list[str]


class Measured(NamedTuple):
    """One run: CPU of the server for an event, the rate, and what it took to be there."""

    cpu_us: float
    per_s: float
    memory_mb: float
    ready_s: float


# ── preparing ─────────────────────────────────────────────────────────────────────────────────────────────────────


def prepare(directory: Path, admin_key: str, url: str, event_type: str) -> Prepared:
    """A database with one tenant and one endpoint that wants one type."""
    from ringback.client.client import Client  # noqa: PLC0415 - found once the source is on the path

    directory.mkdir()
    with serving(directory, admin_key) as server, Client(server.url, admin_key, TENANT) as client:
        client.call("POST", "/v1/tenants", {"id": TENANT, "name": TENANT})
        made = client.create_endpoint(url, event_types=[event_type], max_in_flight=64)
    return Prepared(directory, made["id"], [TENANT])


def grow(prepared: Prepared, sizes: Sizes, dead: str) -> Prepared:
    """Fill it up to its sizes. No other endpoint of a tenant wants what will be posted there."""
    tenants = [f"tenant-{number}" for number in range(sizes.tenants - 1)]
    with seed.opened(prepared.directory / "data") as connection:
        others = [(TENANT, f"ep_other_{number}") for number in range(sizes.endpoints - 1)]
        seed.copy_endpoint(connection, prepared.endpoint, others, event_types=["other.{}"])
        seed.add_tenants(connection, tenants)
        seed.copy_endpoint(connection, prepared.endpoint, [(tenant, f"ep_of_{tenant}") for tenant in tenants])
        if sizes.waiting:
            changes = {"event_types": ["seeded.waiting"], "url": f"{dead}/hang/1"}
            seed.copy_endpoint(connection, prepared.endpoint, [(TENANT, "ep_dead")], **changes)
            seed.add_waiting(connection, TENANT, ["ep_dead"], sizes.waiting, large=int(sizes.waiting * LARGE_SHARE))
    # Evenly out of all, since neighbours in an index would be cheaper than what a real day brings.
    step = max(1, len(tenants) // sizes.posting)
    return prepared._replace(tenants=[TENANT, *tenants[::step]][: sizes.posting])


def settle_in(prepared: Prepared, admin_key: str) -> None:
    """Run the server until it has sealed the secrets that were seeded, which is not what is to be measured."""
    from ringback.client.client import Client  # noqa: PLC0415 - found once the source is on the path

    with serving(prepared.directory, admin_key) as server, Client(server.url, admin_key, TENANT) as client:
        _wait(lambda: client.call("GET", "/v1/master-key")["left"] == 0, "the secrets were not all sealed")


def shrunk(sizes: Sizes, share: float) -> Sizes:
    """The same, smaller."""
    return Sizes(*(size if size <= 10 else max(1, int(size * share)) for size in sizes))


# ── measuring ─────────────────────────────────────────────────────────────────────────────────────────────────────


def cost(prepared: Prepared, admin_key: str, events: int) -> Measured:
    """One run of the server on a prepared database under full load."""
    flags = ("--log-level", "error")
    with serving(prepared.directory, admin_key, *flags) as server:
        _deliver(server, prepared, admin_key, WARM_UP_EVENTS)
        before, began_s = server.usage(), time.monotonic()
        _deliver(server, prepared, admin_key, events)
        took_s, after = time.monotonic() - began_s, server.usage()
        cpu_us = (after.cpu_s - before.cpu_s) / events * 1e6
        return Measured(cpu_us, events / took_s, after.memory_mb, server.ready_after_s)


def _deliver(server: Server, prepared: Prepared, admin_key: str, events: int) -> None:
    """Post so many, the tenants in turn, and wait until all are recorded as delivered."""
    goal = delivered(server) + events
    headers = (f"authorization: Bearer {admin_key}",)
    urls = [f"{server.url}/v1/tenants/{tenant}/events" for tenant in prepared.tenants]
    load(urls, json.dumps(EVENT).encode(), headers, events, prepared.directory / "body.json")
    _wait(lambda: delivered(server) >= goal, "the events were not all delivered")


def delivered(server: Server) -> int:
    """How many deliveries have succeeded and are recorded, of all tenants, since the server was started."""
    sample = re.search(DELIVERED, get(f"{server.url}/metrics"), re.MULTILINE)
    return int(float(sample[1])) if sample else 0


def fan_out(prepared: Prepared, admin_key: str, receiver: str, endpoints: int) -> dict[str, float]:
    """One event to that many endpoints: seconds until the first and the last arrival, and memory."""
    with serving(prepared.directory, admin_key) as server:
        arrived(receiver)
        Poster(f"{server.url}/v1/tenants/{TENANT}/events", admin_key, "fan.out", 1.0, 1.0).wait()
        seen: list[float] = []

        def all_there() -> bool:
            seen.extend(ms for times in arrived(receiver).values() for ms in times)
            return len(seen) >= endpoints

        _wait(all_there, "the fan-out did not arrive everywhere")
        return {"first_s": min(seen) / 1e3, "last_s": max(seen) / 1e3, "memory_mb": server.usage().memory_mb}


def latency(prepared: Prepared, admin_key: str, receiver: str, rate: float, seconds: float) -> dict[str, float]:
    """From posting to arrival at a steady rate."""
    with serving(prepared.directory, admin_key) as server:
        for duration_s in (3.0, seconds):  # the first is to warm up
            arrived(receiver)
            Poster(f"{server.url}/v1/tenants/{TENANT}/events", admin_key, "contact.created", rate, duration_s).wait()
            time.sleep(1.0)
        found = latency_of([ms for times in arrived(receiver).values() for ms in times])
        if found.events < int(rate * seconds):
            raise BenchFailed(f"only {found.events} of {rate * seconds:g} events arrived")
        return {**found._asdict(), "rate": rate, "memory_mb": server.usage().memory_mb}


def _wait(condition: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise BenchFailed(otherwise)
        time.sleep(0.1)


# ── reporting ─────────────────────────────────────────────────────────────────────────────────────────────────────


def median_of(runs: list[Measured]) -> Measured:
    """Each figure's median, but the greatest memory."""
    columns = [statistics.median(column) for column in zip(*runs, strict=True)]
    return Measured(*columns)._replace(memory_mb=max(run.memory_mb for run in runs))


def costs(made: Path, admin_key: str, good: str, dead: str, given: argparse.Namespace) -> dict[str, Measured]:
    """All cases, round after round; prints a line a case at the end."""
    ready = {}
    for number, (name, sizes) in enumerate(CASES.items()):
        small = prepare(made / f"case-{number}", admin_key, good, "contact.created")
        ready[name] = grow(small, shrunk(sizes, given.share), dead)
        settle_in(ready[name], admin_key)
    runs: dict[str, list[Measured]] = {name: [] for name in CASES}
    for _ in range(given.rounds):
        for name, prepared in ready.items():
            runs[name].append(cost(prepared, admin_key, given.events))
    found = {name: median_of(measured) for name, measured in runs.items()}
    least_us = min(figures.cpu_us for figures in found.values())
    for name, figures in found.items():
        goal = "no goal" if name == MANY_POST else f"the goal is {COST_GOAL}"
        print(
            f"{name:18} {figures.cpu_us:5.0f} µs of CPU an event, {figures.cpu_us / least_us:.2f} of the least "
            f"({goal}); {figures.per_s:6,.0f}/s; {figures.memory_mb:4.0f} MB; "
            f"ready after {figures.ready_s:.1f} s",
            flush=True,
        )
    return found


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=20_000, help="events of each run")
    parser.add_argument("--share", type=float, default=1.0, help="of the sizes above; less for a trial")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long latencies are measured")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--directory", type=Path, default=ROOT / ".bench", help="where the databases are made")
    return parser.parse_args()


def measure(given: argparse.Namespace, made: Path) -> dict[str, Any]:
    """Everything, in the order of the module's text."""
    admin_key = secrets.token_hex(20)
    with receivers(made) as receiver, sink(made / "sink") as good:
        found = costs(made, admin_key, good, receiver, given)
        endpoints = max(1, int(10_000 * given.share))
        wide = prepare(made / "fan-out", admin_key, f"{receiver}/ok/0", "fan.out")
        with seed.opened(wide.directory / "data") as connection:
            copies = [(TENANT, f"ep_{number}") for number in range(endpoints - 1)]
            seed.copy_endpoint(connection, wide.endpoint, copies, url=f"{receiver}/ok/{{}}")
        settle_in(wide, admin_key)
        fan = fan_out(wide, admin_key, receiver, endpoints)
        print(
            f"one event to {endpoints:,} endpoints: first after {fan['first_s']:.2f} s, "
            f"last after {fan['last_s']:.2f} s; {fan['memory_mb']:.0f} MB",
            flush=True,
        )
        half = round(found["10 endpoints"].per_s / 2)
        steady = prepare(made / "steady", admin_key, f"{receiver}/ok/0", "contact.created")
        late = latency(steady, admin_key, receiver, half, given.seconds)
        print(
            f"at {half:,.0f} events a second: p50 {late['p50']:.1f} ms, p99 {late['p99']:.1f} ms, greatest "
            f"{late['greatest']:.0f} ms",
            flush=True,
        )
    return {"cost": {name: run._asdict() for name, run in found.items()}, "fan_out": fan, "latency": late}


def missed(figures: dict[str, Any]) -> list[str]:
    """What is over its goal."""
    cost, found = figures["cost"], []
    least_us = min(run["cpu_us"] for run in cost.values())
    for name, run_figures in cost.items():
        beside = run_figures["cpu_us"] / least_us
        if beside > COST_GOAL and name != MANY_POST:
            found.append(f"{name}: {beside:.2f} of the least cost, the goal is {COST_GOAL}")
    for name, one in (*cost.items(), ("fan-out", figures["fan_out"]), ("latency", figures["latency"])):
        if one["memory_mb"] >= MEMORY_GOAL_MB:
            found.append(f"{name}: {one['memory_mb']:.0f} MB, the goal is under {MEMORY_GOAL_MB:g}")
    if (p99 := figures["latency"]["p99"]) >= P99_GOAL_MS:
        found.append(f"latency: p99 {p99:.1f} ms at half load, the goal is under {P99_GOAL_MS:g}")
    if (ready_s := cost[READY_GOAL_CASE]["ready_s"]) >= READY_GOAL_S:
        found.append(f"{READY_GOAL_CASE}: ready after {ready_s:.1f} s, the goal is under {READY_GOAL_S:g}")
    return found


def main() -> int:
    """The exit code."""
    given = arguments()
    return run(lambda made: measure(given, made), missed, given.directory, given.json)


if __name__ == "__main__":
    sys.exit(main())
