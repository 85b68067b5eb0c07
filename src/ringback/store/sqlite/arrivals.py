"""What the SQLite store writes wherever events arrive: their rows, their deliveries, and the bells of their lanes.

Works inside the caller's transaction. Rows go in by multi-row statements, a few steps for a batch.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import apsw

from ringback.model.event import NOBODY_MISSED, Event, NewDelivery, payload_bytes
from ringback.store.queries import load
from ringback.store.sqlite.connection import ManyRows

_SQL: Final = load("sqlite")
_INSERT_EVENTS: Final = ManyRows(_SQL["insert_events"], payload_bytes)
_INSERT_MISSED_EVENTS: Final = ManyRows(
    _SQL["insert_missed_events"], lambda row: payload_bytes(Event._make(row[:-1])) + len(row[-1] or "")
)
_INSERT_DELIVERIES: Final = ManyRows(_SQL["insert_deliveries"])
_RING_LANES: Final = ManyRows(_SQL["ring_lanes"])


def insert_events(
    connection: apsw.Connection,
    events: Sequence[Event],
    deliveries: Sequence[NewDelivery],
    missed: Mapping[int, str] = NOBODY_MISSED,
) -> Sequence[int]:
    """Append events and their deliveries; the `seq` drawn for each delivery, in the order given. `missed`: as
    `IntakeTransaction.insert`."""
    # What is due by the time its batch was accepted is new work; a batch without events can't tell.
    accepted_at = max((event.accepted_at for event in events), default=0)
    values = [(*delivery, delivery.due_at > accepted_at) for delivery in deliveries]
    if missed:
        _INSERT_MISSED_EVENTS.run(connection, [(*event, missed.get(place)) for place, event in enumerate(events)])
    else:
        _INSERT_EVENTS.run(connection, events)
    _INSERT_DELIVERIES.run(connection, values)
    if not values:
        return range(0)
    # Nobody else writes and AUTOINCREMENT counts one by one, so the numbers are the last ones.
    last = connection.last_insert_rowid()
    return range(last - len(values) + 1, last + 1)


def ring_lanes(connection: apsw.Connection, rings: Sequence[tuple[str, str, int]]) -> None:
    """Bring the bells of (tenant, endpoint) forward to a time."""
    # An UPDATE from several rows for one lane would take any of them.
    earliest: dict[tuple[str, str], int] = {}
    for tenant_id, endpoint_id, due_at in rings:
        name = tenant_id, endpoint_id
        earliest[name] = min(due_at, earliest.get(name, due_at))
    _RING_LANES.run(connection, sorted((*name, due_at) for name, due_at in earliest.items()))
