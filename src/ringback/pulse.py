"""How a process has done lately: some figures every ten seconds for six hours, for the console's charts.

Reads the counts that are kept anyway (`observe.meters`), so nothing is added to the work of an event. Each process has
its own; what has been is gone when it ends. Decides nothing.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from ringback.clock import Clock
from ringback.observe import families as f
from ringback.observe.families import Family
from ringback.observe.meters import AttemptMeter, IngestMeter

SAMPLE_EVERY_S: Final = 10.0
SAMPLES_KEPT: Final = 6 * 360
# What kept a request waiting that is this server's own doing, and not the receiver's.
_OWN: Final = ("none", "slots")

Gauges = Mapping[Family, Mapping[tuple[str, ...], float]]


class Sample(NamedTuple):
    """What happened in a stretch of time that ended at `at` (wall ms): events accepted, requests that succeeded and
    that failed, a second; how late requests left in the mean, as far as this server held them back (None: none left).
    `oldest_ms` is how long what was due and not sent had waited for this server then, the longest (None: the store
    didn't say); `waiting` is how many deliveries were in the store (None: nobody here counts them)."""

    at: int
    events_per_s: float
    succeeded_per_s: float
    failed_per_s: float
    lag_ms: float | None
    oldest_ms: float | None
    waiting: int | None


class Present(NamedTuple):
    """How it stands now; None: this process doesn't know. Sizes are bytes."""

    oldest_ms: float | None
    in_flight: int | None
    in_flight_max: int | None
    events_waiting: int | None
    endpoints_owned: int | None
    parked: int | None
    store_bytes: int | None
    log_bytes: int | None
    disk_free: int | None
    disk_free_min: int | None


class Meters(Protocol):
    """What is counted (`observe.watching`)."""

    @property
    def ingest(self) -> IngestMeter: ...

    @property
    def attempts(self) -> AttemptMeter: ...


class _Counts(NamedTuple):
    at_s: float
    events: int
    succeeded: int
    failed: int
    left: int
    lag_s: float


class Pulse:
    """`step` is a worker's: it waits, then takes a sample."""

    def __init__(
        self, meters: Meters, gauges: Callable[[], Gauges], clock: Clock, wait: Callable[[float], object]
    ) -> None:
        self._meters = meters
        self._gauges = gauges
        self._clock = clock
        self._wait = wait
        self._samples: deque[Sample] = deque(maxlen=SAMPLES_KEPT)
        self._before = self._counts()

    def step(self) -> None:
        self._wait(SAMPLE_EVERY_S)
        self.take()

    def take(self) -> None:
        """One sample, of the time since the last."""
        now, before = self._counts(), self._before
        span_s = now.at_s - before.at_s
        if span_s <= 0:
            return
        left = now.left - before.left
        gauges = self._gauges()
        sample = Sample(
            at=self._clock.now_ms(),
            events_per_s=(now.events - before.events) / span_s,
            succeeded_per_s=(now.succeeded - before.succeeded) / span_s,
            failed_per_s=(now.failed - before.failed) / span_s,
            lag_ms=(now.lag_s - before.lag_s) / left * 1_000 if left > 0 else None,
            oldest_ms=_milliseconds(gauges, f.OLDEST_DUE),
            waiting=_value(gauges, f.DELIVERIES_WAITING),
        )
        self._before = now
        self._samples.append(sample)

    def samples(self) -> Sequence[Sample]:
        """Oldest first. For any thread."""
        return list(self._samples)

    def present(self) -> Present:
        """For any thread."""
        gauges = self._gauges()
        return Present(
            oldest_ms=_milliseconds(gauges, f.OLDEST_DUE),
            in_flight=_value(gauges, f.IN_FLIGHT),
            in_flight_max=_value(gauges, f.IN_FLIGHT_MAX),
            events_waiting=_value(gauges, f.EVENTS_WAITING),
            endpoints_owned=_value(gauges, f.LANES_OWNED),
            parked=_value(gauges, f.LANES_PARKED),
            store_bytes=_value(gauges, f.STORE_BYTES),
            log_bytes=_value(gauges, f.STORE_WAL_BYTES),
            disk_free=_value(gauges, f.DISK_FREE),
            disk_free_min=_value(gauges, f.DISK_FREE_MIN),
        )

    def _counts(self) -> _Counts:
        ingest, attempts = self._meters.ingest, self._meters.attempts
        lags = [attempts.lag_s[reason] for reason in _OWN]
        return _Counts(
            at_s=self._clock.boottime_s(),
            events=sum(list(ingest.events_by_form.values())),
            succeeded=sum(attempts.succeeded_s.counts),
            failed=sum(attempts.failed_s.counts),
            left=sum(sum(lag.counts) for lag in lags),
            lag_s=sum(lag.sum for lag in lags),
        )


def _value(gauges: Gauges, family: Family) -> int | None:
    samples = gauges.get(family)
    return None if samples is None else int(samples[()])


def _milliseconds(gauges: Gauges, family: Family) -> float | None:
    samples = gauges.get(family)
    return None if samples is None else samples[()] * 1_000
