"""The PostgreSQL store's jobs: what a replay has to do, and its steps.

What a job has to do stands in a table of its own, oldest first; a step takes the first of it, queues it, removes it
and counts it, in one transaction. So a crash between two steps loses nothing and repeats nothing. A step holds its
job's row: of several processes one takes it, and the others find nothing to do.
"""

from collections.abc import Sequence
from typing import Any, Final

from ringback.model.endpoint import Ordering, delivery_key
from ringback.model.ids import first_id
from ringback.model.job import Job, JobState
from ringback.store.log_reading import LAST_ID, LOOK_ROWS, replay_page_of
from ringback.store.port import Cutoff, ReplayCandidate, ReplayPage, ReplaySpan, StoreUnavailable
from ringback.store.postgres.again import tried_again
from ringback.store.postgres.arrivals import Numbers, insert_deliveries, ring_lanes
from ringback.store.postgres.connection import PostgresPart
from ringback.store.postgres.log import latest_place, raised_to
from ringback.store.postgres.resends import again
from ringback.store.postgres.session import Session
from ringback.store.postgres.tenant_locks import lock_tenant
from ringback.store.queries import load

_SQL: Final = load("postgres")
# So often it is looked whether the transactions are over that may still commit an event of the span: for 5 s.
_SPAN_LOOKS: Final = 250


class PostgresJobs(PostgresPart):
    """`Jobs`, and what of `Retention` removes them."""

    def replay_page(self, span: ReplaySpan, after: int, limit: int) -> ReplayPage:
        with self._db.reading() as session:
            latest = latest_place(session, span.tenant_id, span.last)
            floor = raised_to(self._db, session, latest, _SPAN_LOOKS)
            if floor < latest:
                raise StoreUnavailable("A transaction has been open for long that may add an older event to the span.")
            asked = {**span._asdict(), "last": min(span.last, floor), "after": after, "limit": limit, "look": LOOK_ROWS}
            rows = session.rows(_SQL["replay_page"], asked)
        seen, seen_to, spanned, spanned_to, *_ = rows[0]
        candidates = [ReplayCandidate(*columns) for _, _, _, _, *columns in rows if columns[0] is not None]
        return replay_page_of(candidates, (seen, seen_to), (spanned, spanned_to), limit)

    @tried_again
    def create_job(self, job: Job, of_endpoint_max: int, of_tenant_max: int) -> bool:
        asked = {"tenant_id": job.tenant_id, "endpoint_id": job.endpoint_id}
        with self._db.writing() as session:
            lock_tenant(session, job.tenant_id)
            of_endpoint, of_tenant = session.first(_SQL["running_jobs"], asked)
            if of_endpoint >= of_endpoint_max or of_tenant >= of_tenant_max:
                return False
            session.change(_SQL["insert_job"], job._asdict())
            return True

    @tried_again
    def add_job_events(self, tenant_id: str, job_id: str, seqs: Sequence[int]) -> bool:
        name = {"tenant_id": tenant_id, "id": job_id}
        with self._db.writing() as session:
            if not session.change(_SQL["count_matched"], {**name, "count": len(seqs)}):
                return False
            session.change(_SQL["add_job_events"], {**name, "seqs": list(seqs)})
            return True

    @tried_again
    def start_job(self, tenant_id: str, job_id: str) -> Job | None:
        name = {"tenant_id": tenant_id, "id": job_id}
        with self._db.writing() as session:
            session.change(_SQL["start_job"], name)
            return _job(session.first(_SQL["job_by_id"], name))

    def get_job(self, tenant_id: str, job_id: str) -> Job | None:
        with self._db.reading() as session:
            return _job(session.first(_SQL["job_by_id"], {"tenant_id": tenant_id, "id": job_id}))

    def list_jobs(self, tenant_id: str, after: str | None, limit: int) -> Sequence[Job]:
        asked = {"tenant_id": tenant_id, "before": LAST_ID if after is None else after, "limit": limit}
        with self._db.reading() as session:
            return [Job(*row) for row in session.rows(_SQL["list_jobs"], asked)]

    @tried_again
    def cancel_job(self, tenant_id: str, job_id: str, now: int) -> bool:
        name = {"tenant_id": tenant_id, "id": job_id}
        with self._db.writing() as session:
            session.change(_SQL["cancel_job"], {**name, "now": now})
            return session.first(_SQL["job_by_id"], name) is not None

    def expire_jobs_step(self, cutoff: Cutoff, limit: int) -> int:
        asked = {"tenant_id": cutoff.tenant_id, "before": first_id("job", cutoff.before), "limit": limit}
        with self._db.writing() as session:
            return session.change(_SQL["expire_jobs"], asked)


class PostgresJobSteps(PostgresPart):
    """`JobSteps`."""

    def open_jobs(self, after: str, limit: int) -> Sequence[str]:
        with self._db.reading() as session:
            return [job_id for (job_id,) in session.rows(_SQL["open_jobs"], {"after": after, "limit": limit})]

    def job_step(self, job_id: str, now: int, stale_before: int, limit: int, pending_max: int) -> int:
        if not self._may_go_on(job_id, stale_before, pending_max):
            return 0
        with self._db.writing() as session:
            found = session.first(_SQL["lock_open_job"], {"id": job_id})
            if found is None:
                return 0
            job = Job(*found[:-1])
            if job.state == JobState.CANCELLED:
                return _clear(session, job, limit)
            asked = {"endpoint_ids": [job.endpoint_id], "tenant_id": job.tenant_id}
            endpoint = session.first(_SQL["endpoints_to_resend_to"], asked)
            if endpoint is None or not found[-1]:
                return session.change(_SQL["cancel_job"], {**_name(job), "now": now})
            return _queue(session, job, Ordering(endpoint[1]), now, limit)

    def _may_go_on(self, job_id: str, stale_before: int, pending_max: int) -> bool:
        """Looked at before, so that a job that has to wait costs no transaction."""
        with self._db.reading() as session:
            found = session.first(_SQL["open_job"], {"id": job_id})
            if found is None:
                return False
            job = Job(*found[:-1])
            if job.state == JobState.CANCELLED:
                return True
            if not found[-1]:
                return job.created_at < stale_before
            asked = {"tenant_id": job.tenant_id, "endpoint_id": job.endpoint_id, "pending_max": pending_max}
            return not session.first(_SQL["has_more_deliveries"], asked)[0]


def _clear(session: Session, job: Job, limit: int) -> int:
    """Remove some of what a cancelled job will never do."""
    seqs = _next(session, job, limit)
    session.change(_SQL["remove_job_events"], {**_name(job), "seqs": seqs})
    if len(seqs) == limit:
        return limit
    session.change(_SQL["close_job"], {"id": job.id})
    return len(seqs) + 1


def _queue(session: Session, job: Job, ordering: Ordering, now: int, limit: int) -> int:
    """Queue the next of a job's events."""
    seqs = _next(session, job, limit)
    if _queue_events(session, job, seqs, ordering, now):
        ring_lanes(session, [(job.tenant_id, job.endpoint_id, now)])
    session.change(_SQL["remove_job_events"], {**_name(job), "seqs": seqs})
    session.change(_SQL["note_progress"], {"id": job.id, "count": len(seqs)})
    if len(seqs) == limit:
        return limit
    session.change(_SQL["finish_job"], {"id": job.id, "now": now})
    return len(seqs) + 1


def _queue_events(session: Session, job: Job, seqs: Sequence[int], ordering: Ordering, now: int) -> int:
    """Queue those of the events at these places that can be, oldest first; how many."""
    found = session.rows(_SQL["lock_events_to_replay"], {"tenant_id": job.tenant_id, "seqs": seqs}) if seqs else []
    if not found:
        return 0
    asked = {"tenant_id": job.tenant_id, "endpoint_id": job.endpoint_id, "ids": [event_id for event_id, *_ in found]}
    log = {event_id: number for event_id, pending, number in session.rows(_SQL["queue_at"], asked) if not pending}
    going = sorted((event for event in found if event[0] in log), key=lambda event: event[3])
    drawn = zip(going, Numbers(session).draw(len(going)), strict=True)
    rows = [
        again((job.tenant_id, job.endpoint_id, event_id, at), delivery_key(ordering, key), seq, log[event_id], now)
        for (event_id, key, at, _), seq in drawn
    ]
    insert_deliveries(session, rows)
    return len(rows)


def _next(session: Session, job: Job, limit: int) -> list[int]:
    return [seq for (seq,) in session.rows(_SQL["next_job_events"], {**_name(job), "limit": limit})]


def _name(job: Job) -> dict[str, Any]:
    return {"tenant_id": job.tenant_id, "id": job.id}


def _job(row: Any) -> Job | None:
    return None if row is None else Job(*row)
