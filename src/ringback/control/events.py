"""Events, read and sent again: the stream of a tenant, single events, and where each stands at its endpoints.

A tenant's stream is in commit order, so that a consumer that keeps its place misses nothing and sees nothing twice.
Accepting events is `ingest`'s business.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from ringback.clock import Clock
from ringback.control.paging import (
    Page,
    PageRequest,
    checked_limit,
    decode_cursor,
    decode_number_cursor,
    encode_cursor,
    page_of,
    read_bounded,
)
from ringback.control.tenants import required_tenant
from ringback.model.attempt import FINAL_STATES, DeliveryState, Outcome
from ringback.model.errors import Conflict, NotFound
from ringback.model.event import Event
from ringback.store.port import (
    EndpointProgress,
    Endpoints,
    EndpointSource,
    EventQuery,
    Log,
    Resends,
    StoredEvent,
    Tenants,
)

_EVENTS: Final = "events"
_DELIVERIES: Final = "deliveries"


class EventStore(Log, Resends, Endpoints, EndpointSource, Tenants, Protocol):
    """What these use cases need of a store."""


class EventFilter(NamedTuple):
    """Which events; None: all. Moments are milliseconds since 1970, `since` belongs to the span, `until` not."""

    type: str | None = None
    channel: str | None = None
    since: int | None = None
    until: int | None = None
    endpoint_id: str | None = None


class DeliveryStatus(NamedTuple):
    """Where one event stands at one endpoint. `attempts` counts the requests made."""

    endpoint_id: str
    state: DeliveryState
    attempts: int
    next_attempt_at: int | None
    last_status_code: int | None


class EventUseCases:
    """What can be done with events that were accepted. `kick` wakes the engine of this process, if there is one."""

    def __init__(self, store: EventStore, clock: Clock, kick: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._kick = kick

    def list(self, tenant_id: str, which: EventFilter, page: PageRequest, *, ascending: bool) -> Page[Event]:
        """Events by their place in the stream.

        Newest first the last page has no cursor. Oldest first (`ascending`) every page that is not empty has one,
        since more may come: go on from the last cursor that was not None. Raises Invalid, NotFound.
        """
        limit = checked_limit(page.limit)
        after = decode_number_cursor(_EVENTS, page.cursor)
        required_tenant(self._store, tenant_id)
        query = EventQuery(tenant_id=tenant_id, ascending=ascending, after=after, **which._asdict())

        def read(last: StoredEvent | None, count: int) -> Sequence[StoredEvent]:
            return self._store.list_events(query._replace(after=after if last is None else last.seq, limit=count))

        rows, more = read_bounded(read, limit, _data_bytes)
        cursor = encode_cursor(_EVENTS, str(rows[-1].seq)) if rows and (more or ascending) else None
        return Page([row.event for row in rows], cursor)

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
        progress = self._store.progress(tenant_id, event_id)
        rows = [_status(one) for one in progress if after is None or one.endpoint_id > after]
        return page_of(_DELIVERIES, rows[: limit + 1], limit, lambda status: status.endpoint_id)

    def resend(self, tenant_id: str, event_id: str, endpoint_id: str | None = None) -> int:
        """Send the event again under its own id, to one endpoint or to all it was meant for that still exist.

        Returns how many deliveries were queued or, where one was waiting, brought forward. Raises NotFound, or Conflict
        when its payload was removed.
        """
        if self.get(tenant_id, event_id).redacted:
            raise Conflict("The event's payload was removed: it can't be sent any more.", code="payload_redacted")
        if endpoint_id is None:
            meant = [one.endpoint_id for one in self._store.progress(tenant_id, event_id)]
            endpoint_ids = [endpoint.id for endpoint in self._store.load_endpoints(meant)]
        elif self._store.get_endpoint(tenant_id, endpoint_id) is None:
            raise NotFound("There is no such endpoint.")
        else:
            endpoint_ids = [endpoint_id]
        if not endpoint_ids:
            return 0
        queued = self._store.resend(tenant_id, event_id, endpoint_ids, self._clock.now_ms())
        self._kick()
        return queued


def _data_bytes(row: StoredEvent) -> int:
    return len(row.event.data) + len(row.event.previous or b"")


def _status(progress: EndpointProgress) -> DeliveryStatus:
    pending = progress.pending
    if pending is not None:
        return DeliveryStatus(
            progress.endpoint_id, DeliveryState.PENDING, pending.attempts, pending.due_at, progress.last_status_code
        )
    outcome = Outcome(progress.last_outcome) if progress.last_outcome is not None else Outcome.CANCELLED
    return DeliveryStatus(
        progress.endpoint_id, FINAL_STATES[outcome], progress.last_number, None, progress.last_status_code
    )
