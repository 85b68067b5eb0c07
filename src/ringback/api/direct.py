"""The short way for ordinary posts of events: from the parser to the ingest writer and back without a task of its own.

A request that comes whole, with its length, from a caller who is known, and alone on its connection needs nothing that
an ASGI server does for it; skipping that halves what a post costs the event loop. Everything else, and whatever is
wrong with a request's head, goes the ordinary way (`events`), which gives the same answers from the same parts.
Builds on the inside of uvicorn's httptools protocol (its version is pinned; tests/unit/api/test_direct.py).
"""

import asyncio
import logging
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from ringback.api.event_request import EventRequest, Place, accepted, code_of, place_of
from ringback.api.events import EventsRoute, outcome_of
from ringback.api.headers import by_name
from ringback.api.problem import problem
from ringback.api.protocol import ProblemProtocol
from ringback.ingest.submission import Submission
from ringback.model.errors import RingbackError

# A larger body is left to the ordinary way, which can halt its sender.
BODY_BYTES_MAX: Final = 65_536
_LENGTH_DIGITS_MAX: Final = 5
_PATHS_KNOWN_MAX: Final = 4_096
_JSON: Final = b"content-type: application/json\r\n"

logger = logging.getLogger(__name__)
_places: dict[bytes, Place | None] = {}


class DirectProtocol(ProblemProtocol):
    """uvicorn's protocol with the short way built in."""

    def __init__(self, route: EventsRoute, **options: Any) -> None:
        super().__init__(**options)
        self.route = route

    def on_headers_complete(self) -> None:
        request = self._direct_request()
        if request is None:
            super().on_headers_complete()
        else:
            self._in_head = False
            self.cycle = DirectCycle(self, request)  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        cycle: object = self.cycle
        if isinstance(cycle, DirectCycle):
            cycle.parts.append(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        cycle: object = self.cycle
        if isinstance(cycle, DirectCycle):
            cycle.complete()
        else:
            super().on_message_complete()

    def _direct_request(self) -> EventRequest | None:
        """The request, when its head is that of an ordinary one."""
        place = _place(self.url)
        if place is None or self.expect_100_continue or self.parser.get_method() != b"POST":
            return None
        if self.cycle is not None and not self.cycle.response_complete:
            return None  # it has to wait for the one before it
        if self.flow.write_paused or self.transport.is_closing():
            return None
        if self.parser.get_http_version() != "1.1" or self.parser.should_upgrade():
            return None
        try:
            headers = by_name(self.headers)
            length = _length(headers)
            request = self.route.expected(place, headers) if length is not None else None
        except RingbackError:
            return None
        return request if request is not None and length is not None and length <= request.bytes_max else None


class DirectCycle:
    """One request and its answer. Has what the protocol asks of a cycle."""

    __slots__ = ("disconnected", "keep_alive", "message_event", "parts", "protocol", "request", "response_complete",
                 "started_s", "submission")  # fmt: skip

    def __init__(self, protocol: DirectProtocol, request: EventRequest) -> None:
        self.protocol = protocol
        self.request = request
        self.started_s = protocol.route.meter.start()
        self.parts: list[bytes] = []
        self.submission: Submission | None = None
        self.disconnected = False
        self.keep_alive = protocol.parser.should_keep_alive()
        self.message_event = _nobody_waits
        self.response_complete = False

    def complete(self) -> None:
        """The body is here."""
        parts = self.parts
        try:
            self.protocol.route.admit()
            self.submission = self.request.submission(parts[0] if len(parts) == 1 else b"".join(parts))
            self.protocol.route.submit(self.request, self.submission, self.finish)
        except RingbackError as error:
            self._refuse(error)
        except Exception as error:
            logger.exception("accepting events failed")
            self._refuse(error)

    def finish(self) -> None:
        """The writer is done with it. On the event loop."""
        try:
            outcome = outcome_of(self.submission)
            if isinstance(outcome, RingbackError):
                self._refuse(outcome)
            else:
                status, body = accepted(outcome, self.request.place)
                self.protocol.route.meter.ended(self.started_s, None)
                self.request.end_span(outcome)
                self._answer(status, _JSON, body)
        except Exception as error:
            logger.exception("answering failed")
            self._refuse(error)

    def _refuse(self, error: Exception) -> None:
        answer = problem(error)
        self.protocol.route.meter.ended(self.started_s, code_of(error))
        self.request.end_span(error)
        headers = "".join(f"{name.lower()}: {value}\r\n" for name, value in answer.headers.items())
        self._answer(answer.status, headers.encode("latin-1"), answer.body)

    def _answer(self, status: int, headers: bytes, body: bytes) -> None:
        if self.response_complete:
            return
        self.response_complete = True
        protocol = self.protocol
        transport = protocol.transport
        if self.disconnected or transport.is_closing():
            return
        added = b"".join([b"%s: %s\r\n" % pair for pair in protocol.server_state.default_headers])
        close = b"" if self.keep_alive else b"connection: close\r\n"
        length = b"content-length: %d\r\n\r\n" % len(body)
        transport.write(b"".join((STATUS_LINE[status], added, headers, close, length, body)))
        if not self.keep_alive:
            transport.close()
        protocol.on_response_complete()


class _NobodyWaits(asyncio.Event):
    """Where an ASGI cycle has an event that its app waits on."""

    def set(self) -> None:
        """Nothing to wake."""


_nobody_waits: Final = _NobodyWaits()


def _place(url: bytes) -> Place | None:
    """`place_of`, remembered. A query or an escape is for the ordinary way."""
    try:
        return _places[url]
    except KeyError:
        pass
    place = None if b"%" in url or b"?" in url or not url.isascii() else place_of(url.decode("ascii"))
    if len(_places) >= _PATHS_KNOWN_MAX:
        _places.clear()
    _places[url] = place
    return place


def _length(headers: dict[bytes, bytes]) -> int | None:
    """The body's length where it is given and small."""
    text = headers.get(b"content-length")
    if text is None or len(text) > _LENGTH_DIGITS_MAX or not text.isdigit() or b"transfer-encoding" in headers:
        return None
    length = int(text)
    return length if length <= BODY_BYTES_MAX else None
