"""The log of attempts, read: lists, single attempts with their bodies, and figures by day.

Reads alone. What was a credential was replaced before it was stored, so nothing here has to be hidden.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from ringback.clock import Clock
from ringback.control.findings import Findings
from ringback.control.paging import Page, PageRequest, checked_limit, decode_cursor, encode_cursor, page_of
from ringback.control.tenants import required_tenant
from ringback.model.attempt import Attempt
from ringback.model.errors import NotFound
from ringback.model.ids import first_id
from ringback.model.limits import PAGE_ITEMS_MAX, STATS_DAYS_MAX
from ringback.store.port import AttemptQuery, DayCount, Endpoints, Log, Tenants
from ringback.times import DAY_MS, day_of

STATS_DAYS_DEFAULT = 14
TRIES_SHOWN_MAX: Final = 50
ROWS_LOOKED_AT_MAX: Final = 8_000
"""In one search, so that a page of what is rare takes no longer than others: some hundredths of a second."""
# An id is made before its request leaves, and holds that time: so long one may have waited in between.
_ID_BEFORE_MS: Final = 60_000
_PREFIX: Final = "att"
_LIST = "attempts"


class AttemptStore(Log, Endpoints, Tenants, Protocol):
    """What these use cases need of a store."""


class AttemptFilter(NamedTuple):
    """Which attempts; None: all. Moments are milliseconds since 1970, `since` belongs to the span, `until` not."""

    endpoint_id: str | None = None
    outcome: str | None = None
    event_type: str | None = None
    since: int | None = None
    until: int | None = None


class Stats(NamedTuple):
    """Attempts of events at one endpoint, in all and by day (UTC), oldest day first, none left out."""

    succeeded: int
    failed: int
    days: tuple[DayCount, ...]


class Found(NamedTuple):
    """A page of what was looked for. A cursor with fewer than were asked for: it was looked for up to there only."""

    items: Sequence[Attempt]
    next_cursor: str | None


class AttemptUseCases:
    """What can be read of attempts."""

    def __init__(self, store: AttemptStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def list(self, tenant_id: str, which: AttemptFilter, page: PageRequest) -> Page[Attempt]:
        """Newest first, without headers and bodies. Raises NotFound for an unknown tenant."""
        limit = checked_limit(page.limit)
        after = decode_cursor(_LIST, page.cursor)
        required_tenant(self._store, tenant_id)
        query = AttemptQuery(tenant_id=tenant_id, after=after, limit=limit + 1, **which._asdict())
        return page_of(_LIST, self._store.list_attempts(query), limit, lambda attempt: attempt.id)

    def list_of_endpoint(
        self, tenant_id: str, endpoint_id: str, which: AttemptFilter, page: PageRequest
    ) -> Page[Attempt]:
        """The same for one endpoint. Raises NotFound for an unknown one."""
        self._require_endpoint(tenant_id, endpoint_id)
        return self.list(tenant_id, which._replace(endpoint_id=endpoint_id), page)

    def search(self, tenant_id: str, which: AttemptFilter, page: PageRequest) -> Found:
        """The same as `list`, but what takes long is done in pieces: a page may have fewer than `limit`, or none, and a
        cursor all the same. Moments are found by the ids, which are in the order of time. Raises as `list`."""
        limit = checked_limit(page.limit)
        after = decode_cursor(_LIST, page.cursor)
        required_tenant(self._store, tenant_id)
        if which.until is not None:
            end = first_id(_PREFIX, max(0, which.until))
            after = end if after is None else min(after, end)
        query = AttemptQuery(tenant_id=tenant_id, after=after, limit=limit + 1, **which._asdict())
        found, place = self._store.search_attempts(query, ROWS_LOOKED_AT_MAX)
        if len(found) > limit:
            return Found(found[:limit], encode_cursor(_LIST, found[limit - 1].id))
        begin = "" if which.since is None else first_id(_PREFIX, max(0, which.since - _ID_BEFORE_MS))
        return Found(found, None if place is None or place < begin else encode_cursor(_LIST, place))

    def tries(self, attempt: Attempt) -> Sequence[Attempt]:
        """The latest requests of the same event to the same endpoint, itself among them, oldest first; without bodies.
        A request that belongs to no event stands alone."""
        if attempt.event_id is None:
            return [attempt]
        query = AttemptQuery(attempt.tenant_id, attempt.endpoint_id, attempt.event_id, limit=TRIES_SHOWN_MAX)
        return list(reversed(self._store.list_attempts(query)))

    def of_event(self, tenant_id: str, event_id: str) -> Sequence[Attempt]:
        """The latest requests of an event to whatever endpoint, newest first; without bodies."""
        query = AttemptQuery(tenant_id, event_id=event_id, limit=PAGE_ITEMS_MAX)
        return self._store.list_attempts(query)

    def get(self, tenant_id: str, attempt_id: str) -> Attempt:
        """Whole. Raises NotFound."""
        attempt = self._store.get_attempt(tenant_id, attempt_id)
        if attempt is None:
            raise NotFound("There is no such attempt; attempts are kept for the tenant's retention_days.")
        return attempt

    def stats(self, tenant_id: str, endpoint_id: str, days: int = STATS_DAYS_DEFAULT) -> Stats:
        """Figures of the last `days` days, today among them. Raises Invalid, NotFound."""
        wanted = self._last_days(days)
        self._require_endpoint(tenant_id, endpoint_id)
        return _stats(wanted, self._store.day_counts(tenant_id, endpoint_id, wanted[0]))

    def stats_of(
        self, tenant_id: str, endpoint_ids: Sequence[str], days: int = STATS_DAYS_DEFAULT
    ) -> Mapping[str, Stats]:
        """The same of many endpoints, by id, in one read; those without attempts, and unknown ones, have zeros."""
        wanted = self._last_days(days)
        counted = self._store.day_counts_of(tenant_id, endpoint_ids, wanted[0]) if endpoint_ids else {}
        nothing = _stats(wanted, ())
        return {name: _stats(wanted, counted[name]) if name in counted else nothing for name in endpoint_ids}

    def tenant_stats(self, tenant_id: str, days: int) -> Stats:
        """The same of all endpoints together. Raises Invalid, NotFound."""
        wanted = self._last_days(days)
        required_tenant(self._store, tenant_id)
        return _stats(wanted, self._store.tenant_day_counts(tenant_id, wanted[0]))

    def _last_days(self, count: int) -> Sequence[str]:
        """Oldest first, today the last. Raises Invalid."""
        findings = Findings()
        findings.number("days", count, 1, STATS_DAYS_MAX, "days")
        findings.raise_if_any()
        now = self._clock.now_ms()
        return [day_of(now - back * DAY_MS) for back in range(count - 1, -1, -1)]

    def _require_endpoint(self, tenant_id: str, endpoint_id: str) -> None:
        if self._store.get_endpoint(tenant_id, endpoint_id) is None:
            raise NotFound("There is no such endpoint.")


def _stats(wanted: Sequence[str], counted: Sequence[DayCount]) -> Stats:
    shown = tuple(counted)
    if [count.day for count in shown] != wanted:
        by_day = {count.day: count for count in counted}
        shown = tuple([by_day.get(day) or DayCount(day, 0, 0) for day in wanted])
    succeeded = failed = 0
    for _, good, bad in shown:
        succeeded += good
        failed += bad
    return Stats(succeeded, failed, shown)
