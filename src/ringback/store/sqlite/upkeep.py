"""The SQLite store's upkeep: small steps that repair what crashes leave and clear away what was deleted.

What there is to do is looked for by a reader, so that a search never holds the writer up; the write then takes only
what is still so. Which endpoints have deliveries is found by a skip scan, whatever the backlog. A step that answers 0
has found nothing left to do.
"""

from collections.abc import Sequence
from typing import Any, Final

import apsw

from ringback.model.attempt import Outcome, ended_without_request
from ringback.model.endpoint import Ordering
from ringback.model.event import Delivery
from ringback.store.queries import load
from ringback.store.sqlite.arrivals import ring_lanes
from ringback.store.sqlite.config import delete_keys_of
from ringback.store.sqlite.connection import ManyRows, SqlitePart, change, rows
from ringback.store.sqlite.endpoints import insert_lane, read_endpoints
from ringback.store.sqlite.fetch import head_is_due
from ringback.store.sqlite.json_lists import json_list

_SQL: Final = load("sqlite")
_INSERT_ATTEMPTS: Final = ManyRows(_SQL["insert_attempts"])

# A tenant's rows in the order they go: deliveries before their events, lanes before the endpoints that name them.
_PURGES: Final = (
    "purge_deliveries",
    "purge_events",
    "purge_job_events",
    "purge_jobs",
    "purge_event_keys",
    "purge_attempts",
    "purge_days",
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


class SqliteRepairs(SqlitePart):
    """The half of `Upkeep` that repairs."""

    def ring_stranded(self, now: int, limit: int) -> int:
        with self._readers.snapshot() as connection:
            stranded = _stranded_lanes(connection, now, limit)
            asking = rows(connection, _SQL["stranded_handshakes"], {"now": now, "limit": limit})
            stranded = list(dict.fromkeys([*stranded, *asking]))[:limit]
        return self._ring(stranded, now) if stranded else 0

    def free_orphans(self, now: int) -> int:
        with self._writer.transaction() as connection:
            return change(connection, _SQL["free_orphaned_lanes"], {"now": now})

    def make_missing_lanes(self, now: int, limit: int) -> int:
        missing = [endpoint_id for (endpoint_id,) in self._read(_SQL["missing_lanes"], {"limit": limit})]
        if not missing:
            return 0
        with self._writer.transaction() as connection:
            endpoints = read_endpoints(connection, missing, self._sealed)
            for endpoint in endpoints:
                insert_lane(connection, endpoint)
            ring_lanes(connection, [(endpoint.tenant_id, endpoint.id, now) for endpoint in endpoints])
        return len(endpoints)

    def _ring(self, lanes: Sequence[tuple[str, str]], now: int) -> int:
        with self._writer.transaction() as connection:
            ring_lanes(connection, [(*name, now) for name in lanes])
        return len(lanes)


class SqliteClearing(SqlitePart):
    """The half of `Upkeep` that clears away."""

    def cancel_step(self, now: int, limit: int) -> int:
        lost = [endpoint_id for (endpoint_id,) in self._read(_SQL["lost_endpoints"], {"limit": limit})]
        empty = [endpoint_id for (endpoint_id,) in self._read(_SQL["emptied_tombstones"], {"limit": limit})]
        if not lost and not empty:
            return 0
        with self._writer.transaction() as connection:
            cancelled = 0
            for endpoint_id in lost:
                cancelled += _cancel(connection, endpoint_id, now, limit - cancelled)
            return cancelled + _remove_tombstones(connection, limit - cancelled)

    def purge_step(self, limit: int) -> int:
        deleted = [tenant_id for (tenant_id,) in self._read(_SQL["deleted_tenants"], {"limit": limit})]
        if not deleted:
            return 0
        purged = 0
        with self._writer.transaction() as connection:
            for tenant_id in deleted:
                purged += _purge(connection, tenant_id, limit - purged)
                if purged == limit:
                    break
                connection.execute(_SQL["purge_tenant"], {"tenant_id": tenant_id})
        return purged

    def gather_days_step(self, limit: int) -> int:
        return 0  # a settlement counts in the right place: docs/decisions/0002

    def expire_keys_step(self, now: int, limit: int) -> int:
        with self._writer.transaction() as connection:
            return change(connection, _SQL["expire_keys"], {"now": now, "limit": limit})


def _stranded_lanes(connection: apsw.Connection, now: int, limit: int) -> list[tuple[str, str]]:
    """(tenant, endpoint) of lanes with due work that nobody is called for, by endpoint id."""
    stranded: list[tuple[str, str]] = []
    after = ""
    while len(stranded) < limit:
        found = rows(connection, _SQL["stranded_lanes"], {"after": after, "now": now, "limit": limit})
        stranded += [
            (tenant_id, endpoint_id)
            for tenant_id, endpoint_id, ordering in found
            # Of an ordered lane, what waits behind a head is not due.
            if ordering == Ordering.NONE or head_is_due(connection, endpoint_id, now)
        ]
        if len(found) < limit:
            break
        after = found[-1][1]
    return stranded[:limit]


def _cancel(connection: apsw.Connection, endpoint_id: str, now: int, limit: int) -> int:
    """End up to `limit` deliveries of an endpoint that is gone, each with a record in the log."""
    found = rows(connection, _SQL["deliveries_to_cancel"], {"endpoint_id": endpoint_id, "limit": limit})
    doomed = [(Delivery(*columns), event_type) for *columns, event_type in found]
    records = [ended_without_request(row, event_type, Outcome.CANCELLED, now) for row, event_type in doomed]
    _INSERT_ATTEMPTS.run(connection, records)
    connection.execute(_SQL["delete_deliveries"], {"seqs": json_list([row.seq for row, _ in doomed])})
    return len(doomed)


def _remove_tombstones(connection: apsw.Connection, limit: int) -> int:
    """Remove up to `limit` deleted endpoints that have no deliveries left, each with its lane and secrets."""
    found = rows(connection, _SQL["emptied_tombstones"], {"limit": limit})
    ids: dict[str, Any] = {"endpoint_ids": json_list([endpoint_id for (endpoint_id,) in found])}
    for query in ("delete_lanes", "delete_secrets", "delete_failures_of_filters", "delete_endpoints"):
        connection.execute(_SQL[query], ids)
    return len(found)


def _purge(connection: apsw.Connection, tenant_id: str, limit: int) -> int:
    """Remove up to `limit` rows of a tenant; fewer only when none are left."""
    purged = 0
    for query in _PURGES:
        purged += change(connection, _SQL[query], {"tenant_id": tenant_id, "limit": limit - purged})
    # A key that was made while its tenant was being deleted must not outlive the name.
    return purged + delete_keys_of(connection, tenant_id, limit - purged)
