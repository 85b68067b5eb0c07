"""The PostgreSQL store's log of configuration changes: how it is written, and how processes follow it.

Processes follow it by version, so versions must become visible in order and without gaps: whoever logs a change has the
lock of changes until its transaction is over, and draws the next version under it.
"""

from typing import Final

from ringback.store.postgres.locks import CHANGES
from ringback.store.postgres.session import Session
from ringback.store.queries import load

_SQL: Final = load("postgres")


def log_change(session: Session, kind: str, tenant_id: str | None, thing_id: str) -> None:
    """Tell every process that follows, when the transaction commits."""
    session.rows(_SQL["lock_changes"], CHANGES.params)
    session.change(_SQL["log_change"], {"kind": kind, "tenant_id": tenant_id or "", "id": thing_id})
