"""Takes a process's pulse: every ten seconds it writes down what the process did, for the console.

Reads the counts that are kept anyway (`observe.meters`), so nothing is added to the work of an event. What a store that
is away doesn't take is in the next one: the span of a pulse begins where the one that was kept before it ended.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol

from ringback.clock import Clock
from ringback.model.pulse import TICK_MS, Pulse, tick_of
from ringback.observe import families as f
from ringback.observe.families import Family
from ringback.observe.meters import AttemptMeter, IngestMeter
from ringback.observe.telemetry import Observer, StoreTrouble
from ringback.store.port import CommitInDoubt, Pulses, Retryable, StoreUnavailable

# What kept a request waiting that is this server's own doing, and not the receiver's.
_OWN: Final = ("none", "slots")

Gauges = Mapping[Family, Mapping[tuple[str, ...], float]]


class Running(NamedTuple):
    """Which process this is: as in `model.pulse.Pulse`."""

    process: str
    host: str
    version: str
    role: str


class Room(NamedTuple):
    """What the store takes and has, in bytes; None: this process doesn't know."""

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
    departed: int
    lag_s: float


class PulseTaker:
    """`step` is a worker's: it waits, then takes the pulse. `wait(seconds)` returns True early when the process
    stops."""

    def __init__(
        self,
        running: Running,
        store: Pulses,
        *,
        meters: Meters,
        gauges: Callable[[], Gauges],
        clock: Clock,
        wait: Callable[[float], object],
        observer: Observer,
    ) -> None:
        self._running = running
        self._store = store
        self._meters = meters
        self._gauges = gauges
        self._clock = clock
        self._wait = wait
        self._observer = observer
        self._before = self._counts()
        self._last_at = 0

    def step(self) -> None:
        """At the next tick of the wall clock, which those of other processes go by too."""
        if self._wait((TICK_MS - self._clock.now_ms() % TICK_MS) / 1_000):
            return
        at = tick_of(self._clock.now_ms())
        if at != self._last_at:
            self._take(at)

    def room(self) -> Room:
        """As it is now; for any thread."""
        gauges = self._gauges()
        return Room(
            store_bytes=_value(gauges, f.STORE_BYTES),
            log_bytes=_value(gauges, f.STORE_WAL_BYTES),
            disk_free=_value(gauges, f.DISK_FREE),
            disk_free_min=_value(gauges, f.DISK_FREE_MIN),
        )

    def _take(self, at: int) -> None:
        now, before = self._counts(), self._before
        span_ms = round((now.at_s - before.at_s) * 1_000)
        if span_ms <= 0:
            return
        gauges = self._gauges()
        pulse = Pulse(
            at,
            *self._running,
            span_ms=span_ms,
            events=now.events - before.events,
            succeeded=now.succeeded - before.succeeded,
            failed=now.failed - before.failed,
            departed=now.departed - before.departed,
            lag_ms=round((now.lag_s - before.lag_s) * 1_000),
            oldest_ms=_value(gauges, f.OLDEST_DUE, 1_000),
            waiting=_value(gauges, f.DELIVERIES_WAITING),
            in_flight=_value(gauges, f.IN_FLIGHT),
            in_flight_max=_value(gauges, f.IN_FLIGHT_MAX),
            endpoints=_value(gauges, f.LANES_OWNED),
        )
        try:
            self._store.add_pulse(pulse)
        except (StoreUnavailable, Retryable, CommitInDoubt) as error:
            self._observer(StoreTrouble("pulse", error.code, error.detail))
            return
        self._before, self._last_at = now, at

    def _counts(self) -> _Counts:
        ingest, attempts = self._meters.ingest, self._meters.attempts
        lags = [attempts.lag_s[reason] for reason in _OWN]
        return _Counts(
            at_s=self._clock.boottime_s(),
            events=sum(list(ingest.events_by_form.values())),
            succeeded=sum(attempts.succeeded_s.counts),
            failed=sum(attempts.failed_s.counts),
            departed=sum(sum(lag.counts) for lag in lags),
            lag_s=sum(lag.sum for lag in lags),
        )


def _value(gauges: Gauges, family: Family, times: int = 1) -> int | None:
    samples = gauges.get(family)
    return None if samples is None else round(samples[()] * times)
