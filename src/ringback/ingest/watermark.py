"""The watermark of the disk: when little space is left, no events are accepted, so that what was accepted can finish.

Each delivery that ends still has to be written, and a database that can't write anything can't even make room. So
events stop while there is space for the rest; deliveries and the management API go on. Looked at once a second, away
from the hot path, which reads one flag. It recovers by itself. Where the store can't say how much is free there is no
watermark, and it is asked no more. On a small disk a tenth of it counts, if that is less than the setting.
"""

from collections.abc import Callable
from typing import Final

from ringback.model.errors import Unavailable
from ringback.policy.watermark import watermark_bytes
from ringback.store.port import Health, StoreUnavailable

LOOK_EVERY_S: Final = 1.0
RETRY_AFTER_S: Final = 10


class Watermark:
    """`nearly_full` and `check` are for any thread; `step` for its own."""

    def __init__(self, store: Health, free_bytes_min: int, wait: Callable[[float], object]) -> None:
        self._store = store
        self._free_bytes_min = free_bytes_min
        self._wait = wait
        self.nearly_full = False
        self._known = True

    def step(self) -> None:
        self._wait(LOOK_EVERY_S)
        self.look()

    def look(self) -> None:
        """Ask how much space is free. A file system that doesn't answer changes nothing: commits will fail on it."""
        if not self._known:
            return
        try:
            space = self._store.space()
        except StoreUnavailable:
            return
        self._known = space.free_bytes is not None
        if space.free_bytes is not None:
            self.nearly_full = space.free_bytes < self.bytes_for(space.disk_bytes)

    def bytes_for(self, disk_bytes: int | None) -> int:
        """The watermark of a disk of this size."""
        return watermark_bytes(self._free_bytes_min, disk_bytes)

    def check(self) -> None:
        """Return if events may be accepted. Raises Unavailable."""
        if self.nearly_full:
            raise Unavailable(
                "The disk is nearly full: nothing was accepted. Try again when there is room.",
                RETRY_AFTER_S,
                code="disk_nearly_full",
            )
