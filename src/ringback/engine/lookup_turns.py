"""Whose name is looked up next: one tenant after the other, so that one tenant's dead names hold up nobody else.

A tenant has at most `per_tenant_max` lookups under way and all together `total_max`; what is beyond waits in the
tenant's own line. A pure data structure: no clock, no I/O. Every operation takes the same time however many wait.
"""

from collections import deque
from typing import Generic, TypeVar

Lookup = TypeVar("Lookup")


class LookupTurns(Generic[Lookup]):
    """Lines of waiting lookups, one a tenant, served in turn."""

    def __init__(self, per_tenant_max: int, total_max: int) -> None:
        self._per_tenant_max = per_tenant_max
        self._total_max = total_max
        self._lines: dict[str, deque[Lookup]] = {}
        self._turns: deque[str] = deque()  # tenants with a line and room; each at most once
        self._under_way: dict[str, int] = {}
        self._total = 0

    def wait(self, tenant_id: str, lookup: Lookup) -> None:
        """Put a lookup at the end of its tenant's line."""
        line = self._lines.get(tenant_id)
        if line is None:
            self._lines[tenant_id] = deque([lookup])
            if self._under_way.get(tenant_id, 0) < self._per_tenant_max:
                self._turns.append(tenant_id)
        else:
            line.append(lookup)

    def take(self) -> tuple[str, Lookup] | None:
        """The next lookup with the tenant it is charged to, until `done(tenant_id)`; None while there is no room."""
        if self._total >= self._total_max or not self._turns:
            return None
        tenant_id = self._turns.popleft()
        line = self._lines[tenant_id]
        lookup = line.popleft()
        self._total += 1
        self._under_way[tenant_id] = self._under_way.get(tenant_id, 0) + 1
        if not line:
            del self._lines[tenant_id]
        elif self._under_way[tenant_id] < self._per_tenant_max:
            self._turns.append(tenant_id)
        return tenant_id, lookup

    def done(self, tenant_id: str) -> None:
        """Give a place back."""
        count = self._under_way[tenant_id]
        self._total -= 1
        if count == 1:
            del self._under_way[tenant_id]
        else:
            self._under_way[tenant_id] = count - 1
        if count == self._per_tenant_max and tenant_id in self._lines:
            self._turns.append(tenant_id)
