"""Noticing that the wall clock was set: from then on it and the boot clock are apart by another amount.

What is stored says in wall time when it is due, so that it holds across restarts; what is meant is mostly a wait. Set
back, a wait of two seconds would last an hour and two seconds. Two watchers: `Steps` tells the dispatcher, which has
waits brought forward; `Trust` tells retention whether the clock may be believed. Pure, but for the readings that come
in. A process that is halted between the readings of its two clocks would look as if one of them had been set by as
much: so `moment_of` reads them again until they were read together.
"""

from typing import Final, NamedTuple

from ringback.clock import Clock
from ringback.times import DAY_MS

STEP_MS_MIN: Final = 1_000
"""Less is how clocks are corrected in passing, and not worth the trouble."""
DOUBTED_MS: Final = DAY_MS
DOUBTED_FOR_S: Final = 3_600.0


TOGETHER_S_MAX: Final = 0.01
READINGS_MAX: Final = 100


class Moment(NamedTuple):
    """One reading of both clocks: all of a turn happens at it."""

    wall_ms: int
    boot_s: float


def moment_of(clock: Clock) -> Moment:
    """Both clocks, read within 10 ms; on a machine that can't do that in a hundred tries, the last reading."""
    for _ in range(READINGS_MAX):
        before_s = clock.boottime_s()
        moment = Moment(clock.now_ms(), clock.boottime_s())
        if moment.boot_s - before_s <= TOGETHER_S_MAX:
            break
    return moment


def apart_ms(wall_ms: int, boot_s: float) -> int:
    """How far the wall clock is ahead of the boot clock; constant as long as nobody sets it."""
    return wall_ms - round(boot_s * 1000)


class Steps:
    """By how much the wall clock was set, once each time."""

    def __init__(self, wall_ms: int, boot_s: float) -> None:
        self._apart_ms = apart_ms(wall_ms, boot_s)

    def step_ms(self, wall_ms: int, boot_s: float) -> int:
        """Milliseconds since the last answer that wasn't 0; negative: it was set back."""
        step = apart_ms(wall_ms, boot_s) - self._apart_ms
        if -STEP_MS_MIN < step < STEP_MS_MIN:
            return 0
        self._apart_ms += step
        return step


class Trust:
    """Whether the wall clock may decide what is old. One that was set ahead by more than a day is doubted for an hour:
    time for somebody to notice, or for the machine to set it right. Set back, it makes nothing older."""

    def __init__(self, wall_ms: int, boot_s: float) -> None:
        self._trusted_ms = apart_ms(wall_ms, boot_s)
        self._doubted_ms: int | None = None
        self._since_s = boot_s

    def trusts(self, wall_ms: int, boot_s: float) -> bool:
        """Whether this reading is to be believed."""
        now_ms = apart_ms(wall_ms, boot_s)
        if now_ms - self._trusted_ms > DOUBTED_MS:
            if self._doubted_ms is None or abs(now_ms - self._doubted_ms) > DOUBTED_MS:
                self._doubted_ms, self._since_s = now_ms, boot_s
            if boot_s - self._since_s < DOUBTED_FOR_S:
                return False
        self._trusted_ms, self._doubted_ms = now_ms, None
        return True

    @property
    def doubts(self) -> bool:
        """Whether the last reading was not believed."""
        return self._doubted_ms is not None
