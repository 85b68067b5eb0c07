"""A rolling restart: processes that accept and send are stopped in order and started again, in turn, under a load.

Callers post at a pace to any process that is ready, as a load balancer finds by asking. Nothing may be lost, and
nothing come twice that the log doesn't explain. How long an event takes from its first post until it is received is
compared with a while in which nothing is restarted: the aim is a p99 that is less than a second more.

    python -m support.rolling --rounds 3 [--processes 3] [--per-second 50]        (from tests/; `make rolling`)
"""

import argparse
import http.client
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from support.fleet import Fleet, Member
from support.postgres import Cluster
from support.posting import Book, Caller, Callers
from support.process import wait_until
from support.reckoning import Reckoning, delays, described, percentile, read_log
from support.sightings import Watcher
from support.wanted import register, types

CALLERS: Final = 5
SETTLE_WITHIN_S: Final = 30.0
WITHIN_S: Final = 30.0
ASK_EVERY_S: Final = 0.2
MORE_S_MAX: Final = 1.0
KINDS: Final = types(3)


class Balancer:
    """Asks processes whether they are ready, a few times a second, and remembers what they said."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._ready: dict[str, bool] = {}
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._watch, args=(member,), daemon=True) for member in members]

    def usable(self, name: str) -> bool:
        return self._ready.get(name, False)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(ASK_EVERY_S + WITHIN_S)

    def _watch(self, member: Member) -> None:
        while not self._stopping.wait(ASK_EVERY_S):
            try:
                self._ready[member.name] = member.ask("GET", "/readyz").status == 200
            except (OSError, http.client.HTTPException):
                self._ready[member.name] = False


class RollingWorld:
    """The processes, the callers and the receiver."""

    def __init__(self, cluster: Cluster, folder: Path, processes: int, per_second: float) -> None:
        self.book = Book()
        self.watcher = Watcher()
        self.fleet = Fleet(cluster, folder)
        self.members = [self.fleet.add(f"both{number}", "all") for number in range(1, processes + 1)]
        self.balancer = Balancer(self.members)
        self._per_second = per_second

    def start(self) -> None:
        for member in self.members:
            self.fleet.start(member)
        self.wanted = register(self.members[0], self.watcher, KINDS)
        self.balancer.start()

    def callers(self) -> Callers:
        apis = [(member.name, member) for member in self.members]
        pace = self._per_second / CALLERS

        def make(number: int) -> Caller:
            usable = self.balancer.usable
            return Caller(number, apis, self.book, KINDS, pace, arrays=False, usable=usable)

        return Callers(make, CALLERS)

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
        self.balancer.stop()
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
            begun_s = {name: world.book.promises[name].begun_s for name in took}
            quiet = [took[name] for name, at_s in begun_s.items() if quiet_from_s <= at_s < rolled_from_s]
            rolled = [took[name] for name, at_s in begun_s.items() if at_s >= rolled_from_s]
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
