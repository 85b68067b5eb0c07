"""A TCP proxy on the loopback whose line a test makes bad while it runs: slow, silent, reset, or closed to newcomers.

One thread serves all connections and passes bytes on as they are. What a silent line holds back, the end of a
connection too, goes on in order when it may pass again, as after a broken network; only `reset` and `close` lose bytes.
"""

import selectors
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Literal, Self

from support.process import free_port

Direction = Literal["up", "down"]  # towards the target, back from it
BOTH: Final[tuple[Direction, ...]] = ("up", "down")
_READ_BYTES: Final = 1 << 16
_HELD_BYTES_MAX: Final = 1 << 22
_WITHIN_S: Final = 10.0
_RESETS: Final = struct.pack("ii", 1, 0)  # SO_LINGER: close sends RST
_LOST: Final = None  # in place of bytes: this end broke off


class _Pipe:
    """One direction of a connection: what came from `source` and when it may go to `sink`."""

    def __init__(self, direction: Direction, source: socket.socket, sink: socket.socket) -> None:
        self.direction = direction
        self.source = source
        self.sink = sink
        self.waiting: deque[tuple[float, bytes | None]] = deque()  # b"": the source has ended
        self.held_bytes = 0
        self.source_ended = False
        self.full = False  # the sink takes no more just now
        self.done = False

    def read(self, due: float) -> None:
        try:
            data: bytes | None = self.source.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = _LOST
        self.waiting.append((due, data))
        self.held_bytes += len(data or b"")
        self.source_ended = not data

    def write(self, now: float) -> bool:
        """Pass on what is due; False when the source broke off, which the sink has to see."""
        self.full = False
        while self.waiting and self.waiting[0][0] <= now:
            due, data = self.waiting.popleft()
            if data is _LOST:
                return False
            try:
                sent = self._send(data)
            except BlockingIOError:
                sent, self.full = 0, True
            except OSError:
                sent = len(data)  # Nobody is there; what this sink said last comes by the other pipe.
            self.held_bytes -= sent
            if sent < len(data) or (self.full and not data):
                self.waiting.appendleft((due, data[sent:]))
                break
            self.done = self.done or not data
        return True

    def _send(self, data: bytes) -> int:
        if data:
            return self.sink.send(data)
        self.sink.shutdown(socket.SHUT_WR)
        return 0


class _Line:
    """A connection through the proxy: the client's and ours to the target."""

    def __init__(self, client: socket.socket, target: socket.socket) -> None:
        self.sockets = (client, target)
        for each in self.sockets:
            each.setblocking(False)
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.pipes = (_Pipe("up", client, target), _Pipe("down", target, client))

    def wants(self, of: socket.socket) -> int:
        """What the selector has to look for at one of the two sockets."""
        events = 0
        for pipe in self.pipes:
            if pipe.source is of and not pipe.source_ended and pipe.held_bytes < _HELD_BYTES_MAX:
                events |= selectors.EVENT_READ
            if pipe.sink is of and pipe.full:
                events |= selectors.EVENT_WRITE
        return events


class TcpProxy:
    """Listens on 127.0.0.1:`port`. `accepted` counts all connections so far. Its methods may be called by any thread.

    Modes add up until `let_pass`: a line can be slow and closed to newcomers.
    """

    def __init__(self, target_port: int, target_host: str = "127.0.0.1") -> None:
        self.port = free_port()
        self.accepted = 0
        self._target = (target_host, target_port)
        self._delay_s = 0.0
        self._silent: frozenset[str] = frozenset()
        self._taking = True
        self._lines: set[_Line] = set()
        self._newcomers: list[socket.socket] = []
        self._orders: deque[tuple[Callable[[], None], threading.Event]] = deque()
        self._ending = False
        self._selector = selectors.DefaultSelector()
        self._bell, self._ear = socket.socketpair()
        self._ear.setblocking(False)
        self._selector.register(self._ear, selectors.EVENT_READ, None)
        self._listener: socket.socket | None = None
        self._listen()
        self._thread = threading.Thread(target=self._serve, name="tcp-proxy", daemon=True)
        self._thread.start()

    @property
    def open(self) -> int:
        """The connections that pass through it now."""
        return len(self._lines)

    def let_pass(self) -> None:
        """Everything goes on at once, what was held back first; newcomers are served."""
        self._order(self._let_pass)

    def delay(self, seconds: float) -> None:
        """What is read from now on goes on so much later, in each direction."""
        self._order(lambda: setattr(self, "_delay_s", seconds))

    def hold(self, *directions: Direction) -> None:
        """Silence (both ways if none is named): connections stay open, nothing arrives, not even that one has ended."""
        self._order(lambda: setattr(self, "_silent", frozenset(directions or BOTH)))

    def ignore_new(self) -> None:
        """Newcomers are connected and get no answer; the others go on."""
        self._order(lambda: setattr(self, "_taking", False))

    def refuse_new(self) -> None:
        """Newcomers are refused, those who wait reset; the others go on."""
        self._order(self._refuse_new)

    def reset(self) -> None:
        """RST to both ends of every connection there is. Newcomers are served as before."""
        self._order(self._reset_all)

    def close(self) -> None:
        """Reset everything and stop. Again does nothing."""
        if self._thread.is_alive():
            self._order(self._end)
            self._thread.join(_WITHIN_S)
            assert not self._thread.is_alive(), "the proxy did not stop"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _order(self, what: Callable[[], None]) -> None:
        """Have the thread do it, and wait until it has."""
        done = threading.Event()
        self._orders.append((what, done))
        self._bell.send(b"!")
        assert done.wait(_WITHIN_S), "the proxy doesn't answer"

    def _serve(self) -> None:
        while not self._ending:
            for key, _ in self._selector.select(self._pause_s()):
                self._happened(key.fileobj, key.data)
            self._pass_on()
        for each in (self._ear, self._bell, self._selector):
            each.close()

    def _happened(self, where: object, line: _Line | None) -> None:
        if line is not None:
            for pipe in line.pipes:
                if pipe.source is where and not pipe.source_ended:
                    pipe.read(time.monotonic() + self._delay_s)
        elif where is self._ear:
            for _ in self._ear.recv(_READ_BYTES):
                what, done = self._orders.popleft()
                what()
                done.set()
        elif where is self._listener and self._listener is not None:
            self._newcomers.append(self._listener.accept()[0])
            self.accepted += 1

    def _pause_s(self) -> float | None:
        """Until the next bytes are due."""
        due = [
            pipe.waiting[0][0]
            for line in self._lines
            for pipe in line.pipes
            if pipe.waiting and not pipe.full and pipe.direction not in self._silent
        ]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _pass_on(self) -> None:
        if self._taking and "up" not in self._silent:
            while self._newcomers:
                self._connect(self._newcomers.pop(0))
        now = time.monotonic()
        for line in tuple(self._lines):
            if not all(self._write(pipe, now) for pipe in line.pipes):
                self._drop(line, reset=True)
            elif all(pipe.done for pipe in line.pipes):
                self._drop(line, reset=False)
            else:
                for each in line.sockets:
                    self._watch(each, line)

    def _write(self, pipe: _Pipe, now: float) -> bool:
        if pipe.direction in self._silent:
            pipe.full = False  # Nothing is waiting for room there, and room is all that a silent sink would tell of.
            return True
        return pipe.write(now)

    def _connect(self, client: socket.socket) -> None:
        try:
            target = socket.create_connection(self._target, timeout=_WITHIN_S / 2)
        except OSError:
            _close(client, reset=True)
            return
        self._lines.add(_Line(client, target))

    def _watch(self, each: socket.socket, line: _Line) -> None:
        """Register it for what it wants, or not at all: a socket whose peer is gone would always be ready."""
        wanted, known = line.wants(each), self._selector.get_map().get(each)
        if known is None and wanted:
            self._selector.register(each, wanted, line)
        elif known is not None and not wanted:
            self._selector.unregister(each)
        elif known is not None and known.events != wanted:
            self._selector.modify(each, wanted, line)

    def _drop(self, line: _Line, reset: bool) -> None:
        self._lines.discard(line)
        for each in line.sockets:
            if each in self._selector.get_map():
                self._selector.unregister(each)
            _close(each, reset)

    def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, None)

    def _let_pass(self) -> None:
        self._delay_s, self._silent, self._taking = 0.0, frozenset(), True
        for line in self._lines:
            for pipe in line.pipes:
                pipe.waiting = deque((0.0, data) for _, data in pipe.waiting)
        if self._listener is None:
            self._listen()

    def _refuse_new(self) -> None:
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None
        self._reset_newcomers()

    def _reset_newcomers(self) -> None:
        while self._newcomers:
            _close(self._newcomers.pop(), reset=True)

    def _reset_all(self) -> None:
        for line in tuple(self._lines):
            self._drop(line, reset=True)
        self._reset_newcomers()

    def _end(self) -> None:
        self._refuse_new()
        self._reset_all()
        self._ending = True


def _close(each: socket.socket, reset: bool) -> None:
    if reset:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESETS)
    each.close()
