"""What the meters count, and how it looks under `/metrics`."""

from ringback.observe import families as f
from ringback.observe import telemetry as t
from ringback.observe.attempts import EndedAttempt
from ringback.observe.happenings import Happenings
from ringback.observe.meters import Buckets
from ringback.observe.prometheus import Exposition, Sources
from ringback.observe.telemetry import unobserved
from ringback.observe.watching import Watching
from ringback.testing.clock import ManualClock
from support.rows import NOW, attempt, failed


def shown(watching: Watching) -> dict[str, float]:
    """Samples by their text, histograms' buckets included."""
    body, _ = Exposition(Sources("1.2.3", "all", watching, dict, None))("")
    lines = [line.rpartition(" ") for line in body.decode().splitlines() if line.startswith("ringback_")]
    return {name: float(value) for name, _, value in lines}


def ended(of: object = None, retry_at: int | None = None, superseded: bool = False, due_at: int = NOW) -> EndedAttempt:
    return EndedAttempt(of or attempt(), superseded, due_at, "window", retry_at, None, 2)  # type: ignore[arg-type]


def test_a_value_on_a_bound_belongs_below_it_and_buckets_are_cumulative_when_shown() -> None:
    watching = Watching(ManualClock(), unobserved)
    watching.attempts.commits.rows = buckets = Buckets((1.0, 5.0))
    for value in (0.5, 1.0, 1.5, 5.0, 6.0):
        buckets.add(value)

    assert buckets.counts == [2, 2, 1]
    samples = shown(watching)
    name = 'ringback_commit_rows_bucket{le="%s",part="settle"}'
    assert [samples[name % bound] for bound in ("1.0", "5.0", "+Inf")] == [2, 4, 5]
    assert samples['ringback_commit_rows_sum{part="settle"}'] == 14.0
    assert samples['ringback_commit_rows_count{part="settle"}'] == 5


def test_what_became_of_a_delivery_is_counted_once() -> None:
    watching = Watching(ManualClock(), unobserved)
    watching.watch_attempts(
        [
            ended(),
            ended(failed(), retry_at=NOW + 1),
            ended(failed(final=True)),
            ended(superseded=True),
            ended(failed(status_code=None, error_code="timeout"), retry_at=NOW + 1),
        ]
    )

    samples = shown(watching)
    assert samples['ringback_deliveries_ended_total{state="delivered"}'] == 1
    assert samples['ringback_deliveries_ended_total{state="failed"}'] == 1
    assert samples["ringback_deliveries_retried_total"] == 2
    assert samples["ringback_attempts_superseded_total"] == 1
    assert samples['ringback_attempts_total{error="timeout",outcome="failed",status="none"}'] == 1
    assert samples['ringback_attempts_total{error="none",outcome="succeeded",status="2xx"}'] == 2


def test_lag_is_from_due_to_sent_and_never_negative() -> None:
    watching = Watching(ManualClock(), unobserved)
    watching.watch_attempts([ended(due_at=NOW - 3_000), ended(due_at=NOW + 5_000)])

    samples = shown(watching)
    assert samples['ringback_delivery_lag_seconds_sum{held_by="window"}'] == 3.0
    assert samples['ringback_delivery_lag_seconds_bucket{held_by="window",le="0.005"}'] == 1
    assert samples['ringback_delivery_lag_seconds_bucket{held_by="window",le="5.0"}'] == 2


def test_telemetry_events_are_counted_and_those_without_a_figure_are_not() -> None:
    happenings = Happenings()
    for event in (
        t.LaneParked("t", "ep"),
        t.LaneRecovered("t", "ep"),
        t.EndpointDisabled("t", "ep", "gone"),
        t.StoreTrouble("settler", "store_unavailable", "Gone."),
        t.StoreTrouble("settler", "store_unavailable", "Gone."),
        t.SweepRepaired(rung=3, freed=0, made=1),
        t.SweepCleared(cancelled=5, purged=0, expired_keys=2, members=1),
        t.LeaseLost("node"),
        t.NodeTakenOver("node", "dead"),
        t.Stopping("asked"),
    ):
        happenings(event)

    assert happenings.counts() == {
        f.LANE_TURNS: {("parked",): 1, ("recovered",): 1},
        f.ENDPOINTS_DISABLED: {("gone",): 1},
        f.STORE_TROUBLES: {("settler", "store_unavailable"): 2},
        f.SWEEP_REPAIRS: {("rung",): 3, ("freed",): 0, ("made",): 1},
        f.SWEEP_CLEARED: {("cancelled",): 5, ("purged",): 0, ("expired_keys",): 2, ("members",): 1},
        f.LEASES_LOST: {(): 1},
        f.NODES_TAKEN_OVER: {(): 1},
    }


def test_a_request_is_measured_by_the_clock() -> None:
    clock = ManualClock()
    watching = Watching(clock, unobserved)
    started_s = watching.requests.start()
    clock.pass_s(0.2)
    watching.requests.ended(started_s, None)
    watching.requests.ended(started_s, "busy")

    samples = shown(watching)
    assert samples['ringback_event_request_seconds_bucket{le="0.1",outcome="accepted"}'] == 0
    assert samples['ringback_event_request_seconds_bucket{le="0.25",outcome="accepted"}'] == 1
    assert samples['ringback_event_requests_refused_total{code="busy"}'] == 1
