"""When the sweep does what: everything every half a minute, deletions when asked, figures of days every few seconds."""

from collections import Counter

from ringback.engine import messages as m
from ringback.engine.lease import Lease
from ringback.engine.sweeps import GATHER_EVERY_S, STEP_PAUSE_S, Sweep
from ringback.model.limits import SWEEP_EVERY_S
from ringback.observe.telemetry import StoreTrouble, SweepCleared, TelemetryEvent
from ringback.store.memory import MemoryStore
from ringback.store.port import StoreUnavailable
from ringback.testing.clock import ManualClock
from support.rows import NOW


class Store(MemoryStore):
    """Counts the steps, and has so many figures to gather."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.figures = 0
        self.members = 0
        self.gone = False

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
        gathered, self.figures = min(self.figures, limit), max(0, self.figures - limit)
        return gathered


class World:
    def __init__(self) -> None:
        self.store = Store()
        self.clock = ManualClock(NOW)
        self.asked = False
        self.pauses: list[float] = []
        self.told: list[TelemetryEvent] = []
        ignored: list[m.ToFetcher | m.ToDispatcher] = []
        self.sweep = Sweep(
            store=self.store, clock=self.clock, lease=Lease("node"), fetcher=ignored.append, tell=ignored.append,
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
    assert world.told == [StoreTrouble("sweep", "store_unavailable")]
