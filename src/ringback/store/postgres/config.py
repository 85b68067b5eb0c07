"""The PostgreSQL store's tenants and keys. Deleting a tenant takes its keys and triggers at once; its rows go in the
purge's steps.

Several processes do this at the same time: `tenant_locks` says how they wait for one another. What depends on a
revision is one UPDATE, which looks at the row again after it has waited.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from ringback.model.endpoint import Secret
from ringback.model.tenant import ApiKey, Scope, Tenant
from ringback.store.config_rows import LAST_ID, key_of, tenant_of
from ringback.store.postgres.again import tried_again
from ringback.store.postgres.changes import Changed, log_change, log_changes
from ringback.store.postgres.connection import PostgresPart
from ringback.store.postgres.endpoints import bury_endpoints_of, switch_lanes_of
from ringback.store.postgres.rules import delete_triggers_of
from ringback.store.postgres.sealing import insert_secret, sealing
from ringback.store.postgres.session import Session
from ringback.store.postgres.tenant_locks import lock_tenant
from ringback.store.postgres.tracked_sets import bury_tracked_sets
from ringback.store.queries import load

_SQL: Final = load("postgres")


class PostgresTenants(PostgresPart):
    """`Tenants` and `Quotas`."""

    @tried_again
    def create_tenant(self, tenant: Tenant, secret: Secret) -> bool:
        with sealing(self._db) as session:
            if not session.change(_SQL["insert_tenant"], asdict(tenant)):
                return False
            insert_secret(session, secret, self._sealed)
            log_change(session, "tenant", tenant.id, tenant.id)
            return True

    def get_tenant(self, tenant_id: str) -> Tenant | None:
        found = self.load_tenants([tenant_id])
        return found[0] if found else None

    def list_tenants(self, after: str | None, limit: int) -> Sequence[Tenant]:
        with self._db.reading() as session:
            found = session.rows(_SQL["list_tenants"], {"after": after or "", "limit": limit})
        return [tenant_of(row) for row in found]

    def load_tenants(self, tenant_ids: Sequence[str]) -> Sequence[Tenant]:
        with self._db.reading() as session:
            return read_tenants(session, tenant_ids)

    def list_tenants_with_quotas(self, after: str | None, limit: int) -> Sequence[Tenant]:
        with self._db.reading() as session:
            found = session.rows(_SQL["list_tenants_with_quotas"], {"after": after or "", "limit": limit})
        return [tenant_of(row) for row in found]

    @tried_again
    def update_tenant(self, tenant: Tenant) -> bool:
        with self._db.writing() as session:
            lock_tenant(session, tenant.id)
            before = read_tenants(session, [tenant.id])
            if not session.change(_SQL["update_tenant"], asdict(tenant)):
                return False
            if before[0].webhooks_enabled is not tenant.webhooks_enabled:
                switch_lanes_of(session, tenant.id, tenant.updated_at, on=tenant.webhooks_enabled)
            log_change(session, "tenant", tenant.id, tenant.id)
            return True

    @tried_again
    def delete_tenant(self, tenant_id: str, now: int) -> bool:
        with self._db.writing() as session:
            if not session.change(_SQL["mark_tenant_deleted"], {"id": tenant_id, "now": now}):
                return False
            keys = delete_keys_of(session, tenant_id, None)
            endpoints = bury_endpoints_of(session, tenant_id, now)
            triggers = delete_triggers_of(session, tenant_id)
            bury_tracked_sets(session, tenant_id)
            log_changes(session, [*keys, *endpoints, *triggers, Changed("tenant", tenant_id, tenant_id)])
            return True


class PostgresKeys(PostgresPart):
    """`Keys`."""

    @tried_again
    def create_key(self, key: ApiKey) -> None:
        with self._db.writing() as session:
            session.change(_SQL["insert_key"], asdict(key))
            log_change(session, "key", key.tenant_id, key.id)

    def find_key(self, key_hash: bytes) -> ApiKey | None:
        with self._db.reading() as session:
            found = session.first(_SQL["key_by_hash"], {"hash": key_hash})
        return None if found is None else key_of(found)

    def list_keys(self, tenant_id: str | None, after: str | None, limit: int) -> Sequence[ApiKey]:
        page = {"before": LAST_ID if after is None else after, "limit": limit}
        with self._db.reading() as session:
            if tenant_id is None:
                found = session.rows(_SQL["list_admin_keys"], page)
            else:
                found = session.rows(_SQL["list_keys"], {"tenant_id": tenant_id, **page})
        return [key_of(row) for row in found]

    @tried_again
    def delete_key(self, tenant_id: str | None, key_id: str) -> bool:
        with self._db.writing() as session:
            if not session.change(_SQL["delete_key"], {"id": key_id, "tenant_id": tenant_id}):
                return False
            log_change(session, "key", tenant_id, key_id)
            return True

    def count_keys(self, scope: Scope) -> int:
        with self._db.reading() as session:
            (count,) = session.first(_SQL["count_keys"], {"scope": scope})
        return int(count)


def read_tenants(session: Session, tenant_ids: Sequence[str]) -> list[Tenant]:
    """Those of the tenants that exist."""
    return [tenant_of(row) for row in session.rows(_SQL["tenants_by_id"], {"ids": list(tenant_ids)})]


def delete_keys_of(session: Session, tenant_id: str, limit: int | None) -> list[Changed]:
    """Revoke up to `limit` (None: all) of a tenant's keys; the caller logs them, last in its transaction."""
    found = session.rows(_SQL["delete_keys_of_tenant"], {"tenant_id": tenant_id, "limit": limit})
    return [Changed("key", tenant_id, key_id) for (key_id,) in found]
