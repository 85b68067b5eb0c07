"""The PostgreSQL store's resends: how deliveries start again.

Whoever queues an event that is there already holds its row until the commit. So of two who do it at once the second one
sees what the first has queued, and a redaction comes before or after, never in between. What is in the queue is read
by a statement of its own, after the row is held.
"""

from collections.abc import Sequence
from typing import Final

from ringback.model.endpoint import Ordering, delivery_key
from ringback.store.postgres.again import tried_again
from ringback.store.postgres.arrivals import DeliveryRow, Numbers, insert_deliveries, ring_lanes
from ringback.store.postgres.connection import PostgresPart
from ringback.store.queries import load

_SQL: Final = load("postgres")


class PostgresResends(PostgresPart):
    """`Resends`."""

    @tried_again
    def resend(self, tenant_id: str, event_id: str, endpoint_ids: Sequence[str], now: int) -> int:
        name = {"tenant_id": tenant_id, "event_id": event_id}
        with self._db.writing() as session:
            event = session.first(_SQL["lock_event_to_resend"], name)
            if event is None:
                return 0
            asked = {"tenant_id": tenant_id, "endpoint_ids": list(endpoint_ids)}
            orderings = dict(session.rows(_SQL["endpoints_to_resend_to"], asked))
            pending = session.rows(_SQL["lock_pending_deliveries"], name)
            queued = {endpoint_id for endpoint_id, _, _ in pending}
            late = [seq for endpoint_id, seq, due_at in pending if endpoint_id in orderings and due_at > now]
            if late:
                session.change(_SQL["hasten_deliveries"], {"tenant_id": tenant_id, "seqs": late, "now": now})
            log = dict(session.rows(_SQL["last_numbers"], name))
            going = sorted(orderings.keys() - queued)
            drawn = zip(going, Numbers(session).draw(len(going)), strict=True)
            insert_deliveries(
                session,
                [
                    again(
                        (tenant_id, endpoint_id, event_id, event[1]),
                        delivery_key(Ordering(orderings[endpoint_id]), event[0]),
                        seq,
                        log.get(endpoint_id, 0),
                        now,
                    )
                    for endpoint_id, seq in drawn
                ],
            )
            ring_lanes(session, [(tenant_id, endpoint_id, now) for endpoint_id in sorted(orderings)])
        return len(late) + len(going)

    def hasten_step(self, tenant_id: str, endpoint_id: str, now: int, limit: int) -> int:
        asked = {"tenant_id": tenant_id, "endpoint_id": endpoint_id, "now": now, "limit": limit}
        with self._db.writing() as session:
            hastened = session.change(_SQL["hasten_retries"], asked)
            if hastened:
                ring_lanes(session, [(tenant_id, endpoint_id, now)])
        return hastened


def again(name: tuple[str, str, str, int], ordering_key: str | None, seq: int, attempts: int, now: int) -> DeliveryRow:
    """New work that counts on from the log. `name`: tenant, endpoint, event, the event's time."""
    tenant_id, endpoint_id, event_id, event_at = name
    return tenant_id, endpoint_id, event_id, ordering_key, now, seq, attempts, 0, event_at, False
