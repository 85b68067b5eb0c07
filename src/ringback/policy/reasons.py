"""Why an endpoint does not get an event: one cause, the first that applies, and words of it for the people who wonder.

`why` says the same as `ingest.index` decides when an event is accepted, of the endpoint as it is now; where the two ask
the same they ask it here. Pure: who is in a tracked set is asked of the caller.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from ringback.model.endpoint import Endpoint, EndpointStatus
from ringback.model.event import Event
from ringback.policy.filter import FilterInput
from ringback.policy.match import pattern_matches
from ringback.policy.wanted import filter_judges, filter_values, wants_told

OWN_EVENT: Final = "own"
_UNVERIFIED: Final = "until it proves itself by its profile's handshake."
_OWN_WORDS: Final = "Ringback's own events go to endpoints that name them, and never to the one they are about."
_OF_SOME_CHANNELS: Final = "and the endpoint wants events of some channels alone."


class Cause(NamedTuple):
    """`kind` is one of `inactive`, `disabled_unverified`, `type`, `channel`, `tracked_set`, `filter`. `detail` is the
    name of the tracked set; why the filter could not be evaluated; OWN_EVENT where the endpoint asked for the type, but
    not for what Ringback tells of itself."""

    kind: str
    detail: str | None = None


class Reason(NamedTuple):
    """A cause in words. `failed`: the filter could not be evaluated, and `message` says why."""

    kind: str
    message: str
    failed: bool = False


IsMember = Callable[[str, str], bool]
"""Whether a tracked set (its name) has a subject's id."""


def why(endpoint: Endpoint, event: Event, is_member: IsMember, values: FilterInput | None = None) -> Reason | None:
    """What keeps the event from the endpoint; None: nothing, it matches. `values` are `filter_values` of the event,
    for whoever asks about many endpoints."""
    cause = switched_off(endpoint) or _another_kind(endpoint, event) or _not_tracked(endpoint, event, is_member)
    return _filtered_out(endpoint, event, values) if cause is None else words(cause, event)


def switched_off(endpoint: Endpoint) -> Cause | None:
    """Why an endpoint matches nothing; None: it does not."""
    if endpoint.matches:
        return None
    return Cause("inactive" if endpoint.status is EndpointStatus.INACTIVE else "disabled_unverified")


def of_another_kind(patterns: Sequence[str], channels: Sequence[str] | None, event: Event) -> Cause:
    """Why an endpoint that wants these types and channels does not want the kind of the event, if that is so."""
    if channels is not None and event.channel not in channels:
        return Cause("channel")
    named = event.operational and any(pattern_matches(pattern, event.type) for pattern in patterns)
    return Cause("type", OWN_EVENT if named else None)


def words(cause: Cause, event: Event, *, past: bool = False) -> Reason:
    """What the cause means for the event; `past`: of when it was accepted."""
    kind, detail = cause
    has_been, is_not = ("was", "was not") if past else ("is", "is not")
    match kind:
        case "inactive":
            message = f"The endpoint {has_been} switched off."
        case "disabled_unverified":
            message = f"The endpoint {has_been} disabled {_UNVERIFIED}"
        case "channel":
            had = "The event has no channel" if event.channel is None else f"{event.channel} is none of its channels"
            message = f"{had}, {_OF_SOME_CHANNELS}"
        case "tracked_set" if event.subject_id is None:
            message = f"The event has no subject, and the endpoint follows the tracked set {detail}."
        case "tracked_set":
            message = f"{event.subject_id} {is_not} in the tracked set {detail}."
        case "filter":
            return Reason(kind, detail or f"The filter {has_been} false for this event.", failed=detail is not None)
        case _:
            message = (
                _OWN_WORDS if detail == OWN_EVENT else f"{event.type} {has_been} none of the endpoint's event_types."
            )
    return Reason(kind, message)


def _another_kind(endpoint: Endpoint, event: Event) -> Cause | None:
    return None if wants_told(endpoint, event) else of_another_kind(endpoint.event_types, endpoint.channels, event)


def _not_tracked(endpoint: Endpoint, event: Event, is_member: IsMember) -> Cause | None:
    name = endpoint.tracked_set
    if name is None or (event.subject_id is not None and is_member(name, event.subject_id)):
        return None
    return Cause("tracked_set", name)


def _filtered_out(endpoint: Endpoint, event: Event, values: FilterInput | None) -> Reason | None:
    if endpoint.filter is None:
        return None
    if event.redacted:
        return Reason("filter", "The event's payload was removed: a filter matches nothing of it.")
    judgement = filter_judges(endpoint.filter, filter_values(event) if values is None else values)
    return None if judgement.matched else words(Cause("filter", judgement.failure), event)
