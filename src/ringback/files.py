"""Files that are there whole or not at all, and for their owner alone: keys, and copies of the database.

A file is written beside its place under another name, flushed to the disk, and moved into its place; a crash leaves
the old file or the new one, and at most a leftover that the next writing takes away. Fails with OSError.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

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
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
