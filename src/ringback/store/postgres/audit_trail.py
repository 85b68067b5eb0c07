"""The PostgreSQL store's audit log."""

from collections.abc import Sequence
from typing import Final

from ringback.model.console import AuditEntry
from ringback.store.config_rows import LAST_ID
from ringback.store.console_rows import audit_columns, audit_entry_of
from ringback.store.postgres.again import tried_again
from ringback.store.postgres.connection import PostgresPart
from ringback.store.queries import load

_SQL: Final = load("postgres")


class PostgresAuditTrail(PostgresPart):
    """`AuditTrail`, and what of `AccessUpkeep` is about it."""

    @tried_again
    def add_audit_entries(self, entries: Sequence[AuditEntry]) -> None:
        with self._db.writing() as session:
            for entry in entries:
                session.change(_SQL["insert_audit_entry"], audit_columns(entry))

    def list_audit_entries(
        self, tenant_id: str | None, before: str | None, limit: int, *, all_tenants: bool = False
    ) -> Sequence[AuditEntry]:
        page = {"before": before or LAST_ID, "limit": limit}
        with self._db.reading() as session:
            if all_tenants:
                found = session.rows(_SQL["list_all_audit_entries"], page)
            else:
                found = session.rows(_SQL["list_audit_entries"], {"tenant_id": tenant_id or "", **page})
        return [audit_entry_of(row) for row in found]

    def expire_audit_step(self, before: int, limit: int) -> int:
        with self._db.writing() as session:
            return session.change(_SQL["expire_audit_entries"], {"before": before, "limit": limit})
