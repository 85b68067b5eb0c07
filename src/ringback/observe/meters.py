"""Plain counts of what happens on the hot path: each meter belongs to one thread, which writes it without a lock.

Another thread may read at any time, for `/metrics`; what it sees may be a batch behind, never torn. A meter never
decides anything and never raises. What a count means stands in `families`, which is also where docs/metrics.md has it
from. Costs 1 to 2 µs for an event in all (docs/performance.md).
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from ringback.clock import Clock
from ringback.observe.attempts import HELD_BY, EndedAttempt

SUCCEEDED: Final = "succeeded"
ACCEPTED: Final = "accepted"
REFUSED: Final = "refused"
INGEST: Final = "ingest"
SETTLE: Final = "settle"

REQUEST_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
COMMIT_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
COMMIT_ROWS: Final = (1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0)
ATTEMPT_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
LAG_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0)


class Buckets:
    """A histogram: how often a value fell into each bucket. `bounds` are the upper ends, inclusive."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class CommitMeter:
    """Transactions of one thread that writes: how many rows each had, and how long it took."""

    def __init__(self, clock: Clock) -> None:
        self.start = clock.boottime_s
        self.rows = Buckets(COMMIT_ROWS)
        self.seconds = Buckets(COMMIT_S)

    def done(self, started_s: float, rows: int) -> None:
        """A transaction that began at `started_s` (from `start`) is durable."""
        self.rows.add(rows)
        self.seconds.add(self.start() - started_s)


class RequestMeter:
    """Requests that bring events, or write records, on the event loop's thread."""

    def __init__(self, clock: Clock) -> None:
        self.start = clock.boottime_s
        self.accepted = Buckets(REQUEST_S)
        self.refused = Buckets(REQUEST_S)
        self.refused_by_code: dict[str, int] = {}
        self.writes_by_result: dict[str, int] = {}

    def ended(self, started_s: float, code: str | None) -> None:
        """A request that came at `started_s` is answered: accepted (None), or refused with `code`."""
        if code is None:
            self.accepted.add(self.start() - started_s)
        else:
            self.refused.add(self.start() - started_s)
            self.refused_by_code[code] = self.refused_by_code.get(code, 0) + 1

    def wrote(self, results: Iterable[str]) -> None:
        """What became of the changes of records of a request that was accepted."""
        writes = self.writes_by_result
        for result in results:
            writes[result] = writes.get(result, 0) + 1


class IngestMeter:
    """What the ingest writer stored, on its thread."""

    def __init__(self, clock: Clock) -> None:
        self.commits = CommitMeter(clock)
        self.events_by_form: dict[str, int] = {}
        self.repeated = 0
        self.deliveries = 0

    def stored(self, form: str, events: int, repeated: int, deliveries: int) -> None:
        """One request's events are stored. `repeated` ones had been before, and made nothing."""
        self.events_by_form[form] = self.events_by_form.get(form, 0) + events
        self.repeated += repeated
        self.deliveries += deliveries


class AttemptKind(NamedTuple):
    """What attempts are counted by. `retried` and `superseded` say what became of the delivery."""

    outcome: str
    status_code: int | None
    error_code: str | None
    retried: bool
    superseded: bool


class AttemptMeter:
    """Attempts that are recorded, on the settler's thread. Called with each batch."""

    def __init__(self, clock: Clock) -> None:
        self.commits = CommitMeter(clock)
        self.succeeded_s = Buckets(ATTEMPT_S)
        self.failed_s = Buckets(ATTEMPT_S)
        self.lag_s = {reason: Buckets(LAG_S) for reason in HELD_BY}
        self._kinds: dict[tuple[str, int | None, str | None, bool, bool], int] = {}

    def kinds(self) -> list[tuple[AttemptKind, int]]:
        """How many there were of each kind. For any thread."""
        return [(AttemptKind(*kind), count) for kind, count in list(self._kinds.items())]

    def __call__(self, batch: Sequence[EndedAttempt]) -> None:
        # Written out, since this runs for every attempt: each call saved is a tenth of it.
        kinds, lags, succeeded_s, failed_s = self._kinds, self.lag_s, self.succeeded_s, self.failed_s
        for ended in batch:
            attempt = ended.attempt
            outcome = attempt.outcome
            kind = outcome, attempt.status_code, attempt.error_code, ended.retry_at is not None, ended.superseded
            kinds[kind] = kinds.get(kind, 0) + 1
            lag_s = (attempt.at - ended.due_at) * 0.001
            lag_s = lag_s if lag_s > 0.0 else 0.0  # noqa: FURB136 - max() costs four times as much
            buckets = lags[ended.held_by]
            buckets.counts[bisect_left(LAG_S, lag_s)] += 1
            buckets.sum += lag_s
            duration_s = attempt.duration_ms * 0.001
            buckets = succeeded_s if outcome == SUCCEEDED else failed_s
            buckets.counts[bisect_left(ATTEMPT_S, duration_s)] += 1
            buckets.sum += duration_s
