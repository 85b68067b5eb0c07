"""How engines on one PostgreSQL get along: many of them after the same lanes, dead rows, and a transaction left open.

    python bench/contention.py [--part drain|hour|serve|all] [--lanes 10 1000 100000] [--engines 10] [--json FILE]

The server is the bench's own (Debian's, all its commits on the disk). Ten whole Ringbacks, each with its sender, are
more than two cores can run: the engines of *drain* and *hour* are ten processes that do with the store what an engine
does and make no requests (`contender.py`). *serve* is two whole ones.

*drain*: so many deliveries wait in 10, 1,000 or 100,000 lanes that are all due, and are drained. *hour*: what 50
deliveries a second make in an hour, 180,000, as fast as it goes, half of them for ten of 1,000 lanes; a lane is given
up whenever it is empty. *serve*: events from h2load to an nginx, through two processes.

Each is measured with nothing else open, and beside a session that holds a transaction open for the whole run: with a
snapshot (REPEATABLE READ), and with a snapshot and something written. The goals: beside it at least 0.7 of the rate
without (the median of the rounds), without it no hot query 1.5 times slower at the end of the hour than at its
beginning, and `ringback doctor --json` names the transaction.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg

from machinery import ROOT, SOURCE, BenchFailed, run, sink, summarise
from postgres import MASTER_KEY, cluster, on
from ratio import MODES, rate

sys.path.insert(0, str(SOURCE))

from contender import TENANT, Load, contend, feed, ingest, lane_name, now_ms
from statements import NEVER, OTHERS, Spent, Statements, tables
from support.postgres import Cluster

FREE: Final = "free"
HELD: Final = ("snapshot", "written")
RATE_GOAL: Final = 0.7
GROWTH_GOAL: Final = 1.5
SHARE_MIN: Final = 0.03  # of the time of all queries: what is judged
READY_S_MAX: Final = 60.0
RUN_S_MAX: Final = 600.0
LOOK_S: Final = 0.05
PARTS: Final = 20
NAMED_AFTER_S: Final = 60.0
SEEDED_AT_ONCE: Final = 5_000


class Run(NamedTuple):
    """One run: deliveries a second, and what PostgreSQL counted at every twentieth of it."""

    rate: float
    deliveries: int
    parts: list[dict[str, Spent]]
    tables: dict[str, dict[str, Any]]

    @property
    def queries(self) -> float:
        """A delivery."""
        return sum(one.calls for one in self.parts[-1].values()) / self.deliveries

    def spent(self, name: str, first: int, last: int) -> Spent:
        """On a query between two of the parts."""
        return self.parts[last].get(name, NEVER).since(self.parts[first].get(name, NEVER))


# ── the database ──────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def server_that_counts() -> Iterator[Cluster]:
    """The bench's own, with pg_stat_statements."""
    with cluster() as server:
        with (server.data / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write("shared_preload_libraries = 'pg_stat_statements'\n")
        server.restart()
        server.sql("CREATE EXTENSION pg_stat_statements")
        yield server


def seed(server: Cluster, name: str, lanes: int, deliveries: int) -> None:
    """A database with so many lanes, and so many deliveries that wait in them in turn, the lanes ringing."""
    from ringback.store.postgres.store import PostgresStore  # noqa: PLC0415 - found once the source is on the path

    store = PostgresStore.open(server.create_database(name))
    with server.connect(name) as connection:
        connection.execute("CREATE TABLE held_by_bench (n bigint)")
        connection.execute(
            "INSERT INTO lane (endpoint_id, tenant_id, due_at, not_before, owner, health) "
            "SELECT 'ep_' || lpad(n::text, 16, '0'), %s, NULL, 0, NULL, ''::bytea FROM generate_series(0, %s - 1) AS n",
            (TENANT, lanes),
        )
        for first in range(0, deliveries, SEEDED_AT_ONCE):
            numbers = range(first, min(first + SEEDED_AT_ONCE, deliveries))
            ingest(store, [lane_name(number % lanes) for number in numbers], 1 << 60 | first, ringing=False)
        if deliveries:
            connection.execute("UPDATE lane SET due_at = %s - (random() * 10000)::bigint", (now_ms(),))
            connection.execute("VACUUM ANALYZE")
    store.close()


@contextmanager
def holding(server: Cluster, database: str, kind: str) -> Iterator[int | None]:
    """A session that holds a transaction open, idle, for the block; its process's number."""
    if kind == FREE:
        yield None
        return
    with psycopg.connect(server.url(database)) as session:
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        session.execute("SELECT count(*) FROM node")
        if kind == "written":
            session.execute("INSERT INTO held_by_bench VALUES (1)")
        yield session.info.backend_pid
        session.rollback()


# ── one run ───────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def processes(commands: Sequence[tuple[Callable[..., None], tuple[Any, ...]]]) -> Iterator[list[Any]]:
    """So many processes; killed if they are not through by the end of the block."""
    spawning = multiprocessing.get_context("spawn")
    started = [spawning.Process(target=target, args=given, daemon=True) for target, given in commands]
    try:
        for one in started:
            one.start()
        yield started
    finally:
        for one in started:
            one.join(20.0)
            if one.is_alive():
                one.kill()
                one.join()


def contended(server: Cluster, database: str, engines: int, total: int, load: Load | None) -> Run:
    """Engines drain a database until so many deliveries are settled, fed meanwhile if there is a load."""
    spawning = multiprocessing.get_context("spawn")
    counts = spawning.Array("q", engines, lock=False)
    go, stop = spawning.Event(), spawning.Event()
    url = server.url(database)
    commands: list[tuple[Callable[..., None], tuple[Any, ...]]] = [
        (contend, (url, place, counts, go, stop)) for place in range(engines)
    ]
    if load is not None:
        commands.append((feed, (url, load, counts, go, stop)))
    try:
        with processes(commands) as started:
            _wait_for(lambda: server.sql("SELECT count(*) FROM node", database=database) == [(engines,)], READY_S_MAX)
            statements = Statements(server, database)
            parts = [statements.read()]
            began_s = time.monotonic()
            go.set()
            for part in range(1, PARTS + 1):
                wanted = total * part // PARTS
                _wait_for(lambda: sum(counts) >= wanted or _any_ended(started[:engines]), RUN_S_MAX)  # noqa: B023
                ended_s = time.monotonic()
                parts.append(statements.read())
            stop.set()
            counted = tables(server, database)
    finally:
        go.set()
        stop.set()
    if sum(counts) < total:
        raise BenchFailed(f"an engine ended before all was settled: {sum(counts):,} of {total:,}")
    return Run(total / (ended_s - began_s), total, parts, counted)


def _any_ended(started: Sequence[Any]) -> bool:
    return any(one.exitcode is not None for one in started)


def _wait_for(reached: Callable[[], bool], within_s: float) -> None:
    deadline_s = time.monotonic() + within_s
    while not reached():
        if time.monotonic() > deadline_s:
            raise BenchFailed(f"it did not come to pass within {within_s:g} s")
        time.sleep(LOOK_S)


@contextmanager
def copy_of(server: Cluster, template: str) -> Iterator[str]:
    """A database of its own for one run; its name."""
    with server.empty_database(template) as url:
        yield url.rpartition("/")[2]


def named_by_doctor(server: Cluster, database: str, pid: int, since_s: float) -> bool:
    """Whether `ringback doctor --json` names the transaction of that process as the oldest, once it is old."""
    time.sleep(max(0.0, NAMED_AFTER_S + 1.0 - (time.monotonic() - since_s)))
    command = [sys.executable, "-m", "ringback.cli.main", "doctor", "--json", "--offline", "--port", "0"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}
    done = subprocess.run(
        [*command, "--store", server.url(database)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=kept | {"RINGBACK_MASTER_KEY": MASTER_KEY, "RINGBACK_ADMIN_KEY": "x" * 40, "PYTHONPATH": str(SOURCE)},
    )
    try:
        said = json.loads(done.stdout)
    except ValueError:
        raise BenchFailed(f"doctor ended with {done.returncode}: {done.stderr[-1000:]}") from None
    named = [line for line in texts_of(said) if f"process {pid}" in line]
    print(f"doctor: {' '.join(named) or said}", flush=True)
    return bool(named)


def texts_of(said: Any) -> Iterator[str]:
    """All texts in a JSON document."""
    if isinstance(said, str):
        yield said
    elif isinstance(said, list | dict):
        for one in said.values() if isinstance(said, dict) else said:
            yield from texts_of(one)


# ── the parts ─────────────────────────────────────────────────────────────────────────────────────────────────────


def drain(given: argparse.Namespace, server: Cluster) -> dict[str, Any]:
    """The lanes that are due, without and beside an open transaction."""
    figures: dict[str, Any] = {}
    for lanes in given.lanes:
        total = max(given.deliveries, lanes)
        template = f"lanes_{lanes}"
        seed(server, template, lanes, total)
        rounds = []
        for number in range(given.rounds):
            one: dict[str, Any] = {}
            for kind in _order(given.held, number):
                with copy_of(server, template) as database, holding(server, database, kind):
                    ran = contended(server, database, given.engines, total, None)
                one[kind] = ran.rate
                one[f"{kind}_queries"] = ran.queries
                print(
                    f"drain, {lanes:,} lanes, {kind}: {ran.rate:,.0f} deliveries/s, {ran.queries:.2f} queries a "
                    f"delivery; dead: {_dead(ran)}",
                    flush=True,
                )
                if given.verbose:
                    _print_queries(ran)
            rounds.append(one)
        server.drop_database(template)
        figures[f"drain of {lanes:,} lanes"] = _ratios(f"drain of {lanes:,} lanes", rounds, given.held)
    return figures


def hour(given: argparse.Namespace, server: Cluster) -> dict[str, Any]:
    """An hour's worth of deliveries, without and beside an open transaction."""
    lanes, busy = 1_000, 10
    load = Load(lanes, busy, given.hour, given.waiting)
    seed(server, "hour", lanes, 0)
    one: dict[str, Any] = {}
    named = True
    for kind in _order(given.held, 0):
        with copy_of(server, "hour") as database, holding(server, database, kind) as pid:
            since_s = time.monotonic()
            ran = contended(server, database, given.engines, given.hour, load)
            if pid is not None and kind == given.held[0] and given.doctor:
                named = named_by_doctor(server, database, pid, since_s)
        one[kind] = ran.rate
        one[f"{kind}_queries"] = ran.queries
        one[f"{kind}_growth"] = growth(ran)
        one[f"{kind}_tables"] = ran.tables
        print(f"hour, {kind}: {ran.rate:,.0f} deliveries/s, {ran.queries:.2f} queries a delivery", flush=True)
        for name, counted in ran.tables.items():
            print(
                f"    {name:19} {counted['live']:9,} rows, {counted['dead']:9,} dead, {counted['vacuums']:3} vacuums, "
                f"{counted['mb']:6.1f} MB, indexes {counted['index_mb']:6.1f} MB",
                flush=True,
            )
        _print_queries(ran)
    figures = _ratios("hour", [one], given.held)
    figures["named"] = named
    return {"hour": figures}


def growth(ran: Run) -> dict[str, float]:
    """How much slower each query that matters is in the last quarter of a run than in the first."""
    spent_ms = sum(ran.spent(name, 0, PARTS).ms for name in ran.parts[-1])
    found = {}
    for name in ran.parts[-1]:
        first, last = ran.spent(name, 1, PARTS // 4 + 1), ran.spent(name, PARTS * 3 // 4, PARTS)
        if name != OTHERS and ran.spent(name, 0, PARTS).ms >= SHARE_MIN * spent_ms and first.calls:
            found[name] = last.mean_ms / first.mean_ms
    return found


def serve(given: argparse.Namespace, server: Cluster, made: Path) -> dict[str, Any]:
    """Two whole processes, without and beside an open transaction."""
    mode = MODES["arrays"]._replace(events=given.events)
    rounds = []
    with sink(made / "sink") as receiver:
        for number in range(given.rounds):
            one = {}
            for kind in _order(given.held[:1], number):
                one[kind] = rate(_beside(server, kind), mode, receiver, made)
                print(f"serve, {kind}: {one[kind]:,.0f} events/s", flush=True)
            rounds.append(one)
    return {"serve": _ratios("serve", rounds, given.held[:1])}


def _beside(server: Cluster, kind: str) -> Callable[..., Any]:
    """Two processes on a database in which a transaction is held open."""
    two = on(server, 1)

    @contextmanager
    def pipeline(directory: Path, receiver: str, mode: Any) -> Iterator[Any]:
        with two(directory, receiver, mode) as target:
            ((database,),) = server.sql("SELECT max(datname) FROM pg_database WHERE datname ~ '^db[0-9]+$'")
            server.sql("CREATE TABLE IF NOT EXISTS held_by_bench (n bigint)", database=database)
            with holding(server, database, kind):
                yield target

    return pipeline


def _order(held: Sequence[str], number: int) -> list[str]:
    """Every second round goes the other way round."""
    return [FREE, *held][:: -1 if number % 2 else 1]


# ── figures ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _ratios(what: str, rounds: list[dict[str, Any]], held: Sequence[str]) -> dict[str, Any]:
    ratios = {kind: summarise([one[kind] / one[FREE] for one in rounds])._asdict() for kind in held}
    for kind, ratio in ratios.items():
        print(
            f"{what}: beside an open transaction ({kind}) {ratio['median']:.2f} of the rate without "
            f"({ratio['least']:.2f} to {ratio['greatest']:.2f}; the goal is {RATE_GOAL})",
            flush=True,
        )
    return {"rounds": rounds, "ratios": ratios}


def _dead(ran: Run) -> str:
    return ", ".join(f"{one['dead']:,} {name}" for name, one in ran.tables.items() if one["dead"] > 100)


def _print_queries(ran: Run) -> None:
    total = {name: ran.spent(name, 0, PARTS) for name in ran.parts[-1]}
    for name, spent in sorted(total.items(), key=lambda pair: -pair[1].ms)[:16]:
        first, last = ran.spent(name, 1, PARTS // 4 + 1), ran.spent(name, PARTS * 3 // 4, PARTS)
        print(
            f"    {name:26} {spent.calls / ran.deliveries:7.4f} a delivery, {1000 * spent.ms / ran.deliveries:7.1f} µs "
            f"of it; mean {first.mean_ms:8.3f} ms at first, {last.mean_ms:8.3f} at last",
            flush=True,
        )


def missed(figures: dict[str, Any]) -> list[str]:
    """What is under its goal."""
    lines = []
    for what, one in figures.items():
        for kind, ratio in one["ratios"].items():
            if ratio["median"] < RATE_GOAL:
                lines.append(f"{what}, {kind}: {ratio['median']:.2f} of the rate without; the goal is {RATE_GOAL}")
        for name, times in one["rounds"][0].get(f"{FREE}_growth", {}).items():
            if times > GROWTH_GOAL:
                lines.append(f"{what}: {name} took {times:.2f} times as long at the end; the goal is {GROWTH_GOAL}")
        if not one.get("named", True):
            lines.append(f"{what}: doctor did not name the oldest transaction")
    return lines


def compare(given: argparse.Namespace, made: Path) -> dict[str, Any]:
    """All that was asked for."""
    figures: dict[str, Any] = {}
    with server_that_counts() as server:
        if given.part in ("drain", "all"):
            figures |= drain(given, server)
        if given.part in ("hour", "all"):
            figures |= hour(given, server)
        if given.part in ("serve", "all"):
            figures |= serve(given, server, made)
    return figures


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=["drain", "hour", "serve", "all"], default="all")
    parser.add_argument("--lanes", type=int, nargs="+", default=[10, 1_000, 100_000], help="lanes that are due")
    parser.add_argument("--engines", type=int, default=10, help="engines after the same lanes")
    parser.add_argument("--deliveries", type=int, default=30_000, help="deliveries of a drain (at least one a lane)")
    parser.add_argument("--hour", type=int, default=180_000, help="an hour's worth of deliveries")
    parser.add_argument("--waiting", type=int, default=1_000, help="deliveries that wait at once in the hour")
    parser.add_argument("--events", type=int, default=20_000, help="events through whole processes")
    parser.add_argument("--rounds", type=int, default=2, help="rounds of drain and serve")
    parser.add_argument("--held", choices=HELD, nargs="+", default=list(HELD), help="what is held open")
    parser.add_argument(
        "--no-doctor", dest="doctor", action="store_false", help="don't ask doctor, which takes a minute"
    )
    parser.add_argument("--verbose", action="store_true", help="the queries of every run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--directory", type=Path, default=ROOT / ".bench", help="where files are made, and removed")
    given = parser.parse_args()
    given.held = list(given.held)
    return given


def main() -> int:
    """The exit code."""
    given = arguments()
    return run(lambda made: compare(given, made), missed, given.directory, given.json)


if __name__ == "__main__":
    sys.exit(main())
