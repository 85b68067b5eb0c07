"""The SQLite store's write transactions for ingest, and the doorbells.

A transaction has the one connection that writes from `with` to its end: nothing else is written meanwhile, so it
is short. What a select finds inside it is still so when the insert comes. A COMMIT whose answer is lost can't happen
within one process: CommitInDoubt is never raised.
"""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self

import msgspec

from ringback.model.endpoint import Endpoint
from ringback.model.event import NOBODY_MISSED, Event, NewDelivery
from ringback.model.lane import Change
from ringback.model.tenant import Tenant
from ringback.store.port import Everything, IntakeTransaction, KeyClaim, Ring, TakenKey
from ringback.store.queries import load
from ringback.store.sealed_rows import SealedRows
from ringback.store.sqlite.arrivals import insert_events, ring_lanes
from ringback.store.sqlite.changes import read_changes, read_everything
from ringback.store.sqlite.config import read_tenants
from ringback.store.sqlite.connection import ManyRows, SqlitePart
from ringback.store.sqlite.endpoints import read_endpoints
from ringback.store.sqlite.errors import store_errors
from ringback.store.sqlite.json_lists import json_list
from ringback.store.sqlite.records import SqliteRecordTransaction
from ringback.store.sqlite.writer import Writer

KeyName = tuple[str, str, str]

_SQL: Final = load("sqlite")
_FIND_KEYS: Final = ManyRows(_SQL["find_keys"])
_TAKE_KEYS: Final = ManyRows(_SQL["take_keys"])
_TAKEN_NUMBERS: Final = ManyRows(_SQL["taken_numbers"])
_EVENT_IDS: Final = msgspec.json.Decoder(tuple[str, ...])


class SqliteTransaction(SqliteRecordTransaction):
    """One write transaction of the ingest writer; begins when it is entered."""

    def __init__(self, writer: Writer, sealed: SealedRows) -> None:
        self._writer = writer
        self._sealed = sealed
        self._ended = False

    def __enter__(self) -> Self:
        self._connection = self._writer.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._ended:
            self._ended = True
            self._writer.roll_back()

    def claim_keys(self, claims: Sequence[KeyClaim], now: int) -> dict[KeyName, TakenKey]:
        names = [claim[:3] for claim in claims]
        with store_errors():
            taken: dict[KeyName, TakenKey] = {}
            for tenant_id, kind, key, body_hash, event_ids, expires_at in _FIND_KEYS.run(self._connection, names):
                if expires_at is None or expires_at > now:
                    taken[tenant_id, kind, key] = TakenKey(body_hash, _EVENT_IDS.decode(event_ids))
            free = [claim for claim, name in zip(claims, names, strict=True) if name not in taken]
            values = [(*claim[:4], json_list(claim.event_ids), claim.expires_at) for claim in free]
            _TAKE_KEYS.run(self._connection, values)
            return taken

    def changes_since(self, version: int) -> Sequence[Change] | None:
        with store_errors():
            return read_changes(self._connection, version)

    def everything(self) -> Everything:
        with store_errors():
            return read_everything(self._connection)

    def tenants(self, tenant_ids: Sequence[str]) -> Sequence[Tenant]:
        with store_errors():
            return read_tenants(self._connection, tenant_ids)

    def endpoints(self, endpoint_ids: Sequence[str]) -> Sequence[Endpoint]:
        with store_errors():
            return read_endpoints(self._connection, endpoint_ids, self._sealed)

    def taken_numbers(self, numbers: Sequence[tuple[str, int]]) -> set[tuple[str, int]]:
        with store_errors():
            return {(tenant_id, number) for tenant_id, number in _TAKEN_NUMBERS.run(self._connection, numbers)}

    def insert(
        self, events: Sequence[Event], deliveries: Sequence[NewDelivery], missed: Mapping[int, str] = NOBODY_MISSED
    ) -> Sequence[int]:
        with store_errors():
            return insert_events(self._connection, events, deliveries, missed)

    def commit(self) -> None:
        self._ended = True
        self._writer.commit()


class SqliteIntake(SqlitePart):
    """`Intake`, `Bells` and `Wakeups`: nobody else has the file open, so nobody else rings."""

    def intake(self) -> IntakeTransaction:
        return SqliteTransaction(self._writer, self._sealed)

    def events_by_id(self, tenant_id: str, event_ids: Sequence[str]) -> Sequence[Event]:
        found = self._read(_SQL["events_by_id"], {"tenant_id": tenant_id, "ids": json_list(event_ids)})
        return [Event(*row) for row in found]

    def ring(self, rings: Sequence[Ring]) -> None:
        with self._writer.transaction() as connection:
            ring_lanes(connection, rings)

    @property
    def shared(self) -> bool:
        return False

    def wait_for_ring(self, seconds: float) -> bool:
        return False
