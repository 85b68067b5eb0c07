"""What a delivery costs by each wire contract, beside `standard`.

    python bench/profiles.py [--rounds 5] [--events 4000] [--json FILE]

One server with a tenant and an endpoint for each profile, one receiver (nginx, which answers both handshakes). In each
round the same event, of 0.9 kB, is posted so often for each profile in turn, `standard` first in one round and last in
the next; what is compared is the CPU time of both of the server's processes for an event, from its post until it is
recorded as delivered. The figure of a profile is the median of its rounds' ratios. What misses the goal is named, and
the exit code is 1.
"""

import argparse
import json
import secrets
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from machinery import ROOT, BenchFailed, Server, load, run, serving, sink
from ratio import wait_for_deliveries
from size import delivered

STANDARD = "standard"
COST_GOAL = 1.5
CHANNEL = "bench"
WARM_UP_EVENTS = 1_000
ACTIVE_WITHIN_S = 15.0

# With what each of the contracts looks at: a subject, a change, a channel, the members of a mask, text beyond ASCII.
EVENT = {
    "type": "company.updated",
    "channel": CHANNEL,
    "subject": {"type": "Company", "id": "co_1"},
    "change": "updated",
    "data": {
        "id": "co_1", "nativeId": "n_1", "connectionId": "c_1", "status": "active", "domain": "vainu.com",
        "turn_over": 895_766, "visiting_address": "Eteläesplanadi 12", "business_id": "25578642",
        "company_name": "Vainu. io Software Oy", "visiting_city": "HELSINKI", "visiting_postal": "00130",
        "staff_number": 12, "region": "FI-18", "rating": 4.5, "note": "y" * 600,
    },
}  # fmt: skip


def prepare(server: Server, receiver: str, names: list[str]) -> None:
    """A tenant of the same name for each profile, with one endpoint that is ready to be sent to."""
    from ringback.client.client import Client  # noqa: PLC0415 - found once the source is on the path

    for name in names:
        with Client(server.url, server.admin_key, name) as client:
            client.call("POST", "/v1/tenants", {"id": name, "name": name, "profile": name})
            made = client.create_endpoint(receiver, channels=[CHANNEL], max_in_flight=64)
            deadline = time.monotonic() + ACTIVE_WITHIN_S
            while client.call("GET", f"/v1/tenants/{name}/endpoints/{made['id']}")["status"] != "active":
                if time.monotonic() > deadline:
                    raise BenchFailed(f"the endpoint of {name} is not active")
                time.sleep(0.1)


def cost_us(server: Server, name: str, events: int, directory: Path) -> float:
    """CPU of the server for one event of a profile, in µs."""
    url = f"{server.url}/v1/tenants/{name}/events"
    headers = (f"authorization: Bearer {server.admin_key}",)
    begun, before = delivered(server), server.usage().cpu_s
    load([url], json.dumps(EVENT).encode(), headers, events, directory / "body.json")
    wait_for_deliveries(lambda: delivered(server) - begun, events, time.monotonic, time.sleep)
    return (server.usage().cpu_s - before) / events * 1e6


def measure(given: argparse.Namespace, made: Path) -> dict[str, Any]:
    """Each round's costs by profile, and the median of the ratios; prints a line a profile."""
    from ringback.wire.profile import profile_names  # noqa: PLC0415 - found once the source is on the path

    names = [STANDARD, *(name for name in profile_names() if name != STANDARD)]
    admin_key = secrets.token_hex(20)
    costs: dict[str, list[float]] = {name: [] for name in names}
    with sink(made / "sink") as receiver, serving(made, admin_key, "--log-level", "error") as server:
        prepare(server, receiver, names)
        for name in names:
            cost_us(server, name, WARM_UP_EVENTS, made)
        for number in range(given.rounds):
            for name in names[:: -1 if number % 2 else 1]:
                costs[name].append(cost_us(server, name, given.events, made))
    figures = figures_of(costs)
    for line in lines_of(figures):
        print(line, flush=True)
    return figures


def figures_of(costs: dict[str, list[float]]) -> dict[str, Any]:
    """By profile: the median cost, and the median, least and greatest of the ratios to the same round's `standard`."""
    found = {}
    for name, rounds in costs.items():
        ratios = [cost / usual for cost, usual in zip(rounds, costs[STANDARD], strict=True)]
        found[name] = {
            "cpu_us": statistics.median(rounds), "ratio": statistics.median(ratios), "least": min(ratios),
            "greatest": max(ratios), "rounds": rounds,
        }  # fmt: skip
    return found


def lines_of(figures: dict[str, Any]) -> list[str]:
    """A line a profile."""
    return [
        f"{name:20} {one['cpu_us']:5.0f} µs of CPU a delivery, {one['ratio']:.2f} of {STANDARD} (least "
        f"{one['least']:.2f}, greatest {one['greatest']:.2f}; the goal is at most {COST_GOAL})"
        for name, one in figures.items()
    ]


def missed(figures: dict[str, Any]) -> list[str]:
    """The profiles that cost more than the goal."""
    return [
        f"{name}: {one['ratio']:.2f} of what {STANDARD} costs, the goal is at most {COST_GOAL}"
        for name, one in figures.items()
        if one["ratio"] > COST_GOAL
    ]


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=int, default=4_000, help="events of each profile in each round")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--directory", type=Path, default=ROOT / ".bench", help="where the database is made")
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error("--rounds must be at least 1")
    return run(lambda made: measure(given, made), missed, given.directory, given.json)


if __name__ == "__main__":
    sys.exit(main())
