"""Updates of records a second, beside plain events of the same size in the same form.

    python bench/records.py [--rounds 3] [--mode single|batches|both] [--writes N] [--store sqlite|postgresql]

`single` is a PUT beside the POST of an event, `batches` 50 lines of NDJSON beside 50 events in an array. Each run is a
fresh server with one endpoint that gets everything; the records are there already, and each write changes one member.
A rate is the number of writes divided by the time from just before the first until the last delivery is recorded.
Beside plain events and updates are measured: updates of which one in a hundred is a change, updates of a type with a
hundred triggers of which one fires each time (two deliveries an update), and updates for an endpoint that follows a
tracked set of a million, which all of the records are in. What is compared stands within one round; each second round
goes the other way round, and a figure is the median of the rounds. What misses its goal is named, and the exit code
is 1. On PostgreSQL, the server is the bench's own, with all its commits on the disk (as in `bench/postgres.py`).
"""

import argparse
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final, NamedTuple

import writes
from machinery import HERE, LOAD_S_MAX, ROOT, BenchFailed, Server, run, serving, sink, summarise
from ratio import wait_for_deliveries

TENANT: Final = "bench"
SET: Final = "followed"
RECORDS: Final = 10_000
SEEDED_AT_ONCE: Final = 1_000
MEMBERS_AT_ONCE: Final = 10_000
TRIGGERS: Final = 100
GOAL: Final = 0.5
RULES: Final = ('passed("n", 1000000000)', 'data.name == "Nobody"', "data.n > 1000000000 && previous != null")
FIRES: Final = "previous != null && data.n > previous.n"


class Mode(NamedTuple):
    """How many writes are in a request, and in a run."""

    per_request: int
    writes: int


class Case(NamedTuple):
    """One run of a round. `deliveries` of a write that is a change, every `one_in`th; `members` of the set that the
    endpoint follows, 0: it follows none. `share` of the writes is enough for a rate. `beside` is the case that it is
    compared with."""

    form: str = "record"
    one_in: int = 1
    triggers: int = 0
    members: int = 0
    deliveries: int = 1
    share: float = 1.0
    beside: str = "events"


MODES: Final = {"single": Mode(1, 30_000), "batches": Mode(50, 60_000)}
CASES: Final = {
    "events": Case(form="event"),
    "updates": Case(),
    "1 % real change": Case(one_in=100),
    "100 triggers": Case(triggers=TRIGGERS, deliveries=2, share=0.25, beside="updates"),
    "a set of a million": Case(members=1_000_000, beside="updates"),
}

Place = Callable[[], AbstractContextManager[tuple[list[str], dict[str, str]]]]
"""Flags and variables of a server on a fresh store."""


# ── arithmetic ────────────────────────────────────────────────────────────────────────────────────────────────────


def deliveries_of(case: Case, count: int) -> int:
    """How many deliveries so many writes make."""
    return -(-count // case.one_in) * case.deliveries


def figures_of(rounds: list[dict[str, float]]) -> dict[str, Any]:
    """By case: the median rate, and the ratio of each round to the case beside it, summed up."""
    found = {}
    for name, case in CASES.items():
        ratios = [rates[name] / rates[case.beside] for rates in rounds]
        rates = [rates[name] for rates in rounds]
        found[name] = {"per_s": summarise(rates)._asdict(), "ratio": summarise(ratios)._asdict(), "rounds": rates}
    return found


def lines_of(mode: str, figures: dict[str, Any]) -> list[str]:
    """A line a case."""
    found = []
    for name, one in figures.items():
        ratio, beside = one["ratio"], CASES[name].beside
        compared = f", {ratio['median']:.2f} of {beside} (least {ratio['least']:.2f}, greatest {ratio['greatest']:.2f})"
        goal = f"; the goal is {GOAL:.2f}" if name == "updates" else ""
        found.append(f"{mode}: {name:18} {one['per_s']['median']:7,.0f}/s{compared if name != beside else ''}{goal}")
    return found


def missed(figures: dict[str, Any]) -> list[str]:
    """The modes in which updates are under the goal."""
    medians = {mode: cases["updates"]["ratio"]["median"] for mode, cases in figures["modes"].items()}
    return [
        f"{mode}: updates are {median:.2f} of plain events, the goal is {GOAL:.2f}"
        for mode, median in medians.items()
        if median < GOAL
    ]


# ── preparing ─────────────────────────────────────────────────────────────────────────────────────────────────────


def prepare(client: Any, case: Case, receiver: str) -> str:
    """Make what the case needs, the endpoint last, so that what is seeded isn't sent. The endpoint's id."""
    client.call("POST", "/v1/tenants", {"id": TENANT, "name": TENANT})
    if case.form == "record":
        for first in range(0, RECORDS, SEEDED_AT_ONCE):
            client.write_records(writes.line_of(number, 0) for number in range(first, first + SEEDED_AT_ONCE))
    for number in range(case.triggers):
        when = FIRES if number == 0 else RULES[number % len(RULES)]
        trigger = {"name": f"rule {number}", "record_type": writes.TYPE, "when": when, "emits": "contact.moved"}
        client.call("POST", f"/v1/tenants/{TENANT}/triggers", trigger)
    wanted = {}
    if case.members:
        load_members(client, case.members)
        wanted = {"tracked_set": SET}
    made: str = client.create_endpoint(receiver, max_in_flight=writes.CONNECTIONS, **wanted)["id"]
    return made


def load_members(client: Any, count: int) -> None:
    """Put so many ids into the set, the records' own among them."""
    client.put_tracked_set(SET)
    began_s = time.monotonic()
    for first in range(0, count, MEMBERS_AT_ONCE):
        ids = [writes.id_of(number).decode() for number in range(first, first + MEMBERS_AT_ONCE)]
        answer = client.add_members(SET, ids)
    if answer["members"] != count:
        raise BenchFailed(f"{answer['members']} members are in the set instead of {count}")
    print(f"{count:,} members put into a set in {time.monotonic() - began_s:.1f} s", flush=True)


# ── measuring ─────────────────────────────────────────────────────────────────────────────────────────────────────


def rate(case: Case, mode: Mode, receiver: str, directory: Path, place: Place) -> float:
    """Writes a second on a fresh server."""
    admin_key = secrets.token_hex(20)
    with (
        tempfile.TemporaryDirectory(dir=directory) as fresh,
        place() as (flags, variables),
        serving(Path(fresh), admin_key, "--log-level", "error", *flags, **variables) as server,
    ):
        return measured(server, case, mode, receiver)


def measured(server: Server, case: Case, mode: Mode, receiver: str) -> float:
    """Writes a second on this server."""
    from ringback.client.client import Client  # noqa: PLC0415 - found once the source is on the path

    mode = mode._replace(writes=int(mode.writes * case.share))
    expected = deliveries_of(case, mode.writes)
    with Client(server.url, server.admin_key, TENANT) as client:
        endpoint = prepare(client, case, receiver)
        key = client.create_key("ingest")["key"]

        def delivered() -> int:
            stats = client.endpoint_stats(endpoint)
            if stats["failed"]:
                raise BenchFailed(f"{stats['failed']} attempts failed")
            return int(stats["succeeded"])

        began_s = time.monotonic()
        write(f"{server.url}/v1/tenants/{TENANT}", key, case, mode)
        ended_s = wait_for_deliveries(delivered, expected, time.monotonic, time.sleep)
    return mode.writes / (ended_s - began_s)


def write(url: str, key: str, case: Case, mode: Mode) -> None:
    """Have all of it written, by a process of its own."""
    command = [sys.executable, str(HERE / "writes.py"), "--url", url, "--key", key, "--form", case.form]
    numbers = {"per-request": mode.per_request, "writes": mode.writes, "ids": RECORDS, "one-in": case.one_in}
    command += [word for name, number in numbers.items() for word in (f"--{name}", str(number))]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LOAD_S_MAX, check=False)
    except subprocess.TimeoutExpired:
        raise BenchFailed(f"the load did not end within {LOAD_S_MAX:g} s") from None
    if done.returncode:
        raise BenchFailed(f"the load ended with {done.returncode}: {done.stderr[-2_000:]}")


def compare(given: argparse.Namespace, made: Path) -> dict[str, Any]:
    """All rounds of all modes; prints a line for each, and the medians."""
    figures: dict[str, Any] = {"store": given.store, "modes": {}}
    with sink(made / "sink") as receiver, store_of(given.store) as place:
        for name, mode in modes_of(given).items():
            rounds = []
            for number in range(1, given.rounds + 1):
                cases = list(CASES.items())[:: 1 if number % 2 else -1]
                rates = {case_name: rate(case, mode, receiver, made, place) for case_name, case in cases}
                rounds.append(rates)
                told = ", ".join(f"{case_name} {rates[case_name]:,.0f}/s" for case_name in CASES)
                print(f"{name} {number}/{given.rounds}: {told}", flush=True)
            figures["modes"][name] = figures_of(rounds)
            for line in lines_of(name, figures["modes"][name]):
                print(line, flush=True)
    return figures


@contextmanager
def store_of(name: str) -> Iterator[Place]:
    """Where servers keep what they have: a file in each one's directory, or databases of one PostgreSQL."""
    if name == "sqlite":
        yield lambda: nullcontext(([], {}))
        return
    import postgres  # noqa: PLC0415 - brings what only a PostgreSQL needs

    with postgres.cluster() as cluster:

        @contextmanager
        def place() -> Iterator[tuple[list[str], dict[str, str]]]:
            with cluster.empty_database() as url:
                yield ["--store", url], {"RINGBACK_MASTER_KEY": postgres.MASTER_KEY}

        yield place


def modes_of(given: argparse.Namespace) -> dict[str, Mode]:
    """The modes that the command line asks for."""
    modes = MODES if given.mode == "both" else {given.mode: MODES[given.mode]}
    return {name: mode._replace(writes=given.writes or mode.writes) for name, mode in modes.items()}


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each mode (default 3)")
    parser.add_argument("--mode", choices=[*MODES, "both"], default="both")
    parser.add_argument("--writes", type=int, help="writes in each run (default 30,000 single, 60,000 in batches)")
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--directory", type=Path, default=ROOT / ".bench", help="where files are made, and removed")
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error("--rounds must be at least 1")
    return given


def main() -> int:
    """The exit code."""
    given = arguments()
    return run(lambda made: compare(given, made), missed, given.directory, given.json)


if __name__ == "__main__":
    sys.exit(main())
