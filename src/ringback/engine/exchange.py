"""One request and its answer on one libcurl easy handle; handles are used again and again.

An easy handle remembers its options, so only what differs from its last request is set. Everything that libcurl does
unless told otherwise, and that a webhook sender must not do, is switched off once when the handle is made: signals,
redirects, proxies from the environment, protocols other than http and https, HTTP/0.9, decompression, path rewriting,
its own headers, TLS below 1.2, and sending a request a second time without saying so.

Assumes to be called on the one thread that drives the multi handle. Never raises out of a callback: a callback says no
and leaves word in `failure`.
"""

import re
import socket
from typing import Any, Final, NamedTuple

import pycurl

from ringback.engine.curl_errors import (
    BAD_RESPONSE,
    BLOCKED_ADDRESS,
    CLOSED_UNANSWERED,
    HEADERS_OVER_CAP,
    NO_DESCRIPTORS,
    NOT_HTTP,
    TOO_MANY_INTERIM,
    Failure,
    failure_of,
)
from ringback.engine.origins import Destination, Origins, Pin
from ringback.engine.ports import InboundResponse, OutboundRequest
from ringback.model.attempt import Timings
from ringback.model.limits import (
    CONNECT_S_MAX,
    RESPONSE_BODY_KEPT_BYTES_MAX,
    RESPONSE_BODY_READ_BYTES_MAX,
    RESPONSE_HEADERS_BYTES_MAX,
)
from ringback.policy.address import UrlRules, refusal


class SenderLimits(NamedTuple):
    """What one request may take. Bytes over a cap are never read; the connection is closed instead."""

    connect_s_max: float = CONNECT_S_MAX
    headers_bytes_max: int = RESPONSE_HEADERS_BYTES_MAX
    interim_answers_max: int = 16
    body_kept_bytes_max: int = RESPONSE_BODY_KEPT_BYTES_MAX
    body_read_bytes_max: int = RESPONSE_BODY_READ_BYTES_MAX
    # Many servers close an idle connection after five seconds. One that is dropped before that is never used in the
    # very moment in which the receiver closes it.
    idle_s_max: int = 4
    # A kept connection goes to the address it was opened to; after this long the name's present answer counts again.
    connection_s_max: int = 300


_STATUS_LINE: Final = re.compile(rb"HTTP/(1\.[01]) ([1-9][0-9]{2})(?:[ \r\n]|$)")
_SWITCHED: Final = Failure(BAD_RESPONSE, "The receiver switched to another protocol (101).")
_STOP: Final = -1
# libcurl keeps a pointer to the body; a large one is let go as soon as the request has ended.
_BODY_HELD_BYTES_MAX: Final = 4_096


class Exchange:
    """An easy handle with the request that is on it. `send` fills it, `response` reads what came."""

    def __init__(self, origins: Origins, rules: UrlRules, limits: SenderLimits, ca_file: str) -> None:
        self.curl: Any = pycurl.Curl()
        self.token = 0
        self.destination: Destination | None = None
        self.failure: Failure | None = None
        self._origins = origins
        self._rules = rules
        self._limits = limits
        self._ca_file = ca_file
        self._forget_answer()
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
        option(pycurl.PREREQFUNCTION, self._before_request)
        option(pycurl.HEADERFUNCTION, self._on_header)
        option(pycurl.WRITEFUNCTION, self._on_body)
        self._url = ""
        self._method = ""
        self._deadline_ms = 0
        self._fresh = False
        self._pin: Pin | None = None
        self._body_held = False

    def _forget_answer(self) -> None:
        self._connected = False
        self._complete = False
        self._expect_status = True
        self._status = 0
        self._version = ""
        self._lines: list[bytes] = []
        self._header_bytes = 0
        self._interim = 0
        self._body = b""
        self._body_bytes = 0
        self._remote: tuple[str, int] | None = None
        self._dns_ms: float | None = None

    # Sending.

    def send(
        self, request: OutboundRequest, lines: list[str], destination: Destination, dns_s: float | None, fresh: bool
    ) -> None:
        """Load the handle. `dns_s` is how long the name took (None: it was known); `fresh`: on a new connection."""
        self.token = request.token
        self.destination = destination
        self.failure = None
        self._forget_answer()
        deadline_s = request.deadline_s
        if dns_s is not None:
            self._dns_ms = dns_s * 1000
            deadline_s -= dns_s
        option = self.curl.setopt
        if request.method != self._method or request.method != "POST":
            self._set_method(request.method)
        if request.url != self._url:
            option(pycurl.URL, request.url)
            self._url = request.url
        deadline_ms = max(1, int(deadline_s * 1000))
        if deadline_ms != self._deadline_ms:
            option(pycurl.TIMEOUT_MS, deadline_ms)
            self._deadline_ms = deadline_ms
        pin = destination.origin.pin
        if pin is not None and pin is not self._pin:
            option(pycurl.RESOLVE, self._origins.lines(pin))
            self._pin = pin
        if fresh != self._fresh:
            option(pycurl.FRESH_CONNECT, int(fresh))
            option(pycurl.FORBID_REUSE, int(fresh))
            self._fresh = fresh
        option(pycurl.HTTPHEADER, lines)
        if request.body or request.method == "POST":
            option(pycurl.POSTFIELDS, request.body)
            self._body_held = len(request.body) > _BODY_HELD_BYTES_MAX

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
        destination = self.destination
        if destination is None or address.family not in (socket.AF_INET, socket.AF_INET6):
            self.failure = Failure(BLOCKED_ADDRESS, "The receiver's address is of an unknown kind.")
            return pycurl.SOCKET_BAD
        reason = refusal(address.addr[0], address.addr[1], self._rules, destination.scheme)
        if reason is not None:
            self.failure = Failure(BLOCKED_ADDRESS, reason)
            return pycurl.SOCKET_BAD
        try:
            return socket.socket(address.family, address.socktype, address.protocol)
        except OSError:
            self.failure = NO_DESCRIPTORS
            return pycurl.SOCKET_BAD

    def _before_request(self, remote_ip: str, _local_ip: str, remote_port: int, _local_port: int) -> int:
        # When a kept connection turns out dead, libcurl sends the request once more on another. The receiver may have
        # got the first one, and the log would show only one: so it fails here, and the schedule decides.
        if self._connected:
            self.failure = CLOSED_UNANSWERED
            return int(pycurl.PREREQFUNC_ABORT)
        self._connected = True
        self.failure = None  # another of the name's addresses may have failed before
        self._remote = (remote_ip, remote_port)
        return int(pycurl.PREREQFUNC_OK)

    def _on_header(self, line: bytes) -> int | None:
        self._header_bytes += len(line)
        if self._header_bytes > self._limits.headers_bytes_max:
            self.failure = HEADERS_OVER_CAP
            return _STOP
        if self._complete:
            return None  # a trailer
        if self._expect_status:
            return self._on_status_line(line)
        if line in (b"\r\n", b"\n"):
            return self._on_headers_end()
        self._lines.append(line)
        return None

    def _on_headers_end(self) -> int | None:
        if self._status >= 200:
            self._complete = True
            return None
        self._expect_status = True
        self._interim += 1
        if self._status == 101:
            self.failure = _SWITCHED
        elif self._interim > self._limits.interim_answers_max:
            self.failure = TOO_MANY_INTERIM
        return None if self.failure is None else _STOP

    def _on_status_line(self, line: bytes) -> int | None:
        match = _STATUS_LINE.match(line)
        if match is None:
            self.failure = NOT_HTTP
            return _STOP
        self._version = match[1].decode("ascii")
        self._status = int(match[2])
        self._expect_status = False
        self._lines = []
        return None

    def _on_body(self, chunk: bytes) -> int | None:
        room = self._limits.body_kept_bytes_max - len(self._body)
        if room > 0:
            self._body += chunk[:room]
        self._body_bytes += len(chunk)
        return _STOP if self._body_bytes > self._limits.body_read_bytes_max else None

    # What came of it.

    def response(self, number: int, text: str) -> InboundResponse:
        """The outcome, once libcurl is done with the handle. `number` and `text` are its error, 0 for none."""
        failure = None if self._complete else self._failure(number, text)
        truncated = self._complete and (number != 0 or self._body_bytes > len(self._body))
        response = InboundResponse(
            token=self.token,
            status=self._status if failure is None else None,
            error_code=None if failure is None else failure.code,
            error_message=None if failure is None else failure.message,
            headers=self._headers() if failure is None else [],
            body=self._body,
            truncated=truncated,
            timings=self._timings(),
            remote_address=self._remote_address(),
            http_version=self._version or None,
        )
        self._let_go()
        return response

    def lost_kept_connection(self) -> bool:
        """Whether a connection that was kept open was closed by the receiver instead of an answer."""
        return self.failure is CLOSED_UNANSWERED

    def _failure(self, number: int, text: str) -> Failure:
        if self.failure is not None:
            return self.failure
        # libcurl is content with an answer that ends within its headers.
        return failure_of(number or pycurl.E_RECV_ERROR, text, connected=self._connected)

    def _headers(self) -> list[tuple[str, str]]:
        headers = []
        for line in b"".join(self._lines).decode("latin-1").split("\n")[:-1]:
            name, _, value = line.partition(":")
            headers.append((name, value.strip(" \t\r")))
        return headers

    def _timings(self) -> Timings:
        info = self.curl.getinfo
        total_ms = info(pycurl.TOTAL_TIME) * 1000
        begun_ms = info(pycurl.PRETRANSFER_TIME) * 1000
        first_byte_ms = info(pycurl.STARTTRANSFER_TIME) * 1000
        connect_ms = tls_ms = None
        if info(pycurl.NUM_CONNECTS):
            connected_ms = info(pycurl.CONNECT_TIME) * 1000
            secured_ms = info(pycurl.APPCONNECT_TIME) * 1000
            connect_ms = max(0.0, connected_ms - info(pycurl.NAMELOOKUP_TIME) * 1000) if connected_ms else None
            tls_ms = max(0.0, secured_ms - connected_ms) if secured_ms else None
        return Timings(
            dns=self._dns_ms,
            connect=connect_ms,
            tls=tls_ms,
            first_byte=max(0.0, first_byte_ms - begun_ms) if first_byte_ms else None,
            total=total_ms + (self._dns_ms or 0.0),
        )

    def _remote_address(self) -> str | None:
        if self._remote is None:
            return None
        address, port = self._remote
        return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"

    def _let_go(self) -> None:
        self.destination = None
        self._body = b""
        self._lines = []
        if self._body_held:
            self.curl.setopt(pycurl.POSTFIELDS, b"")
            self._body_held = False

    def close(self) -> None:
        """Free the handle. It must not be on a multi handle any more."""
        self.curl.close()
