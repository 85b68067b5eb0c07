"""Files of lines that are read twice: once to see that all is well, then to act. A broken line is named by its number.

Nothing is held but a line at a time, however long the file. What can be read only once, as a pipe, is copied to a
temporary file first.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from ringback.cli.given import STANDARD_INPUT
from ringback.model.errors import BadSetting

IN_MEMORY_BYTES_MAX: Final = 16 * 1024 * 1024


class BrokenLine(BadSetting):
    """A line of a file that was given can't be used; nothing of the file was sent. `number` is from 1."""

    code = "broken_line"

    def __init__(self, number: int, message: str) -> None:
        super().__init__(f"line {number}: {message.removesuffix('.')}. Nothing was sent.")
        self.number = number


@contextmanager
def rereadable(path: str) -> Iterator[BinaryIO]:
    """The file at `path`, or standard input for `-`, as one that can be read again. Raises BadSetting."""
    if path == STANDARD_INPUT:
        with _copied(sys.stdin.buffer) as copy:
            yield copy
        return
    try:
        file = Path(path).open("rb")  # noqa: SIM115 - below
    except OSError as error:
        raise BadSetting(f"file: {path} can't be read: {error.strerror}.") from None
    with file:
        if file.seekable():
            yield file
            return
        with _copied(file) as copy:
            yield copy


@contextmanager
def _copied(source: BinaryIO) -> Iterator[BinaryIO]:
    with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES_MAX) as copy:
        shutil.copyfileobj(source, copy)
        copy.seek(0)
        yield copy  # type: ignore[misc]
