"""Taking callers in: every connection that waits, in one turn of the event loop.

uvloop takes one a turn. A turn answers each connection that has asked something, so with many that ask without a pause
a new caller waited through as many turns as there were callers before it, a quarter of a minute behind 1,000. Stands in
for the server object that uvicorn closes and waits for. Never reads or answers anything. When descriptors run out it
takes nobody for a second; who is connected goes on.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Final

TAKEN_AT_ONCE: Final = 256
AFTER_FAILURE_S: Final = 1.0

logger = logging.getLogger(__name__)


class Listening:
    """Takes connections from `listener` until `close`, each with a protocol of its own. Made on the event loop."""

    def __init__(self, listener: socket.socket, protocol: Callable[[], asyncio.Protocol]) -> None:
        self._listener = listener
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._arriving: set[asyncio.Task[object]] = set()
        self._closed = False
        listener.setblocking(False)
        self._watch()

    def close(self) -> None:
        """Take nobody from now on; idempotent. Whoever listens closes the listener."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._listener)

    async def wait_closed(self) -> None:
        """Return when those who were taken last have their protocols."""
        if self._arriving:
            await asyncio.wait(self._arriving)

    def _watch(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._listener, self._take)

    def _take(self) -> None:
        for _ in range(TAKEN_AT_ONCE):
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                logger.warning("connections can't be taken: %s", error.strerror)
                self._loop.remove_reader(self._listener)
                self._loop.call_later(AFTER_FAILURE_S, self._watch)
                return
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task: asyncio.Task[object] = self._loop.create_task(
                self._loop.connect_accepted_socket(self._protocol, connection)
            )
            self._arriving.add(task)
            task.add_done_callback(self._arrived)

    def _arrived(self, task: asyncio.Task[object]) -> None:
        self._arriving.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.warning("a connection could not be taken: %s", type(error).__name__)
