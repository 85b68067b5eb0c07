"""What was promised, what receivers saw and what the log says, held against each other after trouble.

A request that a receiver saw and its line in the log are the same when event, endpoint and the second in which it was
signed are. What broke promises is listed, not raised one by one: one cause shows in many places.

The rules: every promised event arrived, and nothing is pending. Every request seen is in the log, but for those that
were on their way when their process was killed. What was sent again although it had arrived can be told from the log
(`maybe_repeated`, `superseded`, or a try whose answer was not read: a process that stood still met the timeout before
the answer), and there is no more of it than interruptions that it can be owed to. A request after one that the receiver
refused is a retry, which needs no excuse. In a lane with an order, a key's events arrived first in that order, each
after the one before had been taken.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from support.fleet import Fleet
from support.posting import Book, Promise
from support.sightings import Sighting
from support.wanted import Wanted

IN_FLIGHT_S: Final = 21.0  # the longest that a request takes
LATE_READ_S: Final = 0.5  # what was sent before a kill may be read after it
SHOWN: Final = 5


class Interruption(NamedTuple):
    """A process was killed, or kept from working, between two moments. `fatal`: what it had not recorded is lost."""

    name: str
    began_s: float
    ended_s: float
    fatal: bool


class Line(NamedTuple):
    """An attempt in the log. `sent_s` is None where no request was made, `status_code` where no answer was read."""

    event_id: str
    endpoint_id: str
    sent_s: int | None
    number: int
    outcome: str
    superseded: bool
    maybe_repeated: bool
    status_code: int | None

    @property
    def says_that_it_may_come_again(self) -> bool:
        return self.maybe_repeated or self.superseded or (self.sent_s is not None and self.status_code is None)


Delivery = tuple[str, str]
"""(event, path of the endpoint)"""


def read_log(fleet: Fleet) -> list[Line]:
    """Every attempt."""
    found = fleet.sql(
        "SELECT event_id, endpoint_id, request_headers, number, outcome, superseded, maybe_repeated, status_code "
        "FROM attempt ORDER BY number, id"
    )
    lines = []
    for event_id, endpoint_id, headers, *rest in found:
        assert isinstance(headers, bytes)
        sent = next((int(value) for name, value in json.loads(headers) if name == "webhook-timestamp"), None)
        lines.append(Line(event_id, endpoint_id, sent, *rest))  # type: ignore[arg-type]
    return lines


class Reckoning:
    """See the module. `broken` is what is wrong; `figures` is how much there was of what."""

    def __init__(
        self,
        book: Book,
        wanted: Sequence[Wanted],
        seen: Iterable[Sighting],
        log: Iterable[Line],
        interruptions: Sequence[Interruption],
    ) -> None:
        self.broken = list(book.broken)
        self.figures: Counter[str] = Counter({"accepted": len(book.promises), "lost lines": 0, "repeated": 0})
        self._book = book
        self._wanted = wanted
        self._interruptions = interruptions
        self._seen: dict[Delivery, list[Sighting]] = defaultdict(list)
        for sighting in seen:
            self._seen[sighting.event_id, sighting.path].append(sighting)
        paths = {one.endpoint_id: one.path for one in wanted}
        self._log: dict[Delivery, list[Line]] = defaultdict(list)
        for line in log:
            self._log[line.event_id, paths[line.endpoint_id]].append(line)

    def hold(self) -> None:
        """Compare everything. Raises AssertionError with what is wrong."""
        self._promised()
        for delivery, sightings in self._seen.items():
            self._logged(delivery, sightings)
            self._repeated(delivery, sightings)
        for one in self._wanted:
            if one.ordered:
                for event_ids in self._book.order.values():
                    self._in_order(one, event_ids)
        self.figures["requests"] = sum(len(sightings) for sightings in self._seen.values())
        shown = "\n".join(self.broken[:SHOWN])
        assert not self.broken, f"{len(self.broken)} promises are broken, such as\n{shown}"

    def _promised(self) -> None:
        for promise in self._book.promises.values():
            for path in self._paths_of(promise):
                delivery = promise.event_id, path
                if _taken_s(self._seen[delivery]) is None:
                    self.broken.append(f"{delivery} was accepted and never arrived: {self._log[delivery]}")
                succeeded = [line for line in self._log[delivery] if line.outcome == "succeeded"]
                if len([line for line in succeeded if not line.superseded]) != 1:
                    self.broken.append(f"{delivery} is not recorded as delivered once: {succeeded}")
        for event_id, path in self._seen:
            if event_id not in self._book.promises:
                self.broken.append(f"{event_id}, of which no caller was told, arrived at {path}")

    def _paths_of(self, promise: Promise) -> list[str]:
        return [one.path for one in self._wanted if promise.type == one.type]

    def _logged(self, delivery: Delivery, sightings: Sequence[Sighting]) -> None:
        """Each request has its line, but what was lost with its process; what may come again is marked."""
        lines = self._log[delivery]
        unlogged = Counter(sighting.sent_s for sighting in sightings)
        unlogged.subtract(Counter(line.sent_s for line in lines if line.sent_s is not None))
        missing = [sighting for sighting in sightings if unlogged[sighting.sent_s] > 0]
        count = sum(more for more in unlogged.values() if more > 0)
        self.figures["lost lines"] += count
        if count > len(self._owed_to(missing, fatal=True)):
            self.broken.append(f"{delivery}: {count} requests are not in the log: {sightings}, {lines}")
        elif count and not any(line.maybe_repeated for line in lines):
            self.broken.append(f"{delivery} may have come twice, which the log doesn't say: {sightings}, {lines}")

    def _repeated(self, delivery: Delivery, sightings: Sequence[Sighting]) -> None:
        """What came although it had been taken."""
        taken_s = _taken_s(sightings)
        if taken_s is None:
            return
        taken = sorted(sighting for sighting in sightings if sighting.at_s >= taken_s)
        again = [sighting for before, sighting in pairwise(taken) if before.status == 200]
        if not again:
            return
        self.figures["repeated"] += len(again)
        if len(again) > len(self._owed_to(sightings, fatal=False)):
            self.broken.append(f"{delivery} came again {len(again)} times, for which there is no reason: {sightings}")
        if not any(line.says_that_it_may_come_again for line in self._log[delivery]):
            self.broken.append(f"{delivery} came again, which the log doesn't say: {sightings}, {self._log[delivery]}")

    def _owed_to(self, sightings: Sequence[Sighting], fatal: bool) -> list[Interruption]:
        """The interruptions that began while one of these was under way, or during which it was sent."""
        return [
            one
            for one in self._interruptions
            if (one.fatal or not fatal)
            and any(
                one.began_s - IN_FLIGHT_S < sighting.at_s < (one.began_s if fatal else one.ended_s) + LATE_READ_S
                for sighting in sightings
            )
        ]

    def _in_order(self, one: Wanted, event_ids: Sequence[str]) -> None:
        before: tuple[str, float] | None = None
        for event_id in event_ids:
            sightings = self._seen.get((event_id, one.path))
            if not sightings:
                continue
            first_s = min(sighting.at_s for sighting in sightings)
            if before is not None and first_s <= before[1]:
                self.broken.append(f"{event_id} came to {one.path} before {before[0]} had been taken")
            before = event_id, _taken_s(sightings) or first_s


def _taken_s(sightings: Sequence[Sighting]) -> float | None:
    """When the first of them that was answered 200 was seen."""
    return min((sighting.at_s for sighting in sightings if sighting.status == 200), default=None)


def percentile(values: Iterable[float], share: float) -> float:
    """The value below which this share of them is."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def delays(book: Book, seen: Iterable[Sighting]) -> dict[str, float]:
    """Seconds from an event's first post, accepted or not, until it was seen wherever it was to go, by event."""
    first: dict[Delivery, float] = {}
    for sighting in seen:
        first.setdefault((sighting.event_id, sighting.path), sighting.at_s)
    last: dict[str, float] = {}
    for (event_id, _), at_s in first.items():
        last[event_id] = max(last.get(event_id, 0.0), at_s)
    return {name: last[name] - promise.begun_s for name, promise in book.promises.items() if name in last}


def described(figures: Mapping[str, float]) -> str:
    """In one line."""
    return ", ".join(f"{value:g} {name}" for name, value in figures.items())
