"""Spans without a collector: what is recorded, how much may wait, and that attributes are those of the catalogue."""

import sys
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from ringback.model.errors import BadSetting
from ringback.observe import tracing as module
from ringback.observe.attempts import EndedAttempt
from ringback.observe.attributes import ACCEPT_ATTRIBUTES, ATTEMPT_ATTRIBUTES
from ringback.observe.telemetry import SpansDropped, TelemetryEvent, unobserved
from ringback.observe.tracing import Tracing, attempt_attributes
from ringback.observe.watching import Watching
from ringback.testing.clock import ManualClock
from support.rows import NOW, attempt, failed

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ENDED = EndedAttempt(attempt(), False, NOW, "none", None, TRACE, 2)


class World:
    """A tracer whose exporter is a list that can be in trouble."""

    def __init__(self, share: float = 1.0) -> None:
        self.clock = ManualClock(NOW)
        self.told: list[TelemetryEvent] = []
        self.spans: list[ReadableSpan] = []
        self.result: Any = SpanExportResult.SUCCESS
        self.tracing = Tracing(self.clock, "http://127.0.0.1:9/v1/traces", share, "1", self.told.append)
        self.tracing._exporter.export = self._export  # type: ignore[method-assign]

    def _export(self, spans: Any) -> Any:
        if isinstance(self.result, Exception):
            raise self.result
        self.spans += spans
        return self.result


def test_attributes_are_those_of_the_catalogue() -> None:
    whole = attempt_attributes(ENDED) | attempt_attributes(ENDED._replace(attempt=failed(error_code="bad_status")))
    assert whole.keys() == ATTEMPT_ATTRIBUTES.keys()
    world = World()
    for code in (None, "invalid"):
        span = world.tracing.begin("acme", {b"traceparent": TRACE.encode()})
        assert span is not None
        span.end(["evt_1"] if code is None else [], 1, code)
    world.tracing._send()
    accepted, refused = (dict(span.attributes or {}) for span in world.spans)
    assert accepted.keys() | refused.keys() == ACCEPT_ATTRIBUTES.keys()


def test_a_share_of_requests_without_a_trace_begin_one() -> None:
    assert World(0.0).tracing.begin("acme", {}) is None
    begun = World(1.0).tracing.begin("acme", {b"traceparent": b"nonsense"})
    assert begun is not None
    assert begun.traceparent.endswith("-01")


def test_more_than_the_queue_holds_is_dropped_counted_and_told_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUEUE_MAX", 3)
    world = World()

    world.tracing.watch([ENDED] * 5)
    world.tracing.watch([ENDED] * 2)
    world.tracing._send()

    assert (len(world.spans), world.tracing.dropped) == (3, 4)
    assert world.told == [SpansDropped(4)]
    world.tracing.watch([ENDED] * 4)
    world.tracing._send()
    assert len(world.told) == 1
    world.clock.pass_s(60.0)
    world.tracing._send()
    assert world.told[1:] == [SpansDropped(1)]


@pytest.mark.parametrize("result", [SpanExportResult.FAILURE, OSError("away")])
def test_what_the_collector_does_not_take_is_dropped(result: Any) -> None:
    world = World()
    world.result = result

    world.tracing.watch([ENDED])
    world.tracing._send()

    assert world.tracing.dropped == 1


def test_attempts_outside_a_trace_or_of_one_that_is_not_sampled_leave_no_span() -> None:
    world = World()
    world.tracing.watch([ENDED._replace(trace=None), ENDED._replace(trace=TRACE[:-2] + "00")])
    world.tracing._send()
    assert world.spans == []


def test_what_is_left_is_sent_at_the_end_but_not_to_a_collector_in_trouble() -> None:
    world = World()
    world.tracing.watch([ENDED] * 1_000)
    world.tracing.close(lambda: True)
    assert len(world.spans) == 1_000
    away = World()
    away.result = SpanExportResult.FAILURE
    away.tracing.watch([ENDED])
    away.tracing._send()
    away.tracing.watch([ENDED])
    away.tracing.close(lambda: pytest.fail("it waited"))


def test_without_opentelemetry_a_collector_is_a_bad_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ringback.observe.tracing")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    watching = Watching(ManualClock(), unobserved)

    with pytest.raises(BadSetting, match=r"ringback\[otel\]"):
        watching.trace("http://127.0.0.1:4318/v1/traces", 1.0, "1", lambda part: None)


def test_without_a_collector_nobody_is_asked_or_only_the_caller_is_heard() -> None:
    watching = Watching(ManualClock(), unobserved)
    assert watching.trace_accept(propagate=False) is None
    heard = watching.trace_accept(propagate=True)
    assert heard is not None
    span = heard("acme", {b"traceparent": TRACE.encode()})
    assert span is not None
    assert span.traceparent == TRACE
    assert heard("acme", {b"traceparent": b"nonsense"}) is None
    assert heard("acme", {}) is None
