"""What is put on a terminal: texts made harmless, times, tables that fit, pages of facts.

Much of what the commands show was written by others (a caller's event, a receiver's answer), and a terminal obeys
control characters. So every text goes through `harmless`, and JSON through `harmless_json`, before it is printed.
Colours and widths are for terminals alone: in a pipe a row is one line however long it is, and `NO_COLOR` is kept to.
Times are in UTC, as everywhere in Ringback.
"""

import json
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import typer
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from ringback.model.text import harmless

FLEXIBLE_WIDTH_MIN: Final = 10
_GAP: Final = 2
_INDENT: Final = "  "


def harmless_json(content: bytes | str) -> str:
    """JSON text that says the same without characters that a terminal would act on."""
    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
    if text.isprintable():
        return text
    # In JSON such a character is white space, or stands within a string, where its number says the same.
    return "".join(char if char.isprintable() or char in "\n\r\t" else json.dumps(char)[1:-1] for char in text)


def print_json(content: bytes | str) -> None:
    """One JSON document on one line of its own."""
    typer.echo(harmless_json(content))


def indented(content: bytes) -> str | None:
    """JSON on several lines, its numbers and texts as they were written; None when it isn't JSON."""
    try:
        return msgspec.json.format(content, indent=2).decode("utf-8")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def moment(text: str | None) -> str:
    """`2026-11-21 12:00:01` of a time of the API, or `-`."""
    return f"{text[:10]} {text[11:19]}" if text else "-"


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 try`, `2 tries`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def span(ms: float) -> str:
    """`12 ms`, `1.5 s`, `4 min`, `3 h`, `2 days`: how long something took or is away."""
    if ms < 1_000:
        return f"{ms:.0f} ms" if ms >= 10 else f"{ms:.1f} ms"
    for least_s, unit_s, unit in ((172_800, 86_400, "days"), (7_200, 3_600, "h"), (120, 60, "min")):
        if ms >= least_s * 1_000:
            return f"{ms / 1_000 / unit_s:.0f} {unit}"
    return f"{ms / 1_000:.1f} s" if ms < 10_000 else f"{ms / 1_000:.0f} s"


def terminal() -> Console:
    """Standard output: coloured and as wide as it is if it is a terminal; in a pipe nothing is ever cut."""
    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = sys.maxsize
    return console


class Column(NamedTuple):
    """One column of a table: its head and what an item has there.

    A `flexible` one is cut where there is not room for all of it, an `extra` one is left out then.
    """

    head: str
    cell: Callable[[dict[str, Any]], str | Text]
    flexible: bool = False
    extra: bool = False
    right: bool = False


def print_table(console: Console, columns: Sequence[Column], items: Iterable[dict[str, Any]], *, head: bool) -> None:
    """A line an item, as wide as the terminal at most, unless what must not be cut is wider."""
    rows = [[_cell(column.cell(item)) for column in columns] for item in items]
    widths = [max([cell_len(column.head), *(row[i].cell_len for row in rows)]) for i, column in enumerate(columns)]
    kept = _kept(columns, widths, console.width)
    widths = _fitted([columns[i] for i in kept], [widths[i] for i in kept], console.width)
    heads = [[Text(column.head, "dim") for column in columns]] if head else []
    for row in [*heads, *rows]:
        line = Text(" " * _GAP).join(_placed(columns[i], row[i], width) for i, width in zip(kept, widths, strict=True))
        line.rstrip()
        console.print(line, soft_wrap=True)


def print_facts(console: Console, facts: Iterable[tuple[str, str | Text | None]], *, indent: int = 0) -> None:
    """Lines of a name and its value, which is never cut; a value that is None is left out."""
    shown = [(name, _cell(value)) for name, value in facts if value is not None]
    width = max((cell_len(name) for name, _ in shown), default=0)
    for name, value in shown:
        line = Text.assemble(" " * indent, (name.ljust(width), "dim"), _INDENT, value)
        console.print(line, soft_wrap=True)


def print_block(console: Console, text: str, *, indent: int = 2) -> None:
    """Text of others, on lines of its own and indented."""
    for line in harmless(text, lines=True).split("\n"):
        console.print(Text(" " * indent + line), soft_wrap=True)


def print_prose(console: Console, text: str, style: str = "", *, indent: int = 0) -> None:
    """Sentences, wrapped between words at the terminal's width."""
    for line in wrapped(console, text, indent):
        console.print(Text(" " * indent + line, style), soft_wrap=True)


def wrapped(console: Console, text: str, indent: int) -> list[str]:
    """The lines of sentences that are to stand `indent` from the left."""
    room = max(console.width - indent, FLEXIBLE_WIDTH_MIN)
    return textwrap.wrap(harmless(text), room, break_long_words=False, break_on_hyphens=False) or [""]


def _cell(value: str | Text) -> Text:
    return value if isinstance(value, Text) else Text(harmless(value))


def _placed(column: Column, cell: Text, width: int) -> Text:
    cell.truncate(width, overflow="ellipsis")
    cell.align("right" if column.right else "left", width)
    return cell


def _kept(columns: Sequence[Column], widths: Sequence[int], width: int) -> list[int]:
    """The numbers of the columns that there is room for; those that aren't extra always."""
    kept = {i for i, column in enumerate(columns) if not column.extra}
    for i, column in enumerate(columns):
        wanted = kept | {i}
        # An extra column comes only where nothing has to be cut for it.
        if column.extra and sum(widths[k] + _GAP for k in wanted) - _GAP <= width:
            kept = wanted
    return sorted(kept)


def _fitted(columns: Sequence[Column], widths: Sequence[int], width: int) -> list[int]:
    """The widths with the flexible ones, the widest first, made as narrow as the whole needs."""
    fitted = list(widths)
    over = sum(fitted) + _GAP * (len(fitted) - 1) - width
    while over > 0:
        flexible = [i for i, c in enumerate(columns) if c.flexible and fitted[i] > FLEXIBLE_WIDTH_MIN]
        if not flexible:
            break
        fitted[max(flexible, key=lambda i: fitted[i])] -= 1
        over -= 1
    return fitted
