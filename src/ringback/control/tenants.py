"""Tenants: make, show, change and delete them.

Checks what a caller wants and writes it. Who may do so is decided before (api.auth). Every write is followed by
`notify`, so that this process's caches are true when the caller is answered. Fails with the errors of
`model.errors`.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypedDict, cast

from ringback.clock import Clock
from ringback.control.contracts import offered_contract
from ringback.control.findings import Findings
from ringback.control.paging import Page, PageRequest, checked_limit, decode_cursor, page_of
from ringback.control.revision import change_stored
from ringback.control.secrets import check_tenant_secret, new_tenant_secret
from ringback.model.endpoint import Secret
from ringback.model.errors import Conflict, NotFound, WebhooksDisabled
from ringback.model.limits import ENDPOINTS_PER_TENANT_HARD_MAX, PAYLOAD_BYTES_HARD_MAX, TENANT_ID_CHARS_MAX
from ringback.model.tenant import Tenant
from ringback.profiles import Registry
from ringback.store.port import Tenants

RETENTION_DAYS_DEFAULT: Final = 30
RETENTION_DAYS_MAX: Final = 3_650
# Quotas: from, to, of what. A tenant's own may be above what the settings give everybody.
_QUOTAS: Final = {
    "events_per_second": (0.001, 1_000_000, "events a second"),
    "endpoints_max": (1, ENDPOINTS_PER_TENANT_HARD_MAX, "endpoints"),
    "payload_bytes_max": (1_024, PAYLOAD_BYTES_HARD_MAX, "bytes"),
}
_TENANT_ID: Final = re.compile(rf"[a-zA-Z0-9_-]{{1,{TENANT_ID_CHARS_MAX}}}")
_LIST: Final = "tenants"


class TenantFields(TypedDict, total=False):
    """What a caller may set. In a change, what is absent stays as it is."""

    name: str
    profile: str
    webhooks_enabled: bool
    retention_days: int
    events_per_second: float | None
    endpoints_max: int | None
    payload_bytes_max: int | None
    viewers_see_bodies: bool


class TenantUseCases:
    """What can be done with tenants."""

    def __init__(self, store: Tenants, clock: Clock, profiles: Registry, notify: Callable[[], None]) -> None:
        self._store = store
        self._profiles = profiles
        self._clock = clock
        self._notify = notify

    def create(self, tenant_id: str | None, fields: TenantFields, secret: str | None) -> Tenant:
        """Make a tenant, under an id of the caller's choice or one of ours. Raises Invalid, or Conflict when the
        id is taken."""
        now = self._clock.now_ms()
        findings = Findings()
        if tenant_id is not None and _TENANT_ID.fullmatch(tenant_id) is None:
            findings.add("id", f"must be 1 to {TENANT_ID_CHARS_MAX} letters, digits, _ or -")
        if "name" not in fields:
            findings.add("name", "is required")
        if secret is not None:
            check_tenant_secret(findings, "secret", secret)
        self._check(findings, fields)
        findings.raise_if_any()
        tenant = Tenant(
            id=tenant_id or self._clock.new_id("ten"),
            name=fields["name"],
            profile=fields.get("profile", "standard"),
            webhooks_enabled=fields.get("webhooks_enabled", True),
            retention_days=fields.get("retention_days", RETENTION_DAYS_DEFAULT),
            created_at=now,
            updated_at=now,
            events_per_second=fields.get("events_per_second"),
            endpoints_max=fields.get("endpoints_max"),
            payload_bytes_max=fields.get("payload_bytes_max"),
            viewers_see_bodies=fields.get("viewers_see_bodies", True),
        )
        signing = Secret(
            id=self._clock.new_id("sec"),
            tenant_id=tenant.id,
            endpoint_id=None,
            value=secret or new_tenant_secret(self._clock),
            created_at=now,
            expires_at=None,
        )
        if not self._store.create_tenant(tenant, signing):
            raise Conflict(f"There is a tenant with the id {tenant.id} already, or there was until a moment ago.")
        self._notify()
        return tenant

    def get(self, tenant_id: str) -> Tenant:
        """Raises NotFound."""
        return required_tenant(self._store, tenant_id)

    def list(self, page: PageRequest) -> Page[Tenant]:
        """By id."""
        limit = checked_limit(page.limit)
        rows = self._store.list_tenants(decode_cursor(_LIST, page.cursor), limit + 1)
        return page_of(_LIST, rows, limit, lambda tenant: tenant.id)

    def update(self, tenant_id: str, fields: TenantFields) -> Tenant:
        """Change what `fields` holds. Raises Invalid, NotFound, Conflict."""
        findings = Findings()
        self._check(findings, fields)
        findings.raise_if_any()

        def altered(tenant: Tenant) -> Tenant:
            after = replace(tenant, **fields)
            if after == tenant:
                return tenant
            return replace(after, updated_at=self._clock.now_ms(), revision=tenant.revision + 1)

        tenant = change_stored(lambda: self.get(tenant_id), altered, self._store.update_tenant)
        self._notify()
        return tenant

    def delete(self, tenant_id: str) -> None:
        """Its keys end at once, its endpoints are sent nothing any more. Raises NotFound."""
        if not self._store.delete_tenant(tenant_id, self._clock.now_ms()):
            raise _unknown_tenant()
        self._notify()

    def _check(self, findings: Findings, fields: TenantFields) -> None:
        if "name" in fields:
            findings.text("name", fields["name"], empty=False)
        if "profile" in fields:
            offered_contract(findings, "profile", self._profiles, fields["profile"])
        if "retention_days" in fields:
            findings.number("retention_days", fields["retention_days"], 1, RETENTION_DAYS_MAX, "days")
        for name, (lowest, highest, unit) in _QUOTAS.items():
            value = cast(float | None, fields.get(name))
            if value is not None:
                findings.number(name, value, lowest, highest, unit)


def required_tenant(store: Tenants, tenant_id: str) -> Tenant:
    """The tenant. Raises NotFound."""
    tenant = store.get_tenant(tenant_id)
    if tenant is None:
        raise _unknown_tenant()
    return tenant


def sending_tenant(store: Tenants, tenant_id: str) -> Tenant:
    """The tenant, who is to be sent something. Raises NotFound, and WebhooksDisabled where its webhooks are off."""
    tenant = required_tenant(store, tenant_id)
    if not tenant.webhooks_enabled:
        raise WebhooksDisabled
    return tenant


def _unknown_tenant() -> NotFound:
    return NotFound("There is no such tenant.")
