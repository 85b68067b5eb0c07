"""Profiles in files: those that an operator keeps in `profiles/` of the data directory, and any other.

They are read once, when the process starts. A file that can't be used stops the start, with what is wrong and where:
an operator who wrote it wants to know now, not when an endpoint waits for it. Fails with `ProfileFileUnusable`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ringback.model.errors import ProfileFileUnusable
from ringback.model.limits import PROFILE_BYTES_MAX, PROFILE_LINE_CHARS_MAX, PROFILES_MAX
from ringback.wire.contract import Contract
from ringback.wire.profile import ProfileError, check_profile, profile_names

FOLDER: Final = "profiles"
_SUFFIX: Final = ".toml"


def read_profiles(data: Path) -> Sequence[Contract]:
    """The contracts of all `*.toml` in `profiles/` of the data directory, by name. Raises ProfileFileUnusable."""
    folder = data / FOLDER
    try:
        paths = sorted(path for path in folder.iterdir() if _is_profile(path)) if folder.exists() else []
    except OSError as error:
        raise ProfileFileUnusable(f"The profiles in {folder} can't be read ({error.strerror}).") from None
    if len(paths) > PROFILES_MAX:
        raise ProfileFileUnusable(f"There are {len(paths)} profiles in {folder}, and at most {PROFILES_MAX} are read.")
    contracts = [read_profile(path) for path in paths]
    for contract in contracts:
        if contract.name in profile_names():
            raise ProfileFileUnusable(
                f"{folder / contract.name}{_SUFFIX} has the name of a profile that comes with Ringback: give it "
                "another."
            )
    return contracts


def read_profile(path: Path) -> Contract:
    """The contract of one file. Raises ProfileFileUnusable, which names the file, the key and the line."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ProfileFileUnusable(f"The profile {path} can't be read ({error.strerror}).") from None
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise ProfileFileUnusable(f"The profile {path} is not UTF-8.") from None
    if too_long := what_is_too_long(text):
        raise ProfileFileUnusable(f"The profile {path} {too_long}.")
    try:
        return check_profile(text, path.stem)
    except ProfileError as error:
        line = line_of(error)
        place = "" if line is None else f", line {line}"
        detail = f"The profile {path}{place}: {error.key} {error.message}."
        raise ProfileFileUnusable(detail, error.key, line) from None


def _is_profile(path: Path) -> bool:
    """Editors leave hidden files beside those that they write."""
    return path.suffix == _SUFFIX and not path.name.startswith(".")


def what_is_too_long(text: str) -> str | None:
    """What is to be said of a text that is too long to be looked into; None: nothing is."""
    if len(text.encode()) > PROFILE_BYTES_MAX:
        return f"must be at most {PROFILE_BYTES_MAX:,} bytes long"
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > PROFILE_LINE_CHARS_MAX:
            return f"must have lines of at most {PROFILE_LINE_CHARS_MAX:,} characters, which line {number} has not"
    return None


def line_of(error: ProfileError) -> int | None:
    """Where in the text it is, from 1; None where that isn't known."""
    line = getattr(error, "line", None)
    return line if isinstance(line, int) else None
