"""Numbers for events that are sent outside of their turn, by contracts that call events by number.

Ingest gives each event of a tenant with such an endpoint its number. What was accepted before that has none until it
is resent or replayed to one; a test has none unless it is for one. Numbers that are taken are drawn again (`numbers`).
"""

from collections.abc import Iterable, Sequence

from ringback.clock import Clock
from ringback.model.endpoint import Endpoint
from ringback.model.event import Event
from ringback.numbers import Numbers
from ringback.profiles import Registry
from ringback.store.port import IntakeTransaction, NumberGiving


class Numbering:
    """Who needs numbers, and how events get them."""

    def __init__(self, store: NumberGiving, clock: Clock, profiles: Registry) -> None:
        self._store = store
        self._clock = clock
        self._profiles = profiles
        self._numbers = Numbers(clock)

    def needed_by(self, endpoints: Iterable[Endpoint]) -> bool:
        """Whether requests to any of them carry the event's number."""
        return any(self._profiles.needs_number(endpoint.profile) for endpoint in endpoints)

    def draw(self, now_ms: int) -> int:
        """A number for an event that is not stored."""
        return self._numbers.next(now_ms)

    def give(self, tenant_id: str, event_ids: Sequence[str]) -> None:
        """A number to each of these stored events that has none."""
        now = self._clock.now_ms()
        while event_ids:
            numbers = [(event_id, self._numbers.next(now)) for event_id in event_ids]
            event_ids = self._store.number_events(tenant_id, numbers)

    def numbered(self, event: Event, transaction: IntakeTransaction) -> Event:
        """A new event with a number, about to be stored in this transaction."""
        events = [event._replace(number=self._numbers.next(event.accepted_at))]
        self._numbers.settle(events, [0], transaction.taken_numbers)
        return events[0]
