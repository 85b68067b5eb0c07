"""`/metrics`: what the meters and the parts know, read at the moment of asking, in the format that was asked for.

The only importer of prometheus-client. Nothing is counted here, so an unasked `/metrics` costs nothing. Reads plain
attributes of other threads without locks and asks the store for its size. A source that fails leaves its samples out;
the rest is shown.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from ringback.observe import families as f
from ringback.observe.families import Family
from ringback.observe.meters import ACCEPTED, INGEST, REFUSED, SETTLE, SUCCEEDED, AttemptKind, Buckets
from ringback.observe.watching import Watching

Labels = tuple[str, ...]
Samples = Mapping[Labels, float]
AnySamples = Mapping[Labels, float] | Mapping[Labels, Buckets] | Mapping[Labels, float | Buckets]
_NONE: Final = "none"


class Sources(NamedTuple):
    """What is asked. `gauges` gives whole families of samples, by label values; parts that this process doesn't have
    leave theirs out. `sender_pid` is the sender process's, None without one."""

    version: str
    role: str
    watching: Watching
    gauges: Callable[[], Mapping[Family, Samples]]
    sender_pid: Callable[[], int] | None


class Exposition:
    """Renders everything; `__call__` takes the Accept header and gives (body, content type). For any thread."""

    def __init__(self, sources: Sources) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Ours(sources))
        ProcessCollector(registry=self._registry)
        if sources.sender_pid is not None:
            ProcessCollector(namespace=f.SENDER_PREFIX, pid=sources.sender_pid, registry=self._registry)

    def __call__(self, accept: str) -> tuple[bytes, str]:
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class _Ours(Collector):
    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def describe(self) -> Iterable[Metric]:
        """Nothing: else registering would collect."""
        return ()

    def collect(self) -> Iterator[Metric]:
        gathered: dict[Family, AnySamples] = {
            **_counted(self._sources),
            **self._sources.watching.happenings.counts(),
            **self._sources.gauges(),
        }
        for family in f.FAMILIES:
            yield _metric(family, gathered.get(family, {}))


def _counted(sources: Sources) -> dict[Family, AnySamples]:
    watching = sources.watching
    requests, ingest, attempts = watching.requests, watching.ingest, watching.attempts
    commits = {INGEST: ingest.commits, SETTLE: attempts.commits}
    return {
        f.INFO: {(sources.version, sources.role): 1},
        f.EVENTS_ACCEPTED: _by_one(ingest.events_by_form),
        f.RECORD_WRITES: _by_one(requests.writes_by_result),
        f.EVENTS_REPEATED: {(): ingest.repeated},
        f.DELIVERIES_CREATED: {(): ingest.deliveries},
        f.REQUESTS_REFUSED: _by_one(requests.refused_by_code),
        f.REQUEST_SECONDS: {(ACCEPTED,): requests.accepted, (REFUSED,): requests.refused},
        f.COMMIT_ROWS: {(part,): meter.rows for part, meter in commits.items()},
        f.COMMIT_SECONDS: {(part,): meter.seconds for part, meter in commits.items()},
        f.ATTEMPT_SECONDS: {("succeeded",): attempts.succeeded_s, ("failed",): attempts.failed_s},
        **_by_kind(attempts.kinds()),
        f.SPANS_DROPPED: {(): watching.spans_dropped},
        f.LAG_SECONDS: {(reason,): buckets for reason, buckets in attempts.lag_s.items()},
    }


def _by_kind(kinds: list[tuple[AttemptKind, int]]) -> dict[Family, AnySamples]:
    """Attempts, and what became of their deliveries."""
    attempts: Counter[Labels] = Counter()
    ended: Counter[Labels] = Counter({("delivered",): 0, ("failed",): 0})
    retried = superseded = 0
    for kind, count in kinds:
        status = _NONE if kind.status_code is None else f"{kind.status_code // 100}xx"
        attempts[kind.outcome, status, kind.error_code or _NONE] += count
        if kind.superseded:
            superseded += count
        elif kind.retried:
            retried += count
        else:
            ended[("delivered" if kind.outcome == SUCCEEDED else "failed",)] += count
    return {
        f.ATTEMPTS: attempts,
        f.DELIVERIES_ENDED: ended,
        f.DELIVERIES_RETRIED: {(): retried},
        f.ATTEMPTS_SUPERSEDED: {(): superseded},
    }


def _by_one(counts: dict[str, int]) -> Samples:
    # `list` copies in one step of the interpreter, so a thread that counts meanwhile does no harm.
    return {(label,): count for label, count in list(counts.items())}


def _metric(family: Family, samples: AnySamples) -> Metric:
    if family.kind == f.HISTOGRAM:
        histogram = HistogramMetricFamily(family.name, family.tells, labels=family.label_names)
        for labels, buckets in samples.items():
            if isinstance(buckets, Buckets):
                histogram.add_metric(labels, _cumulative(buckets), buckets.sum)
        return histogram
    made: CounterMetricFamily | GaugeMetricFamily
    if family.kind == f.COUNTER:
        made = CounterMetricFamily(family.name, family.tells, labels=family.label_names)
    else:
        made = GaugeMetricFamily(family.name, family.tells, labels=family.label_names)
    for labels, value in samples.items():
        if not isinstance(value, Buckets):
            made.add_metric(labels, value)
    return made


def _cumulative(buckets: Buckets) -> list[tuple[str, float]]:
    """(upper bound, how many values up to it), the last without a bound."""
    found: list[tuple[str, float]] = []
    total = 0
    for bound, count in zip((*map(str, buckets.bounds), "+Inf"), list(buckets.counts), strict=True):
        total += count
        found.append((bound, total))
    return found
