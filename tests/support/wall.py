"""A wall clock for processes under test that can be set while they run.

    wall = Wall(tmp_path)
    with Server(…, environment=wall.environment): ... wall.set(+3_600)

Only Python's wall clock is changed, in the process and in its children: the boot clock, by which a process waits, goes
on as it is.
"""

import mmap
import os
import time
from pathlib import Path

_SITE = Path(__file__).parent / "set_clock"


class Wall:
    """The clock is right until `set`. `since` has every setting: (this process's monotonic clock, seconds ahead)."""

    def __init__(self, folder: Path) -> None:
        path = folder / "wall"
        path.write_bytes(bytes(8))
        with path.open("r+b") as file:
            self._ahead_s = memoryview(mmap.mmap(file.fileno(), 8)).cast("d")
        self.since: list[tuple[float, float]] = [(time.monotonic(), 0.0)]
        found = [str(_SITE), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.environment = {"PYTHONPATH": os.pathsep.join(found), "TEST_WALL": str(path)}

    def set(self, ahead_s: float) -> None:
        """From now on the clock is `ahead_s` seconds ahead of the right one."""
        self.since.append((time.monotonic(), ahead_s))
        self._ahead_s[0] = ahead_s

    @property
    def now_s(self) -> float:
        """What the clock says now."""
        return time.time() + self.since[-1][1]

    def could_say(self, shown_s: float, at_s: float, tolerance_s: float) -> bool:
        """Whether the clock said `shown_s` shortly before `at_s` (monotonic), by any setting that held then."""
        right_s = time.time() - (time.monotonic() - at_s)
        ends = [began_s for began_s, _ in self.since[1:]] + [float("inf")]
        held = [ahead_s for (_, ahead_s), end_s in zip(self.since, ends, strict=True) if end_s > at_s - tolerance_s]
        return any(abs(right_s + ahead_s - shown_s) <= tolerance_s for ahead_s in held)
