"""The PostgreSQL store's upkeep: small steps that repair what crashes leave and clear away what was deleted.

What there is to do is looked for first; the write then takes only what is still so. Which endpoints have deliveries is
found by a skip scan, whatever the backlog. Every process does it: what another one has in hand is left to it, so a step
that answers 0 has found nothing left to do for this process.
"""

from collections.abc import Sequence
from typing import Any, Final

from ringback.model.attempt import Outcome
from ringback.model.endpoint import Ordering
from ringback.model.event import Delivery
from ringback.store.postgres.arrivals import ring_lanes
from ringback.store.postgres.changes import log_changes
from ringback.store.postgres.config import delete_keys_of
from ringback.store.postgres.connection import PostgresPart
from ringback.store.postgres.days import ATTEMPT
from ringback.store.postgres.endings import end_deliveries
from ringback.store.postgres.endpoints import insert_lane, read_endpoints
from ringback.store.postgres.fetch import head_is_due
from ringback.store.postgres.session import Session
from ringback.store.postgres.tenant_locks import share_tenant
from ringback.store.queries import load

_SQL: Final = load("postgres")

# A tenant's rows in the order they go: deliveries before their events, lanes before the endpoints that name them.
_PURGES: Final = (
    "purge_deliveries",
    "purge_events",
    "purge_job_events",
    "purge_jobs",
    "purge_event_keys",
    "purge_attempts",
    "purge_days",
    "purge_day_deltas",
    "purge_lanes",
    "purge_endpoints",
    "purge_secrets",
    "purge_records",
    "purge_members",
    "purge_tracked_sets_gone",
    "purge_rule_failures",
    "purge_notices",
    "purge_sessions",
    "purge_links",
    "purge_audit_entries",
)


class PostgresRepairs(PostgresPart):
    """The half of `Upkeep` that repairs."""

    _gathered_to = ("", "")

    def ring_stranded(self, now: int, limit: int) -> int:
        with self._db.snapshot() as session:
            stranded = _stranded_lanes(session, now, limit)
            asking = session.rows(_SQL["stranded_handshakes"], {"now": now, "limit": limit})
        found = list(dict.fromkeys([*stranded, *map(tuple, asking)]))[:limit]
        if not found:
            return 0
        asked = {"endpoint_ids": [endpoint_id for _, endpoint_id in found], "now": now}
        with self._db.writing() as session:
            return session.change(_SQL["ring_stranded"], asked)

    def free_orphans(self, now: int) -> int:
        with self._db.reading() as session:
            owners = [node_id for (node_id,) in session.rows(_SQL["orphaned_owners"])]
        if not owners:
            return 0
        with self._db.writing() as session:
            return session.change(_SQL["free_orphaned_lanes"], {"owners": owners, "now": now})

    def make_missing_lanes(self, now: int, limit: int) -> int:
        with self._db.reading() as session:
            missing = [endpoint_id for (endpoint_id,) in session.rows(_SQL["missing_lanes"], {"limit": limit})]
            endpoints = read_endpoints(session, missing, self._sealed) if missing else []
        if not endpoints:
            return 0
        with self._db.writing() as session:
            for tenant_id in sorted({endpoint.tenant_id for endpoint in endpoints}):
                share_tenant(session, tenant_id)
            session.rows(_SQL["keep_endpoints"], {"endpoint_ids": missing})
            present = read_endpoints(session, sorted(missing), self._sealed)
            for endpoint in present:
                insert_lane(session, endpoint)
            ring_lanes(session, [(endpoint.tenant_id, endpoint.id, now) for endpoint in present])
        return len(present)

    def gather_days_step(self, limit: int) -> int:
        """Fold up to `limit` of what settlements added to the figures of days into them; how much.

        Each step begins where the last one ended, past the dead entries that it left, and at the beginning once it has
        come to the end.
        """
        from_tenant, from_endpoint = self._gathered_to
        asked = {"limit": limit, "from_tenant": from_tenant, "from_endpoint": from_endpoint}
        with self._db.writing() as session:
            gathered, last = session.first(_SQL["gather_days"], asked)
        self._gathered_to = (last[0][0], last[0][1]) if gathered == limit else ("", "")
        if not gathered and from_tenant:
            return self.gather_days_step(limit)
        return int(gathered)


class PostgresClearing(PostgresPart):
    """The half of `Upkeep` that clears away."""

    def cancel_step(self, now: int, limit: int) -> int:
        with self._db.reading() as session:
            lost = session.rows(_SQL["lost_endpoints"], {"limit": limit})
            empty = session.rows(_SQL["emptied_tombstones"], {"limit": limit})
        if not lost and not empty:
            return 0
        self._db.have_days(ATTEMPT, [now])
        with self._db.writing() as session:
            cancelled = 0
            for tenant_id, endpoint_id in lost:
                cancelled += self._cancel(session, tenant_id, endpoint_id, now, limit - cancelled)
            gone = sorted({endpoint_id for *_, endpoint_id in [*lost, *empty]})
            return cancelled + _remove_tombstones(session, gone, limit - cancelled)

    def purge_step(self, limit: int) -> int:
        with self._db.reading() as session:
            deleted = [tenant_id for (tenant_id,) in session.rows(_SQL["deleted_tenants"], {"limit": limit})]
        purged = 0
        for tenant_id in deleted:
            if purged < limit:
                with self._db.writing() as session:
                    purged += _purge(session, tenant_id, limit - purged)
        return purged

    def expire_keys_step(self, now: int, limit: int) -> int:
        with self._db.writing() as session:
            return session.change(_SQL["expire_keys"], {"now": now, "limit": limit})

    def _cancel(self, session: Session, tenant_id: str, endpoint_id: str, now: int, limit: int) -> int:
        """End up to `limit` deliveries of an endpoint that is gone, each with a record in the log."""
        asked = {"tenant_id": tenant_id, "endpoint_id": endpoint_id, "limit": limit}
        found = session.rows(_SQL["lock_deliveries_to_cancel"], asked) if limit else []
        ending = [(Delivery(*columns), event_type) for *columns, event_type in found]
        return end_deliveries(session, self._db, ending, Outcome.CANCELLED, now)


def _stranded_lanes(session: Session, now: int, limit: int) -> list[tuple[str, str]]:
    """(tenant, endpoint) of lanes with due work that nobody is called for, in their order."""
    stranded: list[tuple[str, str]] = []
    after = "", ""
    while len(stranded) < limit:
        asked = {"after_tenant": after[0], "after": after[1], "now": now, "limit": limit}
        found = session.rows(_SQL["stranded_lanes"], asked)
        stranded += [
            (tenant_id, endpoint_id)
            for tenant_id, endpoint_id, ordering in found
            # Of an ordered lane, what waits behind a head is not due.
            if ordering == Ordering.NONE or head_is_due(session, tenant_id, endpoint_id, now)
        ]
        if len(found) < limit:
            break
        after = found[-1][:2]
    return stranded[:limit]


def _remove_tombstones(session: Session, endpoint_ids: Sequence[str], limit: int) -> int:
    """Remove up to `limit` of these endpoints that are deleted and have no deliveries left, with lanes and secrets."""
    found = session.rows(_SQL["lock_tombstones"], {"endpoint_ids": list(endpoint_ids), "limit": limit})
    ids: dict[str, Any] = {"endpoint_ids": [endpoint_id for (endpoint_id,) in found]}
    if found:
        for query in ("delete_secrets", "delete_lanes", "delete_failures_of_filters", "delete_endpoints"):
            session.change(_SQL[query], ids)
    return len(found)


def _purge(session: Session, tenant_id: str, limit: int) -> int:
    """Remove up to `limit` rows of a tenant, and its name when none are left; nothing while another process does."""
    if session.first(_SQL["lock_deleted_tenant"], {"tenant_id": tenant_id}) is None:
        return 0
    purged = 0
    for query in _PURGES:
        if purged < limit:
            purged += session.change(_SQL[query], {"tenant_id": tenant_id, "limit": limit - purged})
    # A key that was made while its tenant was being deleted must not outlive the name.
    keys = delete_keys_of(session, tenant_id, limit - purged)
    purged += len(keys)
    if purged < limit:
        session.change(_SQL["purge_tenant"], {"tenant_id": tenant_id})
    log_changes(session, keys)
    return purged
