"""Routes of a tenant's attempts, and the query parameters of their lists. Thin: parse, ask `control`, answer."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query

from ringback.api.auth import Authenticator
from ringback.api.management.guard import guarded
from ringback.api.management.log_views import AttemptView, WholeAttemptView
from ringback.api.management.parameters import PageParameters, Since, Text, Until
from ringback.api.management.views import Listing, listing
from ringback.control.attempts import AttemptFilter, AttemptUseCases
from ringback.model.tenant import Scope


def _filter(
    outcome: Literal["succeeded", "failed"] | None = None,
    event_type: Text | None = None,
    since: Since = None,
    until: Until = None,
) -> AttemptFilter:
    return AttemptFilter(None, outcome, event_type, since, until)


AttemptParameters = Annotated[AttemptFilter, Depends(_filter)]


def attempt_routers(attempts: AttemptUseCases, keys: Authenticator) -> list[APIRouter]:
    """Routes for a tenant's own keys and broader ones."""
    router = APIRouter(
        prefix="/v1/tenants/{tenant_id}/attempts", tags=["attempts"], route_class=guarded(Scope.TENANT, keys)
    )

    @router.get("", summary="List a tenant's attempts, newest first, without bodies")
    def list_attempts(
        tenant_id: str,
        which: AttemptParameters,
        page: PageParameters,
        endpoint_id: Annotated[Text | None, Query(description="Of this endpoint alone, deleted ones too.")] = None,
    ) -> Listing[AttemptView]:
        return listing(attempts.list(tenant_id, which._replace(endpoint_id=endpoint_id), page), AttemptView.of)

    @router.get("/{attempt_id}", summary="Show an attempt whole, with what was sent and what came back")
    def get_attempt(tenant_id: str, attempt_id: str) -> WholeAttemptView:
        return WholeAttemptView.of(attempts.get(tenant_id, attempt_id))

    return [router]
