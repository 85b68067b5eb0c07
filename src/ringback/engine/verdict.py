"""What an answer means for its delivery: finished, tried again and when, and what the lane learns. Pure.

The one retry rule of Ringback is put together here from `policy.retry` (the schedule) and `policy.health` (the
lane). Attempts made while the lane is parked, throttled ones (429), aborted ones, a 410 and those that could not be
made, because a stored secret doesn't open or the profile is not there, don't burn the schedule.
"""

from typing import Final, NamedTuple

from ringback.engine.ports import InboundResponse
from ringback.model.endpoint import RetryRule
from ringback.model.tuples import make_tuple
from ringback.policy import health as health_policy
from ringback.policy.health import Health, Phase, Result, Signal
from ringback.policy.retry import Answer, classify, retry_after_s, retry_delay_s

ABORTED: Final = "aborted"
NOT_SENT: Final = {"secret_unreadable": Signal.UNREADABLE, "profile_missing": Signal.PROFILE_MISSING}
"""Codes of requests that could not be made, and whose fault it is: the endpoint is given up until that is mended."""

THROTTLED_S: Final = 1.0
REASONS_TO_GIVE_UP: Final = {
    Signal.GONE: ("gone", "The receiver answered 410 Gone."),
    Signal.FAILING_TOO_LONG: ("failing_too_long", "Every attempt of the last 5 days failed."),
    Signal.UNREADABLE: (
        "secret_unreadable",
        "A stored secret or credential can't be read. Rotate the secret or set the credentials anew, then activate.",
    ),
    Signal.PROFILE_MISSING: (
        "profile_missing",
        "Its profile or its signature is not there any more. Put the profile back or choose another, then activate.",
    ),
}
"""By what says so: the code and the text that the disabled endpoint shows."""


class Verdict(NamedTuple):
    """`retry_at` None finishes the delivery. `error_code` and `error_message` explain a failure for the log."""

    succeeded: bool
    retry_at: int | None
    tries: int
    health: Health
    signal: Signal | None
    error_code: str | None
    error_message: str | None


def judge(
    response: InboundResponse,
    health: Health,
    rule: RetryRule | None,
    tries: int,
    *,
    cap: int,
    now_ms: int,
    chance: float,
) -> Verdict:
    """`tries` is the delivery's place in the schedule before this attempt; `now_ms` when the answer was here."""
    if response.error_code == ABORTED:
        return Verdict(False, now_ms, tries, health, None, response.error_code, response.error_message)
    if response.error_code in NOT_SENT:
        trouble = NOT_SENT[response.error_code]
        return Verdict(False, now_ms, tries, health, trouble, response.error_code, response.error_message)
    answer = classify(response.status)
    asked_s = None
    if answer in (Answer.THROTTLED, Answer.BUSY):
        asked_s = retry_after_s(response.headers, now_ms)
    result = make_tuple(Result, (answer, response.timings.total / 1000.0, asked_s, tries == 0))
    after, signal = health_policy.after(health, result, now_ms, cap, chance)
    if answer is Answer.SUCCESS:
        return make_tuple(Verdict, (True, None, tries + 1, after, signal, None, None))
    code, message = _explain(response)
    if answer is Answer.GONE or health.phase is not Phase.OPEN:
        # It waits with the lane.
        return Verdict(False, now_ms, tries, after, signal, code, message)
    if answer is Answer.THROTTLED:
        wait_s = THROTTLED_S if asked_s is None else asked_s
        return Verdict(False, now_ms + int(1000 * wait_s), tries, after, signal, code, message)
    delay_s = retry_delay_s(rule, tries + 1, chance)
    retry_at = None if delay_s is None else now_ms + int(1000 * max(delay_s, asked_s or 0.0))
    return Verdict(False, retry_at, tries + 1, after, signal, code, message)


def _explain(response: InboundResponse) -> tuple[str, str]:
    if response.status is None:
        return response.error_code or "bad_response", response.error_message or "The request failed."
    status = response.status
    if 300 <= status < 400:
        return "redirect", f"The receiver answered {status}. Redirects are never followed: register the final URL."
    if status == 410:
        return "gone", "The receiver answered 410 Gone: the endpoint is disabled."
    return "bad_status", f"The receiver answered {status}; 2xx is success."
