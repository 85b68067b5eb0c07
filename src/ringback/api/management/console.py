"""Routes around the console: links that let a tenant's people in, and the audit log. Thin: parse, ask, answer."""

from typing import Literal

import msgspec
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from ringback.api.auth import Authenticator
from ringback.api.gate import actor_of
from ringback.api.management.guard import guarded
from ringback.api.management.inputs import Input
from ringback.api.management.parameters import PageParameters
from ringback.api.management.views import Listing, listing
from ringback.control.audit import AuditTrail
from ringback.control.console_access import ConsoleAccess
from ringback.control.tenants import TenantUseCases
from ringback.model.console import LINK_S_DEFAULT, AuditEntry, Role
from ringback.model.tenant import Scope
from ringback.times import rfc3339


class NewConsoleLink(Input):
    """Whom a link lets in, and for how long it can be opened."""

    role: Literal["administrator", "viewer"] = Field(
        default="administrator", description="`viewer`: looks, changes nothing and sees no secret."
    )
    expires_in_s: int = Field(default=LINK_S_DEFAULT, description="60 to 86,400: how long it can be opened.")


class ConsoleLinkView(BaseModel):
    url: str = Field(description="To be opened once, by whoever is to get in. Shown this once.")
    expires_at: str


class AuditEntryView(BaseModel):
    id: str
    tenant_id: str | None
    at: str
    actor: str = Field(description="A key's id, `operator` for the operator's own key, or who was signed in.")
    action: str = Field(description="What was done: the name of the call, or `console.…`.", examples=["rotate_secret"])
    about: str = Field(description="What it was done to.", examples=["endpoint ep_01JD4T5V9KX2M8Q3N7R6B1C0ZY"])
    values: dict[str, str]

    @classmethod
    def of(cls, entry: AuditEntry) -> "AuditEntryView":
        values = msgspec.json.decode(entry.values, type=dict[str, str])
        return cls(**{**entry._asdict(), "at": rfc3339(entry.at), "values": values})


def console_routers(
    access: ConsoleAccess, trail: AuditTrail, tenants: TenantUseCases, authenticator: Authenticator
) -> list[APIRouter]:
    """For admin keys, and those a tenant's own key may use."""
    of_all = APIRouter(prefix="/v1/audit", tags=["audit"], route_class=guarded(Scope.ADMIN, authenticator))

    @of_all.get("", summary="Who did or revealed what, newest first")
    def list_audit(page: PageParameters) -> Listing[AuditEntryView]:
        return listing(trail.list(None, page, all_tenants=True), AuditEntryView.of)

    of_tenant = APIRouter(prefix="/v1/tenants/{tenant_id}", route_class=guarded(Scope.TENANT, authenticator))

    @of_tenant.get("/audit", tags=["audit"], summary="Who did or revealed what of a tenant, newest first")
    def list_tenant_audit(tenant_id: str, page: PageParameters) -> Listing[AuditEntryView]:
        tenants.get(tenant_id)
        return listing(trail.list(tenant_id, page), AuditEntryView.of)

    @of_tenant.post("/console-links", status_code=201, tags=["console"], summary="Make a link into the console")
    def create_console_link(tenant_id: str, request: Request, body: NewConsoleLink | None = None) -> ConsoleLinkView:
        how = body or NewConsoleLink()
        made = access.make_link(tenant_id, Role(how.role), how.expires_in_s, actor_of(request))
        return ConsoleLinkView(url=made.url, expires_at=rfc3339(made.link.expires_at))

    return [of_all, of_tenant]
