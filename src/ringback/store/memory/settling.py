"""The memory store's settlements and resends: how deliveries end and how they start again.

A settlement that is repeated changes nothing and answers what it answered first. The figures of a day count every
request of an event that left, superseded ones too, since the log shows them.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final

from ringback.model.attempt import Attempt, Outcome
from ringback.model.endpoint import Endpoint, delivery_key
from ringback.model.event import Delivery
from ringback.store.memory.tables import MemoryPart, MemoryTables, refuse_bad_rows
from ringback.store.port import Settlement
from ringback.times import DAY_MS

_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()


class MemorySettlements(MemoryPart):
    """`Settlements` and `Resends`."""

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        refuse_bad_rows(settlement.attempt for settlement in settlements)
        refuse_bad_rows(settlement.notice for settlement in settlements if settlement.notice is not None)
        with self._tables as tables:
            return [_settle_one(tables, settlement) for settlement in settlements]

    def resend(self, tenant_id: str, event_id: str, endpoint_ids: Sequence[str], now: int) -> int:
        with self._tables as tables:
            stored = tables.events.get((tenant_id, event_id))
            if stored is None or stored.event.redacted:
                return 0
            endpoints = [tables.endpoints[i] for i in endpoint_ids if i in tables.endpoints]
            own = [endpoint for endpoint in endpoints if endpoint.tenant_id == tenant_id]
            return sum(_resend_one(tables, endpoint, event_id, now) for endpoint in own)

    def hasten_step(self, tenant_id: str, endpoint_id: str, now: int, limit: int) -> int:
        with self._tables as tables:
            queue = tables.queues[tenant_id, endpoint_id]
            later = sorted((row.due_at, row.seq) for row in queue.values() if row.due_at > now and row.tries)[:limit]
            for _, seq in later:
                queue[seq] = queue[seq]._replace(due_at=now)
            if later:
                tables.ring_lane(endpoint_id, now)
            return len(later)


def _settle_one(tables: MemoryTables, settlement: Settlement) -> bool:
    attempt = settlement.attempt
    known = tables.attempts.get((attempt.tenant_id, attempt.id))
    if known is not None:
        return not known.superseded
    expected = attempt.event_id is None or _move_delivery(tables, settlement)
    tables.keep_attempt(attempt if expected else _superseded(tables, attempt))
    if expected and settlement.notice is not None:
        tables.add_notices([settlement.notice])
    _count(tables, attempt)
    return expected


def _superseded(tables: MemoryTables, attempt: Attempt) -> Attempt:
    """An event that was redacted while it was in flight has lost its delivery: its bodies must not come back."""
    superseded = attempt._replace(superseded=True)
    stored = tables.events.get((attempt.tenant_id, attempt.event_id or ""))
    return superseded.without_bodies() if stored is not None and stored.event.redacted else superseded


def _move_delivery(tables: MemoryTables, settlement: Settlement) -> bool:
    """Finish or reschedule the delivery; False where it is not as the attempt left it.

    A success ends a delivery whatever has happened to it since: the receiver has the event. A failure may only
    count once, so it must be the one that the row waits for.
    """
    attempt = settlement.attempt
    queue = tables.queues[attempt.tenant_id, attempt.endpoint_id]
    row = queue.get(settlement.seq)
    if row is None or row.event_id != attempt.event_id:
        return False
    succeeded = settlement.retry_at is None and attempt.outcome == Outcome.SUCCEEDED
    if not succeeded and row.attempts != attempt.number - 1:
        return False
    if settlement.retry_at is None:
        del queue[row.seq]
    else:
        queue[row.seq] = row._replace(due_at=settlement.retry_at, attempts=attempt.number, tries=settlement.tries)
    return True


def _count(tables: MemoryTables, attempt: Attempt) -> None:
    if attempt.event_id is None or attempt.outcome not in (Outcome.SUCCEEDED, Outcome.FAILED):
        return
    day = date.fromordinal(_EPOCH_DAY + attempt.at // DAY_MS).isoformat()
    name = attempt.tenant_id, attempt.endpoint_id, day
    succeeded, failed = tables.days.get(name, (0, 0))
    if attempt.outcome == Outcome.SUCCEEDED:
        tables.days[name] = succeeded + 1, failed
    else:
        tables.days[name] = succeeded, failed + 1


def _resend_one(tables: MemoryTables, endpoint: Endpoint, event_id: str, now: int) -> int:
    queue = tables.queues[endpoint.tenant_id, endpoint.id]
    pending = [row for row in queue.values() if row.event_id == event_id]
    tables.ring_lane(endpoint.id, now)
    if pending:
        hastened = [row for row in pending if row.due_at > now]
        queue.update((row.seq, row._replace(due_at=now)) for row in hastened)
        return len(hastened)
    log = tables.attempts_of(endpoint.tenant_id, event_id)
    attempts = max((attempt.number for attempt in log if attempt.endpoint_id == endpoint.id), default=0)
    event = tables.events[endpoint.tenant_id, event_id].event
    ordering_key = delivery_key(endpoint.ordering, event.ordering_key)
    seq = next(tables.delivery_seq)
    queue[seq] = Delivery(endpoint.tenant_id, endpoint.id, event_id, ordering_key, now, seq, attempts, 0)
    return 1
