"""Events, read and sent again: the stream of a tenant, single events, and where each stands at its endpoints.

A tenant's stream is in commit order, so that a consumer that keeps its place misses nothing and sees nothing twice.
Accepting events is `ingest`'s business.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from ringback.clock import Clock
from ringback.control.event_reach import Unreached, unreached
from ringback.control.numbering import Numbering
from ringback.control.paging import (
    READ_AT_ONCE,
    Page,
    PageRequest,
    checked_limit,
    decode_cursor,
    decode_number_cursor,
    encode_cursor,
    page_of,
    read_bounded,
)
from ringback.control.sending import STOPPED, Sending, SendingState, sendings
from ringback.control.tenants import required_tenant, sending_tenant
from ringback.model.attempt import FINAL_STATES, DeliveryState, Outcome
from ringback.model.endpoint import Endpoint, Ordering
from ringback.model.errors import Conflict, NotFound
from ringback.model.event import Delivery, Event
from ringback.policy.filter import FilterInput
from ringback.policy.missed import read_kept
from ringback.policy.wanted import filter_values
from ringback.profiles import Registry
from ringback.store.port import (
    EndpointProgress,
    Endpoints,
    EndpointSource,
    EventQuery,
    Log,
    Membership,
    NumberGiving,
    Resends,
    StoredEvent,
    Tenants,
    TrackedSets,
)

_EVENTS: Final = "events"
_DELIVERIES: Final = "deliveries"
_REACH: Final = "reach"
LOOKED_AT_MAX: Final = 512
"""Of the latest events, for those of one subject."""
ROWS_LOOKED_AT_MAX: Final = 8_000
"""In one step of a search, so that a page of what is rare takes no longer than others: some hundredths of a second."""
_APART_MS: Final = 60_000
"""So far two events may be out of the order of their times in a stream: what is accepted at once is stored as it comes,
and clocks of processes differ."""


class EventStore(Log, NumberGiving, Resends, Endpoints, EndpointSource, Tenants, TrackedSets, Protocol):
    """What these use cases need of a store."""


class EventFilter(NamedTuple):
    """Which events; None: all. Moments are milliseconds since 1970, `since` belongs to the span, `until` not."""

    type: str | None = None
    channel: str | None = None
    since: int | None = None
    until: int | None = None
    endpoint_id: str | None = None


class WaitingFor(StrEnum):
    """What has to happen before a delivery's time counts: its endpoint becomes active; the one before it in its order
    is done; the endpoint's pause ends or, where it is parked, a single request succeeds."""

    ENDPOINT = "endpoint"
    ORDER = "order"
    PAUSE = "pause"


class DeliveryStatus(NamedTuple):
    """Where one event stands at one endpoint. `attempts` counts the requests made.

    `next_attempt_at` (wall ms): when it can be sent at the earliest; past: it is due. None: no time is set.
    """

    endpoint_id: str
    state: DeliveryState
    attempts: int
    next_attempt_at: int | None
    last_status_code: int | None
    waiting_for: WaitingFor | None = None


class Reached(NamedTuple):
    """What an endpoint has of an event: where it stands there, or why it did not go there. `label` None: the endpoint
    was deleted."""

    endpoint_id: str
    label: str | None
    status: DeliveryStatus | None
    unreached: Unreached | None


class EventUseCases:
    """What can be done with events that were accepted. `kick` wakes the engine of this process, if there is one."""

    def __init__(self, store: EventStore, clock: Clock, profiles: Registry, kick: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._numbering = Numbering(store, clock, profiles)
        self._kick = kick

    def list(self, tenant_id: str, which: EventFilter, page: PageRequest, *, ascending: bool) -> Page[Event]:
        """Events by their place in the stream.

        Newest first the last page has no cursor. Oldest first (`ascending`) every page that is not empty has one,
        since more may come: go on from the last cursor that was not None. An empty one has one where only some events
        are wanted and others came: behind those. Raises Invalid, NotFound.
        """
        limit = checked_limit(page.limit)
        after = decode_number_cursor(_EVENTS, page.cursor)
        required_tenant(self._store, tenant_id)
        query = EventQuery(tenant_id=tenant_id, ascending=ascending, after=after, **which._asdict())

        def read(last: StoredEvent | None, count: int) -> Sequence[StoredEvent]:
            return self._store.list_events(query._replace(after=after if last is None else last.seq, limit=count))

        # Looked up first: what the stream has by now is looked at, or the page is full.
        end = self._store.stream_end(tenant_id) if ascending and any(value is not None for value in which) else 0
        rows, more = read_bounded(read, limit, _data_bytes)
        place = rows[-1].seq if rows and (more or ascending) else after or 0
        if not more:
            place = max(place, end)
        cursor = encode_cursor(_EVENTS, str(place)) if place != (after or 0) else None
        return Page([row.event for row in rows], cursor)

    def search(self, tenant_id: str, which: EventFilter, page: PageRequest) -> Page[Event]:
        """The same as `list`, newest first, but what takes long is done in pieces: a page may have fewer than `limit`,
        or none, and a cursor all the same. Raises as `list`."""
        limit = checked_limit(page.limit)
        place = decode_number_cursor(_EVENTS, page.cursor)
        required_tenant(self._store, tenant_id)
        if which.until is not None and which.until < self._clock.now_ms():
            begin = self._place_before(tenant_id, which.until + _APART_MS)
            place = begin if place is None else min(place, begin)
        query = EventQuery(tenant_id=tenant_id, **which._asdict())

        def read(last: StoredEvent | None, count: int) -> Sequence[StoredEvent]:
            nonlocal place
            after = place if last is None else last.seq
            rows, place = self._store.search_events(query._replace(after=after, limit=count), ROWS_LOOKED_AT_MAX)
            return rows

        rows, more = read_bounded(read, limit, _data_bytes)
        if more:
            place = rows[-1].seq
        elif place is not None and not self._reaches_back(tenant_id, place, which.since):
            place = None
        return Page([row.event for row in rows], None if place is None else encode_cursor(_EVENTS, str(place)))

    def _place_before(self, tenant_id: str, moment: int) -> int:
        """A place in the stream after which (newest first) come the events that were accepted before a moment; looked
        for by halves, since the stream is in the order of time but for what was accepted at once."""
        low, high = 0, self._store.stream_end(tenant_id) + 1
        while low < high:
            middle = (low + high + 1) // 2
            found = self._store.list_events(EventQuery(tenant_id, after=middle, limit=1))
            if not found or found[0].event.accepted_at < moment:
                low = middle
            else:
                high = found[0].seq
        return low

    def _reaches_back(self, tenant_id: str, place: int, since: int | None) -> bool:
        """Whether anything after this place (newest first) may have been accepted since that moment."""
        if since is None:
            return True
        found = self._store.list_events(EventQuery(tenant_id, after=place, limit=1))
        return bool(found) and found[0].event.accepted_at >= since - _APART_MS

    def about(self, tenant_id: str, subject_type: str, subject_id: str, count: int) -> Sequence[Event]:
        """Up to `count` events of a subject among the tenant's latest, newest first. Raises NotFound."""
        required_tenant(self._store, tenant_id)
        found: list[Event] = []
        query = EventQuery(tenant_id, limit=READ_AT_ONCE)
        for _ in range(LOOKED_AT_MAX // READ_AT_ONCE):
            rows = self._store.list_events(query)
            subject = subject_type, subject_id
            found += [row.event for row in rows if (row.event.subject_type, row.event.subject_id) == subject]
            if len(found) >= count or len(rows) < READ_AT_ONCE:
                break
            query = query._replace(after=rows[-1].seq)
        return found[:count]

    def get(self, tenant_id: str, event_id: str) -> Event:
        """Raises NotFound."""
        event = self._store.get_event(tenant_id, event_id)
        if event is None:
            raise NotFound("There is no such event; events are kept for the tenant's retention_days.")
        return event

    def deliveries(self, tenant_id: str, event_id: str, page: PageRequest) -> Page[DeliveryStatus]:
        """Where the event stands at each endpoint it was meant for, by endpoint id. Raises Invalid, NotFound."""
        limit = checked_limit(page.limit)
        after = decode_cursor(_DELIVERIES, page.cursor)
        self.get(tenant_id, event_id)
        statuses = self._statuses_after(tenant_id, event_id, after, limit + 1)
        return page_of(_DELIVERIES, statuses, limit, lambda status: status.endpoint_id)

    def reach(self, tenant_id: str, event_id: str, page: PageRequest) -> Page[Reached]:
        """To whom the event went and to whom not, and why not: each endpoint that it was meant for, and each other one
        that there is now, by id. Raises Invalid, NotFound."""
        limit = checked_limit(page.limit)
        after = decode_cursor(_REACH, page.cursor)
        event = self.get(tenant_id, event_id)
        went = {one.endpoint_id: one for one in self._statuses_after(tenant_id, event_id, after, limit + 1)}
        there = {one.id: one for one in self._store.list_endpoints(tenant_id, after, limit + 1)}
        names = sorted(went.keys() | there.keys())[: limit + 1]
        missed = self._unreached(event, [there[name] for name in names if name not in went])
        rows = [
            Reached(name, there[name].label if name in there else None, went.get(name), missed.get(name))
            for name in names
        ]
        return page_of(_REACH, rows, limit, lambda one: one.endpoint_id)

    def _unreached(self, event: Event, endpoints: Sequence[Endpoint]) -> dict[str, Unreached]:
        """Why each of these did not get it."""
        kept = read_kept(self._store.missed(event.tenant_id, event.id))
        asked: list[Membership] = []
        if event.subject_id is not None:
            names = {one.tracked_set for one in endpoints if one.tracked_set is not None and one.id not in kept.causes}
            asked = [Membership(event.tenant_id, name, event.subject_id) for name in sorted(names)]
        members = self._store.are_members(asked) if asked else set()
        made: list[FilterInput | None] = []

        def values() -> FilterInput | None:
            if not made:
                made.append(None if event.redacted else filter_values(event))
            return made[0]

        def is_member(name: str, member: str) -> bool:
            return Membership(event.tenant_id, name, member) in members

        return {one.id: unreached(one, event, kept, is_member, values) for one in endpoints}

    def _statuses_after(self, tenant_id: str, event_id: str, after: str | None, limit: int) -> Sequence[DeliveryStatus]:
        """The first `limit` by endpoint id, after the id `after`."""
        progress = self._store.progress(tenant_id, event_id)
        rows = [one for one in progress if after is None or one.endpoint_id > after]
        return self._statuses(tenant_id, event_id, rows[:limit])

    def delivery(self, tenant_id: str, event_id: str, endpoint_id: str) -> DeliveryStatus | None:
        """Where the event stands at one endpoint; None: it wasn't meant for it, or nothing is kept of it."""
        progress = self._store.progress(tenant_id, event_id)
        found = self._statuses(tenant_id, event_id, [one for one in progress if one.endpoint_id == endpoint_id])
        return found[0] if found else None

    def _statuses(self, tenant_id: str, event_id: str, rows: Sequence[EndpointProgress]) -> Sequence[DeliveryStatus]:
        now = self._clock.now_ms()
        pending = [one.endpoint_id for one in rows if one.pending is not None]
        endpoints = self._store.load_endpoints(pending) if pending else []
        lanes = sendings(self._store, endpoints, now) if endpoints else {}
        behind = _behind(endpoints, self._store.behind_others(tenant_id, event_id)) if endpoints else frozenset()

        def status(one: EndpointProgress) -> DeliveryStatus:
            if one.pending is None:
                return _ended(one)
            sending = lanes.get(one.endpoint_id, STOPPED)  # its endpoint may be deleted
            return _waiting(one, one.pending, sending, now, behind=one.endpoint_id in behind)

        return [status(one) for one in rows]

    def resend(self, tenant_id: str, event_id: str, endpoint_id: str | None = None) -> int:
        """Send the event again under its own id, to one endpoint or to all it was meant for that still exist.

        Returns how many deliveries were queued or, where one was waiting, brought forward. Raises NotFound, Conflict
        when its payload was removed, and WebhooksDisabled.
        """
        sending_tenant(self._store, tenant_id)
        event = self.get(tenant_id, event_id)
        if event.redacted:
            raise Conflict("The event's payload was removed: it can't be sent any more.", code="payload_redacted")
        if endpoint_id is None:
            meant = [one.endpoint_id for one in self._store.progress(tenant_id, event_id)]
            endpoints = self._store.load_endpoints(meant)
        elif (endpoint := self._store.get_endpoint(tenant_id, endpoint_id)) is None:
            raise NotFound("There is no such endpoint.")
        else:
            endpoints = [endpoint]
        if not endpoints:
            return 0
        if event.number is None and self._numbering.needed_by(endpoints):
            self._numbering.give(tenant_id, [event_id])
        endpoint_ids = [endpoint.id for endpoint in endpoints]
        queued = self._store.resend(tenant_id, event_id, endpoint_ids, self._clock.now_ms())
        self._kick()
        return queued


def _data_bytes(row: StoredEvent) -> int:
    return len(row.event.data) + len(row.event.previous or b"")


def _behind(endpoints: Sequence[Endpoint], behind_others: Sequence[str]) -> frozenset[str]:
    """Where an older delivery goes first: it matters only to endpoints with an order."""
    ordered = (endpoint.id for endpoint in endpoints if endpoint.ordering is not Ordering.NONE)
    return frozenset(ordered).intersection(behind_others)


def _waiting(
    progress: EndpointProgress, pending: Delivery, sending: Sending, now: int, *, behind: bool
) -> DeliveryStatus:
    next_at, waiting_for = _next_attempt(pending.due_at, sending, now, behind=behind)
    return DeliveryStatus(
        progress.endpoint_id,
        DeliveryState.PENDING,
        pending.attempts,
        next_at,
        progress.last_status_code,
        waiting_for,
    )


def _next_attempt(due_at: int, sending: Sending, now: int, *, behind: bool) -> tuple[int | None, WaitingFor | None]:
    """When a delivery can be sent at the earliest, if a time is set, and what it waits for besides."""
    if sending.state is SendingState.STOPPED:
        return None, WaitingFor.ENDPOINT
    if behind:
        return None, WaitingFor.ORDER
    if sending.until is not None and sending.until >= due_at:
        return sending.until, WaitingFor.PAUSE
    if sending.state is SendingState.PARKED and due_at <= now:
        return None, WaitingFor.PAUSE  # one is being tried, perhaps this one; what comes of it decides
    return due_at, None


def _ended(progress: EndpointProgress) -> DeliveryStatus:
    outcome = Outcome(progress.last_outcome) if progress.last_outcome is not None else Outcome.CANCELLED
    return DeliveryStatus(
        progress.endpoint_id, FINAL_STATES[outcome], progress.last_number, None, progress.last_status_code
    )
