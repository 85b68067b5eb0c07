"""The short way for ordinary posts of events: from the parser to the ingest writer and back without a task of its own.

A request with its length, from a caller who is known, and alone on its connection needs nothing that an ASGI server
does for it; skipping that halves what a post costs the event loop. Everything else, and whatever is wrong with a
request's head, goes the ordinary way (`events`), which gives the same answers from the same parts. Either way its body
needs room (`roomy`); a request that finds none is answered here. Builds on the inside of uvicorn's httptools protocol
(its version is pinned; tests/unit/api/test_direct.py).
"""

import logging
from typing import Any, Final

from ringback.api.event_request import EventRequest, Place, accepted, code_of, place_of
from ringback.api.events import EventsRoute, outcome_of
from ringback.api.headers import by_name
from ringback.api.room import SMALL_BODY_BYTES_MAX, Room, no_room
from ringback.api.roomy import Cycle, RoomyProtocol, announced_length
from ringback.api.writer_queue import CHECKED_ON_THE_LOOP_BYTES_MAX
from ringback.ingest.submission import Submission
from ringback.model.errors import RingbackError

# A larger body is left to the ordinary way, which checks it on another thread.
BODY_BYTES_MAX: Final = CHECKED_ON_THE_LOOP_BYTES_MAX
_PATHS_KNOWN_MAX: Final = 4_096
_JSON: Final = b"content-type: application/json\r\n"

logger = logging.getLogger(__name__)
_places: dict[bytes, Place | None] = {}


class DirectProtocol(RoomyProtocol):
    """uvicorn's protocol with the short way built in."""

    def __init__(self, route: EventsRoute, room: Room, **options: Any) -> None:
        super().__init__(room, **options)
        self.route = route
        self._length = 0

    def on_headers_complete(self) -> None:
        request = self._direct_request()
        if request is None:
            super().on_headers_complete()
        else:
            self._in_head = False
            cycle = DirectCycle(self, request, self._length)
            self.cycle = cycle  # type: ignore[assignment]
            if self._length > SMALL_BODY_BYTES_MAX and not self.room.lets_in(self, self._length):
                cycle.refuse(no_room())

    def on_body(self, body: bytes) -> None:
        cycle: object = self.cycle
        if not isinstance(cycle, DirectCycle):
            super().on_body(body)
        elif not cycle.response_complete and (len(body) == cycle.length or self.take_in(body)):
            cycle.parts.append(body)

    def on_message_complete(self) -> None:
        cycle: object = self.cycle
        if not isinstance(cycle, DirectCycle):
            super().on_message_complete()
        elif not cycle.response_complete:
            cycle.complete()
            self.give_back()  # what was accepted is counted by the writer now

    def turn_away(self) -> None:
        cycle: object = self.cycle
        if isinstance(cycle, DirectCycle):
            cycle.refuse(no_room())
            return
        if _place(self.url) is not None:
            self.route.meter.ended(self.route.meter.start(), "busy")
        super().turn_away()

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
        return self._expected(place)

    def _expected(self, place: Place) -> EventRequest | None:
        try:
            headers = by_name(self.headers)
            length = announced_length(headers.get(b"content-length"))
            if length is None or length > BODY_BYTES_MAX or b"transfer-encoding" in headers:
                return None
            request = self.route.expected(place, headers)
        except RingbackError:
            return None
        self._length = length
        return request if request is not None and length <= request.bytes_max else None


class DirectCycle(Cycle):
    """One request and its answer."""

    __slots__ = ("length", "parts", "request", "route", "started_s", "submission")

    def __init__(self, protocol: DirectProtocol, request: EventRequest, length: int) -> None:
        super().__init__(protocol, keep_alive=protocol.parser.should_keep_alive())
        self.route = protocol.route
        self.request = request
        self.length = length
        self.started_s = protocol.route.meter.start()
        self.parts: list[bytes] = []
        self.submission: Submission | None = None

    def complete(self) -> None:
        """The body is here."""
        parts, self.parts = self.parts, []
        try:
            self.route.queue.admit()
            self.submission = self.request.submission(parts[0] if len(parts) == 1 else b"".join(parts))
            self.route.queue.submit(self.submission, self.request.quota, self.finish)
        except RingbackError as error:
            self.refuse(error)
        except Exception as error:
            logger.exception("accepting events failed")
            self.refuse(error)

    def finish(self) -> None:
        """The writer is done with it. On the event loop."""
        try:
            outcome = outcome_of(self.submission)
            if isinstance(outcome, RingbackError):
                self.refuse(outcome)
            else:
                status, body = accepted(outcome, self.request.place)
                self.route.meter.ended(self.started_s, None)
                self.request.end_span(outcome)
                self.answer(status, _JSON, body)
        except Exception as error:
            logger.exception("answering failed")
            self.refuse(error)
        self.submission = None  # the connection may be idle for long

    def refuse(self, error: Exception) -> None:
        """Answer with `error`, and let go of what has come."""
        self.parts = []
        self.submission = None
        self.route.meter.ended(self.started_s, code_of(error))
        self.request.end_span(error)
        self.answer_problem(error)


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
