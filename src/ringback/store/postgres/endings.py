"""How deliveries end in the PostgreSQL store without a request: each leaves a record in the log.

Works inside the caller's transaction, which holds the events: nobody queues them again meanwhile. The deliveries are
held in the order of their keys; whoever settles one at the same time comes before or after. The day of the records has
to be there.
"""

from collections.abc import Sequence
from typing import Any, Final

from ringback.model.attempt import Outcome, ended_without_request
from ringback.model.event import Delivery
from ringback.store.postgres.connection import Database
from ringback.store.postgres.session import Session
from ringback.store.postgres.settle import append_attempts
from ringback.store.queries import load

_SQL: Final = load("postgres")


def lock_deliveries(session: Session, tenant_id: str, event_ids: Sequence[str], limit: int) -> list[Delivery]:
    """Hold up to `limit` deliveries of these events; none only if there are none."""
    asked = {"tenant_id": tenant_id, "event_ids": list(event_ids), "limit": limit}
    while True:
        found = [Delivery(*row) for row in session.rows(_SQL["lock_deliveries_of_events"], asked)]
        # Those that were waited for may all have been settled meanwhile, and others be left.
        if found or session.first(_SQL["has_deliveries_of_events"], asked) is None:
            return found


def end_deliveries(
    session: Session,
    database: Database,
    ending: Sequence[tuple[Delivery, str | None]],
    outcome: Outcome,
    now: int,
) -> int:
    """End deliveries that are held, each with its event's type; how many."""
    if ending:
        records = [ended_without_request(row, event_type, outcome, now) for row, event_type in ending]
        append_attempts(session, database, records)
        ended = {"tenant_ids": [row.tenant_id for row, _ in ending], "seqs": [row.seq for row, _ in ending]}
        session.change(_SQL["delete_deliveries"], ended)
    return len(ending)


def names_of(events: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """How statements are told of events by (id, time), none of them twice: of one id the first."""
    times = [at for _, at in events]
    return {"ids": [event_id for event_id, _ in events], "times": times, "from_at": min(times), "to_at": max(times)}
