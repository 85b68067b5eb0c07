"""What is no HTTP, or has a head without end, gets the same kind of answer as everything else: a problem document.

uvicorn answers the first itself, before any app sees it, in plain text; for the second it has no limit, and would keep
whatever anybody sends before a key was seen. Everything else is its own. Assumes httptools, which pyproject.toml asks
for, and that a piece that was read is not larger than the server reads at once (256 KiB).
"""

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ringback.api.problem import problem
from ringback.model.errors import Malformed, Refused
from ringback.model.limits import REQUEST_HEAD_BYTES_MAX, REQUEST_HEADERS_MAX


class HeadTooLarge(Refused):
    """The request's line and headers are more than is read."""

    status = 431
    code = "head_too_large"


_NO_HTTP: Final = Malformed("This is not a request in HTTP/1.1: its first line, a header or its framing is broken.")
_TOO_MUCH: Final = HeadTooLarge(
    f"The request has more than {REQUEST_HEADERS_MAX} headers, or they and its first line are longer than "
    f"{REQUEST_HEAD_BYTES_MAX} bytes."
)


class ProblemProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with our answer to what its parser refuses and with a limit on heads."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._in_head = False
        self._head_bytes = 0
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            # A head in pieces; what belongs to the request before it may be counted along, one piece at most.
            self._head_bytes += len(data)
            if self._head_bytes > REQUEST_HEAD_BYTES_MAX:
                self._refuse(_TOO_MUCH)
                return
        # Trailers are among them; they can come after the head for ever.
        if self.headers is not None and len(self.headers) > REQUEST_HEADERS_MAX:
            self._refuse(_TOO_MUCH)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(_NO_HTTP)

    def _refuse(self, error: Refused) -> None:
        """Answer, unless the connection is closing already, and close it."""
        if self.transport.is_closing():
            return
        answer = problem(error)
        headers = {**answer.headers, "content-length": str(len(answer.body)), "connection": "close"}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        line = f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}\r\n"
        self.transport.write(f"{line}{head}\r\n".encode("latin-1") + answer.body)
        self.transport.close()


_REASONS: Final = {400: "Bad Request", 431: "Request Header Fields Too Large"}
