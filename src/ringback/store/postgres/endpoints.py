"""The PostgreSQL store's endpoints with their lanes, and how their handshakes end.

An endpoint is stored as JSON, whole but for its credentials, which are sealed beside it; a few columns repeat what SQL
has to look at. Its lane follows its status in the same transaction, so that nothing is sent to an endpoint that is not
active. Several processes change endpoints at the same time: `tenant_locks` says how they wait for one another.
"""

from collections.abc import Sequence
from typing import Final

from ringback.model.attempt import Attempt
from ringback.model.endpoint import Endpoint, EndpointMove, EndpointStatus, Secret
from ringback.model.event import MADE_FOR_ONE, Event, first_deliveries
from ringback.model.handshake import HandshakeEnd
from ringback.model.lane import LaneRow
from ringback.model.limits import FOREVER_MS
from ringback.model.notice import Notice
from ringback.store.config_rows import new_lane
from ringback.store.postgres.again import tried_again
from ringback.store.postgres.arrivals import Arrivals, ring_lanes
from ringback.store.postgres.changes import Changed, log_change
from ringback.store.postgres.connection import PostgresPart
from ringback.store.postgres.days import ATTEMPT, EVENT, Days
from ringback.store.postgres.rules import insert_notices
from ringback.store.postgres.sealing import insert_secret, sealing
from ringback.store.postgres.session import Session
from ringback.store.postgres.settle import append_attempts
from ringback.store.postgres.tenant_locks import lock_tenant, share_tenant
from ringback.store.queries import load
from ringback.store.sealed_rows import SealedRows

_SQL: Final = load("postgres")


class PostgresEndpoints(PostgresPart):
    """`Endpoints`, and what `EndpointSource` has of endpoints."""

    @tried_again
    def create_endpoint(
        self,
        endpoint: Endpoint,
        secret: Secret | None,
        endpoints_max: int,
        event: Event | None = None,
        *,
        of_profile_max: int | None = None,
    ) -> bool:
        if event is not None:
            self._db.have_days(EVENT, [event.accepted_at])
        with sealing(self._db) as session:
            if not lock_tenant(session, endpoint.tenant_id):
                return False
            if not _has_room(session, endpoint, endpoints_max, of_profile_max):
                return False
            session.change(_SQL["insert_endpoint"], self._sealed.endpoint_row(endpoint))
            if secret is not None:
                insert_secret(session, secret, self._sealed)
            insert_lane(session, endpoint)
            if event is not None:
                _insert_first_event(session, self._db.days, endpoint, event)
            log_change(session, "endpoint", endpoint.tenant_id, endpoint.id)
        self._db.notifier.rang()
        return True

    def get_endpoint(self, tenant_id: str, endpoint_id: str) -> Endpoint | None:
        with self._db.reading() as session:
            return _read_one(session, "endpoint_of_tenant", tenant_id, endpoint_id, self._sealed)

    def list_endpoints(self, tenant_id: str, after: str | None, limit: int) -> Sequence[Endpoint]:
        page = {"tenant_id": tenant_id, "after": after or "", "limit": limit}
        with self._db.reading() as session:
            found = session.rows(_SQL["list_endpoints"], page)
        return [self._sealed.endpoint(row) for row in found]

    @tried_again
    def update_endpoint(self, endpoint: Endpoint, now: int) -> bool:
        with sealing(self._db) as session:
            share_tenant(session, endpoint.tenant_id)
            if not _update(session, endpoint, now, self._sealed):
                return False
            log_change(session, "endpoint", endpoint.tenant_id, endpoint.id)
        self._db.notifier.rang()
        return True

    @tried_again
    def delete_endpoint(self, tenant_id: str, endpoint_id: str, now: int) -> bool:
        with self._db.writing() as session:
            share_tenant(session, tenant_id)
            buried = {"id": endpoint_id, "tenant_id": tenant_id, "now": now}
            if not session.change(_SQL["bury_endpoint"], buried):
                return False
            _pause_lane(session, endpoint_id)
            log_change(session, "endpoint", tenant_id, endpoint_id)
            return True

    def lanes_of(self, endpoint_ids: Sequence[str]) -> Sequence[LaneRow]:
        with self._db.reading() as session:
            return [LaneRow(*row) for row in session.rows(_SQL["lanes_of"], {"ids": list(endpoint_ids)})]

    def load_endpoints(self, endpoint_ids: Sequence[str]) -> Sequence[Endpoint]:
        with self._db.reading() as session:
            return read_endpoints(session, endpoint_ids, self._sealed)

    @tried_again
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
        with sealing(self._db) as session:
            share_tenant(session, tenant_id)
            endpoint = _read_one(session, "lock_endpoint", tenant_id, endpoint_id, self._sealed)
            if endpoint is None or endpoint.status is not EndpointStatus.ACTIVE:
                return False
            given_up = endpoint.given_up(code, message, now, unproven=unproven)
            changed = _update(session, given_up, now, self._sealed)
            insert_notices(session, notices)
            log_change(session, "endpoint", tenant_id, endpoint_id)
            return changed


class PostgresHandshakes(PostgresPart):
    """`Handshakes`. The endpoint is locked first: of the same end, told twice at once, the second is looked up."""

    @tried_again
    def end_handshake(self, end: HandshakeEnd, now: int, notices: Sequence[Notice] = ()) -> bool:
        if end.attempt is not None:
            self._db.have_days(ATTEMPT, [end.attempt.at])
        with sealing(self._db) as session:
            share_tenant(session, end.tenant_id)
            endpoint = _read_one(session, "lock_endpoint", end.tenant_id, end.endpoint_id, self._sealed)
            known = None if end.attempt is None else _known(session, end.attempt)
            if known is not None:
                return known
            awaited = end.awaited_by(endpoint)
            if end.attempt is not None:
                append_attempts(session, self._db, [end.attempt._replace(superseded=not awaited)])
            if endpoint is not None and awaited and end.by is not None:
                _update(session, end.applied_to(endpoint, now), now, self._sealed)
                if end.by is EndpointMove.VERIFIED:
                    session.change(_SQL["open_lane"], {"endpoint_id": endpoint.id, "now": now})
                insert_notices(session, notices)
                log_change(session, "endpoint", endpoint.tenant_id, endpoint.id)
        self._db.notifier.rang()
        return awaited


def read_endpoints(session: Session, endpoint_ids: Sequence[str], sealed: SealedRows) -> list[Endpoint]:
    """Those of the endpoints that exist and are not deleted, as asked."""
    found = session.rows(_SQL["endpoints_by_id"], {"ids": list(endpoint_ids)})
    return [sealed.endpoint(row) for row in found]


def bury_endpoints_of(session: Session, tenant_id: str, now: int) -> list[Changed]:
    """Delete all endpoints of a tenant, whose row is locked; the caller logs them, last in its transaction."""
    found = session.rows(_SQL["bury_endpoints_of_tenant"], {"tenant_id": tenant_id, "now": now})
    switch_lanes_of(session, tenant_id, now, on=False)
    return [Changed("endpoint", tenant_id, endpoint_id) for (endpoint_id,) in found]


def insert_lane(session: Session, endpoint: Endpoint) -> None:
    """The lane that an endpoint begins with; silent and paused for ever where the tenant's webhooks are off. The tenant
    is shared or locked; a lane that is there already stays as it is."""
    session.change(_SQL["insert_lane"], new_lane(endpoint))


def switch_lanes_of(session: Session, tenant_id: str, now: int, *, on: bool) -> None:
    """All lanes of a tenant, whose row is locked and whose webhooks are switched on or off."""
    lanes = {"tenant_id": tenant_id, "forever": FOREVER_MS}
    if on:
        session.change(_SQL["resume_lanes_of_tenant"], {**lanes, "now": now})
    else:
        session.change(_SQL["pause_lanes_of_tenant"], lanes)


def _has_room(session: Session, endpoint: Endpoint, endpoints_max: int, of_profile_max: int | None) -> bool:
    counted = {"tenant_id": endpoint.tenant_id, "profile": endpoint.profile}
    owned, alike = session.first(_SQL["room_for_endpoint"], counted)
    return bool(owned < endpoints_max and (of_profile_max is None or alike < of_profile_max))


def _insert_first_event(session: Session, days: Days, endpoint: Endpoint, event: Event) -> None:
    """The event that an endpoint begins with, and its delivery if it wants it."""
    wanted = first_deliveries(endpoint, event)
    Arrivals(session, days).insert([event], wanted, {0: MADE_FOR_ONE})
    ring_lanes(session, [(event.tenant_id, endpoint.id, delivery.due_at) for delivery in wanted])


def _read_one(session: Session, query: str, tenant_id: str, endpoint_id: str, sealed: SealedRows) -> Endpoint | None:
    found = session.first(_SQL[query], {"id": endpoint_id, "tenant_id": tenant_id})
    return None if found is None else sealed.endpoint(found)


def _known(session: Session, attempt: Attempt) -> bool | None:
    """What was answered when this attempt was stored (None: it was not)."""
    asked = {"tenant_ids": [attempt.tenant_id], "ids": [attempt.id]}
    found = session.first(_SQL["known_attempts"], asked)
    return None if found is None else not found[2]


def _update(session: Session, endpoint: Endpoint, now: int, sealed: SealedRows) -> bool:
    """Store the next revision of an endpoint, its lane following; False where another revision is stored. The tenant is
    shared; the caller logs the change."""
    if not session.change(_SQL["update_endpoint"], sealed.endpoint_row(endpoint)):
        return False
    if endpoint.status is EndpointStatus.ACTIVE:
        session.change(_SQL["resume_lane"], {"endpoint_id": endpoint.id, "now": now, "forever": FOREVER_MS})
    elif endpoint.status is EndpointStatus.VERIFICATION_PENDING:
        session.change(_SQL["open_lane"], {"endpoint_id": endpoint.id, "now": now})
    else:
        _pause_lane(session, endpoint.id)
    return True


def _pause_lane(session: Session, endpoint_id: str) -> None:
    session.change(_SQL["pause_lane"], {"endpoint_id": endpoint_id, "forever": FOREVER_MS})
