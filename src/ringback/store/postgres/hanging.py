"""Breaks off connections that hang: a network that swallows everything would keep a thread for ever.

The server limits its statements' time, so whatever takes much longer hangs on the way. A commit may take longer, since
it waits for the standby. The connection is shut down from outside; whoever waits on it is told that it broke. Counts
seconds by waiting for them, on a thread of its own, which alone knows how many have passed.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg

STATEMENTS_S_MAX: Final = 45
COMMIT_S_MAX: Final = 90
_LOOK_EVERY_S: Final = 1.0

_Connection = psycopg.Connection[Any]


class Watch:
    """What is going on, and until when it may. `seconds` have passed since it began."""

    def __init__(self) -> None:
        self.seconds = 0
        self._ends: dict[_Connection, int] = {}
        self._closed = threading.Event()
        threading.Thread(target=self._run, name="store watch", daemon=True).start()

    @contextmanager
    def over(self, connection: _Connection) -> Iterator[None]:
        """Break the connection off if the block takes too long."""
        self._ends[connection] = self.seconds + STATEMENTS_S_MAX
        try:
            yield
        finally:
            self._ends.pop(connection, None)

    @contextmanager
    def patiently(self, connection: _Connection) -> Iterator[None]:
        """Inside `over`: the block is a commit."""
        self._ends[connection] = self.seconds + COMMIT_S_MAX
        yield
        self._ends[connection] = self.seconds + STATEMENTS_S_MAX

    def close(self) -> None:
        self._closed.set()

    def _run(self) -> None:
        while not self._closed.wait(_LOOK_EVERY_S):
            self.seconds += 1
            for connection, end in list(self._ends.items()):
                if self.seconds > end:
                    break_off(connection)


def break_off(connection: _Connection) -> None:
    """Shut the connection down under whoever waits on it. One that is broken or closed already is left alone."""
    with suppress(OSError, psycopg.Error):
        descriptor = os.dup(connection.pgconn.socket)
        with socket.socket(fileno=descriptor) as other:
            other.shutdown(socket.SHUT_RDWR)
