"""The real transport: libcurl's multi handle on epoll, everything on the thread that polls.

Each request goes: URL accepted again, name resolved (`resolver`) and pinned, header lines checked, an easy handle
loaded, and then libcurl works while `poll` waits on one epoll for its sockets, the resolver's and `wake`. The address
is checked once more when a socket is opened (`exchange`), so what a name turns into between the two doesn't matter.

Never follows redirects, never decides what a status means, never sends a request twice under one token. The caller
limits how many requests are under way; this only needs file descriptors for them. Assumes Linux (epoll, eventfd). What
goes wrong with a request is that request's response; an exception out of `poll` or `start` is a bug.
"""

import contextlib
import os
import re
import select
from typing import Any, Final, NamedTuple

import pycurl

from ringback.clock import Clock
from ringback.engine.certificates import trusted_certificates
from ringback.engine.connections import KeptConnections
from ringback.engine.curl_errors import BLOCKED_ADDRESS, BLOCKED_REQUEST, DNS_FAILED, GAVE_UP, TIMEOUT, Failure
from ringback.engine.exchange import Exchange
from ringback.engine.origins import Origin, Origins
from ringback.engine.ports import InboundResponse, OutboundRequest
from ringback.engine.reading import SenderLimits
from ringback.engine.request_headers import BadRequestHeader, HeaderLines
from ringback.engine.resolver import Answer, Resolver
from ringback.model.attempt import Timings
from ringback.model.limits import IN_FLIGHT_MAX
from ringback.policy.address import UrlRules
from ringback.policy.url import UrlRefused

# A URL that was saved when more was allowed.
_LEADS_INSIDE: Final = ("address_not_allowed", "host_not_allowed")
_METHOD: Final = re.compile(r"[A-Z]{1,32}")
_FRESH_CONNECTIONS_S: Final = 300.0
_NEVER: Final = float("inf")
_AT_ONCE: Final = float("-inf")
# What one turn works on at most: new orders are taken in between, however many receivers have something to say.
ENDS_MAX: Final = 16
_EVENTS_MAX: Final = 64
_READ: Final = select.EPOLLIN
_WRITE: Final = select.EPOLLOUT
_EPOLL_MASK: Final = {pycurl.POLL_IN: _READ, pycurl.POLL_OUT: _WRITE, pycurl.POLL_INOUT: _READ | _WRITE}


class _Waiting(NamedTuple):
    """A request whose name is being looked up since `since_s`."""

    request: OutboundRequest
    origin: Origin
    since_s: float


class CurlTransport:
    """Sends requests with libcurl. `ca_file` None: the system's trusted authorities.

    `connections_kept_max` connections stay open after their requests. Closing the transport closes its resolver.
    """

    def __init__(
        self,
        resolver: Resolver,
        rules: UrlRules,
        clock: Clock,
        *,
        ca_file: str | None = None,
        limits: SenderLimits | None = None,
        connections_kept_max: int = IN_FLIGHT_MAX,
    ) -> None:
        self._resolver = resolver
        self._rules = rules
        self._clock = clock
        self._ca_file = ca_file if ca_file is not None else trusted_certificates()
        self._limits = limits if limits is not None else SenderLimits()
        self._connections_kept_max = connections_kept_max
        self._origins = Origins(rules)
        self._connections = KeptConnections()
        self._lines = HeaderLines()
        self._idle: list[Exchange] = []
        self._exchanges: dict[Any, Exchange] = {}
        self._handles: dict[int, Any] = {}
        self._waiting: dict[int, _Waiting] = {}
        self._finished: list[InboundResponse] = []
        self._running = 0
        self._closed = False
        self._timer_at_s = _NEVER
        self._timer_ms = -1
        self._timer_changed = False
        self._polling = False
        self._woken = False
        self._masks: dict[int, int] = {}
        self._watched: tuple[int, int] | None = None
        self._epoll = select.epoll()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._wake_fd, _READ)
        self._resolver_fd = resolver.fileno()
        self._epoll.register(self._resolver_fd, _READ)
        self._multi: Any = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, connections_kept_max)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)

    def start(self, request: OutboundRequest) -> None:
        """Begin at once; the bytes leave in the next `poll`."""
        try:
            url, origin = self._origins.destination(request.url)
        except UrlRefused as refused:
            code = BLOCKED_ADDRESS if refused.code in _LEADS_INSIDE else BLOCKED_REQUEST
            self._fail(request.token, Failure(code, refused.message))
            return
        if url != request.url:
            request = request._replace(url=url)
        now_s = self._clock.boottime_s()
        if now_s < origin.pin_until_s:
            self._send(request, origin, None, now_s)
            return
        answer = self._resolver.resolve(request.token, request.tenant_id, origin.host, request.deadline_s)
        if answer is None:
            self._waiting[request.token] = _Waiting(request, origin, now_s)
        else:
            self._resolved(request, origin, answer, None, now_s)

    def poll(self, timeout_s: float) -> list[InboundResponse]:
        """Work until something has finished, `wake` was called, or `timeout_s` have passed; what has finished."""
        now_s = self._clock.boottime_s()
        end_s = now_s + timeout_s
        while True:
            self._set_timer(now_s)
            if self._timer_at_s <= now_s:
                self._timer_at_s = _NEVER
                self._running = self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)[1]
                if self._running < len(self._exchanges):
                    self._collect()  # what was answered, or ran out of time, in there is not to be waited for
            self._work(self._wait(end_s))
            if self._finished or self._woken:
                break
            now_s = self._clock.boottime_s()
            if now_s >= end_s:
                break
        self._woken = False
        finished, self._finished = self._finished, []
        return finished

    def wake(self) -> None:
        """Make a poll that is waiting, or else the next one, return soon. From any thread."""
        # `_wait` sets `_polling` and then looks at `_woken`; this does it the other way round, so none is missed.
        self._woken = True
        if self._polling and not self._closed:
            os.eventfd_write(self._wake_fd, 1)

    def abort(self, token: int) -> None:
        """Break a request off and close its connection. Where the headers were complete their status still stands.

        A token that isn't under way is left alone.
        """
        if self._waiting.pop(token, None) is not None:
            self._resolver.forget(token)
            self._fail(token, GAVE_UP)
            return
        handle = self._handles.get(token)
        if handle is not None:
            self._exchanges[handle].failure = GAVE_UP
            self._exchanges[handle].stale = False
            self._end(handle, pycurl.E_ABORTED_BY_CALLBACK, "")

    def refuse(self, token: int, failure: Failure) -> None:
        """Finish a request that is not to be begun."""
        self._fail(token, failure)

    def watch(self, fd: int, *, writing: bool) -> None:
        """Make `poll` return as well when `fd` can be read, or (`writing`) written. One descriptor; it stays."""
        watched = fd, _READ | _WRITE if writing else _READ
        if self._watched is None:
            self._epoll.register(*watched)
        elif self._watched != watched:
            self._epoll.modify(*watched)
        self._watched = watched

    def close(self) -> None:
        """Drop all requests and connections. Nothing finishes any more. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self._waiting.clear()
        for exchange in [*self._exchanges.values()]:
            self._multi.remove_handle(exchange.curl)
        self._multi.close()
        for exchange in [*self._exchanges.values(), *self._idle]:
            exchange.close()
        self._exchanges.clear()
        self._handles.clear()
        self._idle.clear()
        self._resolver.close()
        self._epoll.close()
        os.close(self._wake_fd)

    # Sending.

    def _resolved(
        self, request: OutboundRequest, origin: Origin, answer: Answer, dns_s: float | None, now_s: float
    ) -> None:
        failure = None
        if answer.error is not None:
            failure = Failure(DNS_FAILED, answer.error)
        elif (reason := self._origins.pin(origin, answer)) is not None:
            failure = Failure(BLOCKED_ADDRESS, reason)
        elif dns_s is not None and dns_s >= request.deadline_s:
            failure = Failure(TIMEOUT, "The host name took the whole time to look up.")
        if failure is None:
            self._send(request, origin, dns_s, now_s)
        else:
            self._fail(request.token, failure, dns_s)

    def _send(self, request: OutboundRequest, origin: Origin, dns_s: float | None, now_s: float) -> None:
        try:
            lines = self._lines.checked(request.headers)
        except BadRequestHeader as bad:
            self._fail(request.token, Failure(BLOCKED_REQUEST, str(bad)), dns_s)
            return
        if request.method != "POST" and not _METHOD.fullmatch(request.method):
            self._fail(request.token, Failure(BLOCKED_REQUEST, "The request method is not one."), dns_s)
            return
        exchange = self._idle.pop() if self._idle else self._new_exchange()
        exchange.send(request, lines, origin, dns_s, now_s < origin.fresh_until_s)
        self._exchanges[exchange.curl] = exchange
        self._handles[request.token] = exchange.curl
        self._multi.add_handle(exchange.curl)

    def _new_exchange(self) -> Exchange:
        return Exchange(
            self._origins,
            self._connections,
            on_opened=self._on_opened,
            rules=self._rules,
            limits=self._limits,
            ca_file=self._ca_file,
        )

    def _fail(self, token: int, failure: Failure, dns_s: float | None = None) -> None:
        dns_ms = None if dns_s is None else dns_s * 1000
        timings = Timings(dns_ms, None, None, None, dns_ms or 0.0)
        self._finished.append(
            InboundResponse(token, None, failure.code, failure.message, [], b"", False, timings, None, None)
        )

    # Working.

    def _set_timer(self, now_s: float) -> None:
        """When libcurl wants to be called, by what it said last."""
        if self._timer_changed:
            self._timer_changed = False
            if self._timer_ms > 0:
                self._timer_at_s = now_s + self._timer_ms / 1000
            else:
                self._timer_at_s = _AT_ONCE if self._timer_ms == 0 else _NEVER

    def _wait(self, end_s: float) -> list[tuple[int, int]]:
        wait_s = 0.0
        if not self._finished and self._running >= len(self._exchanges):
            self._polling = True
            if not self._woken:
                now_s = self._clock.boottime_s()
                self._set_timer(now_s)
                wait_s = max(0.0, min(end_s, self._timer_at_s, self._resolver.due_s()) - now_s)
        events = self._epoll.poll(wait_s, _EVENTS_MAX)
        self._polling = False
        return events

    def _work(self, events: list[tuple[int, int]]) -> None:
        action = self._multi.socket_action
        masks = self._masks
        answers_waiting = False
        watched_fd = self._watched[0] if self._watched is not None else -1
        for fd, mask in events:
            if fd == self._wake_fd:
                os.eventfd_read(fd)
            elif fd == self._resolver_fd:
                answers_waiting = True
            elif fd == watched_fd:
                self._woken = True
            elif masks.get(fd, 0) <= 0:
                self._unwatch(fd)
            else:
                what = (
                    (pycurl.CSELECT_IN if mask & _READ else 0)
                    | (pycurl.CSELECT_OUT if mask & _WRITE else 0)
                    | (pycurl.CSELECT_ERR if mask & ~(_READ | _WRITE) else 0)
                )
                self._running = action(fd, what)[1]
        if self._running < len(self._exchanges):
            self._collect()
        if answers_waiting or self._resolver.due_s() <= self._clock.boottime_s():
            self._take_answers()

    def _take_answers(self) -> None:
        now_s = self._clock.boottime_s()
        for token, answer in self._resolver.process():
            waiting = self._waiting.pop(token, None)
            if waiting is not None:
                self._resolved(waiting.request, waiting.origin, answer, now_s - waiting.since_s, now_s)

    def _collect(self) -> None:
        room = ENDS_MAX - len(self._finished)
        if room <= 0:
            return
        _, good, bad = self._multi.info_read(room)
        for handle in good:
            self._end(handle, 0, "")
        for handle, number, text in bad:
            self._end(handle, number, text)

    def _end(self, handle: Any, number: int, text: str) -> None:
        self._multi.remove_handle(handle)
        exchange = self._exchanges[handle]
        if exchange.stale:
            exchange.send_again()
            self._multi.add_handle(handle)
            return
        del self._exchanges[handle]
        del self._handles[exchange.token]
        if exchange.lost_kept_connection() and exchange.origin is not None:
            exchange.origin.fresh_until_s = self._clock.boottime_s() + _FRESH_CONNECTIONS_S
        self._finished.append(exchange.response(number, text))
        if len(self._idle) < self._connections_kept_max:
            self._idle.append(exchange)
        else:
            exchange.close()

    # libcurl's callbacks.

    def _on_socket(self, what: int, fd: int, _multi: object, _data: object) -> None:
        # A connection that is kept comes back soon, so it stays with the epoll, its mask negative, until then or until
        # it has something to say: that it was closed. Saves two system calls a request.
        if self._closed:
            return
        known = self._masks.get(fd, 0)
        mask = _EPOLL_MASK.get(what)
        if mask is None:
            if known:
                self._masks[fd] = -abs(known)
            return
        if known == 0:
            self._epoll.register(fd, mask)
        elif abs(known) != mask:
            self._epoll.modify(fd, mask)
        self._masks[fd] = mask

    def _on_opened(self, fd: int) -> None:
        # The number belonged to a socket that libcurl has closed in the meantime, and the epoll forgot it with that.
        self._masks.pop(fd, None)

    def _unwatch(self, fd: int) -> None:
        if self._masks.pop(fd, 0):
            with contextlib.suppress(OSError):  # libcurl may have closed it a moment ago
                self._epoll.unregister(fd)

    def _on_timer(self, timeout_ms: int) -> None:
        # Called several times a request: the clock is read in `_set_timer`, once for all of them.
        self._timer_ms = timeout_ms
        self._timer_changed = True
