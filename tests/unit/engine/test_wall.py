"""Noticing that the wall clock was set, and when it is doubted."""

import pytest

from ringback.engine.wall import DOUBTED_FOR_S, DOUBTED_MS, STEP_MS_MIN, Steps, Trust, moment_of
from ringback.testing.clock import ManualClock

HOUR_MS = 3_600_000


class World:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.steps = Steps(self.clock.now_ms(), self.clock.boottime_s())
        self.trust = Trust(self.clock.now_ms(), self.clock.boottime_s())

    def step(self) -> int:
        return self.steps.step_ms(self.clock.now_ms(), self.clock.boottime_s())

    def trusts(self) -> bool:
        return self.trust.trusts(self.clock.now_ms(), self.clock.boottime_s())


class Halting(ManualClock):
    """Halts the process after its next `halts` readings of the wall clock, for almost a second each time."""

    def __init__(self, halts: int) -> None:
        super().__init__()
        self.halts = halts

    def now_ms(self) -> int:
        wall_ms = super().now_ms()
        if self.halts:
            self.halts -= 1
            self.pass_s(0.9)
        return wall_ms


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("halts", [0, 1, 5])
def test_a_halt_between_the_readings_is_no_step_and_makes_none_longer(halts: int) -> None:
    clock = Halting(0)
    steps = Steps(*moment_of(clock))
    clock.jump_ms(-HOUR_MS)
    clock.halts = halts
    assert steps.step_ms(*moment_of(clock)) == -HOUR_MS
    assert steps.step_ms(*moment_of(clock)) == 0


def test_a_machine_that_always_halts_has_some_reading() -> None:
    clock = Halting(1_000)
    assert moment_of(clock).boot_s == clock.boottime_s()


def test_time_that_passes_is_no_step(world: World) -> None:
    for seconds in (0.0, 0.0004, 0.01, 1.0, 86_400.0, 1e7):
        world.clock.pass_s(seconds)
        assert world.step() == 0


def test_each_step_is_told_once_and_by_how_much(world: World) -> None:
    for by_ms in (HOUR_MS, -2 * HOUR_MS, HOUR_MS, STEP_MS_MIN, -STEP_MS_MIN):
        world.clock.pass_s(3.0)
        world.clock.jump_ms(by_ms)
        assert world.step() == by_ms
        assert world.step() == 0


def test_small_corrections_add_up_to_a_step(world: World) -> None:
    told = 0
    for _ in range(25):
        world.clock.jump_ms(-100)
        told += world.step()
    assert told == -2_000  # the rest is too small yet


def test_a_clock_that_runs_is_believed_however_long_nobody_looked(world: World) -> None:
    world.clock.pass_s(40 * 86_400)
    assert world.trusts()
    assert not world.trust.doubts


def test_an_hour_either_way_and_any_step_back_are_believed(world: World) -> None:
    for by_ms in (HOUR_MS, -2 * HOUR_MS, HOUR_MS, -400 * DOUBTED_MS):
        world.clock.jump_ms(by_ms)
        assert world.trusts()


def test_a_clock_far_ahead_is_doubted_for_an_hour(world: World) -> None:
    world.clock.jump_ms(365 * DOUBTED_MS)
    assert not world.trusts()
    assert world.trust.doubts
    world.clock.pass_s(DOUBTED_FOR_S - 1)
    assert not world.trusts()
    world.clock.pass_s(1)
    assert world.trusts()
    assert not world.trust.doubts
    world.clock.pass_s(1)
    assert world.trusts()


def test_set_right_it_is_believed_at_once(world: World) -> None:
    world.clock.jump_ms(365 * DOUBTED_MS)
    assert not world.trusts()
    world.clock.pass_s(60)
    world.clock.jump_ms(-365 * DOUBTED_MS)
    assert world.trusts()


def test_set_ahead_again_the_hour_begins_anew(world: World) -> None:
    world.clock.jump_ms(2 * DOUBTED_MS)
    assert not world.trusts()
    world.clock.pass_s(DOUBTED_FOR_S - 1)
    world.clock.jump_ms(2 * DOUBTED_MS)
    assert not world.trusts()
    world.clock.pass_s(DOUBTED_FOR_S - 1)
    assert not world.trusts()
    world.clock.pass_s(1)
    assert world.trusts()
