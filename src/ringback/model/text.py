"""Text that is shown or indexed: what it may be. Never says what it contained: it may be a credential."""

import re
from typing import Final

from ringback.model.limits import INDEXED_TEXT_BYTES_MAX

CONTROL_CHARACTER: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def harmless(text: str, *, lines: bool = False) -> str:
    """`text` without anything that a terminal would act on: `\\x1b` for an escape. With `lines` it keeps its lines."""
    if text.isprintable():
        return text
    if lines:
        return "\n".join(harmless(line.replace("\t", "    ")) for line in text.replace("\r\n", "\n").split("\n"))
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def wrong_with(text: str, *, empty: bool) -> list[str]:
    """What is wrong with it, as messages that go on from its name: at most 256 bytes of UTF-8, no control characters,
    not empty unless `empty`."""
    found = []
    if not text and not empty:
        found.append("must not be empty")
    if len(text.encode("utf-8", "surrogatepass")) > INDEXED_TEXT_BYTES_MAX:
        found.append(f"must be at most {INDEXED_TEXT_BYTES_MAX} bytes long")
    if CONTROL_CHARACTER.search(text):
        found.append("must not contain control characters")
    return found
