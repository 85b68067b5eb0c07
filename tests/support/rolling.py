"""A rolling restart: processes that accept and send are stopped in order and started again, in turn, under a load.

Callers post at a pace to any process that answers. Nothing may be lost, and nothing come twice that the log doesn't
explain. How long an event takes from the post that was accepted until it is received is compared with a while in which
nothing is restarted: the aim is a p99 that is less than a second more.

    python -m support.rolling --rounds 3 [--processes 3] [--per-second 50]        (from tests/)
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from support.fleet import Fleet
from support.postgres import Cluster
from support.posting import Book, Caller, Callers
from support.process import wait_until
from support.reckoning import Reckoning, delays, described, percentile, read_log
from support.sightings import Watcher
from support.wanted import register, types

CALLERS: Final = 5
SETTLE_WITHIN_S: Final = 30.0
MORE_S_MAX: Final = 1.0
KINDS: Final = types(3)


class RollingWorld:
    """The processes, the callers and the receiver."""

    def __init__(self, cluster: Cluster, folder: Path, processes: int, per_second: float) -> None:
        self.book = Book()
        self.watcher = Watcher()
        self.fleet = Fleet(cluster, folder)
        self.members = [self.fleet.add(f"both{number}", "all") for number in range(1, processes + 1)]
        self._per_second = per_second

    def start(self) -> None:
        for member in self.members:
            self.fleet.start(member)
        self.wanted = register(self.members[0], self.watcher, KINDS)

    def callers(self) -> Callers:
        apis = [(member.name, member) for member in self.members]
        pace = self._per_second / CALLERS
        return Callers(lambda number: Caller(number, apis, self.book, KINDS, pace, arrays=False), CALLERS)

    def restart_all(self) -> None:
        """Each in turn, the next when the one before is ready."""
        for member in self.members:
            code = member.stop()
            assert code == 0, f"{member.name} ended with {code}:\n{member.said[-2000:]}"
            self.fleet.start(member)

    def drain(self) -> None:
        wait_until(lambda: not self.fleet.pending(), SETTLE_WITHIN_S, "everything that was accepted is delivered")

    def reckon(self) -> dict[str, float]:
        reckoning = Reckoning(self.book, self.wanted, self.watcher.seen, read_log(self.fleet), interruptions=())
        reckoning.hold()
        return dict(reckoning.figures)

    def close(self) -> None:
        self.fleet.close()
        self.watcher.close()


def rolling(
    rounds: int, folder: Path, *, processes: int = 3, per_second: float = 50.0, quiet_s: float = 10.0
) -> dict[str, float]:
    """Run it, check it, and return figures. Raises AssertionError with the broken promises."""
    with Cluster.made(durable=True) as cluster:
        world = RollingWorld(cluster, folder, processes, per_second)
        try:
            world.start()
            callers = world.callers()
            callers.start()
            wait_until(lambda: len(world.watcher.seen) > 20, 20.0, "deliveries are under way")
            quiet_from_s = time.monotonic()
            wait_until(lambda: time.monotonic() - quiet_from_s > quiet_s, quiet_s + 5.0, "the quiet part is over")
            rolled_from_s = time.monotonic()
            for _ in range(rounds):
                world.restart_all()
            callers.stop()
            world.drain()
            took = delays(world.book, world.watcher.seen)
            posted_s = {name: world.book.promises[name].posted_s for name in took}
            quiet = [took[name] for name, at_s in posted_s.items() if quiet_from_s <= at_s < rolled_from_s]
            rolled = [took[name] for name, at_s in posted_s.items() if at_s >= rolled_from_s]
            return {**world.reckon(), **_shown("quiet", quiet), **_shown("rolling", rolled)}
        finally:
            world.close()


def _shown(name: str, took: Sequence[float]) -> dict[str, float]:
    return {
        f"ms {name} p50": round(1000 * percentile(took, 0.5)),
        f"ms {name} p99": round(1000 * percentile(took, 0.99)),
        f"ms {name} at most": round(1000 * max(took)),
        f"{name}": len(took),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--per-second", type=float, default=50.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = rolling(
            options.rounds, Path(folder), processes=options.processes, per_second=options.per_second, quiet_s=20.0
        )
    print("nothing lost: " + described(figures))
    more_ms = figures["ms rolling p99"] - figures["ms quiet p99"]
    print(f"p99 is {more_ms:g} ms more than without restarts")
    return int(more_ms > 1000 * MORE_S_MAX)


if __name__ == "__main__":
    sys.exit(main())
