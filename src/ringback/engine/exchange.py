"""One request and its answer on one libcurl easy handle; handles are used again and again.

An easy handle remembers its options, so only what differs from its last request is set. Everything that libcurl does
unless told otherwise, and that a webhook sender must not do, is switched off once when the handle is made: signals,
redirects, proxies from the environment, protocols other than http and https, HTTP/0.9, decompression, path rewriting,
its own headers, TLS below 1.2, and sending a request a second time without saying so.

Assumes to be called on the one thread that drives the multi handle. Never raises out of a callback: a callback says no
and leaves word in `failure`.
"""

import socket
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import pycurl

from ringback.engine.connections import KeptConnections
from ringback.engine.curl_errors import BLOCKED_ADDRESS, CLOSED_UNANSWERED, NO_DESCRIPTORS, Failure, Stage, failure_of
from ringback.engine.origins import Origin, Origins, Pin
from ringback.engine.ports import InboundResponse, OutboundRequest
from ringback.engine.reading import Reading, SenderLimits
from ringback.model.attempt import Timings
from ringback.model.tuples import make_tuple
from ringback.policy.address import UrlRules, refusal

# libcurl keeps a pointer to the body; a large one is let go as soon as the request has ended.
_BODY_HELD_BYTES_MAX: Final = 4_096


class Exchange:
    """An easy handle with the request that is on it. `send` fills it, `response` reads what came.

    `stale` after libcurl has ended: the connection was closed by the receiver before anything was written;
    `send_again` and another turn on the multi handle are due.
    """

    def __init__(
        self,
        origins: Origins,
        connections: KeptConnections,
        *,
        on_opened: Callable[[int], None],
        rules: UrlRules,
        limits: SenderLimits,
        ca_file: str,
    ) -> None:
        self.curl: Any = pycurl.Curl()
        self.token = 0
        self.origin: Origin | None = None
        self.failure: Failure | None = None
        self.stale = False
        self._origins = origins
        self._connections = connections
        self._tell_opened = on_opened
        self._rules = rules
        self._limits = limits
        self._ca_file = ca_file
        self._reading = Reading(limits)
        self._begin()
        self._prepare()

    def _prepare(self) -> None:
        """Set what is the same for every request, and forget what was set before."""
        option = self.curl.setopt
        option(pycurl.NOSIGNAL, 1)
        option(pycurl.PATH_AS_IS, 1)
        option(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        option(pycurl.FOLLOWLOCATION, 0)
        option(pycurl.PROXY, "")
        option(pycurl.NETRC, pycurl.NETRC_IGNORED)
        option(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        option(pycurl.HTTP09_ALLOWED, 0)
        option(pycurl.HTTP_CONTENT_DECODING, 0)
        option(pycurl.USERAGENT, "")
        option(pycurl.SSL_VERIFYPEER, 1)
        option(pycurl.SSL_VERIFYHOST, 2)
        option(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
        option(pycurl.CAINFO, self._ca_file)
        option(pycurl.CONNECTTIMEOUT_MS, max(1, int(self._limits.connect_s_max * 1000)))
        option(pycurl.TCP_KEEPALIVE, 1)
        option(pycurl.MAXAGE_CONN, self._limits.idle_s_max)
        option(pycurl.MAXLIFETIME_CONN, self._limits.connection_s_max)
        option(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        option(pycurl.SOCKOPTFUNCTION, self._on_opened)
        option(pycurl.PREREQFUNCTION, self._before_request)
        option(pycurl.HEADERFUNCTION, self._reading.on_header)
        option(pycurl.WRITEFUNCTION, self._reading.on_body)
        self._dns_ms: float | None = None
        self._url = ""
        self._method = ""
        self._deadline_ms = 0
        self._fresh = False
        self._pin: Pin | None = None
        self._body_held = False

    def _begin(self) -> None:
        self.failure = None
        self.stale = False
        self._reading.begin()
        self._opened: list[int] = []
        self._connected = False
        self._remote: tuple[str, int] | None = None

    # Sending.

    def send(
        self, request: OutboundRequest, lines: list[str], origin: Origin, dns_s: float | None, fresh: bool
    ) -> None:
        """Load the handle. `dns_s` is how long the name took (None: it was known); `fresh`: on a new connection."""
        self.token = request.token
        self.origin = origin
        self._begin()
        option = self.curl.setopt
        if request.method != self._method or request.method != "POST":
            self._set_method(request.method)
        if request.url != self._url:
            option(pycurl.URL, request.url)
            self._url = request.url
        self._dns_ms = None if dns_s is None else dns_s * 1000
        deadline_ms = max(1, int((request.deadline_s - (dns_s or 0.0)) * 1000))
        if deadline_ms != self._deadline_ms:
            option(pycurl.TIMEOUT_MS, deadline_ms)
            self._deadline_ms = deadline_ms
        pin = origin.pin
        if pin is not None and pin is not self._pin:
            option(pycurl.RESOLVE, self._origins.lines(pin))
            self._pin = pin
        if fresh != self._fresh:
            self._set_fresh(fresh)
        option(pycurl.HTTPHEADER, lines)
        if request.body or request.method == "POST":
            option(pycurl.POSTFIELDS, request.body)
            self._body_held = len(request.body) > _BODY_HELD_BYTES_MAX

    def send_again(self) -> None:
        """The same on a connection of its own. Only while `stale`: then not a byte of it has left."""
        self._begin()
        self._set_fresh(True)

    def _set_fresh(self, fresh: bool) -> None:
        self.curl.setopt(pycurl.FRESH_CONNECT, int(fresh))
        self.curl.setopt(pycurl.FORBID_REUSE, int(fresh))
        self._fresh = fresh

    def _set_method(self, method: str) -> None:
        if self._method != "":
            # Options of one request linger in the next (NOBODY, POSTFIELDS), so begin again; all but POST are rare.
            self.curl.reset()
            self._prepare()
        if method == "POST":
            self.curl.setopt(pycurl.POST, 1)
        elif method == "HEAD":
            self.curl.setopt(pycurl.NOBODY, 1)
        else:
            self.curl.setopt(pycurl.CUSTOMREQUEST, method)
        self._method = method

    # libcurl's callbacks.

    def _open_socket(self, _purpose: int, address: Any) -> Any:
        """The last word on what is dialled, whoever resolved it. `address.addr` begins with the address and port."""
        if self._connected:
            self.failure = CLOSED_UNANSWERED  # see `_before_request`
            return pycurl.SOCKET_BAD
        origin = self.origin
        if origin is None or address.family not in (socket.AF_INET, socket.AF_INET6):
            self.failure = Failure(BLOCKED_ADDRESS, "The receiver's address is of an unknown kind.")
            return pycurl.SOCKET_BAD
        reason = refusal(address.addr[0], address.addr[1], self._rules, origin.scheme)
        if reason is not None:
            self.failure = Failure(BLOCKED_ADDRESS, reason)
            return pycurl.SOCKET_BAD
        # pycurl duplicates the descriptor, which can fail as well; `_on_opened` takes the word back.
        self.failure = NO_DESCRIPTORS
        try:
            return socket.socket(address.family, address.socktype, address.protocol)
        except OSError:
            return pycurl.SOCKET_BAD

    def _on_opened(self, fd: int, _purpose: int) -> int:
        self.failure = None
        self._opened.append(fd)
        self._tell_opened(fd)
        return int(pycurl.SOCKOPT_OK)

    def _before_request(self, remote_ip: str, local_ip: str, remote_port: int, local_port: int) -> int:
        # When a kept connection turns out dead, libcurl sends the request once more on another. The receiver may have
        # got the first one, and the log would show only one: so it fails here, and the schedule decides.
        if self._connected:
            self.failure = CLOSED_UNANSWERED
            return int(pycurl.PREREQFUNC_ABORT)
        ends = (local_ip, local_port, remote_ip, remote_port)
        if self._opened:
            self._connections.opened(ends, self._opened)
        elif self._connections.closed_by_peer(ends):
            self.stale = True
            return int(pycurl.PREREQFUNC_ABORT)
        self._connected = True
        self.failure = None  # another of the name's addresses may have failed before
        self._remote = (remote_ip, remote_port)
        return int(pycurl.PREREQFUNC_OK)

    # What came of it.

    def response(self, number: int, text: str) -> InboundResponse:
        """The outcome, once libcurl is done with the handle. `number` and `text` are its error, 0 for none."""
        reading = self._reading
        remote = None if self._remote is None else _shown(*self._remote)
        if reading.complete:
            truncated = number != 0 or reading.body_bytes > len(reading.body)
            outcome = make_tuple(InboundResponse, (
                self.token, reading.status, None, None, reading.headers(), reading.body, truncated,
                self._timings(), remote, reading.version,
            ))  # fmt: skip
        else:
            code, message = self._failure(number, text)
            outcome = make_tuple(InboundResponse, (
                self.token, None, code, message, [], b"", False,
                self._timings(), remote, reading.version or None,
            ))  # fmt: skip
        self._let_go()
        return outcome

    def lost_kept_connection(self) -> bool:
        """Whether a connection that was kept open was closed by the receiver instead of an answer."""
        return self.failure is CLOSED_UNANSWERED

    def _failure(self, number: int, text: str) -> Failure:
        failure = self.failure or self._reading.failure
        if failure is not None:
            return failure
        # libcurl is content with an answer that ends within its headers.
        return failure_of(number or pycurl.E_RECV_ERROR, text, self._stage())

    def _stage(self) -> Stage:
        info = self.curl.getinfo
        if self._connected:
            return Stage.ANSWERED if info(pycurl.STARTTRANSFER_TIME) else Stage.SENT
        return Stage.HANDSHAKE if info(pycurl.CONNECT_TIME) else Stage.CONNECTING

    def _timings(self) -> Timings:
        info = self.curl.getinfo
        dns_ms = self._dns_ms
        total_ms = info(pycurl.TOTAL_TIME) * 1000
        # Giving up a connection that isn't there yet sets libcurl's mark of the first byte as well.
        first_byte_ms = info(pycurl.STARTTRANSFER_TIME) * 1000 if self._connected else 0.0
        if first_byte_ms:
            first_byte_ms -= info(pycurl.PRETRANSFER_TIME) * 1000
        connect_ms = tls_ms = None
        if self._opened and (connected_ms := info(pycurl.CONNECT_TIME) * 1000):
            connect_ms = connected_ms - info(pycurl.NAMELOOKUP_TIME) * 1000
            if secured_ms := info(pycurl.APPCONNECT_TIME) * 1000:
                tls_ms = secured_ms - connected_ms
        return make_tuple(Timings, (dns_ms, connect_ms, tls_ms, first_byte_ms or None, total_ms + (dns_ms or 0.0)))

    def _let_go(self) -> None:
        self.origin = None
        self._reading.body = b""
        if self._body_held:
            self.curl.setopt(pycurl.POSTFIELDS, b"")
            self._body_held = False

    def close(self) -> None:
        """Free the handle. It must not be on a multi handle any more."""
        self.curl.close()


@lru_cache(maxsize=1_024)
def _shown(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
