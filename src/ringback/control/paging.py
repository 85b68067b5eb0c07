"""Pages of a list, and cursors: where the next page begins, as opaque text.

A cursor is the key of the last item shown, with the name of the list it belongs to, in base64url. It holds no state
of ours, so it never expires: a consumer may keep it for as long as it likes. A text that is no cursor, or one of
another list, is refused with `Invalid` on the field `cursor`.
"""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from ringback.model.errors import FieldError, Invalid
from ringback.model.limits import INDEXED_TEXT_BYTES_MAX, PAGE_ITEMS_MAX

Item = TypeVar("Item")

_KEY: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")
READ_AT_ONCE: Final = 16
PAGE_BYTES_MAX: Final = 4 * 1024 * 1024
"""A page of things that may be large ends early when they pass this, so that a list never fills the memory."""

_CURSOR_CHARS_MAX: Final = 512


class Page(NamedTuple, Generic[Item]):
    """Some items of a list, and the cursor of the next page (None: this was the last one)."""

    items: Sequence[Item]
    next_cursor: str | None


class PageRequest(NamedTuple):
    """How many items at most, and where to go on (None: at the beginning)."""

    limit: int
    cursor: str | None = None


def encode_cursor(of: str, key: str) -> str:
    """The cursor of the item `key` in the list named `of`."""
    return base64.urlsafe_b64encode(f"{of}:{key}".encode("ascii")).decode("ascii").rstrip("=")


def decode_cursor(of: str, cursor: str | None) -> str | None:
    """The key in a cursor of the list named `of`; None stays None. Raises Invalid."""
    key = decode_text_cursor(of, cursor)
    if key is not None and _KEY.fullmatch(key) is None:
        raise _bad_cursor()
    return key


def encode_text_cursor(of: str, key: str) -> str:
    """The same for a key of any characters, such as callers' own ids have."""
    return base64.urlsafe_b64encode(f"{of}:{key}".encode()).decode("ascii").rstrip("=")


def decode_text_cursor(of: str, cursor: str | None) -> str | None:
    """The key in such a cursor, up to 256 bytes without NUL; None stays None. Raises Invalid."""
    if cursor is None:
        return None
    if len(cursor) > _CURSOR_CHARS_MAX:
        raise _bad_cursor()
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        name, _, key = base64.b64decode(padded, altchars=b"-_", validate=True).decode("utf-8").partition(":")
    except (ValueError, binascii.Error):
        raise _bad_cursor() from None
    if name != of or not key or "\0" in key or len(key.encode()) > INDEXED_TEXT_BYTES_MAX:
        raise _bad_cursor()
    return key


def decode_number_cursor(of: str, cursor: str | None) -> int | None:
    """The same for lists whose keys are numbers, up to 2^63 - 1."""
    key = decode_cursor(of, cursor)
    if key is None:
        return None
    if not key.isdecimal() or len(key) > 19 or int(key) >= 1 << 63:
        raise _bad_cursor()
    return int(key)


def page_of(of: str, rows: Sequence[Item], limit: int, key: Callable[[Item], str]) -> Page[Item]:
    """A page of `rows`, which were asked for with one more than `limit` to see whether there is a next page."""
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(shown, encode_cursor(of, key(shown[-1])) if more else None)


def read_bounded(
    read: Callable[[Item | None, int], Sequence[Item]], limit: int, bytes_of: Callable[[Item], int]
) -> tuple[list[Item], bool]:
    """Up to `limit` items, or fewer when they are large; and whether there are more.

    `read` gives so many items after the one given (None: from the page's beginning on).
    """
    items: list[Item] = []
    size = 0
    while True:
        step = min(READ_AT_ONCE, limit + 1 - len(items))
        found = read(items[-1] if items else None, step)
        for item in found:
            if len(items) == limit or (items and size + bytes_of(item) > PAGE_BYTES_MAX):
                return items, True
            items.append(item)
            size += bytes_of(item)
        if len(found) < step:
            return items, False


def checked_limit(limit: int) -> int:
    """`limit` itself. Raises Invalid unless it is within 1 and PAGE_ITEMS_MAX."""
    if not 1 <= limit <= PAGE_ITEMS_MAX:
        message = f"must be from 1 to {PAGE_ITEMS_MAX}"
        raise Invalid(f"limit {message}.", [FieldError("limit", message)])
    return limit


def _bad_cursor() -> Invalid:
    message = "is not a cursor of this list; send next_cursor of an earlier page as it was"
    return Invalid(f"The cursor {message}.", [FieldError("cursor", message)])
