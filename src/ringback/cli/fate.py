"""What became of an event, in one plain sentence an endpoint; also for endpoints that it was not meant for.

Pure: facts of the API in, text out. This is the answer to "why didn't it arrive?", so a sentence names the cause and,
where there is something to do, the command that does it.
"""

from typing import Any, Final

from ringback.cli.shown import counted, moment, span
from ringback.times import parse_rfc3339

OVERDUE_MS: Final = 30_000
"""Due for so long and not sent yet: then something is in the way."""

STYLES: Final = {"delivered": "green", "pending": "yellow", "failed": "red", "cancelled": "dim"}

Json = dict[str, Any]


def sentence(
    delivery: Json,
    endpoint: Json | None,
    last: Json | None,
    now_ms: int,
    *,
    redacted: bool = False,
    enabled: bool = True,
) -> str:
    """Where an event stands at one endpoint.

    `endpoint` is None when it is deleted, `last` the latest attempt if it could be found; of a `redacted` event the
    payload was removed; `enabled`: the tenant's webhooks are on.
    """
    tries = counted(delivery["attempts"], "try", "tries")
    match delivery["state"]:
        case "delivered":
            at = f" at {moment(last['at'])}" if last and last["outcome"] == "succeeded" else ""
            return f"delivered{at} after {tries}"
        case "pending" if endpoint is not None and not enabled:
            return (
                f"pending{_last_answer(delivery, last)}. Nothing is sent while the tenant's webhooks are switched off"
            )
        case "pending":
            return _pending(delivery, endpoint, last, now_ms)
        case "failed" if last is not None and (last["error"] or {}).get("code") == "expired":
            return f"failed: it expired after {tries}, since events are kept no longer"
        case "failed":
            return f"failed after {tries}{_last_answer(delivery, last)}"
        case _:
            why = "its payload was removed for privacy" if redacted else "it was taken from the queue"
            why = "the endpoint was deleted" if endpoint is None else why
            return f"{delivery['state']} after {tries}: {why}"


def why_not_meant(missed: Json) -> str:
    """Why an event was not meant for an endpoint, of what the event's reach says of it."""
    message = str(missed["reason"]["message"])
    return f"As of now: {message}" if missed["as_of"] == "now" else message


def _pending(delivery: Json, endpoint: Json | None, last: Json | None, now_ms: int) -> str:
    number, due = delivery["attempts"] + 1, delivery["next_attempt_at"]
    answer = _last_answer(delivery, last)
    if endpoint is None:
        return f"pending{answer}, but the endpoint was deleted: it will be cancelled"
    if endpoint["status"] != "active":
        return f"pending{answer}. Nothing is sent, since the endpoint is {_stopped(endpoint)}"
    if delivery.get("waiting_for") == "order":
        return f"pending: an earlier event goes first, since the endpoint keeps an order{answer}"
    if delivery.get("waiting_for") == "pause":
        return _paused(number, due, endpoint, answer)
    late_ms = now_ms - parse_rfc3339(due) if due else 0
    if late_ms > OVERDUE_MS:
        return f"pending: try {number} has been due since {moment(due)}{answer}. {_in_the_way(endpoint)}"
    when = f"at {moment(due)} (in {span(-late_ms)})" if late_ms < -1_000 else "now"
    return f"pending: try {number} {when}{answer}"


def _paused(number: int, due: str | None, endpoint: Json, answer: str) -> str:
    """Why nothing goes to the endpoint for now, and what ends that."""
    at = f"at {moment(due)} at the earliest" if due else "depends on the request that is being made"
    if endpoint.get("sending", {}).get("state") == "parked":
        why = "The endpoint failed so often that it is parked: only single requests go out until one succeeds"
    else:
        why = "The endpoint is paused, since it asked for that or has a rate"
    return f"pending: try {number} {at}{answer}. {why}"


def _in_the_way(endpoint: Json) -> str:
    """What may hold up what is due. The API tells how an endpoint's events are ordered, and not what goes before."""
    look = f"(`ringback attempts list --endpoint {endpoint['id']}` shows how it answers)"
    sending = "or the server isn't sending"
    failing = f"the endpoint is slow, or fails and is paused and tried with one request now and then {look}"
    match endpoint["ordering"]:
        case "strict":
            return (
                f"It goes out in order: an earlier event may still be tried and is waited for, or {failing}, {sending}"
            )
        case "subject":
            return (
                "It goes out in order: an earlier event of the same ordering key may still be tried and is waited for, "
                f"or {failing}, {sending}"
            )
        case _:
            return f"{failing[:1].upper()}{failing[1:]}, {sending}"


def _stopped(endpoint: Json) -> str:
    """Its status, why, and what to do."""
    reason = endpoint.get("disable_reason")
    why = f" ({reason['message'].removesuffix('.')})" if reason else ""
    if endpoint["status"] == "verification_pending":
        return f"not verified yet{why}"
    return f"{endpoint['status']}{why}; `ringback endpoints activate {endpoint['id']}` sends what waits"


def _last_answer(delivery: Json, last: Json | None) -> str:
    """How the last try went, as it goes on a sentence: `, last answer 503`; or ""."""
    if last is not None and last.get("status_code") is None and last.get("error"):
        return f", last error {last['error']['code']} ({last['error']['message'].removesuffix('.')})"
    if delivery["last_status_code"] is not None:
        return f", last answer {delivery['last_status_code']}"
    return ""
