"""The PostgreSQL store's secrets that sign: a tenant's own and its endpoints'.

Who changes the secrets of an owner has the owner's row for itself meanwhile, so that of two rotations at the same time
the later one ends what the earlier one has just added.
"""

from collections.abc import Sequence
from typing import Any, Final

from ringback.model.endpoint import Secret
from ringback.model.limits import STEP_ROWS_MAX
from ringback.model.notice import Notice
from ringback.store.postgres.again import tried_again
from ringback.store.postgres.changes import log_change
from ringback.store.postgres.rules import insert_notices
from ringback.store.postgres.sealing import PostgresSealing, insert_secret, sealing
from ringback.store.postgres.session import Session
from ringback.store.postgres.tenant_locks import lock_tenant
from ringback.store.queries import load

_SQL: Final = load("postgres")


class PostgresSecrets(PostgresSealing):
    """`Secrets`, and what `EndpointSource` reads of them."""

    def list_secrets(self, tenant_id: str, endpoint_id: str | None) -> Sequence[Secret]:
        if endpoint_id is None:
            return self.load_secrets([tenant_id], [])
        return [secret for secret in self.load_secrets([], [endpoint_id]) if secret.tenant_id == tenant_id]

    def load_secrets(self, tenant_ids: Sequence[str], endpoint_ids: Sequence[str]) -> Sequence[Secret]:
        owners = {"tenant_ids": list(tenant_ids), "endpoint_ids": list(endpoint_ids)}
        with self._db.reading() as session:
            found = session.rows(_SQL["secrets_of"], owners)
        return [self._sealed.secret(row) for row in found]

    def tenants_by_secret(self, value: str, now: int) -> Sequence[str]:
        found = self._owners(value, now)
        if not found:
            # Rows that are still to be sealed anew get what they are found by with it, a step at a time.
            while self.reseal_step(STEP_ROWS_MAX):
                pass
            found = self._owners(value, now)
        return found

    def _owners(self, value: str, now: int) -> list[str]:
        asked = {"fingerprints": self._sealed.fingerprints(value), "now": now}
        with self._db.reading() as session:
            found = session.rows(_SQL["secrets_by_fingerprint"], asked)
        return self._sealed.owners(found, value)

    @tried_again
    def rotate_secret(self, new: Secret, old_expire_at: int, notices: Sequence[Notice] = ()) -> None:
        with sealing(self._db) as session:
            _lock_owner(session, new.tenant_id, new.endpoint_id)
            insert_secret(session, new, self._sealed)
            _expire(session, new.tenant_id, new.endpoint_id, but_not=new.id, expires_at=old_expire_at)
            insert_notices(session, notices)
            if new.endpoint_id is None:
                log_change(session, "tenant", new.tenant_id, new.tenant_id)
            else:
                log_change(session, "endpoint", new.tenant_id, new.endpoint_id)

    @tried_again
    def end_secrets(self, tenant_id: str, endpoint_id: str, at: int) -> None:
        with self._db.writing() as session:
            _lock_owner(session, tenant_id, endpoint_id)
            if _expire(session, tenant_id, endpoint_id, but_not="", expires_at=at):
                log_change(session, "endpoint", tenant_id, endpoint_id)


def _lock_owner(session: Session, tenant_id: str, endpoint_id: str | None) -> None:
    if endpoint_id is None:
        lock_tenant(session, tenant_id)
    else:
        session.rows(_SQL["lock_endpoint"], {"id": endpoint_id, "tenant_id": tenant_id})


def _expire(session: Session, tenant_id: str, endpoint_id: str | None, *, but_not: str, expires_at: int) -> int:
    """End the secrets of an owner unless they end before; how many of them."""
    ended: dict[str, Any] = {"tenant_id": tenant_id, "but_not": but_not, "expires_at": expires_at}
    if endpoint_id is None:
        return session.change(_SQL["expire_secrets_of_tenant"], ended)
    return session.change(_SQL["expire_secrets_of_endpoint"], {**ended, "endpoint_id": endpoint_id})
