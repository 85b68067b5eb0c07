"""Answers, as models: pages, and what a tenant, a key or an endpoint looks like to a caller.

Nothing secret has a field here, but for the few answers that show a secret once. Times are RFC 3339 in UTC with
milliseconds. The log's answers are in `log_views`.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec
from fastapi import Response
from pydantic import BaseModel, Field

from ringback.control.endpoints import Changed
from ringback.control.paging import Page
from ringback.control.request_fields import REDACTED
from ringback.control.secrets import Revealed
from ringback.control.sending import Sending
from ringback.model.endpoint import Auth, AuthType, Endpoint, EndpointStatus, RetryRule
from ringback.model.tenant import ApiKey, Tenant
from ringback.store.port import RuleFailure
from ringback.times import rfc3339

View = TypeVar("View")
Item = TypeVar("Item")


class Listing(BaseModel, Generic[View]):
    """A page of a list. `next_cursor` null: there are no more."""

    items: list[View]
    next_cursor: str | None


def listing(page: Page[Item], view: Callable[[Item], View]) -> Listing[View]:
    """A page as it is answered."""
    return Listing(items=[view(item) for item in page.items], next_cursor=page.next_cursor)


def raw_answer(document: object, status: int = 200) -> Response:
    """A document with parts that are JSON already (`msgspec.Raw`)."""
    return Response(msgspec.json.encode(document), status, media_type="application/json")


class TenantView(BaseModel):
    id: str
    name: str
    profile: str
    webhooks_enabled: bool
    retention_days: int
    events_per_second: float | None
    endpoints_max: int | None
    payload_bytes_max: int | None
    viewers_see_bodies: bool
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, tenant: Tenant) -> "TenantView":
        return cls(
            id=tenant.id,
            name=tenant.name,
            profile=tenant.profile,
            webhooks_enabled=tenant.webhooks_enabled,
            retention_days=tenant.retention_days,
            events_per_second=tenant.events_per_second,
            endpoints_max=tenant.endpoints_max,
            payload_bytes_max=tenant.payload_bytes_max,
            viewers_see_bodies=tenant.viewers_see_bodies,
            created_at=rfc3339(tenant.created_at),
            updated_at=rfc3339(tenant.updated_at),
        )


class KeyView(BaseModel):
    id: str
    scope: str
    tenant_id: str | None
    label: str
    created_at: str

    @classmethod
    def of(cls, key: ApiKey) -> "KeyView":
        return cls(**_key_fields(key))


class NewKeyView(KeyView):
    key: str = Field(description="The key itself, shown this once.")

    @classmethod
    def made(cls, key: ApiKey, text: str) -> "NewKeyView":
        return cls(**_key_fields(key), key=text)


class SecretView(BaseModel):
    secret: str

    @classmethod
    def of(cls, revealed: Revealed) -> "SecretView":
        return cls(secret=revealed.secret)


class EndpointSecretView(SecretView):
    public_key: str | None = Field(description="`whpk_…`: what an ed25519 receiver verifies with; else null.")

    @classmethod
    def of(cls, revealed: Revealed) -> "EndpointSecretView":
        return cls(secret=revealed.secret, public_key=revealed.public_key)


class ReasonView(BaseModel):
    code: str
    message: str


class SendingView(BaseModel):
    state: str = Field(
        description="`sending`; `paused`, since it asked for that or has a rate; `parked`, since it failed so often: "
        "only single requests go out until one succeeds; `stopped`, since `status` isn't `active`. Pauses of up to 2 s "
        "show as `sending`."
    )
    until: str | None = Field(
        description="When the pause ends, or when a parked endpoint is tried next; null: no time is set, or it is "
        "being tried."
    )

    @classmethod
    def of(cls, sending: Sending) -> "SendingView":
        return cls(state=sending.state, until=None if sending.until is None else rfc3339(sending.until))


class FailureView(BaseModel):
    """A rule that could not be evaluated."""

    at: str
    event_id: str
    message: str

    @classmethod
    def of(cls, failure: RuleFailure | None) -> "FailureView | None":
        """A failure, if there is one."""
        if failure is None:
            return None
        return cls(at=rfc3339(failure.at), event_id=failure.event_id, message=failure.message)


class EndpointView(BaseModel):
    id: str
    label: str
    url: str
    query: str
    event_types: list[str]
    channels: list[str] | None
    filter: str | None
    filter_failure: FailureView | None = Field(
        description="The last event since the endpoint was changed that its filter could not be evaluated on; it "
        "didn't match then."
    )
    tracked_set: str | None
    profile: str
    signature: str
    active: bool = Field(description="false when a person switched it off.")
    status: str = Field(description="`active`, `inactive`, `verification_pending` or `disabled`.")
    disable_reason: ReasonView | None
    sending: SendingView
    auth: dict[str, Any] = Field(description=f"Credentials show as `{REDACTED}`.", examples=[{"type": "none"}])
    headers: dict[str, str]
    rate_per_second: float | None
    max_in_flight: int | None
    ordering: str
    retry: dict[str, Any] | None
    timeout_s: float
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, endpoint: Endpoint, sending: Sending, failure: RuleFailure | None = None) -> "EndpointView":
        return cls(**_endpoint_fields(endpoint, sending, failure))


class WholeEndpointView(EndpointView):
    """An endpoint in an answer of its own, with what a list doesn't have."""

    tracked_members: int | None = Field(
        description="How many members `tracked_set` has; null: it names none, or one that isn't there."
    )

    @classmethod
    def whole(
        cls, endpoint: Endpoint, sending: Sending, tracked_members: int | None, failure: RuleFailure | None
    ) -> "WholeEndpointView":
        return cls(**_endpoint_fields(endpoint, sending, failure), tracked_members=tracked_members)


class SecretEndpointView(WholeEndpointView):
    """An endpoint in an answer that shows its new secret."""

    secret: str | None = Field(description="The new signing secret, shown this once.")
    public_key: str | None = Field(description="`whpk_…`: what an ed25519 receiver verifies with; else null.")

    @classmethod
    def made(cls, changed: Changed, sending: Sending, tracked_members: int | None) -> "SecretEndpointView":
        secret, public_key = changed.secret or (None, None)
        fields = _endpoint_fields(changed.endpoint, sending, None)
        return cls(**fields, tracked_members=tracked_members, secret=secret, public_key=public_key)


def _key_fields(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "scope": key.scope,
        "tenant_id": key.tenant_id,
        "label": key.label,
        "created_at": rfc3339(key.created_at),
    }


def _endpoint_fields(endpoint: Endpoint, sending: Sending, failure: RuleFailure | None) -> dict[str, Any]:
    return {
        "id": endpoint.id,
        "label": endpoint.label,
        "url": endpoint.url,
        "query": endpoint.query,
        "event_types": endpoint.event_types,
        "channels": endpoint.channels,
        "filter": endpoint.filter,
        "filter_failure": FailureView.of(failure),
        "tracked_set": endpoint.tracked_set,
        "profile": endpoint.profile,
        "signature": endpoint.signature,
        "active": endpoint.status is not EndpointStatus.INACTIVE,
        "status": endpoint.status,
        "disable_reason": reason_view(endpoint.disable_code, endpoint.disable_message),
        "sending": SendingView.of(sending),
        "auth": _auth(endpoint.auth),
        "headers": dict(endpoint.headers),
        "rate_per_second": endpoint.rate_per_second,
        "max_in_flight": endpoint.max_in_flight,
        "ordering": endpoint.ordering,
        "retry": _retry(endpoint.retry),
        "timeout_s": endpoint.timeout_s,
        "created_at": rfc3339(endpoint.created_at),
        "updated_at": rfc3339(endpoint.updated_at),
    }


def reason_view(code: str | None, message: str | None) -> ReasonView | None:
    """An error or a reason, if there is one."""
    return None if code is None else ReasonView(code=code, message=message or "")


def _auth(auth: Auth) -> dict[str, Any]:
    if auth.type is AuthType.BASIC:
        return {"type": "basic", "username": auth.username, "password": REDACTED}
    if auth.type is AuthType.RAW:
        return {"type": "raw", "value": REDACTED}
    if auth.type is AuthType.HEADER:
        return {"type": "header", "headers": {name: REDACTED for name, _ in auth.headers}}
    return {"type": "none"}


def _retry(rule: RetryRule | None) -> dict[str, Any] | None:
    if rule is None:
        return None
    if rule.delays_s is not None:
        return {"delays_s": list(rule.delays_s)}
    return {
        "base_s": rule.base_s,
        "factor": rule.factor,
        "max_delay_s": rule.max_delay_s,
        "max_attempts": rule.max_attempts,
    }
