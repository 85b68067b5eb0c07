"""The sender process: it signs, sends and reads answers in a loop, driven by orders over a socket (see `remote`).

It has no database and none of the API's keys, only the endpoints that are sent to and their secrets. It ends when the
other side closes the socket, which is also what happens when that process dies; signals to end are that process's
business. Orders that come too late for their deadline are not sent: the lease they were given under may be another's
by now.
"""

import gc
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Final

from ringback.clock import Clock, SystemClock
from ringback.engine.curl_errors import BLOCKED_REQUEST, GAVE_UP, NO_PROFILE, NOT_READABLE, Failure
from ringback.engine.departure import Departure, NoProfile, Sent, logged, not_sent, take_off
from ringback.engine.frames import Frames, PeerGone
from ringback.engine.orders import (
    BEAT_S,
    SIGNALS_TO_END,
    Orders,
    ProfileNews,
    Setup,
    decode_orders,
    decode_setup,
    encode,
)
from ringback.engine.ports import Answered, InboundResponse, OutboundRequest
from ringback.engine.resolver import Resolver
from ringback.engine.sender import CurlTransport
from ringback.memory import LOOK_EVERY_S, SpareMemory
from ringback.model.tuples import make_tuple
from ringback.observe.errors import describe_error
from ringback.outgoing import Target, prepare
from ringback.wire.contract import Contract
from ringback.wire.profile import ProfileError, check_profile
from ringback.wire.signature import BadSecret

# Nearly everything that is made for a request is gone soon and has no cycles.
_COLLECT_AFTER: Final = (50_000, 20, 50)


def main(fd: int) -> None:
    """Send until the other side of the socket `fd` is closed."""
    for number in SIGNALS_TO_END:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS_TO_END)
    frames = Frames(socket.socket(fileno=fd))
    clock = SystemClock()
    try:
        first, *orders = _first(frames)
        setup = decode_setup(first)
        transport = transport_of(setup, clock)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_COLLECT_AFTER)
        sending = Sending(transport, frames, clock, setup.base_url)
        sending.say_ready()
        sending.take(orders)
        while True:
            sending.step()
    except PeerGone:
        return  # its requests end with this process
    except Exception as error:
        what, place = describe_error(error)
        sys.exit(f"The sender process failed: {what} at {place}")


def transport_of(setup: Setup, clock: Clock) -> CurlTransport:
    """The transport that sends as `setup` says."""
    hosts_file = Path(setup.hosts_file) if setup.hosts_file is not None else None
    resolver = Resolver(clock, servers=setup.servers, hosts_file=hosts_file, resolve_s_max=setup.resolve_s_max)
    return CurlTransport(
        resolver,
        setup.rules,
        clock,
        ca_file=setup.ca_file,
        limits=setup.limits,
        connections_kept_max=setup.connections_kept_max,
    )


class Sending:
    """The loop: orders in, answers out, a sign of life now and then."""

    def __init__(self, transport: CurlTransport, frames: Frames, clock: Clock, base_url: str = "") -> None:
        self._transport = transport
        self._base_url = base_url
        self._frames = frames
        self._clock = clock
        self._contracts: dict[int, Contract | None] = {}
        self._targets: dict[int, Target] = {}
        self._sent: dict[int, Sent] = {}
        self._beat_s = 0.0
        self._spare_memory = SpareMemory()
        self._memory_s = 0.0
        transport.watch(frames.fileno(), writing=False)

    def say_ready(self) -> None:
        """The first sign of life, for which the other side waits. Raises PeerGone."""
        self._frames.put(encode([]))
        self._frames.flush()

    def step(self) -> None:
        """One turn. Raises PeerGone."""
        finished = self._transport.poll(BEAT_S)
        now_s = self._clock.boottime_s()
        if now_s >= self._memory_s:
            self._memory_s = now_s + LOOK_EVERY_S
            self._spare_memory.give_back()
        if finished or now_s >= self._beat_s:
            self._frames.put(encode([self._answered(response) for response in finished]))
            self._beat_s = now_s + BEAT_S
        self._frames.flush()
        self.take(self._frames.take())
        self._transport.watch(self._frames.fileno(), writing=self._frames.waiting)

    def take(self, frames: list[bytes]) -> None:
        """Carry out what was ordered."""
        for frame in frames:
            self._carry_out(decode_orders(frame))

    def _answered(self, response: InboundResponse) -> Answered:
        sent = self._sent.pop(response.token, None)
        if sent is None:
            return make_tuple(Answered, (response, None))
        whole = logged(sent, response)
        if response.status is not None and 200 <= response.status < 300:
            response = response._replace(headers=[])
        return make_tuple(Answered, (response, whole))

    def _carry_out(self, orders: Orders) -> None:
        for profile in orders.profiles:
            self._contracts[profile.number] = _compiled(profile)
        for number, endpoint, secrets, named in orders.targets:
            contract = None if named is None else self._contracts[named]
            self._targets[number] = prepare(endpoint, secrets, contract, base_url=self._base_url)
        late_s = self._clock.boottime_s() - orders.since_s
        for departure in orders.deliveries:
            self._depart(departure, late_s)
        for request in orders.requests:
            self._begin(request, late_s)
        for token in orders.aborted:
            self._transport.abort(token)
        for number in orders.forgotten:
            del self._targets[number]
        for number in orders.profiles_forgotten:
            del self._contracts[number]

    def _depart(self, departure: Departure, late_s: float) -> None:
        target = self._targets[departure.target]
        if target.unreadable:
            self._refuse(departure.token, NOT_READABLE)
            return
        try:
            sent, request = take_off(departure, target, self._clock)
        except BadSecret as bad:
            self._refuse(departure.token, Failure(BLOCKED_REQUEST, f"It could not be signed: {bad}."))
            return
        except NoProfile:
            self._refuse(departure.token, NO_PROFILE)
            return
        self._sent[departure.token] = sent
        self._begin(request, late_s)

    def _refuse(self, token: int, failure: Failure) -> None:
        self._sent[token] = not_sent(self._clock)
        self._transport.refuse(token, failure)

    def _begin(self, request: OutboundRequest, late_s: float) -> None:
        left_s = request.deadline_s - late_s
        if left_s <= 0.0:
            self._transport.refuse(request.token, GAVE_UP)
        else:
            self._transport.start(request._replace(deadline_s=left_s) if late_s > BEAT_S else request)


def _compiled(profile: ProfileNews) -> Contract | None:
    """Its contract. The other side has made the same already, so a text that doesn't compile here is not to be had."""
    try:
        return check_profile(profile.text, profile.name)
    except ProfileError:
        return None


def _first(frames: Frames) -> list[bytes]:
    """Wait for the first frame; it may have others behind it."""
    readable = select.poll()  # `select` itself takes no descriptor from 1,024 on
    readable.register(frames.fileno(), select.POLLIN)
    while True:
        readable.poll()
        if taken := frames.take():
            return taken
