"""Processes that stand still, and lines to the database that break: what others do meanwhile, and what is doubled.

One process that is well (it accepts and sends), engines that are interrupted, each in a way of its own, and an API
process that is cut off. An engine that is interrupted for longer than its lease is taken over; when it can go on it has
to notice, drop everything and begin anew, without a restart. At most one request of each delivery is doubled by an
interruption, and all are in the log. Whoever posts to the API process that is cut off gets no 202 until it is stored.

    python -m support.interruptions --minutes 5 [--seed N]        (from tests/; `make interruptions`)
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Final

from support.fleet import Fleet, Member
from support.postgres import Cluster
from support.posting import Book, Caller, Callers
from support.process import wait_until
from support.reckoning import Interruption, Reckoning, described, read_log
from support.sightings import Watcher, fickle
from support.tcp_proxy import TcpProxy
from support.wanted import register, types

TAKEN_OVER_WITHIN_S: Final = 60.0
BACK_WITHIN_S: Final = 60.0
DRAIN_WITHIN_S: Final = 90.0
CUT_CALLERS: Final = 2
POSTS_PER_SECOND: Final = 6.0
KINDS: Final = types(20)
LATE_ANSWER_S: Final = 1.0

Trouble = Callable[[Member, TcpProxy], AbstractContextManager[None]]


# ── what can go wrong ────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def stopped(member: Member, line: TcpProxy) -> Iterator[None]:
    """The process and its sender stand still."""
    with member.halted():
        yield


@contextmanager
def silent(member: Member, line: TcpProxy) -> Iterator[None]:
    """The line swallows everything; later it comes through after all."""
    line.hold()
    yield
    line.let_pass()


@contextmanager
def deaf(member: Member, line: TcpProxy) -> Iterator[None]:
    """Half-open: what it says is carried out, and no answer comes back."""
    line.hold("down")
    yield
    line.let_pass()


@contextmanager
def mute(member: Member, line: TcpProxy) -> Iterator[None]:
    """Half-open: what it says doesn't arrive."""
    line.hold("up")
    yield
    line.let_pass()


@contextmanager
def refused(member: Member, line: TcpProxy) -> Iterator[None]:
    """All connections are reset, and new ones refused."""
    line.refuse_new()
    line.reset()
    yield
    line.let_pass()


@contextmanager
def black_hole(member: Member, line: TcpProxy) -> Iterator[None]:
    """All connections are reset, and new ones get no answer."""
    line.ignore_new()
    line.reset()
    yield
    line.reset()
    line.let_pass()


@contextmanager
def lossy(member: Member, line: TcpProxy) -> Iterator[None]:
    """The line swallows everything, and what it swallowed is lost."""
    line.hold()
    yield
    line.reset()
    line.let_pass()


@contextmanager
def slow(member: Member, line: TcpProxy) -> Iterator[None]:
    """All connections are reset once, and everything takes a tenth of a second longer."""
    line.delay(0.05)
    line.reset()
    yield
    line.let_pass()


TROUBLES: Final[Mapping[str, Trouble]] = {
    trouble.__name__: trouble for trouble in (stopped, silent, deaf, mute, refused, black_hole, lossy, slow)
}
# In these a process can't beat: held for longer than its lease it is taken over.
ENDING_A_LEASE: Final = frozenset(TROUBLES) - {"slow"}


# ── the world ────────────────────────────────────────────────────────────────────────────────────────────────────


class InterruptedWorld:
    """`engines` and `cut` (an API process) reach the database through lines of their own, by name in `lines`."""

    def __init__(self, cluster: Cluster, folder: Path, seed: int, engines: int) -> None:
        self.book = Book()
        self.watcher = Watcher(fickle(seed, failing=0.02, late=0.3, late_s=LATE_ANSWER_S))
        self.fleet = Fleet(cluster, folder)
        self.lines: dict[str, TcpProxy] = {}
        self.well = self.fleet.add("well", "all")
        self.cut = self._behind_a_line(cluster, "cut", "api")
        self.engines = [self._behind_a_line(cluster, f"engine{number}", "engine") for number in range(1, engines + 1)]
        self.interruptions: list[Interruption] = []
        self.takeovers_s: list[float] = []

    def _behind_a_line(self, cluster: Cluster, name: str, role: str) -> Member:
        self.lines[name] = TcpProxy(cluster.port)
        return self.fleet.add(name, role, self.lines[name])

    def start(self) -> None:
        self.fleet.start(self.well)
        self.fleet.start(self.cut, self.engines[0])
        for engine in self.engines[1:]:
            self.fleet.start(engine)
        self.wanted = register(self.well, self.watcher, KINDS)

    def callers(self) -> Callers:
        """Two post to the process that is well, two to the other one."""

        def make(number: int) -> Caller:
            api = self.cut if number <= CUT_CALLERS else self.well
            return Caller(number, [(api.name, api)], self.book, KINDS, POSTS_PER_SECOND, arrays=False)

        return Callers(make, 2 * CUT_CALLERS)

    def wait_spread(self) -> None:
        """Wait until each engine has lanes, and requests under way through them or soon."""
        wait_until(lambda: all(map(self.owns_lanes, self.engines)), BACK_WITHIN_S, "each engine has lanes")

    def owns_lanes(self, member: Member) -> bool:
        return member.figure("ringback_lanes_owned") > 0

    def interrupt(self, troubles: Mapping[str, str], seconds: float | None) -> None:
        """Bring this upon these members, all at once, for so long (None: until those that can't beat are taken over),
        and wait until all are well again."""
        pids = [member.pid for member in self.fleet.members]
        nodes = set(self.fleet.nodes())
        ending = [engine.name for engine in self.engines if troubles.get(engine.name) in ENDING_A_LEASE]
        began_s = time.monotonic()
        with ExitStack() as stack:
            for member in self.fleet.members:
                if member.name in troubles:
                    stack.enter_context(TROUBLES[troubles[member.name]](member, self.lines[member.name]))
            stored = self.book.count(self.cut.name, "202")
            if seconds is None:
                self._wait_taken_over(nodes, len(ending), began_s)
            else:
                until_s = began_s + seconds
                wait_until(lambda: time.monotonic() > until_s, seconds + 5.0, "the trouble is over")
            if troubles.get(self.cut.name) in ENDING_A_LEASE:
                late = self.book.count(self.cut.name, "202") - stored
                assert late <= CUT_CALLERS, f"{late} events got a 202 while nothing could be stored"
        over_s = time.monotonic()
        self.interruptions.append(Interruption(str(troubles), began_s, over_s + BACK_WITHIN_S, fatal=False))
        self._wait_well(over_s)
        assert pids == [member.pid for member in self.fleet.members if member.running]

    def _wait_taken_over(self, nodes: set[str], count: int, began_s: float) -> None:
        """Wait until so many of the nodes are gone."""
        gone: set[str] = set()

        def look() -> bool:
            new = nodes - gone - set(self.fleet.nodes())
            self.takeovers_s += [time.monotonic() - began_s] * len(new)
            gone.update(new)
            return len(gone) >= count

        wait_until(look, TAKEN_OVER_WITHIN_S, f"{count} nodes are taken over")

    def _wait_well(self, since_s: float) -> None:
        """Each goes on: registered, with lanes again, and accepting."""

        def well() -> bool:
            accepting = all(self.book.answered_s.get(one.name, 0.0) > since_s for one in self.fleet.accepters)
            return accepting and len(self.fleet.nodes()) == len(self.fleet.senders)

        wait_until(well, BACK_WITHIN_S, "all are registered and accept")
        self.wait_spread()

    def drain(self) -> None:
        wait_until(lambda: not self.fleet.pending(), DRAIN_WITHIN_S, "everything that was accepted is delivered")

    def reckon(self) -> dict[str, float]:
        """Hold everything against the log; the figures. Raises AssertionError."""
        reckoning = Reckoning(self.book, self.wanted, self.watcher.seen, read_log(self.fleet), self.interruptions)
        reckoning.hold()
        return {
            **reckoning.figures,
            "interruptions": len(self.interruptions),
            "nodes taken over": len(self.takeovers_s),
            "s to the slowest takeover": round(max(self.takeovers_s, default=0.0), 1),
            "posts refused while cut off": self.book.count(self.cut.name, "503"),
        }

    def close(self) -> None:
        self.fleet.close()
        for line in self.lines.values():
            line.close()
        self.watcher.close()


AT_ONCE: Final[Mapping[str, str]] = {
    "engine1": "stopped",
    "engine2": "silent",
    "engine3": "deaf",
    "engine4": "black_hole",
    "cut": "refused",
}
"""Four ways to lose a lease, and an API process that is cut off."""


def interruptions(
    rounds: Iterator[tuple[Mapping[str, str], float | None]], seed: int, folder: Path, engines: int = 4
) -> dict[str, float]:
    """Run these one after the other, check, and return figures. Raises AssertionError with the broken promises."""
    with Cluster.made(durable=True) as cluster:
        world = InterruptedWorld(cluster, folder, seed, engines)
        try:
            world.start()
            callers = world.callers()
            callers.start()
            world.wait_spread()
            for troubles, seconds in rounds:
                world.interrupt(troubles, seconds)
            callers.stop()
            world.drain()
            return world.reckon()
        finally:
            world.close()


def at_random(seed: int, minutes: float, engines: int = 4) -> Iterator[tuple[Mapping[str, str], float | None]]:
    """Rounds until the time is over: any trouble for each but the one that is well, short or beyond the lease."""
    chance = random.Random(seed)
    names = [*(f"engine{number}" for number in range(1, engines + 1)), "cut"]
    until_s = time.monotonic() + minutes * 60
    while time.monotonic() < until_s:
        troubles = {name: chance.choice(list(TROUBLES)) for name in names}
        seconds = None if chance.random() < 0.5 else chance.uniform(1.0, 20.0)
        print(f"{'beyond the lease' if seconds is None else f'{seconds:.1f} s'}: {troubles}", flush=True)
        yield troubles, seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = interruptions(at_random(options.seed, options.minutes), options.seed, Path(folder))
    print("nothing lost, nothing doubled more than once: " + described(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
