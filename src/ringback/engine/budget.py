"""How much the engine holds in memory, whatever the backlog: rows and bytes, and how a fetch's size is decided.

In all at most four rows for each slot in flight, and 64 MiB. Lanes that aren't quick hold at most half of the rows
together, so that thousands of dead endpoints leave room for a healthy one; quick ones at most seven eighths, so that
others are not shut out. Pure bookkeeping.
"""

from typing import Final

from ringback.model.limits import PREFETCH_BYTES_MAX, PREFETCH_PER_SLOT_MAX

FETCH_ROWS_MAX: Final = 512
FETCH_LANES_MAX: Final = 64
WINDOWS_PER_LANE: Final = 4
QUEUE_START: Final = 32
SLOW_SHARE_MAX: Final = 0.5
QUICK_SHARE_MAX: Final = 0.875


class Budget:
    """`rows` counts those held or on their way with a fetch, `slow_rows` those of them whose lanes aren't quick."""

    __slots__ = ("_quick_max", "_slow_max", "bytes", "rows", "rows_max", "slow_rows")

    def __init__(self, slots: int) -> None:
        self.rows_max = slots * PREFETCH_PER_SLOT_MAX
        self._slow_max = int(self.rows_max * SLOW_SHARE_MAX)
        self._quick_max = int(self.rows_max * QUICK_SHARE_MAX)
        self.rows = 0
        self.slow_rows = 0
        self.bytes = 0

    def room(self, slow: bool) -> int:
        """Rows that may still be brought in for lanes of this kind; none when the bytes are used up."""
        if self.bytes >= PREFETCH_BYTES_MAX:
            return 0
        if slow:
            return min(self.rows_max - self.rows, self._slow_max - self.slow_rows)
        return min(self.rows_max - self.rows, self._quick_max - (self.rows - self.slow_rows))


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
