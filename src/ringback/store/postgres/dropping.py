"""Days of the PostgreSQL store that are past every tenant's time go whole: their tables are dropped.

A day of attempts just goes. A day of events is walked first, a page at a time: what of it is still pending ends, and
the ids and numbers of its events are set free. Then it is detached, which nobody has to wait for, and walked once more,
since an event may have been queued again meanwhile; nobody can do that any more. Then it is dropped. A detached table
has a mark, so that whoever finds it after a crash goes on, and a table that an operator detached to keep it is kept.
How far a walk has come is known to this process alone: another one walks again, and finds nothing left to do.

Of several processes one drops at a time; the others answer that there is nothing to do. So it does when somebody reads
a day for so long (a backup) that it can't be detached: then it is tried again in the next round.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from psycopg import errors as pg

from ringback.model.attempt import Outcome
from ringback.model.event import Delivery
from ringback.store.log_reading import LAST_ID
from ringback.store.postgres.address import identifier
from ringback.store.postgres.connection import Database, PostgresPart
from ringback.store.postgres.days import ATTEMPT, DAYS_AHEAD, EVENT, day_of
from ringback.store.postgres.endings import end_deliveries
from ringback.store.postgres.locks import DROPPING
from ringback.store.postgres.session import Session
from ringback.store.queries import load
from ringback.store.sealed_rows import SealedRows
from ringback.times import DAY_MS

# A step goes on for so many pages in which there is nothing to change.
_PAGES_AT_ONCE: Final = 20
_MARK: Final = "Detached by Ringback, which drops it."
_PATIENCE: Final = b"SET lock_timeout = '2s'"

_SQL: Final = load("postgres")


class PostgresDropping(PostgresPart):
    """What of `Retention` is about whole days."""

    def __init__(self, database: Database, sealed: SealedRows) -> None:
        super().__init__(database, sealed)
        # Table → the numbers up to (tenant, number) are set free; None: all are.
        self._numbers: dict[str, tuple[str, int] | None] = {}
        # Table → the pages up to (tenant, id) are done, before it is detached and after.
        self._pages: dict[tuple[str, bool], tuple[str, str]] = {}

    @property
    def by_day(self) -> bool:
        return True

    def make_days(self, now: int) -> int:
        today = now // DAY_MS
        days = range(today - 1, today + DAYS_AHEAD + 1)
        with self._db.reading() as session:
            return sum(self._db.days.make(session, table, days) for table in (EVENT, ATTEMPT))

    def drop_days_step(self, before: int, due_before: int, now: int, limit: int) -> int:
        self._db.have_days(ATTEMPT, [now])
        with self._db.reading() as session, _alone(session) as alone:
            if not alone:
                return 0
            detached = session.first(_SQL["detached_days"], {"mark": _MARK})
            if detached is not None:
                return self._finish(session, detached[0], now, limit)
            attempts = next(_past(session, ATTEMPT, before), None)
            if attempts is not None:
                return _detach(session, ATTEMPT, *attempts)
            for table, pending in _past(session, EVENT, before):
                if pending:
                    return _detach(session, EVENT, table, pending)
                if not session.first(_of(table, "day_is_kept"), {"due_before": due_before})[0]:
                    return self._empty(session, table, now, limit)
        return 0

    def _empty(self, session: Session, table: str, now: int, limit: int) -> int:
        """Take some of what hangs on a day's events away; when nothing is left, detach it."""
        for _ in range(_PAGES_AT_ONCE):
            changed = self._free_numbers(table, limit)
            if changed is None:
                changed = self._page(session, table, now, limit, detached=False)
            if changed is None:
                return _detach(session, EVENT, table, pending=False)
            if changed:
                return changed
        return 1

    def _finish(self, session: Session, table: str, now: int, limit: int) -> int:
        """Look through a detached day once more, then drop it."""
        if table.startswith(EVENT):
            for _ in range(_PAGES_AT_ONCE):
                changed = self._page(session, table, now, limit, detached=True)
                if changed is None:
                    break
                if changed:
                    return changed
            else:
                return 1
        with _impatiently(session) as done:
            session.simple(f"DROP TABLE IF EXISTS {identifier(table)}".encode())
            done.append(table)
            self._db.days.forget()
            self._numbers.pop(table, None)
            self._pages.pop((table, False), None)
            self._pages.pop((table, True), None)
        return len(done)

    def _free_numbers(self, table: str, limit: int) -> int | None:
        """Set some of the numbers of a day's events free; how many. None: there are no more."""
        place = self._numbers.get(table, ("", -1))
        if place is None:
            return None
        with self._db.writing() as session:
            asked = {"tenant_id": place[0], "number": place[1], "limit": limit}
            found = session.rows(_of(table, "numbers_of_day"), asked)
            if found:
                gone = {"tenant_ids": [name for name, _ in found], "numbers": [number for _, number in found]}
                changed = session.change(_of(table, "delete_numbers"), {**gone, "day_after": _end_of(table)})
        if not found:
            self._numbers[table] = None
            return None
        self._numbers[table] = found[-1]
        return changed

    def _page(self, other: Session, table: str, now: int, limit: int, *, detached: bool) -> int | None:
        """Of the next `limit` events of a day, end what is pending, or (of a detached day they are) set their ids
        free; how many rows that changed. None: there are no more events."""
        tenant_id, event_id = self._pages.get((table, detached), ("", ""))
        if tenant_id == LAST_ID:
            return None
        page = {"tenant_id": tenant_id, "id": event_id, "rows": limit}
        end = other.first(_of(table, "end_of_page"), page)
        with self._db.writing() as session:
            found = session.rows(_of(table, "lock_deliveries_of_page"), {**page, "limit": limit})
            ending = [(Delivery(*columns), event_type) for *columns, event_type in found]
            if ending:
                return end_deliveries(session, self._db, ending, Outcome.EXPIRED, now)
            claims = {**page, "day_after": _end_of(table)}
            changed = 0 if detached else session.change(_of(table, "delete_claims_of_page"), claims)
        self._pages[table, detached] = (LAST_ID, LAST_ID) if end is None else end
        return changed


def _past(session: Session, table: str, before: int) -> Iterator[tuple[str, bool]]:
    """The partitions of days that ended by then, the oldest first; whether each was being detached."""
    for name, pending in session.rows(_SQL["days_of"], {"name": table}):
        if day_of(name) is not None and _end_of(name) <= before:
            yield name, pending


def _end_of(table: str) -> int:
    return ((day_of(table) or 0) + 1) * DAY_MS


def _of(table: str, query: str) -> str:
    """A query of one day's events."""
    return _SQL[query].replace("event_of_day", identifier(table))


def _detach(session: Session, parent: str, table: str, pending: bool) -> int:
    """Take a partition out of its table, so that it can be dropped; 1 if that was done."""
    name = identifier(table)
    how = "FINALIZE" if pending else "CONCURRENTLY"
    with _impatiently(session) as done:
        session.simple(f"COMMENT ON TABLE {name} IS '{_MARK}'".encode())
        session.simple(f"ALTER TABLE {identifier(parent)} DETACH PARTITION {name} {how}".encode())
        done.append(table)
    return len(done)


@contextmanager
def _impatiently(session: Session) -> Iterator[list[str]]:
    """Give up what has to wait for long: others would wait behind it. Nothing is done then."""
    session.simple(_PATIENCE)
    try:
        with suppress(pg.LockNotAvailable, pg.QueryCanceled, pg.DeadlockDetected):
            yield []
    finally:
        if session.healthy:
            session.simple(b"RESET lock_timeout")


@contextmanager
def _alone(session: Session) -> Iterator[bool]:
    """Whether no other process drops days, as long as the block lasts."""
    (alone,) = session.first(_SQL["try_lock_dropping"], DROPPING.params)
    try:
        yield alone
    finally:
        if alone and session.healthy:
            session.rows(_SQL["unlock_dropping"], DROPPING.params)
