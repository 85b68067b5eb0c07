"""Tenants' quotas as the event route needs them: how large a payload may be, and how many events a second.

Holds only tenants that have a quota; for all others a request costs one look into a dictionary. Follows the log of
changes (`load`, then `follow`). The count of events is this process's own and starts anew with it: several processes
that accept events let in as many times the rate. Any thread may ask; one at a time follows.
"""

import math
import threading
from collections.abc import Callable, Sequence
from typing import Final

from ringback.clock import Clock
from ringback.model.errors import OverQuota
from ringback.model.lane import Change
from ringback.model.limits import STEP_ROWS_MAX
from ringback.model.tenant import Tenant
from ringback.policy.quota import Bucket, full, refilled, taken, wait_s
from ringback.store.port import Quotas


class Quota:
    """What one tenant may do. None: as the settings say."""

    def __init__(self, payload_bytes_max: int | None, events_per_second: float | None, clock: Clock) -> None:
        self.payload_bytes_max: Final = payload_bytes_max
        self.events_per_second: Final = events_per_second
        self._clock = clock
        self._lock = threading.Lock()
        self._bucket = full(events_per_second or 1.0, clock.boottime_s())

    def take(self, count: int) -> None:
        """Count `count` events that were checked. Raises OverQuota, and then none is counted."""
        rate = self.events_per_second
        if rate is None:
            return
        with self._lock:
            bucket = refilled(self._bucket, rate, self._clock.boottime_s())
            wait = wait_s(bucket, count, rate)
            self._bucket = bucket if wait else taken(bucket, count)
        if wait:
            raise OverQuota(
                f"The tenant may send {rate:,.12g} events a second. Nothing was accepted.",
                retry_after_s=max(1, math.ceil(wait)),
                code="events_quota",
            )

    def give_back(self, count: int) -> None:
        """They were refused for another reason after all."""
        with self._lock:
            self._bucket = taken(self._bucket, -count)

    def changed(self, payload_bytes_max: int | None, events_per_second: float | None) -> "Quota":
        """Another quota that goes on with what was counted: a change lets nobody in who had to wait."""
        quota = Quota(payload_bytes_max, events_per_second, self._clock)
        if self.events_per_second is not None and events_per_second is not None:
            now_s = self._clock.boottime_s()
            level = refilled(self._bucket, self.events_per_second, now_s).level
            quota._bucket = refilled(Bucket(level, now_s), events_per_second, now_s)
        return quota


class TenantQuotas:
    """`of(tenant_id)` is the tenant's quota, or None."""

    def __init__(self, store: Quotas, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._quotas: dict[str, Quota] = {}
        self.of: Final[Callable[[str], Quota | None]] = self._quotas.get

    def load(self) -> None:
        """Read all that there are."""
        after = None
        while True:
            page = self._store.list_tenants_with_quotas(after, STEP_ROWS_MAX)
            for tenant in page:
                self._keep(tenant)
            if len(page) < STEP_ROWS_MAX:
                return
            after = page[-1].id

    def follow(self, changes: Sequence[Change]) -> None:
        """Read what changed."""
        ids = list(dict.fromkeys(change.id for change in changes if change.kind == "tenant"))
        for start in range(0, len(ids), STEP_ROWS_MAX):
            step = ids[start : start + STEP_ROWS_MAX]
            found = {tenant.id: tenant for tenant in self._store.load_tenants(step)}
            for tenant_id in step:
                if tenant_id in found:
                    self._keep(found[tenant_id])
                else:
                    self._quotas.pop(tenant_id, None)

    def _keep(self, tenant: Tenant) -> None:
        if tenant.payload_bytes_max is None and tenant.events_per_second is None:
            self._quotas.pop(tenant.id, None)
            return
        known = self._quotas.get(tenant.id)
        wanted = tenant.payload_bytes_max, tenant.events_per_second
        if known is not None and (known.payload_bytes_max, known.events_per_second) == wanted:
            return
        self._quotas[tenant.id] = Quota(*wanted, self._clock) if known is None else known.changed(*wanted)


def no_quota(tenant_id: str) -> None:
    """The quota of every tenant where nobody has one."""
