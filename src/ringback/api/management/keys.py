"""Routes of API keys: the admin keys, and a tenant's. Thin: parse, ask `control`, answer."""

from fastapi import APIRouter, Response

from ringback.api.auth import Authenticator
from ringback.api.management.guard import guarded
from ringback.api.management.inputs import NewAdminKey, NewTenantKey
from ringback.api.management.parameters import PageParameters
from ringback.api.management.views import KeyView, Listing, NewKeyView, listing
from ringback.control.keys import KeyUseCases
from ringback.model.tenant import Scope


def key_routers(keys: KeyUseCases, authenticator: Authenticator) -> list[APIRouter]:
    """Routes for admin keys, and those a tenant's own key may use."""
    return [_admin_router(keys, authenticator), _tenant_router(keys, authenticator)]


def _admin_router(keys: KeyUseCases, authenticator: Authenticator) -> APIRouter:
    router = APIRouter(prefix="/v1/keys", tags=["keys"], route_class=guarded(Scope.ADMIN, authenticator))

    @router.post("", status_code=201, summary="Make an admin key")
    def create_admin_key(body: NewAdminKey | None = None) -> NewKeyView:
        made = keys.create(None, Scope.ADMIN, body.label if body else "")
        return NewKeyView.made(made.key, made.text)

    @router.get("", summary="List admin keys, newest first")
    def list_admin_keys(page: PageParameters) -> Listing[KeyView]:
        return listing(keys.list(None, page), KeyView.of)

    @router.delete("/{key_id}", status_code=204, summary="Revoke an admin key")
    def delete_admin_key(key_id: str) -> Response:
        keys.delete(None, key_id)
        return Response(status_code=204)

    return router


def _tenant_router(keys: KeyUseCases, authenticator: Authenticator) -> APIRouter:
    router = APIRouter(
        prefix="/v1/tenants/{tenant_id}/keys", tags=["keys"], route_class=guarded(Scope.TENANT, authenticator)
    )

    @router.post("", status_code=201, summary="Make a key for a tenant")
    def create_tenant_key(tenant_id: str, body: NewTenantKey) -> NewKeyView:
        made = keys.create(tenant_id, Scope(body.scope), body.label)
        return NewKeyView.made(made.key, made.text)

    @router.get("", summary="List a tenant's keys, newest first")
    def list_tenant_keys(tenant_id: str, page: PageParameters) -> Listing[KeyView]:
        return listing(keys.list(tenant_id, page), KeyView.of)

    @router.delete("/{key_id}", status_code=204, summary="Revoke a tenant's key")
    def delete_tenant_key(tenant_id: str, key_id: str) -> Response:
        keys.delete(tenant_id, key_id)
        return Response(status_code=204)

    return router
