"""How much the SQLite store holds: pages of counts, each a read of its own, and sizes as the file system gives them."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ringback.store.port import Counted, CountPlace, Space, StoreUnavailable
from ringback.store.queries import load
from ringback.store.sqlite.connection import SqlitePart

_SQL: Final = load("sqlite")


class SqliteCensus(SqlitePart):
    """`Census`."""

    def count_deliveries(self, after: CountPlace | None, limit: int) -> Counted:
        ((count, last),) = self._read(
            _SQL["count_deliveries"], {"after": 0 if after is None else after.seq, "limit": limit}
        )
        return Counted(count, CountPlace("", last) if count == limit else None)

    def lane_healths(self, after: str, limit: int) -> Sequence[tuple[str, bytes]]:
        return self._read(_SQL["lane_healths"], {"after": after, "limit": limit})

    def latest_disabled(self, limit: int) -> Sequence[tuple[str, int]]:
        return self._read(_SQL["latest_disabled"], {"limit": limit})

    def oldest_bell(self, now: int) -> int | None:
        found = self._read(_SQL["oldest_bell"], {"now": now})
        return found[0][0] if found else None


def space_of(path: Path) -> Space:
    """Sizes of the database file at `path`, its log and its disk. Raises StoreUnavailable."""
    try:
        disk = shutil.disk_usage(path.parent)
        return Space(
            store_bytes=path.stat().st_size,
            log_bytes=_size(Path(f"{path}-wal")),
            free_bytes=disk.free,
            disk_bytes=disk.total,
        )
    except OSError as error:
        raise StoreUnavailable(f"The file system doesn't answer ({error.strerror}).") from None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
