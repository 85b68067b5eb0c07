"""What `ingest` asks of a store: one write transaction at a time, keys, and the doorbells."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from ringback.model.endpoint import Endpoint
from ringback.model.event import NOBODY_MISSED, Event, NewDelivery
from ringback.model.lane import Change
from ringback.model.tenant import Tenant
from ringback.store.port.records import RecordTransaction


class KeyClaim(NamedTuple):
    """A key that a caller chose, to be unique in its tenant.

    `kind` is `event` (a caller's event id; lives as long as the event) or `idempotency` (until `expires_at`).
    """

    tenant_id: str
    kind: str
    key: str
    body_hash: bytes
    event_ids: tuple[str, ...]
    expires_at: int | None


class TakenKey(NamedTuple):
    """Who has a key already: the hash of the first body and the events it made."""

    body_hash: bytes
    event_ids: tuple[str, ...]


class Everything(NamedTuple):
    """The configuration as a whole, for a follower that has missed changes: as if each thing had just been changed."""

    version: int
    changes: Sequence[Change]


class IntakeTransaction(RecordTransaction, Protocol):
    """One write transaction of the ingest writer. Leaving the block without `commit` rolls back."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def claim_keys(self, claims: Sequence[KeyClaim], now: int) -> dict[tuple[str, str, str], TakenKey]:
        """Take the keys that are free (or expired); return (tenant, kind, key) → owner for those that are not.

        The claims are distinct. Keys are taken in key order.
        """

    def changes_since(self, version: int) -> Sequence[Change] | None:
        """Configuration changes after `version`, oldest first, as this transaction sees them; None when some of them
        are not kept any more (`Retention.trim_changes_step`): then only `everything` tells."""

    def everything(self) -> Everything:
        """Every tenant, endpoint, record type and trigger that exists, as this transaction sees them."""

    def tenants(self, tenant_ids: Sequence[str]) -> Sequence[Tenant]:
        """Those of the tenants that exist."""

    def endpoints(self, endpoint_ids: Sequence[str]) -> Sequence[Endpoint]:
        """Those of the endpoints that exist and are not deleted."""

    def taken_numbers(self, numbers: Sequence[tuple[str, int]]) -> set[tuple[str, int]]:
        """Those (tenant, number) that an event has already, of what this transaction sees, its own rows included."""

    def insert(
        self, events: Sequence[Event], deliveries: Sequence[NewDelivery], missed: Mapping[int, str] = NOBODY_MISSED
    ) -> Sequence[int]:
        """Append events and their deliveries; the `seq` drawn for each delivery, in the order given.

        `missed` is what is kept of those that an event does not go to (`policy.missed`), by the event's place in
        `events`. Within one transaction later deliveries have higher numbers. Raises BadRow for an event whose id or
        number is there already; Retryable when another open transaction is about to take the number.
        """

    def commit(self) -> None:
        """Make it durable. Raises CommitInDoubt when the answer was lost."""


class Intake(Protocol):
    """For `ingest.writer`."""

    @property
    def by_tenant(self) -> bool:
        """Whether a transaction of one tenant is cheaper than one of many: the store is spread over machines by tenant.
        The same from its opening on."""

    def intake(self) -> IntakeTransaction:
        """Open a write transaction."""

    def events_by_id(self, tenant_id: str, event_ids: Sequence[str]) -> Sequence[Event]:
        """Those events that exist, in the order asked (to answer for duplicates and to settle doubt)."""


class Ring(NamedTuple):
    """Ring a lane's doorbell: somebody has to look at it from `due_at` on."""

    tenant_id: str
    endpoint_id: str
    due_at: int


class Bells(Protocol):
    """For `ingest.writer` and the engine: doorbells."""

    def ring(self, rings: Sequence[Ring]) -> None:
        """Set due_at = max(ring.due_at, not_before) where it is None or later, whether the lane is owned or not.

        Lanes are taken in key order. An unknown lane is passed over (its deliveries are the sweep's).
        """


class Wakeups(Protocol):
    """For `engine.listener`: hints that bells were rung elsewhere. Polling is the truth, so one may get lost."""

    @property
    def shared(self) -> bool:
        """Whether other processes may have the store open too. Where they may not, nobody waits for a ring."""

    def wait_for_ring(self, seconds: float) -> bool:
        """Block for up to `seconds`; True as soon as another process has rung lanes, also since the last call.

        Rung by `Bells.ring`, by a resend, or by whatever else makes work due now. Many rings at once may be one. One
        thread waits at a time. Answers False at once where the store is not shared.
        """
