"""Everything that watches, put together for one process: log lines, counts and spans.

Made by `compose`, which hands its parts to those who tell. Whoever is told here is quick and never raises.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from ringback.clock import Clock
from ringback.model.errors import BadSetting
from ringback.observe.attempts import EndedAttempt, WatchAttempts
from ringback.observe.happenings import Happenings
from ringback.observe.meters import AttemptMeter, IngestMeter, RequestMeter
from ringback.observe.telemetry import FanOut, Observer
from ringback.observe.traces import TraceAccept, keep_callers_trace
from ringback.workers import Worker

if TYPE_CHECKING:
    from ringback.observe.tracing import Tracing

TRACING_STOP_S: Final = 2.0


class Watching:
    """The meters of one process, its observer, its tracing, and who is told of attempts."""

    def __init__(self, clock: Clock, observer: Observer) -> None:
        self._clock = clock
        self.requests = RequestMeter(clock)
        self.ingest = IngestMeter(clock)
        self.attempts = AttemptMeter(clock)
        self.happenings = Happenings()
        self.observer: Observer = FanOut(observer, self.happenings)
        self._told: list[WatchAttempts] = [self.attempts]
        self._tracing: Tracing | None = None
        self._worker: Worker | None = None

    def tell(self, watcher: WatchAttempts) -> None:
        """Have `watcher` told of attempts too. Before the start."""
        self._told.append(watcher)

    def watch_attempts(self, batch: Sequence[EndedAttempt]) -> None:
        """For the settler."""
        for watcher in self._told:
            watcher(batch)

    # ── traces ───────────────────────────────────────────────────────────────────────────────────────────────

    def trace(self, url: str, share: float, version: str, on_crash: Callable[[str], None]) -> None:
        """Trace, and send the spans to the collector at `url`. Raises BadSetting without OpenTelemetry."""
        try:
            from ringback.observe.tracing import Tracing  # noqa: PLC0415 - needs an extra, and takes its time to load
        except ImportError:
            raise BadSetting("otlp_url: OpenTelemetry is missing. Install ringback[otel], or leave it out.") from None
        tracing = Tracing(self._clock, url, share, version, self.observer)
        self.tell(tracing.watch)
        self._tracing = tracing
        self._worker = Worker("tracing", tracing.step, self._clock, on_crash)

    def trace_accept(self, *, propagate: bool) -> TraceAccept | None:
        """Who is asked for the span of a request with events; None: nobody. `propagate`: without a collector too,
        the caller's trace is kept, to be passed on."""
        if self._tracing is not None:
            return self._tracing.begin
        return keep_callers_trace if propagate else None

    @property
    def spans_dropped(self) -> int:
        return self._tracing.dropped if self._tracing is not None else 0

    def start(self) -> None:
        if self._worker is not None:
            self._worker.start()

    def close(self) -> None:
        """Send the spans that are left, within a moment."""
        tracing, worker = self._tracing, self._worker
        if tracing is not None and worker is not None:
            tracing.close(lambda: worker.stop(TRACING_STOP_S))
