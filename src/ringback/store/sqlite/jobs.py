"""The SQLite store's jobs: what a replay has to do, and its steps.

What a job has to do stands in a table of its own, oldest first; a step takes the first of it, queues it, removes it
and counts it, in one transaction. So a crash between two steps loses nothing and repeats nothing.
"""

from collections.abc import Sequence
from typing import Any, Final

import apsw
import msgspec

from ringback.model.endpoint import Ordering, delivery_key
from ringback.model.ids import first_id
from ringback.model.job import Job, JobState
from ringback.store.log_reading import LAST_ID, LOOK_ROWS, replay_page_of
from ringback.store.port import Cutoff, ReplayCandidate, ReplayPage, ReplaySpan
from ringback.store.queries import load
from ringback.store.sqlite.arrivals import ring_lanes
from ringback.store.sqlite.connection import ManyRows, SqlitePart, change, first, rows
from ringback.store.sqlite.json_lists import json_list

_SQL: Final = load("sqlite")
_INSERT_DELIVERIES: Final = ManyRows(_SQL["insert_replayed_deliveries"])
_CANDIDATES: Final = msgspec.json.Decoder(list[ReplayCandidate])


class SqliteJobs(SqlitePart):
    """`Jobs`, and what of `Retention` removes them."""

    def replay_page(self, span: ReplaySpan, after: int, limit: int) -> ReplayPage:
        asked = {**span._asdict(), "after": after, "limit": limit, "look": LOOK_ROWS}
        with self._readers.reading() as connection:
            found, seen, seen_to, spanned, spanned_to = first(connection, _SQL["replay_page"], asked)
        return replay_page_of(_CANDIDATES.decode(found), (seen, seen_to), (spanned, spanned_to), limit)

    def create_job(self, job: Job, of_endpoint_max: int, of_tenant_max: int) -> bool:
        with self._writer.transaction() as connection:
            asked = {"tenant_id": job.tenant_id, "endpoint_id": job.endpoint_id}
            of_endpoint, of_tenant = first(connection, _SQL["running_jobs"], asked)
            if of_endpoint >= of_endpoint_max or of_tenant >= of_tenant_max:
                return False
            connection.execute(_SQL["insert_job"], job)
            return True

    def add_job_events(self, tenant_id: str, job_id: str, seqs: Sequence[int]) -> bool:
        name = {"tenant_id": tenant_id, "id": job_id}
        with self._writer.transaction() as connection:
            if not change(connection, _SQL["count_matched"], {**name, "count": len(seqs)}):
                return False
            connection.execute(_SQL["add_job_events"], {**name, "seqs": json_list(seqs)})
            return True

    def start_job(self, tenant_id: str, job_id: str) -> Job | None:
        name = {"tenant_id": tenant_id, "id": job_id}
        with self._writer.transaction() as connection:
            connection.execute(_SQL["start_job"], name)
            return _job(first(connection, _SQL["job_by_id"], name))

    def get_job(self, tenant_id: str, job_id: str) -> Job | None:
        with self._readers.reading() as connection:
            return _job(first(connection, _SQL["job_by_id"], {"tenant_id": tenant_id, "id": job_id}))

    def list_jobs(self, tenant_id: str, after: str | None, limit: int) -> Sequence[Job]:
        asked = {"tenant_id": tenant_id, "before": LAST_ID if after is None else after, "limit": limit}
        return [Job(*row) for row in self._read(_SQL["list_jobs"], asked)]

    def cancel_job(self, tenant_id: str, job_id: str, now: int) -> bool:
        name = {"tenant_id": tenant_id, "id": job_id}
        with self._writer.transaction() as connection:
            connection.execute(_SQL["cancel_job"], {**name, "now": now})
            return first(connection, _SQL["job_by_id"], name) is not None

    def expire_jobs_step(self, cutoff: Cutoff, limit: int) -> int:
        with self._writer.transaction() as connection:
            asked = {"tenant_id": cutoff.tenant_id, "before": first_id("job", cutoff.before), "limit": limit}
            return change(connection, _SQL["expire_jobs"], asked)


class SqliteJobSteps(SqlitePart):
    """`JobSteps`."""

    def open_jobs(self, after: str, limit: int) -> Sequence[str]:
        return [job_id for (job_id,) in self._read(_SQL["open_jobs"], {"after": after, "limit": limit})]

    def job_step(self, job_id: str, now: int, stale_before: int, limit: int, pending_max: int) -> int:
        if not self._may_go_on(job_id, stale_before, pending_max):
            return 0
        with self._writer.transaction() as connection:
            found = first(connection, _SQL["open_job"], {"id": job_id})
            if found is None:
                return 0
            job = Job(*found[:-1])
            if job.state == JobState.CANCELLED:
                return _clear(connection, job, limit)
            asked = {"endpoint_ids": json_list([job.endpoint_id]), "tenant_id": job.tenant_id}
            endpoint = first(connection, _SQL["endpoints_to_resend_to"], asked)
            if endpoint is None or not found[-1]:
                return change(connection, _SQL["cancel_job"], {**_name(job), "now": now})
            return _queue(connection, job, Ordering(endpoint[1]), now, limit)

    def _may_go_on(self, job_id: str, stale_before: int, pending_max: int) -> bool:
        """Looked at by a reader, so that a job that has to wait costs the writer nothing."""
        with self._readers.reading() as connection:
            found = first(connection, _SQL["open_job"], {"id": job_id})
            if found is None:
                return False
            job = Job(*found[:-1])
            if job.state == JobState.CANCELLED:
                return True
            if not found[-1]:
                return job.created_at < stale_before
            asked = {"endpoint_id": job.endpoint_id, "pending_max": pending_max}
            return not first(connection, _SQL["has_more_deliveries"], asked)[0]


def _clear(connection: apsw.Connection, job: Job, limit: int) -> int:
    """Remove some of what a cancelled job will never do."""
    seqs = _next(connection, job, limit)
    connection.execute(_SQL["remove_job_events"], {**_name(job), "seqs": json_list(seqs)})
    if len(seqs) == limit:
        return limit
    connection.execute(_SQL["close_job"], {"id": job.id})
    return len(seqs) + 1


def _queue(connection: apsw.Connection, job: Job, ordering: Ordering, now: int, limit: int) -> int:
    """Queue the next of a job's events."""
    seqs = _next(connection, job, limit)
    asked = {"tenant_id": job.tenant_id, "endpoint_id": job.endpoint_id, "seqs": json_list(seqs)}
    deliveries = [
        (job.tenant_id, job.endpoint_id, event_id, delivery_key(ordering, key), now, number, 0)
        for event_id, key, number in rows(connection, _SQL["events_to_replay"], asked)
    ]
    _INSERT_DELIVERIES.run(connection, deliveries)
    connection.execute(_SQL["remove_job_events"], {**_name(job), "seqs": json_list(seqs)})
    connection.execute(_SQL["note_progress"], {"id": job.id, "count": len(seqs)})
    if deliveries:
        ring_lanes(connection, [(job.tenant_id, job.endpoint_id, now)])
    if len(seqs) == limit:
        return limit
    connection.execute(_SQL["finish_job"], {"id": job.id, "now": now})
    return len(seqs) + 1


def _next(connection: apsw.Connection, job: Job, limit: int) -> list[int]:
    return [seq for (seq,) in rows(connection, _SQL["next_job_events"], {**_name(job), "limit": limit})]


def _name(job: Job) -> dict[str, Any]:
    return {"tenant_id": job.tenant_id, "id": job.id}


def _job(row: Any) -> Job | None:
    return None if row is None else Job(*row)
