"""A start that waits for something can be stopped: within the block SIGTERM ends the waiting at once.

Python leaves SIGTERM to the system, which ends the process where it stands; a database would be left with a session
that is open until it notices. Off the main thread, where no handler can be set, nothing changes.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class AskedToStop(BaseException):
    """SIGTERM came within the block. No Exception, so that nobody takes it for a failure of what was going on."""


@contextmanager
def stoppable() -> Iterator[None]:
    """See the module. Raises AskedToStop."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _asked)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _asked(number: int, frame: FrameType | None) -> None:
    raise AskedToStop
