"""The `traceparent` of W3C Trace Context (https://www.w3.org/TR/trace-context/, level 1): read, written, derived.

An event keeps the one under which it was accepted, as text. The span of an attempt has no state of its own anywhere:
its id follows from the attempt's id, so the process that sends a request and the one that reports its span agree on it.
Never raises: what is not a valid `traceparent` counts as none, as the specification asks.
"""

import re
from hashlib import blake2b
from typing import Final, NamedTuple

TRACEPARENT: Final = "traceparent"
_FORM: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_TRACE: Final = "0" * 32
_NO_SPAN: Final = "0" * 16
_LENGTH_MAX: Final = 256


class TraceParent(NamedTuple):
    """Ids in lower-case hexadecimal. `sampled`: somebody records this trace."""

    trace_id: str
    span_id: str
    sampled: bool

    def __str__(self) -> str:
        """The header's value."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


def parse_traceparent(text: str | None) -> TraceParent | None:
    """What the header says; None when it is missing or not valid. Versions above 00 may have more behind it."""
    if text is None or len(text) > _LENGTH_MAX:
        return None
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return TraceParent(trace_id, span_id, bool(int(flags, 16) & 1))


def span_of_attempt(attempt_id: str) -> str:
    """The span id of an attempt: the same wherever it is asked for."""
    span_id = blake2b(attempt_id.encode(), digest_size=8).hexdigest()
    return span_id if span_id != _NO_SPAN else "0" * 15 + "1"


def sent_traceparent(event_trace: str, attempt_id: str) -> str | None:
    """The header of one request: the event's trace, with the attempt's span as the parent of what happens there."""
    parent = parse_traceparent(event_trace)
    if parent is None:
        return None
    return str(TraceParent(parent.trace_id, span_of_attempt(attempt_id), parent.sampled))
