"""What the API hands to the ingest writer, and what comes back: values without behaviour.

A submission is one caller's request: one event or an all-or-none batch. The writer fills `outcome` and reports the
submission as done; whoever made it leaves in `waiter` what is to be called then.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

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


class Submission:
    """One caller's events, checked and ready to be stored.

    `events[i]` is claimed by `claims[i]` (None: an id of our own making). `idempotency` claims the request as a whole.
    `form` says for the metrics how they came: `single`, `array`, `ndjson`, or `internal` where no request brought them.
    """

    __slots__ = ("claims", "events", "form", "idempotency", "outcome", "payload_bytes", "waiter")

    def __init__(
        self,
        events: list[Event],
        claims: list[KeyClaim | None],
        idempotency: KeyClaim | None,
        waiter: Callable[[], None] | None = None,
        form: str = INTERNAL,
    ) -> None:
        self.events = events
        self.claims = claims
        self.idempotency = idempotency
        self.waiter = waiter
        self.form = form
        self.payload_bytes = 0
        for event in events:  # mostly one: sum() over a generator costs five times as much
            self.payload_bytes += len(event.data)
            if event.previous is not None:
                self.payload_bytes += len(event.previous)
        self.outcome: list[Accepted] | RingbackError | None = None

    def carry(self, trace: str) -> None:
        """From now on the events belong to this trace."""
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
