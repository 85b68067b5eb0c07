"""The SQLite store's settlements and resends: how deliveries end and how they start again.

A batch is judged in Python against one read of its deliveries, and written by a statement or two for each table. An
attempt id is looked up only where the delivery is not as the attempt left it, because what was settled before has
moved its delivery. If an id turns out to be in the log all the same, the batch is rolled back and every id looked
up. The figures of a day count every request of an event that left, superseded ones too, since the log shows them.
"""

from collections.abc import Sequence
from typing import Final

import apsw
import msgspec

from ringback.model.attempt import Attempt
from ringback.model.endpoint import Ordering, delivery_key
from ringback.model.event import Delivery
from ringback.store.judging import Judgement, Standing, as_left
from ringback.store.port import BadRow, Settlement
from ringback.store.queries import load
from ringback.store.sqlite.arrivals import ring_lanes
from ringback.store.sqlite.connection import ManyRows, SqlitePart, change, first, rows
from ringback.store.sqlite.json_lists import json_list
from ringback.store.sqlite.rules import insert_notices


def _bytes_of(attempt: Attempt) -> int:
    """What is large in it, if anything is."""
    return len(attempt.request_body or b"") + len(attempt.response_body or b"") + len(attempt.response_headers or b"")


_SQL: Final = load("sqlite")
_KNOWN_ATTEMPTS: Final = ManyRows(_SQL["known_attempts"])
_REDACTED_EVENTS: Final = ManyRows(_SQL["redacted_events"])
_INSERT_ATTEMPTS: Final = ManyRows(_SQL["insert_attempts"], _bytes_of)
_RESCHEDULE: Final = ManyRows(_SQL["reschedule_deliveries"])
_COUNT: Final = ManyRows(_SQL["count_attempts"])

_STANDINGS: Final = msgspec.json.Decoder(list[tuple[int, str, str, str, int]])


class SqliteSettlements(SqlitePart):
    """`Settlements`."""

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        if not settlements:
            return []
        try:
            return self._settle(settlements, check_all=False)
        except BadRow:
            return self._settle(settlements, check_all=True)

    def _settle(self, settlements: Sequence[Settlement], *, check_all: bool) -> list[bool]:
        with self._writer.transaction() as connection:
            standings = _read_standings(connection, settlements)
            doubtful = settlements if check_all else [s for s in settlements if not as_left(s, standings)]
            batch = Judgement(standings, _read_known(connection, doubtful), _read_redacted(connection, doubtful))
            answers = [batch.judge(settlement) for settlement in settlements]
            _write(connection, batch)
        return answers


def _write(connection: apsw.Connection, judged: Judgement) -> None:
    """Everything, in a few statements."""
    _INSERT_ATTEMPTS.run(connection, judged.attempts)
    if judged.finished:
        connection.execute(_SQL["delete_deliveries"], {"seqs": json_list([seq for _, seq in judged.finished])})
    _RESCHEDULE.run(connection, [again[1:] for again in judged.again.values()])
    _COUNT.run(connection, [(*name, *counts) for name, counts in judged.days.items()])
    if judged.notices:
        insert_notices(connection, judged.notices)


class SqliteResends(SqlitePart):
    """`Resends`."""

    def resend(self, tenant_id: str, event_id: str, endpoint_ids: Sequence[str], now: int) -> int:
        name = {"tenant_id": tenant_id, "event_id": event_id}
        with self._writer.transaction() as connection:
            event = first(connection, _SQL["event_to_resend"], name)
            if event is None:
                return 0
            asked = {"tenant_id": tenant_id, "endpoint_ids": json_list(endpoint_ids)}
            orderings = dict(rows(connection, _SQL["endpoints_to_resend_to"], asked))
            pending = [Delivery(*row) for row in rows(connection, _SQL["pending_deliveries"], name)]
            queued = {row.endpoint_id for row in pending}
            late = [row.seq for row in pending if row.endpoint_id in orderings and row.due_at > now]
            made = change(connection, _SQL["hasten_deliveries"], {"seqs": json_list(late), "now": now})
            numbers = dict(rows(connection, _SQL["last_numbers"], name))
            for endpoint_id in orderings.keys() - queued:
                delivery = {
                    **name,
                    "endpoint_id": endpoint_id,
                    "ordering_key": delivery_key(Ordering(orderings[endpoint_id]), event[0]),
                    "now": now,
                    "attempts": numbers.get(endpoint_id, 0),
                }
                made += change(connection, _SQL["insert_resent_delivery"], delivery)
            ring_lanes(connection, [(tenant_id, endpoint_id, now) for endpoint_id in sorted(orderings)])
            return made

    def hasten_step(self, tenant_id: str, endpoint_id: str, now: int, limit: int) -> int:
        asked = {"tenant_id": tenant_id, "endpoint_id": endpoint_id, "now": now, "limit": limit}
        with self._writer.transaction() as connection:
            if hastened := change(connection, _SQL["hasten_retries"], asked):
                ring_lanes(connection, [(tenant_id, endpoint_id, now)])
            return hastened


def _read_standings(connection: apsw.Connection, settlements: Sequence[Settlement]) -> dict[int, Standing]:
    seqs = json_list([settlement.seq for settlement in settlements])
    (found,) = first(connection, _SQL["deliveries_as_stored"], {"seqs": seqs})
    return {
        seq: (tenant_id, endpoint_id, event_id, attempts)
        for seq, tenant_id, endpoint_id, event_id, attempts in _STANDINGS.decode(found)
    }


def _read_known(connection: apsw.Connection, settlements: Sequence[Settlement]) -> dict[tuple[str, str], bool]:
    """Which of the attempts are in the log already, and whether they were superseded."""
    names = [(settlement.attempt.tenant_id, settlement.attempt.id) for settlement in settlements]
    found = _KNOWN_ATTEMPTS.run(connection, names)
    return {(tenant_id, attempt_id): bool(superseded) for tenant_id, attempt_id, superseded in found}


def _read_redacted(connection: apsw.Connection, settlements: Sequence[Settlement]) -> set[tuple[str, str | None]]:
    """Which of the attempts' events are redacted: (tenant, event)."""
    names = [(settlement.attempt.tenant_id, settlement.attempt.event_id) for settlement in settlements]
    return {(tenant_id, event_id) for tenant_id, event_id in _REDACTED_EVENTS.run(connection, names)}
