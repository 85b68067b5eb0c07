"""The record of one attempt for the log: put together from the delivery, what was sent, what came back, the verdict.

Never sends, never stores.
"""

from typing import Final

from ringback.engine.ports import InboundResponse, Logged
from ringback.engine.verdict import Verdict
from ringback.model.attempt import Attempt, Outcome
from ringback.model.event import DueDelivery
from ringback.model.tuples import make_tuple
from ringback.outgoing import Target

_SUCCEEDED: Final = Outcome.SUCCEEDED.value
_FAILED: Final = Outcome.FAILED.value


def record(
    row: DueDelivery,
    target: Target,
    response: InboundResponse,
    logged: Logged,
    verdict: Verdict,
    *,
    maybe_repeated: bool,
) -> Attempt:
    """The log's line for a request that has ended."""
    delivery, event = row
    answered = response.status is not None
    fields = (
        delivery.tenant_id,
        logged.attempt_id,
        delivery.endpoint_id,
        delivery.event_id,
        event.type,
        delivery.attempts + 1,
        logged.started_ms,
        response.timings.total,
        _SUCCEEDED if verdict.succeeded else _FAILED,
        verdict.retry_at is None,
        False,
        response.status,
        verdict.error_code,
        verdict.error_message,
        logged.timings,
        response.remote_address,
        response.http_version,
        target.contract.method if target.contract is not None else "POST",
        target.url,
        logged.request_headers,
        logged.request_body,
        logged.body_head,
        logged.body_tail,
        logged.response_headers,
        response.body if answered else None,
        response.truncated,
        target.profile,
        maybe_repeated,
    )
    return make_tuple(Attempt, fields)
