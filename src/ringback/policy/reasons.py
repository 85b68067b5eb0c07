"""Why an endpoint does not get an event, in words for the people who wonder: one reason, the first that applies.

Says the same as `ingest.index` decides when an event is accepted, of the endpoint as it is now. Pure: who is in a
tracked set is asked of the caller.
"""

from collections.abc import Callable
from typing import NamedTuple

from ringback.model.endpoint import Endpoint, EndpointStatus
from ringback.model.event import Event
from ringback.policy.filter import FilterInput
from ringback.policy.wanted import filter_judges, filter_values, wants_kind, wants_told


class Reason(NamedTuple):
    """`kind` is one of `inactive`, `disabled_unverified`, `type`, `channel`, `tracked_set`, `filter`; `failed`: the
    filter could not be evaluated, and `message` says why."""

    kind: str
    message: str
    failed: bool = False


IsMember = Callable[[str, str], bool]
"""Whether a tracked set (its name) has a subject's id."""


def why(endpoint: Endpoint, event: Event, is_member: IsMember, values: FilterInput | None = None) -> Reason | None:
    """What keeps the event from the endpoint; None: nothing, it matches. `values` are `filter_values` of the event,
    for whoever asks about many endpoints."""
    return (
        _switched_off(endpoint)
        or _another_kind(endpoint, event)
        or _not_tracked(endpoint, event, is_member)
        or _filtered_out(endpoint, event, values)
    )


def _switched_off(endpoint: Endpoint) -> Reason | None:
    if endpoint.matches:
        return None
    if endpoint.status is EndpointStatus.INACTIVE:
        return Reason("inactive", "The endpoint is switched off.")
    return Reason("disabled_unverified", "The endpoint is disabled until it proves itself by its profile's handshake.")


def _another_kind(endpoint: Endpoint, event: Event) -> Reason | None:
    if wants_told(endpoint, event):
        return None
    if wants_kind(endpoint, event.type, event.channel):
        return Reason(
            "type", "Ringback's own events go to endpoints that name them, and never to the one they are about."
        )
    channels = endpoint.channels
    if channels is None or event.channel in channels:
        return Reason("type", f"{event.type} is none of the endpoint's event_types.")
    named = "The event has no channel" if event.channel is None else f"{event.channel} is none of its channels"
    return Reason("channel", f"{named}, and the endpoint wants events of some channels alone.")


def _not_tracked(endpoint: Endpoint, event: Event, is_member: IsMember) -> Reason | None:
    name = endpoint.tracked_set
    if name is None:
        return None
    if event.subject_id is None:
        return Reason("tracked_set", f"The event has no subject, and the endpoint follows the tracked set {name}.")
    if is_member(name, event.subject_id):
        return None
    return Reason("tracked_set", f"{event.subject_id} is not in the tracked set {name}.")


def _filtered_out(endpoint: Endpoint, event: Event, values: FilterInput | None) -> Reason | None:
    if endpoint.filter is None:
        return None
    if event.redacted:
        return Reason("filter", "The event's payload was removed: a filter matches nothing of it.")
    judgement = filter_judges(endpoint.filter, filter_values(event) if values is None else values)
    if judgement.failure is not None:
        return Reason("filter", judgement.failure, failed=True)
    return None if judgement.matched else Reason("filter", "The filter is false for this event.")
