"""A port of the loopback with a full queue of connections: whoever dials it gets no answer, not even a refusal.

This is what an address behind a firewall that drops packets looks like. Assumes Linux, where a listener with a backlog
of 0 takes one connection that nobody accepts, and drops every SYN after that.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def full_backlog() -> Iterator[int]:
    """The port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port: int = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=10):
            yield port
