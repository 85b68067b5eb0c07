"""Vessel's API for webhooks, below `/compat/vessel`: as its document has it, and where that is silent, as fixed in
docs/compat.md.

A connection is a tenant, and has one webhook. The account's `vessel-api-token` is an admin key, and the `accessToken`
of a call, in its body or its query, is the secret of the tenant it is about. A tenant's key is taken too, in that
header or as a Bearer: it names the tenant by itself, and an `accessToken` beside it must be that tenant's. Thin: parse,
ask `control`, answer. The document shows no errors; ours are `{"code", "message", "errors": [{"field", "message"}]}`,
with 400 for whatever is wrong with a body or a query.
"""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from ringback.api.auth import Authenticator, Principal
from ringback.api.compat.frame import CompatContract, CompatInput, Gate, bearer, in_words_of, router_of, told
from ringback.api.gate import Headers, actor_of, principal_of
from ringback.api.problem import Fault, Problem
from ringback.control.endpoints import EndpointUseCases
from ringback.control.findings import Findings
from ringback.control.profile_endpoints import ProfileEndpoints
from ringback.control.secrets import SecretUseCases
from ringback.model.endpoint import Endpoint
from ringback.model.errors import Conflict, Forbidden, Malformed, NotFound
from ringback.model.tenant import Scope

NAME: Final = "vessel"

_PATH: Final = "/webhook"
_TOKEN_HEADER: Final = b"vessel-api-token"
_KEY_FORM: Final = "Send the header `vessel-api-token: rb_…` with the key as it was shown when it was made."
_BEARER: Final = b"Bearer "
_NAMES: Final = {"url": "webhookUrl"}
_Token = Annotated[str | None, Query(alias="accessToken")]
_Id = Annotated[str | None, Query(alias="webhookId")]


class _Named(CompatInput):
    webhook_id: str | None = Field(default=None, alias="webhookId")
    webhook_url: str | None = Field(default=None, alias="webhookUrl")


class _Body(_Named):
    """The nested form or the flat one."""

    access_token: str | None = Field(default=None, alias="accessToken")
    webhook: _Named | None = None


class _Webhook(BaseModel):
    webhook_id: str = Field(serialization_alias="webhookId")
    webhook_url: str = Field(serialization_alias="webhookUrl")


class _WebhookView(BaseModel):
    webhook: _Webhook

    @classmethod
    def of(cls, endpoint: Endpoint) -> "_WebhookView":
        return cls(webhook=_Webhook(webhook_id=endpoint.id, webhook_url=endpoint.url))


def vessel_contract(endpoints: EndpointUseCases, secrets: SecretUseCases, keys: Authenticator) -> CompatContract:
    """Routes for admin keys and tenants' keys."""
    return CompatContract(NAME, _manner, [_router(ProfileEndpoints(endpoints, secrets, NAME), secrets, keys)])


def _router(webhooks: ProfileEndpoints, secrets: SecretUseCases, keys: Authenticator) -> APIRouter:
    router = router_of(NAME, keys, Gate(_key_in, _let_in, _KEY_FORM))

    @router.post("/connection" + _PATH, status_code=201)
    @router.post(_PATH, status_code=201)
    def create_webhook(request: Request, body: _Body, token: _Token = None) -> _WebhookView:
        url = _url(body)
        tenant_id = _connection(request, secrets, body, token)
        with in_words_of(_NAMES):
            return _WebhookView.of(_created(webhooks, tenant_id, url, principal_of(request).label))

    @router.get(_PATH)
    def get_webhook(
        request: Request, body: _Body | None = None, token: _Token = None, webhook_id: _Id = None
    ) -> _WebhookView:
        wanted = _id(body, webhook_id)
        tenant_id = _connection(request, secrets, body, token)
        return _WebhookView.of(_found(webhooks, tenant_id, wanted))

    @router.put(_PATH)
    def change_webhook(request: Request, body: _Body, token: _Token = None, webhook_id: _Id = None) -> _WebhookView:
        url, wanted = _url(body), _id(body, webhook_id)
        tenant_id = _connection(request, secrets, body, token)
        known = _found(webhooks, tenant_id, wanted)
        with in_words_of(_NAMES):
            changed = webhooks.update(tenant_id, known.id, {"url": url}, actor_of(request), revive=True)
        return _WebhookView.of(changed)

    @router.delete(_PATH, status_code=204)
    def delete_webhook(
        request: Request, body: _Body | None = None, token: _Token = None, webhook_id: _Id = None
    ) -> Response:
        wanted = _id(body, webhook_id)
        tenant_id = _connection(request, secrets, body, token)
        webhooks.delete(tenant_id, _found(webhooks, tenant_id, wanted).id)
        return Response(status_code=204)

    return router


# ── who calls, and about which connection ─────────────────────────────────────────────────────────────────────────


def _key_in(headers: Headers) -> bytes | None:
    token, other = headers.get(_TOKEN_HEADER), bearer(headers)
    if token is None:
        return other
    if other is not None and other != _BEARER + token:
        raise Malformed("vessel-api-token and Authorization hold different keys. Send one of them.")
    return _BEARER + token


def _let_in(principal: Principal) -> None:
    if principal.scope is Scope.INGEST:
        raise Forbidden("An ingest key may only post events. Use an admin key, or a key of scope tenant.")


def _connection(request: Request, secrets: SecretUseCases, body: _Body | None, in_query: str | None) -> str:
    """The tenant that a call is about. Raises Invalid, NotFound, Conflict."""
    of_key = principal_of(request).tenant_id
    token = _one("accessToken", [None if body is None else body.access_token, in_query])
    if token is None:
        if of_key is None:
            _refuse("accessToken", "is required with an admin key: it says which connection is meant")
        return str(of_key)
    owners = secrets.owners(token)
    if of_key is not None:
        owners = [one for one in owners if one == of_key]
    if not owners:
        raise NotFound("There is no connection with this accessToken, or it is not that of the key.")
    if len(owners) > 1:
        raise Conflict(
            "Several connections have this accessToken. Use a key of the one that is meant, or rotate their secrets.",
            code="access_token_ambiguous",
        )
    return owners[0]


# ── the webhook ───────────────────────────────────────────────────────────────────────────────────────────────────


def _created(webhooks: ProfileEndpoints, tenant_id: str, url: str, label: str) -> Endpoint:
    try:
        return webhooks.create(tenant_id, {"url": url}, label).endpoint
    except Conflict as refused:
        there = webhooks.all(tenant_id)
        if refused.code != "endpoint_exists" or not there:
            raise
        raise Conflict(
            f"This connection has a webhook already: {there[0].id}. Change it with PUT, or delete it first.",
            code=refused.code,
        ) from None


def _found(webhooks: ProfileEndpoints, tenant_id: str, webhook_id: str | None) -> Endpoint:
    """The connection's webhook; with an id it must be that one. Raises NotFound."""
    for endpoint in webhooks.all(tenant_id):
        if webhook_id in (None, endpoint.id):
            return endpoint
    raise NotFound(
        "This connection has no such webhook." if webhook_id is not None else "This connection has no webhook."
    )


def _url(body: _Body) -> str:
    url = _one("webhookUrl", [body.webhook_url, None if body.webhook is None else body.webhook.webhook_url])
    if not url:
        _refuse("webhookUrl", "is required" if url is None else "must not be empty")
    return str(url)


def _id(body: _Body | None, in_query: str | None) -> str | None:
    inner = None if body is None or body.webhook is None else body.webhook.webhook_id
    return _one("webhookId", [None if body is None else body.webhook_id, inner, in_query])


def _one(name: str, values: list[str | None]) -> str | None:
    """The value that is given, in whichever place. Raises Invalid for two that differ."""
    given = {value for value in values if value is not None}
    if len(given) > 1:
        _refuse(name, "is given twice, with different values")
    return given.pop() if given else None


def _refuse(field: str, message: str) -> None:
    findings = Findings()
    findings.add(field, message)
    findings.raise_if_any()


def _manner(fault: Fault) -> Problem:
    document: dict[str, Any] = {"code": fault.code, "message": fault.detail}
    if fault.errors:
        document["errors"] = [{"field": field, "message": message} for field, message in fault.errors]
    return told(fault, document, 400 if fault.status == 422 else None)
