"""The PostgreSQL store's redactions: payloads go out of the tables.

A step holds its events, so that nobody queues one of them again while it goes (see `resends`). What is removed from a
row stays in the files of the server until they are vacuumed, which the server does by itself (autovacuum), within
minutes as a rule; it stays in its write-ahead log, in the archive of that and in backups as long as these are kept. So
there is nothing to clear here: how long WAL archives and backups are kept is the operator's to decide, and to say to
whoever asks for something to be forgotten.
"""

from collections.abc import Sequence
from typing import Any, Final

from ringback.model.attempt import Outcome
from ringback.store.port import SubjectEvent
from ringback.store.postgres.again import tried_again
from ringback.store.postgres.changes import Changed, log_changes
from ringback.store.postgres.connection import PostgresPart
from ringback.store.postgres.days import ATTEMPT
from ringback.store.postgres.endings import end_deliveries, lock_deliveries, names_of
from ringback.store.queries import load

_SQL: Final = load("postgres")


class PostgresRedactions(PostgresPart):
    """`Redactions`, and what of `Retention` clears up after them."""

    def events_of_subject(
        self, tenant_id: str, subject_type: str, subject_id: str, after: int, limit: int
    ) -> Sequence[SubjectEvent]:
        asked = {
            "tenant_id": tenant_id,
            "subject_type": subject_type,
            "subject_id": subject_id,
            "after": after,
            "limit": limit,
        }
        with self._db.reading() as session:
            return [SubjectEvent(*row) for row in session.rows(_SQL["events_of_subject"], asked)]

    @tried_again
    def redact_step(self, tenant_id: str, event_ids: Sequence[str], now: int, limit: int) -> int:
        self._db.have_days(ATTEMPT, [now])
        asked: dict[str, Any] = {"tenant_id": tenant_id, "event_ids": list(event_ids)}
        with self._db.writing() as session:
            events = session.rows(_SQL["lock_events"], asked)
            deliveries = lock_deliveries(session, tenant_id, event_ids, limit)
            types = {event_id: event_type for event_id, _, event_type, _ in events}
            ending = [(row, types.get(row.event_id)) for row in deliveries]
            changed = end_deliveries(session, self._db, ending, Outcome.CANCELLED, now)
            left = [(event_id, at) for event_id, at, _, redacted in events if not redacted][: limit - changed]
            if left:
                changed += session.change(_SQL["redact_events"], {**asked, **names_of(left)})
            if changed < limit:
                changed += session.change(_SQL["redact_attempts"], {**asked, "limit": limit - changed})
            ended = sorted({row.event_id for row in deliveries})
            log_changes(session, [Changed("event", tenant_id, event_id) for event_id in ended])
        return changed

    def clear_traces(self) -> bool:
        return True
