"""When the sweep does what: everything every half a minute, deletions when asked, figures of days every few seconds."""

from collections import Counter

import pytest

from ringback.engine import messages as m
from ringback.engine.lease import Lease
from ringback.engine.sweeps import GATHER_EVERY_S, STEP_PAUSE_S, Sweep, has_turn
from ringback.model.console import ConsoleLink, ConsoleSession, Role
from ringback.model.lane import NodeRow
from ringback.model.limits import STEP_ROWS_MAX, SWEEP_EVERY_S
from ringback.model.pulse import PULSE_KEPT_MS
from ringback.observe.telemetry import StoreTrouble, SweepCleared, TelemetryEvent
from ringback.store.memory import MemoryStore
from ringback.store.port import StoreUnavailable
from ringback.testing.clock import ManualClock
from support.rows import NOW, TENANT, pulse


class Store(MemoryStore):
    """Counts the steps, and has so many figures to gather."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.figures = 0
        self.comes = 0
        self.members = 0
        self.gone = False
        self.processes = 1

    def nodes(self) -> list[NodeRow]:
        return [NodeRow(f"node_{place}", 1) for place in range(self.processes)]

    def free_orphans(self, now: int) -> int:
        self.calls["sweeps"] += 1
        return super().free_orphans(now)

    def cancel_step(self, now: int, limit: int) -> int:
        self.calls["deletions"] += 1
        return super().cancel_step(now, limit)

    def clear_members_step(self, limit: int) -> int:
        self.calls["clearing"] += 1
        cleared, self.members = min(self.members, limit), max(0, self.members - limit)
        return cleared

    def gather_days_step(self, limit: int) -> int:
        if self.gone:
            raise StoreUnavailable("Gone.")
        self.calls["gathers"] += 1
        gathered, self.figures = min(self.figures, limit), max(0, self.figures - limit) + self.comes
        return gathered


class World:
    def __init__(self, node_id: str = "node_0") -> None:
        self.store = Store()
        self.clock = ManualClock(NOW)
        self.asked = False
        self.pauses: list[float] = []
        self.told: list[TelemetryEvent] = []
        ignored: list[m.ToFetcher | m.ToDispatcher] = []
        self.sweep = Sweep(
            store=self.store, clock=self.clock, lease=Lease(node_id), fetcher=ignored.append, tell=ignored.append,
            wait=self.wait, observer=self.told.append, resealed=lambda: None,
        )  # fmt: skip

    def wait(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        asked, self.asked = self.asked, False
        if not asked:
            self.clock.pass_s(seconds)
        return asked

    def pass_s(self, seconds: float) -> None:
        until_s = self.clock.boot_s + seconds
        while self.clock.boot_s < until_s:
            self.sweep.step()


def test_figures_are_gathered_every_few_seconds_and_everything_is_swept_seldom() -> None:
    world = World()
    world.pass_s(2 * SWEEP_EVERY_S)
    gathers = 2 * SWEEP_EVERY_S / GATHER_EVERY_S
    assert world.store.calls == {"sweeps": 2, "deletions": 2, "clearing": 2, "gathers": gathers}
    assert max(world.pauses) == GATHER_EVERY_S


def test_sessions_and_links_that_have_expired_go_with_the_deletions() -> None:
    world = World()
    for place in range(STEP_ROWS_MAX + 1):
        token, ends = b"%d" % place, NOW if place else NOW + 1
        world.store.open_session(ConsoleSession(token, Role.OPERATOR, None, "key:key_1", "key_1", NOW, ends))
        world.store.add_link(ConsoleLink(token, TENANT, Role.VIEWER, "key_1", ends))
    world.sweep.step()
    with world.store._tables as tables:
        assert list(tables.console_sessions) == list(tables.console_links) == [b"0"]
    assert world.pauses.count(STEP_PAUSE_S) == 2


def test_how_processes_did_hours_ago_goes_with_the_deletions() -> None:
    world = World()
    for at in (NOW - PULSE_KEPT_MS - 1, NOW - PULSE_KEPT_MS):
        world.store.add_pulse(pulse(at=at))
    world.sweep.step()
    assert [one.at for one in world.store.moments(0, NOW)] == [NOW - PULSE_KEPT_MS]


@pytest.mark.parametrize("node_id", ["node_0", "node_1", "node_2"])
def test_of_several_processes_each_gathers_in_its_turn(node_id: str) -> None:
    world = World(node_id)
    world.store.processes = 3
    world.store.figures = world.store.comes = 1
    world.pass_s(GATHER_EVERY_S)  # the first time it doesn't know yet that there is something to share
    first = world.store.calls["gathers"]
    world.pass_s(6 * GATHER_EVERY_S)
    assert (first, world.store.calls["gathers"]) == (1, 3)


def test_at_each_moment_it_is_the_turn_of_one() -> None:
    nodes = [NodeRow(f"node_{place}", 1) for place in range(3)]
    turns = [[has_turn(node.id, nodes, NOW + place * 5_000) for node in nodes] for place in range(3)]
    assert sorted(turns) == [[False, False, True], [False, True, False], [True, False, False]]
    assert has_turn("node_that_was_taken_over", nodes, NOW)


def test_figures_are_gathered_in_steps_until_one_is_not_full() -> None:
    world = World()
    world.store.figures = 1_200
    world.sweep.step()
    assert world.store.figures == 0
    assert world.store.calls["gathers"] == 3
    assert world.pauses.count(STEP_PAUSE_S) == 2


def test_who_asks_has_deletions_carried_out_at_once_and_nothing_swept() -> None:
    world = World()
    world.asked = True
    world.sweep.step()
    world.sweep.step()
    assert (world.store.calls["sweeps"], world.store.calls["deletions"]) == (1, 2)
    assert world.clock.boot_s < 1_000.0 + SWEEP_EVERY_S


def test_members_of_deleted_sets_go_in_steps_and_are_told() -> None:
    world = World()
    world.store.members = 1_200
    world.asked = True
    world.sweep.step()
    assert world.store.members == 0
    assert world.pauses.count(STEP_PAUSE_S) == 3
    assert world.told == [SweepCleared(cancelled=0, purged=0, expired_keys=0, members=1_200)]


def test_a_store_that_can_not_gather_is_asked_again() -> None:
    world = World()
    world.store.gone = True
    world.sweep.step()
    world.store.gone = False
    world.store.figures = 1
    world.sweep.step()
    assert world.store.figures == 0
    assert world.told == [StoreTrouble("sweep", "store_unavailable", "Gone.")]
