"""What the rest of Ringback asks of a store: small protocols, one for each consumer.

A backend (`memory`, `sqlite`, later `postgres`) is one object that has them all; `tests/conformance` is what a
backend must pass. Every method is atomic and durable when it returns, unless it says otherwise. Times are
milliseconds since 1970 and always come in by argument: a store reads no clock. Methods may be called from any
thread and may block; they raise the errors below and no driver's own.
"""

from collections.abc import Sequence
from types import TracebackType
from typing import Final, NamedTuple, Protocol, Self

from ringback.model.attempt import Attempt
from ringback.model.endpoint import Endpoint, Secret
from ringback.model.errors import RingbackError, Unavailable
from ringback.model.event import Delivery, DueDelivery, Event, NewDelivery
from ringback.model.event_type import EventType
from ringback.model.job import Job
from ringback.model.lane import Change, LaneRow, NodeRow
from ringback.model.tenant import ApiKey, Scope, Tenant


class StoreUnavailable(Unavailable):
    """The store can't answer or can't commit now: busy, gone, read-only or its disk is full. Nothing was changed."""

    code = "store_unavailable"


class CommitInDoubt(RingbackError):
    """A COMMIT whose answer was lost: it may have happened or not."""

    code = "commit_in_doubt"


class BadRow(RingbackError):
    """The store refuses a value in the batch, and would refuse it again. Nothing was changed."""

    code = "bad_row"


class Retryable(RingbackError):
    """A deadlock or a conflict with a transaction at the same time. Nothing was changed; try the same again."""

    code = "retryable"


class NotOwner(RingbackError):
    """This node's row is gone: another has taken its lanes over. Nothing was changed."""

    code = "not_owner"


# ── secrets at rest ───────────────────────────────────────────────────────────────────────────────────────────


class Sealed(NamedTuple):
    """A value as it is stored: under which key it was sealed, and the sealed text."""

    key_id: str
    text: str


class Sealer(Protocol):
    """What a store that keeps its rows on a disk is given, so that no secret is readable there (`ringback.vault`).

    `place` says where the value is stored (table, row, owner): a sealed value opens only there.
    """

    @property
    def key_id(self) -> str:
        """The id of the key that seals now; eight hexadecimal characters."""

    def seal(self, plain: str, place: Sequence[str]) -> Sealed: ...

    def open(self, text: str, place: Sequence[str]) -> str | None:
        """The value; None when it was changed, moved here from elsewhere, or sealed with a key that is not there."""


# ── ingest ────────────────────────────────────────────────────────────────────────────────────────────────────


class KeyClaim(NamedTuple):
    """A key that a caller chose, to be unique in its tenant.

    `kind` is `event` (a caller's event id; lives as long as the event) or `idempotency` (until `expires_at`).
    """

    tenant_id: str
    kind: str
    key: str
    body_hash: bytes
    event_ids: tuple[str, ...]
    expires_at: int | None


class TakenKey(NamedTuple):
    """Who has a key already: the hash of the first body and the events it made."""

    body_hash: bytes
    event_ids: tuple[str, ...]


class Everything(NamedTuple):
    """The configuration as a whole, for a follower that has missed changes: as if each thing had just been changed."""

    version: int
    changes: Sequence[Change]


class IntakeTransaction(Protocol):
    """One write transaction of the ingest writer. Leaving the block without `commit` rolls back."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def claim_keys(self, claims: Sequence[KeyClaim], now: int) -> dict[tuple[str, str, str], TakenKey]:
        """Take the keys that are free (or expired); return (tenant, kind, key) → owner for those that are not.

        The claims are distinct. Keys are taken in key order.
        """

    def changes_since(self, version: int) -> Sequence[Change] | None:
        """Configuration changes after `version`, oldest first, as this transaction sees them; None when some of them
        are not kept any more (`Retention.trim_changes_step`): then only `everything` tells."""

    def everything(self) -> Everything:
        """Every tenant and endpoint that exists, as this transaction sees them."""

    def tenants(self, tenant_ids: Sequence[str]) -> Sequence[Tenant]:
        """Those of the tenants that exist."""

    def endpoints(self, endpoint_ids: Sequence[str]) -> Sequence[Endpoint]:
        """Those of the endpoints that exist and are not deleted."""

    def insert(self, events: Sequence[Event], deliveries: Sequence[NewDelivery]) -> Sequence[int]:
        """Append events and their deliveries; the `seq` drawn for each delivery, in the order given.

        Within one transaction later deliveries have higher numbers.
        """

    def commit(self) -> None:
        """Make it durable. Raises CommitInDoubt when the answer was lost."""


class Intake(Protocol):
    """For `ingest.writer`."""

    def intake(self) -> IntakeTransaction:
        """Open a write transaction."""

    def events_by_id(self, tenant_id: str, event_ids: Sequence[str]) -> Sequence[Event]:
        """Those events that exist, in the order asked (to answer for duplicates and to settle doubt)."""


class Ring(NamedTuple):
    """Ring a lane's doorbell: somebody has to look at it from `due_at` on."""

    tenant_id: str
    endpoint_id: str
    due_at: int


class Bells(Protocol):
    """For `ingest.writer` and the engine: doorbells."""

    def ring(self, rings: Sequence[Ring]) -> None:
        """Set due_at = max(ring.due_at, not_before) where it is None or later, whether the lane is owned or not.

        Lanes are taken in key order. An unknown lane is passed over (its deliveries are the sweep's).
        """


# ── the engine ────────────────────────────────────────────────────────────────────────────────────────────────


class FetchRequest(NamedTuple):
    """Fetch for one lane: up to `limit` due deliveries.

    `watermark` is the highest seq seen of new work; `holding` how many rows of the lane are in memory (they come
    again and are dropped by the caller, so the store reads that many more). For an ordered lane (`ordered`) only
    the head of each ordering key counts: the lowest seq of its key, and only if it is due.
    """

    tenant_id: str
    endpoint_id: str
    watermark: int
    limit: int
    holding: int
    ordered: bool


class Fetched(NamedTuple):
    """What one FetchRequest found, as one snapshot.

    `rows` in the order to send them (by seq for new work; retries and late commits, by due_at, after it).
    `watermark` is the highest seq of new work seen. `complete` says that no more work was due at the snapshot
    than `rows` and what the caller holds; `next_due` is when the next row becomes due that was not (None: none;
    may be None although there is one when not complete).
    """

    endpoint_id: str
    rows: list[DueDelivery]
    watermark: int
    complete: bool
    next_due: int | None


class Leaving(NamedTuple):
    """What a release writes: when the lane's next work is due (None: there is none), its pause and its health."""

    tenant_id: str
    endpoint_id: str
    next_due: int | None
    not_before: int
    health: bytes


class Lanes(Protocol):
    """For `engine.fetcher`. Several rows are always taken in key order."""

    def claim(self, node_id: str, now: int, limit: int) -> list[LaneRow]:
        """Own up to `limit` lanes that nobody owns and whose bell rings (due_at <= now); their bells fall silent.

        Locks the node's own row first; raises NotOwner if it is gone. Earliest due first. Returns the rows as
        they were before, but for `owner`.
        """

    def ringing(self, node_id: str, now: int) -> list[str]:
        """The endpoints of the node's own lanes whose bell rings."""

    def silence(self, node_id: str, endpoint_ids: Sequence[str]) -> None:
        """due_at = None for the node's own lanes among these. Committed before the snapshot of a fetch."""

    def fetch(self, requests: Sequence[FetchRequest], now: int) -> list[Fetched]:
        """Due work of many lanes in one query, in the order of the requests."""

    def next_due(self, tenant_id: str, endpoint_id: str, ordered: bool) -> int | None:
        """The earliest due_at of the lane's deliveries; for an ordered lane of its earliest head."""

    def release(self, node_id: str, lanes: Sequence[Leaving]) -> list[bool]:
        """Give up each lane that is still the node's own and whose bell is silent; for each, whether it was given up.

        Forgets `freed_at` when nothing is left that was due by then (next_due is None or later).

        Sets owner = None, the health, not_before (unless the lane is paused for ever), and
        due_at = max(next_due, not_before), or None when next_due is None.
        """

    def owned(self, node_id: str) -> list[str]:
        """The endpoints whose lane's row names this node."""

    def disown(self, node_id: str, endpoint_ids: Sequence[str], now: int) -> None:
        """Free and ring the node's own lanes among these, which the node's memory does not know.

        Whoever frees a lane that was not released, here and below, sets its `freed_at` to `now`.
        """


class Nodes(Protocol):
    """For `engine.heartbeat`."""

    def register(self, node_id: str, now: int) -> None:
        """Add this process. Where the store can only be open once (SQLite), all other nodes are dead: their
        rows go and their lanes are freed and rung in the same transaction."""

    def beat(self, node_id: str) -> bool:
        """beat + 1; False when the row is gone."""

    def nodes(self) -> list[NodeRow]:
        """All processes."""

    def take_over(self, node_id: str, beat: int, now: int) -> bool:
        """Delete the row where id and beat are as seen; if that hit, free its lanes and ring them at `now`."""

    def leave(self, node_id: str, now: int) -> None:
        """Remove this process; lanes it still has are freed and rung."""


class Settlement(NamedTuple):
    """What became of one attempt.

    `retry_at` None finishes the delivery: its row goes. Else the row is rescheduled: due_at = retry_at, attempts + 1,
    tries = `tries`. A success finishes it whatever its `attempts`, since the receiver has the event; a failure, final
    or not, counts only where `attempt.number` - 1 is the row's `attempts`.
    """

    seq: int
    attempt: Attempt
    retry_at: int | None
    tries: int


class Place(NamedTuple):
    """How far `bring_forward_step` has come: after the delivery `seq`, and then after the lane of `endpoint_id`."""

    seq: int
    endpoint_id: str | None


FROM_THE_BEGINNING: Final = Place(0, None)


class Settlements(Protocol):
    """For `engine.settler`."""

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Append the attempts and finish or reschedule their deliveries; for each, whether its delivery was as
        expected. Where it was not, the attempt is stored with `superseded` set and nothing else changes.

        Settling the same again (same attempt id) changes nothing, so a doubtful commit is settled by repeating.
        Counts the attempts of events in the endpoint's day.
        """

    def bring_forward_step(self, by_ms: int, place: Place, limit: int) -> Place | None:
        """The wall clock was set back by `by_ms`: bring up to `limit` rows forward by that which the old one had put
        off. The place to go on from; None: that was all.

        First the deliveries that were tried and are to be tried again, then the pauses and bells of lanes; a bell never
        rings in a pause, and pauses for ever stay. What is to be delivered at a time keeps to it, and what is new is
        due anyway. Where several processes share the store their clocks differ, and nothing is done.
        """


class Follow(Protocol):
    """For whoever keeps a cache true (`engine.directory`, `api.auth`)."""

    def version(self) -> int:
        """The version of the latest configuration change (0: none)."""

    def changes_after(self, version: int) -> Sequence[Change] | None:
        """Changes after `version`, oldest first; None when some of them are not kept any more: then all that the
        caller knows may be outdated, and it goes on from `version()`."""


class EndpointSource(Protocol):
    """For `engine.directory`: endpoints as they are now, and what signs for them."""

    def load_endpoints(self, endpoint_ids: Sequence[str]) -> Sequence[Endpoint]:
        """Those that exist and are not deleted."""

    def load_secrets(self, tenant_ids: Sequence[str], endpoint_ids: Sequence[str]) -> Sequence[Secret]:
        """The secrets of these tenants (endpoint_id None) and endpoints, newest first, expired ones too."""

    def give_up(self, tenant_id: str, endpoint_id: str, code: str, message: str, now: int) -> bool:
        """Disable an active endpoint (status, reason, lane paused for ever, change logged); False if it was not
        active."""


class Upkeep(Protocol):
    """For `engine.sweeps`. Each call is one small step and returns how many rows it changed."""

    def ring_stranded(self, now: int, limit: int) -> int:
        """Ring lanes that have due work while their bell is silent and nobody owns them."""

    def free_orphans(self, now: int) -> int:
        """Free and ring lanes whose owner has no node row."""

    def make_missing_lanes(self, now: int, limit: int) -> int:
        """Make (and ring) the lane of an endpoint that exists, has deliveries and has no lane."""

    def cancel_step(self, now: int, limit: int) -> int:
        """Cancel up to `limit` deliveries whose endpoint is deleted or gone, each leaving a `cancelled` record
        (an Attempt with number = the row's attempts, final); an emptied tombstone's lane and secrets go with it."""

    def purge_step(self, limit: int) -> int:
        """Remove up to `limit` rows (events, keys, attempts, …) of tenants that were deleted."""

    def expire_keys_step(self, now: int, limit: int) -> int:
        """Remove idempotency keys past their time."""

    def reseal_step(self, limit: int) -> int:
        """Seal with the present key up to `limit` values that are plain or were sealed with another. A value that
        doesn't open is left as it is and not counted again. Always 0 where nothing is kept on a disk."""


class Cutoff(NamedTuple):
    """What of one tenant is past its time: events accepted before `before`, unless they were to be delivered at
    `due_before` or later; attempts begun and jobs made before `before`; figures of days before `day` (`2026-11-21`).
    """

    tenant_id: str
    before: int
    due_before: int
    day: str


class ExpiredStep(NamedTuple):
    """How many rows a step removed, and the place in the tenant's stream to go on from (None: it is done)."""

    changed: int
    place: int | None


class Retention(Protocol):
    """For `engine.retention`. Each call is one small step; the counts are of rows changed."""

    def overdue(self, cutoffs: Sequence[Cutoff]) -> Sequence[str]:
        """Those of the tenants that have something past its time; looks at the oldest of each kind alone."""

    def expire_events_step(self, cutoff: Cutoff, now: int, after: int, limit: int) -> ExpiredStep:
        """Remove up to `limit` of the tenant's oldest events after the place `after` (0: from the beginning), each
        with the caller's claim on its id. Their pending deliveries end before, each leaving an `expired` record."""

    def expire_attempts_step(self, cutoff: Cutoff, limit: int) -> int:
        """Remove up to `limit` of the tenant's oldest attempts, by the time in their ids."""

    def expire_days_step(self, cutoff: Cutoff, limit: int) -> int:
        """Remove up to `limit` figures of days."""

    def expire_jobs_step(self, cutoff: Cutoff, limit: int) -> int:
        """Remove up to `limit` of the tenant's oldest jobs that have ended."""

    def trim_changes_step(self, keep: int, limit: int) -> int:
        """Remove up to `limit` of the oldest changes, but none of the latest `keep`."""

    def shrink_step(self) -> int:
        """Give a little of the space that nothing uses any more back to the system; 0: there is no more to give."""

    def clear_traces(self) -> bool:
        """Have the store's own files forget what was redacted; False: not now, ask again later."""


class JobSteps(Protocol):
    """For `engine.replays`."""

    def open_jobs(self, after: str, limit: int) -> Sequence[str]:
        """The ids of jobs that have something left to do, or to clear away after they were cancelled; oldest first,
        after the id `after` ("": from the beginning)."""

    def job_step(self, job_id: str, now: int, stale_before: int, limit: int, pending_max: int) -> int:
        """One step of a job: queue up to `limit` of its events, oldest first, each counting on from the log; ring the
        lane; note what is done. How many rows it changed; 0: nothing can be done now.

        A step is held back while the endpoint has more than `pending_max` deliveries. Events that are redacted, gone or
        pending are passed over. A job whose endpoint is gone is cancelled, and one that was made before `stale_before`
        and never started. What a cancelled job had left to do is removed in steps too.
        """


# ── control ───────────────────────────────────────────────────────────────────────────────────────────────────


class Tenants(Protocol):
    """Every write also appends to the change log, here and below."""

    def create_tenant(self, tenant: Tenant, secret: Secret) -> bool:
        """False when the id exists (or belonged to a deleted tenant whose rows are not gone yet)."""

    def get_tenant(self, tenant_id: str) -> Tenant | None: ...

    def list_tenants(self, after: str | None, limit: int) -> Sequence[Tenant]:
        """By id, after the id `after`."""

    def update_tenant(self, tenant: Tenant) -> bool:
        """Store it where the stored revision is tenant.revision - 1; False when it is not."""

    def delete_tenant(self, tenant_id: str, now: int) -> bool:
        """Its keys go at once and its endpoints become tombstones; the rest goes in `purge_step`s."""


class Quotas(Protocol):
    """For whoever keeps tenants' quotas in memory (`ingest.quotas`)."""

    def load_tenants(self, tenant_ids: Sequence[str]) -> Sequence[Tenant]:
        """Those of the tenants that exist."""

    def list_tenants_with_quotas(self, after: str | None, limit: int) -> Sequence[Tenant]:
        """Those with `events_per_second` or `payload_bytes_max`, by id, after the id `after`."""


class EventTypes(Protocol):
    """The catalogue. A change is logged under the kind `event_type`, no tenant, and the type's name."""

    def put_event_type(self, event_type: EventType, types_max: int) -> EventType | None:
        """Add it, or replace all but `created_at` of the one with its name; what is stored then, with its revision.

        None, and nothing is done, when it is new and there are `types_max` already. The revision given is not looked
        at.
        """

    def get_event_type(self, name: str) -> EventType | None: ...

    def list_event_types(self, after: str | None, limit: int) -> Sequence[EventType]:
        """By name (as bytes), after the name `after`."""

    def load_event_types(self, names: Sequence[str]) -> Sequence[EventType]:
        """Those of them that exist."""

    def delete_event_type(self, name: str) -> bool: ...


class Keys(Protocol):
    def create_key(self, key: ApiKey) -> None: ...

    def find_key(self, key_hash: bytes) -> ApiKey | None: ...

    def list_keys(self, tenant_id: str | None, after: str | None, limit: int) -> Sequence[ApiKey]:
        """A tenant's keys, or (None) the admin keys; newest first, after the id `after`."""

    def delete_key(self, tenant_id: str | None, key_id: str) -> bool: ...

    def count_keys(self, scope: Scope) -> int: ...


class Endpoints(Protocol):
    def create_endpoint(self, endpoint: Endpoint, secret: Secret | None, endpoints_max: int) -> bool:
        """Add it with its lane; False when the tenant has `endpoints_max` already."""

    def get_endpoint(self, tenant_id: str, endpoint_id: str) -> Endpoint | None: ...

    def list_endpoints(self, tenant_id: str, after: str | None, limit: int) -> Sequence[Endpoint]:
        """By id (oldest first), after the id `after`."""

    def update_endpoint(self, endpoint: Endpoint, now: int) -> bool:
        """Store it where the stored revision is endpoint.revision - 1; False when it is not.

        In the same transaction its lane follows the status: `active` → not_before = 0 and the bell rings at
        `now`, if it was paused for ever; any other status → not_before = for ever, a ringing bell too.
        """

    def delete_endpoint(self, tenant_id: str, endpoint_id: str, now: int) -> bool:
        """Leave a tombstone that matches nothing and is sent nothing; its deliveries go in `cancel_step`s."""

    def lanes_of(self, endpoint_ids: Sequence[str]) -> Sequence[LaneRow]:
        """The lanes of these endpoints as they are stored, in the order of the ids; only those that exist."""


class Secrets(Protocol):
    """A secret whose sealed value doesn't open comes as `unreadable`, here and in `EndpointSource`; so do the
    credentials of an endpoint. Storing such an endpoint keeps its sealed credentials."""

    def list_secrets(self, tenant_id: str, endpoint_id: str | None) -> Sequence[Secret]:
        """Newest first, expired ones too."""

    def rotate_secret(self, new: Secret, old_expire_at: int) -> None:
        """Add `new`; every older secret of the same owner ends at `old_expire_at` unless it ends before."""


class Seals(Protocol):
    """For `control.master_key`: which master keys the store still needs."""

    def sealing_keys(self) -> Sequence[str]:
        """The ids of all keys that something is sealed with, as committed after every write that began before."""

    def count_to_reseal(self) -> int:
        """How many values are plain, or sealed with another key than the present one."""


class EventQuery(NamedTuple):
    """Filters and place of a listing of events. `after` is a `seq` that the last page ended with."""

    tenant_id: str
    type: str | None = None
    channel: str | None = None
    since: int | None = None
    until: int | None = None
    endpoint_id: str | None = None
    ascending: bool = False
    after: int | None = None
    limit: int = 50


class AttemptQuery(NamedTuple):
    """Filters and place of a listing of attempts, newest first. `after` is an attempt's id."""

    tenant_id: str
    endpoint_id: str | None = None
    event_id: str | None = None
    outcome: str | None = None
    event_type: str | None = None
    since: int | None = None
    until: int | None = None
    ascending: bool = False
    after: str | None = None
    limit: int = 50


class StoredEvent(NamedTuple):
    """An event with its place in its tenant's stream (in commit order, so a kept place misses nothing)."""

    seq: int
    event: Event


class EndpointProgress(NamedTuple):
    """Where one event stands at one endpoint: what is still queued, and what the log says (`attempt.standing`)."""

    endpoint_id: str
    pending: Delivery | None
    last_number: int
    last_outcome: str | None
    last_final: bool
    last_status_code: int | None


class DayCount(NamedTuple):
    """Attempts of events on one day (`2026-11-21`, UTC)."""

    day: str
    succeeded: int
    failed: int


class Log(Protocol):
    """Reading what happened. Without bodies where it says so."""

    def list_events(self, query: EventQuery) -> Sequence[StoredEvent]:
        """One page; `endpoint_id` keeps events that have a delivery or an attempt there."""

    def get_event(self, tenant_id: str, event_id: str) -> Event | None: ...

    def progress(self, tenant_id: str, event_id: str) -> Sequence[EndpointProgress]:
        """One for each endpoint the event was meant for, by endpoint id."""

    def behind_others(self, tenant_id: str, event_id: str) -> Sequence[str]:
        """The endpoints, by id, where a delivery of the event is pending and an older one with the same ordering key
        too (no key is a key as well). Where there is an order that one goes first. Short, however many there are."""

    def list_attempts(self, query: AttemptQuery) -> Sequence[Attempt]:
        """One page, newest first, the bodies and headers left out (None and b"")."""

    def get_attempt(self, tenant_id: str, attempt_id: str) -> Attempt | None:
        """Whole. `request_body` is complete: pieced together from the event's data where it is not stored."""

    def day_counts(self, tenant_id: str, endpoint_id: str, since_day: str) -> Sequence[DayCount]:
        """Days with attempts, oldest first."""


class Resends(Protocol):
    def resend(self, tenant_id: str, event_id: str, endpoint_ids: Sequence[str], now: int) -> int:
        """Queue the event again for these endpoints and ring their lanes; how many rows were made or hastened.

        A redacted event is not queued. A row that is still pending is made due now.
        A new row counts on from the log: its `attempts` is the
        highest number there, its `tries` 0. Its ordering key is the event's if the endpoint is ordered.
        """


class Counted(NamedTuple):
    """One page of a count: `rows`, the last of which was at `last` (None: there are no more)."""

    rows: int
    last: int | None


class Census(Protocol):
    """For the metrics: how much there is, page by page, each a short read."""

    def count_deliveries(self, after: int, limit: int) -> Counted:
        """Deliveries that are not finished, by `seq`, after `after`."""

    def lane_healths(self, after: str, limit: int) -> Sequence[tuple[str, bytes]]:
        """(endpoint_id, health as it was stored last) of lanes, by endpoint id, after the id `after`."""


class Space(NamedTuple):
    """Sizes in bytes: of what is stored, of the write-ahead log, free on the disk and of the disk (None: not known)."""

    store_bytes: int
    log_bytes: int
    free_bytes: int | None
    disk_bytes: int | None


class ReplaySpan(NamedTuple):
    """Which events a replay looks at: accepted in [since, until), with a place of `last` at most."""

    tenant_id: str
    endpoint_id: str
    since: int
    until: int
    last: int


class ReplayCandidate(NamedTuple):
    """An event of a span, neither redacted nor pending at the endpoint. `last_outcome` is how its last delivery there
    ended (None: it was never meant for it); a success counts although its delivery had been settled before."""

    seq: int
    event_id: str
    type: str
    channel: str | None
    last_outcome: str | None


class ReplayPage(NamedTuple):
    """Candidates by their place, and the place to go on from (None: that was the last page)."""

    candidates: Sequence[ReplayCandidate]
    place: int | None


class Jobs(Protocol):
    def replay_page(self, span: ReplaySpan, after: int, limit: int) -> ReplayPage:
        """Up to `limit` candidates after the place `after`. One short read; it may find none and not be the last."""

    def create_job(self, job: Job, of_endpoint_max: int, of_tenant_max: int) -> bool:
        """Add a job that does nothing before `start_job`; False when so many of the endpoint's or the tenant's jobs are
        running already."""

    def add_job_events(self, tenant_id: str, job_id: str, seqs: Sequence[int]) -> bool:
        """Write down more of what a job has to do, and count it as matched; False when it isn't running any more."""

    def start_job(self, tenant_id: str, job_id: str) -> Job | None:
        """From now on its steps are taken; the job as it is then (None: there is none)."""

    def get_job(self, tenant_id: str, job_id: str) -> Job | None: ...

    def list_jobs(self, tenant_id: str, after: str | None, limit: int) -> Sequence[Job]:
        """Newest first, after the id `after`."""

    def cancel_job(self, tenant_id: str, job_id: str, now: int) -> bool:
        """End a job that is running; what it has queued stays queued. False when there is none with this id."""


class SubjectEvent(NamedTuple):
    """One event of a subject, with its place in its tenant's stream."""

    seq: int
    event_id: str
    redacted: bool


class Redactions(Protocol):
    """Removing payloads for privacy. An event without data is a redacted one: it is never sent again."""

    def events_of_subject(
        self, tenant_id: str, subject_type: str, subject_id: str, after: int, limit: int
    ) -> Sequence[SubjectEvent]:
        """Up to `limit` events of a subject by their place in the stream, after the place `after`."""

    def redact_step(self, tenant_id: str, event_ids: Sequence[str], now: int, limit: int) -> int:
        """Redact these events, changing up to `limit` rows; how many it changed (0: it is done).

        Pending deliveries end first, each leaving a `cancelled` record and each event a change that engines follow;
        then data and previous data go, then the bodies of attempts. What is in flight meanwhile loses its bodies when
        it is settled.
        """


class Health(Protocol):
    """For /readyz, for the watermark of the disk and for closing."""

    def check(self) -> None:
        """Prove that the store can commit; raises StoreUnavailable when it can't."""

    def space(self) -> Space:
        """How much room the store takes and has. Asks the file system, never a table."""

    def close(self) -> None:
        """Finish what is going on and close. Nothing may be called afterwards."""


class Store(
    Intake,
    Bells,
    Lanes,
    Nodes,
    Settlements,
    Follow,
    EndpointSource,
    Upkeep,
    Retention,
    JobSteps,
    Tenants,
    Quotas,
    EventTypes,
    Keys,
    Endpoints,
    Secrets,
    Seals,
    Log,
    Resends,
    Census,
    Redactions,
    Jobs,
    Health,
    Protocol,
):
    """A whole backend; only `compose` and the conformance suite see it whole."""
