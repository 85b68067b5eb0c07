"""Serving HTTP: binds the port, runs uvicorn on this thread until a signal, and says when it is up.

The port is bound before anything else is started, so that a taken one is found out first. SIGTERM and SIGINT end the
serving gracefully: no new connection, requests under way are answered. Fails with `PortTaken`.
"""

import asyncio
import errno
import logging
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from functools import partial
from types import FrameType, MappingProxyType
from typing import Any, Final

import uvicorn

from ringback.api.compat.hosts import CompatHosts, HostedProtocol
from ringback.api.direct import DirectProtocol
from ringback.api.events import EventsRoute
from ringback.api.listening import Listening
from ringback.api.room import Room
from ringback.model.errors import BadSetting, PortTaken

BACKLOG: Final = 2_048
ANSWER_WITHIN_S: Final = 10
KEEP_ALIVE_S: Final = 75


def bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises PortTaken (also when this user may not have the port), or BadSetting when `host` is no address here.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise BadSetting(f"host {host!r} can't be listened on: {error.strerror}. Use 127.0.0.1 or 0.0.0.0.") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(
                f"Port {port} on {host} can't be used ({error.strerror}). Stop what has it, or choose another: "
                "--port N."
            ) from None
        if error.errno == errno.EACCES:
            raise PortTaken(
                f"Port {port} on {host} can't be used: this user may not use ports below 1024. Choose another: "
                "--port N."
            ) from None
        raise BadSetting(f"host {host!r} can't be listened on: {error.strerror}. Use 127.0.0.1 or 0.0.0.0.") from None
    return listener


class _Server(uvicorn.Server):
    """uvicorn, which says when it is up, and when it begins to stop."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None], on_stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._on_stopping = on_stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([])
        # uvicorn's own way takes one connection a turn of the event loop.
        listening: list[Any] = [Listening(listener, self._protocol) for listener in sockets or ()]
        self.servers = listening
        if self.started:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stopping()
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal ends the serving; a second one doesn't wait for callers who are slow to be answered."""
        hurried = self.should_exit
        super().handle_exit(sig, frame)
        self.force_exit = self.force_exit or hurried


class HttpServer:
    """`run` blocks until SIGTERM, SIGINT or `stop`."""

    def __init__(
        self,
        app: EventsRoute,
        room: Room,
        listener: socket.socket,
        on_started: Callable[[], None],
        compat_hosts: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`compat_hosts` have the published contract that stands at the root of each, by host name."""
        # Anyone can send what is no HTTP: that is answered, and is no line in the log.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        hosts = CompatHosts(compat_hosts)
        protocol = partial(HostedProtocol, hosts, app, room) if compat_hosts else partial(DirectProtocol, app, room)
        config = uvicorn.Config(
            hosts.in_front_of(app) if compat_hosts else app,
            http=protocol,  # type: ignore[arg-type]  # called, never asked for its class
            ws="none",
            loop="uvloop",
            access_log=False,
            log_config=None,
            lifespan="off",
            server_header=False,
            date_header=True,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=ANSWER_WITHIN_S,
        )
        self.hurried = False
        """Whether a second signal has come: who is still waiting is not to be waited for."""
        self._signals = 0
        self._listener = listener
        self._server = _Server(config, on_started, app.queue.arrivals.stop)

    def run(self) -> None:
        on_main_thread = threading.current_thread() is threading.main_thread()
        if on_main_thread:
            # uvicorn raises the signals it caught again when it is done: by then the first does nothing more.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, self._on_signal)
        self._server.run(sockets=[self._listener])

    def stop(self) -> None:
        """From any thread."""
        self._server.should_exit = True

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1
        self.hurried = self._signals > 1


def own_url(listener: socket.socket) -> str:
    """Where a server that listens there is reached from the same machine."""
    host, port = listener.getsockname()[:2]
    return f"http://{shown_host(host)}:{port}"


def shown_host(host: str) -> str:
    """An address to listen on as it stands in a URL."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - what was asked for, shown as what can be typed
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
