"""What a purge does to whoever posts: the time until 202, quiet and while old events are being removed.

    python bench/retention.py [--old 500000] [--rate 400] [--seconds 15]

One database has so many events of 1 kB that are past their time, which the server begins to remove as soon as it is up;
another has none. Events are posted at a steady rate: *quiet* on the empty one, *purging* while the old ones go, and
*shrinking* when they are gone and the file gives back what they took. There is no figure if the purge didn't last as
long as the measurement. The goals: a p99 of at most twice the quiet one, and under 100 ms.
"""

import argparse
import secrets
import sys
import time
from pathlib import Path
from typing import Any

import apsw

import seed
from arrivals import Latency, Poster
from machinery import ROOT, BenchFailed, Server, run, serving

TENANT = "bench"
PAST_ITS_TIME_DAYS = 32
WARM_UP_S = 2.0
PATIENCE_S = 300.0
P99_RATIO_GOAL = 2.0
P99_MS_GOAL = 100.0


def prepare(directory: Path, admin_key: str, old: int) -> str:
    """A database with one tenant, without endpoints, and so many old events. The tenant's ingest key."""
    from ringback.client.client import Client  # noqa: PLC0415 - found once the source is on the path

    directory.mkdir()
    with serving(directory, admin_key) as server, Client(server.url, admin_key, TENANT) as client:
        client.call("POST", "/v1/tenants", {"id": TENANT, "name": TENANT})
        key: str = client.create_key("ingest")["key"]
    with seed.opened(directory / "data") as connection:
        seed.add_old(connection, TENANT, old, PAST_ITS_TIME_DAYS)
    return key


def old_left(data: Path, old: int) -> int:
    """How many of the old events are there still. They go in their order, so the oldest one says it."""
    connection = apsw.Connection(str(data / "ringback.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        oldest = connection.execute("SELECT id FROM event WHERE tenant_id = ? ORDER BY seq LIMIT 1", (TENANT,)).get
    finally:
        connection.close()
    number = None if oldest is None else seed.seeded_number(oldest)
    return 0 if number is None else old - number


def post(server: Server, key: str, rate: float, seconds: float) -> Latency:
    """How long answers take at a steady rate, after a moment to warm up."""
    for duration_s in (WARM_UP_S, seconds):
        found = Poster(f"{server.url}/v1/tenants/{TENANT}/events", key, "contact.created", rate, duration_s).wait()
    return found


def measure(given: argparse.Namespace, made: Path) -> dict[str, Any]:
    """Quiet, purging, shrinking; prints a line for each."""
    admin_key = secrets.token_hex(20)
    latencies = {}
    key = prepare(made / "quiet", admin_key, 0)
    with serving(made / "quiet", admin_key) as server:
        latencies["quiet"] = post(server, key, given.rate, given.seconds)
    key = prepare(made / "purge", admin_key, given.old)
    data = made / "purge" / "data"
    with serving(made / "purge", admin_key) as server:
        began_s = time.monotonic()
        latencies["purging"] = post(server, key, given.rate, given.seconds)
        left = old_left(data, given.old)
        if not left:
            raise BenchFailed("the purge ended before the measurement: more --old, or fewer --seconds")
        removed_per_s = (given.old - left) / (time.monotonic() - began_s)
        wait_until_gone(data, given.old)
        latencies["shrinking"] = post(server, key, given.rate, given.seconds)
    for name, latency in latencies.items():
        print(f"until 202, {name:9} {latency}, p99 {latency.p99 / latencies['quiet'].p99:.2f} of quiet", flush=True)
    print(
        f"{given.old - left:,} of {given.old:,} old events removed while measured, {removed_per_s:,.0f}/s", flush=True
    )
    figures: dict[str, Any] = {name: latency._asdict() for name, latency in latencies.items()}
    return {"rate": given.rate, "answers": figures, "old": given.old, "removed_per_s": removed_per_s}


def wait_until_gone(data: Path, old: int) -> None:
    """Until the last old event is removed."""
    deadline = time.monotonic() + PATIENCE_S
    while old_left(data, old):
        if time.monotonic() > deadline:
            raise BenchFailed("the purge did not end")
        time.sleep(0.2)


def missed(figures: dict[str, Any]) -> list[str]:
    """What is over its goal."""
    quiet = figures["answers"]["quiet"]["p99"]
    found = []
    for name, latency in figures["answers"].items():
        if latency["p99"] > quiet * P99_RATIO_GOAL:
            found.append(f"{name}: p99 {latency['p99'] / quiet:.2f} of quiet, the goal is {P99_RATIO_GOAL:g}")
        if latency["p99"] >= P99_MS_GOAL:
            found.append(f"{name}: p99 {latency['p99']:.0f} ms until 202, the goal is under {P99_MS_GOAL:g} ms")
    return found


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--old", type=int, default=500_000, help="events that are past their time")
    parser.add_argument("--rate", type=float, default=400.0, help="events a second")
    parser.add_argument("--seconds", type=float, default=15.0, help="how long each is measured")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--directory", type=Path, default=ROOT / ".bench", help="where the databases are made")
    return parser.parse_args()


def main() -> int:
    """The exit code."""
    given = arguments()
    return run(lambda made: measure(given, made), missed, given.directory, given.json)


if __name__ == "__main__":
    sys.exit(main())
