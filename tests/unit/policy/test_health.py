"""The health of a lane: window, pauses, parking and probing."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.model.limits import WINDOW_MAX, WINDOW_START
from ringback.policy.health import (
    FAILING_TOO_LONG_MS,
    FIRST_FAILURES_TO_PARK,
    FRESH,
    PAUSE_MS_MAX,
    PHASE_MOVES,
    Health,
    Pace,
    Phase,
    Result,
    Signal,
    Turn,
    after,
    dump,
    load,
    pace,
    pause,
    paused_until,
    wake,
    window,
)
from ringback.policy.retry import Answer

NOW = 1_790_000_000_000
DAY = 86_400_000
CAP = WINDOW_MAX
KNOWN = FRESH._replace(average_s=0.1)


def result(answer: Answer, retry_after_s: float | None = None, *, first: bool = True, took_s: float = 0.1) -> Result:
    return Result(answer, took_s, retry_after_s, first)


SUCCESS, FAILURE = result(Answer.SUCCESS), result(Answer.FAILED)


def times(health: Health, count: int, given_result: Result, now: int = NOW, cap: int = CAP) -> Health:
    for _ in range(count):
        health, _ = after(health, given_result, now, cap, 0.5)
    return health


def parked(now: int = NOW) -> Health:
    health = FRESH
    for _ in range(1_000):
        health, signal = after(health, FAILURE, now, CAP, 0.5)
        if signal is Signal.PARKED:
            return health
    raise AssertionError("a thousand failures didn't park the lane")


ANSWERS = st.sampled_from(list(Answer))
RESULTS = st.builds(
    Result,
    ANSWERS,
    st.floats(0, 20),
    st.one_of(st.none(), st.floats(0, 3_600)),
    st.booleans(),
)
CAPS = st.integers(1, 1_000)
CHANCES = st.floats(0, 1, exclude_max=True)
JUMPS = st.one_of(st.integers(0, 60_000), st.integers(-400 * DAY, 400 * DAY))


@st.composite
def healths(draw: st.DrawFn) -> tuple[Health, int, int]:
    """A health that was lived to, with the time and the cap at its end. Clocks jump on the way."""
    health, now, cap = FRESH, NOW, draw(CAPS)
    for step in draw(st.lists(st.tuples(RESULTS, JUMPS, st.integers(1, 60), CHANCES), max_size=12)):
        given_result, jump, repeats, chance = step
        now = max(0, now + jump)
        health = wake(health, now)
        for _ in range(repeats):
            health, _ = after(health, given_result, now, cap, chance)
    return health, now, cap


# ── the window ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_fresh_lane_starts_with_one_request_and_what_follows_is_small_and_within_the_cap() -> None:
    assert window(FRESH, CAP) == 1
    assert window(times(FRESH, 1, SUCCESS), CAP) == WINDOW_START
    assert window(times(FRESH, 1, SUCCESS), 2) == 2
    assert window(times(FRESH, 1, FAILURE), CAP) == 1


def test_a_windowful_of_successes_adds_one() -> None:
    health = KNOWN
    for size in range(WINDOW_START, 20):
        assert window(health, CAP) == size
        health = times(health, size + 1, SUCCESS)
        assert window(health, CAP) == size + 1
        health = health._replace(size=float(size + 1))


def test_the_window_grows_to_the_cap_and_no_further() -> None:
    assert window(times(FRESH, 5_000, SUCCESS), CAP) == CAP
    assert window(times(FRESH, 5_000, SUCCESS, cap=7), 7) == 7


def test_two_failures_take_one_off_and_the_first_alone_nothing() -> None:
    health = KNOWN._replace(size=10.0)
    assert window(times(health, 1, FAILURE), CAP) == 10
    assert window(times(health, 2, FAILURE), CAP) == 9
    assert window(times(health, 4, FAILURE), CAP) == 8


@pytest.mark.parametrize("answer", [Answer.BUSY, Answer.THROTTLED])
def test_a_receiver_that_says_it_is_too_much_loses_one_at_once(answer: Answer) -> None:
    assert window(times(KNOWN._replace(size=10.0), 1, result(answer)), CAP) == 9


def test_strain_is_forgotten_only_when_the_window_has_grown() -> None:
    strained = times(KNOWN._replace(size=10.0), 1, FAILURE)
    assert window(times(times(strained, 3, SUCCESS), 1, FAILURE), CAP) == 9
    assert window(times(times(strained, 12, SUCCESS), 1, FAILURE), CAP) == 11


def test_one_failure_in_ten_settles_at_a_window_between_the_ends() -> None:
    health = FRESH
    for _ in range(2_000):
        health = times(times(health, 9, SUCCESS), 1, result(Answer.FAILED, first=False))
    assert 5 <= window(health, CAP) <= 30


def test_failures_never_take_the_window_below_one() -> None:
    assert window(times(FRESH, 500, result(Answer.BUSY, first=False)), CAP) == 1


def test_a_lowered_cap_counts_at_once() -> None:
    grown = times(FRESH, 5_000, SUCCESS)
    assert window(grown, 3) == 3
    assert window(times(grown, 1, SUCCESS, cap=3), 3) == 3
    assert window(times(grown, 2, FAILURE, cap=3), 3) == 2


@given(healths(), RESULTS, CHANCES)
def test_the_window_is_always_within_its_cap(
    lived: tuple[Health, int, int], given_result: Result, chance: float
) -> None:
    health, now, cap = lived
    following, _ = after(health, given_result, now, cap, chance)
    for each in (health, following, wake(following, now)):
        assert 0 <= window(each, cap) <= cap
        assert (window(each, cap) == 0) is (each.phase is Phase.PARKED)
        assert each.phase is not Phase.PROBING or window(each, cap) == 1


@given(healths(), st.floats(0, 20), CHANCES)
def test_a_success_never_shrinks_the_window(lived: tuple[Health, int, int], took_s: float, chance: float) -> None:
    health, now, cap = lived
    following, signal = after(health, Result(Answer.SUCCESS, took_s, None, True), now, cap, chance)
    assert window(following, cap) >= window(health, cap)
    assert following.phase is Phase.OPEN
    assert (signal is Signal.RECOVERED) is (health.phase is not Phase.OPEN)
    assert signal in (None, Signal.RECOVERED)


@given(healths(), ANSWERS.filter(lambda answer: answer is not Answer.SUCCESS), CHANCES)
def test_a_failure_never_widens_the_window(lived: tuple[Health, int, int], answer: Answer, chance: float) -> None:
    health, now, cap = lived
    following, _ = after(health, result(answer), now, cap, chance)
    assert window(following, cap) <= window(health, cap)


# ── parking and probing ──────────────────────────────────────────────────────────────────────────────────────


def test_a_dead_receiver_is_parked_after_thirty_first_tries() -> None:
    health = FRESH
    signals = []
    for _ in range(FIRST_FAILURES_TO_PARK):
        health, signal = after(health, FAILURE, NOW, CAP, 0.5)
        signals.append(signal)
    assert signals == [None] * (FIRST_FAILURES_TO_PARK - 1) + [Signal.PARKED]
    assert health.phase is Phase.PARKED
    assert health.not_before == NOW + 10_000


def test_a_wide_window_is_parked_after_ten_failed_cohorts() -> None:
    health, failures = KNOWN._replace(size=50.0), 0
    cohorts = 0.0
    while health.phase is Phase.OPEN:
        cohorts += 1 / window(health, CAP)
        health, failures = times(health, 1, FAILURE), failures + 1
    assert cohorts == pytest.approx(10, abs=1)
    assert failures > 60


def test_a_success_in_between_starts_the_count_again() -> None:
    health = times(FRESH, FIRST_FAILURES_TO_PARK - 1, FAILURE)
    health = times(health, 1, SUCCESS)
    assert (health.cohorts, health.first_failures) == (0.0, 0)
    assert times(health, FIRST_FAILURES_TO_PARK - 1, FAILURE).phase is Phase.OPEN


def test_retries_and_429_never_park() -> None:
    assert times(FRESH, 500, result(Answer.FAILED, first=False)).phase is Phase.OPEN
    assert times(FRESH, 500, result(Answer.THROTTLED)).phase is Phase.OPEN


def test_probes_come_after_ten_seconds_doubling_to_half_an_hour() -> None:
    health, now, waits = parked(), NOW, []
    for _ in range(12):
        waits.append((health.not_before - now) / 1_000)
        now = health.not_before
        assert wake(health, now - 1).phase is Phase.PARKED
        health = wake(health, now)
        assert (health.phase, window(health, CAP)) == (Phase.PROBING, 1)
        health, signal = after(health, FAILURE, now, CAP, 0.5)
        assert (health.phase, signal) == (Phase.PARKED, None)
    assert waits == [10, 20, 40, 80, 160, 320, 640, 1_280, 1_800, 1_800, 1_800, 1_800]


@given(CHANCES)
def test_probes_are_spread_by_a_fifth(chance: float) -> None:
    health = times(FRESH, FIRST_FAILURES_TO_PARK - 1, FAILURE)
    health, _ = after(health, FAILURE, NOW, CAP, chance)
    assert 8_000 <= health.not_before - NOW <= 12_000


def test_a_probe_that_succeeds_opens_a_small_window() -> None:
    probing = wake(parked(), NOW + 3_600_000)
    health, signal = after(probing, SUCCESS, NOW + 3_600_000, CAP, 0.5)
    assert (health.phase, window(health, CAP), signal) == (Phase.OPEN, 2, Signal.RECOVERED)
    assert health.failing_since is None
    assert paused_until(health, NOW) == 0
    assert parked_again_waits_ten_seconds(health)


def parked_again_waits_ten_seconds(health: Health) -> bool:
    again = times(health, FIRST_FAILURES_TO_PARK, FAILURE)
    return again.phase is Phase.PARKED and again.not_before == NOW + 10_000


def test_a_late_answer_to_an_earlier_request_counts_while_parked() -> None:
    health = parked()
    still, signal = after(health, FAILURE, NOW + 5, CAP, 0.5)
    assert (still.phase, still.not_before, still.probe_after_s, signal) == (
        Phase.PARKED,
        health.not_before,
        health.probe_after_s,
        None,
    )
    opened, signal = after(health, SUCCESS, NOW + 5, CAP, 0.5)
    assert (opened.phase, signal) == (Phase.OPEN, Signal.RECOVERED)


def test_a_probe_that_is_told_to_wait_waits_as_long() -> None:
    probing = wake(parked(), NOW + 60_000)
    health, _ = after(probing, result(Answer.BUSY, 3_000), NOW, CAP, 0.5)
    assert (health.phase, health.not_before) == (Phase.PARKED, NOW + 3_000_000)


@given(healths(), st.integers(-800 * DAY, 800 * DAY))
def test_a_parked_lane_wakes_within_an_hour_by_any_clock(lived: tuple[Health, int, int], jump: int) -> None:
    health, now, _ = lived
    later = now + jump
    assert wake(health, later + PAUSE_MS_MAX).phase is not Phase.PARKED or paused_until(health, later + PAUSE_MS_MAX)
    until = paused_until(health, later)
    assert until == 0 or later < until <= later + PAUSE_MS_MAX
    assert wake(health, until or later).phase is not Phase.PARKED


def test_a_pause_set_by_a_clock_that_was_wrong_is_over() -> None:
    health = parked(NOW + 400 * DAY)
    assert wake(health, NOW).phase is Phase.PROBING
    assert wake(health, NOW + 400 * DAY).phase is Phase.PARKED


def test_waking_what_is_not_parked_changes_nothing() -> None:
    assert wake(FRESH, NOW) is FRESH
    probing = wake(parked(), NOW + DAY)
    assert wake(probing, NOW + DAY) is probing


@settings(max_examples=200)
@given(healths(), RESULTS, CHANCES, st.integers(0, 4_000_000))
def test_every_move_stands_in_the_table(
    lived: tuple[Health, int, int], given_result: Result, chance: float, later: int
) -> None:
    health, now, cap = lived
    following, signal = after(health, given_result, now, cap, chance)
    turn = Turn.SUCCESS if given_result.answer is Answer.SUCCESS else Turn.FAILURE
    if turn is Turn.FAILURE and health.phase is Phase.OPEN and following.phase is not Phase.OPEN:
        turn = Turn.ENOUGH
    assert PHASE_MOVES[health.phase, turn] is following.phase
    if signal is Signal.PARKED:
        assert turn is Turn.ENOUGH
    woken = wake(following, now + later)
    assert woken.phase in (following.phase, PHASE_MOVES[following.phase, Turn.WAITED])


def test_every_phase_can_be_left_for_open_and_reached_from_it() -> None:
    assert {phase for phase, turn in PHASE_MOVES if turn is Turn.SUCCESS} == set(Phase)
    reached = {Phase.OPEN}
    for _ in Phase:
        reached |= {to for (phase, _), to in PHASE_MOVES.items() if phase in reached}
    assert reached == set(Phase)


# ── pauses ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("answer", [Answer.THROTTLED, Answer.BUSY])
def test_retry_after_pauses(answer: Answer) -> None:
    health, signal = after(FRESH, result(answer, 90), NOW, CAP, 0.5)
    assert (health.not_before, health.phase, signal) == (NOW + 90_000, Phase.OPEN, None)
    assert paused_until(health, NOW) == NOW + 90_000
    assert paused_until(health, NOW + 90_000) == 0


def test_retry_after_of_another_failure_counts_for_nothing() -> None:
    assert after(FRESH, result(Answer.FAILED, 90), NOW, CAP, 0.5)[0].not_before == 0


def test_the_longest_of_several_pauses_counts() -> None:
    health = times(FRESH, 1, result(Answer.BUSY, 90))
    assert times(health, 1, result(Answer.BUSY, 5)).not_before == NOW + 90_000


def test_a_success_does_not_end_the_pause_that_was_asked_for() -> None:
    health = times(times(FRESH, 1, result(Answer.BUSY, 90)), 1, SUCCESS)
    assert paused_until(health, NOW) == NOW + 90_000


def test_busy_without_retry_after_does_not_pause() -> None:
    assert after(FRESH, result(Answer.BUSY), NOW, CAP, 0.5)[0].not_before == 0


@pytest.mark.parametrize("asked", [None, 0.0])
def test_429_without_a_wait_pauses_by_itself_doubling_to_a_minute(asked: float | None) -> None:
    health, now, waits = FRESH, NOW, []
    for _ in range(9):
        health, _ = after(health, result(Answer.THROTTLED, asked), now, CAP, 0.5)
        waits.append((health.not_before - now) // 1_000)
        now = health.not_before
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    again, _ = after(times(health, 1, SUCCESS, now), result(Answer.THROTTLED, asked), now, CAP, 0.5)
    assert again.not_before - now == 1_000


def test_429s_that_come_together_count_once() -> None:
    health = times(FRESH, 40, result(Answer.THROTTLED))
    assert health.not_before == NOW + 1_000


def test_pause_keeps_the_later_end() -> None:
    assert pause(FRESH, NOW).not_before == NOW
    paused = pause(FRESH, NOW + 60_000)
    assert pause(paused, NOW + 1_000) is paused
    assert pause(paused, NOW + 90_000).not_before == NOW + 90_000


def test_pause_replaces_an_end_that_no_clock_can_have_meant() -> None:
    health = pause(FRESH._replace(not_before=NOW + 400 * DAY), NOW + 1_000)
    assert paused_until(health, NOW) == NOW + 1_000


# ── failing for long, and 410 ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("answer", [Answer.FAILED, Answer.BUSY, Answer.THROTTLED])
def test_five_days_of_failure_are_signalled(answer: Answer) -> None:
    health, _ = after(FRESH, result(answer, first=False), NOW, CAP, 0.5)
    assert health.failing_since == NOW
    health, signal = after(health, result(answer, first=False), NOW + FAILING_TOO_LONG_MS - 1, CAP, 0.5)
    assert signal is None
    health, signal = after(health, result(answer, first=False), NOW + FAILING_TOO_LONG_MS, CAP, 0.5)
    assert signal is Signal.FAILING_TOO_LONG


def test_it_is_signalled_by_a_probe_as_well() -> None:
    probing = wake(parked(), NOW + FAILING_TOO_LONG_MS)
    health, signal = after(probing, FAILURE, NOW + FAILING_TOO_LONG_MS, CAP, 0.5)
    assert (health.phase, signal) == (Phase.PARKED, Signal.FAILING_TOO_LONG)


@given(healths())
def test_a_success_ends_the_run(lived: tuple[Health, int, int]) -> None:
    health, now, cap = lived
    assert times(health, 1, SUCCESS, now, cap).failing_since is None


@given(healths(), st.integers(0, 400 * DAY))
def test_a_clock_set_back_never_makes_the_run_longer(lived: tuple[Health, int, int], back: int) -> None:
    health, now, cap = lived
    before = max(0, now - back)
    following, _ = after(health, FAILURE, before, cap, 0.5)
    assert following.failing_since is not None
    assert following.failing_since <= before


def test_410_is_signalled() -> None:
    health, signal = after(FRESH, result(Answer.GONE), NOW, CAP, 0.5)
    assert signal is Signal.GONE
    assert health.last_failed


# ── slow ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_lane_is_slow_until_known_after_a_failure_or_over_a_second() -> None:
    assert pace(FRESH) is Pace.NEW
    quick = times(FRESH, 1, SUCCESS)
    assert pace(quick) is Pace.QUICK
    assert pace(times(quick, 1, FAILURE)) is Pace.SLOW
    assert pace(times(times(quick, 1, FAILURE), 1, SUCCESS)) is Pace.QUICK
    assert pace(times(quick, 50, result(Answer.SUCCESS, took_s=1.5))) is Pace.SLOW
    assert pace(times(FRESH, 1, result(Answer.SUCCESS, took_s=1.0))) is Pace.QUICK


@given(st.lists(st.floats(0, 20), min_size=1, max_size=50))
def test_the_average_stays_between_the_extremes(took: list[float]) -> None:
    health = FRESH
    for seconds in took:
        health = times(health, 1, result(Answer.SUCCESS, took_s=seconds))
    assert health.average_s is not None
    assert min(took) - 1e-9 <= health.average_s <= max(took) + 1e-9


# ── stored ───────────────────────────────────────────────────────────────────────────────────────────────────


@given(healths())
def test_what_is_stored_comes_back(lived: tuple[Health, int, int]) -> None:
    health, _, _ = lived
    assert load(dump(health)) == health
    assert load(dump(health)).phase is health.phase
    assert len(dump(health)) < 400


GOOD = FRESH._asdict()


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        b'"open"',
        json.dumps({**GOOD, "phase": "asleep"}).encode(),
        json.dumps({**GOOD, "size": 0.5}).encode(),
        json.dumps({**GOOD, "size": 1e9}).encode(),
        json.dumps({**GOOD, "size": "4"}).encode(),
        json.dumps({**GOOD, "size": True}).encode(),
        json.dumps({**GOOD, "size": float("nan")}).encode(),
        json.dumps({**GOOD, "probe_after_s": float("inf")}).encode(),
        json.dumps({**GOOD, "not_before": 1.5}).encode(),
        json.dumps({**GOOD, "not_before": None}).encode(),
        json.dumps({**GOOD, "failing_since": -1}).encode(),
        json.dumps({**GOOD, "failing_since": 0.5}).encode(),
        json.dumps({**GOOD, "last_failed": 0}).encode(),
        json.dumps({**GOOD, "more": 1}).encode(),
        dump(parked())[:-5],
    ],
)
def test_what_cannot_be_read_is_a_fresh_lane(stored: bytes) -> None:
    assert load(stored) is FRESH


@given(st.binary(max_size=200))
def test_load_never_raises(stored: bytes) -> None:
    assert isinstance(load(stored), Health)


def test_a_field_added_later_may_be_missing() -> None:
    assert load(b'{"phase":"open","size":9.0}') == FRESH._replace(size=9.0)
