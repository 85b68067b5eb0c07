"""The SQLite store's settlements and resends: how deliveries end and how they start again.

A batch is judged in Python against one read of its deliveries, and written by a statement or two for each table. An
attempt id is looked up only where the delivery is not as the attempt left it, because what was settled before has
moved its delivery. If an id turns out to be in the log all the same, the batch is rolled back and every id looked
up. The figures of a day count every request of an event that left, superseded ones too, since the log shows them.
"""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Final

import apsw
import msgspec

from ringback.model.attempt import Attempt, Outcome
from ringback.model.endpoint import Ordering, delivery_key
from ringback.model.event import Delivery
from ringback.store.port import BadRow, Settlement
from ringback.store.queries import load
from ringback.store.sqlite.arrivals import ring_lanes
from ringback.store.sqlite.connection import ManyRows, SqlitePart, change, first, rows
from ringback.store.sqlite.json_lists import json_list
from ringback.times import DAY_MS

_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()


def _bytes_of(attempt: Attempt) -> int:
    """What is large in it, if anything is."""
    return len(attempt.request_body or b"") + len(attempt.response_body or b"") + len(attempt.response_headers or b"")


_SQL: Final = load("sqlite")
_KNOWN_ATTEMPTS: Final = ManyRows(_SQL["known_attempts"])
_REDACTED_EVENTS: Final = ManyRows(_SQL["redacted_events"])
_INSERT_ATTEMPTS: Final = ManyRows(_SQL["insert_attempts"], _bytes_of)
_RESCHEDULE: Final = ManyRows(_SQL["reschedule_deliveries"])
_COUNT: Final = ManyRows(_SQL["count_attempts"])

_Standing = tuple[str, str, int]
"""Tenant, endpoint and attempts of a delivery as it is stored."""
_STANDINGS: Final = msgspec.json.Decoder(list[tuple[int, str, str, int]])


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
            doubtful = settlements if check_all else [s for s in settlements if not _as_left(s, standings)]
            batch = _Batch(standings, _read_known(connection, doubtful), _read_redacted(connection, doubtful))
            answers = [batch.judge(settlement) for settlement in settlements]
            batch.write(connection)
        return answers


class _Batch:
    """What a batch of settlements comes to, before any of it is written."""

    def __init__(
        self,
        standings: dict[int, _Standing],
        known: dict[tuple[str, str], bool],
        redacted: set[tuple[str, str | None]],
    ) -> None:
        self._standings = standings
        self._known = known  # (tenant, attempt) → superseded
        self._redacted = redacted  # (tenant, event)
        self._attempts: list[Attempt] = []
        self._finished: list[int] = []
        self._again: dict[int, tuple[int, int, int, int]] = {}
        self._days: dict[tuple[str, str, str], list[int]] = {}

    def judge(self, settlement: Settlement) -> bool:
        """Whether the delivery is as expected. What follows from it is kept for `write`."""
        attempt = settlement.attempt
        name = attempt.tenant_id, attempt.id
        superseded = self._known.get(name)
        if superseded is not None:
            return not superseded
        expected = attempt.event_id is None or self._move(settlement)
        self._known[name] = not expected
        self._attempts.append(attempt if expected else self._superseded(attempt))
        if attempt.event_id is not None:
            self._count(attempt)
        return expected

    def _superseded(self, attempt: Attempt) -> Attempt:
        """An event that was redacted while it was in flight has lost its delivery: its bodies must not come back."""
        superseded = attempt._replace(superseded=True)
        return superseded.without_bodies() if (attempt.tenant_id, attempt.event_id) in self._redacted else superseded

    def _move(self, settlement: Settlement) -> bool:
        """Finish or reschedule. A success ends the delivery whatever its number: the receiver has the event. A
        failure counts only if it is the one that the row waits for."""
        attempt = settlement.attempt
        seq = settlement.seq
        standing = self._standings.get(seq)
        if standing is None or standing[:2] != (attempt.tenant_id, attempt.endpoint_id):
            return False
        succeeded = settlement.retry_at is None and attempt.outcome == Outcome.SUCCEEDED
        if not succeeded and standing[2] != attempt.number - 1:
            return False
        self._again.pop(seq, None)
        if settlement.retry_at is None:
            del self._standings[seq]
            self._finished.append(seq)
        else:
            self._standings[seq] = *standing[:2], attempt.number
            self._again[seq] = seq, settlement.retry_at, attempt.number, settlement.tries
        return True

    def _count(self, attempt: Attempt) -> None:
        if attempt.outcome == Outcome.SUCCEEDED:
            place = 0
        elif attempt.outcome == Outcome.FAILED:
            place = 1
        else:
            return
        name = attempt.tenant_id, attempt.endpoint_id, _day(attempt.at // DAY_MS)
        counts = self._days.get(name)
        if counts is None:
            counts = self._days[name] = [0, 0]
        counts[place] += 1

    def write(self, connection: apsw.Connection) -> None:
        """Everything, in a few statements."""
        _INSERT_ATTEMPTS.run(connection, self._attempts)
        if self._finished:
            connection.execute(_SQL["delete_deliveries"], {"seqs": json_list(self._finished)})
        _RESCHEDULE.run(connection, list(self._again.values()))
        _COUNT.run(connection, [(*name, *counts) for name, counts in self._days.items()])


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


def _read_standings(connection: apsw.Connection, settlements: Sequence[Settlement]) -> dict[int, _Standing]:
    seqs = json_list([settlement.seq for settlement in settlements])
    (found,) = first(connection, _SQL["deliveries_as_stored"], {"seqs": seqs})
    return {
        seq: (tenant_id, endpoint_id, attempts) for seq, tenant_id, endpoint_id, attempts in _STANDINGS.decode(found)
    }


def _as_left(settlement: Settlement, standings: dict[int, _Standing]) -> bool:
    attempt = settlement.attempt
    return standings.get(settlement.seq) == (attempt.tenant_id, attempt.endpoint_id, attempt.number - 1)


def _read_known(connection: apsw.Connection, settlements: Sequence[Settlement]) -> dict[tuple[str, str], bool]:
    """Which of the attempts are in the log already, and whether they were superseded."""
    names = [(settlement.attempt.tenant_id, settlement.attempt.id) for settlement in settlements]
    found = _KNOWN_ATTEMPTS.run(connection, names)
    return {(tenant_id, attempt_id): bool(superseded) for tenant_id, attempt_id, superseded in found}


def _read_redacted(connection: apsw.Connection, settlements: Sequence[Settlement]) -> set[tuple[str, str | None]]:
    """Which of the attempts' events are redacted: (tenant, event)."""
    names = [(settlement.attempt.tenant_id, settlement.attempt.event_id) for settlement in settlements]
    return {(tenant_id, event_id) for tenant_id, event_id in _REDACTED_EVENTS.run(connection, names)}


@lru_cache(maxsize=64)
def _day(days: int) -> str:
    """`2026-11-21` for the number of days since 1970, UTC."""
    return date.fromordinal(_EPOCH_DAY + days).isoformat()
