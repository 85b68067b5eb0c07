"""A receiver for the end-to-end tests: answers as it is told and keeps what came, in this process."""

import http.server
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from support.process import wait_until

OURS = {"host", "user-agent", "accept", "accept-encoding", "ringback-hops", "content-length"}
"""Headers that every request has, whatever its contract."""


class Received(NamedTuple):
    """One request as it came. `at_s` is on this process's monotonic clock."""

    at_s: float
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def contract_headers(self) -> dict[str, str]:
        """The headers that the profile made, their names in the case in which they came."""
        return {name: value for name, value in self.headers if name.lower() not in OURS}

    @property
    def event_id(self) -> str | None:
        return self.header("webhook-id")


class Reply(NamedTuple):
    """What the receiver answers."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b"ok"
    delay_s: float = 0.0


class Inbox:
    """`reply` is asked for each request; by default everything is welcome."""

    def __init__(self, reply: Callable[[Received], Reply] = lambda received: Reply()) -> None:
        self.reply = reply
        self.received: list[Received] = []
        inbox = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # heads and bodies are written apart

            def _take(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                received = Received(time.monotonic(), self.path, list(self.headers.items()), body)
                inbox.received.append(received)
                reply = inbox.reply(received)
                if reply.delay_s:
                    inbox._closing.wait(reply.delay_s)
                self.send_response(reply.status)
                for name, value in reply.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(reply.body)

            def do_HEAD(self) -> None:
                self._take()

            def do_POST(self) -> None:
                self._take()

            def do_GET(self) -> None:
                self._take()

            def log_message(self, *_: object) -> None:
                pass

        self._closing = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def at(self, path: str) -> list[Received]:
        """What came to one path, oldest first."""
        return [one for one in self.received if one.path == path]

    def wait_for(self, count: int, path: str | None = None, within_s: float = 15.0) -> list[Received]:
        """Wait until so many requests have come (to `path`)."""

        def come() -> list[Received] | None:
            found = self.received if path is None else self.at(path)
            return list(found) if len(found) >= count else None

        found: list[Received] = wait_until(come, within_s, f"{count} requests at {path or 'the receiver'}")
        return found

    def __enter__(self) -> "Inbox":
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
