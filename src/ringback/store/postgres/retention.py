"""The PostgreSQL store's retention, tenant by tenant: what is past its time goes row by row.

Most goes a day at a time (`dropping`), before; what is left is of tenants that keep things for a shorter time than
others. What there is to remove is looked for first; the write then takes only what is still so. Space is the server's
to manage: it uses it again after its vacuum.
"""

from collections.abc import Sequence
from typing import Final

from ringback.model.attempt import Outcome
from ringback.model.ids import first_id
from ringback.store.port import Cutoff, ExpiredStep
from ringback.store.postgres.connection import PostgresPart
from ringback.store.postgres.days import ATTEMPT
from ringback.store.postgres.endings import end_deliveries, lock_deliveries, names_of
from ringback.store.postgres.session import Session
from ringback.store.queries import load
from ringback.times import DAY_MS

_SQL: Final = load("postgres")


class PostgresRetention(PostgresPart):
    """`Retention`, but for whole days."""

    def overdue(self, cutoffs: Sequence[Cutoff]) -> Sequence[str]:
        asked = {
            "tenant_ids": [one.tenant_id for one in cutoffs],
            "befores": [one.before for one in cutoffs],
            "days_after": [_day_after(one.before) for one in cutoffs],
            "attempts": [first_id("att", one.before) for one in cutoffs],
            "jobs": [first_id("job", one.before) for one in cutoffs],
            "days": [one.day for one in cutoffs],
        }
        with self._db.reading() as session:
            return [tenant_id for (tenant_id,) in session.rows(_SQL["overdue_tenants"], asked)]

    def expire_events_step(self, cutoff: Cutoff, now: int, after: int, limit: int) -> ExpiredStep:
        asked = {
            "tenant_id": cutoff.tenant_id,
            "before": cutoff.before,
            "day_after": _day_after(cutoff.before),
            "due_before": cutoff.due_before,
            "after": after,
            "limit": limit,
        }
        with self._db.reading() as session:
            found = session.rows(_SQL["oldest_events"], asked)
        doomed = [(event_id, at) for _, event_id, at, may_go in found if may_go]
        beyond = found[-1][0] if len(found) == limit else None
        if not doomed:
            return ExpiredStep(0, beyond)
        self._db.have_days(ATTEMPT, [now])
        with self._db.writing() as session:
            events = session.rows(_SQL["lock_doomed_events"], {"tenant_id": cutoff.tenant_id, **names_of(doomed)})
            ids = [event_id for event_id, *_ in events]
            deliveries = lock_deliveries(session, cutoff.tenant_id, ids, limit)
            types = {event_id: event_type for event_id, _, event_type, _ in events}
            ending = [(row, types[row.event_id]) for row in deliveries]
            ended = end_deliveries(session, self._db, ending, Outcome.EXPIRED, now)
            room = limit - ended
            removed = _remove(session, cutoff.tenant_id, events[:room])
        return ExpiredStep(ended + removed, beyond if room >= len(events) else after)

    def expire_attempts_step(self, cutoff: Cutoff, limit: int) -> int:
        asked = {"tenant_id": cutoff.tenant_id, "before": first_id("att", cutoff.before), "limit": limit}
        with self._db.writing() as session:
            return session.change(_SQL["expire_attempts"], asked)

    def expire_days_step(self, cutoff: Cutoff, limit: int) -> int:
        asked = {"tenant_id": cutoff.tenant_id, "before": cutoff.day, "limit": limit}
        with self._db.writing() as session:
            counted = session.change(_SQL["expire_days"], asked)
            return counted + session.change(_SQL["expire_day_deltas"], {**asked, "limit": limit - counted})

    def trim_changes_step(self, keep: int, limit: int) -> int:
        with self._db.reading() as session:
            oldest, latest = session.first(_SQL["oldest_and_latest_change"])
        if oldest is None or oldest > latest - keep:
            return 0
        with self._db.writing() as session:
            return session.change(_SQL["trim_changes"], {"keep": keep, "limit": limit})

    def shrink_step(self) -> int:
        return 0


def _remove(session: Session, tenant_id: str, events: Sequence[tuple[str, int, str, int | None]]) -> int:
    """Remove events that are held, and then set their ids and numbers free; how many events."""
    if not events:
        return 0
    asked = names_of([(event_id, at) for event_id, at, _, _ in events])
    removed = session.change(_SQL["delete_events"], {"tenant_id": tenant_id, **asked})
    session.change(_SQL["delete_event_claims"], {"tenant_id": tenant_id, "ids": asked["ids"]})
    numbers = [str(number) for *_, number in events if number is not None]
    if numbers:
        session.change(_SQL["delete_number_claims"], {"tenant_id": tenant_id, "numbers": numbers})
    return removed


def _day_after(at: int) -> int:
    """The end of the day that a time is in; the time itself where a day begins."""
    return at + -at % DAY_MS
