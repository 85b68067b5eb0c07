"""Whether an endpoint is being sent to, and from when on if not: the first answer to "why didn't it arrive?".

Read from the lane's row, which the engine writes when it lets go of the lane. It does so within moments where it parks
one or pauses for more than 2 s, so those rows are true; a shorter pause shows as sending. While a lane is owned its row
may be behind: whether a parked one has recovered shows in the log then. Reads only, never per delivery.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from ringback.model.attempt import Outcome
from ringback.model.endpoint import Endpoint, EndpointStatus
from ringback.model.lane import LaneRow
from ringback.model.limits import FOREVER_MS
from ringback.policy import health as health_policy
from ringback.policy.health import Phase
from ringback.store.port import AttemptQuery, Endpoints, Log

ATTEMPTS_LOOKED_AT: Final = 20
"""Of the newest ones: a lane that failed so often in a row is about as good as parked."""


class SendingState(StrEnum):
    """`stopped`: its status isn't active, or its tenant's webhooks are off; `parked`: only single requests go out, to
    see whether it is back."""

    SENDING = "sending"
    PAUSED = "paused"
    PARKED = "parked"
    STOPPED = "stopped"


class Sending(NamedTuple):
    """`until` (wall ms): when a pause ends, or a parked endpoint is tried next. None: no pause, or it is over."""

    state: SendingState
    until: int | None = None


class SendingStore(Endpoints, Log, Protocol):
    """What this needs of a store."""


STOPPED: Final = Sending(SendingState.STOPPED)


def sendings(store: SendingStore, endpoints: Sequence[Endpoint], now: int) -> Mapping[str, Sending]:
    """For each of the endpoints, by id. One short read, and another for each parked one that is being tried."""
    active = [endpoint.id for endpoint in endpoints if endpoint.status is EndpointStatus.ACTIVE]
    found = {endpoint.id: STOPPED for endpoint in endpoints} | dict.fromkeys(active, Sending(SendingState.SENDING))
    for lane in store.lanes_of(active):
        found[lane.endpoint_id] = _of_lane(store, lane, now)
    return found


def _of_lane(store: SendingStore, lane: LaneRow, now: int) -> Sending:
    if lane.not_before >= FOREVER_MS:  # its tenant is switched off, or it was since it was read
        return STOPPED
    until = lane.not_before if lane.not_before > now else None
    if health_policy.load(lane.health).phase is not Phase.OPEN:
        if until is None and lane.owner is not None and _has_recovered(store, lane):
            return Sending(SendingState.SENDING)
        return Sending(SendingState.PARKED, until)
    return Sending(SendingState.SENDING if until is None else SendingState.PAUSED, until)


def _has_recovered(store: SendingStore, lane: LaneRow) -> bool:
    """Whether a request succeeded since the lane was tried again."""
    newest = AttemptQuery(lane.tenant_id, endpoint_id=lane.endpoint_id, limit=ATTEMPTS_LOOKED_AT)
    attempts = store.list_attempts(newest)
    return any(one.outcome == Outcome.SUCCEEDED and one.at >= lane.not_before for one in attempts)
