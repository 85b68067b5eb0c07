"""Where a key of a TOML file stands, for errors: the parser tells it of syntax alone.

Reads a file that is TOML already, line by line: headings, keys at the beginning of a line, and texts of several lines.
A guess where keys are written in unusual ways; never wrong by more than the table, and it never fails.
"""

import re
from typing import Final

_HEADING: Final = re.compile(r"\s*\[(?P<list>\[?)\s*(?P<path>[^\[\]]+?)\s*\]")
_KEY: Final = re.compile(
    r"""\s*(?P<key>(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|[A-Za-z0-9_-]+))*)\s*="""
)
_PART: Final = re.compile(r""""([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+)""")
_LONG: Final = re.compile(r"'''|\"\"\"")


def line_of(text: str, key: str, found: str = "") -> int | None:
    """The line, from 1, of the dotted `key` (`shapes[1].json`), or in its value that of `found`; None: not seen."""
    lines = text.splitlines()
    places = _places(lines)
    while key and key not in places:
        key = key.rpartition(".")[0] if "." in key else ""
    if not key:
        return None
    begin = places[key]
    if found:
        ends = [other for other in places.values() if other > begin]
        for number in range(begin, min(ends, default=len(lines) + 1)):
            if found in lines[number - 1]:
                return number
    return begin


def _places(lines: list[str]) -> dict[str, int]:
    """Dotted key → line, the first of each."""
    places: dict[str, int] = {}
    counts: dict[str, int] = {}
    table, within = "", ""
    for number, line in enumerate(lines, 1):
        if within:
            within = "" if within in line else within
            continue
        if heading := _HEADING.match(line):
            table = _dotted(heading["path"])
            if heading["list"]:
                counts[table] = counts.get(table, -1) + 1
                table = f"{table}[{counts[table]}]"
            places.setdefault(table, number)
        elif key := _KEY.match(line):
            places.setdefault(".".join(filter(None, (table, _dotted(key["key"])))), number)
            marks = _LONG.findall(line)
            within = marks[0] if len(marks) == 1 else ""
    return places


def _dotted(path: str) -> str:
    return ".".join("".join(found) for found in _PART.findall(path))
