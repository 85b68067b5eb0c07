"""Answers an audit's questions of a PostgreSQL database, also while servers use it: each a short read.

Has one connection of its own that can only read, as `examination` does. Assumes the schema of this program; fails with
the StartErrors of opening.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from ringback.model.errors import StoreCorrupt
from ringback.store.migrate import bring_up, load_migrations
from ringback.store.postgres.address import Address
from ringback.store.postgres.database import PostgresLedger
from ringback.store.postgres.examination import opened_to_look
from ringback.store.postgres.session import Session
from ringback.store.queries import load

_SQL: Final = load("postgres")


class PostgresAudit:
    """What `doctor.audit.Audited` asks."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def has_tenant(self, tenant_id: str) -> bool:
        return bool(self._rows("audit_tenant", tenant_id=tenant_id))

    def known(self, tenant_id: str, ids: Sequence[str]) -> list[str]:
        return [event_id for (event_id,) in self._rows("audit_known", tenant_id=tenant_id, ids=list(ids))]

    def succeeded(self, tenant_id: str, ids: Sequence[str]) -> list[tuple[str, str]]:
        return self._rows("audit_succeeded", tenant_id=tenant_id, ids=list(ids))

    def attempts(self, tenant_id: str, after: str, limit: int) -> list[tuple[str, str | None, str, str, int]]:
        return self._rows("audit_attempts", tenant_id=tenant_id, after=after, limit=limit)

    def _rows(self, name: str, **values: Any) -> list[Any]:
        return self._session.rows(_SQL[name], values)


@contextmanager
def opened_for_audit(url: str) -> Iterator[PostgresAudit]:
    """The database at `url`, for the block. Raises a StartError."""
    address = Address(url)
    with opened_to_look(address) as session:
        ledger = PostgresLedger(session, address.shown)
        if not ledger.applied():
            raise StoreCorrupt(f"{address.shown} is empty: there is nothing of Ringback's in it.")
        bring_up(ledger, load_migrations("postgres"), migrate=False, store=address.shown)  # refuses an older one
        yield PostgresAudit(session)
