"""What the console stores, between the model and the columns of a store that keeps it in tables. Runs no SQL.

Assumes that a row has the columns in the order of the model's fields.
"""

from collections.abc import Sequence
from typing import Any

from ringback.model.console import AuditEntry, ConsoleLink, ConsoleSession, Role


def session_of(row: Sequence[Any]) -> ConsoleSession:
    """A row of all columns of a session."""
    token_hash, role, *rest = row
    return ConsoleSession(token_hash, Role(role), *rest)


def link_of(row: Sequence[Any]) -> ConsoleLink:
    """A row of all columns of a link."""
    token_hash, tenant_id, role, *rest = row
    return ConsoleLink(token_hash, tenant_id, Role(role), *rest)


def audit_columns(entry: AuditEntry) -> dict[str, Any]:
    """The named columns of an entry. What belongs to no tenant is of the one without a name."""
    columns = entry._asdict()
    return {**columns, "tenant_id": entry.tenant_id or "", "facts": columns.pop("values")}


def audit_entry_of(row: Sequence[Any]) -> AuditEntry:
    """A row of all columns of an entry."""
    entry_id, tenant_id, *rest = row
    return AuditEntry(entry_id, tenant_id or None, *rest)
