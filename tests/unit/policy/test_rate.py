"""Spacing to a rate, on a clock that the test moves."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.policy.rate import after_request, wait_s


def sent_within(rate: float, seconds: float, step_s: float) -> list[float]:
    """When requests go out if somebody always wants to send and looks every `step_s`."""
    now, conforms_at, sent = 100.0, 0.0, []
    while now < 100.0 + seconds:
        while wait_s(conforms_at, now) <= 0.0:
            sent.append(now)
            conforms_at = after_request(conforms_at, now, rate)
        now += step_s
    return sent


@pytest.mark.parametrize("rate", [0.5, 1.0, 5.0, 20.0, 50.0, 200.0, 1_000.0])
def test_a_second_never_sees_more_than_the_rate_and_a_twentieth(rate: float) -> None:
    sent = sent_within(rate, 5.0, 0.003)

    for start in sent:
        in_a_second = sum(start <= at < start + 1.0 for at in sent)
        assert in_a_second <= rate + rate * 0.05 + 1.0


@pytest.mark.parametrize("rate", [1.0, 5.0, 200.0])
def test_the_rate_is_reached(rate: float) -> None:
    assert len(sent_within(rate, 10.0, 0.002)) >= 0.95 * rate * 10.0


def test_slow_rates_are_evenly_spaced() -> None:
    sent = sent_within(2.0, 5.0, 0.01)

    assert all(0.49 <= later - earlier <= 0.52 for earlier, later in pairwise(sent))


@given(st.floats(0.1, 10_000.0), st.lists(st.floats(0.0, 100.0), min_size=1, max_size=50))
def test_time_that_passed_unused_is_not_saved_up(rate: float, gaps: list[float]) -> None:
    now, conforms_at = 1_000.0, 0.0
    for gap in gaps:
        now += gap
        if wait_s(conforms_at, now) <= 0.0:
            conforms_at = after_request(conforms_at, now, rate)
        assert conforms_at <= now + 1.0 / rate + 0.1 + 1e-6
