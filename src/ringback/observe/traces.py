"""What accepting events asks of whoever traces it, and the tracer of a process that only passes traces on.

`tracing` has the one that records spans; it needs the OpenTelemetry SDK, this module nothing. A tracer is asked for
each request that was let in, on the event loop; None for a request means that its events belong to no trace.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from ringback.model.trace import TRACEPARENT, TraceParent, parse_traceparent

_HEADER = TRACEPARENT.encode()


class AcceptSpan(Protocol):
    """The accepting of one request. `traceparent` is what its events are stored with."""

    @property
    def traceparent(self) -> str: ...

    def end(self, event_ids: Sequence[str], deliveries: int, code: str | None) -> None:
        """It is answered: accepted, or refused with `code`."""


TraceAccept = Callable[[str, Mapping[bytes, bytes]], AcceptSpan | None]
"""(tenant id, the request's headers by lower-case name) → its span."""


def callers_trace(headers: Mapping[bytes, bytes]) -> TraceParent | None:
    """The trace that the caller is in, by its `traceparent` header."""
    value = headers.get(_HEADER)
    return None if value is None else parse_traceparent(value.decode("latin-1"))


class CallersSpan:
    """The caller's own span, kept so that it can be passed on; nothing is recorded."""

    __slots__ = ("traceparent",)

    def __init__(self, traceparent: str) -> None:
        self.traceparent = traceparent

    def end(self, event_ids: Sequence[str], deliveries: int, code: str | None) -> None:
        """Nothing to record."""


def keep_callers_trace(tenant_id: str, headers: Mapping[bytes, bytes]) -> AcceptSpan | None:
    """`TraceAccept` of a process that has no collector and passes traces on."""
    caller = callers_trace(headers)
    return None if caller is None else CallersSpan(str(caller))
