"""Breaks off connections that hang: a network that swallows everything would keep a thread for ever.

The server limits its statements' time, so whatever takes much longer hangs on the way. A commit may take longer, since
it waits for the standby. The connection is shut down from outside; whoever waits on it is told that it broke. Counts
seconds by waiting for them, on a thread of its own that sleeps while nothing is going on.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from ringback.store.postgres.session import Session

STATEMENTS_S_MAX: Final = 45
COMMIT_S_MAX: Final = 90
_LOOK_EVERY_S: Final = 1.0


class Watch:
    """What is going on, and for how many seconds."""

    def __init__(self) -> None:
        self._left_s: dict[Session, int] = {}
        self._closed = threading.Event()
        threading.Thread(target=self._run, name="store watch", daemon=True).start()

    @contextmanager
    def over(self, session: Session) -> Iterator[None]:
        """Break the session's connection off if the block takes too long."""
        self._left_s[session] = STATEMENTS_S_MAX
        try:
            yield
        finally:
            self._left_s.pop(session, None)

    @contextmanager
    def patiently(self, session: Session) -> Iterator[None]:
        """Inside `over`: the block is a commit."""
        self._left_s[session] = COMMIT_S_MAX
        yield

    def close(self) -> None:
        self._closed.set()

    def _run(self) -> None:
        while not self._closed.wait(_LOOK_EVERY_S):
            for session, left_s in list(self._left_s.items()):
                if left_s <= 0:
                    break_off(session)
                elif session in self._left_s:
                    self._left_s[session] = left_s - 1


def break_off(session: Session) -> None:
    """Shut the connection down under whoever waits on it."""
    with suppress(OSError):
        descriptor = os.dup(session.socket)
        with socket.socket(fileno=descriptor) as other:
            other.shutdown(socket.SHUT_RDWR)
