"""Reading one answer off the wire, as libcurl hands it over: status line, header lines, pieces of the body.

Decides when the headers of the final answer are complete, since from then on its status stands whatever happens.
Interim (1xx) answers come through the same door and are thrown away; so are trailers. What is over a cap ends the
transfer. Never raises: a method that libcurl calls returns `STOP` and leaves word in `failure`.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from ringback.engine.curl_errors import (
    BAD_RESPONSE,
    HEADERS_OVER_CAP,
    NOT_HTTP,
    TOO_MANY_INTERIM,
    Failure,
)
from ringback.model.limits import (
    CONNECT_S_MAX,
    RESPONSE_BODY_KEPT_BYTES_MAX,
    RESPONSE_BODY_READ_BYTES_MAX,
    RESPONSE_HEADERS_BYTES_MAX,
)

# What libcurl takes for "no": not a number of bytes that it gave.
STOP: Final = -1

# libcurl also takes HTTP/2 here, and 2000 for 200.
_HEADS_KEPT_MAX: Final = 64
_STATUS_LINE: Final = re.compile(rb"HTTP/(1\.[01]) ([1-9][0-9]{2})(?:[ \r\n]|$)")
_SWITCHED: Final = Failure(BAD_RESPONSE, "The receiver switched to another protocol (101).")


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


class Reading:
    """One answer, while it comes in. `begin` starts anew."""

    __slots__ = (
        "_expect_status", "_header_bytes", "_interim", "_limits", "_lines",
        "body", "body_bytes", "complete", "failure", "status", "version",
    )  # fmt: skip

    def __init__(self, limits: SenderLimits) -> None:
        self._limits = limits
        self.begin()

    def begin(self) -> None:
        self.failure: Failure | None = None
        self.complete = False
        self.status = 0
        self.version = ""
        self.body = b""
        self.body_bytes = 0
        self._expect_status = True
        self._lines: list[bytes] = []
        self._header_bytes = 0
        self._interim = 0

    def on_header(self, line: bytes) -> int | None:
        """A line of the head (or a trailer), with its line end."""
        self._header_bytes += len(line)
        if self._header_bytes > self._limits.headers_bytes_max:
            self.failure = HEADERS_OVER_CAP
            return STOP
        if self.complete:
            return None  # a trailer
        if self._expect_status:
            return self._on_status_line(line)
        if line in (b"\r\n", b"\n"):
            return self._on_headers_end()
        self._lines.append(line)
        return None

    def on_body(self, chunk: bytes) -> int | None:
        """A piece of the body, with chunked encoding taken off and any other left alone."""
        room = self._limits.body_kept_bytes_max - len(self.body)
        if room > 0:
            self.body += chunk[:room]
        self.body_bytes += len(chunk)
        return STOP if self.body_bytes > self._limits.body_read_bytes_max else None

    def headers(self) -> list[tuple[str, str]]:
        """Names and values of the final answer, in their order and case, as latin-1."""
        return [*_parsed(b"".join(self._lines))]

    def _on_status_line(self, line: bytes) -> int | None:
        version_and_status = _status(line)
        if version_and_status is None:
            self.failure = NOT_HTTP
            return STOP
        self.version, self.status = version_and_status
        self._expect_status = False
        self._lines = []
        return None

    def _on_headers_end(self) -> int | None:
        if self.status >= 200:
            self.complete = True
            return None
        self._expect_status = True
        self._interim += 1
        if self.status == 101:
            self.failure = _SWITCHED
        elif self._interim > self._limits.interim_answers_max:
            self.failure = TOO_MANY_INTERIM
        return None if self.failure is None else STOP


@lru_cache(maxsize=_HEADS_KEPT_MAX)
def _status(line: bytes) -> tuple[str, int] | None:
    """HTTP version and status of a status line; None when it is none."""
    match = _STATUS_LINE.match(line)
    return None if match is None else (match[1].decode("ascii"), int(match[2]))


@lru_cache(maxsize=_HEADS_KEPT_MAX)
def _parsed(head: bytes) -> tuple[tuple[str, str], ...]:
    """The pairs of a head. A busy receiver answers with the same one, date included, for a second at a time."""
    pairs = []
    for line in head.decode("latin-1").split("\n")[:-1]:
        name, _, value = line.partition(":")
        pairs.append((name, value.strip(" \t\r")))
    return tuple(pairs)
