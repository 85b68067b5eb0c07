"""Routes of triggers and of the templates they may be made from. Thin: parse, ask `control`, answer."""

from typing import Any, cast

import msgspec
from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from ringback.api.auth import Authenticator
from ringback.api.management.guard import guarded
from ringback.api.management.inputs import Input
from ringback.api.management.parameters import PageParameters
from ringback.api.management.views import FailureView, Listing, listing
from ringback.control.trigger_fields import TriggerFields
from ringback.control.triggers import TriggerUseCases
from ringback.model.tenant import Scope
from ringback.model.trigger import Trigger
from ringback.policy.trigger_templates import TEMPLATES, Template
from ringback.store.port import RuleFailure
from ringback.times import rfc3339

_PREFIX = "/v1/tenants/{tenant_id}/triggers"
_WHEN_EXAMPLE = 'passed("scores.lead", 80) && data.country == "DK"'
_DATA_EXAMPLE = '{"id": event.subject.id, "score": value("scores.lead")}'


class TriggerChange(Input):
    """What can be set of a trigger. In a change, fields that are absent stay as they are."""

    name: str = Field(default="", description="What you know it by, up to 256 bytes.")
    record_type: str = Field(default="", description="Records of this type are watched.", examples=["contact"])
    when: str = Field(
        default="",
        description="CEL over `event`, `data` and `previous`: see docs/triggers.md.",
        examples=[_WHEN_EXAMPLE],
    )
    emits: str = Field(default="", description="The type of the event that it makes.", examples=["lead.hot"])
    data: list[str] | str | None = Field(
        default=None,
        description="What the event carries. null: the record; a list of JSON pointers: these fields of it; text: CEL "
        "that gives a map.",
        examples=[_DATA_EXAMPLE],
    )
    cooldown_s: float = Field(default=0, description="For so long it doesn't fire again for the same record.")
    active: bool = Field(default=True, description="false: it never fires.")
    template: str | None = Field(
        default=None, description="Instead of `when`, `emits` and `data`: one of /v1/trigger-templates."
    )
    parameters: dict[str, Any] | None = Field(default=None, description="Those of the template.")

    def fields(self) -> TriggerFields:
        """The fields that were sent."""
        return cast(TriggerFields, self.model_dump(exclude_unset=True))


class NewTrigger(TriggerChange):
    """A trigger to be made: with `name`, `record_type`, `when` and `emits`, or with `template` and `parameters`."""


class TriggerView(BaseModel):
    id: str
    name: str
    record_type: str
    when: str
    emits: str
    data: list[str] | str | None
    cooldown_s: float
    active: bool
    template: str | None
    parameters: dict[str, Any] | None
    last_failure: FailureView | None = Field(
        description="The last change since it was set so that it could not be evaluated on; it didn't fire then."
    )
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, trigger: Trigger, failure: RuleFailure | None) -> "TriggerView":
        return cls(
            id=trigger.id,
            name=trigger.name,
            record_type=trigger.record_type,
            when=trigger.when,
            emits=trigger.emits,
            data=list(trigger.data) if isinstance(trigger.data, tuple) else trigger.data,
            cooldown_s=trigger.cooldown_s,
            active=trigger.active,
            template=trigger.template,
            parameters=None if trigger.parameters is None else msgspec.json.decode(trigger.parameters),
            last_failure=FailureView.of(failure),
            created_at=rfc3339(trigger.created_at),
            updated_at=rfc3339(trigger.updated_at),
        )


class ParameterView(BaseModel):
    name: str
    kind: str = Field(description="`text`, `number`, or `path`: the place of a field in the record.")
    description: str
    required: bool
    default: str | float | None


class TemplateView(BaseModel):
    name: str
    description: str
    record_type: str = Field(description="That of its triggers, unless another is given.")
    parameters: list[ParameterView]

    @classmethod
    def of(cls, template: Template) -> "TemplateView":
        parameters = [
            ParameterView(
                name=one.name,
                kind=one.kind,
                description=one.description,
                required=one.required,
                default=one.default,
            )
            for one in template.parameters
        ]
        return cls(
            name=template.name,
            description=template.description,
            record_type=template.record_type,
            parameters=parameters,
        )


def trigger_routers(triggers: TriggerUseCases, keys: Authenticator) -> list[APIRouter]:
    """Routes for a tenant's own keys and broader ones."""
    return [_trigger_router(triggers, keys), _template_router(keys)]


def _trigger_router(triggers: TriggerUseCases, keys: Authenticator) -> APIRouter:
    router = APIRouter(prefix=_PREFIX, tags=["triggers"], route_class=guarded(Scope.TENANT, keys))

    def shown(trigger: Trigger) -> TriggerView:
        return TriggerView.of(trigger, triggers.failures(trigger.tenant_id, [trigger]).get(trigger.id))

    @router.post("", status_code=201, summary="Make a trigger")
    def create_trigger(tenant_id: str, body: NewTrigger) -> TriggerView:
        return shown(triggers.create(tenant_id, body.fields()))

    @router.get("", summary="List triggers, oldest first")
    def list_triggers(tenant_id: str, page: PageParameters) -> Listing[TriggerView]:
        found = triggers.list(tenant_id, page)
        failures = triggers.failures(tenant_id, found.items)
        return listing(found, lambda trigger: TriggerView.of(trigger, failures.get(trigger.id)))

    @router.get("/{trigger_id}", summary="Show a trigger")
    def get_trigger(tenant_id: str, trigger_id: str) -> TriggerView:
        return shown(triggers.get(tenant_id, trigger_id))

    @router.patch("/{trigger_id}", summary="Change a trigger")
    def change_trigger(tenant_id: str, trigger_id: str, body: TriggerChange) -> TriggerView:
        return shown(triggers.update(tenant_id, trigger_id, body.fields()))

    @router.delete("/{trigger_id}", status_code=204, summary="Delete a trigger")
    def delete_trigger(tenant_id: str, trigger_id: str) -> Response:
        triggers.delete(tenant_id, trigger_id)
        return Response(status_code=204)

    return router


def _template_router(keys: Authenticator) -> APIRouter:
    router = APIRouter(prefix="/v1/trigger-templates", tags=["triggers"], route_class=guarded(Scope.TENANT, keys))

    @router.get("", summary="List the templates that triggers can be made from")
    def list_trigger_templates() -> Listing[TemplateView]:
        return Listing(items=[TemplateView.of(template) for template in TEMPLATES.values()], next_cursor=None)

    return router
