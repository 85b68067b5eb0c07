"""What bad endpoints do to good ones: latencies of two healthy endpoints, quiet and with trouble beside them.

    python bench/isolation.py [--waiting 100000] [--hanging 600] [--rate 100] [--seconds 30] [--rounds 3]

One tenant has an endpoint that never answers, one that takes 10 s, one that always fails and one that sends a byte a
second, each with 100,000 events waiting, and a healthy one; another tenant has a healthy one. Then the same with 600
endpoints that never answer, ten events waiting for each. A figure is the time from posting an event to its arrival.

Each case is measured twice in one run of the server. *Cold* begins when the server does, and the trouble with it; it
lasts longer than the timeout of 20 s, so that all of them time out in it and are tried again. *Warm* follows: all
that is slow is known to be, and times out again. That is done in rounds, each with a quiet case of its own. The goal
is a p99 of at most twice the quiet one of the same round, tenant and temperature: the median over the rounds.
"""

import argparse
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import seed
from arrivals import Latency, Poster, arrived, latency_of, receivers, requested
from machinery import ROOT, BenchFailed, Server, run, serving, summarise

BAD = ("hang", "slow", "fail", "drip")
TENANTS = ("troubled", "calm")
TEMPERATURES = ("cold", "warm")
QUIET = "quiet"
P99_GOAL = 2.0


class Setting(NamedTuple):
    """A prepared data directory: the keys of the tenants and the endpoint that others are copied from."""

    directory: Path
    keys: dict[str, str]
    healthy: dict[str, str]


class Case(NamedTuple):
    """`trouble` is added to a setting before it is measured; `bad` are the behaviours that must be met meanwhile."""

    trouble: Callable[[Setting, str], None]
    bad: tuple[str, ...]


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


# ── measuring ─────────────────────────────────────────────────────────────────────────────────────────────────────


def measure(
    setting: Setting, receiver: str, admin_key: str, rate: float, seconds: float
) -> tuple[dict[str, dict[str, Any]], float]:
    """What was seen, cold and warm, while the server runs on this directory, and its memory in MB at the end."""
    found = {}
    requested(receiver)
    with serving(setting.directory, admin_key) as server:
        for temperature in TEMPERATURES:
            times = probe(server, setting, receiver, rate, seconds)
            found[temperature] = {tenant: latency_of(seen)._asdict() for tenant, seen in times.items()}
            found[temperature]["requests"] = requested(receiver)
        memory_mb = server.usage().memory_mb
    return found, memory_mb


def probe(server: Server, setting: Setting, receiver: str, rate: float, seconds: float) -> dict[str, list[float]]:
    """Milliseconds from posting to arrival, by tenant."""
    arrived(receiver)
    posters = [
        Poster(f"{server.url}/v1/tenants/{tenant}/events", key, "probe.sent", rate, seconds)
        for tenant, key in setting.keys.items()
    ]
    for poster in posters:
        poster.wait()
    time.sleep(1.0)
    found = arrived(receiver)
    times = {tenant: found.get(f"/ok/{tenant}", []) for tenant in TENANTS}
    for tenant, seen in times.items():
        if len(seen) < int(rate * seconds):
            raise BenchFailed(f"{tenant}: only {len(seen)} of {rate * seconds:g} events arrived")
    return times


def compare(given: argparse.Namespace, made: Path) -> dict[str, Any]:
    """Quiet, and with each kind of trouble; prints a line for each tenant."""
    admin_key = secrets.token_hex(20)
    cases = {
        QUIET: Case(lambda *_: None, ()),
        "four bad": Case(lambda setting, receiver: add_four(setting, receiver, given.waiting), BAD),
        "many hanging": Case(lambda setting, receiver: add_hanging(setting, receiver, given.hanging), ("hang",)),
    }
    rounds: list[dict[str, Any]] = []
    with receivers(made) as receiver:
        for number in range(1, given.rounds + 1):
            figures: dict[str, Any] = {}
            for name, case in cases.items():
                setting = prepare(made / f"{name.replace(' ', '-')}-{number}", receiver, admin_key)
                case.trouble(setting, receiver)
                found, memory_mb = measure(setting, receiver, admin_key, given.rate, given.seconds)
                shutil.rmtree(setting.directory)
                figures[name] = {**found, "memory_mb": memory_mb}
                for line in lines_of(figures, name):
                    print(f"{number}/{given.rounds} {line}", flush=True)
                check_trouble(found, case.bad)
            rounds.append(figures)
    for line, _ in medians(rounds):
        print(line)
    return {"rounds": rounds}


# ── figures ───────────────────────────────────────────────────────────────────────────────────────────────────────


def check_trouble(found: dict[str, dict[str, Any]], bad: tuple[str, ...]) -> None:
    """Bad endpoints that were not met while the others were measured would make a figure that says nothing.

    Warm, some of them may be parked, and not be tried for a while.
    """
    for behaviour in bad:
        if not found["cold"]["requests"].get(behaviour):
            raise BenchFailed(f"cold: nothing was sent to what answers like {behaviour!r}")
    if bad and not any(found["warm"]["requests"].get(behaviour) for behaviour in bad):
        raise BenchFailed("warm: nothing was sent to any of the bad endpoints")


def ratio_to_quiet(figures: dict[str, Any], name: str, temperature: str, tenant: str) -> float:
    """The p99 beside that of the quiet case."""
    ratio: float = figures[name][temperature][tenant]["p99"] / figures[QUIET][temperature][tenant]["p99"]
    return ratio


def lines_of(figures: dict[str, Any], name: str) -> list[str]:
    """A case in words."""
    lines = []
    for temperature in TEMPERATURES:
        for tenant in TENANTS:
            latency = Latency(**figures[name][temperature][tenant])
            ratio = ratio_to_quiet(figures, name, temperature, tenant)
            lines.append(f"{name:13} {temperature} {tenant:9} {latency}, p99 {ratio:.2f} of quiet")
        sent = [f"{count:,} to {kind}" for kind, count in sorted(figures[name][temperature]["requests"].items())]
        lines.append(f"{name:13} {temperature} requests: {', '.join(sent)}")
    return [*lines, f"{name:13} {figures[name]['memory_mb']:.0f} MB"]


def medians(rounds: list[dict[str, Any]]) -> Iterator[tuple[str, float]]:
    """What all rounds together say: in words, and the median of the ratios."""
    for name in rounds[0]:
        for temperature in TEMPERATURES if name != QUIET else ():
            for tenant in TENANTS:
                found = summarise([ratio_to_quiet(figures, name, temperature, tenant) for figures in rounds])
                words = f"median {found.median:.2f} (least {found.least:.2f}, greatest {found.greatest:.2f})"
                yield f"{name}, {temperature}, {tenant}: p99 beside quiet, {words}", found.median


def missed(figures: dict[str, Any]) -> list[str]:
    """Where a healthy endpoint's p99 is over the goal."""
    return [f"{line}; the goal is {P99_GOAL}" for line, ratio in medians(figures["rounds"]) if ratio > P99_GOAL]


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waiting", type=int, default=100_000, help="events waiting for each of the four")
    parser.add_argument("--hanging", type=int, default=600, help="endpoints that never answer")
    parser.add_argument("--rate", type=float, default=100.0, help="events a second for each healthy endpoint")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long each is measured, cold and warm")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--directory", type=Path, default=ROOT / ".bench", help="where the databases are made")
    return parser.parse_args()


def main() -> int:
    """The exit code."""
    given = arguments()
    return run(lambda made: compare(given, made), missed, given.directory, given.json)


if __name__ == "__main__":
    sys.exit(main())
