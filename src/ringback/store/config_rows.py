"""Configuration between the model and the columns of a store that keeps it in tables: what is the same for every one.

Tenants, keys and event types are stored column by column; secrets and endpoints are `sealed_rows`'. Runs no SQL and
decides nothing but what a lane begins as. Assumes that a row has the columns in the order of the model's fields.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from ringback.model.endpoint import Endpoint, EndpointStatus
from ringback.model.event_type import EventType
from ringback.model.lane import Change
from ringback.model.limits import FOREVER_MS
from ringback.model.tenant import ApiKey, Scope, Tenant

LAST_ID: Final = "\U0010ffff"
"""Sorts after every id: where a listing of the newest begins."""


def tenant_of(row: Sequence[Any]) -> Tenant:
    """A row of all columns of a tenant."""
    tenant = Tenant(*row)
    return replace(
        tenant, webhooks_enabled=bool(tenant.webhooks_enabled), viewers_see_bodies=bool(tenant.viewers_see_bodies)
    )


def key_of(row: tuple[str, str, str | None, str, bytes, int]) -> ApiKey:
    """A row of all columns of a key."""
    key_id, scope, tenant_id, label, key_hash, created_at = row
    return ApiKey(key_id, Scope(scope), tenant_id, label, key_hash, created_at)


def event_type_of(row: Sequence[Any]) -> EventType:
    """A row of all columns of an event type."""
    name, description, deprecated, *rest = row
    return EventType(name, description, bool(deprecated), *rest)


def new_lane(endpoint: Endpoint) -> dict[str, Any]:
    """The named columns of an endpoint's lane: silent, paused for ever unless the endpoint is active, and ringing if it
    has to prove itself. `forever` is what the pause is where its tenant's webhooks are off."""
    asks = endpoint.status is EndpointStatus.VERIFICATION_PENDING
    return {
        "endpoint_id": endpoint.id,
        "tenant_id": endpoint.tenant_id,
        "not_before": 0 if asks or endpoint.status is EndpointStatus.ACTIVE else FOREVER_MS,
        "due_at": endpoint.updated_at if asks else None,
        "forever": FOREVER_MS,
    }


def unless_trimmed(changes: list[Change], version: int) -> list[Change] | None:
    """The changes found after `version`, oldest first; None when some of them are not kept any more."""
    # Versions have no gaps and the latest is always kept: what is missing shows at the first.
    return None if changes and changes[0].version > max(version, 0) + 1 else changes
