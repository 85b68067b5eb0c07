"""Routes of tenants and of their own secret. Thin: parse, ask `control`, answer."""

from fastapi import APIRouter, Request, Response

from ringback.api.auth import Authenticator
from ringback.api.gate import actor_of
from ringback.api.management.guard import guarded, is_operator
from ringback.api.management.inputs import NewTenant, Rotation, TenantChange
from ringback.api.management.parameters import PageParameters
from ringback.api.management.views import Listing, SecretView, TenantView, listing
from ringback.control.secrets import SecretUseCases
from ringback.control.tenants import TenantUseCases
from ringback.model.errors import Forbidden
from ringback.model.tenant import Scope

OPERATORS_FIELDS = frozenset(
    ("webhooks_enabled", "retention_days", "events_per_second", "endpoints_max", "payload_bytes_max")
)
"""What a tenant may not change of itself: what it pays for, and what it costs."""


def tenant_routers(tenants: TenantUseCases, secrets: SecretUseCases, keys: Authenticator) -> list[APIRouter]:
    """Routes for admin keys, and those a tenant's own key may use."""
    return [_admin_router(tenants, keys), _tenant_router(tenants, keys), _secret_router(secrets, keys)]


def _admin_router(tenants: TenantUseCases, keys: Authenticator) -> APIRouter:
    router = APIRouter(prefix="/v1/tenants", tags=["tenants"], route_class=guarded(Scope.ADMIN, keys))

    @router.post("", status_code=201, summary="Create a tenant")
    def create_tenant(body: NewTenant) -> TenantView:
        return TenantView.of(tenants.create(body.id, body.fields(), body.secret))

    @router.get("", summary="List tenants, by id")
    def list_tenants(page: PageParameters) -> Listing[TenantView]:
        return listing(tenants.list(page), TenantView.of)

    @router.delete("/{tenant_id}", status_code=204, summary="Delete a tenant with everything it has")
    def delete_tenant(tenant_id: str) -> Response:
        tenants.delete(tenant_id)
        return Response(status_code=204)

    return router


def _tenant_router(tenants: TenantUseCases, keys: Authenticator) -> APIRouter:
    router = APIRouter(prefix="/v1/tenants", tags=["tenants"], route_class=guarded(Scope.TENANT, keys))

    @router.get("/{tenant_id}", summary="Show a tenant")
    def get_tenant(tenant_id: str) -> TenantView:
        return TenantView.of(tenants.get(tenant_id))

    @router.patch("/{tenant_id}", summary="Change a tenant")
    def change_tenant(tenant_id: str, body: TenantChange, request: Request) -> TenantView:
        fields = body.fields()
        if OPERATORS_FIELDS & fields.keys() and not is_operator(request):
            raise Forbidden(f"Only an admin key may change {', '.join(sorted(OPERATORS_FIELDS & fields.keys()))}.")
        return TenantView.of(tenants.update(tenant_id, fields))

    return router


def _secret_router(secrets: SecretUseCases, keys: Authenticator) -> APIRouter:
    router = APIRouter(
        prefix="/v1/tenants/{tenant_id}/secret", tags=["tenants"], route_class=guarded(Scope.TENANT, keys)
    )

    @router.get("", summary="Reveal the tenant's secret (audited)")
    def reveal_tenant_secret(tenant_id: str, request: Request) -> SecretView:
        return SecretView.of(secrets.reveal_tenant(tenant_id, actor_of(request)))

    @router.post("/rotate", summary="Rotate the tenant's secret")
    def rotate_tenant_secret(tenant_id: str, request: Request, body: Rotation | None = None) -> SecretView:
        how = body or Rotation()
        actor = actor_of(request)
        return SecretView.of(secrets.rotate_tenant(tenant_id, how.secret, how.grace_seconds, actor))

    return router
