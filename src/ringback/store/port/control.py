"""What `control` asks of a store: configuration, and the log as people read it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from ringback.model.attempt import Attempt
from ringback.model.endpoint import Endpoint, Secret
from ringback.model.event import Delivery, Event
from ringback.model.event_type import EventType, SchemaVersion
from ringback.model.job import Job
from ringback.model.lane import LaneRow
from ringback.model.notice import Notice
from ringback.model.profile import StoredProfile
from ringback.model.tenant import ApiKey, Scope, Tenant


class Tenants(Protocol):
    """Every write also appends to the change log, here and below."""

    def create_tenant(self, tenant: Tenant, secret: Secret) -> bool:
        """False when the id exists (or belonged to a deleted tenant whose rows are not gone yet)."""

    def get_tenant(self, tenant_id: str) -> Tenant | None: ...

    def list_tenants(self, after: str | None, limit: int) -> Sequence[Tenant]:
        """By id, after the id `after`."""

    def update_tenant(self, tenant: Tenant) -> bool:
        """Store it where the stored revision is tenant.revision - 1; False when it is not.

        In the same transaction all its lanes follow `webhooks_enabled`: switched off, not_before = for ever, a ringing
        bell too; switched on, not_before = 0 and the bell rings (at `updated_at`) where it was paused for ever and the
        endpoint is active or has to prove itself. While it is off nothing else ends such a pause.
        """

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
        """Add it, or replace all but `created_at` of the one with its name; what is stored then, with its revision and
        version.

        A schema that is another than the one before is a new version, from `updated_at` on; of the versions the
        latest SCHEMA_VERSIONS_KEPT_MAX are kept. None, and nothing is done, when it is new and there are `types_max`
        already. The revision and the version given are not looked at.
        """

    def get_event_type(self, name: str) -> EventType | None: ...

    def list_event_types(self, after: str | None, limit: int) -> Sequence[EventType]:
        """By name (as bytes), after the name `after`."""

    def load_event_types(self, names: Sequence[str]) -> Sequence[EventType]:
        """Those of them that exist."""

    def delete_event_type(self, name: str) -> bool:
        """With all its versions: who makes it again begins with the first."""

    def list_schema_versions(self, name: str, before: int | None, limit: int) -> Sequence[SchemaVersion]:
        """Those kept of a type, newest first, below the version `before` (None: from the present one on)."""


class Profiles(Protocol):
    """Profiles that were put through the API. A change is logged under the kind `profile`, no tenant, and the name."""

    def put_profile(self, profile: StoredProfile, profiles_max: int) -> StoredProfile | None:
        """Add it, or replace all but `created_at` of the one with its name; what is stored then, with its revision.

        None, and nothing is done, when it is new and there are `profiles_max` already. The revision given is not
        looked at.
        """

    def list_profiles(self, after: str | None, limit: int) -> Sequence[StoredProfile]:
        """By name (as bytes), after the name `after`."""

    def load_profiles(self, names: Sequence[str]) -> Sequence[StoredProfile]:
        """Those of them that exist."""

    def delete_profile(self, name: str) -> bool: ...

    def endpoints_of_profile(self, name: str, after: str | None, limit: int) -> Sequence[Endpoint]:
        """All tenants' endpoints that have this profile, by id, after the id `after`. Not for `standard`, which most
        have: of that it finds none."""

    def tenants_of_profile(self, name: str, limit: int) -> Sequence[str]:
        """The ids of the first tenants that have it as their default; of `standard` none either."""


class Keys(Protocol):
    def create_key(self, key: ApiKey) -> None: ...

    def find_key(self, key_hash: bytes) -> ApiKey | None: ...

    def list_keys(self, tenant_id: str | None, after: str | None, limit: int) -> Sequence[ApiKey]:
        """A tenant's keys, or (None) the admin keys; newest first, after the id `after`."""

    def delete_key(self, tenant_id: str | None, key_id: str) -> bool: ...

    def count_keys(self, scope: Scope) -> int: ...


class Endpoints(Protocol):
    def create_endpoint(
        self,
        endpoint: Endpoint,
        secret: Secret | None,
        endpoints_max: int,
        event: Event | None = None,
        *,
        of_profile_max: int | None = None,
    ) -> bool:
        """Add it with its lane, whose bell rings if it has to prove itself; False when the tenant has `endpoints_max`
        already, or `of_profile_max` (None: any number) of its profile.

        The event that it begins with is appended in the same transaction, and a delivery of it to this endpoint alone
        if it counts one (`deliveries`); then the bell rings for that.
        """

    def get_endpoint(self, tenant_id: str, endpoint_id: str) -> Endpoint | None: ...

    def list_endpoints(self, tenant_id: str, after: str | None, limit: int) -> Sequence[Endpoint]:
        """By id (oldest first), after the id `after`."""

    def update_endpoint(self, endpoint: Endpoint, now: int) -> bool:
        """Store it where the stored revision is endpoint.revision - 1; False when it is not.

        In the same transaction its lane follows the status: `active` → not_before = 0 and the bell rings at
        `now`, if it was paused for ever; `verification_pending` → not_before = 0 and the bell rings at `now`, for
        whoever owns the lane asks the endpoint to prove itself; any other status → not_before = for ever, a ringing
        bell too.
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

    def tenants_by_secret(self, value: str, now: int) -> Sequence[str]:
        """The ids of the tenants that have this secret of their own (an endpoint's is none) and for which it has not
        ended at `now`, in order. How long it takes tells nothing of other secrets."""

    def rotate_secret(self, new: Secret, old_expire_at: int, notices: Sequence[Notice] = ()) -> None:
        """Add `new`; every older secret of the same owner ends at `old_expire_at` unless it ends before. The notices of
        it are written down."""

    def end_secrets(self, tenant_id: str, endpoint_id: str, at: int) -> None:
        """Every secret of the endpoint ends at `at` unless it ends before: nothing signs for it then."""


class Seals(Protocol):
    """For `control.master_key`: which master keys the store still needs."""

    def sealing_keys(self) -> Sequence[str]:
        """The ids of all keys that something is sealed with, as committed after every write that began before."""

    def count_to_reseal(self) -> int:
        """How many values are plain, or sealed with another key than the present one."""


class EventQuery(NamedTuple):
    """Filters and place of a listing of events. `after` is a `seq` that the last page ended with. `patterns` and
    `channels`: any of these, as endpoints ask for them (`policy.match`)."""

    tenant_id: str
    type: str | None = None
    channel: str | None = None
    since: int | None = None
    until: int | None = None
    endpoint_id: str | None = None
    ascending: bool = False
    after: int | None = None
    limit: int = 50
    patterns: tuple[str, ...] | None = None
    channels: tuple[str, ...] | None = None


class AttemptQuery(NamedTuple):
    """Filters and place of a listing of attempts, newest first. `after` is an attempt's id. The outcome `failed` is
    all that is not `succeeded`."""

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


class FoundAttempts(NamedTuple):
    """What a search found, and the id of the attempt at which it stopped looking (None: it has all that was wanted, or
    has looked at everything)."""

    attempts: Sequence[Attempt]
    place: str | None


class FoundEvents(NamedTuple):
    """What a search found, and the place in the stream at which it stopped looking (None: as for attempts)."""

    events: Sequence[StoredEvent]
    place: int | None


class Log(Protocol):
    """Reading what happened. Without bodies where it says so."""

    def list_events(self, query: EventQuery) -> Sequence[StoredEvent]:
        """One page; `endpoint_id` keeps events that have a delivery or an attempt there."""

    def search_events(self, query: EventQuery, rows_max: int) -> FoundEvents:
        """The same for whoever can't wait, however rare what is wanted: it looks at about so many rows at most, and may
        find few or none. To go on, ask again after the place."""

    def stream_end(self, tenant_id: str) -> int:
        """A place such that nothing will ever come up to it that is not there by now; a listing that is begun after
        this looks at all that is. 0: there is nothing."""

    def get_event(self, tenant_id: str, event_id: str) -> Event | None: ...

    def missed(self, tenant_id: str, event_id: str) -> str | None:
        """What is kept of the endpoints that the event did not go to, as it was inserted."""

    def event_by_number(self, tenant_id: str, number: int) -> Event | None:
        """The event that contracts call by this number."""

    def progress(self, tenant_id: str, event_id: str) -> Sequence[EndpointProgress]:
        """One for each endpoint the event was meant for, by endpoint id."""

    def behind_others(self, tenant_id: str, event_id: str) -> Sequence[str]:
        """The endpoints, by id, where a delivery of the event is pending and an older one with the same ordering key
        too (no key is a key as well). Where there is an order that one goes first. Short, however many there are."""

    def list_attempts(self, query: AttemptQuery) -> Sequence[Attempt]:
        """One page, newest first, the bodies and headers left out (None and b"")."""

    def search_attempts(self, query: AttemptQuery, rows_max: int) -> FoundAttempts:
        """The same in pieces, as `search_events`."""

    def get_attempt(self, tenant_id: str, attempt_id: str) -> Attempt | None:
        """Whole. `request_body` is complete: pieced together from the event's data where it is not stored."""

    def day_counts(self, tenant_id: str, endpoint_id: str, since_day: str) -> Sequence[DayCount]:
        """Days with attempts, oldest first."""

    def tenant_day_counts(self, tenant_id: str, since_day: str) -> Sequence[DayCount]:
        """The same of all its endpoints together."""

    def day_counts_of(
        self, tenant_id: str, endpoint_ids: Sequence[str], since_day: str
    ) -> Mapping[str, Sequence[DayCount]]:
        """The same for many endpoints at once, by id; those without attempts are left out. One short read."""


class NumberGiving(Protocol):
    """For events that had no number when they were accepted, and are to be sent by a contract that needs one."""

    def number_events(self, tenant_id: str, numbers: Sequence[tuple[str, int]]) -> Sequence[str]:
        """Give (event id, number) to events that have none; the ids of those whose number another event has."""


class Resends(Protocol):
    def resend(self, tenant_id: str, event_id: str, endpoint_ids: Sequence[str], now: int) -> int:
        """Queue the event again for these endpoints and ring their lanes; how many rows were made or hastened.

        A redacted event is not queued. A row that is still pending is made due now. A new row counts on from the log:
        its `attempts` is the highest number there, its `tries` 0. Its key is the event's if the endpoint is ordered.
        """

    def hasten_step(self, tenant_id: str, endpoint_id: str, now: int, limit: int) -> int:
        """Make up to `limit` of the endpoint's deliveries that failed before and are tried again later due now, those
        first that are due first, and ring its lane; how many. What was never tried keeps its time."""


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
