"""The keys that a server would start with: the admin key, and the master keys that the database needs.

Asks with the very code that a start reads them with, so that it refuses what a start would refuse, in its words. Only
reads, and never shows a key.
"""

import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from ringback.admin_key import read_admin_key
from ringback.doctor.finding import Finding, ok, refused, warning
from ringback.model.errors import StartError
from ringback.model.master_key import KEY_FILE
from ringback.settings import Settings
from ringback.vault.ring import read_keys

_FOR_OTHERS: Final = 0o077
_MADE_LATER: Final = "the first start makes one"
_IN_THE_DATABASE: Final = "those in the database hold; where there is none, a start makes one"


def examine_admin_key(settings: Settings) -> Iterator[Finding]:
    """Whether there is a key that holds, and whether only its owner can read it."""
    name, path = "admin key", settings.admin_key_path.absolute()
    if settings.key_directory is None:
        held = "RINGBACK_ADMIN_KEY is set, and holds in this process" if settings.admin_key else _IN_THE_DATABASE
        yield ok(name, held)
        return
    if settings.admin_key is None and path.exists():
        try:
            read_admin_key(path)
        except StartError as error:
            yield refused(name, error)
            return
    mode = _mode(path)
    if mode is not None and mode & _FOR_OTHERS:
        yield warning(name, f"{path} can be read by other users (mode {mode:o})", f"chmod 600 {path}")
    elif settings.admin_key is not None:
        yield ok(name, "RINGBACK_ADMIN_KEY is set, and holds")
    else:
        yield ok(name, _MADE_LATER if mode is None else f"{path}, mode {mode:o}")


def examine_master_key(settings: Settings, needed: Sequence[str]) -> Iterator[Finding]:
    """Whether the master keys can be read, and open what is sealed with the `needed` ones."""
    name, path = "master key", settings.data.absolute() / KEY_FILE
    try:
        keys = read_keys(settings.master_key, settings.key_directory and path.parent, needed)
    except StartError as error:
        yield refused(name, error)
        return
    if not keys:
        yield ok(name, _MADE_LATER)
        return
    opens = ", and opens what is sealed" if needed else ""
    held = "RINGBACK_MASTER_KEY is set" if settings.master_key is not None else f"{path}, mode {_mode(path) or 0:o}"
    yield ok(name, held + opens)


def _mode(path: Path) -> int | None:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None
