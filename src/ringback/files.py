"""Files that are there whole or not at all, and for their owner alone: keys, and copies of the database.

A file is written beside its place under another name, flushed to the disk, and moved into its place; a crash leaves
the old file or the new one, and at most a leftover that the next writing takes away. Fails with OSError, but for the
data directory, which is refused with what to do about it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from ringback.model.errors import DataDirectoryUnusable

PRIVATE: Final = 0o600


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write to; when the block ends well, it is on the disk and takes the place of `path`."""
    beside = beside_of(path)
    try:
        with open_private(beside) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        move_into_place(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def sync(path: Path) -> None:
    """Have what is in a file on the disk when this returns."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def beside_of(path: Path) -> Path:
    """The name under which a file is written before it takes its place."""
    return path.with_name(f".{path.name}.new")


def open_private(path: Path) -> BinaryIO:
    """An empty file that only its owner can read, whatever was there before."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE), "w+b")


def move_into_place(beside: Path, path: Path) -> None:
    """Rename, and make the new name last. What is in the file must be on the disk already."""
    beside.replace(path)
    sync(path.parent)


def make_data_directory(path: Path) -> None:
    """Make it if it is missing, for this user alone. Raises DataDirectoryUnusable."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DataDirectoryUnusable(
            f"The data directory {path} can't be made ({error.strerror}). Choose another: --data DIR."
        ) from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise DataDirectoryUnusable(
            f"The data directory {path} can't be written to. Give this user write access, or choose another: "
            "--data DIR."
        )
