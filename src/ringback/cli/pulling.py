"""Pulling events page by page, and the file that keeps where to go on."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from ringback.cli.lists import page_at, tenant_path
from ringback.client.client import Client
from ringback.files import written_whole
from ringback.model.errors import BadSetting
from ringback.model.limits import PAGE_ITEMS_MAX

WAIT_S: Final = 20
PAUSE_S: Final = 0.5
"""After an answer without anything new, which may have come at once: then the server stops, or too many wait."""


def pages(
    client: Client, tenant: str, query: Mapping[str, str | None], cursor: str | None, *, follow: bool
) -> Iterator[tuple[Sequence[bytes], str]]:
    """The events of each page, as the API wrote them, and the cursor behind it; ends where there are no more, unless it
    is to follow them."""
    asked = {name: value for name, value in query.items() if value is not None}
    asked |= {"order": "asc", "limit": str(PAGE_ITEMS_MAX)} | ({"wait_s": str(WAIT_S)} if follow else {})
    pause = threading.Event()
    while True:
        place = {} if cursor is None else {"cursor": cursor}
        page = page_at(client, f"{tenant_path(tenant, 'events')}?{urlencode(asked | place)}")
        if page.next_cursor is not None:
            cursor = page.next_cursor
            yield [bytes(item) for item in page.items], cursor
        elif not follow:
            return
        else:
            pause.wait(PAUSE_S)


def read_cursor(path: Path) -> str | None:
    """What the file has; None: it isn't there yet. Raises BadSetting."""
    try:
        return path.read_text(encoding="ascii").strip() or None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        raise BadSetting(f"cursor-file: {path} can't be read, or is not what was written there.") from None


def write_cursor(path: Path, cursor: str) -> None:
    """Keep it, whole or not at all. Raises BadSetting."""
    try:
        with written_whole(path) as file:
            file.write(f"{cursor}\n".encode("ascii"))
    except OSError as error:
        raise BadSetting(f"cursor-file: {path} can't be written: {error.strerror}.") from None
