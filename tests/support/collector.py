"""A collector of traces for the tests: takes OTLP over HTTP as the real exporter sends it, and decodes the protobuf."""

import gzip
import http.server
import threading
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan

from support.process import wait_until


class Span(NamedTuple):
    """One span as it came. Ids in hexadecimal, `parent_id` "" for a root; times in nanoseconds since 1970."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    state: str
    started_ns: int
    ended_ns: int
    failed: bool
    attributes: dict[str, Any]
    resource: dict[str, Any]


class Collector:
    """Listens on loopback. While `answering` is not set, nothing is answered; `asked` is set by the first request.

    `raw` has each export whole, headers and (unpacked) bytes, for tests of what must not be in any.
    """

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.raw: list[bytes] = []
        self.answering = threading.Event()
        self.answering.set()
        self.asked = threading.Event()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            disable_nagle_algorithm = True  # heads and bodies are written apart

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.asked.set()
                collector.answering.wait(30)
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.raw.append(bytes(self.headers) + body)
                collector.spans += spans_in(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1/traces"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def wait_for(self, count: int, name: str, trace_id: str | None = None) -> list[Span]:
        """Wait until so many spans of that name (and trace) have come; by their start."""

        def come() -> list[Span] | None:
            found = [s for s in self.spans if s.name == name and trace_id in (None, s.trace_id)]
            return sorted(found, key=lambda span: span.started_ns) if len(found) >= count else None

        found: list[Span] = wait_until(come, 20, f"{count} spans {name}")
        return found

    def stop(self) -> None:
        """Be gone: what hangs is answered, whoever comes later is refused."""
        self._server.shutdown()
        self._server.server_close()
        self.answering.set()
        self._thread.join(5)

    def __enter__(self) -> "Collector":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def spans_in(request: ExportTraceServiceRequest) -> list[Span]:
    """Everything in one export."""
    return [
        Span(
            span.name,
            ProtoSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.trace_state,
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            span.status.code == 2,
            _attributes(span.attributes),
            _attributes(group.resource.attributes),
        )
        for group in request.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
