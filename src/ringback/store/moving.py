"""Moving a whole store into another one: which parts there are, in which order, in which steps, and how it is compared.

A part is copied in steps of a few MiB by key. Each step is one transaction of the target, which notes in it where to
go on: so a move that ended anywhere goes on there. At the end both sides are read again from the beginning, and each
part has to have the same rows on both, told by their number and a checksum that doesn't depend on their order. Assumes
that nobody else writes either side. Knows no database: those are behind `Source` and `Target`. What differs raises
StoreMoveDiffers; the rest fails with what the two sides raise.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from hashlib import blake2b
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from ringback.model.errors import StoreMoveDiffers

STEP_BYTES_MAX: Final = 4 * 1024 * 1024
STEP_ROWS_MAX: Final = 5_000
INSTEAD_OF_NUL: Final = "\ufffd"
"""Stands where a text had a NUL, which PostgreSQL can't hold: part of what a receiver's machine said, at most."""
_CHECKSUM_BYTES: Final = 16

Key = tuple[Any, ...]
Row = Sequence[Any]
OnProgress = Callable[[str, int, int], None]
"""A part's name, how many of its rows are done, and how many it has."""


class Part(NamedTuple):
    """Rows of one table of the target. `first` sorts before every key of the source; `only` is the condition that tells
    these rows from others of the same table; `day_of` the column with the time that decides on a row's partition."""

    name: str
    table: str
    first: Key
    only: str = "true"
    day_of: str | None = None


PARTS: Final = (
    Part("tenant", "tenant", ("",)),
    Part("api_key", "api_key", ("",)),
    Part("profile", "profile", ("",)),
    Part("event_type", "event_type", ("",)),
    Part("event_type_version", "event_type_version", ("", 0)),
    Part("record_type", "record_type", ("",)),
    Part("record_trigger", "record_trigger", ("",)),
    Part("endpoint", "endpoint", ("",)),
    Part("secret", "secret", ("",)),
    Part("change", "change", (0,)),
    Part("event", "event", (0,), day_of="accepted_at"),
    Part("event_key", "event_key", ("", "", ""), only="kind <> 'number'"),
    Part("event_number", "event_key", ("", 0), only="kind = 'number'"),
    Part("delivery", "delivery", (0,)),
    Part("job", "job", ("",)),
    Part("job_event", "job_event", ("", "", 0)),
    Part("attempt", "attempt", (0,), day_of="at"),
    Part("endpoint_day", "endpoint_day", ("", "", "")),
    Part("lane", "lane", ("",)),
    Part("record", "record", ("", "", "")),
    Part("tracked_set", "tracked_set", ("", "")),
    Part("tracked_member", "tracked_member", ("", "", "")),
    Part("tracked_set_gone", "tracked_set_gone", ("", "")),
    Part("rule_failure", "rule_failure", ("", "")),
    Part("notice", "notice", ("", "")),
    Part("operator", "operator", ("",)),
    Part("audit_entry", "audit_entry", ("",)),
)
"""In the order in which they are moved."""


class Place(NamedTuple):
    """Where a move goes on: in the part of this number, after a key (None: at its beginning). `moved` rows, of all
    parts, are there."""

    part: int = 0
    after: Key | None = None
    moved: int = 0


class Tally(NamedTuple):
    """What a part comes to: the number of its rows, and the sum of their hashes."""

    rows: int
    checksum: str


class Source(Protocol):
    """The store that is moved."""

    counts: Mapping[str, int]
    """How many rows each part has."""

    def columns(self, part: Part) -> Sequence[str]:
        """The names of the target's columns, in the order in which a row has them."""

    def rows(self, part: Part, after: Key) -> Generator[tuple[Key, Row], None, None]:
        """The rows after a key, by key; read as far as wanted, and closed."""


class Target(Protocol):
    """The store that is filled."""

    def types(self, part: Part, columns: Sequence[str]) -> Sequence[str]:
        """What PostgreSQL calls the types of these columns."""

    def write(self, part: Part, columns: Sequence[str], rows: Sequence[Row], place: Place, before: int) -> None:
        """Append rows and note where the move goes on after them, in one transaction; `before` rows were there."""

    def rows(self, part: Part, columns: Sequence[str]) -> Iterator[Row]:
        """All rows of a part, in any order."""


def move(source: Source, target: Target, place: Place, on_progress: OnProgress) -> None:
    """Copy what is beyond `place`."""
    moved = place.moved
    left = place.moved
    for number, part in enumerate(PARTS):
        count = source.counts[part.name]
        done = min(left, count) if number <= place.part else 0
        left -= done
        if number >= place.part:
            columns = source.columns(part)
            after = place.after if number == place.part and place.after is not None else part.first
            for rows, key in _steps(source, part, target.types(part, columns), after):
                target.write(part, columns, rows, Place(number, key, moved + len(rows)), moved)
                moved += len(rows)
                done += len(rows)
                on_progress(part.name, done, count)
        on_progress(part.name, done, count)


def compare(source: Source, target: Target, on_progress: OnProgress) -> dict[str, Tally]:
    """What each part comes to, the same on both sides. Raises StoreMoveDiffers, which names those that aren't."""
    tallies = {}
    differing = []
    for part in PARTS:
        count = source.counts[part.name]
        columns = source.columns(part)
        counting = _Counting(part.name, 2 * count, on_progress)
        steps = _steps(source, part, target.types(part, columns), part.first)
        here = _tally((row for rows, _ in steps for row in rows), counting)
        there = _tally(target.rows(part, columns), counting)
        if here != there:
            differing.append(f"{part.name} ({here.rows} rows, {there.rows} in the database)")
        on_progress(part.name, 2 * count, 2 * count)
        tallies[part.name] = here
    if differing:
        raise StoreMoveDiffers(
            f"What was moved is not what is in the source: {', '.join(differing)}. The source is as it was, and no "
            "server starts on this database. Was a server started on the source meanwhile? Drop the database, make it "
            "anew and move again."
        )
    return tallies


class _Counting:
    """Tells the progress now and then while rows go by."""

    def __init__(self, name: str, total: int, on_progress: OnProgress) -> None:
        self._name = name
        self._total = total
        self._on_progress = on_progress
        self._done = 0

    def one(self) -> None:
        self._done += 1
        if self._done % STEP_ROWS_MAX == 0:
            self._on_progress(self._name, self._done, self._total)


def _steps(source: Source, part: Part, types: Sequence[str], after: Key) -> Iterator[tuple[list[Row], Key]]:
    """The rows after a key as the target has them, in steps; each with the key of its last row."""
    readers = [(place, _READ[kind]) for place, kind in enumerate(types) if kind in _READ]
    while True:
        step: list[Row] = []
        size = 0
        with closing(source.rows(part, after)) as found:
            for key, row in found:
                fitted = _fitted(row, readers)
                step.append(fitted)
                after = key
                size += _size(fitted)
                if size >= STEP_BYTES_MAX or len(step) >= STEP_ROWS_MAX:
                    break
        if not step:
            return
        yield step, after


def _without_nul(text: str) -> str:
    return text.replace("\0", INSTEAD_OF_NUL)


_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "boolean": bool,
    "text": _without_nul,
    "text[]": msgspec.json.Decoder(list[str]).decode,
}
"""How a value is read for a column of this type. The others are the same everywhere."""


def _fitted(row: Row, readers: Sequence[tuple[int, Callable[[Any], Any]]]) -> Row:
    fitted = list(row)
    for place, read in readers:
        if fitted[place] is not None:
            fitted[place] = read(fitted[place])
    return fitted


def _size(row: Row) -> int:
    """About how many bytes a row takes."""
    return sum(len(value) for value in row if isinstance(value, bytes | str))


def _tally(rows: Iterator[Row], counting: _Counting) -> Tally:
    encode = msgspec.msgpack.Encoder().encode
    count = total = 0
    for row in rows:
        count += 1
        total += int.from_bytes(blake2b(encode(tuple(row)), digest_size=_CHECKSUM_BYTES).digest(), "big")
        counting.one()
    return Tally(count, f"{total % (1 << 8 * _CHECKSUM_BYTES):0{2 * _CHECKSUM_BYTES}x}")
