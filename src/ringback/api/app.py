"""The web app for everything but posting events: routes, errors, OpenAPI and /docs.

`EventsRoute` (api.events) stands in front of it and hands on what isn't its own. Every answer that is an error is a
problem (RFC 9457), those of unknown addresses and of defects included; a stack trace goes to the log alone. Knows no
store: it is given use cases, ready made.
"""

from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from ringback import __version__
from ringback.api.auth import Authenticator
from ringback.api.management.attempts import attempt_routers
from ringback.api.management.backup import backup_routers
from ringback.api.management.docs_page import docs_routes
from ringback.api.management.endpoints import endpoint_routers
from ringback.api.management.event_types import event_type_routers
from ringback.api.management.events import event_routers
from ringback.api.management.health import health_routers
from ringback.api.management.jobs import job_routers
from ringback.api.management.keys import key_routers
from ringback.api.management.master_key import master_key_routers
from ringback.api.management.metrics import Exposition, metrics_routers
from ringback.api.management.openapi import completed
from ringback.api.management.profiles import profile_routers
from ringback.api.management.redaction import redaction_routers
from ringback.api.management.refusals import invalid_from
from ringback.api.management.tenants import tenant_routers
from ringback.api.problem import Problem, problem, status_problem
from ringback.control.attempts import AttemptUseCases
from ringback.control.backup import BackupUseCases
from ringback.control.endpoints import EndpointUseCases
from ringback.control.event_types import EventTypeUseCases
from ringback.control.events import EventUseCases
from ringback.control.keys import KeyUseCases
from ringback.control.master_key import MasterKeyUseCases
from ringback.control.profiles import ProfileUseCases
from ringback.control.readiness import Readiness
from ringback.control.redaction import RedactionUseCases
from ringback.control.replays import ReplayUseCases
from ringback.control.samples import SampleUseCases
from ringback.control.secrets import SecretUseCases
from ringback.control.tenants import TenantUseCases
from ringback.model.errors import RingbackError

_DESCRIPTION: Final = (
    "Ringback sends webhooks. Every call under /v1 needs a key: `Authorization: Bearer KEY`. Errors are RFC 9457 "
    "problems with a stable `code`."
)


@dataclass(frozen=True, slots=True)
class AppParts:
    """What the app is made of; `compose` makes them."""

    tenants: TenantUseCases
    event_types: EventTypeUseCases
    profiles: ProfileUseCases
    keys: KeyUseCases
    endpoints: EndpointUseCases
    secrets: SecretUseCases
    events: EventUseCases
    attempts: AttemptUseCases
    master_key: MasterKeyUseCases
    backups: BackupUseCases
    samples: SampleUseCases
    redactions: RedactionUseCases
    replays: ReplayUseCases
    readiness: Readiness
    metrics: Exposition
    authenticator: Authenticator


class ManagementApp(FastAPI):
    """FastAPI with our OpenAPI document."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = completed(super().openapi())
        return self.openapi_schema


def build_app(parts: AppParts) -> FastAPI:
    """The app, to stand behind `EventsRoute`."""
    app = ManagementApp(
        title="Ringback",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for router in (
        *tenant_routers(parts.tenants, parts.secrets, parts.authenticator),
        *event_type_routers(parts.event_types, parts.authenticator),
        *profile_routers(parts.profiles, parts.authenticator),
        *key_routers(parts.keys, parts.authenticator),
        *endpoint_routers(parts.endpoints, parts.secrets, parts.attempts, parts.samples, parts.authenticator),
        *attempt_routers(parts.attempts, parts.authenticator),
        *event_routers(parts.events, parts.authenticator),
        *master_key_routers(parts.master_key, parts.authenticator),
        *backup_routers(parts.backups, parts.authenticator),
        *redaction_routers(parts.redactions, parts.authenticator),
        *job_routers(parts.replays, parts.authenticator),
        *health_routers(parts.readiness),
        *metrics_routers(parts.metrics),
    ):
        # The routes themselves, not the router: so one flat table can be walked, to see that each has its gate.
        for route in router.routes:
            if isinstance(route, APIRoute):
                route.operation_id = route.name
            app.router.routes.append(route)
    app.router.routes.extend(docs_routes())
    app.add_exception_handler(RingbackError, _refused)
    app.add_exception_handler(RequestValidationError, _refused_by_framework)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _defect)
    return app


async def _refused(request: Request, error: Exception) -> Response:
    return _response(problem(error))


async def _refused_by_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is registered for
    return _response(problem(invalid_from(error.errors())))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    if error.status_code in (404, 405) and (allowed := _allowed(request)):
        return _response(status_problem(405, headers={"Allow": ", ".join(allowed)}))
    return _response(status_problem(error.status_code, headers=error.headers))


async def _defect(request: Request, error: Exception) -> Response:
    return _response(problem(error))


def _response(answer: Problem) -> Response:
    return Response(answer.body, answer.status, answer.headers)


def _allowed(request: Request) -> list[str]:
    """The methods that this path has, on whichever routes; the event routes stand elsewhere."""
    methods: set[str] = set()
    for route in request.app.router.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    match request.scope["path"].split("/"):
        case ["", "v1", "tenants", _, "events"]:
            methods.add("POST")
        case ["", "v1", "tenants", _, "events", "batch"]:
            # An event may be called `batch`; what this address is for is said all the same.
            return ["POST"]
        case ["", "v1", "tenants", _, "status"]:
            methods.add("POST")
    return sorted(methods)
