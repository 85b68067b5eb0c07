"""Whether a kept connection is still open on the other side, asked just before a request is written to it.

libcurl looks for dead connections once a second and otherwise writes the request, and when the connection turns out
dead, it writes it again on another. The log must show every request that left, so the look is taken here, before the
first one. Only what closes in the very moment of writing remains; that is an attempt that failed.

Knows connections by their two ends, since libcurl doesn't tell the socket of one that it uses again. Holds at most one
entry a file descriptor. Belongs to the sender's thread.
"""

import contextlib
import select
import socket
from collections.abc import Sequence
from typing import Any

# Local address and port, remote address and port.
Ends = tuple[str, int, str, int]


class KeptConnections:
    """The sockets of connections that libcurl has opened, by their ends."""

    def __init__(self) -> None:
        self._pollers: dict[Ends, Any] = {}
        self._ends: dict[int, Ends] = {}

    def opened(self, ends: Ends, descriptors: Sequence[int]) -> None:
        """A new connection is on one of `descriptors`; the others were tried in vain and may be closed."""
        for fd in descriptors:
            if _local_port(fd) == ends[1]:
                before = self._ends.pop(fd, None)
                if before is not None:
                    self._pollers.pop(before, None)
                poller = select.poll()
                poller.register(fd, select.POLLRDHUP)
                self._pollers[ends] = poller
                self._ends[fd] = ends
                return

    def closed_by_peer(self, ends: Ends) -> bool:
        """Whether the other side has closed it. A connection that isn't known counts as open."""
        poller = self._pollers.get(ends)
        return poller is not None and bool(poller.poll(0))


def _local_port(fd: int) -> int | None:
    with contextlib.suppress(OSError):
        opened = socket.socket(fileno=fd)
        try:
            port: int = opened.getsockname()[1]
            return port
        finally:
            opened.detach()
    return None
