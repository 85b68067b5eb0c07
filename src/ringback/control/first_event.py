"""The event that a new endpoint begins with, where its profile asks for one (`[rules] on_create`).

An event like any other, listed and kept as they are, but for this endpoint alone and in its transaction: it is there
if and only if the endpoint is. Schemas and quotas don't apply to it. Pure.
"""

from ringback.clock import Clock
from ringback.model.endpoint import Endpoint
from ringback.model.event import Event
from ringback.model.tenant import Tenant
from ringback.policy.wanted import filter_values, filter_wants, wants_kind
from ringback.wire.contract import Contract


def first_event(
    tenant: Tenant, endpoint: Endpoint, contract: Contract, clock: Clock, number: int | None
) -> Event | None:
    """The event for `endpoint`, which is not stored yet; `number` names it, where the contract needs that.

    It counts no delivery where the endpoint doesn't want it, or is sent nothing: it is listed all the same.
    """
    first = contract.profile.rules.on_create
    if first is None:
        return None
    now = endpoint.created_at
    event = Event(
        tenant_id=tenant.id,
        id=clock.new_id("evt"),
        type=first.event_type,
        data=first.data,
        channel=None,
        subject_type=None,
        subject_id=None,
        change=None,
        previous=None,
        ordering_key=None,
        occurred_at=None,
        deliver_at=None,
        accepted_at=now,
        hops=0,
        deliveries=0,
        number=number,
    )
    return event._replace(deliveries=1) if _is_for(tenant, endpoint, event) else event


def _is_for(tenant: Tenant, endpoint: Endpoint, event: Event) -> bool:
    if not (tenant.webhooks_enabled and endpoint.matches and wants_kind(endpoint, event.type, event.channel)):
        return False
    if endpoint.tracked_set is not None:
        return False  # it is about no object, so about none of the set's
    return endpoint.filter is None or filter_wants(endpoint.filter, filter_values(event))
