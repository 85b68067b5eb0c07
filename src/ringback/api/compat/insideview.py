"""InsideView's API for subscriptions and alerts, below `/compat/insideview`: as its document has it, and where that is
silent, as fixed in docs/compat.md.

A subscription is an endpoint of the profile, with a URL (its webhook) or without one; what it is told of are the event
types below its `subscriptionType`, of its subscribed entities where they are kept as a tracked set. Alerts are events,
called by their number, read from the log. Thin: parse, ask `control`, answer. The document's error codes are a status
and a number, `400-2100`; ours are of the same form, in `{"errorCode", "message", "reason", "errors": [{"field",
"message"}]}`, and `reason` is the code of docs/errors.md.
"""

import re
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Query, Request, Response

from ringback.api.auth import Authenticator
from ringback.api.compat.frame import CompatContract, in_words_of, router_of, tenant_of, told
from ringback.api.compat.insideview_bodies import NewSubscription, SubscriptionChange, type_of
from ringback.api.gate import actor_of, principal_of
from ringback.api.management.parameters import PageParameters
from ringback.api.problem import Fault, Problem
from ringback.control.alerts import Alert, AlertUseCases
from ringback.control.endpoints import EndpointUseCases
from ringback.control.findings import Findings
from ringback.control.profile_endpoints import ProfileEndpoints
from ringback.control.secrets import SecretUseCases
from ringback.model.endpoint import NO_URL, Endpoint, EndpointStatus
from ringback.model.errors import NotFound
from ringback.wire.slots import TIME_FORMATS

NAME: Final = "insideview"

_SUBSCRIPTIONS: Final = "/api/v1/subscriptions"
_ALERTS: Final = "/api/v1/alerts"
_STATUS: Final = {
    EndpointStatus.ACTIVE: "ACTIVE",
    EndpointStatus.VERIFICATION_PENDING: "VERIFICATION_PENDING",
    EndpointStatus.DISABLED: "DISABLED",
    EndpointStatus.INACTIVE: "DISABLED",
}
_SWITCHED_OFF: Final = ("inactive", "Switched off by a person")
_NUMBER: Final = re.compile(r"[0-9]{1,16}")
_NAMES: Final = {
    "url": "webhook.url",
    "secret": "signingSecret",
    "label": "name",
    "event_types": "subscriptionType",
    "tracked_set": "trackedSet",
}
# What is told apart within a status, in the document's manner.
_NUMBERS: Final = {"malformed": 1000, "invalid": 1001}
_date = TIME_FORMATS["iso8601_offset"].write


def insideview_contract(
    endpoints: EndpointUseCases, secrets: SecretUseCases, alerts: AlertUseCases, keys: Authenticator
) -> CompatContract:
    """Routes for a tenant's keys."""
    subscriptions = ProfileEndpoints(endpoints, secrets, NAME)
    routers = [_subscription_router(subscriptions, keys), _alert_router(subscriptions, alerts, keys)]
    return CompatContract(NAME, _manner, routers)


def _subscription_router(subscriptions: ProfileEndpoints, keys: Authenticator) -> APIRouter:
    router = router_of(NAME, keys)

    @router.post(_SUBSCRIPTIONS, status_code=201)
    def create_subscription(request: Request, body: NewSubscription) -> dict[str, Any]:
        fields = body.fields()
        with in_words_of(_NAMES):
            made = subscriptions.create(tenant_of(request), fields, principal_of(request).label, body.secret())
        return _shown(made.endpoint)

    @router.get(_SUBSCRIPTIONS)
    def list_subscriptions(request: Request) -> dict[str, Any]:
        return {"subscriptions": [_shown(endpoint) for endpoint in subscriptions.all(tenant_of(request))]}

    @router.get(_SUBSCRIPTIONS + "/{subscription_id}")
    def get_subscription(subscription_id: str, request: Request) -> dict[str, Any]:
        return _shown(_subscription(subscriptions, tenant_of(request), subscription_id))

    @router.put(_SUBSCRIPTIONS + "/{subscription_id}")
    def change_subscription(subscription_id: str, request: Request, body: SubscriptionChange) -> dict[str, Any]:
        body.check()
        tenant_id = tenant_of(request)
        before = _subscription(subscriptions, tenant_id, subscription_id)
        fields = body.fields(before)
        with in_words_of(_NAMES):
            revive, given = body.webhook is not None, body.given()
            actor = actor_of(request)
            after = subscriptions.update(tenant_id, subscription_id, fields, actor, revive=revive, given=given)
        if body.asks_again(before):
            after = subscriptions.verify(tenant_id, subscription_id)
        return _shown(after)

    @router.delete(_SUBSCRIPTIONS + "/{subscription_id}", status_code=204)
    def delete_subscription(subscription_id: str, request: Request) -> Response:
        _subscription(subscriptions, tenant_of(request), subscription_id)
        subscriptions.delete(tenant_of(request), subscription_id)
        return Response(status_code=204)

    return router


def _alert_router(subscriptions: ProfileEndpoints, alerts: AlertUseCases, keys: Authenticator) -> APIRouter:
    router = router_of(NAME, keys)

    @router.get(_ALERTS)
    def list_alerts(
        request: Request,
        page: PageParameters,
        subscription_id: Annotated[str | None, Query(alias="subscriptionId")] = None,
    ) -> Response:
        if not subscription_id:
            findings = Findings()
            findings.add("subscriptionId", "is required: alerts are those of a subscription")
            findings.raise_if_any()
        found = alerts.list(_subscription(subscriptions, tenant_of(request), subscription_id or ""), page)
        return _answer({"alerts": [_fetched(alert) for alert in found.items], "nextCursor": found.next_cursor})

    @router.get(_ALERTS + "/{alert_id}")
    def get_alert(alert_id: str, request: Request) -> Response:
        tenant_id = tenant_of(request)
        number = int(alert_id) if _NUMBER.fullmatch(alert_id) else -1
        return _answer(_fetched(alerts.get(tenant_id, number, subscriptions.all(tenant_id))))

    return router


def _subscription(subscriptions: ProfileEndpoints, tenant_id: str, subscription_id: str) -> Endpoint:
    try:
        return subscriptions.get(tenant_id, subscription_id)
    except NotFound:
        raise NotFound("There is no such subscription.") from None


# ── answers ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _shown(endpoint: Endpoint) -> dict[str, Any]:
    """A subscription. What is wrong with a webhook stands in it and at the top, as the document shows it both ways."""
    reason = _reason(endpoint)
    webhook = {"url": endpoint.url, "status": _STATUS[endpoint.status], **reason}
    return {
        "subscriptionId": endpoint.id,
        "name": endpoint.label,
        "webhook": None if endpoint.url == NO_URL else webhook,
        **(webhook if reason else {}),
        "createdDate": _date(endpoint.created_at),
        "updatedDate": _date(endpoint.updated_at),
        "subscriptionType": type_of(endpoint.event_types),
        **({} if endpoint.tracked_set is None else {"trackedSet": endpoint.tracked_set}),
    }


def _reason(endpoint: Endpoint) -> dict[str, str]:
    if endpoint.url == NO_URL or _STATUS[endpoint.status] != "DISABLED":
        return {}
    code, message = endpoint.disable_code, endpoint.disable_message
    if endpoint.status is EndpointStatus.INACTIVE:
        code, message = _SWITCHED_OFF
    return {"disableReasonErrorCode": code or "", "disableReasonMessage": message or ""}


def _fetched(alert: Alert) -> dict[str, Any]:
    """The alert as it is sent, and what it is about. `data` is JSON as it came in; null where it was removed."""
    event = alert.event
    return {
        **msgspec.json.decode(alert.thin, type=dict[str, Any]),
        "eventId": event.id,
        "eventType": event.type,
        "entityId": event.subject_id,
        "change": event.change,
        "receivedDate": _date(event.accepted_at),
        "data": None if event.redacted else msgspec.Raw(event.data),
        "previousData": None if event.previous is None else msgspec.Raw(event.previous),
    }


def _answer(document: object) -> Response:
    return Response(msgspec.json.encode(document), media_type="application/json")


def _manner(fault: Fault) -> Problem:
    status = 400 if fault.status == 422 else fault.status
    number = _NUMBERS["invalid"] if fault.status == 422 else _NUMBERS["malformed"]
    document: dict[str, Any] = {"errorCode": f"{status}-{number}", "message": fault.detail, "reason": fault.code}
    if fault.errors:
        document["errors"] = [{"field": field, "message": message} for field, message in fault.errors]
    return told(fault, document, status)
