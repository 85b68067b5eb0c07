"""`ringback records import`: changes of records from a file of NDJSON, a thousand at a time.

Every line is looked at before anything is sent, as far as it can be told without the server: that it is a JSON object
with a type and an id. What the server refuses is told by the file's line. A request is done as a whole or not at all;
those before one that failed are done. What is stored already makes no event when it is sent again.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

import msgspec
import typer

from ringback.cli.progress import bar
from ringback.cli.reread import BrokenLine
from ringback.client.client import Client
from ringback.client.errors import ApiError, ClientError, WrongField
from ringback.model.errors import BadSetting
from ringback.model.limits import BATCH_BYTES_MAX, BATCH_EVENTS_MAX

OUTCOMES: Final = ("created", "updated", "deleted", "unchanged", "stale")
REPORT_EVERY: Final = 1_000
_PLACE: Final = re.compile(r"records\[(\d+)\](\.?)")


class _Change(msgspec.Struct):
    """What every line has; the rest is the server's to judge."""

    type: str
    id: str


class Chunk(NamedTuple):
    """The lines of one request, and the number of each in the file."""

    lines: list[bytes]
    numbers: list[int]


_decode_change: Final = msgspec.json.Decoder(_Change).decode


def import_records(client: Client, file: BinaryIO, *, shown: bool) -> Counter[str]:
    """Send all changes of the file; how many came to what. Raises BrokenLine, BadSetting, ApiError, Unreachable."""
    total = _checked(file, shown=shown)
    if total == 0:
        raise BadSetting("file: there is no change in it. Nothing was sent.")
    found: Counter[str] = Counter()
    with bar("Importing", in_bytes=False, shown=shown) as report:
        report(0, total)
        for chunk in _chunks(file):
            try:
                found.update(str(one["result"]) for one in client.write_records(chunk.lines))
            except (ClientError, KeyboardInterrupt) as error:
                _tell_what_is_done(found.total(), chunk)
                if isinstance(error, ApiError):
                    raise _by_line(error, chunk) from None
                raise
            report(found.total(), total)
    return found


def _checked(file: BinaryIO, *, shown: bool) -> int:
    """How many changes there are."""
    size = file.seek(0, 2)
    count = 0
    with bar("Checking", in_bytes=True, shown=shown) as report:
        for count, (number, line) in enumerate(_lines(file), 1):
            _check(number, line)
            if count % REPORT_EVERY == 0:
                report(file.tell(), size)
        report(size, size)
    return count


def _check(number: int, line: bytes) -> None:
    try:
        line.decode()
        _decode_change(line)
    except UnicodeDecodeError:
        raise BrokenLine(number, "is not UTF-8") from None
    except msgspec.ValidationError:
        raise BrokenLine(number, "must be a JSON object with a type and an id, both text") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise BrokenLine(number, f"is not JSON: {error}") from None


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines that aren't blank, from the beginning of the file on, numbered from 1."""
    file.seek(0)
    for number, raw in enumerate(file, 1):
        if line := raw.strip():
            yield number, line


def _chunks(file: BinaryIO) -> Iterator[Chunk]:
    chunk = Chunk([], [])
    size = 0
    for number, line in _lines(file):
        if chunk.lines and (len(chunk.lines) == BATCH_EVENTS_MAX or size + len(line) > BATCH_BYTES_MAX):
            yield chunk
            chunk, size = Chunk([], []), 0
        chunk.lines.append(line)
        chunk.numbers.append(number)
        size += len(line) + 1
    if chunk.lines:
        yield chunk


def _by_line(error: ApiError, chunk: Chunk) -> ApiError:
    """The error, with the places of the request as lines of the file: `line 17: data …` of `records[3].data …`."""

    def named(text: str) -> str:
        return _PLACE.sub(lambda place: f"line {chunk.numbers[int(place[1])]}{':' if place[2] else ''}", text)

    def spaced(text: str) -> str:
        return re.sub(r"(line \d+:)(?=\S)", r"\1 ", named(text))

    errors = [WrongField(spaced(field), message) for field, message in error.errors]
    return ApiError(error.status, error.code, spaced(error.detail), errors, retry_after_s=error.retry_after_s)


def _tell_what_is_done(done: int, chunk: Chunk) -> None:
    before = f"The {done:,} changes before line {chunk.numbers[0]} are stored" if done else "Nothing was stored"
    typer.echo(f"ringback: {before}. What is stored already makes no event when it is sent again.", err=True)
