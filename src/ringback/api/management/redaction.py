"""Routes of privacy requests: payloads are removed, what happened stays. Thin: parse, ask `control`, answer."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from ringback.api.auth import Authenticator
from ringback.api.gate import actor_of
from ringback.api.management.guard import guarded
from ringback.api.management.log_views import RedactedView
from ringback.api.management.parameters import Text
from ringback.control.redaction import RedactionUseCases
from ringback.model.tenant import Scope


def redaction_routers(redactions: RedactionUseCases, keys: Authenticator) -> list[APIRouter]:
    """Routes for a tenant's own keys and broader ones."""
    router = APIRouter(prefix="/v1/tenants/{tenant_id}", tags=["events"], route_class=guarded(Scope.TENANT, keys))

    @router.delete(
        "/events/{event_id}/payload", status_code=204, summary="Remove an event's payload for good (audited)"
    )
    def redact_event(tenant_id: str, event_id: str, request: Request) -> Response:
        redactions.redact_event(tenant_id, event_id, actor_of(request))
        return Response(status_code=204)

    @router.delete("/subjects/payload", summary="Remove the payloads of a subject's events for good (audited)")
    def redact_subject(
        tenant_id: str,
        request: Request,
        type: Annotated[Text, Query(description="The subject's type.")],  # noqa: A002 - the parameter's name
        id: Annotated[Text, Query(description="The subject's id.")],  # noqa: A002
    ) -> RedactedView:
        done = redactions.redact_subject(tenant_id, type, id, actor_of(request))
        return RedactedView(redacted=done.redacted, record=done.record)

    return [router]
