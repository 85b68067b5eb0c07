"""The memory store's write transactions for ingest.

A transaction is staged: it draws delivery numbers at once, but nobody sees its rows before `commit`. Several may
be open, and commit in another order than they drew numbers, which is how late commits happen on PostgreSQL too.
A key or a number that another open transaction has taken raises Retryable, where PostgreSQL would wait.
"""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from ringback.model.endpoint import Endpoint
from ringback.model.event import NOBODY_MISSED, Delivery, Event, NewDelivery
from ringback.model.lane import Change
from ringback.model.tenant import Tenant
from ringback.store.memory.records import StagedRecords
from ringback.store.memory.tables import KeyName, MemoryPart, MemoryTables, NumberName, refuse_bad_rows
from ringback.store.port import BadRow, Everything, IntakeTransaction, KeyClaim, Retryable, Ring, TakenKey


class MemoryTransaction(StagedRecords):
    """One staged write transaction."""

    def __init__(self, tables: MemoryTables) -> None:
        super().__init__(tables)
        self._claims: dict[KeyName, KeyClaim] = {}
        self._events: dict[tuple[str, str], Event] = {}
        self._missed: dict[tuple[str, str], str] = {}
        self._deliveries: list[Delivery] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._tables:
            self._forget()

    def claim_keys(self, claims: Sequence[KeyClaim], now: int) -> dict[KeyName, TakenKey]:
        refuse_bad_rows(claims)
        taken = {}
        free = {}
        with self._tables as tables:
            for claim in sorted(claims, key=_name):
                name = _name(claim)
                owner = self._claims.get(name) or tables.event_keys.get(name)
                if owner is not None and not _expired(owner, now):
                    taken[name] = TakenKey(owner.body_hash, owner.event_ids)
                elif tables.open_claims.get(name, self) is not self:
                    raise Retryable("Another transaction is about to take one of the keys.")
                else:
                    free[name] = claim
            self._claims.update(free)
            tables.open_claims.update(dict.fromkeys(free, self))
        return taken

    def changes_since(self, version: int) -> Sequence[Change] | None:
        with self._tables as tables:
            return tables.changes_after(version)

    def everything(self) -> Everything:
        with self._tables as tables:
            version = tables.version
            changes = [Change(version, "tenant", tenant_id, tenant_id) for tenant_id in sorted(tables.tenants)]
            endpoints = sorted(tables.endpoints.values(), key=lambda endpoint: endpoint.id)
            changes += [Change(version, "endpoint", endpoint.tenant_id, endpoint.id) for endpoint in endpoints]
            changes += [Change(version, "record_type", "", name) for name in sorted(tables.record_types)]
            triggers = sorted(tables.triggers.values(), key=lambda trigger: trigger.id)
            changes += [Change(version, "trigger", trigger.tenant_id, trigger.id) for trigger in triggers]
            return Everything(version, changes)

    def tenants(self, tenant_ids: Sequence[str]) -> Sequence[Tenant]:
        with self._tables as tables:
            return [tables.tenants[i] for i in tenant_ids if i in tables.tenants]

    def endpoints(self, endpoint_ids: Sequence[str]) -> Sequence[Endpoint]:
        with self._tables as tables:
            return [tables.endpoints[i] for i in endpoint_ids if i in tables.endpoints]

    def taken_numbers(self, numbers: Sequence[NumberName]) -> set[NumberName]:
        with self._tables as tables:
            own = {name for name, holder in tables.open_numbers.items() if holder is self}
            return (own | tables.by_number().keys()) & set(numbers)

    def insert(
        self, events: Sequence[Event], deliveries: Sequence[NewDelivery], missed: Mapping[int, str] = NOBODY_MISSED
    ) -> Sequence[int]:
        refuse_bad_rows(events)
        refuse_bad_rows(deliveries)
        refuse_bad_rows(tuple(missed.items()))
        with self._tables as tables:
            staged = dict(self._events)
            for event in events:
                name = event.tenant_id, event.id
                if name in tables.events or name in staged:
                    raise BadRow(f"There is an event {event.id} already.")
                staged[name] = event
            self._take_numbers(tables, events)
            self._events = staged
            self._missed.update(((events[place].tenant_id, events[place].id), kept) for place, kept in missed.items())
            drawn = [next(tables.delivery_seq) for _ in deliveries]
        self._deliveries += [Delivery(*new, seq, 0, 0) for new, seq in zip(deliveries, drawn, strict=True)]
        return drawn

    def _take_numbers(self, tables: MemoryTables, events: Sequence[Event]) -> None:
        names = [(event.tenant_id, event.number) for event in events if event.number is not None]
        if not names:
            return
        if len(set(names)) < len(names) or self.taken_numbers(names):
            raise BadRow("There is an event with this number already.")
        if any(name in tables.open_numbers for name in names):
            raise Retryable("Another transaction is about to take one of the numbers.")
        tables.open_numbers.update(dict.fromkeys(names, self))

    def commit(self) -> None:
        with self._tables as tables:
            tables.event_keys.update(self._claims)
            for event in self._events.values():
                tables.add_event(event, self._missed.get((event.tenant_id, event.id)))
            for row in self._deliveries:
                tables.queues[row.tenant_id, row.endpoint_id][row.seq] = row
            self._commit_records()
            self._forget()

    def _forget(self) -> None:
        for name in self._claims:
            del self._tables.open_claims[name]
        for number in [name for name, holder in self._tables.open_numbers.items() if holder is self]:
            del self._tables.open_numbers[number]
        self._forget_records()
        self._claims = {}
        self._events = {}
        self._missed = {}
        self._deliveries = []


class MemoryIntake(MemoryPart):
    """`Intake`, `Bells` and `Wakeups`."""

    def intake(self) -> IntakeTransaction:
        return MemoryTransaction(self._tables)

    def events_by_id(self, tenant_id: str, event_ids: Sequence[str]) -> Sequence[Event]:
        with self._tables as tables:
            found = (tables.events.get((tenant_id, event_id)) for event_id in event_ids)
            return [stored.event for stored in found if stored is not None]

    def ring(self, rings: Sequence[Ring]) -> None:
        with self._tables as tables:
            for bell in rings:
                lane = tables.lanes.get(bell.endpoint_id)
                if lane is not None and lane.tenant_id == bell.tenant_id:
                    tables.ring_lane(bell.endpoint_id, bell.due_at)

    @property
    def shared(self) -> bool:
        return not self._tables.sole

    def wait_for_ring(self, seconds: float) -> bool:
        # Who shares this store is in the same process: its own rings wake a listener too, which does no harm.
        rang = self.shared and self._tables.rung.wait(seconds)
        self._tables.rung.clear()
        return rang


def _name(claim: KeyClaim) -> KeyName:
    return claim.tenant_id, claim.kind, claim.key


def _expired(claim: KeyClaim, now: int) -> bool:
    return claim.expires_at is not None and claim.expires_at <= now
