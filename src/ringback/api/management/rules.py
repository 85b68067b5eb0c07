"""The route that tries rules out. Thin: parse, ask `control`, answer. Nothing is stored or sent."""

from typing import Annotated, Any, Final, Literal, cast

import msgspec
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from ringback.api.auth import Authenticator
from ringback.api.gate import raw_fields
from ringback.api.management.event_views import SubjectView
from ringback.api.management.guard import guarded
from ringback.api.management.inputs import Input, Moment
from ringback.api.management.triggers import NewTrigger
from ringback.api.management.views import ReasonView, raw_answer
from ringback.control.endpoint_fields import EndpointFields
from ringback.control.findings import Findings
from ringback.control.rules import LAST_MAX, Answer, RuleUseCases, Source, Trial, Tried
from ringback.control.tried import PostedEvent, TriedRecord
from ringback.model.tenant import Scope
from ringback.times import rfc3339

_SOURCES: Final = ("event", "event_id", "last", "record")
_MATCHING: Final = ("filter", "event_types", "channels", "tracked_set")
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class TriedSubject(Input):
    type: str
    id: str


class TriedEvent(Input):
    """An event as it would be posted."""

    type: str
    data: Any = Field(description="Any JSON.")
    id: str | None = None
    channel: str | None = None
    subject: TriedSubject | None = None
    change: Literal["created", "updated", "deleted"] | None = None
    previous: Any = None
    occurred_at: Moment = None
    ordering_key: str | None = None


class TriedChange(Input):
    """A record in two states."""

    type: str = Field(description="Its type, such as `contact`.")
    id: str = Field(default="1", description="Its id.")
    previous: dict[str, Any] | None = Field(default=None, description="null: it is new.")
    data: dict[str, Any] | None = Field(default=None, description="null: it was deleted.")


class RuleTrial(Input):
    """What is tried: `filter` (with `event_types`, `channels`, `tracked_set` if wanted), `trigger` or `trigger_id`,
    `endpoint_id`, or none of these: then each endpoint of the tenant. And one of what it is tried on: `event`,
    `event_id`, `last`, or for a trigger `record`."""

    filter: str | None = Field(default=None, description="CEL, as an endpoint has it.")
    event_types: list[str] | None = Field(default=None, description="As an endpoint has them; absent: all.")
    channels: list[str] | None = Field(default=None, description="As an endpoint has them; null: all.")
    tracked_set: str | None = Field(default=None, description="As an endpoint has it; null: none.")
    trigger: NewTrigger | None = Field(default=None, description="A trigger that isn't stored.")
    trigger_id: str | None = Field(default=None, description="A trigger that is.")
    endpoint_id: str | None = Field(default=None, description="An endpoint; absent: all of them.")
    event: TriedEvent | None = Field(default=None, description="Tried on this event.")
    event_id: str | None = Field(default=None, description="Tried on this one, which is stored.")
    last: Annotated[int, Field(ge=1, le=LAST_MAX)] | None = Field(
        default=None, description="Tried on the last so many events; a trigger on the last changes of its record type."
    )
    record: TriedChange | None = Field(default=None, description="A trigger is tried on this change of a record.")


class TriedEventView(BaseModel):
    id: str
    type: str
    subject: SubjectView | None
    accepted_at: str


class EmittedView(BaseModel):
    type: str
    subject: SubjectView | None
    data: Any


class AnswerView(BaseModel):
    rule_id: str | None = Field(description="The endpoint or the trigger; null for one that isn't stored.")
    name: str
    matches: bool = Field(description="The endpoint gets the event; the trigger fires.")
    reason: ReasonView | None = Field(
        description="Why not: `inactive`, `disabled_unverified`, `type`, `channel`, `tracked_set` or `filter`; of a "
        "trigger `when` or `unchanged`."
    )
    failed: bool = Field(description="The rule could not be evaluated; the reason says why.")
    emits: EmittedView | None = Field(description="What a trigger makes.")


class TriedView(BaseModel):
    event: TriedEventView
    rules: list[AnswerView]


class TrialView(BaseModel):
    """For OpenAPI alone; `_document` is what is answered."""

    tried: list[TriedView] = Field(description="The newest event first.")
    complete: bool = Field(description="false: it ended early, since more would take long or be large.")


def rule_routers(rules: RuleUseCases, keys: Authenticator) -> list[APIRouter]:
    """The route for a tenant's own keys and broader ones."""
    router = APIRouter(
        prefix="/v1/tenants/{tenant_id}/rules", tags=["triggers"], route_class=guarded(Scope.TENANT, keys)
    )

    @router.post(
        "/try", summary="Try a filter, a trigger or endpoints; nothing is stored or sent", response_model=TrialView
    )
    def try_rules(tenant_id: str, body: RuleTrial, request: Request) -> Response:
        _check(body)
        source = _source(body, raw_fields(request))
        if body.trigger is not None or body.trigger_id is not None:
            trigger = body.trigger.fields() if body.trigger is not None else body.trigger_id or ""
            trial = rules.try_trigger(tenant_id, trigger, source)
        elif body.model_fields_set.isdisjoint(_MATCHING):
            trial = rules.try_endpoints(tenant_id, body.endpoint_id, source)
        else:
            fields = {name: getattr(body, name) for name in _MATCHING if name in body.model_fields_set}
            trial = rules.try_filter(tenant_id, cast(EndpointFields, fields), source)
        return raw_answer(_document(trial))

    return [router]


def _check(body: RuleTrial) -> None:
    findings = Findings()
    sources = [name for name in _SOURCES if getattr(body, name) is not None]
    if len(sources) != 1:
        wanted = " or ".join(_SOURCES)
        findings.add(sources[1] if sources else "event", f"must be the only one of {wanted}; exactly one is needed")
    chosen = [name for name in ("trigger", "trigger_id", "endpoint_id") if getattr(body, name) is not None]
    if not body.model_fields_set.isdisjoint(_MATCHING):
        chosen.insert(0, "filter")
    if len(chosen) > 1:
        findings.add(chosen[1], f"doesn't go together with {chosen[0]}: one rule is tried at a time")
    findings.raise_if_any()


def _source(body: RuleTrial, raw: dict[str, bytes]) -> Source:
    event = record = None
    if body.event is not None:
        event = _posted(body.event, _MEMBERS.decode(raw["event"]))
    if body.record is not None:
        states = _MEMBERS.decode(raw["record"])
        record = TriedRecord(
            body.record.type,
            None if body.record.previous is None else bytes(states["previous"]),
            None if body.record.data is None else bytes(states["data"]),
            body.record.id,
        )
    return Source(event, body.event_id, body.last, record)


def _posted(event: TriedEvent, raw: dict[str, msgspec.Raw]) -> PostedEvent:
    """With the very bytes of its payload."""
    return PostedEvent(
        type=event.type,
        data=bytes(raw["data"]),
        id=event.id,
        channel=event.channel,
        subject=None if event.subject is None else (event.subject.type, event.subject.id),
        change=event.change,
        previous=bytes(raw["previous"]) if "previous" in raw else None,
        occurred_at=event.occurred_at,
        ordering_key=event.ordering_key,
    )


def _document(trial: Trial) -> dict[str, object]:
    return {"tried": [_tried(one) for one in trial.tried], "complete": trial.complete}


def _tried(tried: Tried) -> dict[str, object]:
    event = tried.event
    subject = None if event.subject_type is None else {"type": event.subject_type, "id": event.subject_id}
    return {
        "event": {
            "id": event.id,
            "type": event.type,
            "subject": subject,
            "accepted_at": rfc3339(event.accepted_at),
        },
        "rules": [_answer(answer, subject) for answer in tried.answers],
    }


def _answer(answer: Answer, subject: object) -> dict[str, object]:
    emitted = reason = None
    if answer.data is not None:
        emitted = {"type": answer.emits, "subject": subject, "data": msgspec.Raw(answer.data)}
    if answer.reason is not None:
        reason = {"code": answer.reason.kind, "message": answer.reason.message}
    return {
        "rule_id": answer.rule_id or None,
        "name": answer.name,
        "matches": answer.reason is None,
        "reason": reason,
        "failed": answer.reason is not None and answer.reason.failed,
        "emits": emitted,
    }
