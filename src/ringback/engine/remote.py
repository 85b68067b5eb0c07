"""The transport that lets a process of its own do the sending: signing, HTTP and TLS cost no turn of our interpreter.

Starts `sending` as a child, hands it deliveries in batches and takes its answers. What a receiver sends is parsed over
there, where the database and the keys of the API are not. Nothing here is decided twice: deadlines, addresses and caps
are the child's to keep. A child that ends, or that lets nothing hear of it, is fatal (SenderFailed): the process ends
with it and is started anew, as for a thread that died. The child ends by itself when this process does.
"""

import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from itertools import count
from typing import Final

from ringback.clock import Clock
from ringback.engine.departure import Departure, departure_of
from ringback.engine.frames import Frames, PeerGone
from ringback.engine.orders import (
    BEAT_S,
    SIGNALS_TO_END,
    Orders,
    ProfileNews,
    Setup,
    TargetNews,
    decode_answers,
    encode,
)
from ringback.engine.ports import Answered, OutboundRequest
from ringback.model.errors import RingbackError
from ringback.model.event import Event
from ringback.model.tuples import make_tuple
from ringback.outgoing import Target

_KEPT_FROM_IT: Final = ("RINGBACK_", "OTEL_", "PG")
SILENT_S_MAX: Final = 15.0
END_WITHIN_S: Final = 5.0
# While the child works on these, the rest of the turn is decided here.
POST_AT: Final = 16
# When hundreds of requests time out in one moment, others have a turn between.
ANSWERS_AT_ONCE: Final = 16
UP_WITHIN_S: Final = 30.0
TARGETS_KEPT_MAX: Final = 20_000
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

    def __init__(self, setup: Setup, clock: Clock, *, pass_traces: bool = False) -> None:
        """`pass_traces`: requests carry their event's `traceparent`."""
        self._clock = clock
        self._pass_traces = pass_traces
        self._targets = _Targets()
        self._deliveries: list[Departure] = []
        self._requests: list[OutboundRequest] = []
        self._since_s = 0.0
        self._aborted: list[int] = []
        self._left: list[Answered] = []
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

    @property
    def silent_s(self) -> float:
        """How long nothing was heard from the child while we listened."""
        return self._silent_s

    def wait_until_up(self) -> None:
        """Return when the child is ready for orders. Raises SenderFailed when it isn't in time."""
        up = select.poll()
        up.register(self._frames.fileno(), select.POLLIN)
        if not up.poll(UP_WITHIN_S * 1000):
            raise SenderFailed(f"The sender process {self._child.pid} did not come up within {UP_WITHIN_S:.0f} s.")
        self.poll(0.0)

    def deliver(self, token: int, target: Target, event: Event, attempt: int = 1) -> None:
        """Begin with the next `poll` at the latest; the deadline runs from now."""
        self._begin()
        self._deliveries.append(
            departure_of(token, self._targets.number_of(target), target, event, attempt, pass_trace=self._pass_traces)
        )
        if len(self._deliveries) >= POST_AT:
            with suppress(PeerGone):  # the next poll finds out
                self._post()

    def start(self, request: OutboundRequest) -> None:
        """As `deliver`, with a request that is no delivery."""
        self._begin()
        self._requests.append(request)

    def abort(self, token: int) -> None:
        """Break a request off with the next `poll`. A token that isn't under way is left alone."""
        self._aborted.append(token)

    def poll(self, timeout_s: float) -> list[Answered]:
        """Wait until something has finished, `wake` was called, or `timeout_s` have passed; what has finished.

        Raises SenderFailed.
        """
        try:
            self._post()
            self._frames.flush()
            # Often something is here already, and each call into the kernel costs our turn in the interpreter.
            frames = self._frames.take() or ([] if self._left else self._wait(timeout_s))
        except PeerGone:
            raise SenderFailed(self._last_words()) from None
        self._woken = False
        self._watch_over(bool(frames))
        for frame in frames:
            self._left.extend(decode_answers(frame))
        answered, self._left = self._left[:ANSWERS_AT_ONCE], self._left[ANSWERS_AT_ONCE:]
        return answered

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

    def _begin(self) -> None:
        if not self._deliveries and not self._requests:
            self._since_s = self._clock.boottime_s()

    def _post(self) -> None:
        if self._deliveries or self._requests or self._aborted:
            profiles, profiles_forgotten = self._targets.profiles.take_news()
            targets, forgotten = self._targets.take_news()
            begun = (self._deliveries, self._requests, self._aborted)
            orders = (self._since_s, profiles, targets, *begun, forgotten, profiles_forgotten)
            self._frames.put(encode(make_tuple(Orders, orders)))
            self._deliveries, self._requests, self._aborted = [], [], []

    def _wait(self, timeout_s: float) -> list[bytes]:
        """Wait for frames, for `wake`, or for room to send what is left over."""
        mask = _READ_WRITE if self._frames.waiting else _READ
        if mask != self._mask:
            self._epoll.modify(self._frames.fileno(), mask)
            self._mask = mask
        self._polling = True
        events = self._epoll.poll(0.0 if self._woken else timeout_s)
        self._polling = False
        frames: list[bytes] = []
        for fd, _ in events:
            if fd == self._wake_fd:
                os.eventfd_read(fd)
            else:
                self._frames.flush()
                frames = self._frames.take()
        return frames

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


class _Targets:
    """The numbers under which the child knows endpoints as they are now. A changed one is another object."""

    def __init__(self) -> None:
        self.profiles = _Profiles()
        self._known: dict[str, tuple[Target, int]] = {}
        self._numbers = count(1)
        self._news: list[TargetNews] = []
        self._forgotten: list[int] = []

    def number_of(self, target: Target) -> int:
        name = target.endpoint.id
        known = self._known.get(name)
        if known is not None and known[0] is target:
            return known[1]
        profile = self.profiles.need(target)  # before one is let go, which may be the same
        if known is not None:
            self._forget(*known)
        elif len(self._known) >= TARGETS_KEPT_MAX:
            self._forget(*self._known.pop(next(iter(self._known))))
        number = next(self._numbers)
        self._known[name] = target, number
        self._news.append(TargetNews(number, target.endpoint, target.secrets, profile))
        return number

    def _forget(self, target: Target, number: int) -> None:
        self._forgotten.append(number)
        self.profiles.let_go(target)

    def take_news(self) -> tuple[list[TargetNews], list[int]]:
        """(targets to learn, targets that nothing will be sent to any more)."""
        news, forgotten = self._news, self._forgotten
        self._news, self._forgotten = [], []
        return news, forgotten


class _Profiles:
    """The numbers under which the child knows profiles: each version once, as long as it knows a target with it."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, int]] = {}
        self._numbers = count(1)
        self._news: list[ProfileNews] = []
        self._forgotten: list[int] = []

    def need(self, target: Target) -> int | None:
        if target.contract is None:
            return None
        number, users = self._known.get(target.profile, (0, 0))
        if not users:
            number = next(self._numbers)
            self._news.append(ProfileNews(number, target.contract.name, target.contract.text))
        self._known[target.profile] = number, users + 1
        return number

    def let_go(self, target: Target) -> None:
        if target.contract is None:
            return
        number, users = self._known.pop(target.profile)
        if users > 1:
            self._known[target.profile] = number, users - 1
        else:
            self._forgotten.append(number)

    def take_news(self) -> tuple[list[ProfileNews], list[int]]:
        """(profiles to learn, profiles that no target has any more)."""
        news, forgotten = self._news, self._forgotten
        self._news, self._forgotten = [], []
        return news, forgotten


def _start(fd: int) -> "subprocess.Popen[bytes]":
    """The child, in a process group of its own: what the terminal or a supervisor signals is for us to pass on.

    It doesn't get our variables, of which one is the admin key, nor those that may hold a collector's or a database's
    secrets. Signals to end are blocked in it from its first moment: it is up to it to ignore them, and until then they
    wait.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_KEPT_FROM_IT)}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS_TO_END)
    try:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and our own text
            [sys.executable, "-P", "-c", _BOOT, str(fd), *sys.path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=environment,
            pass_fds=(fd,),
            process_group=0,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
