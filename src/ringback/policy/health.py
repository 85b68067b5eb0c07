"""How healthy a lane is: how many requests it may have in flight, when it pauses, when it is parked and probed.

One value, `Health`, goes in with what a request came to, and the next one comes out with at most one signal. This
module starts nothing and reads no clock. It assumes wall times in milliseconds that may jump: a pause further away
than any pause can be counts as over. It fails softly: a stored health that can't be read is a fresh one.

The window follows Postfix's queue manager (its SCHEDULER_README). A success adds 1/window, so the window grows by
one for each windowful of successes. A failure adds to the strain, half a point, or a whole one when the receiver
itself says that it is too much (429, 502, 503, 504); each whole point of strain takes one off the window. The
strain is forgotten only when the window has grown by one. That is the hysteresis: a single failure among
successes moves nothing, and the window doesn't flutter. It never falls below one this way. The first request of
all goes alone: if it fails, the window grows from one.

    phase     window              by                            next
    OPEN      1 … cap             success, failure              OPEN
                                  enough failures in a row      PARKED   signal PARKED
    PARKED    0                   a pause that is over          PROBING
                                  a late failure                PARKED
    PROBING   1                   failure                       PARKED   the pause doubles, 10 s to 30 min, ±20 %
    PARKED, PROBING               success                       OPEN     window 2, signal RECOVERED

Enough is 10 failed cohorts (a failure counts 1/window) and 30 failed first tries, with no success in between. Only
first tries count: retries are known to be trouble, and would park a lane that is well. A 429 doesn't count either:
the receiver lives, and pauses us by itself; without a usable Retry-After by 1 s, doubling to 60 s. Whatever fails,
a run of failures that lasts 5 days is signalled; a success ends the run.
"""

import json
import math
from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Final, NamedTuple

from ringback.model.limits import MAX_IN_FLIGHT_PER_ENDPOINT_MAX, RETRY_AFTER_S_MAX, WINDOW_START
from ringback.model.tuples import make_tuple
from ringback.policy.retry import Answer, spread

WINDOW_RECOVERED: Final = 2
COHORTS_TO_PARK: Final = 10.0
FIRST_FAILURES_TO_PARK: Final = 30
PROBE_AFTER_S_MIN: Final = 10.0
PROBE_AFTER_S_MAX: Final = 1_800.0
THROTTLE_S_MIN: Final = 1.0
THROTTLE_S_MAX: Final = 60.0
FAILING_TOO_LONG_MS: Final = 5 * 86_400_000
SLOW_S: Final = 1.0
PAUSE_MS_MAX: Final = 1_000 * max(RETRY_AFTER_S_MAX, 2_160)
"""No pause is longer: an hour of Retry-After, or the longest wait for a probe with its jitter (36 minutes)."""

_AVERAGE_SHARE: Final = 0.125
_STRAIN: Final[Mapping[Answer, float]] = {
    Answer.FAILED: 0.5,
    Answer.GONE: 0.5,
    Answer.BUSY: 1.0,
    Answer.THROTTLED: 1.0,
}


class Phase(StrEnum):
    """Sending, waiting for the next probe, or probing with one request."""

    OPEN = "open"
    PARKED = "parked"
    PROBING = "probing"


class Pace(IntEnum):
    """How fast a lane is known to be: up to 1 s on average; longer, or its last attempt failed; nothing known yet."""

    QUICK = 0
    SLOW = 1
    NEW = 2


class Turn(StrEnum):
    """What can move a lane from phase to phase."""

    SUCCESS = "success"
    FAILURE = "failure"
    ENOUGH = "enough"
    WAITED = "waited"


PHASE_MOVES: Final[Mapping[tuple[Phase, Turn], Phase]] = {
    (Phase.OPEN, Turn.SUCCESS): Phase.OPEN,
    (Phase.OPEN, Turn.FAILURE): Phase.OPEN,
    (Phase.OPEN, Turn.ENOUGH): Phase.PARKED,
    (Phase.OPEN, Turn.WAITED): Phase.OPEN,
    (Phase.PARKED, Turn.SUCCESS): Phase.OPEN,
    (Phase.PARKED, Turn.FAILURE): Phase.PARKED,
    (Phase.PARKED, Turn.WAITED): Phase.PROBING,
    (Phase.PROBING, Turn.SUCCESS): Phase.OPEN,
    (Phase.PROBING, Turn.FAILURE): Phase.PARKED,
    (Phase.PROBING, Turn.WAITED): Phase.PROBING,
}


class Signal(StrEnum):
    """What the engine must act on. `unreadable` and `profile_missing` never come from here: no request was made
    (`engine.verdict`)."""

    PARKED = "parked"
    RECOVERED = "recovered"
    FAILING_TOO_LONG = "failing_too_long"
    GONE = "gone"
    UNREADABLE = "unreadable"
    PROFILE_MISSING = "profile_missing"


class Result(NamedTuple):
    """What one request came to. `duration_s` is the time it held its connection."""

    answer: Answer
    duration_s: float
    retry_after_s: float | None
    first_try: bool


class Health(NamedTuple):
    """The health of one lane.

    `size` is the window as a real number, `strain` what failures have added up to. `cohorts` and `first_failures`
    lead to parking, `probe_after_s` is the last wait for a probe, `throttle_s` the last pause of our own after a
    429. `not_before` (wall ms, 0: none) is the pause, `failing_since` (wall ms) the first failure of the run. `told`:
    somebody was told that it fails, and is to be told when it does no more.
    """

    phase: Phase = Phase.OPEN
    size: float = float(WINDOW_START)
    strain: float = 0.0
    cohorts: float = 0.0
    first_failures: int = 0
    probe_after_s: float = 0.0
    throttle_s: float = 0.0
    not_before: int = 0
    failing_since: int | None = None
    average_s: float | None = None
    last_failed: bool = False
    told: bool = False


FRESH: Final = Health()

# Bound once: the path of a success is walked for every event.
_OPEN: Final = Phase.OPEN
_SUCCESS: Final = Answer.SUCCESS
_RECOVERED: Final = Signal.RECOVERED
_QUICK: Final = Pace.QUICK
_SLOW: Final = Pace.SLOW
_NEW: Final = Pace.NEW


def window(health: Health, cap: int) -> int:
    """How many requests may be in flight, in [0, cap]; one until the first has ended, which tells the lane's pace.

    `cap` is the endpoint's own, or WINDOW_MAX. A pause (`paused_until`) comes on top.
    """
    if health.phase is _OPEN:
        size = int(health.size) if health.average_s is not None else 1
        return size if size < cap else cap  # noqa: FURB136 - min() costs twice as much
    return min(1, cap) if health.phase is Phase.PROBING else 0


def pace(health: Health) -> Pace:
    """How fast the lane is known to be."""
    if health.average_s is None:
        return _NEW
    return _SLOW if health.last_failed or health.average_s > SLOW_S else _QUICK


def paused_until(health: Health, now_ms: int) -> int:
    """When the pause ends, 0 when there is none; one that is impossibly far away was set by another clock."""
    return health.not_before if now_ms < health.not_before <= now_ms + PAUSE_MS_MAX else 0


def pause(health: Health, until_ms: int) -> Health:
    """Don't send before `until_ms`, nor before the end of a pause that there is already."""
    if until_ms <= health.not_before <= until_ms + PAUSE_MS_MAX:
        return health
    return health._replace(not_before=until_ms)


def clock_was_set(health: Health, by_ms: int) -> Health:
    """The same health by a wall clock that was set by so much (negative: back).

    A pause ends when it would have ended; by a clock that was set ahead it may end early, as everything that waits. How
    long it has been failing doesn't change either way.
    """
    since = None if health.failing_since is None else max(0, health.failing_since + by_ms)
    not_before = max(0, health.not_before + by_ms) if by_ms < 0 else health.not_before
    return health._replace(not_before=not_before, failing_since=since)


def wake(health: Health, now_ms: int) -> Health:
    """A parked lane whose pause is over probes; any other stays as it is."""
    if health.phase is not Phase.PARKED or paused_until(health, now_ms):
        return health
    return health._replace(phase=PHASE_MOVES[health.phase, Turn.WAITED], not_before=0)


def after(health: Health, result: Result, now_ms: int, cap: int, chance: float) -> tuple[Health, Signal | None]:
    """The health after one request, and what the engine must act on. `chance` in [0, 1) spreads the probes."""
    answer, duration_s, _, _ = result
    if answer is not _SUCCESS:
        return _failed(health, result, now_ms, cap, chance)
    phase, size, strain, _, _, _, _, not_before, _, average_s, _, _ = health
    average_s = duration_s if average_s is None else average_s + (duration_s - average_s) * _AVERAGE_SHARE
    if phase is not _OPEN:
        return Health(_OPEN, float(WINDOW_RECOVERED), average_s=average_s), _RECOVERED
    # A window above its cap (which was lowered) stays, and `window` cuts it off.
    if size < cap:
        grown = size + 1.0 / size
        if strain and int(grown) > int(size):
            strain = 0.0
        size = grown if grown < cap else float(cap)
    elif strain:
        strain = 0.0
    fields = (_OPEN, size, strain, 0.0, 0, 0.0, 0.0, not_before, None, average_s, False, False)
    return make_tuple(Health, fields), None


def _failed(health: Health, result: Result, now_ms: int, cap: int, chance: float) -> tuple[Health, Signal | None]:
    shrunk = _strained(health, result.answer, cap)
    noted = _noted(shrunk, result.duration_s, now_ms)
    halted, parked = _counted(noted, result, now_ms, window(health, cap), chance)
    paused = _held_back(halted, result, now_ms)
    if result.answer is Answer.GONE:
        return paused, Signal.GONE
    if paused.failing_since is not None and now_ms - paused.failing_since >= FAILING_TOO_LONG_MS:
        return paused, Signal.FAILING_TOO_LONG
    return paused, Signal.PARKED if parked else None


def _strained(health: Health, answer: Answer, cap: int) -> Health:
    """Take one off the window for each whole point of strain. If nothing else is known, one is all there is."""
    if health.average_s is None:
        return health._replace(size=1.0)
    strain = health.strain + _STRAIN[answer]
    if strain < 1.0:
        return health._replace(strain=strain)
    return health._replace(strain=strain - 1.0, size=max(1.0, min(health.size, float(cap)) - 1.0))


def _noted(health: Health, duration_s: float, now_ms: int) -> Health:
    """What any failure leaves behind: the average, and since when it has been failing."""
    average_s, since = health.average_s, health.failing_since
    return health._replace(
        average_s=duration_s if average_s is None else average_s + (duration_s - average_s) * _AVERAGE_SHARE,
        # A clock that was set back must not make the run look as if it began in the future.
        failing_since=now_ms if since is None else min(since, now_ms),
        last_failed=True,
    )


def _counted(health: Health, result: Result, now_ms: int, in_window: int, chance: float) -> tuple[Health, bool]:
    """Count a failure towards parking; the health, and whether this very failure parked an open lane."""
    if health.phase is Phase.PROBING:
        return _parked(health, Turn.FAILURE, now_ms, chance), False
    if health.phase is Phase.PARKED or not result.first_try or result.answer is Answer.THROTTLED:
        return health, False
    cohorts = health.cohorts + 1.0 / max(1, in_window)
    counted = health._replace(cohorts=cohorts, first_failures=health.first_failures + 1)
    if counted.cohorts < COHORTS_TO_PARK or counted.first_failures < FIRST_FAILURES_TO_PARK:
        return counted, False
    return _parked(counted, Turn.ENOUGH, now_ms, chance), True


def _parked(health: Health, turn: Turn, now_ms: int, chance: float) -> Health:
    wait_s = min(max(PROBE_AFTER_S_MIN, health.probe_after_s * 2.0), PROBE_AFTER_S_MAX)
    until_ms = now_ms + int(spread(wait_s, chance) * 1_000)
    return health._replace(
        phase=PHASE_MOVES[health.phase, turn],
        cohorts=0.0,
        first_failures=0,
        probe_after_s=wait_s,
        not_before=max(until_ms, paused_until(health, now_ms)),
    )


def _held_back(health: Health, result: Result, now_ms: int) -> Health:
    """Pause because the receiver asked for it, or answered 429 without saying for how long.

    Requests that were in flight together are answered together, so a 429 within a pause of ours says nothing new.
    """
    if result.answer not in (Answer.THROTTLED, Answer.BUSY):
        return health
    pausing_until = paused_until(health, now_ms)
    if result.retry_after_s:
        until_ms = now_ms + int(min(result.retry_after_s, RETRY_AFTER_S_MAX) * 1_000)
        return health._replace(not_before=max(until_ms, pausing_until))
    if result.answer is Answer.BUSY or pausing_until:
        return health
    throttle_s = min(max(THROTTLE_S_MIN, health.throttle_s * 2.0), THROTTLE_S_MAX)
    return health._replace(throttle_s=throttle_s, not_before=now_ms + int(throttle_s * 1_000))


def dump(health: Health) -> bytes:
    """A small JSON document for the lane's row."""
    return json.dumps(health._asdict(), separators=(",", ":")).encode()


def load(stored: bytes) -> Health:
    """What `dump` wrote. Anything else, b"" included, is a fresh lane."""
    try:
        fields = json.loads(stored)
        health = Health(**{**fields, "phase": Phase(fields["phase"])})
    except (ValueError, TypeError, KeyError, RecursionError):
        return FRESH
    return health if _plausible(health) else FRESH


def _plausible(health: Health) -> bool:
    reals = (health.size, health.strain, health.cohorts, health.probe_after_s, health.throttle_s)
    counts = (health.first_failures, health.not_before)
    optional = [value for value in (health.average_s, health.failing_since) if value is not None]
    return (
        all(type(value) in (int, float) and math.isfinite(value) and value >= 0 for value in (*reals, *optional))
        and all(type(value) is int and value >= 0 for value in counts)
        and type(health.failing_since) in (int, type(None))
        and 1.0 <= health.size <= MAX_IN_FLIGHT_PER_ENDPOINT_MAX
        and type(health.last_failed) is bool
        and type(health.told) is bool
    )
