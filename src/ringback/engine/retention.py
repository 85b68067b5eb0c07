"""Retention: what is past its time goes, small step by small step, and the file gives back what that frees.

A thread of its own, so that a long backlog holds no repair up. Where the store keeps events by the day, whole days go
first: those that are over for the tenant that keeps its events longest. Then a round walks the tenants a page at a
time; a tenant of which nothing is too old costs one look at its oldest rows. Each step is one short transaction of the
store, with a pause after it, so that ingest always gets its turn; together they remove more in a second than can be
accepted in one.
Of the tenants that keep their events longest nothing is removed before the day is over. Records that were deleted are
forgotten when their own time is over, and so is what the audit log says.
Running it on every node at once does no harm. It decides what is past its time (`cutoff_of`); how it is removed is the
store's. A store that can't answer is asked again in the next round. A clock that was set far ahead is not believed for
a while (`engine.wall`): what it would remove is gone for good.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Final, NoReturn, Protocol

from ringback.clock import Clock
from ringback.engine.wall import DOUBTED_FOR_S, Trust, moment_of
from ringback.model.console import AUDIT_KEPT_DAYS
from ringback.model.limits import (
    CHANGES_KEPT_MAX,
    KEPT_AFTER_DELIVER_AT_DAYS,
    RETENTION_EVERY_S,
    STATS_DAYS_MAX,
)
from ringback.model.tenant import Tenant
from ringback.observe.telemetry import Observer, RetentionHeld, StoreTrouble
from ringback.store.port import (
    AccessUpkeep,
    CommitInDoubt,
    Cutoff,
    RecordUpkeep,
    Retention,
    Retryable,
    StoreUnavailable,
    Tenants,
)
from ringback.times import DAY_MS, day_of

STEP_PAUSE_S: Final = 0.005
# Nobody else can write meanwhile: with 250 at once posts took twice as long as they do (bench/retention.py).
STEP_ROWS: Final = 100
TENANTS_AT_ONCE: Final = 500
# How soon after a redaction nothing of it is left in the files.
CLEAR_EVERY_S: Final = 1.0


class RetentionStore(Retention, RecordUpkeep, AccessUpkeep, Tenants, Protocol):
    """What the keeper asks of the store."""


def cutoff_of(tenant: Tenant, now: int, *, whole_days: bool = False) -> Cutoff:
    """What of a tenant is past its time; with `whole_days` what was accepted or sent by the end of a day (UTC) that is.

    Events count from when they were accepted; one that is to be delivered later stays for a day after that, however
    short the tenant's retention. Figures of days are kept as long as they can be asked for.
    """
    stats_days = max(STATS_DAYS_MAX, tenant.retention_days)
    before = max(0, now - tenant.retention_days * DAY_MS)
    return Cutoff(
        tenant_id=tenant.id,
        before=before - before % DAY_MS if whole_days else before,
        due_before=now - KEPT_AFTER_DELIVER_AT_DAYS * DAY_MS,
        day=day_of(max(0, now - stats_days * DAY_MS)),
    )


class Keeper:
    """`wait(seconds)` returns early when the process stops."""

    def __init__(
        self, *, store: RetentionStore, clock: Clock, wait: Callable[[float], object], observer: Observer
    ) -> None:
        self._store = store
        self._clock = clock
        self._wait = wait
        self._observer = observer
        self._trust = Trust(*moment_of(clock))
        self._pauses = self._rounds()
        self._longest_days: int | None = None

    def step(self) -> None:
        """One step of a round and the pause after it."""
        try:
            pause_s = next(self._pauses)
        except (StoreUnavailable, Retryable, CommitInDoubt) as error:
            self._observer(StoreTrouble("retention", error.code, error.detail))
            self._pauses = self._rounds()
            pause_s = RETENTION_EVERY_S
        self._wait(pause_s)

    def _rounds(self) -> Generator[float, None, NoReturn]:
        """Round after round: does a step, then gives the pause after it in seconds."""
        while True:
            yield from _until_done(lambda: self._store.make_days(self._clock.now_ms()))
            if self._believes_the_clock():
                yield from self._drop_days()
                yield from self._expire_tenants()
                yield from _until_done(lambda: self._store.forget_records_step(self._clock.now_ms(), STEP_ROWS))
                yield from _until_done(self._expire_audit)
            yield from _until_done(lambda: self._store.trim_changes_step(CHANGES_KEPT_MAX, STEP_ROWS))
            yield from _until_done(self._store.shrink_step)
            for _ in range(int(RETENTION_EVERY_S / CLEAR_EVERY_S)):
                self._store.clear_traces()
                yield CLEAR_EVERY_S

    def _believes_the_clock(self) -> bool:
        doubted = self._trust.doubts
        if self._trust.trusts(*moment_of(self._clock)):
            return True
        if not doubted:
            self._observer(RetentionHeld(DOUBTED_FOR_S))
        return False

    def _drop_days(self) -> Generator[float, None, None]:
        """Days that are over for all tenants. Who keeps events longest is known from the walk of the round before: what
        was past its time for everybody then may go, whoever keeps more from now on."""
        if self._longest_days is None:
            self._longest_days = max((tenant.retention_days for page in self._pages() for tenant in page), default=0)
        if self._longest_days:
            now = self._clock.now_ms()
            before, due_before = max(0, now - self._longest_days * DAY_MS), now - KEPT_AFTER_DELIVER_AT_DAYS * DAY_MS
            yield from _until_done(lambda: self._store.drop_days_step(before, due_before, now, STEP_ROWS))

    def _expire_tenants(self) -> Generator[float, None, None]:
        longest_days = 0
        for tenants in self._pages():
            now = self._clock.now_ms()
            cutoffs = {tenant.id: cutoff_of(tenant, now, whole_days=self._goes_by_days(tenant)) for tenant in tenants}
            for tenant_id in self._store.overdue(list(cutoffs.values())):
                yield from self._expire(cutoffs[tenant_id], now)
            longest_days = max(longest_days, *(tenant.retention_days for tenant in tenants))
        self._longest_days = longest_days

    def _expire_audit(self) -> int:
        return self._store.expire_audit_step(max(0, self._clock.now_ms() - AUDIT_KEPT_DAYS * DAY_MS), STEP_ROWS)

    def _goes_by_days(self, tenant: Tenant) -> bool:
        """Whether what it has goes with its days, so that nothing of them need be removed row by row before."""
        return self._store.by_day and self._longest_days is not None and tenant.retention_days >= self._longest_days

    def _pages(self) -> Iterator[Sequence[Tenant]]:
        after: str | None = None
        while tenants := self._store.list_tenants(after, TENANTS_AT_ONCE):
            yield tenants
            after = tenants[-1].id

    def _expire(self, cutoff: Cutoff, now: int) -> Generator[float, None, None]:
        place: int | None = 0
        while place is not None:
            changed, place = self._store.expire_events_step(cutoff, now, place, STEP_ROWS)
            if changed:
                yield STEP_PAUSE_S
        yield from _until_done(lambda: self._store.expire_attempts_step(cutoff, STEP_ROWS))
        yield from _until_done(lambda: self._store.expire_days_step(cutoff, STEP_ROWS))
        yield from _until_done(lambda: self._store.expire_jobs_step(cutoff, STEP_ROWS))


def _until_done(one: Callable[[], int]) -> Generator[float, None, None]:
    while one():
        yield STEP_PAUSE_S
