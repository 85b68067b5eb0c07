"""How much the engine holds in memory, whatever the backlog: rows and bytes, and how a fetch's size is decided.

In all at most four rows for each slot in flight, and 64 MiB; slow lanes together at most half of it, so that six
hundred dead endpoints leave room for a healthy one. Pure bookkeeping.
"""

from typing import Final

from ringback.model.limits import PREFETCH_BYTES_MAX, PREFETCH_PER_SLOT_MAX

FETCH_ROWS_MAX: Final = 512
FETCH_LANES_MAX: Final = 64
WINDOWS_PER_LANE: Final = 4
QUEUE_START: Final = 32


class Budget:
    """`rows` counts held rows of all lanes, `reserved` those that fetches on their way may bring."""

    __slots__ = ("bytes", "reserved", "rows", "rows_max")

    def __init__(self, slots: int) -> None:
        self.rows_max = slots * PREFETCH_PER_SLOT_MAX
        self.rows = 0
        self.bytes = 0
        self.reserved = 0

    def room(self) -> int:
        """Rows that may still be brought in; 0 when the bytes are used up."""
        if self.bytes >= PREFETCH_BYTES_MAX:
            return 0
        return self.rows_max - self.rows - self.reserved


def wanted(queued: int, window: int, slow: bool) -> int:
    """How many rows a lane should fetch: up to four windows, a slow one up to one."""
    depth = window if slow else max(WINDOWS_PER_LANE * window, QUEUE_START)
    return max(0, depth - queued)


def low(queued: int, window: int, slow: bool) -> bool:
    """Whether so little is queued that a fetch is worth it.

    A healthy lane may send a whole window before the next turn, and the fetch takes about as long: it asks when two
    windows are left, so that it never waits for rows.
    """
    return queued <= (window // 2 if slow else 2 * window)
