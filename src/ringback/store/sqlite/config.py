"""The SQLite store's tenants and keys. Deleting a tenant takes its keys and triggers at once; its rows go in the
purge's steps.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

import apsw

from ringback.model.endpoint import Secret
from ringback.model.tenant import ApiKey, Scope, Tenant
from ringback.store.config_rows import LAST_ID, key_of, tenant_of
from ringback.store.queries import load
from ringback.store.sqlite.changes import log_change
from ringback.store.sqlite.connection import SqlitePart, change, rows
from ringback.store.sqlite.endpoints import bury_endpoints_of, insert_secret, switch_lanes_of
from ringback.store.sqlite.json_lists import json_list
from ringback.store.sqlite.rules import delete_triggers_of
from ringback.store.sqlite.tracked_sets import bury_tracked_sets

_SQL: Final = load("sqlite")


class SqliteTenants(SqlitePart):
    """`Tenants` and `Quotas`."""

    def create_tenant(self, tenant: Tenant, secret: Secret) -> bool:
        with self._writer.transaction() as connection:
            if not change(connection, _SQL["insert_tenant"], asdict(tenant)):
                return False
            insert_secret(connection, secret, self._sealed)
            log_change(connection, "tenant", tenant.id, tenant.id)
            return True

    def get_tenant(self, tenant_id: str) -> Tenant | None:
        with self._readers.reading() as connection:
            found = read_tenants(connection, [tenant_id])
        return found[0] if found else None

    def list_tenants(self, after: str | None, limit: int) -> Sequence[Tenant]:
        found = self._read(_SQL["list_tenants"], {"after": after or "", "limit": limit})
        return [tenant_of(row) for row in found]

    def load_tenants(self, tenant_ids: Sequence[str]) -> Sequence[Tenant]:
        with self._readers.reading() as connection:
            return read_tenants(connection, tenant_ids)

    def list_tenants_with_quotas(self, after: str | None, limit: int) -> Sequence[Tenant]:
        found = self._read(_SQL["list_tenants_with_quotas"], {"after": after or "", "limit": limit})
        return [tenant_of(row) for row in found]

    def update_tenant(self, tenant: Tenant) -> bool:
        with self._writer.transaction() as connection:
            before = read_tenants(connection, [tenant.id])
            if not change(connection, _SQL["update_tenant"], asdict(tenant)):
                return False
            if before[0].webhooks_enabled is not tenant.webhooks_enabled:
                switch_lanes_of(connection, tenant.id, tenant.updated_at, on=tenant.webhooks_enabled)
            log_change(connection, "tenant", tenant.id, tenant.id)
            return True

    def delete_tenant(self, tenant_id: str, now: int) -> bool:
        with self._writer.transaction() as connection:
            if not change(connection, _SQL["mark_tenant_deleted"], {"id": tenant_id, "now": now}):
                return False
            delete_keys_of(connection, tenant_id, -1)
            bury_endpoints_of(connection, tenant_id, now)
            delete_triggers_of(connection, tenant_id)
            bury_tracked_sets(connection, tenant_id)
            log_change(connection, "tenant", tenant_id, tenant_id)
            return True


class SqliteKeys(SqlitePart):
    """`Keys`."""

    def create_key(self, key: ApiKey) -> None:
        with self._writer.transaction() as connection:
            connection.execute(_SQL["insert_key"], asdict(key))
            log_change(connection, "key", key.tenant_id, key.id)

    def find_key(self, key_hash: bytes) -> ApiKey | None:
        found = self._read(_SQL["key_by_hash"], {"hash": key_hash})
        return key_of(found[0]) if found else None

    def list_keys(self, tenant_id: str | None, after: str | None, limit: int) -> Sequence[ApiKey]:
        before = LAST_ID if after is None else after
        found = self._read(_SQL["list_keys"], {"tenant_id": tenant_id, "before": before, "limit": limit})
        return [key_of(row) for row in found]

    def delete_key(self, tenant_id: str | None, key_id: str) -> bool:
        with self._writer.transaction() as connection:
            return _delete_key(connection, tenant_id, key_id)

    def count_keys(self, scope: Scope) -> int:
        ((count,),) = self._read(_SQL["count_keys"], {"scope": scope})
        return int(count)


def read_tenants(connection: apsw.Connection, tenant_ids: Sequence[str]) -> list[Tenant]:
    """Those of the tenants that exist."""
    return [tenant_of(row) for row in rows(connection, _SQL["tenants_by_id"], {"ids": json_list(tenant_ids)})]


def delete_keys_of(connection: apsw.Connection, tenant_id: str, limit: int) -> int:
    """Revoke up to `limit` (-1: all) of a tenant's keys; how many there were."""
    found = rows(connection, _SQL["ids_of_keys"], {"tenant_id": tenant_id, "limit": limit})
    return sum(_delete_key(connection, tenant_id, key_id) for (key_id,) in found)


def _delete_key(connection: apsw.Connection, tenant_id: str | None, key_id: str) -> bool:
    if not change(connection, _SQL["delete_key"], {"id": key_id, "tenant_id": tenant_id}):
        return False
    log_change(connection, "key", tenant_id, key_id)
    return True
