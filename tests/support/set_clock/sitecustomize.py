"""In a process under test whose PYTHONPATH has this folder: the wall clock is as far ahead as the file TEST_WALL says.

Python runs it before anything else. `time.time` and `time.time_ns` read the seconds (a float of the machine) out of the
shared memory of the file at each call; one that has been written is whole, so no reading is ever of a time in between.
"""

import mmap
import os
import time
from pathlib import Path

if path := os.environ.get("TEST_WALL"):
    with Path(path).open("r+b") as _file:
        _ahead_s = memoryview(mmap.mmap(_file.fileno(), 8)).cast("d")
    _real_ns = time.time_ns

    def _time_ns() -> int:
        return _real_ns() + int(_ahead_s[0] * 1e9)

    def _time() -> float:
        return _time_ns() / 1e9

    time.time_ns, time.time = _time_ns, _time
