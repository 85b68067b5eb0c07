"""Builders of model rows for tests: a sensible row, of which a test names only what it is about.

Everything is fixed: no clock, no chance. `NOW` is the moment at which the rows were made; ids that tests don't care
about are derived from their place (`evt_1`, `ep_a`).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from ringback.model.attempt import Attempt, Outcome
from ringback.model.endpoint import Endpoint, Secret
from ringback.model.event import Event, NewDelivery
from ringback.model.notice import Notice
from ringback.model.pulse import TICK_MS, Pulse
from ringback.model.record import Record
from ringback.model.tenant import ApiKey, Scope, Tenant
from ringback.model.tracked_set import TrackedSet
from ringback.model.trigger import Trigger
from ringback.store.port import KeyClaim, RuleFailure

NOW: Final = 1_800_000_000_000
TENANT: Final = "acme"
OTHER_TENANT: Final = "globex"


def tenant(tenant_id: str = TENANT, **changes: Any) -> Tenant:
    plain = Tenant(
        id=tenant_id,
        name=tenant_id.title(),
        profile="standard",
        webhooks_enabled=True,
        retention_days=30,
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(plain, **changes)


def endpoint(endpoint_id: str = "ep_a", tenant_id: str = TENANT, **changes: Any) -> Endpoint:
    plain = Endpoint(
        id=endpoint_id,
        tenant_id=tenant_id,
        label=f"Receiver {endpoint_id}",
        url=f"https://{endpoint_id.replace('_', '-')}.example/hook",
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(plain, **changes)


def secret(
    secret_id: str = "sec_1", endpoint_id: str | None = "ep_a", tenant_id: str = TENANT, **changes: Any
) -> Secret:
    plain = Secret(
        id=secret_id,
        tenant_id=tenant_id,
        endpoint_id=endpoint_id,
        value=f"whsec_{secret_id}",
        created_at=NOW,
        expires_at=None,
    )
    return replace(plain, **changes)


def api_key(key_id: str = "key_1", tenant_id: str | None = TENANT, **changes: Any) -> ApiKey:
    plain = ApiKey(
        id=key_id,
        scope=Scope.ADMIN if tenant_id is None else Scope.TENANT,
        tenant_id=tenant_id,
        label=f"Key {key_id}",
        hash=key_id.encode().rjust(32, b"."),
        created_at=NOW,
    )
    return replace(plain, **changes)


def event(event_id: str = "evt_1", tenant_id: str = TENANT, **changes: Any) -> Event:
    plain = Event(
        tenant_id=tenant_id,
        id=event_id,
        type="contact.created",
        data=f'{{"of":"{event_id}"}}'.encode(),
        channel=None,
        subject_type=None,
        subject_id=None,
        change=None,
        previous=None,
        ordering_key=None,
        occurred_at=None,
        deliver_at=None,
        accepted_at=NOW,
        hops=0,
        deliveries=1,
    )
    return plain._replace(**changes)


def new_delivery(of: Event, endpoint_id: str = "ep_a", due_at: int = NOW) -> NewDelivery:
    """The event for one endpoint, under the event's ordering key."""
    return NewDelivery(of.tenant_id, endpoint_id, of.id, of.ordering_key, due_at)


def attempt_id(place: int) -> str:
    """The id of the `place`th attempt; ids sort as their places do."""
    return f"att_{place:026d}"


def attempt(
    place: int = 1, number: int = 1, event_id: str | None = "evt_1", endpoint_id: str = "ep_a", **changes: Any
) -> Attempt:
    """A request that was answered 200; `failed` makes one that was not."""
    plain = Attempt(
        tenant_id=TENANT,
        id=attempt_id(place),
        endpoint_id=endpoint_id,
        event_id=event_id,
        event_type="contact.created" if event_id else None,
        number=number,
        at=NOW,
        duration_ms=12.5,
        outcome=Outcome.SUCCEEDED,
        final=True,
        superseded=False,
        status_code=200,
        error_code=None,
        error_message=None,
        timings=b"[1.5,2.5,null,8.0,12.5]",
        remote_address="192.0.2.7:443",
        http_version="1.1",
        method="POST",
        url="https://ep-a.example/hook",
        request_headers=b'[["content-type","application/json"]]',
        request_body=None,
        body_head=b'{"data":',
        body_tail=b"}",
        response_headers=b'[["server","x"]]',
        response_body=b"thanks",
        response_truncated=False,
        profile="standard@1a2b3c4d",
    )
    return plain._replace(**changes)


def failed(
    place: int = 1, number: int = 1, event_id: str | None = "evt_1", endpoint_id: str = "ep_a", **changes: Any
) -> Attempt:
    """A request that was answered 500 and will be tried again."""
    answer = {"outcome": Outcome.FAILED, "final": False, "status_code": 500}
    return attempt(place, number, event_id, endpoint_id, **{**answer, **changes})


def claim(
    key: str = "key-1", kind: str = "idempotency", event_ids: Sequence[str] = ("evt_1",), **changes: Any
) -> KeyClaim:
    """A key that a caller chose; an idempotency key is good for a day."""
    expires_at = NOW + 86_400_000 if kind == "idempotency" else None
    plain = KeyClaim(TENANT, kind, key, b"hash of the body", tuple(event_ids), expires_at)
    return plain._replace(**changes)


def record(record_id: str = "c-1", tenant_id: str = TENANT, **changes: Any) -> Record:
    plain = Record(
        tenant_id=tenant_id,
        type="contact",
        id=record_id,
        revision=1,
        version=None,
        source_at=None,
        created_at=NOW,
        updated_at=NOW,
        forget_at=None,
        marks=None,
        data=f'{{"of":"{record_id}"}}'.encode(),
    )
    return plain._replace(**changes)


def tracked_set(name: str = "vip", tenant_id: str = TENANT, **changes: Any) -> TrackedSet:
    plain = TrackedSet(f"set_{name}", tenant_id, name, members=0, created_at=NOW, updated_at=NOW)
    return replace(plain, **changes)


def trigger(trigger_id: str = "trg_1", tenant_id: str = TENANT, **changes: Any) -> Trigger:
    plain = Trigger(
        id=trigger_id,
        tenant_id=tenant_id,
        name=f"Trigger {trigger_id}",
        record_type="contact",
        when='passed("score", 80)',
        emits="contact.hot",
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(plain, **changes)


def rule_failure(rule_id: str = "ep_a", tenant_id: str = TENANT, **changes: Any) -> RuleFailure:
    plain = RuleFailure(tenant_id, rule_id, at=NOW, event_id="evt_1", message="no such key: age")
    return plain._replace(**changes)


def notice(notice_id: str = "evt_n1", tenant_id: str = TENANT, **changes: Any) -> Notice:
    plain = Notice(tenant_id, notice_id, "endpoint.disabled", "ep_a", at=NOW, data=b'{"endpoint":"ep_a"}')
    return plain._replace(**changes)


def pulse(tick: int = 0, process: str = "proc_a", **fields: Any) -> Pulse:
    made = Pulse(
        at=NOW + tick * TICK_MS, process=process, host="höst:1", version="1.2", role="all", span_ms=10_000, events=20,
        succeeded=30, failed=5, departed=40, lag_ms=100, oldest_ms=7, waiting=3, in_flight=2, in_flight_max=10,
        endpoints=1,
    )  # fmt: skip
    return made._replace(**fields)
