"""Vinsight's API for webhooks, below `/compat/vinsight`: as its document has it, and where that is silent, as fixed in
docs/compat.md.

A webhook has an Entity and an Action, which are one event type: `SalesOrder` and `created` are `sales_order.created`,
and the other way round, so that what was posted comes back. Thin: parse, ask `control`, answer. The document shows no
errors; ours are `{"Code", "Message", "Errors": [{"Field", "Message"}]}`, with 400 for whatever is wrong with a body.
"""

import re
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from ringback.api.auth import Authenticator
from ringback.api.compat.frame import CompatContract, CompatInput, in_words_of, router_of, tenant_of, told
from ringback.api.gate import actor_of, principal_of
from ringback.api.problem import Fault, Problem
from ringback.control.endpoint_fields import EndpointFields
from ringback.control.endpoints import EndpointUseCases
from ringback.control.findings import Findings
from ringback.control.profile_endpoints import ProfileEndpoints
from ringback.control.secrets import SecretUseCases
from ringback.model.endpoint import Endpoint
from ringback.model.limits import EVENT_TYPE_CHARS_MAX

NAME: Final = "vinsight"

_ENTITY: Final = re.compile(r"(?:[A-Z][a-z0-9]*)+")
_ACTION: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_EVENT_TYPE: Final = re.compile(r"([a-z][a-z0-9]*(?:_[a-z][a-z0-9]*)*)\.([a-z][a-z0-9]*(?:_[a-z0-9]+)*)")
_METHOD: Final = "POST"
_FORMAT: Final = "JSON"
_NAMES: Final = {"url": "Url", "event_types": "Entity"}


class _WebhookBody(CompatInput):
    entity: str = Field(alias="Entity")
    action: str = Field(alias="Action")
    url: str = Field(alias="Url")
    method: str = Field(alias="Method")
    format: str = Field(alias="Format")

    def fields(self) -> EndpointFields:
        """What it says of an endpoint. Raises Invalid."""
        findings = Findings()
        if _ENTITY.fullmatch(self.entity) is None:
            findings.add("Entity", "must be a name such as Contact or SalesOrder")
        if _ACTION.fullmatch(self.action) is None:
            findings.add("Action", "must be a name such as created or status_changed")
        if not self.url:
            findings.add("Url", "must not be empty")
        if self.method != _METHOD:
            findings.add("Method", f"must be {_METHOD}")
        if self.format != _FORMAT:
            findings.add("Format", f"must be {_FORMAT}")
        event_type = f"{type_of(self.entity)}.{self.action}"
        if len(event_type) > EVENT_TYPE_CHARS_MAX:
            findings.add("Entity", f"is too long: with Action it makes more than {EVENT_TYPE_CHARS_MAX} characters")
        findings.raise_if_any()
        return {"url": self.url, "event_types": [event_type]}


class _WebhookView(BaseModel):
    WebhookID: str
    Entity: str
    Action: str
    Url: str
    Method: str = _METHOD
    Format: str = _FORMAT

    @classmethod
    def of(cls, endpoint: Endpoint) -> "_WebhookView":
        entity, action = entity_and_action(endpoint.event_types)
        return cls(WebhookID=endpoint.id, Entity=entity, Action=action, Url=endpoint.url)


class _SecretView(BaseModel):
    Secret: str


def vinsight_contract(endpoints: EndpointUseCases, secrets: SecretUseCases, keys: Authenticator) -> CompatContract:
    """Routes for a tenant's keys."""
    return CompatContract(NAME, _manner, [_router(ProfileEndpoints(endpoints, secrets, NAME), secrets, keys)])


def _router(webhooks: ProfileEndpoints, secrets: SecretUseCases, keys: Authenticator) -> APIRouter:
    router = router_of(NAME, keys)

    @router.post("/Webhooks", status_code=201)
    def create_webhook(request: Request, body: _WebhookBody) -> _WebhookView:
        with in_words_of(_NAMES):
            made = webhooks.create(tenant_of(request), body.fields(), principal_of(request).label)
        return _WebhookView.of(made.endpoint)

    @router.get("/Webhooks")
    def list_webhooks(request: Request) -> list[_WebhookView]:
        return [_WebhookView.of(endpoint) for endpoint in webhooks.all(tenant_of(request))]

    @router.get("/Webhooks/Secret.json")
    def show_secret(request: Request) -> _SecretView:
        return _SecretView(Secret=secrets.reveal_tenant(tenant_of(request), actor_of(request)).secret)

    @router.get("/Webhooks/{webhook_id}")
    def get_webhook(webhook_id: str, request: Request) -> _WebhookView:
        return _WebhookView.of(webhooks.get(tenant_of(request), webhook_id))

    @router.put("/Webhooks/{webhook_id}")
    def change_webhook(webhook_id: str, request: Request, body: _WebhookBody) -> _WebhookView:
        with in_words_of(_NAMES):
            changed = webhooks.update(tenant_of(request), webhook_id, body.fields(), actor_of(request), revive=True)
        return _WebhookView.of(changed)

    @router.delete("/Webhooks/{webhook_id}", status_code=204)
    def delete_webhook(webhook_id: str, request: Request) -> Response:
        webhooks.delete(tenant_of(request), webhook_id)
        return Response(status_code=204)

    return router


def type_of(entity: str) -> str:
    """`sales_order` of `SalesOrder`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", entity).lower()


def entity_and_action(event_types: tuple[str, ...]) -> tuple[str, str]:
    """`SalesOrder` and `created` of the one type `sales_order.created`; both empty for what has no such form."""
    match = _EVENT_TYPE.fullmatch(event_types[0]) if len(event_types) == 1 else None
    if match is None:
        return "", ""
    return "".join(word[:1].upper() + word[1:] for word in match[1].split("_")), match[2]


def _manner(fault: Fault) -> Problem:
    document: dict[str, Any] = {"Code": fault.code, "Message": fault.detail}
    if fault.errors:
        document["Errors"] = [{"Field": field, "Message": message} for field, message in fault.errors]
    return told(fault, document, 400 if fault.status == 422 else None)
