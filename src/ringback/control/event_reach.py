"""Why an event did not go to an endpoint: what was kept when it was accepted, or what can be said now.

Pure: facts in, a reason out. What was kept is of then, and nothing changes it. Where nothing was kept (the event is of
an earlier version, or too many missed it) the endpoint, its filter and its tracked set are looked at as they are now,
which may be otherwise than they were; `as_of` says which of the two it is.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple

from ringback.model.endpoint import Endpoint
from ringback.model.event import Event
from ringback.policy.filter import FilterInput
from ringback.policy.missed import KeptReasons
from ringback.policy.reasons import Reason, why, words
from ringback.times import rfc3339

_ALONE: Final = Reason("made_for_one", "The event was made for one endpoint alone, as tests are.")
_CHANGED: Final = Reason(
    "changed_since", "It did not match when the event was accepted; as the endpoint is now, it would."
)


class AsOf(StrEnum):
    """Of when a reason tells: of when the event was accepted, or of now."""

    ACCEPTED = "accepted"
    NOW = "now"


class Unreached(NamedTuple):
    """Why an endpoint has nothing of an event."""

    reason: Reason
    as_of: AsOf


def unreached(
    endpoint: Endpoint,
    event: Event,
    kept: KeptReasons,
    is_member: Callable[[str, str], bool],
    values: Callable[[], FilterInput | None],
) -> Unreached:
    """Why the event is not for the endpoint. `values` gives `filter_values` of it, once they are needed (None: its
    payload was removed)."""
    cause = kept.causes.get(endpoint.id)
    if cause is not None:
        return Unreached(words(cause, event, past=True), AsOf.ACCEPTED)
    if kept.made_for_one:
        return Unreached(_ALONE, AsOf.ACCEPTED)
    if endpoint.created_at > event.accepted_at:
        at = rfc3339(endpoint.created_at)
        return Unreached(Reason("registered_later", f"The endpoint was registered later, at {at}."), AsOf.ACCEPTED)
    return Unreached(why(endpoint, event, is_member, values()) or _CHANGED, AsOf.NOW)
