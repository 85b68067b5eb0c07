"""Backups of a running server: a copy of its database, made on its disk in small steps and then handed out.

One at a time. The copy is in the data directory only until it is whole; then its name is taken away, so it is gone
with the last byte that is read, with the process, and whatever happens to the caller. What a crash left before that
goes at the next start. The master key is not in it. Fails with Conflict while another is being made or where the store
has backups of its own, and with Unavailable when there is no room; ingest is never put at risk for a backup.
"""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, Protocol

from ringback.control.secrets import Audit
from ringback.files import open_private
from ringback.model.errors import Conflict, Unavailable

COPY_FILE: Final = "backup.part"
PAUSE_S: Final = 0.001
ROOM_KEPT_BYTES: Final = 64 * 1024 * 1024


class Copies(Protocol):
    """A store that can be copied while it is written."""

    def copy_to(self, path: Path, between: Callable[[int, int], None]) -> None:
        """Copy everything to `path`; `between(bytes copied, bytes in all)` is called after each step."""


class BackupProgress(NamedTuple):
    """Whether a copy is being made, and how far it is."""

    running: bool
    copied_bytes: int
    total_bytes: int


class BackupCopy(NamedTuple):
    """A whole copy: an open file, at its start, and its length."""

    file: BinaryIO
    size: int


class BackupUseCases:
    """`store` is None where it can't be copied here; `directory` is the data directory; `pause(seconds)` lets others
    work."""

    def __init__(self, store: Copies | None, directory: Path, pause: Callable[[float], object], audit: Audit) -> None:
        self._store = store
        self._path = directory / COPY_FILE
        self._pause = pause
        self._audit = audit
        self._busy = threading.Lock()
        self._progress = BackupProgress(False, 0, 0)
        remove_leftovers(directory)

    def progress(self) -> BackupProgress:
        """How far the copy is that is being made now."""
        return self._progress

    def make(self, actor: str) -> BackupCopy:
        """Copy everything; the caller closes the file. Raises Conflict, Unavailable."""
        if self._store is None:
            raise Conflict(
                "This server's database is PostgreSQL: make a backup with PostgreSQL's own tools, such as "
                "pg_basebackup or pg_dump.",
                code="backup_elsewhere",
            )
        if not self._busy.acquire(blocking=False):
            raise Conflict("A backup is being made already. Wait until it is done.", code="backup_running")
        try:
            self._progress = BackupProgress(True, 0, 0)
            copy = self._copied(self._store)
        finally:
            self._progress = BackupProgress(False, 0, 0)
            self._busy.release()
        self._audit("backup_made", {"actor": actor})
        return copy

    def _copied(self, store: Copies) -> BackupCopy:
        with open_private(self._path):
            pass
        try:
            store.copy_to(self._path, self._between)
            file = self._path.open("rb")
        finally:
            self._path.unlink(missing_ok=True)
        return BackupCopy(file, file.seek(0, 2) - file.seek(0))

    def _between(self, copied: int, total: int) -> None:
        self._progress = BackupProgress(True, copied, total)
        room = shutil.disk_usage(self._path.parent).free
        if room < total - copied + ROOM_KEPT_BYTES:
            raise Unavailable(
                f"There is no room for a copy in the data directory: {total - copied:,} bytes more are needed and "
                f"{room:,} are free, of which {ROOM_KEPT_BYTES:,} are kept for events.",
                retry_after_s=60,
                code="backup_no_room",
            )
        self._pause(PAUSE_S)


def remove_leftovers(directory: Path) -> None:
    """What a crash left of a copy."""
    (directory / COPY_FILE).unlink(missing_ok=True)
