"""Events and the deliveries made of them: the rows of the hot path.

They are named tuples, not dataclasses, because one of each is made per delivery: a tuple costs a third and is
bound to SQL as it is. The order of the fields is the order of the columns in every store. Times are
milliseconds since 1970, UTC. `data` and `previous` are the caller's own bytes, never parsed again. `trace` is the
`traceparent` under which the event was accepted (`model.trace`), if it was under one. `changed` is a JSON array of the
JSON pointers (RFC 6901) of what is different from `previous`, where a record's change made the event. `origin` says
who made it: None a caller, RECORD a record's change, a trigger's id that trigger, OPERATIONS Ringback itself.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from ringback.model.endpoint import Endpoint, delivery_key

RECORD: Final = "record"
OPERATIONS: Final = "ringback"


MADE_FOR_ONE: Final = '"one"'
"""Kept of who missed an event that was made for one endpoint alone: a test, or what an endpoint begins with."""
TOO_MANY_MISSED: Final = '"many"'
"""Kept of who missed it where these are too many to keep one by one."""
NOBODY_MISSED: Final[Mapping[int, str]] = {}


class Event(NamedTuple):
    """One thing that happened. `ordering_key` is already resolved (the caller's own, else the subject, else None)."""

    tenant_id: str
    id: str
    type: str
    data: bytes
    channel: str | None
    subject_type: str | None
    subject_id: str | None
    change: str | None
    previous: bytes | None
    ordering_key: str | None
    occurred_at: int | None
    deliver_at: int | None
    accepted_at: int
    hops: int
    deliveries: int
    trace: str | None = None
    number: int | None = None
    changed: str | None = None
    origin: str | None = None

    @property
    def operational(self) -> bool:
        """Ringback tells of its own work. What becomes of such an event is never told in turn."""
        return self.origin == OPERATIONS

    @property
    def redacted(self) -> bool:
        """Its payload was removed for privacy: no bytes are no JSON, so nobody can have sent them in."""
        return not self.data


def payload_bytes(event: Event) -> int:
    """How much it brings: `data` and `previous`."""
    return len(event.data) if event.previous is None else len(event.data) + len(event.previous)


class NewDelivery(NamedTuple):
    """One event for one endpoint, about to be stored. `ordering_key` is None on endpoints without an order."""

    tenant_id: str
    endpoint_id: str
    event_id: str
    ordering_key: str | None
    due_at: int


def first_deliveries(endpoint: Endpoint, event: Event) -> list[NewDelivery]:
    """The delivery of the event that a new endpoint begins with; none where the event counts none."""
    key = delivery_key(endpoint.ordering, event.ordering_key)
    new = NewDelivery(event.tenant_id, endpoint.id, event.id, key, event.accepted_at)
    return [new] if event.deliveries else []


class Delivery(NamedTuple):
    """A delivery that is not finished.

    `seq` is its id, drawn by the store inside the inserting transaction and unique within the tenant.
    `attempts` counts every request (it is the guard of a settlement), `tries` the place in the schedule.
    """

    tenant_id: str
    endpoint_id: str
    event_id: str
    ordering_key: str | None
    due_at: int
    seq: int
    attempts: int
    tries: int


class DueDelivery(NamedTuple):
    """A delivery together with its event, as the engine fetches them."""

    delivery: Delivery
    event: Event
