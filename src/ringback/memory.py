"""Giving memory back to the system after a burst.

What is freed stays with the C library, which keeps it for the next burst: with large events that was most of what a
process seemed to use. So a process asks it now and then how much is lying about, and has it give that back once it is a
lot more than it was. glibc alone can be asked; with any other C library nothing happens here. Frees nothing that is in
use and changes no setting of the library. Costs well under a millisecond to ask, and a few where there is much to give.
"""

import ctypes
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

FREE_BYTES_KEPT_MAX: Final = 16 * 1024 * 1024
LOOK_EVERY_S: Final = 1.0
# What was given back, used and freed again meanwhile doesn't show: once more when it has been quiet for so many looks.
LAST_LOOK_AFTER: Final = 4


class _Totals(ctypes.Structure):
    """`struct mallinfo2` of malloc.h; `fordblks` is what is free."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
        )
    )  # fmt: skip


class SpareMemory:
    """What this process has freed and the C library kept. Any one thread may call `give_back`, again and again, or
    `step`, which waits first."""

    def __init__(self, wait: Callable[[float], object] = lambda seconds: None) -> None:
        self._wait = wait
        self._library: Any = None
        # What was given back still counts as free, so it is the growth that says whether there is something to give.
        self._free_bytes = 0
        self._last_look_in = 0
        with suppress(OSError, AttributeError):
            library = ctypes.CDLL(None)
            library.mallinfo2.restype = _Totals
            library.mallinfo2.argtypes = ()
            library.malloc_trim.argtypes = (ctypes.c_size_t,)
            self._library = library

    def step(self) -> None:
        self._wait(LOOK_EVERY_S)
        self.give_back()

    def give_back(self) -> bool:
        """Give back what is free, if that has become a lot, and once more a little later; whether it did."""
        if self._library is None:
            return False
        free_bytes = self._library.mallinfo2().fordblks
        has_grown = free_bytes >= self._free_bytes + FREE_BYTES_KEPT_MAX
        self._last_look_in = LAST_LOOK_AFTER if has_grown else max(0, self._last_look_in - 1)
        if not has_grown and self._last_look_in != 1:
            self._free_bytes = min(self._free_bytes, free_bytes)
            return False
        self._library.malloc_trim(0)
        self._free_bytes = self._library.mallinfo2().fordblks
        return True
