"""The telemetry events: everything the engine and its neighbours tell about themselves, as typed values.

Each is a named tuple; its fields are the whole of what leaves the process, so a secret can't slip into a log by way
of a free text. Whoever tells takes an `Observer` and calls it; what becomes of the event (a line, a counter, nothing)
is the observer's business. An observer must be quick, must not raise, and may be called from any thread. The single
request is not here: it has a record of its own (`observe.attempts`).
"""

from typing import NamedTuple, Protocol


class Started(NamedTuple):
    """The process is ready: it accepts (`role` all, api) and sends (`role` all, engine)."""

    version: str
    role: str
    base_url: str


class WaitsForStore(NamedTuple):
    """The database can't be reached yet; the start asks it again for `at_most_s` seconds more."""

    reason: str
    at_most_s: float


class WaitsForMigration(NamedTuple):
    """The database has the schema of an older version. The start waits for `ringback migrate`."""

    reason: str


class AdminKeyMade(NamedTuple):
    """There was no admin key: one was made, for all processes on this database, and is in the data directory of this
    one."""

    key_id: str


class Stopping(NamedTuple):
    """A stop was asked for. Requests under way may finish."""

    reason: str


class StopWaits(NamedTuple):
    """The stop waits for `in_flight` requests to end, `at_most_s` seconds at most. A second signal cuts it short."""

    in_flight: int
    at_most_s: float


class Stopped(NamedTuple):
    """Everything is stored and closed. `in_flight` requests were broken off; they will be sent again."""

    in_flight: int


class LaneParked(NamedTuple):
    """An endpoint failed so often that only single probes go out to it."""

    tenant_id: str
    endpoint_id: str


class LaneRecovered(NamedTuple):
    """A parked endpoint's probe succeeded."""

    tenant_id: str
    endpoint_id: str


class EndpointDisabled(NamedTuple):
    """The engine gave an endpoint up, and keeps its queue. `code`: `gone` (it answered 410), `failing_too_long` (for
    five days), `secret_unreadable` (its stored secret doesn't open), or `profile_missing` (its profile is not there).
    """

    tenant_id: str
    endpoint_id: str
    code: str


class EndpointVerified(NamedTuple):
    """An endpoint passed the handshake of its profile, and is sent to from now on."""

    tenant_id: str
    endpoint_id: str


class EndpointRefused(NamedTuple):
    """An endpoint did not pass the handshake of its profile, and is disabled; `code` is its profile's."""

    tenant_id: str
    endpoint_id: str
    code: str


class AttemptSuperseded(NamedTuple):
    """A request left although its delivery had been settled meanwhile: the receiver may have it twice."""

    tenant_id: str
    endpoint_id: str
    attempt_id: str


class LeaseLost(NamedTuple):
    """Another process took this one's lanes over, or a standby became the database's primary; it starts afresh."""

    node_id: str


class NodeTakenOver(NamedTuple):
    """This process took over the lanes of one that died."""

    node_id: str
    dead_node_id: str


class StoreTrouble(NamedTuple):
    """A part could not read or commit; it tries again. `part` is the thread, `code` and `reason` the error's. The log
    says the same once in ten seconds."""

    part: str
    code: str
    reason: str


class PartFailed(NamedTuple):
    """An exception ended one of the threads, and with it the process. `error` is its type, `place` where it arose."""

    part: str
    error: str
    place: str


class SweepRepaired(NamedTuple):
    """A sweep found what a crash had left: due work without a bell, lanes of the dead, endpoints without a lane."""

    rung: int
    freed: int
    made: int


class SweepCleared(NamedTuple):
    """A sweep cleared rows away: of deleted endpoints (their deliveries are cancelled), tenants and tracked sets, and
    old keys."""

    cancelled: int
    purged: int
    expired_keys: int
    members: int


class ClockSet(NamedTuple):
    """The wall clock was set while the process ran: by so many seconds ahead, or back (negative)."""

    by_s: float


class RetentionHeld(NamedTuple):
    """The wall clock was set ahead by more than a day. Nothing is removed for its age until it has kept so for
    `at_most_s` seconds, or is set right."""

    at_most_s: float


class SpansDropped(NamedTuple):
    """The collector of traces is down or slow: so many spans were dropped since this was said last."""

    spans: int


class RuleFailed(NamedTuple):
    """A filter (`rule_id` is its endpoint) or a trigger could not be evaluated on an event, which it doesn't match.
    Said at most once a minute for each. `reason` names what is in the expression, never what is in the event."""

    tenant_id: str
    rule_id: str
    event_id: str
    reason: str


class NoticesDropped(NamedTuple):
    """The operator's tenant does not exist, and so many of the oldest operational events that waited for it were given
    up."""

    tenant_id: str
    notices: int


TelemetryEvent = (
    Started
    | WaitsForStore
    | WaitsForMigration
    | AdminKeyMade
    | Stopping
    | StopWaits
    | Stopped
    | LaneParked
    | LaneRecovered
    | EndpointDisabled
    | EndpointVerified
    | EndpointRefused
    | AttemptSuperseded
    | LeaseLost
    | NodeTakenOver
    | StoreTrouble
    | PartFailed
    | SweepRepaired
    | SweepCleared
    | ClockSet
    | RetentionHeld
    | SpansDropped
    | RuleFailed
    | NoticesDropped
)


class Observer(Protocol):
    """Whom to tell."""

    def __call__(self, event: TelemetryEvent, /) -> None: ...


class FanOut(Observer):
    """Tells several observers."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def __call__(self, event: TelemetryEvent, /) -> None:
        for observer in self._observers:
            observer(event)


def unobserved(event: TelemetryEvent, /) -> None:
    """The observer that does nothing."""
