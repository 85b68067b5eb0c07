"""The memory store's jobs: what a replay has to do, and its steps."""

from collections.abc import Sequence

from ringback.model.attempt import Outcome
from ringback.model.endpoint import Endpoint, delivery_key
from ringback.model.event import Delivery
from ringback.model.job import Job, JobState
from ringback.store.memory.tables import MemoryPart, MemoryTables
from ringback.store.port import ReplayCandidate, ReplayPage, ReplaySpan, StoredEvent


class MemoryJobs(MemoryPart):
    """`Jobs`."""

    def replay_page(self, span: ReplaySpan, after: int, limit: int) -> ReplayPage:
        with self._tables as tables:
            own = (stored for stored in tables.events.values() if stored.event.tenant_id == span.tenant_id)
            later = sorted((stored for stored in own if after < stored.seq <= span.last), key=lambda one: one.seq)
            spanned = [one for one in later if span.since <= one.event.accepted_at < span.until][:limit]
            candidates = [
                _candidate(tables, one, span.endpoint_id) for one in spanned if _may_go(tables, one, span.endpoint_id)
            ]
            return ReplayPage(candidates, spanned[-1].seq if len(spanned) == limit else None)

    def create_job(self, job: Job, of_endpoint_max: int, of_tenant_max: int) -> bool:
        with self._tables as tables:
            running = [one for one in tables.jobs.values() if one.state == JobState.RUNNING]
            of_tenant = [one for one in running if one.tenant_id == job.tenant_id]
            of_endpoint = [one for one in of_tenant if one.endpoint_id == job.endpoint_id]
            if len(of_endpoint) >= of_endpoint_max or len(of_tenant) >= of_tenant_max:
                return False
            tables.jobs[job.id] = job
            tables.job_events[job.tenant_id, job.id] = []
            tables.jobs_open.add(job.id)
            return True

    def add_job_events(self, tenant_id: str, job_id: str, seqs: Sequence[int]) -> bool:
        with self._tables as tables:
            job = _job_of(tables, tenant_id, job_id)
            if job is None or job.state != JobState.RUNNING:
                return False
            tables.job_events[tenant_id, job_id].extend(seqs)
            tables.jobs[job_id] = job._replace(matched=job.matched + len(seqs))
            return True

    def start_job(self, tenant_id: str, job_id: str) -> Job | None:
        with self._tables as tables:
            job = _job_of(tables, tenant_id, job_id)
            if job is not None:
                tables.jobs_started.add(job_id)
            return job

    def get_job(self, tenant_id: str, job_id: str) -> Job | None:
        with self._tables as tables:
            return _job_of(tables, tenant_id, job_id)

    def list_jobs(self, tenant_id: str, after: str | None, limit: int) -> Sequence[Job]:
        with self._tables as tables:
            own = [job for job in tables.jobs.values() if job.tenant_id == tenant_id]
            older = [job for job in own if after is None or job.id < after]
            return sorted(older, key=lambda job: job.id, reverse=True)[:limit]

    def cancel_job(self, tenant_id: str, job_id: str, now: int) -> bool:
        with self._tables as tables:
            job = _job_of(tables, tenant_id, job_id)
            if job is not None:
                _cancel(tables, job, now)
            return job is not None


class MemoryJobSteps(MemoryPart):
    """`JobSteps`."""

    def open_jobs(self, after: str, limit: int) -> Sequence[str]:
        with self._tables as tables:
            return sorted(job_id for job_id in tables.jobs_open if job_id > after)[:limit]

    def job_step(self, job_id: str, now: int, stale_before: int, limit: int, pending_max: int) -> int:
        with self._tables as tables:
            job = tables.jobs.get(job_id)
            if job is None or job_id not in tables.jobs_open:
                return 0
            if job.state == JobState.CANCELLED:
                return _clear(tables, job, limit)
            if job_id not in tables.jobs_started:
                return _cancel(tables, job, now) if job.created_at < stale_before else 0
            if len(tables.queues[job.tenant_id, job.endpoint_id]) > pending_max:
                return 0
            endpoint = tables.endpoints.get(job.endpoint_id)
            if endpoint is None or endpoint.tenant_id != job.tenant_id:
                return _cancel(tables, job, now)
            return _queue(tables, job, endpoint, now, limit)


def _cancel(tables: MemoryTables, job: Job, now: int) -> int:
    if job.state != JobState.RUNNING:
        return 0
    tables.jobs[job.id] = job._replace(state=JobState.CANCELLED.value, finished_at=now)
    return 1


def _clear(tables: MemoryTables, job: Job, limit: int) -> int:
    """Remove some of what a cancelled job will never do."""
    left = tables.job_events[job.tenant_id, job.id]
    count = len(left[:limit])
    del left[:limit]
    if count == limit:
        return limit
    tables.jobs_open.discard(job.id)
    return count + 1


def _queue(tables: MemoryTables, job: Job, endpoint: Endpoint, now: int, limit: int) -> int:
    """Queue the next of a job's events."""
    left = tables.job_events[job.tenant_id, job.id]
    seqs = left[:limit]
    del left[:limit]
    places = {stored.seq: stored for stored in tables.events.values() if stored.event.tenant_id == job.tenant_id}
    queued = [places[seq] for seq in seqs if seq in places and _may_go(tables, places[seq], endpoint.id)]
    for stored in queued:
        log = tables.attempts_of(job.tenant_id, stored.event.id)
        attempts = max((attempt.number for attempt in log if attempt.endpoint_id == endpoint.id), default=0)
        key = delivery_key(endpoint.ordering, stored.event.ordering_key)
        seq = next(tables.delivery_seq)
        row = Delivery(job.tenant_id, endpoint.id, stored.event.id, key, now, seq, attempts, 0)
        tables.queues[job.tenant_id, endpoint.id][seq] = row
    if queued:
        tables.ring_lane(endpoint.id, now)
    job = tables.jobs[job.id] = job._replace(done=job.done + len(seqs))
    if len(seqs) == limit:
        return limit
    tables.jobs[job.id] = job._replace(state=JobState.DONE.value, finished_at=now)
    tables.jobs_open.discard(job.id)
    return len(seqs) + 1


def _job_of(tables: MemoryTables, tenant_id: str, job_id: str) -> Job | None:
    job = tables.jobs.get(job_id)
    return job if job is not None and job.tenant_id == tenant_id else None


def _may_go(tables: MemoryTables, stored: StoredEvent, endpoint_id: str) -> bool:
    """Whether the event has its payload and is not pending at the endpoint."""
    queue = tables.queues.get((stored.event.tenant_id, endpoint_id), {})
    return not stored.event.redacted and all(row.event_id != stored.event.id for row in queue.values())


def _candidate(tables: MemoryTables, stored: StoredEvent, endpoint_id: str) -> ReplayCandidate:
    event = stored.event
    log = [one for one in tables.attempts_of(event.tenant_id, event.id) if one.endpoint_id == endpoint_id]
    counted = [one for one in log if not one.superseded or one.outcome == Outcome.SUCCEEDED]
    last = max(counted, key=lambda one: (one.number, one.outcome == Outcome.SUCCEEDED, one.final, one.id), default=None)
    return ReplayCandidate(stored.seq, event.id, event.type, event.channel, None if last is None else last.outcome)
