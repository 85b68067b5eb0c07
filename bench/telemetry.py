"""What telemetry costs on the hot path: microseconds for each event, measured alone, the best of several runs.

    python bench/telemetry.py

Metrics are always on; log lines and spans only where they are switched on. Nothing is sent and nothing is stored.
"""

import time
from collections.abc import Callable
from typing import Any

from ringback.api.event_request import EventRequest, Place
from ringback.clock import SystemClock
from ringback.engine.lanes import Lane
from ringback.ingest.submission import Accepted, Submission
from ringback.ingest.writer import count
from ringback.model.attempt import Attempt
from ringback.model.event import Event
from ringback.model.lane import LaneRow
from ringback.observe.attempts import AttemptLog, EndedAttempt
from ringback.observe.meters import AttemptMeter, IngestMeter, RequestMeter
from ringback.observe.telemetry import unobserved
from ringback.observe.tracing import BATCH_MAX, Tracing

BATCH = 256
ROUNDS = 40
RUNS = 25
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
NOW_MS = 1_800_000_000_000

_make = tuple.__new__


def attempt() -> Attempt:
    return Attempt(
        "acme", "att_01JD0000000000000000000000", "ep_1", "evt_1", "contact.created", 1, NOW_MS, 12.5, "succeeded",
        True, False, 200, None, None, b"[null,null,null,8.0,12.5]", "192.0.2.7:443", "1.1", "POST", "https://a.example/hook",
        b"[]", None, b"{", b"}", b"[]", b"ok", False, "standard",
    )  # fmt: skip


def per_event_us(work: Callable[[], object], events: int) -> float:
    """The best of RUNS, each ROUNDS times `work`, which is for so many events."""
    best = float("inf")
    for _ in range(RUNS):
        started = time.thread_time()
        for _ in range(ROUNDS):
            work()
        best = min(best, time.thread_time() - started)
    return best / ROUNDS / events * 1e6


def main() -> None:
    clock = SystemClock()
    one = attempt()
    settling = [(1, (1, one, None, 0), NOW_MS - 3, "none", TRACE, 900)] * BATCH
    ended = [EndedAttempt(one, False, NOW_MS - 3, "none", None, TRACE, 900)] * BATCH
    event = Event("acme", "evt_1", "a.b", b"{}", *[None] * 8, NOW_MS, 0, 1)
    submissions = []
    for _ in range(BATCH):
        submission = Submission([event], [None], None, form="single")
        submission.outcome = [Accepted("evt_1", "a.b", NOW_MS, 1, False)]
        submissions.append(submission)
    requests, ingest, attempts = RequestMeter(clock), IngestMeter(clock), AttemptMeter(clock)
    tracing = Tracing(clock, "http://127.0.0.1:9/v1/traces", 1.0, "0", unobserved)
    lane = Lane(LaneRow("acme", "ep_1", None, 0, None, b""), 1, 1, NOW_MS)
    log = AttemptLog(lambda lines: None)
    headers = {b"traceparent": TRACE.encode()}

    def seam() -> list[Any]:
        return [_make(EndedAttempt, (s[1][1], False, s[2], s[3], s[1][2], s[4], s[5])) for s in settling]

    def accept_traced() -> None:
        request = EventRequest(Place("acme", False), lambda *_: submissions[0], 1, None, 0)
        request = request._replace(span=tracing.begin("acme", headers))
        request.submission(b"")
        request.end_span(submissions[0].outcome or [])
        tracing._ended.clear()

    def watch_traced() -> None:
        tracing.watch(ended)
        tracing._ended.clear()

    def make_spans() -> None:
        for value in ended:
            tracing._span(value)

    always = {
        "a request: two readings of the clock, a histogram": (lambda: requests.ended(requests.start(), None), 1),
        "the writer: what a commit stored, in requests of one event": (lambda: count(ingest, 0.0, submissions), BATCH),
        "the dispatcher: why a late delivery waited": (lambda: lane.waited_for(NOW_MS - 50, NOW_MS, 0), 1),
        "the settler: the value that watchers get": (seam, BATCH),
        "the settler: counters and two histograms": (lambda: attempts(ended), BATCH),
    }
    wanted = {
        "`log_attempts`: a line": (lambda: log(ended), BATCH),
        "`otlp_url`: a request's span, on the event loop": (accept_traced, 1),
        "`otlp_url`: an attempt's span, on the settler": (watch_traced, BATCH),
        "`otlp_url`: making a span for the exporter, on the tracing thread": (make_spans, BATCH),
    }
    assert BATCH <= BATCH_MAX
    total = 0.0
    for name, (work, events) in always.items():
        cost_us = per_event_us(work, events)
        total += cost_us
        print(f"{cost_us:6.2f} µs  {name}")
    print(f"{total:6.2f} µs  in all, always")
    for name, (work, events) in wanted.items():
        print(f"{per_event_us(work, events):6.2f} µs  {name}")


if __name__ == "__main__":
    main()
