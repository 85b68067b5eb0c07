"""What each answer means for its delivery: the one retry rule, as a table."""

import pytest

from ringback.engine.ports import InboundResponse
from ringback.engine.verdict import judge
from ringback.model.attempt import Timings
from ringback.model.endpoint import RetryRule
from ringback.policy.health import FRESH, Health, Phase, Signal

NOW = 1_700_000_000_000
RULE = RetryRule(delays_s=(1.0, 10.0))
PARKED = FRESH._replace(phase=Phase.PARKED, not_before=NOW + 5_000)


def answer(
    status: int | None, error: str | None = None, headers: list[tuple[str, str]] | None = None
) -> InboundResponse:
    timings = Timings(None, None, None, None, 12.0)
    return InboundResponse(1, status, error, error and "why", headers or [], b"", False, timings, None, None)


def verdict(response: InboundResponse, tries: int = 0, health: Health = FRESH, rule: RetryRule | None = RULE):
    return judge(response, health, rule, tries, cap=50, now_ms=NOW, chance=0.5)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_2xx_finishes_the_delivery(status: int) -> None:
    came = verdict(answer(status))

    assert came.succeeded
    assert came.retry_at is None
    assert came.error_code is None


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (301, None, "redirect"),
        (308, None, "redirect"),
        (400, None, "bad_status"),
        (404, None, "bad_status"),
        (500, None, "bad_status"),
        (None, "timeout", "timeout"),
        (None, "blocked_address", "blocked_address"),
    ],
)
def test_everything_else_is_tried_again_by_the_schedule(status: int | None, error: str | None, code: str) -> None:
    came = verdict(answer(status, error))

    assert not came.succeeded
    assert (came.retry_at, came.tries) == (NOW + 1_000, 1)
    assert came.error_code == code


def test_the_schedule_goes_on_where_it_was() -> None:
    assert verdict(answer(500), tries=1).retry_at == NOW + 10_000


def test_an_exhausted_schedule_is_final() -> None:
    came = verdict(answer(500), tries=2)

    assert (came.succeeded, came.retry_at, came.tries) == (False, None, 3)


def test_the_default_schedule_starts_with_five_seconds_spread() -> None:
    came = verdict(answer(500), rule=None)

    assert came.retry_at is not None
    assert NOW + 4_000 <= came.retry_at <= NOW + 6_000


def test_429_does_not_count_as_a_try() -> None:
    came = verdict(answer(429), tries=2)

    assert came.tries == 2
    assert came.retry_at == NOW + 1_000


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_retry_after_is_obeyed_and_pauses_the_lane(status: int) -> None:
    came = verdict(answer(status, headers=[("Retry-After", "7")]))

    assert came.retry_at == NOW + 7_000
    assert came.health.not_before == NOW + 7_000


def test_retry_after_is_clamped_to_an_hour() -> None:
    assert verdict(answer(503, headers=[("Retry-After", "999999")])).retry_at == NOW + 3_600_000


def test_retry_after_of_another_status_is_ignored() -> None:
    assert verdict(answer(500, headers=[("Retry-After", "7")])).retry_at == NOW + 1_000


def test_410_disables_and_leaves_the_delivery_as_it_was() -> None:
    came = verdict(answer(410), tries=1)

    assert came.signal is Signal.GONE
    assert (came.retry_at, came.tries) == (NOW, 1)


@pytest.mark.parametrize("phase", [Phase.PARKED, Phase.PROBING])
def test_a_parked_lane_burns_no_schedule(phase: Phase) -> None:
    came = verdict(answer(500), tries=1, health=PARKED._replace(phase=phase))

    assert (came.retry_at, came.tries) == (NOW, 1)


def test_an_aborted_request_teaches_nothing() -> None:
    came = verdict(answer(None, "aborted"), tries=1)

    assert (came.retry_at, came.tries, came.health) == (NOW, 1, FRESH)


def test_what_could_not_be_signed_for_a_stored_secret_waits_for_its_endpoint_to_be_mended() -> None:
    came = verdict(answer(None, "secret_unreadable"), tries=1)

    assert not came.succeeded
    assert (came.retry_at, came.tries, came.health) == (NOW, 1, FRESH)
    assert (came.signal, came.error_code) == (Signal.UNREADABLE, "secret_unreadable")


def test_a_profile_that_is_not_there_waits_without_burning_the_schedule() -> None:
    came = verdict(answer(None, "profile_missing"), tries=1)
    assert (came.succeeded, came.retry_at, came.tries, came.health) == (False, NOW, 1, FRESH)
    assert (came.signal, came.error_code) == (Signal.PROFILE_MISSING, "profile_missing")
