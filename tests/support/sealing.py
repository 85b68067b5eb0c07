"""Master keys for tests, stores that seal with them, and what can be read of a file by anybody."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from ringback.clock import SystemClock
from ringback.model.master_key import MasterKey, master_key
from ringback.store.sqlite import SqliteStore
from ringback.vault.sealing import Vault

OLD_KEY: Final = master_key(b"o" * 32)
NEW_KEY: Final = master_key(b"n" * 32)
SEALER: Final = Vault([OLD_KEY], SystemClock().token_bytes)


def open_sealed(path: Path, *keys: MasterKey, migrate: bool = False) -> SqliteStore:
    """The store at `path`; the first of the keys seals, `OLD_KEY` without any."""
    vault = Vault(keys or [OLD_KEY], SystemClock().token_bytes)
    return SqliteStore.open(path, migrate=migrate, sealer_for=lambda needed: vault)


def reseal_all(store: SqliteStore, step: int = 500) -> int:
    """Every step until nothing is left; how many values were sealed."""
    total = 0
    while done := store.reseal_step(step):
        assert done <= step
        total += done
    return total


def found_in(folder: Path, needles: Sequence[str]) -> list[tuple[str, str]]:
    """Which of the texts stand in which file of a folder, as bytes."""
    files: Iterable[Path] = (path for path in folder.rglob("*") if path.is_file())
    return [(path.name, text) for path in files for text in needles if text.encode() in path.read_bytes()]
