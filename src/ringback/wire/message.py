"""What goes into a contract and what comes out of it: values without behaviour."""

from typing import Final, NamedTuple

make_tuple: Final = tuple.__new__
"""Make a named tuple: its own constructor costs three times as much, and this runs for every request."""


class Message(NamedTuple):
    """One attempt to deliver one event, as a contract sees it. Times are milliseconds since 1970, UTC.

    `id` and `type` are what the API accepted (no full stop in the id, which delimits some signed contents); `data` and
    `previous` are JSON as it came in, UTF-8; `happened_ms` is when it happened, `sent_ms` when this attempt is made,
    `attempt` its number from 1. `number` is a name for the event that is a whole number; `changed` a JSON array of the
    JSON pointers of what is different from `previous`. None: there is none. `base_url` is where Ringback's own API is,
    without a slash at its end.
    """

    id: str
    type: str
    data: bytes
    happened_ms: int
    sent_ms: int
    attempt: int = 1
    tenant_id: str = ""
    endpoint_id: str = ""
    number: int | None = None
    channel: str | None = None
    subject_type: str | None = None
    subject_id: str | None = None
    change: str | None = None
    previous: bytes | None = None
    accepted_ms: int = 0
    changed: str | None = None
    base_url: str = ""


class Rendered(NamedTuple):
    """One request, signed. `headers` are (name, value) in the order and case they go out; `body` is what was signed.

    Unless `whole`, the body is `head` + the event's data + `tail`, so that a log needn't keep the payload twice.
    """

    headers: list[tuple[str, str]]
    body: bytes
    head: bytes
    tail: bytes
    whole: bool
