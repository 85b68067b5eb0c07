"""The memory store's redactions: payloads go, facts stay. What is let go here is gone: there are no traces to clear."""

from collections.abc import Sequence

from ringback.model.attempt import Outcome, ended_without_request
from ringback.store.memory.tables import MemoryPart, MemoryTables
from ringback.store.port import SubjectEvent


class MemoryRedactions(MemoryPart):
    """`Redactions`, and what of `Retention` clears up after them."""

    def events_of_subject(
        self, tenant_id: str, subject_type: str, subject_id: str, after: int, limit: int
    ) -> Sequence[SubjectEvent]:
        subject = tenant_id, subject_type, subject_id
        with self._tables as tables:
            found = [
                SubjectEvent(stored.seq, stored.event.id, stored.event.redacted)
                for stored in tables.events.values()
                if (stored.event.tenant_id, stored.event.subject_type, stored.event.subject_id) == subject
            ]
            return sorted(one for one in found if one.seq > after)[:limit]

    def redact_step(self, tenant_id: str, event_ids: Sequence[str], now: int, limit: int) -> int:
        with self._tables as tables:
            names = [(tenant_id, event_id) for event_id in event_ids]
            changed = 0
            for act in (_cancel, _redact_events, _redact_attempts):
                changed += act(tables, names, now, limit - changed)
            return changed

    def clear_traces(self) -> bool:
        return True


def _cancel(tables: MemoryTables, names: Sequence[tuple[str, str]], now: int, limit: int) -> int:
    """End pending deliveries, and tell the engines of their events."""
    doomed = [row for name in names for row in tables.deliveries() if (row.tenant_id, row.event_id) == name][:limit]
    for row in doomed:
        del tables.queues[row.tenant_id, row.endpoint_id][row.seq]
        stored = tables.events.get((row.tenant_id, row.event_id))
        event_type = None if stored is None else stored.event.type
        tables.keep_attempt(ended_without_request(row, event_type, Outcome.CANCELLED, now))
    for tenant_id, event_id in sorted({(row.tenant_id, row.event_id) for row in doomed}):
        tables.log_change("event", tenant_id, event_id)
    return len(doomed)


def _redact_events(tables: MemoryTables, names: Sequence[tuple[str, str]], now: int, limit: int) -> int:
    pending = {(row.tenant_id, row.event_id) for row in tables.deliveries()}
    found = [name for name in names if name in tables.events and name not in pending]
    full = [name for name in found if not tables.events[name].event.redacted][:limit]
    for name in full:
        stored = tables.events[name]
        tables.events[name] = stored._replace(event=stored.event._replace(data=b"", previous=None))
    return len(full)


def _redact_attempts(tables: MemoryTables, names: Sequence[tuple[str, str]], now: int, limit: int) -> int:
    attempts = [attempt for name in names for attempt in tables.attempts_of(*name)]
    full = [attempt for attempt in attempts if attempt != attempt.without_bodies()][:limit]
    for attempt in full:
        tables.attempts[attempt.tenant_id, attempt.id] = attempt.without_bodies()
    return len(full)
