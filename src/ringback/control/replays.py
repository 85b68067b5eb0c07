"""Replays: an endpoint gets a span of events again, each under its own id, as a job that outlives this process.

What the job has to do is found and written down while the caller waits, page by page in short reads, so that the answer
says exactly what matched; the engine then does it step by step. Events that are pending at the endpoint are left as
they are, and redacted ones are passed over. `failed` takes events whose last delivery there ended as failed or expired
(a cancelled one ended because somebody wanted it to); `all` takes what the endpoint wants by its types, channels,
filter and tracked set as they are now, whether it was sent or not.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple, Protocol

from ringback.clock import Clock
from ringback.control.findings import Findings
from ringback.control.numbering import Numbering
from ringback.control.paging import Page, PageRequest, checked_limit, decode_cursor, page_of
from ringback.control.tenants import required_tenant, sending_tenant
from ringback.control.tracked_sets import told_of
from ringback.model.attempt import Outcome
from ringback.model.endpoint import Endpoint
from ringback.model.errors import Invalid, NotFound, OverQuota
from ringback.model.job import REPLAY, Job, JobState, Which
from ringback.model.limits import (
    REPLAY_EVENTS_MAX,
    REPLAYS_PER_ENDPOINT_MAX,
    REPLAYS_PER_TENANT_MAX,
    STEP_ROWS_MAX,
)
from ringback.model.tenant import Tenant
from ringback.policy.operations import KINDS
from ringback.policy.wanted import filter_values, filter_wants, wants_kind, wants_told
from ringback.profiles import Registry
from ringback.store.port import (
    Endpoints,
    EventQuery,
    Intake,
    Jobs,
    Log,
    NumberGiving,
    ReplayCandidate,
    ReplaySpan,
    Resends,
    Tenants,
    TrackedSets,
)
from ringback.times import DAY_MS

RETRY_AFTER_S: Final = 10
# How many events are looked at in one read: each may have been sent to a thousand endpoints.
CANDIDATES_AT_ONCE: Final = 200
PAYLOADS_AT_ONCE: Final = 16
HASTENED_MAX: Final = 20 * STEP_ROWS_MAX

_LIST: Final = "jobs"
_ENDED_WITHOUT_SUCCESS: Final = (Outcome.FAILED, Outcome.EXPIRED)


class ReplayStore(Jobs, Log, NumberGiving, Intake, Endpoints, Resends, Tenants, TrackedSets, Protocol):
    """What these use cases need of a store."""


class ReplayRequest(NamedTuple):
    """Events accepted in [since, until), ms since 1970; `until` None: until now."""

    since: int
    until: int | None
    which: Which


class ReplayUseCases:
    """What can be done with replays. `kick` wakes the engine of this process, if there is one."""

    def __init__(self, store: ReplayStore, clock: Clock, profiles: Registry, kick: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._numbering = Numbering(store, clock, profiles)
        self._kick = kick

    def start(self, tenant_id: str, endpoint_id: str, request: ReplayRequest) -> Job:
        """Find what matches and let the job begin. Raises Invalid, NotFound, OverQuota, WebhooksDisabled."""
        tenant = sending_tenant(self._store, tenant_id)
        endpoint = self._store.get_endpoint(tenant_id, endpoint_id)
        if endpoint is None:
            raise NotFound("There is no such endpoint.")
        now = self._clock.now_ms()
        until = now if request.until is None else min(request.until, now)
        _check_span(tenant, request.since, until, now)
        # What is accepted from here on is not the job's.
        last = next((stored.seq for stored in self._store.list_events(EventQuery(tenant_id, limit=1))), 0)
        job = self._create(endpoint, request._replace(until=until), now)
        try:
            self._write_down(job, endpoint, ReplaySpan(tenant_id, endpoint_id, request.since, until, last))
            started = self._store.start_job(tenant_id, job.id)
        except BaseException:
            self._store.cancel_job(tenant_id, job.id, self._clock.now_ms())
            raise
        if started is None:  # its tenant was deleted meanwhile
            raise NotFound("There is no such endpoint.")
        self._kick()
        return started

    def hasten(self, tenant_id: str, endpoint_id: str) -> int:
        """Try what failed at the endpoint and waits for its next try now; how many deliveries, HASTENED_MAX at most.
        A pause that the endpoint asked for stays. Raises NotFound, WebhooksDisabled."""
        sending_tenant(self._store, tenant_id)
        if self._store.get_endpoint(tenant_id, endpoint_id) is None:
            raise NotFound("There is no such endpoint.")
        now, hastened = self._clock.now_ms(), 0
        while hastened < HASTENED_MAX:
            step = self._store.hasten_step(tenant_id, endpoint_id, now, STEP_ROWS_MAX)
            hastened += step
            if step < STEP_ROWS_MAX:
                break
        self._kick()
        return hastened

    def get(self, tenant_id: str, job_id: str) -> Job:
        """Raises NotFound."""
        job = self._store.get_job(tenant_id, job_id)
        if job is None:
            raise _unknown_job()
        return job

    def list(self, tenant_id: str, page: PageRequest) -> Page[Job]:
        """Newest first. Raises Invalid, NotFound for an unknown tenant."""
        limit = checked_limit(page.limit)
        after = decode_cursor(_LIST, page.cursor)
        required_tenant(self._store, tenant_id)
        return page_of(_LIST, self._store.list_jobs(tenant_id, after, limit + 1), limit, lambda job: job.id)

    def cancel(self, tenant_id: str, job_id: str) -> None:
        """Queue no more. What was queued is sent. A job that has ended stays as it is. Raises NotFound."""
        if not self._store.cancel_job(tenant_id, job_id, self._clock.now_ms()):
            raise _unknown_job()

    def _create(self, endpoint: Endpoint, request: ReplayRequest, now: int) -> Job:
        job = Job(
            tenant_id=endpoint.tenant_id,
            id=self._clock.new_id("job"),
            endpoint_id=endpoint.id,
            kind=REPLAY,
            which=request.which,
            state=JobState.RUNNING,
            since=request.since,
            until=now if request.until is None else request.until,
            matched=0,
            done=0,
            created_at=now,
            finished_at=None,
        )
        if not self._store.create_job(job, REPLAYS_PER_ENDPOINT_MAX, REPLAYS_PER_TENANT_MAX):
            raise OverQuota(
                f"At most {REPLAYS_PER_ENDPOINT_MAX} replay of an endpoint and {REPLAYS_PER_TENANT_MAX} of a tenant "
                "may be running. Wait until one is done, or cancel it.",
                RETRY_AFTER_S,
                code="replay_quota",
            )
        return job

    def _write_down(self, job: Job, endpoint: Endpoint, span: ReplaySpan) -> None:
        matched = 0
        found = self._matching(job, endpoint, span)
        while seqs := list(islice(found, STEP_ROWS_MAX)):
            matched += len(seqs)
            if matched > REPLAY_EVENTS_MAX:
                raise Invalid(f"More than {REPLAY_EVENTS_MAX:,} events match. Choose a shorter span.")
            if not self._store.add_job_events(job.tenant_id, job.id, seqs):
                return  # somebody cancelled it

    def _matching(self, job: Job, endpoint: Endpoint, span: ReplaySpan) -> Iterator[int]:
        """The places of what matches, oldest first."""
        place: int | None = 0
        numbered = self._numbering.needed_by([endpoint])
        while place is not None:
            candidates, place = self._store.replay_page(span, place, CANDIDATES_AT_ONCE)
            wanted: Sequence[ReplayCandidate]
            if job.which == Which.FAILED:
                wanted = [one for one in candidates if one.last_outcome in _ENDED_WITHOUT_SUCCESS]
            else:
                wanted = [one for one in candidates if wants_kind(endpoint, one.type, one.channel)]
                wanted = self._not_untold(endpoint, wanted)
            if numbered:
                self._numbering.give(endpoint.tenant_id, [one.event_id for one in wanted])
            if job.which == Which.FAILED:
                yield from (one.seq for one in wanted)
            else:
                yield from self._wanted_of(endpoint, wanted)

    def _not_untold(self, endpoint: Endpoint, candidates: Sequence[ReplayCandidate]) -> Sequence[ReplayCandidate]:
        """Without Ringback's own events that the endpoint is not to be told of. Others may have their types too."""
        own = [one.event_id for one in candidates if one.type in KINDS]
        if not own:
            return candidates
        found = self._store.events_by_id(endpoint.tenant_id, own)
        untold = {event.id for event in found if not wants_told(endpoint, event)}
        return [one for one in candidates if one.event_id not in untold]

    def _wanted_of(self, endpoint: Endpoint, candidates: Sequence[ReplayCandidate]) -> Iterator[int]:
        """The places of those that pass the endpoint's filter and are about members of its tracked set."""
        if endpoint.filter is None and endpoint.tracked_set is None:
            yield from (one.seq for one in candidates)
            return
        for start in range(0, len(candidates), PAYLOADS_AT_ONCE):
            seqs = {one.event_id: one.seq for one in candidates[start : start + PAYLOADS_AT_ONCE]}
            events = self._store.events_by_id(endpoint.tenant_id, list(seqs))
            for event in told_of(self._store, endpoint, [one for one in events if not one.redacted]):
                if endpoint.filter is None or filter_wants(endpoint.filter, filter_values(event)):
                    yield seqs[event.id]


def _check_span(tenant: Tenant, since: int, until: int, now: int) -> None:
    findings = Findings()
    if since >= until:
        findings.add("since", "must be before until, and in the past")
    elif since < now - tenant.retention_days * DAY_MS:
        findings.add("since", f"must be within the {tenant.retention_days} days for which events are kept")
    findings.raise_if_any()


def _unknown_job() -> NotFound:
    return NotFound("There is no such job; jobs are kept for the tenant's retention_days.")
