"""Spans for OpenTelemetry: one for each request that brings events, one for each attempt, sent to a collector by OTLP.

Loading this module needs the extra `ringback[otel]`; nothing else does. Spans are kept as plain values and made on a
thread of their own, so that the hot path pays for an append. The queue is bounded: when the collector is down or slow,
spans are dropped and counted, and nothing waits for it. What may fail here (the network, the SDK) ends in a dropped
batch, never in an exception. Attributes are listed by name; bodies, headers, credentials and URLs are not among them.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from ringback.clock import Clock
from ringback.model.trace import TraceParent, parse_traceparent, span_of_attempt
from ringback.observe.attempts import EndedAttempt
from ringback.observe.attributes import ACCEPT, ATTEMPT
from ringback.observe.telemetry import Observer, SpansDropped
from ringback.observe.traces import AcceptSpan, callers_trace

QUEUE_MAX: Final = 20_000
BATCH_MAX: Final = 512
EXPORT_S_MAX: Final = 5.0
WAIT_S: Final = 0.5
TELL_EVERY_S: Final = 60.0
_MS_NS: Final = 1_000_000

Attributes = dict[str, str | int | bool | list[str]]


class _Span(NamedTuple):
    """A span that has ended, before the SDK has it. `state` is the caller's `tracestate`."""

    own: TraceParent
    parent: TraceParent | None
    state: str
    started_ns: int
    ended_ns: int
    attributes: Attributes
    failed: bool


class Tracing:
    """`begin` for the event loop, `watch` for the settler; `step` and `close` send what they leave."""

    def __init__(self, clock: Clock, url: str, share: float, version: str, observer: Observer) -> None:
        """`url` is where a collector takes traces; `share` how many requests without a trace begin one, in [0, 1]."""
        self._clock = clock
        self._share = share
        self._observer = observer
        self._resource = Resource.create({"service.name": "ringback", "service.version": version})
        self._scope = InstrumentationScope("ringback", version)
        # Its complaints are told as `spans_dropped`, not once for each batch.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._exporter = OTLPSpanExporter(endpoint=url, timeout=EXPORT_S_MAX)
        self._ended: deque[_Span | EndedAttempt] = deque()
        self._full = threading.Event()
        self._untold = 0
        self._reachable = True
        self._told_s = clock.boottime_s() - TELL_EVERY_S
        self.dropped = 0

    # ── what ended ───────────────────────────────────────────────────────────────────────────────────────────

    def begin(self, tenant_id: str, headers: Mapping[bytes, bytes]) -> AcceptSpan | None:
        """`traces.TraceAccept`: within the caller's trace if it is in one."""
        caller = callers_trace(headers)
        if caller is not None:
            sampled = caller.sampled
            trace_id = caller.trace_id
        else:
            if self._clock.chance() >= self._share:
                return None
            sampled = True
            trace_id = self._clock.token_bytes(16).hex()
        own = TraceParent(trace_id, self._clock.token_bytes(8).hex(), sampled)
        state = headers.get(b"tracestate", b"").decode("latin-1") if caller is not None else ""
        return _OpenSpan(own, caller, state=state, tenant_id=tenant_id, clock=self._clock, on_end=self._end)

    def watch(self, batch: Sequence[EndedAttempt]) -> None:
        """`attempts.WatchAttempts`."""
        self._keep([ended for ended in batch if ended.trace is not None])

    def _end(self, span: "_OpenSpan", event_ids: Sequence[str], deliveries: int, code: str | None) -> None:
        if not span.own.sampled:
            return
        attributes: Attributes = {"ringback.tenant.id": span.tenant_id, "ringback.outcome": code or "accepted"}
        if code is None:
            attributes["ringback.event.count"] = len(event_ids)
            attributes["ringback.delivery.count"] = deliveries
            if len(event_ids) == 1:
                attributes["ringback.event.id"] = event_ids[0]
        else:
            attributes["error.type"] = code
        ended_ns = span.started_ns + int((self._clock.boottime_s() - span.started_s) * 1e9)
        ended = (span.own, span.parent, span.state, span.started_ns, ended_ns, attributes, code is not None)
        self._keep([_Span(*ended)])

    def _keep(self, ended: Sequence[_Span | EndedAttempt]) -> None:
        room = QUEUE_MAX - len(self._ended)
        self._ended.extend(ended[:room] if room < len(ended) else ended)
        if room < len(ended):
            self._drop(len(ended) - max(0, room))
        if len(self._ended) >= BATCH_MAX:
            self._full.set()

    # ── sending it ───────────────────────────────────────────────────────────────────────────────────────────

    def step(self) -> None:
        """Wait for a batch, or for a moment, and send it. On a thread of its own."""
        self._full.wait(WAIT_S)
        self._full.clear()
        self._send()

    def _send(self) -> None:
        batch: list[_Span | EndedAttempt] = []
        while self._ended and len(batch) < BATCH_MAX:
            batch.append(self._ended.popleft())
        if len(self._ended) >= BATCH_MAX:
            self._full.set()
        spans = [span for span in map(self._span, batch) if span is not None]
        if spans and not self._exported(spans):
            self._drop(len(spans))
        now_s = self._clock.boottime_s()
        if self._untold and now_s - self._told_s >= TELL_EVERY_S:
            untold, self._untold = self._untold, 0
            self._told_s = now_s
            self._observer(SpansDropped(untold))

    def _exported(self, spans: list[ReadableSpan]) -> bool:
        try:
            self._reachable = self._exporter.export(spans) is SpanExportResult.SUCCESS
        except Exception:  # whatever a library does here, deliveries go on
            self._reachable = False
        return self._reachable

    def _drop(self, count: int) -> None:
        self.dropped += count
        self._untold += count

    def close(self, stop: Callable[[], bool]) -> None:
        """Send what is there if the collector took the last batch. `stop` ends the thread; True if that was soon."""
        self._full.set()
        if self._reachable and stop():
            while self._ended and self._reachable:
                self._send()
        with suppress(Exception):
            self._exporter.shutdown()  # type: ignore[no-untyped-call]

    # ── as spans ─────────────────────────────────────────────────────────────────────────────────────────────

    def _span(self, ended: "_Span | EndedAttempt") -> ReadableSpan | None:
        if isinstance(ended, _Span):
            return self._made(ended, ACCEPT, SpanKind.SERVER)
        parent = parse_traceparent(ended.trace)
        if parent is None or not parent.sampled:
            return None
        attempt = ended.attempt
        own = TraceParent(parent.trace_id, span_of_attempt(attempt.id), True)
        started_ns = attempt.at * _MS_NS
        ended_ns = started_ns + int(attempt.duration_ms * _MS_NS)
        attributes, failed = attempt_attributes(ended), attempt.error_code is not None
        return self._made(_Span(own, parent, "", started_ns, ended_ns, attributes, failed), ATTEMPT, SpanKind.CLIENT)

    def _made(self, span: "_Span", name: str, kind: SpanKind) -> ReadableSpan:
        return ReadableSpan(
            name=name,
            context=_context(span.own, span.state, is_remote=False),
            parent=None if span.parent is None else _context(span.parent, span.state, is_remote=True),
            resource=self._resource,
            attributes=span.attributes,
            kind=kind,
            status=Status(StatusCode.ERROR) if span.failed else Status(),
            start_time=span.started_ns,
            end_time=max(span.started_ns, span.ended_ns),
            instrumentation_scope=self._scope,
        )


class _OpenSpan:
    """An accept span that has not ended."""

    __slots__ = ("_on_end", "own", "parent", "started_ns", "started_s", "state", "tenant_id")

    def __init__(
        self,
        own: TraceParent,
        parent: TraceParent | None,
        *,
        state: str,
        tenant_id: str,
        clock: Clock,
        on_end: Callable[["_OpenSpan", Sequence[str], int, str | None], None],
    ) -> None:
        self.own = own
        self.parent = parent
        self.state = state
        self.tenant_id = tenant_id
        self.started_ns = clock.now_ms() * _MS_NS
        self.started_s = clock.boottime_s()
        self._on_end = on_end

    @property
    def traceparent(self) -> str:
        return str(self.own)

    def end(self, event_ids: Sequence[str], deliveries: int, code: str | None) -> None:
        self._on_end(self, event_ids, deliveries, code)


def attempt_attributes(ended: EndedAttempt) -> Attributes:
    """What the span of an attempt says, by OpenTelemetry's names for HTTP clients where there are any."""
    attempt = ended.attempt
    url = urlsplit(attempt.url)
    known: dict[str, str | int | bool | None] = {
        "ringback.tenant.id": attempt.tenant_id,
        "ringback.endpoint.id": attempt.endpoint_id,
        "ringback.event.id": attempt.event_id,
        "ringback.event.type": attempt.event_type,
        "ringback.attempt.id": attempt.id,
        "ringback.attempt.number": attempt.number,
        "ringback.outcome": attempt.outcome,
        "ringback.final": attempt.final,
        "ringback.superseded": ended.superseded,
        "ringback.lag_ms": max(0, attempt.at - ended.due_at),
        "ringback.held_by": ended.held_by,
        "http.request.method": attempt.method,
        "http.response.status_code": attempt.status_code,
        "error.type": attempt.error_code,
        "url.scheme": url.scheme,
        "server.address": url.hostname,
        "server.port": url.port or (443 if url.scheme == "https" else 80),
        "network.peer.address": attempt.remote_address,
        "network.protocol.version": attempt.http_version,
    }
    return {name: value for name, value in known.items() if value is not None}


def _context(trace: TraceParent, state: str, *, is_remote: bool) -> SpanContext:
    return SpanContext(
        int(trace.trace_id, 16),
        int(trace.span_id, 16),
        is_remote,
        TraceFlags(TraceFlags.SAMPLED if trace.sampled else TraceFlags.DEFAULT),
        TraceState.from_header([state]) if state else None,
    )
