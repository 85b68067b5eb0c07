"""Vainu's API for webhooks of company data, below `/compat/vainu`: as its document has it, and where that is silent, as
fixed in docs/compat.md.

Every address is answered with and without its trailing slash. The one type there is, `company_change_webhook`, stands
for the event types `company` and `company.*`, of companies in the tracked set that the profile names: what the document
calls Customer data, which is kept through /v1. Thin: parse, ask `control`, answer. The document shows no errors; ours
are `{"detail", "code", "errors": {field: [message]}}`, with 400 for whatever is wrong with a body.
"""

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from ringback.api.auth import Authenticator
from ringback.api.compat.frame import CompatContract, CompatInput, in_words_of, router_of, tenant_of, told
from ringback.api.gate import principal_of
from ringback.api.problem import Fault, Problem
from ringback.control.endpoint_fields import EndpointFields
from ringback.control.endpoints import EndpointUseCases
from ringback.control.findings import Findings
from ringback.control.profile_endpoints import ProfileEndpoints
from ringback.control.secrets import SecretUseCases
from ringback.model.endpoint import Endpoint

NAME: Final = "vainu"

_TYPE: Final = "company_change_webhook"
_EVENT_TYPES: Final = ("company", "company.*")
_PATH: Final = "/api/v2/webhook_configuration"
_NAMES: Final = {"url": "webhook_url"}


class _WebhookBody(CompatInput):
    webhook_url: str
    query: str | None = None
    type: str

    def fields(self) -> EndpointFields:
        """What it says of an endpoint. Raises Invalid."""
        findings = Findings()
        if not self.webhook_url:
            findings.add("webhook_url", "must not be empty")
        if self.type != _TYPE:
            findings.add("type", f"must be {_TYPE}: there is no other type")
        findings.raise_if_any()
        return {"url": self.webhook_url, "query": self.query, "event_types": list(_EVENT_TYPES)}


class _WebhookView(BaseModel):
    webhook_url: str
    query: str
    id: str
    username: str
    type: str = _TYPE

    @classmethod
    def of(cls, endpoint: Endpoint) -> "_WebhookView":
        return cls(webhook_url=endpoint.url, query=endpoint.query, id=endpoint.id, username=endpoint.created_by)


class _WebhooksView(BaseModel):
    results: list[_WebhookView]


def vainu_contract(endpoints: EndpointUseCases, secrets: SecretUseCases, keys: Authenticator) -> CompatContract:
    """Routes for a tenant's keys."""
    return CompatContract(NAME, _manner, [_router(ProfileEndpoints(endpoints, secrets, NAME), keys)])


def _router(webhooks: ProfileEndpoints, keys: Authenticator) -> APIRouter:
    router = router_of(NAME, keys)

    @router.post(_PATH, status_code=201)
    @router.post(_PATH + "/", status_code=201)
    def create_webhook(request: Request, body: _WebhookBody) -> _WebhookView:
        with in_words_of(_NAMES):
            made = webhooks.create(tenant_of(request), body.fields(), principal_of(request).label)
        return _WebhookView.of(made.endpoint)

    @router.get(_PATH)
    @router.get(_PATH + "/")
    def list_webhooks(request: Request) -> _WebhooksView:
        return _WebhooksView(results=[_WebhookView.of(endpoint) for endpoint in webhooks.all(tenant_of(request))])

    @router.delete(_PATH + "/{webhook_id}", status_code=204)
    @router.delete(_PATH + "/{webhook_id}/", status_code=204)
    def delete_webhook(webhook_id: str, request: Request) -> Response:
        webhooks.delete(tenant_of(request), webhook_id)
        return Response(status_code=204)

    return router


def _manner(fault: Fault) -> Problem:
    document: dict[str, Any] = {"detail": fault.detail, "code": fault.code}
    if fault.errors:
        fields = dict.fromkeys(field for field, _ in fault.errors)
        document["errors"] = {name: [text for field, text in fault.errors if field == name] for name in fields}
    return told(fault, document, 400 if fault.status == 422 else None)
