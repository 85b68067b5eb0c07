"""A real, small disk that can be filled: a tmpfs in a mount namespace of its own, which needs no root on the outside.

A process that does nothing holds the namespace; a server is started inside it, and the tests see its files through
/proc/PID/root. Where the tests run as root this works too. When the holder ends, the disk is gone.
"""

import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_UNSHARE: Final = ("unshare", "--user", "--map-root-user", "--mount", "--propagation", "private")
_HOLD: Final = """
mount -t tmpfs -o size="$1",mode=700 tmpfs "$2" && echo mounted && exec sleep 600
"""


class SmallDisk:
    """`at` is the mount point as the server sees it, `seen` as everybody else does."""

    def __init__(self, at: Path, size: int) -> None:
        self.at = at
        at.mkdir()
        self._holder = subprocess.Popen(
            [*_UNSHARE, "sh", "-c", _HOLD, "sh", str(size), str(at)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"mounted\n":
            _, said = self._holder.communicate()
            raise AssertionError(f"no disk could be made: {said.decode()}")
        self.seen = Path(f"/proc/{self._holder.pid}/root{at}")

    @property
    def inside(self) -> list[str]:
        """What to put before a command to run it where the disk is."""
        return ["nsenter", f"--target={self._holder.pid}", "--user", "--mount", "--preserve-credentials", "--"]

    def fill(self, free_bytes: int = 0) -> None:
        """Take all space but so much."""
        filler = self.seen / "filler"
        with filler.open("ab", buffering=0) as file:
            while (free := self.free_bytes()) > free_bytes:
                try:
                    file.write(bytes(min(free - free_bytes, 1 << 20)))
                except OSError:
                    return

    def free_bytes(self) -> int:
        found = os.statvfs(self.seen)
        return found.f_bavail * found.f_frsize

    def make_room(self) -> None:
        """Take the filler away."""
        (self.seen / "filler").unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._holder.kill()
        self._holder.communicate()
