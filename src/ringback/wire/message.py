"""What goes into a contract and what comes out of it: values without behaviour."""

from typing import NamedTuple


class Message(NamedTuple):
    """One event as a contract sees it.

    `id` and `type` are what the API accepted (no full stop in the id, which delimits the signed content), `data` is
    the JSON as it came in, UTF-8; `timestamp` is when it happened, RFC 3339 in UTC.
    """

    id: str
    type: str
    data: bytes
    timestamp: str


class Rendered(NamedTuple):
    """One request, signed. `headers` are (name, value) in the order and case they go out; `body` is what was signed.

    Unless `whole`, the body is `head` + the event's data + `tail`, so that a log needn't keep the payload twice.
    """

    headers: list[tuple[str, str]]
    body: bytes
    head: bytes
    tail: bytes
    whole: bool
