"""What the API hands to the ingest writer, and what comes back: values without behaviour.

A submission is one caller's request: one event, an all-or-none batch of them, or changes of records, which make events
of their own. The writer fills `outcome` (and `results`, one for each change of a record) and reports the submission as
done; whoever made it leaves in `waiter` what is to be called then.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from ringback.ingest.record_write import RecordOutcome, RecordWrite
from ringback.model.errors import RingbackError
from ringback.model.event import DueDelivery, Event
from ringback.store.port import KeyClaim

INTERNAL = "internal"


class Accepted(NamedTuple):
    """One accepted event. `duplicate`: it had been accepted before and nothing was sent now."""

    id: str
    type: str
    accepted_at: int
    deliveries: int
    duplicate: bool


class RecordResult(NamedTuple):
    """What became of a change of a record. `revision` is the one that is stored now (0: there is none). `changed` are
    JSON pointers. `events`: the record's own first, if there is one (`has_event`), then those of triggers."""

    type: str
    id: str
    revision: int
    outcome: RecordOutcome
    changed: tuple[str, ...]
    has_event: bool
    events: Sequence[Accepted]


class Submission:
    """One caller's events or changes of records, checked and ready to be stored.

    `events[i]` is claimed by `claims[i]` (None: an id of our own making). `idempotency` claims the request as a whole.
    `form` says for the metrics how they came: `single`, `array`, `ndjson`, or `internal` where no request brought them.
    `size` counts events and writes.
    """

    __slots__ = (
        "claims",
        "events",
        "form",
        "idempotency",
        "outcome",
        "payload_bytes",
        "results",
        "size",
        "trace",
        "waiter",
        "writes",
    )

    def __init__(
        self,
        events: list[Event],
        claims: list[KeyClaim | None],
        idempotency: KeyClaim | None,
        waiter: Callable[[], None] | None = None,
        *,
        form: str = INTERNAL,
        writes: Sequence[RecordWrite] = (),
    ) -> None:
        self.events = events
        self.claims = claims
        self.idempotency = idempotency
        self.waiter = waiter
        self.form = form
        self.writes = writes
        self.size = len(events) + len(writes)
        self.trace: str | None = None
        self.payload_bytes = 0
        for event in events:  # mostly one: sum() over a generator costs five times as much
            self.payload_bytes += len(event.data)
            if event.previous is not None:
                self.payload_bytes += len(event.previous)
        for write in writes:
            self.payload_bytes += len(write.data)
        self.outcome: list[Accepted] | RingbackError | None = None
        self.results: Sequence[RecordResult] = ()

    @property
    def tenant_id(self) -> str:
        """All of it is one tenant's."""
        return self.events[0].tenant_id if self.events else self.writes[0].tenant_id

    def carry(self, trace: str) -> None:
        """From now on the events belong to this trace."""
        self.trace = trace
        self.events = [event._replace(trace=trace) for event in self.events]


class HandOver(Protocol):
    """The way from ingest to the engine of the same process; `compose` wires it. Any thread may call it."""

    def mark(self) -> int:
        """A number that grows whenever a lane is claimed. Taken before BEGIN."""

    def hand_over(self, mark: int, rows: list[DueDelivery]) -> list[DueDelivery]:
        """After COMMIT: offer rows of lanes that this process owns. Returns those it will not see to; their lanes'
        bells must be rung. Those it takes it sends, or fetches, or rings for."""

    def rang(self) -> None:
        """The bells of what `hand_over` returned have been rung: a good moment to look for work."""


class NoEngine:
    """The hand-over of a process without an engine: every bell is rung."""

    def mark(self) -> int:
        return 0

    def hand_over(self, mark: int, rows: list[DueDelivery]) -> list[DueDelivery]:
        return rows

    def rang(self) -> None:
        """Nobody here listens; the store tells other processes of the ring (`store.port.Wakeups`), and they poll."""
