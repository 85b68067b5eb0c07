"""Answers from the log, as models: figures, deliveries, and attempts with what was sent and what came back.

Credentials were replaced before they were stored, so nothing is hidden here. Bodies are shown as text; where that
can't be exact their bytes are there in base64 as well. Events are written by `event_views`.
"""

import base64
import json
from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from ringback.api.management.views import ReasonView, reason_view
from ringback.control.attempts import Stats
from ringback.control.events import DeliveryStatus, Reached
from ringback.control.samples import Preview
from ringback.model.attempt import Attempt, Outcome, Timings
from ringback.model.job import Job
from ringback.times import rfc3339

_DECIMALS: Final = 3
"""Of milliseconds: microseconds are exact enough, and what lies behind them is the noise of subtraction."""


class DayView(BaseModel):
    day: str
    succeeded: int
    failed: int


class StatsView(BaseModel):
    succeeded: int
    failed: int
    days: list[DayView]

    @classmethod
    def of(cls, stats: Stats) -> "StatsView":
        days = [DayView(day=day.day, succeeded=day.succeeded, failed=day.failed) for day in stats.days]
        return cls(succeeded=stats.succeeded, failed=stats.failed, days=days)


class DeliveryView(BaseModel):
    endpoint_id: str
    state: str = Field(description="`pending`, `delivered`, `failed` or `cancelled`.")
    attempts: int
    next_attempt_at: str | None = Field(
        description="The earliest time of the next attempt; in the past: due now. null: none is set, or it has ended."
    )
    last_status_code: int | None
    waiting_for: str | None = Field(
        description="What it waits for besides its time: `endpoint` (it isn't active), `order` (an earlier event of "
        "its order is pending), `pause` (the endpoint's `sending` says which), or null."
    )

    @classmethod
    def of(cls, status: DeliveryStatus) -> "DeliveryView":
        return cls(
            endpoint_id=status.endpoint_id,
            state=status.state,
            attempts=status.attempts,
            next_attempt_at=None if status.next_attempt_at is None else rfc3339(status.next_attempt_at),
            last_status_code=status.last_status_code,
            waiting_for=status.waiting_for,
        )


class MissedReasonView(BaseModel):
    kind: str = Field(
        description="`inactive`, `disabled_unverified`, `type`, `channel`, `tracked_set`, `filter`; `made_for_one`: "
        "it was for one endpoint alone; `registered_later`; `changed_since`: as the endpoint is now, it matches."
    )
    message: str


class ReachedView(BaseModel):
    endpoint_id: str
    label: str | None = Field(description="null: the endpoint was deleted.")
    state: str | None = Field(description="As of `deliveries`; null: the event did not go there.")
    reason: MissedReasonView | None = Field(description="Why it did not go there; null: it did.")
    as_of: str | None = Field(
        description="Of when the reason tells: `accepted`; or `now`, where nothing was kept when it was accepted."
    )

    @classmethod
    def of(cls, reached: Reached) -> "ReachedView":
        state = None if reached.status is None else str(reached.status.state)
        reason = as_of = None
        if reached.unreached is not None:
            cause, as_of = reached.unreached
            reason = MissedReasonView(kind=cause.kind, message=cause.message)
        return cls(endpoint_id=reached.endpoint_id, label=reached.label, state=state, reason=reason, as_of=as_of)


class ResentView(BaseModel):
    id: str
    deliveries: int = Field(description="How many deliveries were queued or, where one was waiting, brought forward.")


class RedactedView(BaseModel):
    redacted: int = Field(description="How many events had their payload until now.")
    record: str | None = Field(
        description="The subject's record, which this leaves alone: `present`, `deleted` (its state is gone), or null."
    )


class ReplayView(BaseModel):
    id: str = Field(description="The job's.")
    matched: int = Field(description="How many events it will queue.")


class JobView(BaseModel):
    id: str
    kind: str = Field(description="`replay`.")
    endpoint_id: str
    state: str = Field(description="`running`, `done` or `cancelled`.")
    which: str
    since: str
    until: str
    matched: int
    done: int = Field(description="What of `matched` was queued, or passed over because it can't be sent any more.")
    created_at: str
    finished_at: str | None

    @classmethod
    def of(cls, job: Job) -> "JobView":
        return cls(
            id=job.id,
            kind=job.kind,
            endpoint_id=job.endpoint_id,
            state=job.state,
            which=job.which,
            since=rfc3339(job.since),
            until=rfc3339(job.until),
            matched=job.matched,
            done=job.done,
            created_at=rfc3339(job.created_at),
            finished_at=None if job.finished_at is None else rfc3339(job.finished_at),
        )


class TimingsView(BaseModel):
    dns: float | None
    connect: float | None
    tls: float | None
    first_byte: float | None
    total: float

    @classmethod
    def of(cls, timings: Timings) -> "TimingsView":
        return cls(
            dns=_rounded(timings.dns),
            connect=_rounded(timings.connect),
            tls=_rounded(timings.tls),
            first_byte=_rounded(timings.first_byte),
            total=round(timings.total, _DECIMALS),
        )


class AttemptView(BaseModel):
    id: str
    event_id: str | None
    event_type: str | None
    endpoint_id: str
    number: int
    at: str
    duration_ms: float
    outcome: str = Field(description="`succeeded` or `failed`; the error says if it is `cancelled` or `expired`.")
    final: bool
    superseded: bool = Field(description="Its delivery had been settled meanwhile: the receiver may have it twice.")
    maybe_repeated: bool = Field(
        description="A process died that may have sent this delivery and could not record it: the receiver may have it "
        "twice."
    )
    profile: str | None = Field(description="The wire contract it was made by; null where there was no request.")
    profile_version: str | None = Field(description="Which text of it, as the profile shows it; null: not known.")
    status_code: int | None
    error: ReasonView | None
    timings_ms: TimingsView | None
    remote_address: str | None
    http_version: str | None

    @classmethod
    def of(cls, attempt: Attempt) -> "AttemptView":
        return cls(**_attempt_fields(attempt))


HeaderPairs = list[Annotated[list[str], Field(min_length=2, max_length=2)]]


class PreviewView(BaseModel):
    method: str
    url: str
    headers: HeaderPairs = Field(description="[name, value] as they would go out; credentials show as `***`.")
    body: str

    @classmethod
    def of(cls, preview: Preview) -> "PreviewView":
        pairs = [[name, value] for name, value in preview.headers]
        return cls(method=preview.method, url=preview.url, headers=pairs, body=preview.body)


class TestView(BaseModel):
    event_id: str = Field(description="The event that was made of the sample.")


class RequestView(BaseModel):
    method: str
    url: str
    headers: HeaderPairs = Field(description="[name, value] as they went out; credentials show as `***`.")
    body: str | None = Field(description="null when it is not kept any more: redacted, or its event is gone.")
    body_base64: str | None = Field(description="The body's bytes where they are not UTF-8; else null.")


class ResponseView(BaseModel):
    headers: HeaderPairs = Field(description="[name, value] as they came in.")
    body: str | None = Field(description="null when it was redacted.")
    body_base64: str | None = Field(description="The body's bytes where they are not UTF-8; else null.")
    truncated: bool


class WholeAttemptView(AttemptView):
    request: RequestView | None = Field(description="null where nothing was sent.")
    response: ResponseView | None = Field(description="null where no answer came.")
    redacted: bool = Field(description="The bodies were removed for privacy.")

    @classmethod
    def of(cls, attempt: Attempt) -> "WholeAttemptView":
        return cls(
            **_attempt_fields(attempt),
            request=_request(attempt),
            response=_response(attempt),
            redacted=attempt.redacted,
        )


def _attempt_fields(attempt: Attempt) -> dict[str, Any]:
    timings = None if attempt.timings is None else Timings(*json.loads(attempt.timings))
    return {
        "id": attempt.id,
        "event_id": attempt.event_id,
        "event_type": attempt.event_type,
        "endpoint_id": attempt.endpoint_id,
        "number": max(1, attempt.number),  # 0: it ended before the first request
        "at": rfc3339(attempt.at),
        "duration_ms": round(attempt.duration_ms, _DECIMALS),
        "outcome": Outcome.SUCCEEDED if attempt.outcome == Outcome.SUCCEEDED else Outcome.FAILED,
        "final": attempt.final,
        "superseded": attempt.superseded,
        "maybe_repeated": attempt.maybe_repeated,
        "profile": attempt.profile_name,
        "profile_version": attempt.profile_version,
        "status_code": attempt.status_code,
        "error": reason_view(attempt.error_code, attempt.error_message),
        "timings_ms": None if timings is None else TimingsView.of(timings),
        "remote_address": attempt.remote_address,
        "http_version": attempt.http_version,
    }


def _rounded(duration_ms: float | None) -> float | None:
    return None if duration_ms is None else round(duration_ms, _DECIMALS)


def _request(attempt: Attempt) -> RequestView | None:
    if not attempt.method:
        return None
    body, encoded = _text(None if attempt.redacted else attempt.request_body)
    return RequestView(
        method=attempt.method,
        url=attempt.url,
        headers=_pairs(attempt.request_headers),
        body=body,
        body_base64=encoded,
    )


def _response(attempt: Attempt) -> ResponseView | None:
    if attempt.response_headers is None:
        return None
    body, encoded = _text(None if attempt.redacted else attempt.response_body or b"")
    return ResponseView(
        headers=_pairs(attempt.response_headers),
        body=body,
        body_base64=encoded,
        truncated=attempt.response_truncated,
    )


def _pairs(headers: bytes) -> HeaderPairs:
    pairs: Sequence[Sequence[str]] = json.loads(headers or b"[]")
    return [[name, value] for name, value in pairs]


def _text(body: bytes | None) -> tuple[str | None, str | None]:
    """A body as text, and in base64 where the text can't show it exactly; None: there is none any more."""
    if body is None:
        return None, None
    try:
        return body.decode("utf-8"), None
    except UnicodeDecodeError:
        return body.decode("utf-8", "replace"), base64.b64encode(body).decode("ascii")
