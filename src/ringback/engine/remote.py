"""The transport that lets a process of its own do the sending: HTTP and TLS cost no turn of our interpreter.

Starts `sending` as a child, hands it requests in batches and takes its responses. What a receiver sends is parsed over
there, where there is neither the database nor a secret. Nothing here is decided twice: deadlines, addresses and caps
are the child's to keep. A child that ends, or that lets nothing hear of it, is fatal (SenderFailed): the process ends
with it and is started anew, as for a thread that died. The child ends by itself when this process does.
"""

import os
import select
import socket
import subprocess
import sys
from contextlib import suppress
from typing import Final

from ringback.clock import Clock
from ringback.engine.frames import Frames, PeerGone
from ringback.engine.orders import BEAT_S, Orders, Setup, decode_responses, encode
from ringback.engine.ports import InboundResponse, OutboundRequest
from ringback.model.errors import RingbackError

SILENT_S_MAX: Final = 15.0
END_WITHIN_S: Final = 5.0
# While the child works on these, the rest of the turn is decided here.
POST_AT: Final = 16
_READ: Final = select.EPOLLIN
_READ_WRITE: Final = select.EPOLLIN | select.EPOLLOUT
# The child finds the very modules that this process runs, wherever they came from.
_BOOT: Final = (
    "import sys; sys.path[:] = sys.argv[2:]; from ringback.engine.sending import main; main(int(sys.argv[1]))"
)


class SenderFailed(RingbackError):
    """The sender process ended, or hangs. One of our errors, so that the log shows what it says."""

    code = "sender_failed"


class SenderProcess:
    """`engine.ports.Transport`, in another process. Started with the object, ended by `close`."""

    def __init__(self, setup: Setup, clock: Clock) -> None:
        self._clock = clock
        self._requests: list[OutboundRequest] = []
        self._since_s = 0.0
        self._aborted: list[int] = []
        self._woken = False
        self._polling = False
        self._closed = False
        self._mask = _READ
        self._silent_s = 0.0
        self._polled_s = clock.boottime_s()
        ours, theirs = socket.socketpair()
        with theirs:
            self._child = _start(theirs.fileno())
        self._frames = Frames(ours)
        self._frames.put(encode(setup))
        self._epoll = select.epoll()
        self._epoll.register(self._frames.fileno(), self._mask)
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._wake_fd, _READ)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    def start(self, request: OutboundRequest) -> None:
        """Begin with the next `poll` at the latest; the deadline runs from now."""
        if not self._requests:
            self._since_s = self._clock.boottime_s()
        self._requests.append(request)
        if len(self._requests) >= POST_AT:
            with suppress(PeerGone):  # the next poll finds out
                self._post()

    def abort(self, token: int) -> None:
        """Break a request off with the next `poll`. A token that isn't under way is left alone."""
        self._aborted.append(token)

    def poll(self, timeout_s: float) -> list[InboundResponse]:
        """Wait until something has finished, `wake` was called, or `timeout_s` have passed; what has finished.

        Raises SenderFailed.
        """
        finished: list[InboundResponse] = []
        heard = False
        try:
            self._post()
            for fd, _ in self._wait(timeout_s):
                if fd == self._wake_fd:
                    os.eventfd_read(fd)
                    continue
                self._frames.flush()
                for frame in self._frames.take():
                    heard = True
                    finished += decode_responses(frame)
        except PeerGone:
            raise SenderFailed(self._last_words()) from None
        self._watch_over(heard)
        return finished

    def wake(self) -> None:
        """Make a poll that is waiting, or else the next one, return soon. From any thread."""
        # `_wait` sets `_polling` and then looks at `_woken`; this does it the other way round, so none is missed.
        self._woken = True
        if self._polling and not self._closed:
            os.eventfd_write(self._wake_fd, 1)

    def close(self) -> None:
        """End the child, and with it all requests and connections. Nothing finishes any more. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self._frames.close()
        self._epoll.close()
        os.close(self._wake_fd)
        try:
            self._child.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def _post(self) -> None:
        if self._requests or self._aborted:
            self._frames.put(encode(Orders(self._since_s, self._requests, self._aborted)))
            self._requests = []
            self._aborted = []

    def _wait(self, timeout_s: float) -> list[tuple[int, int]]:
        mask = _READ_WRITE if self._frames.waiting else _READ
        if mask != self._mask:
            self._epoll.modify(self._frames.fileno(), mask)
            self._mask = mask
        self._polling = True
        events = self._epoll.poll(0.0 if self._woken else timeout_s)
        self._polling = False
        self._woken = False
        return events

    def _watch_over(self, heard: bool) -> None:
        """Add up how long the child has been silent while we listened: that this process was halted doesn't count."""
        now_s = self._clock.boottime_s()
        self._silent_s = 0.0 if heard else self._silent_s + min(now_s - self._polled_s, BEAT_S)
        self._polled_s = now_s
        if self._silent_s > SILENT_S_MAX:
            raise SenderFailed(f"The sender process {self._child.pid} has been silent for {self._silent_s:.0f} s.")

    def _last_words(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            return f"The sender process ended with status {self._child.wait(END_WITHIN_S)}."
        return "The sender process closed its end and does not end."


def _start(fd: int) -> "subprocess.Popen[bytes]":
    """The child, in a process group of its own: what the terminal or a supervisor signals is for us to pass on.

    It doesn't get our variables, of which one is the admin key.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}
    return subprocess.Popen(  # noqa: S603 - our own interpreter and our own text
        [sys.executable, "-P", "-c", _BOOT, str(fd), *sys.path],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=environment,
        pass_fds=(fd,),
        process_group=0,
    )
