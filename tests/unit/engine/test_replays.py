"""The worker that carries replays out: turns, pauses, and what a store that fails does to it."""

import pytest

from ringback.engine import messages as m
from ringback.engine import replays
from ringback.engine.replays import LOOK_EVERY_S, STARTED_WITHIN_MS, STEP_PAUSE_S, Replays
from ringback.model.limits import REPLAY_PENDING_MAX, STEP_ROWS_MAX
from ringback.observe.telemetry import StoreTrouble, TelemetryEvent
from ringback.store.port import StoreUnavailable
from ringback.testing.clock import ManualClock
from support.rows import NOW


class Steps:
    """Jobs that have so many steps left; a negative number: held back."""

    def __init__(self, **left: int) -> None:
        self.left = left
        self.taken: list[str] = []
        self.asked: list[tuple[int, ...]] = []
        self.gone = False

    def open_jobs(self, after: str, limit: int) -> list[str]:
        if self.gone:
            raise StoreUnavailable("Gone.")
        return [name for name, left in sorted(self.left.items()) if left and name > after][:limit]

    def job_step(self, job_id: str, now: int, stale_before: int, limit: int, pending_max: int) -> int:
        if self.left[job_id] <= 0:
            return 0
        self.left[job_id] -= 1
        self.taken.append(job_id)
        self.asked.append((now, stale_before, limit, pending_max))
        return limit


class World:
    def __init__(self, **left: int) -> None:
        self.store = Steps(**left)
        self.pauses: list[float] = []
        self.told: list[m.ToDispatcher] = []
        self.observed: list[TelemetryEvent] = []
        self.replays = Replays(
            store=self.store,
            clock=ManualClock(NOW),
            tell=self.told.append,
            wait=self.pauses.append,
            observer=self.observed.append,
        )

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.replays.step()


def test_jobs_take_turns_with_a_pause_after_each_step() -> None:
    world = World(job_a=3, job_b=1, job_c=2)
    world.run(30)
    assert world.store.taken == ["job_a", "job_b", "job_c", "job_a", "job_c", "job_a"]
    assert world.pauses.count(STEP_PAUSE_S) == 6
    assert world.told == [m.Woken()] * 6
    assert set(world.store.asked) == {(NOW, NOW - STARTED_WITHIN_MS, STEP_ROWS_MAX, REPLAY_PENDING_MAX)}


def test_without_jobs_it_looks_now_and_then() -> None:
    world = World()
    world.run(5)
    assert world.pauses == [LOOK_EVERY_S] * 5


def test_jobs_that_are_held_back_are_not_asked_all_the_time() -> None:
    world = World(job_a=-1, job_b=-1)
    world.run(12)
    assert set(world.pauses) == {LOOK_EVERY_S}
    assert len(world.pauses) >= 12 // 3
    world.store.left["job_b"] = 1
    world.run(6)
    assert world.store.taken == ["job_b"]


def test_more_jobs_than_fit_one_look_all_come_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "JOBS_AT_ONCE", 2)
    world = World(job_a=-1, job_b=-1, job_c=2, job_d=-1, job_e=2)  # most of them are held back
    world.run(40)
    assert sorted(world.store.taken) == ["job_c", "job_c", "job_e", "job_e"]
    assert world.pauses.count(LOOK_EVERY_S) >= 3


def test_a_store_that_fails_is_asked_again() -> None:
    world = World(job_a=1)
    world.store.gone = True
    world.run(2)
    assert world.observed == [StoreTrouble("replays", "store_unavailable", "Gone.")] * 2
    assert world.pauses == [LOOK_EVERY_S] * 2
    world.store.gone = False
    world.run(3)
    assert world.store.taken == ["job_a"]
