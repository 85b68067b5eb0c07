"""The slots of the vocabulary: what of an event and an attempt a profile can put into a request, and in which form.

Each has a kind: `text`, `number`, `json` (as it came in) or `time`, which needs a format. A slot whose value isn't
there is None; what becomes of that is decided where it stands (`template`).
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import Enum
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from ringback.wire.message import Message


class Kind(Enum):
    """What a value is before it is written."""

    TEXT = "text"
    NUMBER = "number"
    JSON = "json"
    TIME = "time"


class Slot(NamedTuple):
    """One word of the vocabulary: what kind of value, what it means, and where it comes from."""

    kind: Kind
    meaning: str
    value: Callable[[Message], Any]


class Format(NamedTuple):
    """One way to write a time."""

    kind: Kind
    meaning: str
    write: Callable[[int], Any]


def _action(message: Message) -> str:
    return message.change or message.type.rpartition(".")[2]


def _entity(message: Message) -> str:
    return message.subject_type or message.type.rpartition(".")[0] or message.type


def _topic(message: Message) -> str:
    return message.type.partition(".")[0]


def _source(message: Message) -> str:
    return f"/tenants/{message.tenant_id}"


def _changed(message: Message) -> bytes | None:
    return None if message.changed is None else message.changed.encode()


def _event_url(message: Message) -> str:
    return f"{message.base_url}/v1/tenants/{message.tenant_id}/events/{message.id}"


def _record_url(message: Message) -> str | None:
    if message.subject_type is None or message.subject_id is None:
        return None
    place = "/".join(quote(part, safe="") for part in (message.subject_type, message.subject_id))
    return f"{message.base_url}/v1/tenants/{message.tenant_id}/records/{place}"


ALWAYS_THERE: Final = frozenset(
    (
        *("event_id", "event_type", "entity", "action", "topic", "attempt", "happened_at", "accepted_at", "sent_at"),
        *("endpoint_id", "tenant_id", "source", "event_url"),
    )
)
"""Slots that have a value for every message, so that a header made of one alone is never left out."""

SLOTS: Final[Mapping[str, Slot]] = {
    "event_id": Slot(Kind.TEXT, "the event's id, the same in every attempt", attrgetter("id")),
    "event_number": Slot(
        Kind.NUMBER, "a whole number below 2^53 that names the event in its tenant", attrgetter("number")
    ),
    "event_type": Slot(Kind.TEXT, "the event's type, such as contact.created", attrgetter("type")),
    "channel": Slot(Kind.TEXT, "the event's channel", attrgetter("channel")),
    "subject_type": Slot(Kind.TEXT, "the type of what the event is about", attrgetter("subject_type")),
    "subject_id": Slot(Kind.TEXT, "the id of what the event is about", attrgetter("subject_id")),
    "entity": Slot(Kind.TEXT, "the subject's type; without one the event's type up to its last dot", _entity),
    "topic": Slot(Kind.TEXT, "the event's type up to its first dot", _topic),
    "change": Slot(Kind.TEXT, "created, updated or deleted", attrgetter("change")),
    "action": Slot(Kind.TEXT, "the change; without one what stands behind the last dot of the event's type", _action),
    "data": Slot(Kind.JSON, "the event's data", attrgetter("data")),
    "previous": Slot(Kind.JSON, "the data before the change", attrgetter("previous")),
    "changed": Slot(
        Kind.JSON, "JSON pointers of what is different from the data before the change, as a list", _changed
    ),
    "attempt": Slot(Kind.NUMBER, "the number of this attempt, from 1", attrgetter("attempt")),
    "happened_at": Slot(Kind.TIME, "when it happened, else when it was accepted", attrgetter("happened_ms")),
    "accepted_at": Slot(Kind.TIME, "when the event was accepted", attrgetter("accepted_ms")),
    "sent_at": Slot(Kind.TIME, "when this attempt is made", attrgetter("sent_ms")),
    "endpoint_id": Slot(Kind.TEXT, "the endpoint's id", attrgetter("endpoint_id")),
    "tenant_id": Slot(Kind.TEXT, "the tenant's id", attrgetter("tenant_id")),
    "event_url": Slot(Kind.TEXT, "where the event can be fetched, by the server's public_url", _event_url),
    "record_url": Slot(Kind.TEXT, "the same of the record that the event is about, if it is kept as one", _record_url),
    "source": Slot(Kind.TEXT, "who tells it, as a URI reference: /tenants/ and the tenant's id", _source),
}


@lru_cache(64)
def _whole_second(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


@lru_cache(64)
def _iso_second(second: int) -> str:
    return _whole_second(second).isoformat()[:19]


def rfc3339(ms: int) -> str:
    """`2026-11-21T23:11:26.042Z`."""
    second, rest = divmod(ms, 1000)
    return f"{_iso_second(second)}.{rest:03d}Z"


TIME_FORMATS: Final[Mapping[str, Format]] = {
    "rfc3339": Format(Kind.TEXT, "2026-11-21T23:11:26.042Z", rfc3339),
    "rfc3339_seconds": Format(Kind.TEXT, "2026-11-21T23:11:26Z", lambda ms: f"{_iso_second(ms // 1000)}Z"),
    "iso8601_offset": Format(Kind.TEXT, "2026-11-21T23:11:26+0000", lambda ms: f"{_iso_second(ms // 1000)}+0000"),
    "http_date": Format(
        Kind.TEXT, "Sat, 21 Nov 2026 23:11:26 GMT", lambda ms: format_datetime(_whole_second(ms // 1000), usegmt=True)
    ),
    "unix_seconds": Format(Kind.NUMBER, "whole seconds since 1970", lambda ms: ms // 1000),
    "unix_milliseconds": Format(Kind.NUMBER, "milliseconds since 1970", lambda ms: ms),
}
