"""The SQLite store's retention: what is past its time goes, and the file gives back what nothing uses any more.

What there is to remove is looked for by a reader; the write then takes only what is still so. Space that was freed is
used again by what comes, so some is kept: a file that shrinks and grows all the time helps nobody. The rest is given
back by the incremental vacuum, which moves the last pages of the file into free ones and cuts it off, a few at a time.
"""

from collections.abc import Sequence
from typing import Any, Final

from ringback.model.attempt import Outcome, ended_without_request
from ringback.model.event import Delivery
from ringback.model.ids import first_id
from ringback.store.port import Cutoff, ExpiredStep
from ringback.store.queries import load
from ringback.store.sqlite.connection import ManyRows, SqlitePart, change, first, rows
from ringback.store.sqlite.json_lists import json_list

KEPT_FREE_BYTES_MIN: Final = 16 * 1024 * 1024
KEPT_FREE_SHARE: Final = 0.05
# Each page is a step of the statement, at which other threads get the interpreter while the writer is held.
SHRINK_PAGES: Final = 32

_SQL: Final = load("sqlite")
_INSERT_ATTEMPTS: Final = ManyRows(_SQL["insert_attempts"])


class SqliteRetention(SqlitePart):
    """`Retention`."""

    by_day = False

    def make_days(self, now: int) -> int:
        return 0

    def drop_days_step(self, before: int, due_before: int, now: int, limit: int) -> int:
        return 0

    def overdue(self, cutoffs: Sequence[Cutoff]) -> Sequence[str]:
        asked = [
            (one.tenant_id, one.before, first_id("att", one.before), first_id("job", one.before), one.day)
            for one in cutoffs
        ]
        return [tenant_id for (tenant_id,) in self._read(_SQL["overdue_tenants"], {"asked": json_list(asked)})]

    def expire_events_step(self, cutoff: Cutoff, now: int, after: int, limit: int) -> ExpiredStep:
        asked = {**_named(cutoff), "due_before": cutoff.due_before, "after": after, "limit": limit}
        found = self._read(_SQL["oldest_events"], asked)
        doomed = {event_id: (seq, event_type) for seq, event_id, event_type, may_go in found if may_go}
        beyond = found[-1][0] if len(found) == limit else None
        if not doomed:
            return ExpiredStep(0, beyond)
        with self._writer.transaction() as connection:
            tenant_id = cutoff.tenant_id
            pending = {"tenant_id": tenant_id, "event_ids": json_list(list(doomed)), "limit": limit}
            deliveries = [Delivery(*row) for row in rows(connection, _SQL["deliveries_of_events"], pending)]
            records = [ended_without_request(row, doomed[row.event_id][1], Outcome.EXPIRED, now) for row in deliveries]
            _INSERT_ATTEMPTS.run(connection, records)
            connection.execute(_SQL["delete_deliveries"], {"seqs": json_list([row.seq for row in deliveries])})
            room = limit - len(deliveries)
            going = list(doomed.items())[:room]
            claims: dict[str, Any] = {"tenant_id": tenant_id, "event_ids": json_list([name for name, _ in going])}
            connection.execute(_SQL["delete_event_claims"], claims)
            seqs = json_list([seq for _, (seq, _) in going])
            removed = change(connection, _SQL["delete_events"], {"seqs": seqs})
        return ExpiredStep(len(deliveries) + removed, beyond if room >= len(doomed) else after)

    def expire_attempts_step(self, cutoff: Cutoff, limit: int) -> int:
        with self._writer.transaction() as connection:
            asked = {"tenant_id": cutoff.tenant_id, "before": first_id("att", cutoff.before), "limit": limit}
            return change(connection, _SQL["expire_attempts"], asked)

    def expire_days_step(self, cutoff: Cutoff, limit: int) -> int:
        with self._writer.transaction() as connection:
            asked = {"tenant_id": cutoff.tenant_id, "before": cutoff.day, "limit": limit}
            return change(connection, _SQL["expire_days"], asked)

    def trim_changes_step(self, keep: int, limit: int) -> int:
        ((oldest, latest),) = self._read(_SQL["oldest_and_latest_change"])
        if oldest is None or oldest > latest - keep:
            return 0
        with self._writer.transaction() as connection:
            return change(connection, _SQL["trim_changes"], {"keep": keep, "limit": limit})

    def shrink_step(self) -> int:
        with self._readers.reading() as connection:
            free, pages, page_bytes = first(connection, _SQL["free_space"])
        surplus = free - int(max(KEPT_FREE_BYTES_MIN / page_bytes, KEPT_FREE_SHARE * pages))
        if surplus <= 0:
            return 0
        with self._writer.transaction() as connection:
            return len(rows(connection, f"PRAGMA incremental_vacuum({min(surplus, SHRINK_PAGES)})"))


def _named(cutoff: Cutoff) -> dict[str, Any]:
    return {"tenant_id": cutoff.tenant_id, "before": cutoff.before}
