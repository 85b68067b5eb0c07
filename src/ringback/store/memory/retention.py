"""The memory store's retention: what is past its time goes, in steps. There is no file to shrink."""

from collections.abc import Sequence

from ringback.model.attempt import Outcome, ended_without_request
from ringback.model.event import Delivery
from ringback.model.ids import first_id
from ringback.model.job import Job
from ringback.store.memory.tables import MemoryPart, MemoryTables
from ringback.store.port import Cutoff, ExpiredStep, StoredEvent


class MemoryRetention(MemoryPart):
    """`Retention`."""

    by_day = False

    def make_days(self, now: int) -> int:
        return 0

    def drop_days_step(self, before: int, due_before: int, now: int, limit: int) -> int:
        return 0

    def overdue(self, cutoffs: Sequence[Cutoff]) -> Sequence[str]:
        with self._tables as tables:
            return [cutoff.tenant_id for cutoff in cutoffs if _is_overdue(tables, cutoff)]

    def expire_events_step(self, cutoff: Cutoff, now: int, after: int, limit: int) -> ExpiredStep:
        with self._tables as tables:
            stream = [stored for stored in _stream(tables, cutoff.tenant_id) if stored.seq > after][:limit]
            found = [stored for stored in stream if stored.event.accepted_at < cutoff.before]
            doomed = {stored.event.id: stored for stored in found if _may_go(stored, cutoff)}
            beyond = found[-1].seq if len(found) == limit else None
            deliveries = _pending(tables, doomed)[:limit]
            for row in deliveries:
                del tables.queues[row.tenant_id, row.endpoint_id][row.seq]
                event_type = doomed[row.event_id].event.type
                tables.keep_attempt(ended_without_request(row, event_type, Outcome.EXPIRED, now))
            going = list(doomed)[: limit - len(deliveries)]
            for event_id in going:
                tables.forget_event((cutoff.tenant_id, event_id))
                tables.event_keys.pop((cutoff.tenant_id, "event", event_id), None)
            return ExpiredStep(len(deliveries) + len(going), beyond if len(going) == len(doomed) else after)

    def expire_attempts_step(self, cutoff: Cutoff, limit: int) -> int:
        with self._tables as tables:
            old = sorted(
                i for tenant, i in tables.attempts if tenant == cutoff.tenant_id and i < first_id("att", cutoff.before)
            )
            for attempt_id in old[:limit]:
                tables.forget_attempt(tables.attempts[cutoff.tenant_id, attempt_id])
            return len(old[:limit])

    def expire_days_step(self, cutoff: Cutoff, limit: int) -> int:
        with self._tables as tables:
            old = sorted(_old_days(tables, cutoff), key=lambda name: name[2])[:limit]
            for name in old:
                del tables.days[name]
            return len(old)

    def expire_jobs_step(self, cutoff: Cutoff, limit: int) -> int:
        with self._tables as tables:
            old = [job for job in _old_jobs(tables, cutoff) if job.id not in tables.jobs_open][:limit]
            for job in old:
                tables.forget_job(job)
            return len(old)

    def trim_changes_step(self, keep: int, limit: int) -> int:
        with self._tables as tables:
            count = min(max(len(tables.changes) - keep, 0), limit)
            del tables.changes[:count]
            tables.changes_trimmed += count
            return count

    def shrink_step(self) -> int:
        return 0


def _is_overdue(tables: MemoryTables, cutoff: Cutoff) -> bool:
    events = _stream(tables, cutoff.tenant_id)[:1]
    attempts = (i for tenant, i in tables.attempts if tenant == cutoff.tenant_id)
    return (
        any(stored.event.accepted_at < cutoff.before for stored in events)
        or any(attempt_id < first_id("att", cutoff.before) for attempt_id in attempts)
        or bool(_old_jobs(tables, cutoff))
        or bool(_old_days(tables, cutoff))
    )


def _stream(tables: MemoryTables, tenant_id: str) -> list[StoredEvent]:
    own = (stored for stored in tables.events.values() if stored.event.tenant_id == tenant_id)
    return sorted(own, key=lambda stored: stored.seq)


def _may_go(stored: StoredEvent, cutoff: Cutoff) -> bool:
    return stored.event.deliver_at is None or stored.event.deliver_at < cutoff.due_before


def _pending(tables: MemoryTables, events: dict[str, StoredEvent]) -> list[Delivery]:
    """The deliveries of the events that are not finished, event by event."""
    tenants = {stored.event.tenant_id for stored in events.values()}
    rows = [row for row in tables.deliveries() if row.tenant_id in tenants and row.event_id in events]
    places = {event_id: place for place, event_id in enumerate(events)}
    return sorted(rows, key=lambda row: (places[row.event_id], row.seq))


def _old_jobs(tables: MemoryTables, cutoff: Cutoff) -> list[Job]:
    own = [job for job in tables.jobs.values() if job.tenant_id == cutoff.tenant_id]
    return sorted((job for job in own if job.id < first_id("job", cutoff.before)), key=lambda job: job.id)


def _old_days(tables: MemoryTables, cutoff: Cutoff) -> list[tuple[str, str, str]]:
    return [name for name in tables.days if name[0] == cutoff.tenant_id and name[2] < cutoff.day]
