"""The memory store's configuration: tenants, keys, endpoints, secrets, and the log that others follow."""

from collections.abc import Sequence
from dataclasses import replace

from ringback.model.endpoint import Endpoint, EndpointMove, EndpointStatus, Secret
from ringback.model.event import MADE_FOR_ONE, Event, first_deliveries
from ringback.model.handshake import HandshakeEnd
from ringback.model.lane import Change, LaneRow
from ringback.model.notice import Notice
from ringback.model.tenant import ApiKey, Scope, Tenant
from ringback.store.memory.tables import MemoryPart, MemoryTables, refuse_bad_rows
from ringback.store.port import BadRow


class MemoryFollow(MemoryPart):
    """`Follow` and `EndpointSource`."""

    def version(self) -> int:
        with self._tables as tables:
            return tables.version

    def changes_after(self, version: int) -> Sequence[Change] | None:
        with self._tables as tables:
            return tables.changes_after(version)

    def load_endpoints(self, endpoint_ids: Sequence[str]) -> Sequence[Endpoint]:
        with self._tables as tables:
            return [tables.endpoints[i] for i in endpoint_ids if i in tables.endpoints]

    def load_secrets(self, tenant_ids: Sequence[str], endpoint_ids: Sequence[str]) -> Sequence[Secret]:
        with self._tables as tables:
            own = [secret for secret in tables.secrets.values() if secret.endpoint_id in endpoint_ids]
            shared = [s for s in tables.secrets.values() if s.endpoint_id is None and s.tenant_id in tenant_ids]
            return sorted(own + shared, key=_age, reverse=True)

    def give_up(
        self,
        tenant_id: str,
        endpoint_id: str,
        code: str,
        message: str,
        now: int,
        *,
        unproven: bool = False,
        notices: Sequence[Notice] = (),
    ) -> bool:
        refuse_bad_rows(notices)
        with self._tables as tables:
            endpoint = _endpoint_of(tables, tenant_id, endpoint_id)
            if endpoint is None or endpoint.status is not EndpointStatus.ACTIVE:
                return False
            tables.endpoints[endpoint_id] = endpoint.given_up(code, message, now, unproven=unproven)
            tables.pause_lane(endpoint_id)
            tables.add_notices(notices)
            tables.log_change("endpoint", tenant_id, endpoint_id)
            return True


class MemoryHandshakes(MemoryPart):
    """`Handshakes`."""

    def end_handshake(self, end: HandshakeEnd, now: int, notices: Sequence[Notice] = ()) -> bool:
        refuse_bad_rows([] if end.attempt is None else [end.attempt])
        with self._tables as tables:
            if end.attempt is not None:
                known = tables.attempts.get((end.attempt.tenant_id, end.attempt.id))
                if known is not None:
                    return not known.superseded
            endpoint = _endpoint_of(tables, end.tenant_id, end.endpoint_id)
            awaited = end.awaited_by(endpoint)
            if end.attempt is not None:
                tables.keep_attempt(end.attempt._replace(superseded=not awaited))
            if endpoint is not None and awaited and end.by is not None:
                tables.endpoints[endpoint.id] = after = end.applied_to(endpoint, now)
                tables.follow_status(after, now)
                if end.by is EndpointMove.VERIFIED:
                    tables.open_lane(endpoint.id, now)
                tables.add_notices(notices)
                tables.log_change("endpoint", endpoint.tenant_id, endpoint.id)
            return awaited


class MemoryTenants(MemoryPart):
    """`Tenants` and `Quotas`."""

    def create_tenant(self, tenant: Tenant, secret: Secret) -> bool:
        with self._tables as tables:
            if tenant.id in tables.tenants or tenant.id in tables.deleted_tenants:
                return False
            _add_secret(tables, secret)
            tables.tenants[tenant.id] = tenant
            tables.log_change("tenant", tenant.id, tenant.id)
            return True

    def get_tenant(self, tenant_id: str) -> Tenant | None:
        with self._tables as tables:
            return tables.tenants.get(tenant_id)

    def list_tenants(self, after: str | None, limit: int) -> Sequence[Tenant]:
        with self._tables as tables:
            ids = sorted(i for i in tables.tenants if after is None or i > after)
            return [tables.tenants[i] for i in ids[:limit]]

    def load_tenants(self, tenant_ids: Sequence[str]) -> Sequence[Tenant]:
        with self._tables as tables:
            return [tables.tenants[i] for i in tenant_ids if i in tables.tenants]

    def list_tenants_with_quotas(self, after: str | None, limit: int) -> Sequence[Tenant]:
        with self._tables as tables:
            limited = (one for one in tables.tenants.values() if one.events_per_second or one.payload_bytes_max)
            later = (one for one in limited if after is None or one.id > after)
            return sorted(later, key=lambda one: one.id)[:limit]

    def update_tenant(self, tenant: Tenant) -> bool:
        with self._tables as tables:
            stored = tables.tenants.get(tenant.id)
            if stored is None or stored.revision != tenant.revision - 1:
                return False
            tables.tenants[tenant.id] = tenant
            if stored.webhooks_enabled is not tenant.webhooks_enabled:
                tables.switch_lanes_of(tenant.id, tenant.updated_at, on=tenant.webhooks_enabled)
            tables.log_change("tenant", tenant.id, tenant.id)
            return True

    def delete_tenant(self, tenant_id: str, now: int) -> bool:
        with self._tables as tables:
            if tables.tenants.pop(tenant_id, None) is None:
                return False
            tables.deleted_tenants.add(tenant_id)
            for key in [key for key in tables.api_keys.values() if key.tenant_id == tenant_id]:
                tables.delete_key(key)
            for endpoint in [row for row in tables.endpoints.values() if row.tenant_id == tenant_id]:
                _bury(tables, endpoint)
            for trigger in [row for row in tables.triggers.values() if row.tenant_id == tenant_id]:
                tables.delete_trigger(trigger)
            for tracked_set in [row for row in tables.tracked_sets.values() if row.tenant_id == tenant_id]:
                tables.bury_tracked_set(tracked_set)
            tables.log_change("tenant", tenant_id, tenant_id)
            return True


class MemoryKeys(MemoryPart):
    """`Keys`."""

    def create_key(self, key: ApiKey) -> None:
        with self._tables as tables:
            if key.id in tables.api_keys or any(known.hash == key.hash for known in tables.api_keys.values()):
                raise BadRow("There is such a key already.")
            tables.api_keys[key.id] = key
            tables.log_change("key", key.tenant_id or "", key.id)

    def find_key(self, key_hash: bytes) -> ApiKey | None:
        with self._tables as tables:
            return next((key for key in tables.api_keys.values() if key.hash == key_hash), None)

    def list_keys(self, tenant_id: str | None, after: str | None, limit: int) -> Sequence[ApiKey]:
        with self._tables as tables:
            own = [key for key in tables.api_keys.values() if key.tenant_id == tenant_id]
            older = [key for key in own if after is None or key.id < after]
            return sorted(older, key=lambda key: key.id, reverse=True)[:limit]

    def delete_key(self, tenant_id: str | None, key_id: str) -> bool:
        with self._tables as tables:
            key = tables.api_keys.get(key_id)
            if key is None or key.tenant_id != tenant_id:
                return False
            tables.delete_key(key)
            return True

    def count_keys(self, scope: Scope) -> int:
        with self._tables as tables:
            return sum(key.scope is scope for key in tables.api_keys.values())


class MemoryEndpoints(MemoryPart):
    """`Endpoints`, `Secrets` and `Seals`: nothing is on a disk, so nothing is sealed."""

    def create_endpoint(
        self,
        endpoint: Endpoint,
        secret: Secret | None,
        endpoints_max: int,
        event: Event | None = None,
        *,
        of_profile_max: int | None = None,
    ) -> bool:
        with self._tables as tables:
            if event is not None and (event.tenant_id, event.id) in tables.events:
                raise BadRow(f"There is an event {event.id} already.")
            if endpoint.id in tables.endpoints or endpoint.id in tables.tombstones:
                raise BadRow(f"There is an endpoint {endpoint.id} already.")
            owned = [row.profile for row in tables.endpoints.values() if row.tenant_id == endpoint.tenant_id]
            if len(owned) >= endpoints_max or endpoint.tenant_id in tables.deleted_tenants:
                return False
            if of_profile_max is not None and owned.count(endpoint.profile) >= of_profile_max:
                return False
            if secret is not None:
                _add_secret(tables, secret)
            tables.endpoints[endpoint.id] = endpoint
            tables.add_lane(endpoint)
            if event is not None:
                tables.add_event(event, MADE_FOR_ONE)
                for delivery in first_deliveries(endpoint, event):
                    tables.add_delivery(delivery)
                    tables.ring_lane(endpoint.id, delivery.due_at)
            tables.log_change("endpoint", endpoint.tenant_id, endpoint.id)
            return True

    def get_endpoint(self, tenant_id: str, endpoint_id: str) -> Endpoint | None:
        with self._tables as tables:
            return _endpoint_of(tables, tenant_id, endpoint_id)

    def list_endpoints(self, tenant_id: str, after: str | None, limit: int) -> Sequence[Endpoint]:
        with self._tables as tables:
            own = [endpoint for endpoint in tables.endpoints.values() if endpoint.tenant_id == tenant_id]
            later = [endpoint for endpoint in own if after is None or endpoint.id > after]
            return sorted(later, key=lambda endpoint: endpoint.id)[:limit]

    def update_endpoint(self, endpoint: Endpoint, now: int) -> bool:
        with self._tables as tables:
            stored = _endpoint_of(tables, endpoint.tenant_id, endpoint.id)
            if stored is None or stored.revision != endpoint.revision - 1:
                return False
            tables.endpoints[endpoint.id] = endpoint
            tables.follow_status(endpoint, now)
            tables.log_change("endpoint", endpoint.tenant_id, endpoint.id)
            return True

    def delete_endpoint(self, tenant_id: str, endpoint_id: str, now: int) -> bool:
        with self._tables as tables:
            endpoint = _endpoint_of(tables, tenant_id, endpoint_id)
            if endpoint is None:
                return False
            _bury(tables, endpoint)
            return True

    def lanes_of(self, endpoint_ids: Sequence[str]) -> Sequence[LaneRow]:
        with self._tables as tables:
            return [tables.lanes[i] for i in endpoint_ids if i in tables.lanes]

    def list_secrets(self, tenant_id: str, endpoint_id: str | None) -> Sequence[Secret]:
        with self._tables as tables:
            own = [s for s in tables.secrets.values() if s.tenant_id == tenant_id and s.endpoint_id == endpoint_id]
            return sorted(own, key=_age, reverse=True)

    def sealing_keys(self) -> Sequence[str]:
        return []

    def count_to_reseal(self) -> int:
        return 0

    def tenants_by_secret(self, value: str, now: int) -> Sequence[str]:
        with self._tables as tables:
            own = [
                one for one in tables.secrets.values() if one.endpoint_id is None and one.tenant_id in tables.tenants
            ]
            signing = [one for one in own if one.expires_at is None or one.expires_at > now]
            return sorted({one.tenant_id for one in signing if one.is_value(value)})

    def rotate_secret(self, new: Secret, old_expire_at: int, notices: Sequence[Notice] = ()) -> None:
        with self._tables as tables:
            older = self.list_secrets(new.tenant_id, new.endpoint_id)
            _add_secret(tables, new)
            tables.add_notices(notices)
            for secret in older:
                if secret.expires_at is None or secret.expires_at > old_expire_at:
                    tables.secrets[secret.id] = replace(secret, expires_at=old_expire_at)
            if new.endpoint_id is None:
                tables.log_change("tenant", new.tenant_id, new.tenant_id)
            else:
                tables.log_change("endpoint", new.tenant_id, new.endpoint_id)

    def end_secrets(self, tenant_id: str, endpoint_id: str, at: int) -> None:
        with self._tables as tables:
            own = self.list_secrets(tenant_id, endpoint_id)
            signing = [one for one in own if one.expires_at is None or one.expires_at > at]
            tables.secrets.update({one.id: replace(one, expires_at=at) for one in signing})
            if signing:
                tables.log_change("endpoint", tenant_id, endpoint_id)


def _endpoint_of(tables: MemoryTables, tenant_id: str, endpoint_id: str) -> Endpoint | None:
    endpoint = tables.endpoints.get(endpoint_id)
    return endpoint if endpoint is not None and endpoint.tenant_id == tenant_id else None


def _bury(tables: MemoryTables, endpoint: Endpoint) -> None:
    """Make it a tombstone: nobody finds it, and its lane never rings again."""
    tables.tombstones[endpoint.id] = tables.endpoints.pop(endpoint.id)
    tables.pause_lane(endpoint.id)
    tables.log_change("endpoint", endpoint.tenant_id, endpoint.id)


def _add_secret(tables: MemoryTables, secret: Secret) -> None:
    if secret.id in tables.secrets:
        raise BadRow(f"There is a secret {secret.id} already.")
    tables.secrets[secret.id] = secret


def _age(secret: Secret) -> tuple[int, str]:
    return secret.created_at, secret.id
