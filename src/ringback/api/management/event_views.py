"""Events as they are answered: the caller's own bytes of `data` and `previous` between fields of ours.

The bytes are put in as they came, so numbers keep their digits and objects their order; they were checked to be JSON
when they were accepted. `EventView` is for OpenAPI alone.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from fastapi import Response
from pydantic import BaseModel, Field

from ringback.api.management.views import raw_answer
from ringback.control.paging import Page
from ringback.model.event import Event
from ringback.times import rfc3339


class SubjectView(BaseModel):
    type: str
    id: str


class EventView(BaseModel):
    id: str
    type: str
    data: Any = Field(description="As it was sent in, byte by byte; null where it was redacted.")
    channel: str | None
    subject: SubjectView | None
    change: str | None
    previous: Any
    changed: list[str] | None = Field(
        description="JSON pointers of what is different from `previous`, where a record's change made the event; where "
        'they are too many, one to the whole, `""`. null for others.'
    )
    origin: str | None = Field(
        description="What made it: `record` a record's change, a trigger's id that trigger, `ringback` Ringback's own "
        "work; null: it was posted."
    )
    ordering_key: str | None
    occurred_at: str | None
    deliver_at: str | None
    accepted_at: str
    deliveries: int = Field(description="How many endpoints it was meant for when it was accepted.")
    redacted: bool = Field(description="Its payload was removed for privacy.")


def event_answer(event: Event) -> Response:
    """One event."""
    return raw_answer(_document(event))


def events_answer(page: Page[Event]) -> Response:
    """A page of events."""
    return raw_answer({"items": _documents(page.items), "next_cursor": page.next_cursor})


def _documents(events: Sequence[Event]) -> list[dict[str, object]]:
    return [_document(event) for event in events]


def _document(event: Event) -> dict[str, object]:
    subject = None if event.subject_type is None else {"type": event.subject_type, "id": event.subject_id}
    return {
        "id": event.id,
        "type": event.type,
        "data": None if event.redacted else msgspec.Raw(event.data),
        "channel": event.channel,
        "subject": subject,
        "change": event.change,
        "previous": None if event.previous is None else msgspec.Raw(event.previous),
        "changed": None if event.changed is None else msgspec.Raw(event.changed.encode()),
        "origin": event.origin,
        "ordering_key": event.ordering_key,
        "occurred_at": _moment(event.occurred_at),
        "deliver_at": _moment(event.deliver_at),
        "accepted_at": rfc3339(event.accepted_at),
        "deliveries": event.deliveries,
        "redacted": event.redacted,
    }


def _moment(ms: int | None) -> str | None:
    return None if ms is None else rfc3339(ms)
