"""The memory store's upkeep: small steps that repair what crashes leave and clear away what was deleted.

A step that is repeated until it answers 0 has done all there is to do. Nothing here is remembered between steps.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

from ringback.model.attempt import Attempt, Outcome, ended_without_request
from ringback.model.endpoint import Ordering
from ringback.model.event import Delivery
from ringback.model.lane import LaneRow
from ringback.store.memory.lanes import asks_for_proof, candidates, is_due
from ringback.store.memory.tables import MemoryPart, MemoryTables


class MemoryUpkeep(MemoryPart):
    """`Upkeep`."""

    def ring_stranded(self, now: int, limit: int) -> int:
        with self._tables as tables:
            silent = sorted(i for i, lane in tables.lanes.items() if lane.owner is None and not _rings(lane, now))
            due = [endpoint_id for endpoint_id in silent if _has_due_work(tables, endpoint_id, now)]
            asking = [endpoint_id for endpoint_id in silent if asks_for_proof(tables, endpoint_id)]
            stranded = list(dict.fromkeys([*due, *asking]))[:limit]
            for endpoint_id in stranded:
                tables.ring_lane(endpoint_id, now)
            return len(stranded)

    def free_orphans(self, now: int) -> int:
        with self._tables as tables:
            lanes = [lane for lane in tables.lanes.values() if lane.owner not in (None, *tables.nodes)]
            for lane in lanes:
                tables.free_lane(lane.endpoint_id, now)
            return len(lanes)

    def make_missing_lanes(self, now: int, limit: int) -> int:
        with self._tables as tables:
            queued = sorted(endpoint_id for (_, endpoint_id), queue in tables.queues.items() if queue)
            missing = [i for i in queued if i in tables.endpoints and i not in tables.lanes][:limit]
            for endpoint_id in missing:
                tables.add_lane(tables.endpoints[endpoint_id])
                tables.ring_lane(endpoint_id, now)
            return len(missing)

    def cancel_step(self, now: int, limit: int) -> int:
        with self._tables as tables:
            lost = [row for row in tables.deliveries() if row.endpoint_id not in tables.endpoints]
            doomed = sorted(lost, key=lambda row: row.seq)[:limit]
            for row in doomed:
                del tables.queues[row.tenant_id, row.endpoint_id][row.seq]
                tables.keep_attempt(_cancelled(tables, row, now))
            return len(doomed) + _bury_tombstones(tables, limit - len(doomed))

    def purge_step(self, limit: int) -> int:
        with self._tables as tables:
            purged = 0
            for tenant_id in sorted(tables.deleted_tenants):
                removals = list(islice(_removals(tables, tenant_id), limit - purged))
                for remove in removals:
                    remove()
                purged += len(removals)
                if purged == limit:
                    break
                tables.deleted_tenants.remove(tenant_id)
            return purged

    def gather_days_step(self, limit: int) -> int:
        return 0

    def reseal_step(self, limit: int) -> int:
        return 0

    def expire_keys_step(self, now: int, limit: int) -> int:
        with self._tables as tables:
            keys = tables.event_keys.items()
            expired = [name for name, claim in keys if claim.expires_at is not None and claim.expires_at <= now]
            for name in expired[:limit]:
                del tables.event_keys[name]
            return len(expired[:limit])


def _rings(lane: LaneRow, now: int) -> bool:
    """Whether its bell calls for what is due. One that is set for later is as good as silent: the process that should
    have brought it forward may have died after its commit."""
    return lane.due_at is not None and lane.due_at <= max(now, lane.not_before)


def _has_due_work(tables: MemoryTables, endpoint_id: str, now: int) -> bool:
    endpoint = tables.endpoints.get(endpoint_id)
    ordered = endpoint is not None and endpoint.ordering is not Ordering.NONE
    tenant_id = tables.lanes[endpoint_id].tenant_id
    return any(is_due(tables, row, now) for row in candidates(tables, tenant_id, endpoint_id, ordered))


def _cancelled(tables: MemoryTables, row: Delivery, now: int) -> Attempt:
    """The record that a delivery's end leaves when nothing was sent."""
    stored = tables.events.get((row.tenant_id, row.event_id))
    return ended_without_request(row, None if stored is None else stored.event.type, Outcome.CANCELLED, now)


def _bury_tombstones(tables: MemoryTables, limit: int) -> int:
    """Remove deleted endpoints that have no deliveries left, each with its lane and secrets."""
    empty = [gone for gone in tables.tombstones.values() if not tables.queues.get((gone.tenant_id, gone.id))]
    for gone in empty[: max(limit, 0)]:
        del tables.tombstones[gone.id]
        tables.lanes.pop(gone.id, None)
        tables.rule_failures.pop((gone.tenant_id, gone.id), None)
        for secret_id in [i for i, secret in tables.secrets.items() if secret.endpoint_id == gone.id]:
            del tables.secrets[secret_id]
    return len(empty[: max(limit, 0)])


def _removals(tables: MemoryTables, tenant_id: str) -> Iterator[Callable[[], object]]:
    """What removes each row of a tenant, deliveries before their events."""
    for (owner, _), queue in tables.queues.items():
        if owner == tenant_id:
            yield from (partial(queue.pop, seq) for seq in queue)
    yield from (partial(tables.forget_event, name) for name in tables.events if name[0] == tenant_id)
    yield from (partial(tables.event_keys.pop, name) for name in tables.event_keys if name[0] == tenant_id)
    yield from (partial(tables.forget_attempt, row) for row in tables.attempts.values() if row.tenant_id == tenant_id)
    yield from (partial(tables.forget_job, job) for job in tables.jobs.values() if job.tenant_id == tenant_id)
    yield from (partial(tables.days.pop, name) for name in tables.days if name[0] == tenant_id)
    yield from (partial(tables.lanes.pop, i) for i, row in tables.lanes.items() if row.tenant_id == tenant_id)
    yield from (partial(tables.tombstones.pop, i) for i, row in tables.tombstones.items() if row.tenant_id == tenant_id)
    yield from (partial(tables.secrets.pop, i) for i, row in tables.secrets.items() if row.tenant_id == tenant_id)
    yield from _records_of(tables, tenant_id)
    yield from _access_of(tables, tenant_id)
    # A key that was made while its tenant was being deleted must not outlive the name.
    yield from (partial(tables.delete_key, key) for key in tables.api_keys.values() if key.tenant_id == tenant_id)


def _access_of(tables: MemoryTables, tenant_id: str) -> Iterator[Callable[[], object]]:
    """What removes a tenant's people at the console, and what was done there."""
    sessions = (key for key, one in tables.console_sessions.items() if one.tenant_id == tenant_id)
    yield from (partial(tables.console_sessions.pop, key) for key in sessions)
    links = (key for key, one in tables.console_links.items() if one.tenant_id == tenant_id)
    yield from (partial(tables.console_links.pop, key) for key in links)
    entries = (key for key, one in tables.audit_entries.items() if one.tenant_id == tenant_id)
    yield from (partial(tables.audit_entries.pop, key) for key in entries)


def _records_of(tables: MemoryTables, tenant_id: str) -> Iterator[Callable[[], object]]:
    """What removes a tenant's records, the members of its sets, and what is told of its rules."""
    yield from (partial(tables.records.pop, key) for key in tables.records if key[0] == tenant_id)
    for name in [name for name in tables.tracked_members if name[0] == tenant_id]:
        yield from (partial(tables.tracked_members[name].remove, member) for member in tables.tracked_members[name])
    gone = (name for name in tables.tracked_sets_gone if name[0] == tenant_id)
    yield from (partial(tables.tracked_sets_gone.remove, name) for name in gone)
    yield from (partial(tables.rule_failures.pop, name) for name in tables.rule_failures if name[0] == tenant_id)
    yield from (partial(tables.notices.pop, name) for name in tables.notices if name[0] == tenant_id)
