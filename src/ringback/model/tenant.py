"""Tenants and the keys that act for them. Plain values; a key's text is never here, only its hash."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Tenant:
    """Whose webhooks these are. Times are milliseconds since 1970, UTC.

    `events_per_second` and what follows are quotas; None: what the settings say, which is no limit for events a
    second. `viewers_see_bodies`: those who may only look at its webhooks in the console see what was sent.
    """

    id: str
    name: str
    profile: str
    webhooks_enabled: bool
    retention_days: int
    created_at: int
    updated_at: int
    revision: int = 1
    events_per_second: float | None = None
    endpoints_max: int | None = None
    payload_bytes_max: int | None = None
    viewers_see_bodies: bool = True


class Scope(StrEnum):
    """What a key may do: everything; everything under its tenant; only post events to its tenant."""

    ADMIN = "admin"
    TENANT = "tenant"
    INGEST = "ingest"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as stored. `hash` is the SHA-256 of its text; `tenant_id` is None for admin keys."""

    id: str
    scope: Scope
    tenant_id: str | None
    label: str
    hash: bytes
    created_at: int
