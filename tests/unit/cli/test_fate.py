"""The sentences that say what became of an event, for fates that take too long to come by on a real server."""

from typing import Any

import pytest

from ringback.cli.fate import sentence, why_not_meant
from ringback.times import parse_rfc3339

NOW = "2026-11-21T12:00:00.000Z"
ACTIVE = {"id": "ep_1", "status": "active", "disable_reason": None, "ordering": "none"}
PARKED = {**ACTIVE, "sending": {"state": "parked", "until": None}}
PARKED_SINCE = "The endpoint failed so often that it is parked: only single requests go out until one succeeds"
PAUSED = (
    "pending: try 2 at 2026-11-21 12:05:10 at the earliest, last answer 429. "
    "The endpoint is paused, since it asked for that or has a rate"
)
TIMED_OUT = {"outcome": "failed", "status_code": None, "error": {"code": "timeout", "message": "No answer."}}

OVERDUE = (
    "pending: try 2 has been due since 2026-11-21 11:00:00, last error timeout (No answer). "
    "The endpoint is slow, or fails and is paused and tried with one request now and then "
    "(`ringback attempts list --endpoint ep_1` shows how it answers), or the server isn't sending"
)
BEHIND = (
    "pending: try 1 has been due since 2026-11-21 11:00:00. It goes out in order: an earlier event{} may still be "
    "tried and is waited for, or the endpoint is slow, or fails and is paused and tried with one request now and then "
    "(`ringback attempts list --endpoint ep_1` shows how it answers), or the server isn't sending"
)
DISABLED = (
    "pending. Nothing is sent, since the endpoint is disabled (It answered 410); "
    "`ringback endpoints activate ep_1` sends what waits"
)


def delivery(state: str, attempts: int = 2, next_at: str | None = None, status: int | None = None) -> dict[str, Any]:
    return {"state": state, "attempts": attempts, "next_attempt_at": next_at, "last_status_code": status}


@pytest.mark.parametrize(
    ("one", "endpoint", "last", "said"),
    [
        (delivery("delivered"), ACTIVE, None, "delivered after 2 tries"),
        (
            delivery("pending", 2, "2026-11-21T12:05:10.000Z", 503), ACTIVE, None,
            "pending: try 3 at 2026-11-21 12:05:10 (in 5 min), last answer 503",
        ),
        (delivery("pending", 0, NOW), ACTIVE, None, "pending: try 1 now"),
        (
            delivery("pending", 1, "2026-11-21T11:00:00.000Z"), ACTIVE, TIMED_OUT,
            OVERDUE,
        ),
        (
            delivery("pending", 0, "2026-11-21T11:00:00.000Z"), {**ACTIVE, "ordering": "strict"}, None,
            BEHIND.format(""),
        ),
        (
            delivery("pending", 0, "2026-11-21T11:00:00.000Z"), {**ACTIVE, "ordering": "subject"}, None,
            BEHIND.format(" of the same ordering key"),
        ),
        (
            delivery("pending", 1, NOW),
            {"id": "ep_1", "status": "disabled", "disable_reason": {"code": "gone", "message": "It answered 410."}},
            None,
            DISABLED,
        ),
        (
            delivery("pending", 0, NOW), {**ACTIVE, "status": "verification_pending"}, None,
            "pending. Nothing is sent, since the endpoint is not verified yet",
        ),
        (
            {**delivery("pending", 0), "waiting_for": "order"}, ACTIVE, None,
            "pending: an earlier event goes first, since the endpoint keeps an order",
        ),
        (
            {**delivery("pending", 1, "2026-11-21T12:05:10.000Z", 500), "waiting_for": "pause"}, PARKED, None,
            "pending: try 2 at 2026-11-21 12:05:10 at the earliest, last answer 500. " + PARKED_SINCE,
        ),
        (
            {**delivery("pending", 0), "waiting_for": "pause"}, PARKED, None,
            "pending: try 1 depends on the request that is being made. " + PARKED_SINCE,
        ),
        (
            {**delivery("pending", 1, "2026-11-21T12:05:10.000Z", 429), "waiting_for": "pause"},
            {**ACTIVE, "sending": {"state": "paused", "until": "2026-11-21T12:05:10.000Z"}},
            None,
            PAUSED,
        ),
        (delivery("pending", 0, NOW), None, None, "pending, but the endpoint was deleted: it will be cancelled"),
        (delivery("failed", 10), ACTIVE, TIMED_OUT, "failed after 10 tries, last error timeout (No answer)"),
        (
            delivery("failed", 1), ACTIVE, {"outcome": "failed", "error": {"code": "expired"}},
            "failed: it expired after 1 try, since events are kept no longer",
        ),
        (delivery("cancelled", 0), None, None, "cancelled after 0 tries: the endpoint was deleted"),
        (delivery("cancelled", 0), ACTIVE, None, "cancelled after 0 tries: it was taken from the queue"),
    ],
)  # fmt: skip
def test_a_sentence_names_the_state_and_the_cause(
    one: dict[str, Any], endpoint: dict[str, Any] | None, last: dict[str, Any] | None, said: str
) -> None:
    assert sentence(one, endpoint, last, parse_rfc3339(NOW)) == said


def test_what_was_cancelled_for_privacy_says_so() -> None:
    said = sentence(delivery("cancelled", 0), ACTIVE, None, parse_rfc3339(NOW), redacted=True)
    assert said == "cancelled after 0 tries: its payload was removed for privacy"


def test_why_an_event_was_not_meant_for_an_endpoint() -> None:
    missed = {"reason": {"kind": "inactive", "message": "The endpoint was switched off."}, "as_of": "accepted"}
    assert why_not_meant(missed) == "The endpoint was switched off."
    assert why_not_meant({**missed, "as_of": "now"}) == "As of now: The endpoint was switched off."
