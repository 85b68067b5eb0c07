"""The SQLite store's endpoints with their lanes, and the secrets that sign.

An endpoint is stored as JSON, whole but for its credentials, which are sealed beside it; a few columns repeat what SQL
has to look at. Its lane follows its status in the same transaction, so that nothing is sent to an endpoint that is not
active. How a handshake ended is stored here too, with its attempt.
"""

from collections.abc import Sequence
from typing import Final

import apsw

from ringback.model.endpoint import Endpoint, EndpointMove, EndpointStatus, Secret
from ringback.model.event import MADE_FOR_ONE, Event, first_deliveries
from ringback.model.handshake import HandshakeEnd
from ringback.model.lane import LaneRow
from ringback.model.limits import FOREVER_MS, STEP_ROWS_MAX
from ringback.model.notice import Notice
from ringback.store.config_rows import new_lane
from ringback.store.port import BadRow
from ringback.store.queries import load
from ringback.store.sealed_rows import SealedRows
from ringback.store.sqlite.arrivals import insert_events, ring_lanes
from ringback.store.sqlite.changes import log_change
from ringback.store.sqlite.connection import ManyRows, SqlitePart, change, first, rows
from ringback.store.sqlite.json_lists import json_list
from ringback.store.sqlite.rules import insert_notices
from ringback.store.sqlite.sealing import SqliteSealing

_SQL: Final = load("sqlite")
_KNOWN_ATTEMPTS: Final = ManyRows(_SQL["known_attempts"])
_INSERT_ATTEMPTS: Final = ManyRows(_SQL["insert_attempts"])


class SqliteEndpoints(SqlitePart):
    """`Endpoints` and `EndpointSource`."""

    def create_endpoint(
        self,
        endpoint: Endpoint,
        secret: Secret | None,
        endpoints_max: int,
        event: Event | None = None,
        *,
        of_profile_max: int | None = None,
    ) -> bool:
        with self._writer.transaction() as connection:
            if first(connection, _SQL["endpoint_exists"], {"id": endpoint.id}) is not None:
                raise BadRow(f"There is an endpoint {endpoint.id} already.")
            tenant = {"tenant_id": endpoint.tenant_id}
            ((owned, tenant_deleted),) = rows(connection, _SQL["room_for_endpoint"], tenant)
            if owned >= endpoints_max or tenant_deleted:
                return False
            if of_profile_max is not None:
                ((alike,),) = rows(connection, _SQL["endpoints_alike"], {**tenant, "profile": endpoint.profile})
                if alike >= of_profile_max:
                    return False
            if secret is not None:
                insert_secret(connection, secret, self._sealed)
            connection.execute(_SQL["insert_endpoint"], self._sealed.endpoint_row(endpoint))
            insert_lane(connection, endpoint)
            if event is not None:
                _insert_first_event(connection, endpoint, event)
            log_change(connection, "endpoint", endpoint.tenant_id, endpoint.id)
            return True

    def get_endpoint(self, tenant_id: str, endpoint_id: str) -> Endpoint | None:
        with self._readers.reading() as connection:
            return _read_endpoint(connection, tenant_id, endpoint_id, self._sealed)

    def list_endpoints(self, tenant_id: str, after: str | None, limit: int) -> Sequence[Endpoint]:
        bindings = {"tenant_id": tenant_id, "after": after or "", "limit": limit}
        return [self._sealed.endpoint(row) for row in self._read(_SQL["list_endpoints"], bindings)]

    def update_endpoint(self, endpoint: Endpoint, now: int) -> bool:
        with self._writer.transaction() as connection:
            return _update(connection, endpoint, now, self._sealed)

    def delete_endpoint(self, tenant_id: str, endpoint_id: str, now: int) -> bool:
        with self._writer.transaction() as connection:
            return _bury(connection, tenant_id, endpoint_id, now)

    def lanes_of(self, endpoint_ids: Sequence[str]) -> Sequence[LaneRow]:
        return [LaneRow(*row) for row in self._read(_SQL["lanes_of"], {"ids": json_list(endpoint_ids)})]

    def load_endpoints(self, endpoint_ids: Sequence[str]) -> Sequence[Endpoint]:
        with self._readers.reading() as connection:
            return read_endpoints(connection, endpoint_ids, self._sealed)

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
        with self._writer.transaction() as connection:
            endpoint = _read_endpoint(connection, tenant_id, endpoint_id, self._sealed)
            if endpoint is None or endpoint.status is not EndpointStatus.ACTIVE:
                return False
            insert_notices(connection, notices)
            return _update(connection, endpoint.given_up(code, message, now, unproven=unproven), now, self._sealed)


class SqliteHandshakes(SqlitePart):
    """`Handshakes`."""

    def end_handshake(self, end: HandshakeEnd, now: int, notices: Sequence[Notice] = ()) -> bool:
        with self._writer.transaction() as connection:
            if end.attempt is not None:
                known = list(_KNOWN_ATTEMPTS.run(connection, [(end.attempt.tenant_id, end.attempt.id)]))
                if known:
                    return not known[0][2]
            endpoint = _read_endpoint(connection, end.tenant_id, end.endpoint_id, self._sealed)
            awaited = end.awaited_by(endpoint)
            if end.attempt is not None:
                _INSERT_ATTEMPTS.run(connection, [end.attempt._replace(superseded=not awaited)])
            if endpoint is not None and awaited and end.by is not None:
                _update(connection, end.applied_to(endpoint, now), now, self._sealed)
                insert_notices(connection, notices)
                if end.by is EndpointMove.VERIFIED:
                    connection.execute(_SQL["open_lane"], {"endpoint_id": endpoint.id, "now": now})
            return awaited


class SqliteSecrets(SqliteSealing):
    """`Secrets`, and what `EndpointSource` reads of them."""

    def list_secrets(self, tenant_id: str, endpoint_id: str | None) -> Sequence[Secret]:
        bindings = {"tenant_id": tenant_id, "endpoint_id": endpoint_id}
        return [self._sealed.secret(row) for row in self._read(_SQL["list_secrets"], bindings)]

    def tenants_by_secret(self, value: str, now: int) -> Sequence[str]:
        found = self._owners(value, now)
        if not found:
            # Rows of an older version get what they are found by when they are sealed anew, a step at a time.
            while self.reseal_step(STEP_ROWS_MAX):
                pass
            found = self._owners(value, now)
        return found

    def _owners(self, value: str, now: int) -> list[str]:
        rows_found = [
            row
            for fingerprint in self._sealed.fingerprints(value)
            for row in self._read(_SQL["secrets_by_fingerprint"], {"fingerprint": fingerprint, "now": now})
        ]
        return self._sealed.owners(rows_found, value)

    def rotate_secret(self, new: Secret, old_expire_at: int, notices: Sequence[Notice] = ()) -> None:
        with self._writer.transaction() as connection:
            insert_secret(connection, new, self._sealed)
            insert_notices(connection, notices)
            older = {
                "tenant_id": new.tenant_id,
                "endpoint_id": new.endpoint_id,
                "but_not": new.id,
                "expires_at": old_expire_at,
            }
            connection.execute(_SQL["expire_secrets"], older)
            if new.endpoint_id is None:
                log_change(connection, "tenant", new.tenant_id, new.tenant_id)
            else:
                log_change(connection, "endpoint", new.tenant_id, new.endpoint_id)

    def end_secrets(self, tenant_id: str, endpoint_id: str, at: int) -> None:
        ended = {"tenant_id": tenant_id, "endpoint_id": endpoint_id, "but_not": "", "expires_at": at}
        with self._writer.transaction() as connection:
            if change(connection, _SQL["expire_secrets"], ended):
                log_change(connection, "endpoint", tenant_id, endpoint_id)

    def load_secrets(self, tenant_ids: Sequence[str], endpoint_ids: Sequence[str]) -> Sequence[Secret]:
        bindings = {"tenant_ids": json_list(tenant_ids), "endpoint_ids": json_list(endpoint_ids)}
        return [self._sealed.secret(row) for row in self._read(_SQL["secrets_of"], bindings)]


def read_endpoints(connection: apsw.Connection, endpoint_ids: Sequence[str], sealed: SealedRows) -> list[Endpoint]:
    """Those of the endpoints that exist and are not deleted, as asked."""
    found = rows(connection, _SQL["endpoints_by_id"], {"ids": json_list(endpoint_ids)})
    return [sealed.endpoint(row) for row in found]


def bury_endpoints_of(connection: apsw.Connection, tenant_id: str, now: int) -> None:
    """Delete all endpoints of a tenant."""
    for (endpoint_id,) in rows(connection, _SQL["ids_of_endpoints"], {"tenant_id": tenant_id}):
        _bury(connection, tenant_id, endpoint_id, now)


def insert_lane(connection: apsw.Connection, endpoint: Endpoint) -> None:
    """The lane that an endpoint begins with; silent and paused for ever where the tenant's webhooks are off."""
    connection.execute(_SQL["insert_lane"], new_lane(endpoint))


def _insert_first_event(connection: apsw.Connection, endpoint: Endpoint, event: Event) -> None:
    """The event that an endpoint begins with, and its delivery if it wants it."""
    wanted = first_deliveries(endpoint, event)
    insert_events(connection, [event], wanted, {0: MADE_FOR_ONE})
    ring_lanes(connection, [(event.tenant_id, endpoint.id, delivery.due_at) for delivery in wanted])


def switch_lanes_of(connection: apsw.Connection, tenant_id: str, now: int, *, on: bool) -> None:
    """All lanes of a tenant whose webhooks are switched on or off."""
    lanes = {"tenant_id": tenant_id, "forever": FOREVER_MS}
    if on:
        connection.execute(_SQL["resume_lanes_of_tenant"], {**lanes, "now": now})
    else:
        connection.execute(_SQL["pause_lanes_of_tenant"], lanes)


def insert_secret(connection: apsw.Connection, secret: Secret, sealed: SealedRows) -> None:
    """Add a secret."""
    connection.execute(_SQL["insert_secret"], sealed.secret_columns(secret))


def _read_endpoint(
    connection: apsw.Connection, tenant_id: str, endpoint_id: str, sealed: SealedRows
) -> Endpoint | None:
    found = first(connection, _SQL["endpoint_of_tenant"], {"id": endpoint_id, "tenant_id": tenant_id})
    return None if found is None else sealed.endpoint(found)


def _update(connection: apsw.Connection, endpoint: Endpoint, now: int, sealed: SealedRows) -> bool:
    """Store the next revision of an endpoint, its lane following; False where another revision is stored."""
    if not change(connection, _SQL["update_endpoint"], sealed.endpoint_row(endpoint)):
        return False
    if endpoint.status is EndpointStatus.ACTIVE:
        connection.execute(_SQL["resume_lane"], {"endpoint_id": endpoint.id, "now": now, "forever": FOREVER_MS})
    elif endpoint.status is EndpointStatus.VERIFICATION_PENDING:
        connection.execute(_SQL["open_lane"], {"endpoint_id": endpoint.id, "now": now})
    else:
        connection.execute(_SQL["pause_lane"], {"endpoint_id": endpoint.id, "forever": FOREVER_MS})
    log_change(connection, "endpoint", endpoint.tenant_id, endpoint.id)
    return True


def _bury(connection: apsw.Connection, tenant_id: str, endpoint_id: str, now: int) -> bool:
    """Leave a tombstone: nobody finds it, and its lane never rings again."""
    if not change(connection, _SQL["bury_endpoint"], {"id": endpoint_id, "tenant_id": tenant_id, "now": now}):
        return False
    connection.execute(_SQL["pause_lane"], {"endpoint_id": endpoint_id, "forever": FOREVER_MS})
    log_change(connection, "endpoint", tenant_id, endpoint_id)
    return True
