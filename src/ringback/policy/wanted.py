"""Whether an endpoint wants an event: its filter on the event's own bytes, and its types and channels on their names.

What is asked of every event that is accepted, and of every event that a replay looks at, so that both answer the same.
A filter that fails, or can't be compiled any more, wants nothing. Pure; compiled filters are kept for a while.
"""

from functools import lru_cache
from typing import Final

from ringback.model.endpoint import Endpoint
from ringback.model.event import Event
from ringback.policy.filter import Filter, FilterInput, FilterRefused, Judgement, compile_filter, filter_input
from ringback.policy.json_value import value_of
from ringback.policy.match import pattern_matches
from ringback.policy.operations import SUBJECT, asked_for_by
from ringback.times import rfc3339

# A compiled filter takes 0.2 ms and 3 KiB or more, so it is made when it is first needed, and not kept for ever.
FILTERS_KEPT_MAX: Final = 10_000
_REFUSED: Final = Judgement(False, "This version doesn't take the filter any more. Save it again to see why.")


def wants_kind(endpoint: Endpoint, event_type: str, channel: str | None) -> bool:
    """Whether the endpoint asked for events of this type and channel, its filter apart."""
    if endpoint.channels is not None and channel not in endpoint.channels:
        return False
    return any(pattern_matches(pattern, event_type) for pattern in endpoint.event_types)


def wants_told(endpoint: Endpoint, event: Event) -> bool:
    """Whether the endpoint asked for events of this kind, its filter apart, and may be told of this one: Ringback's own
    only who names them, and nobody of itself."""
    if not wants_kind(endpoint, event.type, event.channel):
        return False
    if not event.operational:
        return True
    about_itself = event.subject_type == SUBJECT and event.subject_id == endpoint.id
    return not about_itself and not asked_for_by(event.type).isdisjoint(endpoint.event_types)


def filter_wants(text: str, values: FilterInput) -> bool:
    """Whether the filter `text` wants an event; `values` are `filter_values` of it."""
    return filter_judges(text, values).matched


def filter_judges(text: str, values: FilterInput) -> Judgement:
    """As `filter_wants`, and if that can't be said, why."""
    compiled = _compiled(text)
    return _REFUSED if compiled is None else compiled.judge(values)


def filter_values(event: Event) -> FilterInput:
    """The event as filters see it: made once, for all endpoints. Fields that weren't sent are null."""
    previous = None if event.previous is None else value_of(event.previous)
    return filter_input(described(event), value_of(event.data), previous)


def described(event: Event) -> dict[str, object]:
    """What rules see as `event`: what `policy.filter.EVENT_FIELDS` names."""
    subject = None if event.subject_type is None else {"type": event.subject_type, "id": event.subject_id}
    return {
        "id": event.id,
        "type": event.type,
        "channel": event.channel,
        "subject": subject,
        "change": event.change,
        "occurred_at": None if event.occurred_at is None else rfc3339(event.occurred_at),
        "ordering_key": event.ordering_key,
        "changed": None if event.changed is None else value_of(event.changed.encode()),
    }


@lru_cache(maxsize=FILTERS_KEPT_MAX)
def _compiled(text: str) -> Filter | None:
    try:
        return compile_filter(text)
    except FilterRefused:
        # It was checked when it was saved. If it is refused now, nothing is better than everything.
        return None
