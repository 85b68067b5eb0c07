"""Notices: what Ringback has to tell of its own work, written down with that work until an event is made of it."""

from typing import NamedTuple


class Notice(NamedTuple):
    """`id` is that of the event to be; `type` its type (`policy.operations`). `data` is its data, JSON. `at`: when."""

    tenant_id: str
    id: str
    type: str
    endpoint_id: str | None
    at: int
    data: bytes
