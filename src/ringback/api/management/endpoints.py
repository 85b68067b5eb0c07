"""Routes of endpoints, their secrets, their figures and their attempts. Thin: parse, ask `control`, answer."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from ringback.api.auth import Authenticator
from ringback.api.gate import actor_of, principal_of
from ringback.api.management.attempts import AttemptParameters
from ringback.api.management.guard import guarded, is_operator
from ringback.api.management.inputs import EndpointChange, NewEndpoint, Nothing, Rotation, SampleBody
from ringback.api.management.log_views import AttemptView, PreviewView, StatsView, TestView
from ringback.api.management.parameters import PageParameters, Text, WholeNumber
from ringback.api.management.views import (
    EndpointSecretView,
    EndpointView,
    Listing,
    SecretEndpointView,
    WholeEndpointView,
    listing,
)
from ringback.control.attempts import STATS_DAYS_DEFAULT, AttemptUseCases
from ringback.control.endpoints import Changed, EndpointUseCases
from ringback.control.samples import SampleUseCases
from ringback.control.secrets import SecretUseCases
from ringback.model.endpoint import Endpoint
from ringback.model.errors import FieldError, Invalid
from ringback.model.limits import STATS_DAYS_MAX
from ringback.model.tenant import Scope

_PREFIX = "/v1/tenants/{tenant_id}/endpoints"
_ONE_ENDPOINT = "must be the one in the address, or left out; a tenant's list takes any"
EventTypeParameter = Annotated[
    str | None,
    Query(description="Absent: the first type that the endpoint names, else the profile's, else `ringback.test`."),
]


def endpoint_routers(
    endpoints: EndpointUseCases,
    secrets: SecretUseCases,
    attempts: AttemptUseCases,
    samples: SampleUseCases,
    keys: Authenticator,
) -> list[APIRouter]:
    """Routes for a tenant's own keys and broader ones."""
    return [
        _endpoint_router(endpoints, secrets, keys),
        _secret_router(secrets, keys),
        _sample_router(samples, keys),
        _log_router(attempts, keys),
    ]


def _endpoint_router(endpoints: EndpointUseCases, secrets: SecretUseCases, keys: Authenticator) -> APIRouter:
    router = APIRouter(prefix=_PREFIX, tags=["endpoints"], route_class=guarded(Scope.TENANT, keys))

    @router.post("", status_code=201, summary="Register an endpoint")
    def create_endpoint(tenant_id: str, request: Request, body: NewEndpoint) -> SecretEndpointView:
        principal, by_operator = principal_of(request), is_operator(request)
        made = endpoints.create(
            tenant_id, body.fields(), body.secret, created_by=principal.label, by_operator=by_operator
        )
        return _shown_with_secret(endpoints, made)

    @router.get("", summary="List endpoints, oldest first")
    def list_endpoints(tenant_id: str, page: PageParameters) -> Listing[EndpointView]:
        found = endpoints.list(tenant_id, page)
        sending = endpoints.sending(found.items)
        failures = endpoints.failures(tenant_id, found.items)
        return listing(
            found, lambda endpoint: EndpointView.of(endpoint, sending[endpoint.id], failures.get(endpoint.id))
        )

    @router.get("/{endpoint_id}", summary="Show an endpoint")
    def get_endpoint(tenant_id: str, endpoint_id: str) -> WholeEndpointView:
        return _shown(endpoints, endpoints.get(tenant_id, endpoint_id))

    @router.patch("/{endpoint_id}", summary="Change an endpoint")
    def change_endpoint(
        tenant_id: str, endpoint_id: str, request: Request, body: EndpointChange
    ) -> SecretEndpointView | WholeEndpointView:
        who, by_operator = actor_of(request), is_operator(request)
        changed = endpoints.update(tenant_id, endpoint_id, body.fields(), secrets, who, by_operator=by_operator)
        return _shown(endpoints, changed.endpoint) if changed.secret is None else _shown_with_secret(endpoints, changed)

    @router.delete("/{endpoint_id}", status_code=204, summary="Delete an endpoint; what is queued ends as cancelled")
    def delete_endpoint(tenant_id: str, endpoint_id: str) -> Response:
        endpoints.delete(tenant_id, endpoint_id)
        return Response(status_code=204)

    @router.post("/{endpoint_id}/activate", summary="Send to it again, what is queued included")
    def activate_endpoint(
        tenant_id: str, endpoint_id: str, request: Request, body: Nothing | None = None
    ) -> WholeEndpointView:
        return _shown(endpoints, endpoints.activate(tenant_id, endpoint_id, by_operator=is_operator(request)))

    @router.post("/{endpoint_id}/deactivate", summary="Send nothing to it and match nothing; what is queued is kept")
    def deactivate_endpoint(tenant_id: str, endpoint_id: str, body: Nothing | None = None) -> WholeEndpointView:
        return _shown(endpoints, endpoints.deactivate(tenant_id, endpoint_id))

    @router.post("/{endpoint_id}/verify", summary="Repeat the handshake, where the profile has one")
    def verify_endpoint(
        tenant_id: str, endpoint_id: str, request: Request, body: Nothing | None = None
    ) -> WholeEndpointView:
        return _shown(endpoints, endpoints.verify(tenant_id, endpoint_id, by_operator=is_operator(request)))

    return router


def _shown(endpoints: EndpointUseCases, endpoint: Endpoint) -> WholeEndpointView:
    sending = endpoints.sending([endpoint])[endpoint.id]
    failure = endpoints.failures(endpoint.tenant_id, [endpoint]).get(endpoint.id)
    return WholeEndpointView.whole(endpoint, sending, endpoints.tracked_members(endpoint), failure)


def _shown_with_secret(endpoints: EndpointUseCases, changed: Changed) -> SecretEndpointView:
    endpoint = changed.endpoint
    sending = endpoints.sending([endpoint])[endpoint.id]
    return SecretEndpointView.made(changed, sending, endpoints.tracked_members(endpoint))


def _secret_router(secrets: SecretUseCases, keys: Authenticator) -> APIRouter:
    router = APIRouter(
        prefix=_PREFIX + "/{endpoint_id}/secret", tags=["endpoints"], route_class=guarded(Scope.TENANT, keys)
    )

    @router.get("", summary="Reveal an endpoint's secret (audited)")
    def reveal_endpoint_secret(tenant_id: str, endpoint_id: str, request: Request) -> EndpointSecretView:
        return EndpointSecretView.of(secrets.reveal(tenant_id, endpoint_id, actor_of(request)))

    @router.post("/rotate", summary="Rotate an endpoint's secret; both sign during the grace")
    def rotate_endpoint_secret(
        tenant_id: str, endpoint_id: str, request: Request, body: Rotation | None = None
    ) -> EndpointSecretView:
        how = body or Rotation()
        actor = actor_of(request)
        return EndpointSecretView.of(secrets.rotate(tenant_id, endpoint_id, how.secret, how.grace_seconds, actor))

    return router


def _sample_router(samples: SampleUseCases, keys: Authenticator) -> APIRouter:
    router = APIRouter(prefix=_PREFIX + "/{endpoint_id}", tags=["endpoints"], route_class=guarded(Scope.TENANT, keys))

    @router.get("/preview", summary="The request that a sample would make; nothing is sent")
    def preview_endpoint(tenant_id: str, endpoint_id: str, event_type: EventTypeParameter = None) -> PreviewView:
        return PreviewView.of(samples.preview(tenant_id, endpoint_id, event_type))

    @router.post("/test", status_code=202, summary="Send a sample to this endpoint, for real")
    def send_test(tenant_id: str, endpoint_id: str, body: SampleBody | None = None) -> TestView:
        return TestView(event_id=samples.send(tenant_id, endpoint_id, body.event_type if body else None))

    return router


def _log_router(attempts: AttemptUseCases, keys: Authenticator) -> APIRouter:
    router = APIRouter(prefix=_PREFIX + "/{endpoint_id}", tags=["attempts"], route_class=guarded(Scope.TENANT, keys))

    @router.get("/stats", summary="Attempts of events by day (UTC), today included")
    def endpoint_stats(
        tenant_id: str,
        endpoint_id: str,
        days: Annotated[WholeNumber, Query(ge=1, le=STATS_DAYS_MAX)] = STATS_DAYS_DEFAULT,
    ) -> StatsView:
        return StatsView.of(attempts.stats(tenant_id, endpoint_id, days))

    @router.get("/attempts", summary="List an endpoint's attempts, newest first, without bodies")
    def list_endpoint_attempts(
        tenant_id: str,
        endpoint_id: str,
        which: AttemptParameters,
        page: PageParameters,
        repeated: Annotated[Text | None, Query(alias="endpoint_id", description="The one in the address.")] = None,
    ) -> Listing[AttemptView]:
        if repeated not in (None, endpoint_id):
            raise Invalid(f"endpoint_id {_ONE_ENDPOINT}.", [FieldError("endpoint_id", _ONE_ENDPOINT)])
        return listing(attempts.list_of_endpoint(tenant_id, endpoint_id, which, page), AttemptView.of)

    return router
