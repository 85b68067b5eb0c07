"""The days of events and attempts: one partition each, made ahead, and by whoever needs one that isn't there.

A partition is made beside the table and attached, which lets others read and write meanwhile. Before that it has rows
for a moment, from which the planner learns what it will be like (see the migrations). Which days there are is
remembered; that a day has gone is noticed when a row doesn't fit anywhere, and then all are asked for anew. A time
that no day can be made of is the row's fault (BadRow).
"""

import threading
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final

from ringback.store.port import BadRow
from ringback.store.postgres.address import identifier
from ringback.store.postgres.locks import PARTITIONS
from ringback.store.postgres.session import Session
from ringback.store.queries import load
from ringback.times import DAY_MS

EVENT: Final = "event"
ATTEMPT: Final = "attempt"
DAYS_AHEAD: Final = 3

_SQL: Final = load("postgres")
_EPOCH: Final = date(1970, 1, 1)
_LAST_DAY: Final = (date.max - _EPOCH).days

# A parent's storage parameters are not handed on to its partitions. Rows come at the end and are seldom touched.
_STORAGE: Final = (
    "WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.2, "
    "autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 2147483647)"
)
_SHOWN: Final = {EVENT: "show_events", ATTEMPT: "show_attempts"}


class Days:
    """Which partitions a process knows to be there."""

    def __init__(self) -> None:
        self._known: dict[str, set[int]] = {EVENT: set(), ATTEMPT: set()}
        self._making = threading.Lock()

    def missing(self, table: str, times: Iterable[int]) -> set[int]:
        """Days (counted from 1970, UTC) of these times that are not known to be there."""
        known = self._known[table]
        return {at // DAY_MS for at in times} - known

    def make(self, session: Session, table: str, days: Iterable[int]) -> int:
        """Make what isn't there of these days, each in a transaction of its own; how many were made."""
        made = 0
        with self._making:
            for day in sorted(set(days) - self._known[table]):
                made += _make(session, table, day)
                self._known[table].add(day)
        return made

    def forget(self) -> None:
        """Somebody may have dropped some."""
        for known in self._known.values():
            known.clear()


def name_of(table: str, day: int) -> str:
    """`event_20261121`."""
    return f"{table}_{_date(day):%Y%m%d}"


def day_of(name: str) -> int | None:
    """The day of a partition's name; None for other names."""
    try:
        moment = datetime.strptime(name.rpartition("_")[2], "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return (moment.date() - _EPOCH).days


def _date(day: int) -> date:
    if not 0 <= day <= _LAST_DAY:
        raise BadRow("The database refuses a row: its time is out of range.")
    return _EPOCH + timedelta(days=day)


def _make(session: Session, table: str, day: int) -> bool:
    """Make one day's partition unless somebody has."""
    name = name_of(table, day)
    session.rows(_SQL["lock_partitions"], PARTITIONS.params)
    try:
        if session.first(_SQL["table_exists"], {"name": name}) is not None:
            return False
        parent, partition = identifier(table), identifier(name)
        session.simple(
            f"BEGIN; CREATE TABLE {partition} (LIKE {parent} INCLUDING ALL) {_STORAGE}; "
            f"{_SQL[_SHOWN[table]].replace(f'{table}_of_day', partition)}; "
            f"ANALYZE {partition}; SAVEPOINT shown; TRUNCATE {partition}; RELEASE shown; "
            f"ALTER TABLE {parent} ATTACH PARTITION {partition} "
            f"FOR VALUES FROM ({day * DAY_MS}) TO ({(day + 1) * DAY_MS}); COMMIT".encode()
        )
        return True
    finally:
        if session.healthy:
            if session.in_transaction:
                session.roll_back()
            session.rows(_SQL["unlock_partitions"], PARTITIONS.params)
