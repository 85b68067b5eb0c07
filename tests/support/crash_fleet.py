"""The crash loop for processes that share a database: any of them killed at random moments, again and again.

Three engines and two API processes on a PostgreSQL that writes to the disk. In each round one or two engines are
killed, with their senders, and API processes at random moments, while callers post; what was killed is started again at
once. A round ends when the lanes of the dead engines have been taken over, which is timed: from SIGKILL until the first
event that was posted after it has arrived through each of these lanes. At least one engine lives through a round, for a
death is seen by those who have known the dead. In the end everything is held against the log (`support.reckoning`).

    python -m support.crash_fleet --minutes 5 [--seed N]        (from tests/; `make crash STORE=postgres MINUTES=5`)
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from support.fleet import Fleet, Member
from support.postgres import Cluster
from support.posting import Book, Caller, Callers
from support.process import wait_until
from support.reckoning import Interruption, Reckoning, described, read_log
from support.sightings import Watcher, fickle
from support.wanted import Wanted, register, types

TAKEOVER_S_MAX: Final = 35.0
TAKEN_OVER_WITHIN_S: Final = 60.0  # so that one that is late is measured, and not only missed
DRAIN_WITHIN_S: Final = 90.0
CALLERS: Final = 4
POSTS_PER_SECOND: Final = 5.0
ENGINE_KILLS_WITHIN_S: Final = 3.0
KINDS: Final = types(10)


@dataclass
class Kill:
    """A member was killed while it owned `lanes`. `taken_over_s`: seconds until others had delivered through all."""

    name: str
    at_s: float
    lanes: Sequence[str]
    taken_over_s: float | None = None


class CrashWorld:
    """The processes, the callers, the receiver, and what was done to whom."""

    def __init__(self, cluster: Cluster, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.book = Book()
        self.watcher = Watcher(fickle(seed, failing=0.05, late=0.03))
        self.fleet = Fleet(cluster, folder)
        self.apis = [self.fleet.add(f"api{number}", "api") for number in (1, 2)]
        self.engines = [self.fleet.add(f"engine{number}", "engine") for number in (1, 2, 3)]
        self.kills: list[Kill] = []
        self.wanted: list[Wanted] = []

    def start(self) -> None:
        self.fleet.start(self.apis[0])
        self.fleet.start(self.apis[1], self.engines[0])
        for engine in self.engines[1:]:
            self.fleet.start(engine)
        self.wanted = register(self.apis[0], self.watcher, KINDS)

    def round(self) -> None:
        """Kill two engines, wait until their lanes are others', and kill API processes meanwhile."""
        victims = self.chance.sample(self.engines, 2)
        victims.sort(key=lambda engine: -len(self.fleet.lanes_of(engine.node_id)))  # one that has something goes first
        killed = [self._kill_after(victims[0], 0.0), self._kill_after(victims[1], ENGINE_KILLS_WITHIN_S)]
        while not all(self._taken_over(kill) for kill in killed):
            self._kill_after(self.chance.choice(self.apis), 6.0)
            last_s = max(kill.at_s for kill in killed)
            assert time.monotonic() - last_s < TAKEN_OVER_WITHIN_S, f"lanes of the dead are still theirs: {killed}"

    def _kill_after(self, member: Member, within_s: float) -> Kill:
        """Kill it at a random moment within that time, and start it again."""
        until_s = time.monotonic() + self.chance.uniform(0.3 * within_s, within_s)
        wait_until(lambda: time.monotonic() >= until_s, within_s + 1.0, "the moment has come")
        lanes = self.fleet.lanes_of(member.node_id)
        kill = Kill(member.name, time.monotonic(), lanes)
        member.kill()
        self.kills.append(kill)
        self.fleet.start(member)
        return kill

    def _taken_over(self, kill: Kill) -> bool:
        if kill.taken_over_s is None:
            paths = {one.path for one in self.wanted if one.endpoint_id in kill.lanes}
            with self.book.lock:
                posted_s = {promise.event_id: promise.posted_s for promise in self.book.promises.values()}
            first: dict[str, float] = {}
            for sighting in list(self.watcher.seen):
                if sighting.path in paths and posted_s.get(sighting.event_id, 0.0) > kill.at_s:
                    first.setdefault(sighting.path, sighting.at_s)
            if first.keys() == paths:
                kill.taken_over_s = max(first.values(), default=kill.at_s) - kill.at_s
        return kill.taken_over_s is not None

    def drain(self) -> None:
        wait_until(lambda: not self.fleet.pending(), DRAIN_WITHIN_S, "everything that was accepted is delivered")

    def reckon(self) -> dict[str, float]:
        """Hold everything against the log; the figures. Raises AssertionError."""
        interruptions = [
            Interruption(kill.name, kill.at_s, kill.at_s + TAKEN_OVER_WITHIN_S, fatal=True)
            for kill in self.kills
            if kill.name.startswith("engine")
        ]
        reckoning = Reckoning(self.book, self.wanted, self.watcher.seen, read_log(self.fleet), interruptions)
        reckoning.hold()
        takeovers = [kill.taken_over_s for kill in self.kills if kill.lanes and kill.taken_over_s is not None]
        return {
            **reckoning.figures,
            "engines killed": len(interruptions),
            "API processes killed": len(self.kills) - len(interruptions),
            "takeovers": len(takeovers),
            "s to the slowest takeover": round(max(takeovers), 1),
            "s to the fastest": round(min(takeovers), 1),
        }

    def close(self) -> None:
        self.fleet.close()
        self.watcher.close()


def crash_fleet(seconds: float, seed: int, folder: Path) -> dict[str, float]:
    """Run it, check it, and return figures. Raises AssertionError with the broken promises."""
    with Cluster.made(durable=True) as cluster:
        world = CrashWorld(cluster, folder, seed)
        try:
            world.start()
            apis = [(api.name, api) for api in world.apis]
            callers = Callers(lambda number: Caller(number, apis, world.book, KINDS, POSTS_PER_SECOND), CALLERS)
            callers.start()
            wait_until(lambda: len(world.watcher.seen) > 20, 20.0, "deliveries are under way")
            until_s = time.monotonic() + seconds
            world.round()
            while time.monotonic() < until_s:
                world.round()
            callers.stop()
            world.drain()
            return world.reckon()
        finally:
            world.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = crash_fleet(options.minutes * 60, options.seed, Path(folder))
    print("nothing lost, nothing stuck: " + described(figures))
    late = figures["s to the slowest takeover"] > TAKEOVER_S_MAX
    if late:
        print(f"missed: a takeover took more than {TAKEOVER_S_MAX:g} s")
    return int(late)


if __name__ == "__main__":
    sys.exit(main())
