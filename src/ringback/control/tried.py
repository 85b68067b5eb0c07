"""What rules are tried on: an event as it would be if it were posted, and changes of records, of states or of events.

Checks what a caller sends as `ingest` does, where rules could tell the difference. Raises Invalid. Stores nothing.
"""

from typing import NamedTuple

import msgspec

from ringback.clock import Clock
from ringback.control.findings import Findings
from ringback.model.event import RECORD, Event
from ringback.model.limits import INDEXED_TEXT_BYTES_MAX, RECORD_TYPE_CHARS_MAX
from ringback.policy.match import valid_event_type
from ringback.policy.ordering import key_of_subject
from ringback.policy.record_change import differences, members_of, object_of, told
from ringback.policy.trigger import Change

_NO_DATA = b"null"


class PostedEvent(NamedTuple):
    """An event as a caller would post it. `data` and `previous` are JSON."""

    type: str
    data: bytes
    id: str | None = None
    channel: str | None = None
    subject: tuple[str, str] | None = None
    change: str | None = None
    previous: bytes | None = None
    occurred_at: int | None = None
    ordering_key: str | None = None


class TriedRecord(NamedTuple):
    """A record in two states, each a JSON object or None: it is new, or deleted."""

    type: str
    previous: bytes | None
    data: bytes | None
    id: str = "1"


def event_of(tenant_id: str, posted: PostedEvent, clock: Clock) -> Event:
    """The event that this would be."""
    findings = Findings()
    if not valid_event_type(posted.type):
        findings.add("event.type", "must be words with dots between them, such as contact.created")
    subject = {} if posted.subject is None else dict(zip(("subject.type", "subject.id"), posted.subject, strict=True))
    named = {"channel": posted.channel, "ordering_key": posted.ordering_key, **subject}
    for name, text in named.items():
        if text is not None:
            findings.text(f"event.{name}", text, empty=False)
    findings.raise_if_any()
    key = posted.ordering_key
    if key is None and posted.subject is not None:
        key = key_of_subject(*posted.subject)
    return _event(tenant_id, posted, posted.subject or (None, None), key, clock)


def _event(
    tenant_id: str, posted: PostedEvent, subject: tuple[str | None, str | None], key: str | None, clock: Clock
) -> Event:
    return Event(
        tenant_id=tenant_id,
        id=posted.id or clock.new_id("evt"),
        type=posted.type,
        data=posted.data,
        channel=posted.channel,
        subject_type=subject[0],
        subject_id=subject[1],
        change=posted.change,
        previous=posted.previous,
        ordering_key=key,
        occurred_at=posted.occurred_at,
        deliver_at=None,
        accepted_at=clock.now_ms(),
        hops=0,
        deliveries=0,
    )


def change_between(tenant_id: str, record: TriedRecord, clock: Clock) -> Change:
    """The change from one state to the other; what is `changed` is none when they are the same."""
    findings = Findings()
    if not valid_event_type(record.type) or len(record.type) > RECORD_TYPE_CHARS_MAX:
        findings.add("record.type", "is not a record type")
    if not record.id or len(record.id.encode()) > INDEXED_TEXT_BYTES_MAX:
        findings.add("record.id", f"must be from 1 to {INDEXED_TEXT_BYTES_MAX} bytes long")
    for name, state in (("previous", record.previous), ("data", record.data)):
        if state is not None and state[:1] != b"{":
            findings.add(f"record.{name}", "must be an object, or null")
    if record.previous is None and record.data is None:
        findings.add("record.data", "must not be null when previous is: then there is no record")
    findings.raise_if_any()
    before, after = record.previous, record.data
    change = "created" if before is None else "deleted" if after is None else "updated"
    if before is None or after is None:
        pointers = members_of(object_of(after or before or b"{}"))
    else:
        pointers = differences(object_of(before), object_of(after))
    posted = PostedEvent(
        f"{record.type}.{change}",
        after or before or _NO_DATA,
        subject=(record.type, record.id),
        change=change,
        previous=before,
    )
    changed = msgspec.json.encode(told(pointers)).decode()
    event = event_of(tenant_id, posted, clock)._replace(changed=changed, origin=RECORD)
    return Change(event, before, after)


def change_of(event: Event) -> Change | None:
    """The change that the event tells of; None for another event, and where its payload was removed. Where events of
    its type carry some fields alone, it is a change of these."""
    if event.origin != RECORD or event.redacted:
        return None
    before = None if event.change == "created" else event.previous
    return Change(event, before, None if event.change == "deleted" else event.data)
