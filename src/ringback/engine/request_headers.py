"""The last check on header lines before libcurl writes them to the wire, and how to write them so that libcurl obeys.

libcurl sends what it is given: a line break in a value injects headers. It also adds headers of its own, drops those
with an empty value, and takes a name without value for an order to leave a header out. So every line is checked to be
`Name: value` with a token and visible ASCII, and what libcurl would add is ordered away. Host and Content-Length are
libcurl's to write; whoever asks for them, or for anything else that changes how the request is framed, is refused.
"""

import re
from typing import Final

# Names, in lower case, that a caller must not set.
FRAMING_HEADERS: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "expect", "te", "trailer", "keep-alive"}
)
_FRAMING_PREFIX: Final = "proxy-"

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}")
# libcurl adds these unless the caller gives them; a name with a bare colon says not to. By which of the two are given.
_GIVEN: Final = {"accept": 1, "content-type": 2}
_NOT_TO_ADD: Final = (
    ("Expect:", "Accept:", "Content-Type:"),
    ("Expect:", "Content-Type:"),
    ("Expect:", "Accept:"),
    ("Expect:",),
)
_NAMES_KNOWN_MAX: Final = 4_096


class BadRequestHeader(ValueError):
    """A header line that must not reach the wire. The message doesn't repeat the value, which may be a secret."""


class HeaderLines:
    """Checks header lines; remembers names it has seen, since requests repeat them."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def checked(self, headers: list[str]) -> list[str]:
        """The lines for libcurl's HTTPHEADER. Raises BadRequestHeader."""
        joined = "".join(headers)
        if not (joined.isascii() and joined.isprintable()):
            raise BadRequestHeader("A header contains a line break, a control character or something outside ASCII.")
        known = self._known
        given = 0
        some_empty = False
        for line in headers:
            name, _, value = line.partition(":")
            flag = known.get(name)
            given |= self._learn(name) if flag is None else flag
            if not value or value.isspace():
                some_empty = True
        return [*(_without_values(headers) if some_empty else headers), *_NOT_TO_ADD[given]]

    def _learn(self, name: str) -> int:
        if not _TOKEN.fullmatch(name):
            raise BadRequestHeader(f"{name[:64]!r} is not a header name.")
        lower = name.lower()
        if lower in FRAMING_HEADERS or lower.startswith(_FRAMING_PREFIX):
            raise BadRequestHeader(f"The header {name} is not the caller's to set.")
        if len(self._known) >= _NAMES_KNOWN_MAX:
            self._known.clear()
        self._known[name] = flag = _GIVEN.get(lower, 0)
        return flag


def _without_values(headers: list[str]) -> list[str]:
    """The same lines with those that have no value in libcurl's spelling, a name and a semicolon."""
    lines = []
    for line in headers:
        name, colon, value = line.partition(":")
        if not colon:
            raise BadRequestHeader(f"The header {name[:64]!r} has no colon.")
        lines.append(line if value.strip() else f"{name};")
    return lines
