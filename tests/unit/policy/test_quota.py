"""The bucket of a tenant's events a second: never too many in the long run, and a wait that is long enough."""

import math

from hypothesis import given
from hypothesis import strategies as st

from ringback.policy.quota import Bucket, burst, full, refilled, taken, wait_s

rates = st.floats(0.001, 1_000_000)


def test_a_full_bucket_has_a_seconds_worth_and_one_event_at_least() -> None:
    assert full(50.0, 3.0) == Bucket(50.0, 3.0)
    assert full(0.1, 3.0) == Bucket(1.0, 3.0)


def test_it_fills_at_its_rate_up_to_the_brim() -> None:
    empty = Bucket(0.0, 10.0)
    assert refilled(empty, 4.0, 10.5) == Bucket(2.0, 10.5)
    assert refilled(empty, 4.0, 99.0) == Bucket(4.0, 99.0)
    assert refilled(empty, 4.0, 9.0).level == 0.0


def test_a_batch_larger_than_the_bucket_passes_a_full_one_and_is_paid_for_afterwards() -> None:
    bucket = full(10.0, 0.0)
    assert wait_s(bucket, 1_000, 10.0) == 0.0
    bucket = taken(bucket, 1_000)
    assert wait_s(bucket, 1, 10.0) == 99.1
    assert wait_s(refilled(bucket, 10.0, 99.1), 1, 10.0) == 0.0


def test_what_is_given_back_is_there_again() -> None:
    assert taken(taken(full(5.0, 0.0), 3), -3) == full(5.0, 0.0)


@given(rate=rates, counts=st.lists(st.integers(1, 1_000), min_size=1, max_size=30))
def test_whoever_waits_whole_seconds_as_told_is_let_in(rate: float, counts: list[int]) -> None:
    now_s = 1_000.0
    bucket = full(rate, now_s)
    for count in counts:
        told = wait_s(bucket, count, rate)
        now_s += math.ceil(told)
        bucket = refilled(bucket, rate, now_s)
        assert wait_s(bucket, count, rate) == 0.0
        bucket = taken(bucket, count)


@given(rate=rates, steps=st.lists(st.tuples(st.floats(0, 5), st.integers(1, 50)), max_size=60))
def test_never_more_than_the_rate_and_one_burst_and_the_last_batch(rate: float, steps: list[tuple[float, int]]) -> None:
    now_s = 0.0
    bucket = full(rate, now_s)
    let_in = last = 0
    for pause_s, count in steps:
        now_s += pause_s
        bucket = refilled(bucket, rate, now_s)
        if not wait_s(bucket, count, rate):
            bucket = taken(bucket, count)
            let_in += count
            last = count
    assert let_in <= (now_s * rate + burst(rate)) * 1.000001 + last
