"""Ids in a column of a CSV file (RFC 4180), or one a line: what `ringback tracked-sets upload` takes.

Pure reading: an id is told by its column, and what is wrong by its line (`BrokenLine`). Blank lines are passed over.
"""

import csv
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final, NamedTuple

from ringback.cli.reread import BrokenLine
from ringback.client.calls import json_bytes
from ringback.model.errors import BadSetting
from ringback.model.limits import MANAGEMENT_BODY_BYTES_MAX, TRACKED_IDS_AT_ONCE_MAX
from ringback.model.text import wrong_with

# Of a request's body, less what stands around the ids.
CHUNK_BYTES_MAX: Final = MANAGEMENT_BODY_BYTES_MAX - 1_024


class Column(NamedTuple):
    """Where the ids stand: in the column that the first line calls `name`, or (None) the one at `place`, from 0."""

    name: str | None
    place: int
    delimiter: str = ","


def column_of(text: str | None, delimiter: str) -> Column:
    """The column that somebody named, or numbered from 1; None: the first. Raises BadSetting."""
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n':
        raise BadSetting("delimiter: must be one character, such as , or ;.")
    if text is None:
        return Column(None, 0, delimiter)
    if not (text.isascii() and text.isdecimal()):
        return Column(text, 0, delimiter)
    if not 1 <= int(text[:9]) <= 10_000:
        raise BadSetting("column: columns are counted from 1.")
    return Column(None, int(text) - 1, delimiter)


def ids_in(file: BinaryIO, column: Column) -> Iterator[str]:
    """The ids from the beginning of `file` on, checked. Raises BrokenLine."""
    file.seek(0)
    rows = _rows(file, column.delimiter)
    place = column.place
    if column.name is not None:
        place = _place_of(column.name, next(rows, None))
    for number, row in rows:
        if len(row) <= place:
            raise BrokenLine(number, f"has {len(row)} columns, and the ids are in column {place + 1}")
        for message in wrong_with(row[place], empty=False):
            raise BrokenLine(number, f"the id {message}")
        yield row[place]


def chunks_of(ids: Iterable[str]) -> Iterator[list[str]]:
    """The ids in as many requests as they need."""
    chunk: list[str] = []
    size = 0
    for text in ids:
        length = len(json_bytes(text)) + 1
        if len(chunk) == TRACKED_IDS_AT_ONCE_MAX or size + length > CHUNK_BYTES_MAX:
            yield chunk
            chunk, size = [], 0
        chunk.append(text)
        size += length
    if chunk:
        yield chunk


def _place_of(name: str, head: tuple[int, list[str]] | None) -> int:
    names = [] if head is None else head[1]
    if names.count(name) != 1:
        what = "is there twice" if name in names else "is not there"
        raise BrokenLine(1, f"the column {name!r} {what}; there are: {', '.join(names) or 'none'}")
    return names.index(name)


def _rows(file: BinaryIO, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with the number of the line it begins on."""
    reader = csv.reader(_lines(file), strict=True, delimiter=delimiter)
    while True:
        number = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BrokenLine(number, f"is not CSV: {error}") from None
        if row:
            yield number, row


def _lines(file: BinaryIO) -> Iterator[str]:
    for number, line in enumerate(file, 1):
        try:
            # What spreadsheets write begins with a mark that isn't part of the first name.
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise BrokenLine(number, "is not UTF-8") from None
