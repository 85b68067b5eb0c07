"""uvicorn's protocol with a bound on what it reads: every piece of a body needs room (`room`), whoever reads it.

uvicorn keeps a piece of each connection's body before anybody asks for it, and after nobody will; so this counts and
refuses where the pieces come in, before there is a task. Who finds no room is answered at once (503, `busy`); what is
still on its way is thrown away, and the connection can go on. The app that was to read it sees that its caller is gone.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from ringback.api.problem import problem
from ringback.api.protocol import ProblemProtocol
from ringback.api.room import Room, no_room

_LENGTH_DIGITS_MAX: Final = 18


class RoomyProtocol(ProblemProtocol):
    """Takes bodies in as far as `room` has it."""

    def __init__(self, room: Room, **options: Any) -> None:
        super().__init__(**options)
        self.room = room
        self._held = 0

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        headers = dict(self.headers)
        length = announced_length(headers.get(b"content-length"))
        if (length or b"transfer-encoding" in headers) and not self.room.lets_in(self, length):
            self.turn_away()

    def on_body(self, body: bytes) -> None:
        if not self.cycle.response_complete and self.take_in(body):
            super().on_body(body)

    def on_message_complete(self) -> None:
        self.room.complete(self)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self.give_back()
        cycle = self.cycle
        if isinstance(cycle, RequestResponseCycle) and cycle.response_complete:
            cycle.body = bytearray()  # what nobody asked for would stay until the next request
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self.give_back()
        super().connection_lost(exc)

    def take_in(self, piece: bytes) -> bool:
        """Whether there is room for it; if not, the request is answered."""
        if not self.room.take(self, len(piece)):
            self.turn_away()
            return False
        self._held += len(piece)
        return True

    def give_back(self) -> None:
        """Nothing of a body is held here any more."""
        if self._held:
            self.room.give_back(self, self._held)
            self._held = 0

    def turn_away(self) -> None:
        """Answer the request that is being read with 503, instead of whoever was to answer it."""
        self.give_back()
        cycle = self.cycle
        if cycle.response_started or self.pipeline:
            # Half an answer has gone out, or one before it is owed: neither leaves a place for this one.
            self.transport.close()
            return
        turned_away = Cycle(self, keep_alive=cycle.keep_alive)
        self.cycle = turned_away  # type: ignore[assignment]
        cycle.disconnected = True
        cycle.body = bytearray()
        cycle.message_event.set()
        turned_away.answer_problem(no_room())


class Cycle:
    """A request that is answered without an app. Has what the protocol asks of a cycle."""

    __slots__ = ("disconnected", "keep_alive", "message_event", "protocol", "response_complete")

    def __init__(self, protocol: RoomyProtocol, *, keep_alive: bool) -> None:
        self.protocol = protocol
        self.disconnected = False
        self.keep_alive = keep_alive
        self.message_event = _nobody_waits
        self.response_complete = False

    def answer_problem(self, error: Exception) -> None:
        """Answer with the problem that `error` is."""
        answer = problem(error)
        headers = "".join(f"{name.lower()}: {value}\r\n" for name, value in answer.headers.items())
        self.answer(answer.status, headers.encode("latin-1"), answer.body)

    def answer(self, status: int, headers: bytes, body: bytes) -> None:
        """Answer, once. `headers` are complete lines."""
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


def announced_length(text: bytes | None) -> int | None:
    """A body's length as its header has it; None where there is none that could be."""
    if text is None or len(text) > _LENGTH_DIGITS_MAX or not text.isdigit():
        return None
    return int(text)
