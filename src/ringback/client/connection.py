"""JSON over HTTP/1.1 with kept connections, on the standard library alone.

One connection for each thread, opened when it is needed. Never follows a redirect, never uses a proxy from the
environment, and repeats a request by itself only when repeating can't do harm (GET). Fails with `ApiError` when the
API says so and with `Unreachable` when it says nothing.
"""

import http.client
import json
import selectors
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from ringback.client.errors import ApiError, Unreachable, WrongField

RESPONSE_BYTES_MAX: Final = 128 * 1024 * 1024
PIECE_BYTES: Final = 1024 * 1024
OCTETS: Final = "application/octet-stream"


class Answer(NamedTuple):
    """A 2xx answer: its status, its JSON (None for an empty body), and the bytes that JSON was read from."""

    status: int
    json: Any
    content: bytes = b""


class Connection:
    """Where the API is and how it is spoken to. May be used by several threads."""

    def __init__(self, base_url: str, key: str, timeout_s: float) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("the base URL must look like https://host:port")
        if not (key and key.isascii() and key.isprintable() and " " not in key):
            raise ValueError("the key must be visible ASCII")
        self._host = parts.hostname
        self._port = parts.port
        self._prefix = parts.path.rstrip("/")
        # For messages: without a user name and a password, which some put there.
        self._origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{self._prefix}"
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._timeout_s = timeout_s
        self._headers = {"authorization": f"Bearer {key}", "accept": "application/json", "user-agent": "ringback"}
        self._of_thread = threading.local()

    def call(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """One request and its answer. Raises ApiError for any status but 2xx, Unreachable for no whole answer."""
        sent = self._headers | dict(headers)
        if body is not None:
            sent.setdefault("content-type", "application/json")
        try:
            response, content = self._whole_exchange(method, self._prefix + path, body, sent)
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{method} {self._origin}{path.partition('?')[0]}: {_said(error)}") from error
        if not 200 <= response.status < 300:
            raise _api_error(response, content)
        return Answer(response.status, _json(response.status, content), content)

    def receive(self, method: str, path: str, write: Callable[[bytes], object], first_byte_s: float) -> int:
        """One request whose answer is bytes of any length, given to `write` piece by piece; how many there were.

        Waits up to `first_byte_s` for the answer to begin. Raises as `call` does, also for an answer that breaks off.
        """
        connection = self._opened(first_byte_s)
        try:
            return self._received(connection, method, self._prefix + path, write)
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{method} {path}: {type(error).__name__}: {error}") from error
        finally:
            connection.close()

    def _received(
        self, connection: http.client.HTTPConnection, method: str, target: str, write: Callable[[bytes], object]
    ) -> int:
        connection.request(method, target, None, self._headers)
        response = connection.getresponse()
        if not 200 <= response.status < 300:
            raise _api_error(response, response.read(RESPONSE_BYTES_MAX))
        if response.getheader("content-type") != OCTETS:
            raise ApiError(response.status, "not_ringback", "The answer is no copy. Is this Ringback's address?")
        promised, size = response.length, 0
        while piece := response.read(PIECE_BYTES):
            write(piece)
            size += len(piece)
        if promised is None or size != promised:
            raise http.client.HTTPException(f"the answer ended after {size} of {promised} bytes")
        return size

    def close(self) -> None:
        """Close this thread's connection; the next call opens another."""
        connection = getattr(self._of_thread, "connection", None)
        if connection is not None:
            connection.close()
            self._of_thread.connection = None

    def _whole_exchange(
        self, method: str, target: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        try:
            return self._exchange(method, target, body, headers)
        except BaseException:
            # In the middle of an exchange, interrupted or not, a connection is good for nothing.
            self.close()
            raise

    def _exchange(
        self, method: str, target: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection, fresh = self._connection()
        try:
            return _once(connection, method, target, body, headers)
        except (ConnectionError, http.client.BadStatusLine):
            # A kept connection that the server closes at this very moment. Only a GET is safe to repeat.
            if fresh or method != "GET":
                raise
        self.close()
        return _once(self._connection()[0], method, target, body, headers)

    def _connection(self) -> tuple[http.client.HTTPConnection, bool]:
        """This thread's connection, and whether it is a new one. One that the server has closed is replaced."""
        kept: http.client.HTTPConnection | None = getattr(self._of_thread, "connection", None)
        if kept is not None and kept.sock is not None and not _readable(kept):
            return kept, False
        self.close()
        opened = self._opened(self._timeout_s)
        self._of_thread.connection = opened
        return opened, True

    def _opened(self, timeout_s: float) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=timeout_s)
        return http.client.HTTPSConnection(self._host, self._port, timeout=timeout_s, context=self._tls)


def _said(error: Exception) -> str:
    """What went wrong, in the system's words where it has some."""
    words = error.strerror if isinstance(error, OSError) else None
    return words or f"{type(error).__name__}: {error}"


def _readable(connection: http.client.HTTPConnection) -> bool:
    """Whether something came in on a connection where nothing is expected: the end, as a rule."""
    with selectors.DefaultSelector() as selector:
        selector.register(connection.sock, selectors.EVENT_READ)
        return bool(selector.select(0))


def _once(
    connection: http.client.HTTPConnection, method: str, target: str, body: bytes | None, headers: dict[str, str]
) -> tuple[http.client.HTTPResponse, bytes]:
    connection.request(method, target, body, headers)
    response = connection.getresponse()
    content = response.read(RESPONSE_BYTES_MAX + 1)
    if len(content) > RESPONSE_BYTES_MAX:
        raise http.client.HTTPException(f"the answer is longer than {RESPONSE_BYTES_MAX} bytes")
    return response, content


def _json(status: int, content: bytes) -> Any:
    if not content:
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise ApiError(status, "not_json", "The answer is not JSON. Is this Ringback's address?") from None


def _api_error(response: http.client.HTTPResponse, content: bytes) -> ApiError:
    """The problem (RFC 9457) the API reported, or the status alone when something else answered."""
    try:
        problem = json.loads(content)
    except (ValueError, RecursionError):
        problem = None
    if not isinstance(problem, dict) or not isinstance(problem.get("code"), str):
        status = response.status
        problem = {"code": f"http_{status}", "detail": f"The server answered {status} and not as Ringback does."}
    listed = problem.get("errors")
    errors = [
        WrongField(str(error.get("field", "")), str(error.get("message", "")))
        for error in (listed if isinstance(listed, list) else [])
        if isinstance(error, dict)
    ]
    wait = response.getheader("retry-after", "")
    return ApiError(
        response.status,
        problem["code"],
        str(problem.get("detail") or problem.get("title") or response.reason),
        errors,
        retry_after_s=float(wait) if wait.isascii() and wait.isdigit() else None,
    )
