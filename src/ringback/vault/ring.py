"""The master keys of one process: where they come from, which one seals, and how it is changed while serving.

They come from RINGBACK_MASTER_KEY, and then are the operator's to change, or from a file in the data directory, which
the first start makes and a rotation rewrites. A store that has something sealed with a key that is not here is refused
before anything is done with it. A key that was dropped from the file still opens in this process, since a value sealed
with it may be on its way from the store just now.
"""

import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Literal

from ringback.model.errors import MasterKeyMissing, MasterKeyRequired, MasterKeyUnusable, Unavailable
from ringback.model.master_key import KEY_FILE, MASTER_KEY_BYTES, MasterKey, master_key, parse_master_keys
from ringback.vault.key_file import KeyFile
from ringback.vault.sealing import Vault

Source = Literal["file", "variable"]
TokenBytes = Callable[[int], bytes]


class KeyRing:
    """Keys that are known (at least one), and the vault that uses them. `file` None: they are from the variable."""

    def __init__(self, keys: Sequence[MasterKey], file: KeyFile | None, token_bytes: TokenBytes) -> None:
        self._keys = tuple(keys)
        self._file = file
        self._token_bytes = token_bytes
        self._changing = threading.Lock()
        self.vault = Vault(self._keys, token_bytes)

    @property
    def key_id(self) -> str:
        """The id of the key that seals."""
        return self._keys[0].id

    @property
    def others(self) -> list[str]:
        """The ids of the other keys that are kept."""
        return [key.id for key in self._keys[1:]]

    @property
    def source(self) -> Source:
        return "variable" if self._file is None else "file"

    def renew(self) -> bool:
        """Seal with a new key from now on; it is in the file before it is used. False, and nothing is changed, where
        the keys are the operator's, or while an older one is still kept. Raises Unavailable."""
        with self._changing:
            if self._file is None or len(self._keys) > 1:
                return False
            self._keep((master_key(self._token_bytes(MASTER_KEY_BYTES)), *self._keys))
            self.vault.seal_with(self._keys)
            return True

    def drop(self, key_ids: Collection[str]) -> bool:
        """Take these out of the file, never the one that seals; whether there was anything to take out. Raises
        Unavailable."""
        with self._changing:
            kept = (self._keys[0], *(key for key in self._keys[1:] if key.id not in key_ids))
            if self._file is None or len(kept) == len(self._keys):
                return False
            self._keep(kept)
            return True

    def _keep(self, keys: tuple[MasterKey, ...]) -> None:
        assert self._file is not None  # noqa: S101 - both callers looked
        try:
            self._file.write(keys)
        except OSError as error:
            raise Unavailable(
                f"The master key {self._file.path} can't be written ({error.strerror}). Nothing was changed.",
                code="master_key_not_written",
            ) from error
        self._keys = keys


def open_ring(text: str | None, directory: Path | None, needed: Sequence[str], token_bytes: TokenBytes) -> KeyRing:
    """The keys for a store that has something sealed with the `needed` ones.

    `text` is RINGBACK_MASTER_KEY; None: the file in `directory` is read, and made if it is not there and nothing is
    sealed yet. `directory` None: the store is shared between machines, and no file counts. For whoever holds the
    store's lock. Raises MasterKeyUnusable, MasterKeyMissing and MasterKeyRequired.
    """
    keys = read_keys(text, directory, needed)
    if directory is None:
        return KeyRing(keys, None, token_bytes)
    file = KeyFile(directory / KEY_FILE)
    file.tidy()
    if not keys:
        keys = (master_key(token_bytes(MASTER_KEY_BYTES)),)
        try:
            file.write(keys)
        except OSError as error:
            raise MasterKeyUnusable(
                f"The master key {file.path} can't be written ({error.strerror}). Give this user write access to "
                f"{directory}, or set RINGBACK_MASTER_KEY."
            ) from None
    return KeyRing(keys, None if text is not None else file, token_bytes)


def read_keys(text: str | None, directory: Path | None, needed: Sequence[str]) -> tuple[MasterKey, ...]:
    """The keys that `open_ring` would find; none where it would make one. Changes nothing. Raises as it does."""
    file = None if directory is None else KeyFile(directory / KEY_FILE)
    if text is not None:
        keys = parse_master_keys(text)
    elif file is not None:
        keys = file.read()
    else:
        raise MasterKeyRequired(
            "With PostgreSQL, RINGBACK_MASTER_KEY has to be set: a file would be the key of one machine alone. Give "
            "all processes the same, base64 of 32 bytes; `openssl rand -base64 32` makes one. Keep it apart from the "
            "database."
        )
    missing = sorted(set(needed) - {key.id for key in keys})
    if missing:
        raise MasterKeyMissing(_missing(missing, file, from_variable=text is not None))
    return keys


def _missing(key_ids: Sequence[str], file: KeyFile | None, *, from_variable: bool) -> str:
    named = f"the master key {key_ids[0]}" if len(key_ids) == 1 else f"the master keys {', '.join(key_ids)}"
    sealed = f"The database has secrets sealed with {named}"
    if file is not None and not from_variable:
        return (
            f"{sealed}, and {file.path} does not have it. Nothing was changed. Put back the {KEY_FILE} that belongs "
            "to this database, or add the key to it as a line of its own."
        )
    told = f"{sealed}, which RINGBACK_MASTER_KEY does not have. Nothing was changed. Add it behind a comma"
    if file is not None and set(key_ids) <= _ids_in(file):
        return f"{told}: it is in {file.path}."
    return f"{told}, or put back the variable's former value."


def _ids_in(file: KeyFile) -> set[str]:
    try:
        return {key.id for key in file.read()}
    except MasterKeyUnusable:
        return set()
