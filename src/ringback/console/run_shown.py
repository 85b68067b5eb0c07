"""A run prepared to be looked at: where the time went, headers, bodies, and what differed from the try before.

Pure. Everything from outside is still bytes or text as it came; templates put it through `shown`. What could be large
is cut here: headers by number, differences by lines.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import unified_diff
from typing import Final, NamedTuple

from ringback.console.shown import shown_bytes, shown_json
from ringback.curl import SentRequest
from ringback.model.attempt import Attempt, Timings

HEADERS_SHOWN_MAX: Final = 200
DIFF_LINES_MAX: Final = 400
DIFF_SHOWN_MAX: Final = 200
BAR_UNITS: Final = 400
_PHASES: Final = (
    ("dns", "Name looked up"), ("connect", "Connected"), ("tls", "TLS"), ("first_byte", "Waited for the answer"),
)  # fmt: skip

Headers = Sequence[tuple[str, str]]


class Bar(NamedTuple):
    """One phase in the waterfall: `start` and `width` of `BAR_UNITS`."""

    name: str
    ms: float
    start: float
    width: float


class Change(NamedTuple):
    """Something that is otherwise than in the try before; "" where it wasn't there."""

    what: str
    before: str
    after: str


class Line(NamedTuple):
    """A line of a body's difference: `mark` is `+`, `-` or a blank."""

    mark: str
    text: str


class BodyChange(NamedTuple):
    what: str
    lines: Sequence[Line]


class Differences(NamedTuple):
    """Against which try, what changed, and how bodies did."""

    number: int
    changes: Sequence[Change]
    bodies: Sequence[BodyChange]


def timings_of(attempt: Attempt) -> Timings | None:
    """None: no request was made, or nothing was measured."""
    return None if attempt.timings is None else Timings(*json.loads(attempt.timings))


def waterfall(timings: Timings) -> list[Bar]:
    """A bar a phase, each where the one before it ends."""
    phases = [(name, getattr(timings, key)) for key, name in _PHASES]
    rest = timings.total - sum(ms for _, ms in phases if ms)
    phases.append(("Rest of the answer" if timings.first_byte is not None else "Waited", max(rest, 0.0)))
    whole = max(timings.total, sum(ms for _, ms in phases if ms), 0.001)
    bars, begun = [], 0.0
    for name, ms in phases:
        if ms is not None:
            bars.append(Bar(name, ms, round(begun / whole * BAR_UNITS, 1), round(max(ms / whole * BAR_UNITS, 1.0), 1)))
            begun += ms
    return bars


def headers_of(stored: bytes | None) -> list[tuple[str, str]]:
    """As they were sent or came; none where none are kept."""
    return [(str(name), str(value)) for name, value in json.loads(stored or b"[]")]


def sent_request(attempt: Attempt) -> SentRequest | None:
    """What was sent, for curl; None: nothing was, or its body isn't kept any more."""
    if not attempt.url or attempt.request_body is None or attempt.redacted:
        return None
    return SentRequest(attempt.method, attempt.url, headers_of(attempt.request_headers), attempt.request_body)


def differences(before: Attempt, after: Attempt, *, bodies: bool) -> Differences:
    """What `after` has otherwise than the try before it."""
    changes = [Change(what, old, new) for what, old, new in _facts(before, after) if old != new]
    shown = list(_body_changes(before, after)) if bodies else []
    return Differences(before.number, changes[:HEADERS_SHOWN_MAX], shown)


def _facts(before: Attempt, after: Attempt) -> Iterator[tuple[str, str, str]]:
    yield "Status", _text(before.status_code), _text(after.status_code)
    yield "Error", _text(before.error_code), _text(after.error_code)
    yield "Error in words", _text(before.error_message), _text(after.error_message)
    yield "Request", f"{before.method} {before.url}", f"{after.method} {after.url}"
    yield "Address", _text(before.remote_address), _text(after.remote_address)
    yield "HTTP version", _text(before.http_version), _text(after.http_version)
    yield "Profile", before.profile, after.profile
    for side, old, new in (
        ("Request header", before.request_headers, after.request_headers),
        ("Response header", before.response_headers, after.response_headers),
    ):
        olds, news = _by_name(headers_of(old)), _by_name(headers_of(new))
        for name in sorted({*olds, *news}):
            yield f"{side} {name}", olds.get(name, ""), news.get(name, "")


def _by_name(headers: Headers) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        found[lower] = f"{found[lower]}, {value}" if lower in found else value
    return found


def _body_changes(before: Attempt, after: Attempt) -> Iterator[BodyChange]:
    for what, old, new in (
        ("Body of the request", before.request_body, after.request_body),
        ("Body of the answer", before.response_body, after.response_body),
    ):
        if (old or b"") != (new or b""):
            yield BodyChange(what, _diff(old, new))


def _diff(before: bytes | None, after: bytes | None) -> list[Line]:
    olds, news = (shown_json(body).split("\n")[:DIFF_LINES_MAX] for body in (before, after))
    found = list(unified_diff(olds, news, n=2, lineterm=""))[2:]
    lines = [Line(line[:1], line[1:]) for line in found[:DIFF_SHOWN_MAX] if not line.startswith("@@")]
    return lines or [Line(" ", "They differ behind what is shown here.")]


def _text(value: object) -> str:
    return "" if value is None else shown_bytes(str(value))
