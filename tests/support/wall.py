"""A wall clock for processes under test that can be set while they run, by libfaketime (Debian: faketime).

    wall = Wall(tmp_path)
    with Server(…, environment=wall.environment): ... wall.set(+3_600)

Only the wall clock is changed: the boot clock, by which a process waits, goes on as it is. Children inherit it.
"""

import time
from pathlib import Path

_PLACES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/opt/homebrew/lib")


def _library() -> Path:
    for place in _PLACES:
        for found in sorted(Path(place).glob("**/faketime/libfaketime.so.1")):
            return found
    raise AssertionError("libfaketime is missing: make test installs it (Debian: faketime)")


class Wall:
    """The clock is right until `set`. `since` has every setting: (this process's monotonic clock, seconds ahead)."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "wall"
        self.since: list[tuple[float, float]] = []
        self.set(0)
        self.environment = {
            "LD_PRELOAD": str(_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def set(self, ahead_s: float) -> None:
        """From now on the clock is `ahead_s` seconds ahead of the right one."""
        self.since.append((time.monotonic(), ahead_s))
        new = self._file.with_suffix(".new")
        new.write_text(f"{ahead_s:+.0f}\n")
        new.replace(self._file)  # whoever reads it meets a whole one

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
