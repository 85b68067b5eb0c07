"""The PostgreSQL store's write transactions for ingest, and the doorbells.

Many transactions are open at once, in this process and in others. A key that another one is about to take is waited
for: then it is taken or free. A COMMIT whose answer is lost is settled by asking the server; only when that can't tell
is CommitInDoubt raised.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Final, Self

from ringback.model.endpoint import Endpoint
from ringback.model.event import NOBODY_MISSED, Event, NewDelivery
from ringback.model.ids import looks_made
from ringback.model.lane import Change
from ringback.model.tenant import Tenant
from ringback.store.port import BadRow, Everything, IntakeTransaction, KeyClaim, Retryable, Ring, TakenKey
from ringback.store.postgres.arrivals import Arrivals, ring_lanes
from ringback.store.postgres.changes import read_changes, read_everything
from ringback.store.postgres.config import read_tenants
from ringback.store.postgres.connection import Database, PostgresPart
from ringback.store.postgres.days import EVENT
from ringback.store.postgres.endpoints import read_endpoints
from ringback.store.postgres.errors import store_errors
from ringback.store.postgres.records import PostgresRecordTransaction
from ringback.store.postgres.session import Session
from ringback.store.queries import load
from ringback.store.sealed_rows import SealedRows

KeyName = tuple[str, str, str]

_CLAIM_TRIES: Final = 5

_SQL: Final = load("postgres")


class PostgresTransaction(PostgresRecordTransaction):
    """One write transaction of the ingest writer; begins when it is entered."""

    def __init__(self, database: Database, sealed: SealedRows) -> None:
        self._db = database
        self._sealed = sealed
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with store_errors():
            self._session = self._stack.enter_context(self._db.opened())
            try:
                self._session.begin()
            except BaseException:
                self._stack.close()
                raise
        self._arrivals = Arrivals(self._session, self._db.days)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()  # what is not committed is rolled back when the session is given back

    def claim_keys(self, claims: Sequence[KeyClaim], now: int) -> dict[KeyName, TakenKey]:
        if not claims:
            return {}
        with store_errors():
            self._refuse_ids_of_ours(claims)
            open_ones = {claim[:3]: claim for claim in sorted(claims, key=_name)}
            taken: dict[KeyName, TakenKey] = {}
            for _ in range(_CLAIM_TRIES):
                for name in _take(self._session, list(open_ones.values()), now):
                    del open_ones[name]
                if not open_ones:
                    return taken
                # A key that neither was free nor has an owner lost it in between: again.
                for name, owner in _owners(self._session, list(open_ones)).items():
                    taken[name] = owner
                    del open_ones[name]
                if not open_ones:
                    return taken
            raise Retryable("Keys are taken and set free all the time.")

    def _refuse_ids_of_ours(self, claims: Sequence[KeyClaim]) -> None:
        """An id that Ringback made has no claim, and may stand in any day's partition."""
        chosen = [(claim.tenant_id, claim.key) for claim in claims if claim.kind == "event" and looks_made(claim.key)]
        if chosen:
            asked = {"tenant_ids": [tenant_id for tenant_id, _ in chosen], "ids": [key for _, key in chosen]}
            if self._session.first(_SQL["made_events_of_ids"], asked) is not None:
                raise BadRow("There is an event with this id already.")

    def changes_since(self, version: int) -> Sequence[Change] | None:
        with store_errors():
            return read_changes(self._session, version)

    def everything(self) -> Everything:
        with store_errors():
            return read_everything(self._session)

    def tenants(self, tenant_ids: Sequence[str]) -> Sequence[Tenant]:
        with store_errors():
            return read_tenants(self._session, tenant_ids)

    def endpoints(self, endpoint_ids: Sequence[str]) -> Sequence[Endpoint]:
        with store_errors():
            return read_endpoints(self._session, endpoint_ids, self._sealed)

    def taken_numbers(self, numbers: Sequence[tuple[str, int]]) -> set[tuple[str, int]]:
        asked = {
            "tenant_ids": [tenant_id for tenant_id, _ in numbers],
            "keys": [str(number) for _, number in numbers],
        }
        with store_errors():
            return {(tenant_id, int(key)) for tenant_id, key in self._session.rows(_SQL["taken_numbers"], asked)}

    def insert(
        self, events: Sequence[Event], deliveries: Sequence[NewDelivery], missed: Mapping[int, str] = NOBODY_MISSED
    ) -> Sequence[int]:
        with store_errors():
            self._db.have_days(EVENT, [event.accepted_at for event in events])
            return self._arrivals.insert(events, deliveries, missed)

    def commit(self) -> None:
        with store_errors():
            self._db.commit(self._session)


class PostgresIntake(PostgresPart):
    """`Intake` and `Bells`."""

    def intake(self) -> IntakeTransaction:
        return PostgresTransaction(self._db, self._sealed)

    def events_by_id(self, tenant_id: str, event_ids: Sequence[str]) -> Sequence[Event]:
        self._db.prove_doubts()
        with self._db.reading() as session:
            found = session.rows(_SQL["events_by_id"], {"tenant_id": tenant_id, "ids": list(event_ids)})
        return [Event(*row) for row in found]

    def ring(self, rings: Sequence[Ring]) -> None:
        if rings:
            with self._db.writing(hot=True) as session:
                ring_lanes(session, rings)
            self._db.looks.lower(min(ring.due_at for ring in rings))
            self._db.notifier.rang()


def _name(claim: KeyClaim) -> KeyName:
    return claim[:3]


def _take(session: Session, claims: Sequence[KeyClaim], now: int) -> list[KeyName]:
    """Take those keys that are free or expired. The claims are in key order."""
    asked = {
        "tenant_ids": [claim.tenant_id for claim in claims],
        "kinds": [claim.kind for claim in claims],
        "keys": [claim.key for claim in claims],
        "body_hashes": [claim.body_hash for claim in claims],
        "event_ids": [",".join(claim.event_ids) for claim in claims],
        "expires_ats": [claim.expires_at for claim in claims],
        "now": now,
    }
    return [tuple(row) for row in session.rows(_SQL["take_keys"], asked)]


def _owners(session: Session, names: Sequence[KeyName]) -> dict[KeyName, TakenKey]:
    """Who has these keys."""
    asked = {
        "tenant_ids": [tenant_id for tenant_id, _, _ in names],
        "kinds": [kind for _, kind, _ in names],
        "keys": [key for _, _, key in names],
    }
    return {
        (tenant_id, kind, key): TakenKey(body_hash, tuple(event_ids))
        for tenant_id, kind, key, body_hash, event_ids in session.rows(_SQL["owners_of_keys"], asked)
    }
