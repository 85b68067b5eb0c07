"""The web app for everything but posting events and writing records: routes, errors, OpenAPI and /docs.

`EventsRoute` (api.events) and `RecordsRoute` (api.records) stand in front of it and hand on what isn't theirs. Every
answer that is an error is a problem (RFC 9457), or what a published contract (api.compat) has instead, those of unknown
addresses and of defects included; a stack trace goes to the log alone. Knows no store: it is given use cases, ready
made.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from ringback import __version__
from ringback.api.arrivals import Arrivals
from ringback.api.auth import Authenticator
from ringback.api.compat.frame import CompatContract, manners_of
from ringback.api.compat.insideview import insideview_contract
from ringback.api.compat.vainu import vainu_contract
from ringback.api.compat.vessel import vessel_contract
from ringback.api.compat.vinsight import vinsight_contract
from ringback.api.management.attempts import attempt_routers
from ringback.api.management.backup import backup_routers
from ringback.api.management.console import console_routers
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
from ringback.api.management.operators import operator_routers
from ringback.api.management.profiles import profile_routers
from ringback.api.management.record_types import record_type_routers
from ringback.api.management.records import record_routers
from ringback.api.management.redaction import redaction_routers
from ringback.api.management.refusals import invalid_from
from ringback.api.management.rules import rule_routers
from ringback.api.management.tenants import tenant_routers
from ringback.api.management.tracked_sets import tracked_set_routers
from ringback.api.management.triggers import trigger_routers
from ringback.api.problem import Fault, fault_of, fault_of_status
from ringback.control.alerts import AlertUseCases
from ringback.control.attempts import AttemptUseCases
from ringback.control.audit import AuditTrail
from ringback.control.backup import BackupUseCases
from ringback.control.console_access import ConsoleAccess
from ringback.control.endpoints import EndpointUseCases
from ringback.control.event_types import EventTypeUseCases
from ringback.control.events import EventUseCases
from ringback.control.keys import KeyUseCases
from ringback.control.master_key import MasterKeyUseCases
from ringback.control.operators import OperatorUseCases
from ringback.control.profiles import ProfileUseCases
from ringback.control.readiness import Readiness
from ringback.control.record_types import RecordTypeUseCases
from ringback.control.records import RecordUseCases
from ringback.control.redaction import RedactionUseCases
from ringback.control.replays import ReplayUseCases
from ringback.control.rules import RuleUseCases
from ringback.control.samples import SampleUseCases
from ringback.control.secrets import SecretUseCases
from ringback.control.tenants import TenantUseCases
from ringback.control.tracked_sets import TrackedSetUseCases
from ringback.control.triggers import TriggerUseCases
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
    alerts: AlertUseCases
    attempts: AttemptUseCases
    master_key: MasterKeyUseCases
    backups: BackupUseCases
    samples: SampleUseCases
    tracked_sets: TrackedSetUseCases
    records: RecordUseCases
    record_types: RecordTypeUseCases
    redactions: RedactionUseCases
    replays: ReplayUseCases
    triggers: TriggerUseCases
    rules: RuleUseCases
    operators: OperatorUseCases
    access: ConsoleAccess
    trail: AuditTrail
    readiness: Readiness
    metrics: Exposition
    authenticator: Authenticator
    arrivals: Arrivals = field(default_factory=Arrivals)


class ManagementApp(FastAPI):
    """FastAPI with our OpenAPI document."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = completed(super().openapi())
        return self.openapi_schema


def build_app(parts: AppParts) -> FastAPI:
    """The app, to stand behind `EventsRoute`."""
    contracts = compat_contracts(parts)
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
        *tracked_set_routers(parts.tracked_sets, parts.authenticator),
        *attempt_routers(parts.attempts, parts.authenticator),
        *event_routers(parts.events, parts.arrivals, parts.authenticator),
        *master_key_routers(parts.master_key, parts.authenticator),
        *backup_routers(parts.backups, parts.authenticator),
        *record_routers(parts.records, parts.authenticator),
        *record_type_routers(parts.record_types, parts.authenticator),
        *redaction_routers(parts.redactions, parts.authenticator),
        *job_routers(parts.replays, parts.authenticator),
        *trigger_routers(parts.triggers, parts.authenticator),
        *rule_routers(parts.rules, parts.authenticator),
        *operator_routers(parts.operators, parts.authenticator),
        *console_routers(parts.access, parts.trail, parts.tenants, parts.authenticator),
        *health_routers(parts.readiness),
        *metrics_routers(parts.metrics),
        *(router for contract in contracts for router in contract.routers),
    ):
        # The routes themselves, not the router: so one flat table can be walked, to see that each has its gate.
        for route in router.routes:
            if isinstance(route, APIRoute):
                route.operation_id = route.name
            app.router.routes.append(route)
    app.router.routes.extend(docs_routes())
    app.state.trail = parts.trail
    _tell_errors(app, contracts)
    return app


def compat_contracts(parts: AppParts) -> tuple[CompatContract, ...]:
    """The published management APIs, each below `/compat/NAME`."""
    return (
        vinsight_contract(parts.endpoints, parts.secrets, parts.authenticator),
        vainu_contract(parts.endpoints, parts.secrets, parts.authenticator),
        vessel_contract(parts.endpoints, parts.secrets, parts.authenticator),
        insideview_contract(parts.endpoints, parts.secrets, parts.alerts, parts.authenticator),
    )


def _tell_errors(app: FastAPI, contracts: Sequence[CompatContract]) -> None:
    """Every error in the manner of the API that its address belongs to."""
    manner_at = manners_of(contracts)

    async def tell(request: Request, error: Exception) -> Response:
        answer = manner_at(request.scope["path"])(_fault(request, error))
        return Response(answer.body, answer.status, answer.headers)

    # By Exception come defects, which the framework logs; the others are answers.
    for kind in (RingbackError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, tell)


def _fault(request: Request, error: Exception) -> Fault:
    if isinstance(error, RequestValidationError):
        return fault_of(invalid_from(error.errors()))
    if isinstance(error, HTTPException):
        if error.status_code in (404, 405) and (allowed := _allowed(request)):
            return fault_of_status(405, headers={"Allow": ", ".join(allowed)})
        return fault_of_status(error.status_code, headers=error.headers)
    return fault_of(error)


def _allowed(request: Request) -> list[str]:
    """The methods that this path has, on whichever routes; those that bring events or write records stand elsewhere."""
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
        case ["", "v1", "tenants", _, "records", "batch"]:
            return ["POST"]  # the same, of a type of records
        case ["", "v1", "tenants", _, "records", _, _, *_]:
            methods |= {"DELETE", "PATCH", "PUT"}
    return sorted(methods)
