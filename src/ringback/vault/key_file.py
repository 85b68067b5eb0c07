"""The file with the master keys that the server made itself: one key a line, the first one seals.

It is replaced as a whole, on the disk before the call returns, so that nothing is ever sealed with a key that a crash
could lose. Only its owner may read it; a file that others can read is refused, since what they may have copied can't be
called back by changing the mode. Fails with MasterKeyUnusable when it is read, and with OSError when it is written.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from ringback.files import beside_of, written_whole
from ringback.model.errors import MasterKeyUnusable
from ringback.model.master_key import MasterKey, parse_master_keys, written

_FOR_OTHERS: Final = 0o077


class KeyFile:
    """Master keys at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[MasterKey, ...]:
        """The keys; none when there is no file. Raises MasterKeyUnusable."""
        try:
            mode = self.path.stat().st_mode
            text = self.path.read_text(encoding="ascii")
        except FileNotFoundError:
            return ()
        except (OSError, UnicodeDecodeError) as error:
            raise MasterKeyUnusable(
                f"The master key {self.path} can't be read ({getattr(error, 'strerror', None) or 'it is no text'}). "
                "Give this user read access to it, or put the right file there."
            ) from None
        if mode & _FOR_OTHERS:
            raise MasterKeyUnusable(
                f"The master key {self.path} can be read by others. Run `chmod 600 {self.path}`, and rotate it with "
                "`ringback keys rotate-master` if somebody may have read it."
            )
        try:
            return parse_master_keys(text)
        except ValueError as error:
            raise MasterKeyUnusable(
                f"The master key {self.path} is damaged: each line {error}. Put a copy of the file in its place: "
                "without it the secrets in the database can't be read."
            ) from None

    def tidy(self) -> None:
        """Take away what a crash left of a writing. For whoever holds the store's lock."""
        with suppress(OSError):
            beside_of(self.path).unlink(missing_ok=True)

    def write(self, keys: Sequence[MasterKey]) -> None:
        """Replace what the file holds; durable when this returns. Raises OSError."""
        with written_whole(self.path) as file:
            file.write(written(keys).encode("ascii"))
