"""Alerts: the events that a subscription is told of, for whoever fetches them.

A subscription is an endpoint of a contract that names events by number. It sees the events that were accepted since it
was made and that it asks for (types, channels, filter and tracked set, as they are now), whether they were sent to it
or not: while it is disabled, waits for its verification or has no URL at all they are here. Nothing is written for
that when an event is accepted; the log of events is read by pages of keys when somebody asks. Reads only.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from ringback.control.contracts import contract_of
from ringback.control.paging import (
    PAGE_BYTES_MAX,
    READ_AT_ONCE,
    Page,
    PageRequest,
    checked_limit,
    decode_number_cursor,
    encode_cursor,
)
from ringback.control.tracked_sets import told_of
from ringback.model.endpoint import Endpoint
from ringback.model.errors import NotFound
from ringback.model.event import Event, payload_bytes
from ringback.numbers import NUMBER_MAX
from ringback.policy.wanted import filter_values, filter_wants, wants_told
from ringback.profiles import Registry
from ringback.store.port import EventQuery, Log, TrackedSets
from ringback.wire.message import Message

LOOKED_AT_MAX: Final = 1_000
"""Of a page, where a filter or a set refuses so many: it ends early then, and its cursor goes on behind them."""

_LIST: Final = "alerts"


class AlertStore(Log, TrackedSets, Protocol):
    """What these use cases need of a store."""


class Alert(NamedTuple):
    """An event as a subscription is told of it. `thin` is the body that its contract sends."""

    subscription: Endpoint
    event: Event
    thin: bytes


class AlertUseCases:
    """What can be done with alerts."""

    def __init__(self, store: AlertStore, profiles: Registry, base_url: str = "") -> None:
        self._store = store
        self._base_url = base_url
        self._profiles = profiles

    def get(self, tenant_id: str, number: int, subscriptions: Sequence[Endpoint]) -> Alert:
        """The alert of this number, as the first of the tenant's subscriptions that sees it is told. Raises NotFound.

        What was sent to one it sees too: a test, or an older event that was replayed.
        """
        event = self._store.event_by_number(tenant_id, number) if 0 <= number <= NUMBER_MAX else None
        if event is not None:
            seeing = next((one for one in subscriptions if self._seen(one, [event])), None)
            if seeing is None:
                sent_to = {one.endpoint_id for one in self._store.progress(tenant_id, event.id)}
                seeing = next((one for one in subscriptions if one.id in sent_to), None)
            if seeing is not None:
                return self._alert(seeing, event)
        raise NotFound("There is no such alert; alerts are kept for the tenant's retention_days.")

    def list(self, subscription: Endpoint, page: PageRequest) -> Page[Alert]:
        """What the subscription sees, oldest first. Raises Invalid.

        Every page has a cursor unless nothing follows at all, since more may come: go on from the last one that was not
        None. A page may have fewer alerts than asked for, or none, and a cursor all the same.
        """
        limit = checked_limit(page.limit)
        place = decode_number_cursor(_LIST, page.cursor)
        query = EventQuery(
            subscription.tenant_id,
            since=subscription.created_at,
            ascending=True,
            patterns=subscription.event_types,
            channels=subscription.channels,
        )
        found: list[Event] = []
        size = looked_at = 0
        while len(found) < limit and size < PAGE_BYTES_MAX and looked_at < LOOKED_AT_MAX:
            step = min(READ_AT_ONCE, limit - len(found))
            rows = self._store.list_events(query._replace(after=place, limit=step))
            looked: list[Event] = []
            for seq, event in rows:
                place = seq
                looked_at += 1
                size += payload_bytes(event)
                looked.append(event)
                if size >= PAGE_BYTES_MAX:
                    break
            found += self._seen(subscription, looked)
            if len(rows) < step:
                break
        cursor = encode_cursor(_LIST, str(place)) if looked_at else None
        return Page([self._alert(subscription, event) for event in found], cursor)

    def _seen(self, subscription: Endpoint, events: Sequence[Event]) -> Sequence[Event]:
        return told_of(self._store, subscription, [event for event in events if _asks_for(subscription, event)])

    def _alert(self, subscription: Endpoint, event: Event) -> Alert:
        happened_ms = event.occurred_at if event.occurred_at is not None else event.accepted_at
        message = Message(
            event.id, event.type, event.data, happened_ms, event.accepted_at, tenant_id=event.tenant_id,
            endpoint_id=subscription.id, number=event.number, channel=event.channel, subject_type=event.subject_type,
            subject_id=event.subject_id, change=event.change, previous=event.previous, accepted_ms=event.accepted_at,
            changed=event.changed, base_url=self._base_url,
        )  # fmt: skip
        return Alert(subscription, event, contract_of(self._profiles, subscription).body(message))


def _asks_for(subscription: Endpoint, event: Event) -> bool:
    """Whether the subscription is told of the event if it is about one of its objects. An event without a number is
    older than the first of them."""
    if event.number is None or event.accepted_at < subscription.created_at:
        return False
    if not wants_told(subscription, event):
        return False
    if subscription.filter is None:
        return True
    return not event.redacted and filter_wants(subscription.filter, filter_values(event))
