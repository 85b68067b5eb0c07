"""What answers mean, and the waits between tries."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.model.endpoint import DEFAULT_RETRY, RetryRule
from ringback.policy.retry import Answer, classify, retry_after_s, retry_delay_s

NOW_MS = 1_790_000_000_000
CHANCES = st.floats(0.0, 1.0, exclude_max=True)


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (None, Answer.FAILED),
        (100, Answer.FAILED),
        (199, Answer.FAILED),
        (200, Answer.SUCCESS),
        (204, Answer.SUCCESS),
        (299, Answer.SUCCESS),
        (301, Answer.FAILED),
        (304, Answer.FAILED),
        (400, Answer.FAILED),
        (404, Answer.FAILED),
        (410, Answer.GONE),
        (429, Answer.THROTTLED),
        (500, Answer.FAILED),
        (501, Answer.FAILED),
        (502, Answer.BUSY),
        (503, Answer.BUSY),
        (504, Answer.BUSY),
        (505, Answer.FAILED),
        (999, Answer.FAILED),
    ],
)
def test_what_a_status_means(status: int | None, answer: Answer) -> None:
    assert classify(status) is answer


def test_only_2xx_is_success() -> None:
    assert [status for status in range(1_000) if classify(status) is Answer.SUCCESS] == list(range(200, 300))


def waits(rule: RetryRule | None, chance: float) -> list[float]:
    found: list[float] = []
    while (delay_s := retry_delay_s(rule, len(found) + 1, chance)) is not None:
        found.append(delay_s)
        assert len(found) < 1_000
    return found


def test_the_default_schedule_is_ten_tries_over_three_days() -> None:
    delays = waits(None, 0.5)
    assert delays == pytest.approx([5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400])
    assert sum(delays) == pytest.approx(timedelta(days=3, hours=3, minutes=35, seconds=5).total_seconds())


@given(CHANCES)
def test_the_default_schedule_is_spread_by_a_fifth(chance: float) -> None:
    exact = DEFAULT_RETRY.delays_s or ()
    spread = waits(None, chance)
    assert len(spread) == len(exact)
    for got, wanted in zip(spread, exact, strict=True):
        assert 0.8 * wanted <= got <= 1.2 * wanted
        assert got == pytest.approx(wanted * (0.8 + 0.4 * chance))


@given(st.lists(st.floats(0, 604_800), max_size=100), CHANCES)
def test_a_list_is_kept_to_the_letter(delays: list[float], chance: float) -> None:
    assert waits(RetryRule(delays_s=tuple(delays)), chance) == delays


def test_an_empty_list_means_one_try() -> None:
    assert retry_delay_s(RetryRule(delays_s=()), 1, 0.5) is None


def test_an_exponential_rule_grows_up_to_its_cap() -> None:
    rule = RetryRule(base_s=10, factor=3, max_delay_s=200, max_attempts=6)
    assert waits(rule, 0.5) == pytest.approx([10, 30, 90, 200, 200])


@given(
    st.floats(0, 604_800),
    st.floats(0, 1e6),
    st.floats(0, 604_800),
    st.integers(1, 100),
    st.integers(1, 10_000),
    CHANCES,
)
def test_an_exponential_rule_never_waits_longer_than_its_cap_with_jitter(
    base_s: float, factor: float, cap_s: float, attempts: int, tries: int, chance: float
) -> None:
    delay_s = retry_delay_s(RetryRule(None, base_s, factor, cap_s, attempts), tries, chance)
    if tries >= attempts:
        assert delay_s is None
    else:
        assert delay_s is not None
        assert 0.0 <= delay_s <= cap_s * 1.2


def test_one_attempt_means_no_retry() -> None:
    assert retry_delay_s(RetryRule(base_s=1, max_delay_s=1, max_attempts=1), 1, 0.0) is None


@pytest.mark.parametrize("tries", [0, -1])
def test_a_retry_follows_a_try(tries: int) -> None:
    with pytest.raises(ValueError, match="at least one try"):
        retry_delay_s(None, tries, 0.5)


def http_date(ahead_s: float) -> str:
    moment = datetime.fromtimestamp(NOW_MS / 1000 + ahead_s, tz=UTC)
    return format_datetime(moment, usegmt=True)


@pytest.mark.parametrize(
    ("value", "pause_s"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("007", 7.0),
        ("3600", 3_600.0),
        ("3601", 3_600.0),
        ("9" * 60, 3_600.0),
        (http_date(90), 90.0),
        (http_date(0), 0.0),
        (http_date(-90), 0.0),
        (http_date(86_400), 3_600.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Thu, 01 Jan 1970 00:00:00 -0000", 0.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0.0),
        ("Sun Nov  6 08:49:37 1994", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("+5", None),
        ("1.5", None),
        ("1e3", None),
        ("٣", None),
        ("²", None),
        ("9" * 5_000, None),
        ("Fri, 99 Foo 2026 99:99:99 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 3_600.0),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
        ("120, 60", None),
    ],
)
def test_retry_after(value: str, pause_s: float | None) -> None:
    assert retry_after_s([("Retry-After", value)], NOW_MS) == pause_s


def test_retry_after_is_found_by_its_name_in_any_case_and_the_first_counts() -> None:
    headers = [("date", "x"), ("RETRY-after", "3"), ("Retry-After", "9")]
    assert retry_after_s(headers, NOW_MS) == 3.0
    assert retry_after_s([("x-retry-after", "3")], NOW_MS) is None
    assert retry_after_s([], NOW_MS) is None


@given(st.text(max_size=80), st.integers(0, 4_000_000_000_000))
def test_retry_after_is_none_or_within_an_hour_whatever_comes(value: str, now_ms: int) -> None:
    pause_s = retry_after_s([("Retry-After", value)], now_ms)
    assert pause_s is None or 0.0 <= pause_s <= 3_600.0
