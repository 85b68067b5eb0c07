"""The log of attempts, read: lists, single attempts with their bodies, and figures by day.

Reads alone. What was a credential was replaced before it was stored, so nothing here has to be hidden.
"""

from typing import NamedTuple, Protocol

from ringback.clock import Clock
from ringback.control.findings import Findings
from ringback.control.paging import Page, PageRequest, checked_limit, decode_cursor, page_of
from ringback.control.tenants import required_tenant
from ringback.model.attempt import Attempt
from ringback.model.errors import NotFound
from ringback.model.limits import STATS_DAYS_MAX
from ringback.store.port import AttemptQuery, DayCount, Endpoints, Log, Tenants
from ringback.times import DAY_MS, day_of

STATS_DAYS_DEFAULT = 14
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

    def get(self, tenant_id: str, attempt_id: str) -> Attempt:
        """Whole. Raises NotFound."""
        attempt = self._store.get_attempt(tenant_id, attempt_id)
        if attempt is None:
            raise NotFound("There is no such attempt; attempts are kept for the tenant's retention_days.")
        return attempt

    def stats(self, tenant_id: str, endpoint_id: str, days: int = STATS_DAYS_DEFAULT) -> Stats:
        """Figures of the last `days` days, today among them. Raises Invalid, NotFound."""
        findings = Findings()
        findings.number("days", days, 1, STATS_DAYS_MAX, "days")
        findings.raise_if_any()
        self._require_endpoint(tenant_id, endpoint_id)
        now = self._clock.now_ms()
        wanted = [day_of(now - back * DAY_MS) for back in range(days - 1, -1, -1)]
        counted = {count.day: count for count in self._store.day_counts(tenant_id, endpoint_id, wanted[0])}
        shown = tuple(counted.get(day, DayCount(day, 0, 0)) for day in wanted)
        return Stats(sum(day.succeeded for day in shown), sum(day.failed for day in shown), shown)

    def _require_endpoint(self, tenant_id: str, endpoint_id: str) -> None:
        if self._store.get_endpoint(tenant_id, endpoint_id) is None:
            raise NotFound("There is no such endpoint.")
