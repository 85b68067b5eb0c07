"""`ringback bench`: a small measurement of this installation, without anything else installed.

Starts a server on an empty directory and a receiver beside it, posts events over 64 connections, one a request and in
arrays, and waits until the last is recorded as delivered. Server, receiver and load share the machine, and the
load is made in Python, so the figures are lower than what a server of its own does; `make bench` in the source measures
with better tools. Everything is removed at the end.
"""

import json as json_format
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Final, NamedTuple

import typer

from ringback.cli.load import BenchFailed, Load
from ringback.cli.receiver import Answer, Receiver
from ringback.client.client import Client
from ringback.clock import Clock, SystemClock

TENANT: Final = "bench"
ARRAY_EVENTS: Final = 50
CONNECTIONS: Final = 64
PAYLOAD_CHARS: Final = 900
PATIENCE_S: Final = 120.0
LOOPBACK: Final = "127.0.0.1"


class Server(NamedTuple):
    """The server under test: where it is and an admin key."""

    base_url: str
    key: str


@dataclass(frozen=True, slots=True)
class Rates:
    """Events a second of one run: until the last was accepted, and until the last was recorded as delivered."""

    mode: str
    events: int
    accepted_per_s: float
    delivered_per_s: float


def bench(
    events: Annotated[int, typer.Option(min=50, max=1_000_000, help="Events of each run.")] = 5_000,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON line a run.")] = False,
) -> None:
    """Measure this installation: events a second, accepted and delivered, on this machine."""
    clock = SystemClock()
    receiver = Receiver(LOOPBACK, 0, lambda _: Answer())
    receiver.start()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="ringback-bench-") as directory,
            _server(directory, clock.token_bytes(16).hex(), receiver.port) as server,
        ):
            for rates in _runs(server, receiver.port, events, clock):
                typer.echo(json_format.dumps(_fields(rates)) if json else _line(rates))
    finally:
        receiver.stop()


def _runs(server: Server, receiver_port: int, events: int, clock: Clock) -> Iterator[Rates]:
    with Client(server.base_url, server.key, TENANT) as client:
        client.call("POST", "/v1/tenants", {"id": TENANT, "name": "Bench"})
        url = f"http://{LOOPBACK}:{receiver_port}/"
        endpoint: str = client.create_endpoint(url, label="bench", max_in_flight=CONNECTIONS)["id"]
        event = {"type": "contact.created", "data": {"id": "c_1", "name": "Ada", "note": "y" * PAYLOAD_CHARS}}
        modes: Sequence[tuple[str, int, str, object]] = (
            ("one event a request", 1, "events", event),
            (f"arrays of {ARRAY_EVENTS}", ARRAY_EVENTS, "events/batch", {"events": [event] * ARRAY_EVENTS}),
        )
        done = 0
        for mode, each, path, body in modes:
            count = events // each * each
            post_to = f"{server.base_url}/v1/tenants/{TENANT}/{path}"
            load = Load(post_to, server.key, json_format.dumps(body).encode(), count // each, CONNECTIONS)
            began_s = clock.boottime_s()
            load.run()
            accepted_s = clock.boottime_s() - began_s
            done += count
            _wait_for(client, endpoint, done, clock)
            delivered_s = clock.boottime_s() - began_s
            yield Rates(mode, count, count / accepted_s, count / delivered_s)


def _wait_for(client: Client, endpoint: str, delivered: int, clock: Clock) -> None:
    """Until the log counts so many; BenchFailed when it doesn't within PATIENCE_S."""
    deadline_s = clock.boottime_s() + PATIENCE_S
    while client.endpoint_stats(endpoint, days=2)["succeeded"] < delivered:
        if clock.boottime_s() > deadline_s:
            raise BenchFailed(f"Not everything was delivered within {PATIENCE_S:g} s.")
        time.sleep(0.02)


@contextmanager
def _server(directory: str, admin_key: str, receiver_port: int) -> Iterator[Server]:
    """A server of our own in a child process, stopped at the end."""
    command = [sys.executable, "-m", "ringback.cli.main", "serve", "--json", "--port", "0", "--data", directory]
    command += ["--allow", f"{LOOPBACK}/32:{receiver_port}", "--log-level", "warning"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}
    environment["RINGBACK_ADMIN_KEY"] = admin_key
    # In the empty directory, where no ringback.toml of the user's is.
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=directory, text=True) as process:  # noqa: S603
        try:
            ready = process.stdout.readline() if process.stdout else ""
            if not ready:
                raise BenchFailed("The server could not be started; see above.")
            yield Server(json_format.loads(ready)["base_url"], admin_key)
        finally:
            process.terminate()


def _fields(rates: Rates) -> dict[str, Any]:
    return {
        "mode": rates.mode,
        "events": rates.events,
        "accepted_per_s": round(rates.accepted_per_s),
        "delivered_per_s": round(rates.delivered_per_s),
    }


def _line(rates: Rates) -> str:
    return (
        f"{rates.mode:20} {rates.events:9,} events  "
        f"accepted {rates.accepted_per_s:8,.0f}/s  delivered {rates.delivered_per_s:8,.0f}/s"
    )
