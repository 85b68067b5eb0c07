"""What the PostgreSQL store writes wherever events arrive: their rows, their deliveries, and the bells of their lanes.

Works inside the caller's transaction. Numbers are drawn in whole blocks after the lock of intake is taken (see
`floor`); rows go in by COPY. A day that has no partition yet is made by another session first, and a day that was
dropped under our feet makes the transaction Retryable.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from psycopg import errors as pg

from ringback.model.event import NOBODY_MISSED, Event, NewDelivery
from ringback.store.port import BadRow, Retryable
from ringback.store.postgres.days import Days
from ringback.store.postgres.floor import BLOCK
from ringback.store.postgres.locks import INTAKE
from ringback.store.postgres.session import Session
from ringback.store.queries import load

_SQL: Final = load("postgres")
_EVENT_TYPES: Final = (
    "text", "text", "text", "bytea", "text", "text", "text", "text", "bytea",
    "text", "int8", "int8", "int8", "int8", "int8", "text", "int8", "text", "text", "int8", "text",
)  # fmt: skip
_DELIVERY_TYPES: Final = ("text", "text", "text", "text", "int8", "int8", "int8", "int8", "int8", "bool")

DeliveryRow = tuple[str, str, str, str | None, int, int, int, int, int, bool]
"""Tenant, endpoint, event, ordering key, due at, seq, attempts, tries, the event's time, deferred."""


class Numbers:
    """The numbers that one transaction draws, ascending: from whole blocks, the rest of which it keeps for later."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._left = range(0)

    def draw(self, count: int) -> list[int]:
        """The next `count` numbers, higher than all that this transaction drew before."""
        drawn = list(self._left[:count])
        self._left = self._left[count:]
        if missing := count - len(drawn):
            self._session.rows(_SQL["lock_intake"], INTAKE.params)
            blocks = self._session.rows(_SQL["draw_blocks"], {"count": -(-missing // BLOCK)})
            fresh = [range(block * BLOCK, (block + 1) * BLOCK) for (block,) in blocks]
            drawn += [number for block in fresh for number in block][:missing]
            taken = missing - BLOCK * (len(fresh) - 1)
            self._left = fresh[-1][taken:]
        return drawn


class Arrivals:
    """What one transaction inserts. The days of its events must be there (`Days.make`) before it does."""

    def __init__(self, session: Session, days: Days) -> None:
        self.numbers = Numbers(session)
        self._session = session
        self._days = days
        self._accepted: dict[tuple[str, str], int] = {}

    def insert(
        self, events: Sequence[Event], deliveries: Sequence[NewDelivery], missed: Mapping[int, str] = NOBODY_MISSED
    ) -> list[int]:
        """Append events and deliveries of events that this transaction has inserted; the deliveries' numbers. `missed`:
        as `IntakeTransaction.insert`."""
        take_numbers(self._session, [event for event in events if event.number is not None])
        self._accepted.update(((event.tenant_id, event.id), event.accepted_at) for event in events)
        seqs = self.numbers.draw(len(events) + len(deliveries))
        placed = enumerate(zip(events, seqs, strict=False))
        rows = [(*event, seq, missed.get(place)) for place, (event, seq) in placed]
        try:
            self._session.copy(_SQL["copy_events"], _EVENT_TYPES, rows)
        except pg.CheckViolation as error:
            self._days.forget()
            raise Retryable("The day of an event was dropped, or is still to be made.") from error
        drawn = seqs[len(events) :]
        insert_deliveries(self._session, [self._row(*pair) for pair in zip(deliveries, drawn, strict=True)])
        return drawn

    def _row(self, new: NewDelivery, seq: int) -> DeliveryRow:
        """New work, or (due after its event was accepted) work for later."""
        tenant_id, endpoint_id, event_id, ordering_key, due_at = new
        event_at = self._accepted[tenant_id, event_id]
        return tenant_id, endpoint_id, event_id, ordering_key, due_at, seq, 0, 0, event_at, due_at > event_at


def insert_deliveries(session: Session, rows: Sequence[DeliveryRow]) -> None:
    """Append deliveries."""
    session.copy(_SQL["copy_deliveries"], _DELIVERY_TYPES, rows)


def take_numbers(session: Session, events: Sequence[Event]) -> None:
    """Claim the numbers of events that have one. Raises BadRow when another event has it, and Retryable when another
    transaction is about to take it."""
    if not events:
        return
    claims = sorted((event.tenant_id, str(event.number), event.id) for event in events)
    asked = {
        "tenant_ids": [tenant_id for tenant_id, _, _ in claims],
        "keys": [key for _, key, _ in claims],
        "event_ids": [event_id for _, _, event_id in claims],
    }
    try:
        session.simple(b"SET LOCAL lock_timeout = '500ms'")
        taken = session.change(_SQL["take_numbers"], asked)
        session.simple(b"RESET lock_timeout")
    except pg.LockNotAvailable as error:
        raise Retryable("Another transaction is about to take one of the numbers.") from error
    if taken < len(claims):
        raise BadRow("There is an event with this number already.")


def ring_lanes(session: Session, rings: Sequence[tuple[str, str, int]]) -> None:
    """Bring the bells of (tenant, endpoint) forward to a time, in the order of the endpoints."""
    if not rings:
        return
    # An UPDATE from several rows for one lane would take any of them.
    earliest: dict[tuple[str, str], int] = {}
    for tenant_id, endpoint_id, due_at in rings:
        name = endpoint_id, tenant_id
        earliest[name] = min(due_at, earliest.get(name, due_at))
    names = sorted(earliest)
    asked = {
        "endpoint_ids": [endpoint_id for endpoint_id, _ in names],
        "tenant_ids": [tenant_id for _, tenant_id in names],
        "due_ats": [earliest[name] for name in names],
    }
    session.change(_SQL["ring_lanes"], asked)
