"""How much of the bare pipeline's rate Ringback keeps: the driver of `make bench`.

    python bench/ratio.py [--pairs 5] [--mode single|arrays|both] [--events N] [--json FILE]

It starts one receiver (nginx), then in turn `floor.py` and Ringback, each fresh in a directory of its own; sends a
fixed number of events (100,000, one a request, or 200,000 in arrays of 50, over 64 connections) with h2load; and waits
until the last is recorded as delivered. A rate is the number of events divided by the time from just before the first
request until then. The figure is the median of the pairs' ratios.

Everything is on loopback and is ended by the process id it was started with, whatever happens. Needs nginx and h2load
(Debian: nginx, nghttp2-client). Fails, with the server's last words, when any answer is not 2xx, when deliveries run
coming or when a time limit passes; then there is no figure.
"""

import argparse
import json
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from machinery import (
    CONNECTIONS,
    HERE,
    ROOT,
    BenchFailed,
    Server,
    free_port,
    get,
    load,
    run,
    running,
    serving,
    sink,
    summarise,
    wait_until_up,
)

ARRAY_EVENTS = 50
GOAL = 0.6
STALLED_S_MAX = 30.0
POLL_S = 0.25  # asking costs what is measured a little, seeing the end late as well

EVENT = {"type": "contact.created", "data": {"id": "c_1", "name": "Ada", "note": "y" * 900}}


class Mode(NamedTuple):
    """How events are sent: `per_request` of them in each request, `events` in all."""

    name: str
    per_request: int
    events: int


MODES = {"single": Mode("single", 1, 100_000), "arrays": Mode("arrays", ARRAY_EVENTS, 200_000)}


class Target(NamedTuple):
    """A pipeline under load: where events go, and how many have been recorded as delivered."""

    url: str
    body: bytes
    headers: tuple[str, ...]
    delivered: Callable[[], int]


class Pair(NamedTuple):
    """The two rates of one pair, in events a second."""

    floor: float
    ringback: float

    @property
    def ratio(self) -> float:
        return self.ringback / self.floor


# ── arithmetic ────────────────────────────────────────────────────────────────────────────────────────────────────


def requests_for(mode: Mode) -> int:
    """How many requests carry the events of a mode. They must fill them: the last would not be a full one."""
    requests, rest = divmod(mode.events, mode.per_request)
    if rest or requests < CONNECTIONS:
        raise BenchFailed(
            f"--events must be a multiple of {mode.per_request} and at least {CONNECTIONS * mode.per_request}"
        )
    return requests


def wait_for_deliveries(
    delivered: Callable[[], int], events: int, now: Callable[[], float], pause: Callable[[float], None]
) -> float:
    """Wait until `events` are recorded as delivered; the moment that was seen. More of them is an error as well."""
    seen, changed_at = -1, now()
    while True:
        count = delivered()
        moment = now()
        if count > events:
            raise BenchFailed(f"{count} deliveries were recorded for {events} events")
        if count == events:
            return moment
        if count != seen:
            seen, changed_at = count, moment
        elif moment - changed_at > STALLED_S_MAX:
            raise BenchFailed(f"deliveries stopped at {count} of {events}")
        pause(POLL_S)


def report(mode: Mode, pairs: Sequence[Pair]) -> dict[str, Any]:
    """The figures of one mode, for JSON."""
    return {
        "events": mode.events,
        "events_per_request": mode.per_request,
        "pairs": [{"floor": p.floor, "ringback": p.ringback, "ratio": p.ratio} for p in pairs],
        "floor": summarise([p.floor for p in pairs])._asdict(),
        "ringback": summarise([p.ringback for p in pairs])._asdict(),
        "ratio": summarise([p.ratio for p in pairs])._asdict(),
    }


def text_of(mode: Mode, pairs: Sequence[Pair]) -> str:
    """The figures of one mode, as a line."""
    ratio = summarise([p.ratio for p in pairs])
    return (
        f"{mode.name}: ratio {ratio.median:.3f} (median of {len(pairs)}; least {ratio.least:.3f}, greatest "
        f"{ratio.greatest:.3f}; the goal is {GOAL:.2f})"
    )


# ── processes ─────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def floor(directory: Path, receiver: str, mode: Mode) -> Iterator[Target]:
    """The bare pipeline, fresh."""
    url = f"http://127.0.0.1:{free_port()}"
    port = url.rpartition(":")[2]
    command = [sys.executable, str(HERE / "floor.py"), "--port", port, "--sink", receiver]
    with running([*command, "--db", str(directory / "floor.db")], directory / "floor.log") as process:
        wait_until_up(f"{url}/stats", process)

        def delivered() -> int:
            stats = json.loads(get(f"{url}/stats"))
            if stats["failed"]:
                raise BenchFailed(f"{stats['failed']} requests to the receiver failed")
            return int(stats["delivered"])

        if mode.per_request == 1:
            yield Target(f"{url}/event", json.dumps(EVENT).encode(), (), delivered)
        else:
            yield Target(f"{url}/batch", json.dumps([EVENT] * mode.per_request).encode(), (), delivered)


@contextmanager
def ringback(directory: Path, receiver: str, mode: Mode) -> Iterator[Target]:
    """Ringback, fresh, with one tenant, one ingest key and one endpoint."""
    admin_key = secrets.token_hex(20)
    with serving(directory, admin_key) as server, pipeline_of(server, receiver, mode) as target:
        yield target


@contextmanager
def pipeline_of(server: Server, receiver: str, mode: Mode) -> Iterator[Target]:
    """A fresh server as a target: one tenant, one ingest key, one endpoint."""
    from ringback.client.client import Client  # noqa: PLC0415 - found once the source is on the path

    with Client(server.url, server.admin_key, "bench") as client:
        client.call("POST", "/v1/tenants", {"id": "bench", "name": "bench"})
        key = client.create_key("ingest")["key"]
        endpoint = client.create_endpoint(receiver, max_in_flight=CONNECTIONS)["id"]
        headers = (f"authorization: Bearer {key}",)

        def delivered() -> int:
            stats = client.endpoint_stats(endpoint)
            if stats["failed"]:
                raise BenchFailed(f"{stats['failed']} attempts failed")
            return int(stats["succeeded"])

        events = f"{server.url}/v1/tenants/bench/events"
        if mode.per_request == 1:
            yield Target(events, json.dumps(EVENT).encode(), headers, delivered)
        else:
            body = json.dumps({"events": [EVENT] * mode.per_request}).encode()
            yield Target(f"{events}/batch", body, headers, delivered)


# ── measuring ─────────────────────────────────────────────────────────────────────────────────────────────────────


Pipeline = Callable[[Path, str, Mode], Any]


def rate(pipeline: Pipeline, mode: Mode, receiver: str, directory: Path) -> float:
    """Events a second of one fresh pipeline, from the first request to the last recorded delivery."""
    requests = requests_for(mode)
    with tempfile.TemporaryDirectory(dir=directory) as fresh, pipeline(Path(fresh), receiver, mode) as target:
        began = time.monotonic()
        load([target.url], target.body, target.headers, requests, Path(fresh) / "body.json")
        ended = wait_for_deliveries(target.delivered, mode.events, time.monotonic, time.sleep)
    return mode.events / (ended - began)


def measure(mode: Mode, pairs: int, receiver: str, directory: Path) -> list[Pair]:
    """The pairs of one mode. Each second pair begins with the other side, so that a drift falls on both."""
    measured = []
    for number in range(1, pairs + 1):
        order: list[tuple[str, Pipeline]] = [("floor", floor), ("ringback", ringback)]
        rates = {
            name: rate(pipeline, mode, receiver, directory) for name, pipeline in order[:: 1 if number % 2 else -1]
        }
        pair = Pair(rates["floor"], rates["ringback"])
        measured.append(pair)
        print(
            f"{mode.name} {number}/{pairs}: floor {pair.floor:,.0f}/s, ringback {pair.ringback:,.0f}/s, "
            f"ratio {pair.ratio:.3f}",
            flush=True,
        )
    return measured


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5, help="alternating pairs of each mode (default 5)")
    parser.add_argument("--mode", choices=[*MODES, "both"], default="both")
    parser.add_argument("--events", type=int, help="events in each run (default 100,000 single, 200,000 in arrays)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument(
        "--directory",
        type=Path,
        default=ROOT / ".bench",
        help="where the databases are made, and removed (default .bench)",
    )
    given = parser.parse_args()
    if given.pairs < 1:
        parser.error("--pairs must be at least 1")
    return given


def modes_of(given: argparse.Namespace) -> list[Mode]:
    """The modes that the command line asks for. Raises BenchFailed for a number of events that they can't send."""
    modes = list(MODES.values()) if given.mode == "both" else [MODES[given.mode]]
    if given.events:
        modes = [mode._replace(events=given.events) for mode in modes]
    for mode in modes:
        requests_for(mode)
    return modes


def compare(given: argparse.Namespace, made: Path) -> dict[str, Any]:
    """All pairs of all modes; prints a line for each."""
    figures: dict[str, Any] = {}
    with sink(made / "sink") as receiver:
        for mode in modes_of(given):
            pairs = measure(mode, given.pairs, receiver, made)
            figures[mode.name] = report(mode, pairs)
            print(text_of(mode, pairs), flush=True)
    return figures


def missed(figures: dict[str, Any]) -> list[str]:
    """The modes whose median is under the goal."""
    medians = {name: one["ratio"]["median"] for name, one in figures.items()}
    return [f"{name}: ratio {median:.3f}, the goal is {GOAL:.2f}" for name, median in medians.items() if median < GOAL]


def main() -> int:
    """The exit code."""
    given = arguments()
    return run(lambda made: compare(given, made), missed, given.directory, given.json)


if __name__ == "__main__":
    sys.exit(main())
