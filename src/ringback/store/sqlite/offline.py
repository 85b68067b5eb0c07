"""A SQLite store's file while no server has it open: looked at, copied, written anew.

Everything here that touches a store's own file holds its lock. A copy that nobody else knows of is read as it is, so
that looking at it leaves nothing beside it. Fails with the StartErrors of `sqlite.file`.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

import apsw

from ringback.files import beside_of, move_into_place, open_private, sync
from ringback.model.errors import DataDirectoryUnusable, StoreCorrupt
from ringback.store.migrate import load_migrations, missing_of
from ringback.store.sqlite.backup import PAGES_A_STEP, Progress, open_copy
from ringback.store.sqlite.errors import start_errors
from ringback.store.sqlite.file import FileLock, SqliteLedger
from ringback.store.sqlite.sealing import read_sealing_keys

_KEYS_SINCE: Final = 2
"""The migration that brought master keys."""
_INCREMENTAL: Final = 2
COMPACT_ROOM: Final = 1.05
"""The room that a file written anew may need, as a part of the old one's size."""


class FileFacts(NamedTuple):
    """What a store's file is. `schema` is its newest migration and `missing` the names of those that this program has
    beyond it; `sealed_with` are ids of master keys; `gives_space_back` is whether removed rows make it shorter."""

    schema: int
    missing: list[str]
    sealed_with: list[str]
    pending: int
    gives_space_back: bool
    size: int


def examine_copy(path: Path) -> FileFacts:
    """The facts of a copy, every page of which is checked. Raises StoreCorrupt, StoreNewer."""
    with start_errors(path):
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        connection = apsw.Connection(f"file:{quote(str(path.absolute()))}?immutable=1", flags=flags)
        try:
            facts = facts_of(connection, path)
            ((found,), *_) = connection.execute("PRAGMA quick_check(1)").fetchall()
        finally:
            connection.close()
    if found != "ok":
        raise StoreCorrupt(f"{path} is damaged ({found}). Take another copy.")
    return facts


def examine_store(path: Path) -> FileFacts:
    """The facts of a store that no server has open. Raises StoreLocked, StoreCorrupt, StoreNewer."""
    with opened_alone(path) as connection:
        return facts_of(connection, path)


def copy_store(path: Path, to: Path, on_progress: Progress) -> None:
    """A copy of a store that no server has open, an older one too; `to` must be empty or missing."""
    with opened_alone(path) as source, start_errors(to):
        target = open_copy(to)
        try:
            page_bytes = source.pragma("page_size")
            with target.backup("main", source, "main") as backup:
                while not backup.done:
                    backup.step(PAGES_A_STEP)
                    on_progress((backup.page_count - backup.remaining) * page_bytes, backup.page_count * page_bytes)
        finally:
            target.close()
        sync(to)


def room_to_compact(path: Path) -> tuple[int, int]:
    """(bytes that `compact` needs beside the file, bytes that are free there)."""
    return int(path.stat().st_size * COMPACT_ROOM), shutil.disk_usage(path.parent).free


def compact(path: Path) -> None:
    """Write a store anew, so that nothing of removed rows is left in it and space can be given back from then on."""
    beside = beside_of(path)
    with locked(path), start_errors(path):
        try:
            with open_private(beside):
                pass
            connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
            try:
                connection.pragma("auto_vacuum", "incremental")
                connection.execute("VACUUM INTO ?", (str(beside),))
            finally:
                connection.close()  # which empties its WAL into the file and removes it
            sync(beside)
            put_in_place(beside, path)
        finally:
            beside.unlink(missing_ok=True)


def put_in_place(copy: Path, path: Path) -> None:
    """Make a copy that is on the disk, in the same directory, the store at `path`. The caller holds its lock."""
    _forget_log(path)
    move_into_place(copy, path)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """No server opens the store within the block. Raises StoreLocked."""
    with start_errors(path):
        lock = FileLock.take(path)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def opened_alone(path: Path) -> Iterator[apsw.Connection]:
    """A connection to a store that no server has open. Raises StoreLocked, and DataDirectoryUnusable for none."""
    if not path.is_file():
        raise DataDirectoryUnusable(f"There is no database {path}. Check --data (or --store).")
    with locked(path), start_errors(path):
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            yield connection
        finally:
            connection.close()


def facts_of(connection: apsw.Connection, path: Path) -> FileFacts:
    """The facts of an open store. Raises StoreCorrupt, StoreNewer."""
    applied = SqliteLedger(connection, path).applied()
    if not applied:
        raise StoreCorrupt(f"{path} is empty: there is nothing of Ringback's in it.")
    missing = missing_of(applied, load_migrations("sqlite"), str(path))
    return FileFacts(
        schema=max(applied),
        missing=[f"{migration.number:04} {migration.name}" for migration in missing],
        sealed_with=read_sealing_keys(connection) if max(applied) >= _KEYS_SINCE else [],
        pending=int(connection.execute("SELECT count(*) FROM delivery").get),
        gives_space_back=connection.pragma("auto_vacuum") == _INCREMENTAL,
        size=connection.pragma("page_count") * connection.pragma("page_size"),
    )


def _forget_log(path: Path) -> None:
    """Remove what belongs to the old file: its log would be played into the new one."""
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
