"""What bad endpoints do to good ones: latencies of two healthy endpoints, quiet and with trouble beside them.

    python bench/isolation.py [--waiting 100000] [--hanging 600] [--rate 50] [--seconds 30]

One tenant has an endpoint that never answers, one that takes 10 s, one that always fails and one that sends a byte a
second, each with 100,000 events waiting, and a healthy one; another tenant has a healthy one. Then the same with 600
endpoints that never answer, ten events waiting for each. A figure is the time from posting an event to its arrival.
The trouble begins when the server does; the healthy endpoints are measured from then on.
"""

import argparse
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import seed
from arrivals import Latency, Poster, arrived, latency_of, receivers
from machinery import ROOT, BenchFailed, run, serving

BAD = ("hang", "slow", "fail", "drip")
TENANTS = ("troubled", "calm")


class Setting(NamedTuple):
    """A prepared data directory: the keys of the tenants and the endpoint that others are copied from."""

    directory: Path
    keys: dict[str, str]
    healthy: dict[str, str]


def prepare(directory: Path, receiver: str, admin_key: str) -> Setting:
    """A database with two tenants and a healthy endpoint for each."""
    from ringback.client.client import Client  # noqa: PLC0415 - found once the source is on the path

    directory.mkdir()
    keys, healthy = {}, {}
    with serving(directory, admin_key) as server:
        for tenant in TENANTS:
            with Client(server.url, admin_key, tenant) as client:
                client.call("POST", "/v1/tenants", {"id": tenant, "name": tenant})
                keys[tenant] = client.create_key("ingest")["key"]
                made = client.create_endpoint(f"{receiver}/ok/{tenant}", event_types=["probe.sent"])
                healthy[tenant] = made["id"]
    return Setting(directory, keys, healthy)


def add_four(setting: Setting, receiver: str, waiting: int) -> None:
    """The four bad endpoints, with events waiting for each."""
    with seed.opened(setting.directory / "data") as connection:
        names = [f"ep_{kind}" for kind in BAD]
        for kind, name in zip(BAD, names, strict=True):
            changes = {"url": f"{receiver}/{kind}/{name}", "event_types": ["seeded.waiting"]}
            seed.copy_endpoint(connection, setting.healthy["troubled"], [("troubled", name)], **changes)
        seed.add_waiting(connection, "troubled", names, waiting)


def add_hanging(setting: Setting, receiver: str, count: int) -> None:
    """Endpoints that never answer, ten events waiting for each."""
    with seed.opened(setting.directory / "data") as connection:
        names = [f"ep_hang_{number}" for number in range(count)]
        changes = {"url": f"{receiver}/hang/{{}}", "event_types": ["seeded.waiting"]}
        seed.copy_endpoint(connection, setting.healthy["troubled"], [("troubled", name) for name in names], **changes)
        seed.add_waiting(connection, "troubled", names, 10)


def measure(
    setting: Setting, receiver: str, admin_key: str, rate: float, seconds: float
) -> tuple[dict[str, Latency], float]:
    """Latencies by tenant while the server runs on this directory, and its memory in MB at the end."""
    with serving(setting.directory, admin_key) as server:
        arrived(receiver)
        posters = [
            Poster(f"{server.url}/v1/tenants/{tenant}/events", key, "probe.sent", rate, seconds)
            for tenant, key in setting.keys.items()
        ]
        for poster in posters:
            poster.wait()
        time.sleep(1.0)
        found = arrived(receiver)
        memory_mb = server.usage().memory_mb
    times = {tenant: found.get(f"/ok/{tenant}", []) for tenant in TENANTS}
    for tenant, seen in times.items():
        if len(seen) < rate * seconds:
            raise BenchFailed(f"{tenant}: only {len(seen)} of {rate * seconds:g} events arrived")
    return {tenant: latency_of(seen) for tenant, seen in times.items()}, memory_mb


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waiting", type=int, default=100_000, help="events waiting for each of the four")
    parser.add_argument("--hanging", type=int, default=600, help="endpoints that never answer")
    parser.add_argument("--rate", type=float, default=50.0, help="events a second for each healthy endpoint")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--directory", type=Path, default=ROOT / ".bench", help="where the databases are made")
    return parser.parse_args()


def compare(given: argparse.Namespace, made: Path) -> dict[str, Any]:
    """Quiet, and with each kind of trouble; prints a line for each tenant."""
    admin_key = secrets.token_hex(20)
    cases: dict[str, Callable[[Setting, str], None]] = {
        "quiet": lambda *_: None,
        "four bad": lambda setting, receiver: add_four(setting, receiver, given.waiting),
        "many hanging": lambda setting, receiver: add_hanging(setting, receiver, given.hanging),
    }
    figures: dict[str, Any] = {}
    with receivers(made) as receiver:
        for name, trouble in cases.items():
            setting = prepare(made / name.replace(" ", "-"), receiver, admin_key)
            trouble(setting, receiver)
            found, memory_mb = measure(setting, receiver, admin_key, given.rate, given.seconds)
            figures[name] = {tenant: latency._asdict() for tenant, latency in found.items()}
            figures[name]["memory_mb"] = memory_mb
            for tenant, latency in found.items():
                ratio = latency.p99 / figures["quiet"][tenant]["p99"]
                print(f"{name:13} {tenant:9} {latency}, p99 {ratio:.2f} of quiet; {memory_mb:.0f} MB", flush=True)
    return figures


def main() -> int:
    """The exit code."""
    given = arguments()
    return run(lambda made: compare(given, made), given.directory, given.json)


if __name__ == "__main__":
    sys.exit(main())
