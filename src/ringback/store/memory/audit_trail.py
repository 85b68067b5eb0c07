"""The memory store's audit log."""

from collections.abc import Sequence

from ringback.model.console import AuditEntry
from ringback.store.memory.tables import MemoryPart, refuse_bad_rows
from ringback.store.port import BadRow


class MemoryAuditTrail(MemoryPart):
    """`AuditTrail`, and what of `AccessUpkeep` is about it."""

    def add_audit_entries(self, entries: Sequence[AuditEntry]) -> None:
        refuse_bad_rows(entries)
        with self._tables as tables:
            if any(entry.id in tables.audit_entries for entry in entries):
                raise BadRow("There is such an entry already.")
            tables.audit_entries.update({entry.id: entry for entry in entries})

    def list_audit_entries(
        self, tenant_id: str | None, before: str | None, limit: int, *, all_tenants: bool = False
    ) -> Sequence[AuditEntry]:
        with self._tables as tables:
            wanted = [one for one in tables.audit_entries.values() if all_tenants or one.tenant_id == tenant_id]
            older = [one for one in wanted if before is None or one.id < before]
            return sorted(older, key=lambda one: one.id, reverse=True)[:limit]

    def expire_audit_step(self, before: int, limit: int) -> int:
        with self._tables as tables:
            old = sorted(one.id for one in tables.audit_entries.values() if one.at < before)[:limit]
            for entry_id in old:
                del tables.audit_entries[entry_id]
            return len(old)
