"""The tables of the memory store, and the few moves that several of its parts share.

Plain dictionaries under one lock, which a method takes by `with tables` and never keeps when it returns. Nothing
here copies: every row is an immutable value, so whoever reads one may keep it. Assumes that endpoint ids, key ids
and secret ids are unique in the whole store, and delivery numbers too (one counter for all tenants).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from threading import Event as Signal
from threading import RLock
from types import TracebackType
from typing import Self

from ringback.model.attempt import Attempt
from ringback.model.console import AuditEntry, Bin, BinRequest, ConsoleLink, ConsoleSession, Operator
from ringback.model.endpoint import Endpoint, EndpointStatus, Secret
from ringback.model.event import Delivery, Event, NewDelivery
from ringback.model.event_type import EventType, SchemaVersion
from ringback.model.job import Job
from ringback.model.lane import Change, LaneRow
from ringback.model.limits import FOREVER_MS
from ringback.model.notice import Notice
from ringback.model.profile import StoredProfile
from ringback.model.pulse import Pulse
from ringback.model.record import Record, RecordKey, RecordType
from ringback.model.tenant import ApiKey, Tenant
from ringback.model.tracked_set import TrackedSet
from ringback.model.trigger import Trigger
from ringback.store.port import BadRow, KeyClaim, Membership, RuleFailure, StoredEvent

KeyName = tuple[str, str, str]
NumberName = tuple[str, int]
Queue = dict[int, Delivery]

_INTEGER_MAX = (1 << 63) - 1


class MemoryTables:
    """All state of one store. `sole`: only one process can have it open, as with SQLite."""

    def __init__(self, sole: bool) -> None:
        self.sole = sole
        self._lock = RLock()
        self.rung = Signal()  # somebody rang lanes since it was cleared
        self.delivery_seq = count(1)
        self.event_seq = count(1)
        # The hot tables. A queue holds the unfinished deliveries of one (tenant, endpoint) by seq.
        self.events: dict[tuple[str, str], StoredEvent] = {}
        self.missed: dict[tuple[str, str], str] = {}
        self.event_keys: dict[KeyName, KeyClaim] = {}
        self.open_claims: dict[KeyName, object] = {}
        self.open_numbers: dict[NumberName, object] = {}
        self.queues: defaultdict[tuple[str, str], Queue] = defaultdict(dict)
        self.attempts: dict[tuple[str, str], Attempt] = {}
        self.attempts_of_event: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        self.days: dict[tuple[str, str, str], tuple[int, int]] = {}
        # Records and sets. A set's members are below its id, those of deleted sets too.
        self.records: dict[RecordKey, Record] = {}
        self.open_records: dict[RecordKey, object] = {}
        self.tracked_sets: dict[tuple[str, str], TrackedSet] = {}
        self.tracked_sets_gone: set[tuple[str, str]] = set()
        self.tracked_members: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self.rule_failures: dict[tuple[str, str], RuleFailure] = {}
        self.notices: dict[tuple[str, str], Notice] = {}
        # What a job has yet to do, by (tenant, job); jobs that were started, and those that have something left.
        self.jobs: dict[str, Job] = {}
        self.job_events: dict[tuple[str, str], list[int]] = {}
        self.jobs_started: set[str] = set()
        self.jobs_open: set[str] = set()
        self.lanes: dict[str, LaneRow] = {}
        self.nodes: dict[str, int] = {}
        # Configuration. A tombstone is an endpoint that was deleted and may still have deliveries.
        self.changes: list[Change] = []
        self.changes_trimmed = 0  # the version of the last one that is not kept any more
        self.tenants: dict[str, Tenant] = {}
        self.deleted_tenants: set[str] = set()
        self.event_types: dict[str, EventType] = {}
        self.schema_versions: dict[str, list[SchemaVersion]] = {}
        self.profiles: dict[str, StoredProfile] = {}
        self.record_types: dict[str, RecordType] = {}
        self.triggers: dict[str, Trigger] = {}
        self.api_keys: dict[str, ApiKey] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.tombstones: dict[str, Endpoint] = {}
        self.secrets: dict[str, Secret] = {}
        # The inspector: what a bin has kept, oldest first.
        self.bins: dict[str, Bin] = {}
        self.bin_requests: dict[str, list[BinRequest]] = {}
        # The console: by id, and by the hash of a token.
        self.operators: dict[str, Operator] = {}
        self.console_sessions: dict[bytes, ConsoleSession] = {}
        self.console_links: dict[bytes, ConsoleLink] = {}
        self.audit_entries: dict[str, AuditEntry] = {}
        # How processes have done lately, by moment and process.
        self.pulses: dict[tuple[int, str], Pulse] = {}

    def __enter__(self) -> Self:
        self._lock.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def add_event(self, event: Event, missed: str | None) -> None:
        """Append to its tenant's stream; with what is kept of those that it does not go to."""
        self.events[event.tenant_id, event.id] = StoredEvent(next(self.event_seq), event)
        if missed is not None:
            self.missed[event.tenant_id, event.id] = missed

    def forget_event(self, name: tuple[str, str]) -> None:
        """Remove one event, by its tenant and id."""
        del self.events[name]
        self.missed.pop(name, None)

    def add_delivery(self, new: NewDelivery) -> None:
        """Queue it under a number of its own."""
        seq = next(self.delivery_seq)
        self.queues[new.tenant_id, new.endpoint_id][seq] = Delivery(*new, seq, 0, 0)

    def deliveries(self) -> Iterator[Delivery]:
        """Every delivery that is not finished."""
        for queue in self.queues.values():
            yield from queue.values()

    def by_number(self) -> dict[NumberName, StoredEvent]:
        """The events that have a number, by tenant and number."""
        stored = [(stored.event.number, stored) for stored in self.events.values()]
        return {(one.event.tenant_id, number): one for number, one in stored if number is not None}

    def keep_attempt(self, attempt: Attempt) -> None:
        """Append one record to the log."""
        self.attempts[attempt.tenant_id, attempt.id] = attempt
        if attempt.event_id is not None:
            self.attempts_of_event[attempt.tenant_id, attempt.event_id].append(attempt.id)

    def forget_attempt(self, attempt: Attempt) -> None:
        """Remove one record from the log."""
        del self.attempts[attempt.tenant_id, attempt.id]
        if attempt.event_id is not None:
            self.attempts_of_event[attempt.tenant_id, attempt.event_id].remove(attempt.id)

    def add_notices(self, notices: Iterable[Notice]) -> None:
        """Write them down, but for those that are there already."""
        for notice in notices:
            self.notices.setdefault((notice.tenant_id, notice.id), notice)

    def attempts_of(self, tenant_id: str, event_id: str) -> list[Attempt]:
        """The log of one event, in the order it was written."""
        ids = self.attempts_of_event.get((tenant_id, event_id), ())
        return [self.attempts[tenant_id, attempt_id] for attempt_id in ids]

    def forget_job(self, job: Job) -> None:
        """Remove a job and what it had left to do."""
        del self.jobs[job.id]
        self.job_events.pop((job.tenant_id, job.id), None)
        self.jobs_started.discard(job.id)
        self.jobs_open.discard(job.id)

    def log_change(self, kind: str, tenant_id: str, thing_id: str) -> None:
        """Tell every process that follows that this thing is not what it was."""
        self.changes.append(Change(self.version + 1, kind, tenant_id, thing_id))

    @property
    def version(self) -> int:
        """Of the latest change."""
        return self.changes_trimmed + len(self.changes)

    def changes_after(self, version: int) -> list[Change] | None:
        """None when some of them are not kept any more."""
        if version < self.changes_trimmed:
            return None
        return self.changes[version - self.changes_trimmed :]

    def delete_key(self, key: ApiKey) -> None:
        """From now on the key opens nothing."""
        del self.api_keys[key.id]
        self.log_change("key", key.tenant_id or "", key.id)

    def delete_trigger(self, trigger: Trigger) -> None:
        """From now on it fires no more; what is told of its failures goes with it."""
        del self.triggers[trigger.id]
        self.rule_failures.pop((trigger.tenant_id, trigger.id), None)
        self.log_change("trigger", trigger.tenant_id, trigger.id)

    def bury_tracked_set(self, tracked_set: TrackedSet) -> None:
        """From now on nothing is a member of it."""
        del self.tracked_sets[tracked_set.tenant_id, tracked_set.name]
        self.tracked_sets_gone.add((tracked_set.tenant_id, tracked_set.id))

    def members_among(self, asked: Sequence[Membership]) -> set[Membership]:
        """Those of them that are so."""
        sets = {name: self.tracked_sets[name] for name in {one[:2] for one in asked} if name in self.tracked_sets}
        return {
            one
            for one in asked
            if one[:2] in sets and one.member in self.tracked_members[one.tenant_id, sets[one[:2]].id]
        }

    def add_lane(self, endpoint: Endpoint) -> None:
        """A silent lane, paused for ever unless the endpoint is active; a ringing one if it has to prove itself. Where
        the tenant's webhooks are off it is silent and paused for ever."""
        off = self._is_off(endpoint.tenant_id)
        asks = endpoint.status is EndpointStatus.VERIFICATION_PENDING and not off
        not_before = 0 if asks or (endpoint.status is EndpointStatus.ACTIVE and not off) else FOREVER_MS
        due_at = endpoint.updated_at if asks else None
        self.lanes[endpoint.id] = LaneRow(endpoint.tenant_id, endpoint.id, due_at, not_before, None, b"")

    def ring_lane(self, endpoint_id: str, due_at: int) -> None:
        """Bring the bell forward to `due_at`, but never before the lane's pause ends."""
        lane = self.lanes.get(endpoint_id)
        if lane is None:
            return
        due_at = max(due_at, lane.not_before)
        if lane.due_at is None or lane.due_at > due_at:
            self.lanes[endpoint_id] = lane._replace(due_at=due_at)
        self.rung.set()

    def free_lane(self, endpoint_id: str, now: int) -> None:
        """Nobody's lane again, and rung: who had it may have left work behind."""
        self.lanes[endpoint_id] = self.lanes[endpoint_id]._replace(owner=None, freed_at=now)
        self.ring_lane(endpoint_id, now)

    def pause_lane(self, endpoint_id: str) -> None:
        """For ever, a ringing bell too; a silent one stays silent."""
        lane = self.lanes.get(endpoint_id)
        if lane is not None:
            due_at = None if lane.due_at is None else FOREVER_MS
            self.lanes[endpoint_id] = lane._replace(not_before=FOREVER_MS, due_at=due_at)

    def follow_status(self, endpoint: Endpoint, now: int) -> None:
        """The lane of an endpoint that was changed."""
        if endpoint.status is EndpointStatus.ACTIVE:
            self.resume_lane(endpoint.id, now)
        elif endpoint.status is EndpointStatus.VERIFICATION_PENDING:
            self.open_lane(endpoint.id, now)
        else:
            self.pause_lane(endpoint.id)

    def open_lane(self, endpoint_id: str, now: int) -> None:
        """End any pause and ring; not where the tenant's webhooks are off."""
        lane = self.lanes.get(endpoint_id)
        if lane is not None and not self._is_off(lane.tenant_id):
            self.lanes[endpoint_id] = lane._replace(not_before=0)
            self.ring_lane(endpoint_id, now)

    def resume_lane(self, endpoint_id: str, now: int) -> None:
        """End a pause for ever, and only such a one, and ring; not where the tenant's webhooks are off."""
        lane = self.lanes.get(endpoint_id)
        if lane is not None and lane.not_before == FOREVER_MS and not self._is_off(lane.tenant_id):
            self.lanes[endpoint_id] = lane._replace(not_before=0)
            self.ring_lane(endpoint_id, now)

    def switch_lanes_of(self, tenant_id: str, now: int, *, on: bool) -> None:
        """All lanes of a tenant whose webhooks were switched on or off."""
        for endpoint in [row for row in self.endpoints.values() if row.tenant_id == tenant_id]:
            if not on:
                self.pause_lane(endpoint.id)
            elif endpoint.status in (EndpointStatus.ACTIVE, EndpointStatus.VERIFICATION_PENDING):
                self.resume_lane(endpoint.id, now)

    def _is_off(self, tenant_id: str) -> bool:
        tenant = self.tenants.get(tenant_id)
        return tenant is not None and not tenant.webhooks_enabled


class MemoryPart:
    """What the parts of the memory store have in common: the tables."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables


def refuse_bad_rows(rows: Iterable[tuple[object, ...]]) -> None:
    """Raise BadRow for what no database would take: text that is no Unicode, NUL in it, numbers over 64 bits."""
    for row in rows:
        for value in row:
            if isinstance(value, str):
                _refuse_bad_text(value)
            elif isinstance(value, int) and not -_INTEGER_MAX <= value <= _INTEGER_MAX:
                raise BadRow("A number does not fit 64 bits.")


def _refuse_bad_text(text: str) -> None:
    if "\0" in text:
        raise BadRow("A text has a NUL in it.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadRow("A text is not Unicode: it has half of a surrogate pair.") from None
