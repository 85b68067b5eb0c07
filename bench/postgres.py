"""How much of the bare pipeline's rate Ringback keeps on PostgreSQL: with one process, and with an engine beside it.

    python bench/postgres.py [--rounds 3] [--mode single|arrays|both] [--events N] [--json FILE]

As `ratio.py`, whose floor, receiver and events it uses, but Ringback's store is a PostgreSQL server of the bench's own
(Debian's, all its commits on the disk), in a fresh database for each run. A round is three runs: the floor on SQLite,
`ringback serve`, and the same with a second process of role `engine`; every second round goes the other way round. The
figures are medians of the rounds' ratios. The load generator, the receiver, PostgreSQL and Ringback share the machine's
cores: where there are two, a second engine has none of its own.
"""

import argparse
import base64
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from machinery import ROOT, run, serving, sink, summarise
from ratio import MODES, Mode, Target, floor, modes_of, pipeline_of, rate

sys.path.insert(0, str(ROOT / "tests"))

from support.postgres import Cluster

GOAL: Final = 0.4
MASTER_KEY: Final = base64.b64encode(bytes(32)).decode()
# What anybody would give a server that has work to do.
SETTINGS: Final = {"max_wal_size": "4GB", "checkpoint_timeout": "15min", "wal_compression": "on"}


class Round(NamedTuple):
    """Rates of one round, in events a second."""

    floor: float
    one: float
    two: float


@contextmanager
def cluster() -> Iterator[Cluster]:
    """The bench's own server."""
    with Cluster.made() as made:
        with (made.data / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write("shared_buffers = 512MB\n")
        made.restart()
        for name, value in SETTINGS.items():
            made.set(name, value)
        yield made


def on(server: Cluster, engines: int) -> Callable[[Path, str, Mode], Any]:
    """Ringback on a fresh database there: a process that does all, and so many engines beside it."""

    @contextmanager
    def pipeline(directory: Path, receiver: str, mode: Mode) -> Iterator[Target]:
        key = secrets.token_hex(20)
        with (
            server.empty_database() as url,
            serving(directory, key, "--store", url, **_SECRET) as first,
            _engines(directory, url, key, engines),
            pipeline_of(first, receiver, mode) as target,
        ):
            yield target

    return pipeline


_SECRET: Final = {"RINGBACK_MASTER_KEY": MASTER_KEY}


@contextmanager
def _engines(directory: Path, url: str, key: str, count: int) -> Iterator[None]:
    if not count:
        yield
        return
    own = directory / f"engine-{count}"
    own.mkdir()
    engine = serving(own, key, "--store", url, "--role", "engine", up_at="/healthz", **_SECRET)
    with engine, _engines(directory, url, key, count - 1):
        yield


def measure(mode: Mode, rounds: int, receiver: str, directory: Path, server: Cluster) -> list[Round]:
    """The rounds of one mode; a line for each."""
    measured = []
    for number in range(1, rounds + 1):
        order = [("floor", floor), ("one", on(server, 0)), ("two", on(server, 1))]
        rates = {name: rate(each, mode, receiver, directory) for name, each in order[:: 1 if number % 2 else -1]}
        one = Round(**rates)
        measured.append(one)
        print(
            f"{mode.name} {number}/{rounds}: floor {one.floor:,.0f}/s, one process {one.one:,.0f}/s "
            f"({one.one / one.floor:.3f}), with an engine {one.two:,.0f}/s ({one.two / one.one:.3f} of one)",
            flush=True,
        )
    return measured


def compare(given: argparse.Namespace, made: Path) -> dict[str, Any]:
    """All rounds of all modes."""
    modes = modes_of(given)
    figures: dict[str, Any] = {}
    with sink(made / "sink") as receiver, cluster() as server:
        for mode in modes:
            rounds = measure(mode, given.rounds, receiver, made, server)
            ratio = summarise([one.one / one.floor for one in rounds])
            second = summarise([one.two / one.one for one in rounds])
            figures[mode.name] = {
                "rounds": [one._asdict() for one in rounds],
                "ratio": ratio._asdict(),
                "second_engine": second._asdict(),
            }
            print(
                f"{mode.name}: ratio {ratio.median:.3f} (median of {len(rounds)}; least {ratio.least:.3f}, greatest "
                f"{ratio.greatest:.3f}; the goal is {GOAL:.2f}); a second engine makes it {second.median:.2f} of that",
                flush=True,
            )
    return figures


def missed(figures: dict[str, Any]) -> list[str]:
    """The modes whose median is under the goal."""
    medians = {name: one["ratio"]["median"] for name, one in figures.items()}
    return [f"{name}: ratio {median:.3f}, the goal is {GOAL:.2f}" for name, median in medians.items() if median < GOAL]


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each mode (default 3)")
    parser.add_argument("--mode", choices=[*MODES, "both"], default="both")
    parser.add_argument("--events", type=int, help="events in each run (default 100,000 single, 200,000 in arrays)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument(
        "--directory", type=Path, default=ROOT / ".bench", help="where files are made, and removed (default .bench)"
    )
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
