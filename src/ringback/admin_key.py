"""The file with the admin key that a server's first start made, as the start and the doctor read it.

Only reads. Fails with DataDirectoryUnusable, which says what to do.
"""

from pathlib import Path
from typing import Final

from ringback.model.errors import DataDirectoryUnusable

ADMIN_KEY_CHARS_MIN: Final = 20


def read_admin_key(path: Path) -> str:
    """The admin key that an earlier start made and kept in `path`. Raises DataDirectoryUnusable."""
    try:
        key = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise DataDirectoryUnusable(
            f"The admin key {path} can't be read ({error.strerror}). Give this user read access to it."
        ) from None
    except UnicodeDecodeError:
        key = ""
    if len(key) < ADMIN_KEY_CHARS_MIN:
        raise DataDirectoryUnusable(f"{path} has no admin key in it. Delete the file to have a new one made.")
    return key
