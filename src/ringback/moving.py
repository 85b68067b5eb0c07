"""What `ringback migrate-store` does: a stopped SQLite store, all of it, into an empty PostgreSQL database.

A root beside `offline`: it knows both stores and where master keys are. The source is never changed. Secrets go as they
are sealed, so the servers on PostgreSQL need the same master keys: that they are there is seen to before anything is
moved. Whatever interrupts it, run again it goes on where it was. Raises the StartErrors of `model.errors`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from ringback.model.errors import BadSetting, MasterKeyMissing, StoreUnreachable
from ringback.model.master_key import KEY_FILE
from ringback.model.store_url import SQLITE, is_postgresql
from ringback.settings import Settings
from ringback.store.moving import OnProgress, Tally, compare, move
from ringback.store.sqlite.moving import opened_source
from ringback.vault.key_file import KeyFile
from ringback.vault.ring import read_keys

_SHORT_SQLITE: Final = "sqlite:"
_GO_ON: Final = "Run the same command again: it goes on where it was."


class Moved(NamedTuple):
    """What is in the target now, by part. `keys_in` is the file with the master keys that it needs; None: it needs
    none, or RINGBACK_MASTER_KEY has them already. `pending` deliveries wait; `resumed`: an earlier move had begun."""

    tallies: Mapping[str, Tally]
    sealed_with: list[str]
    keys_in: Path | None
    pending: int
    resumed: bool


def path_of(url: str) -> Path:
    """The file of `sqlite:///PATH` or `sqlite:PATH`. Raises BadSetting."""
    for prefix in (SQLITE, _SHORT_SQLITE):
        if url.startswith(prefix) and len(url) > len(prefix) and not url.startswith("//", len(prefix)):
            return Path(url.removeprefix(prefix))
    raise BadSetting(f"from: {url!r} is not of the form sqlite:///PATH (four slashes for an absolute path).")


def move_store(path: Path, to: str, settings: Settings, on_moved: OnProgress, on_compared: OnProgress) -> Moved:
    """Move the SQLite store at `path` into the database at `to`, and compare."""
    if not is_postgresql(to):
        raise BadSetting("to: it is not of the form postgresql://USER@HOST/DATABASE.")
    # Loaded where it is used: everything else that works on files needs no driver.
    from ringback.store.postgres.moving import opened_target  # noqa: PLC0415

    with opened_source(path) as source:
        keys_in = _keys_in(source.facts.sealed_with, settings, path)
        try:
            with opened_target(to, source.mark, str(path)) as target:
                move(source, target, target.place, on_moved)
                tallies = compare(source, target, on_compared)
                target.end(source.highest_seq)
        except StoreUnreachable as error:
            raise StoreUnreachable(f"{error.detail} {_GO_ON}") from error
        return Moved(tallies, source.facts.sealed_with, keys_in, source.facts.pending, target.begun)


def _keys_in(needed: list[str], settings: Settings, path: Path) -> Path | None:
    """The file that has the master keys; None where none are needed or the variable has them. Raises
    MasterKeyMissing."""
    if settings.master_key is not None:
        read_keys(settings.master_key, path.parent, needed)
        return None
    files = dict.fromkeys((path.parent / KEY_FILE, settings.data / KEY_FILE))
    for file in files:
        if needed and set(needed) <= {key.id for key in KeyFile(file).read()}:
            return file
    if needed:
        raise MasterKeyMissing(
            f"{path} has secrets sealed with the master key {', '.join(needed)}, and {' and '.join(map(str, files))} "
            "have not all of it. Nothing was moved. Set RINGBACK_MASTER_KEY, or say with --data where master.key is."
        )
    return None
