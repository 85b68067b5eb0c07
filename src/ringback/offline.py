"""What the command line does to a store itself: copy it, put a copy in its place, bring it up to date.

The second root beside `compose`: it knows which store there is and where its master keys are. With a file everything
holds the store's lock, so a running server is never disturbed: it is refused with StoreLocked. Whatever is written is
written beside its place first. A PostgreSQL database is only brought up to date, also while servers use it; its
backups are its own tools' business. Raises the StartErrors of `model.errors`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from ringback.clock import SystemClock
from ringback.files import beside_of, make_data_directory, move_into_place, open_private, sync
from ringback.model.errors import BadSetting, MasterKeyMissing, StoreExists, StoreLocked
from ringback.model.limits import STEP_ROWS_MAX
from ringback.model.master_key import KEY_FILE, MasterKey
from ringback.settings import Settings
from ringback.store.sqlite import SqliteStore
from ringback.store.sqlite import offline as sqlite_offline
from ringback.store.sqlite.offline import FileFacts
from ringback.vault.key_file import KeyFile
from ringback.vault.ring import open_ring, read_keys

CHUNK_BYTES: Final = 4 * 1024 * 1024
Progress = Callable[[int, int], None]


def examine(copy: Path) -> FileFacts:
    """What a copy is; every page of it is checked."""
    return sqlite_offline.examine_copy(copy)


def back_up(settings: Settings, to: Path, on_progress: Progress) -> FileFacts:
    """Copy the store to the file `to`, which is replaced."""
    _require_file(settings)
    beside = beside_of(to)
    try:
        with open_private(beside):
            pass
        sqlite_offline.copy_store(settings.store_path, beside, on_progress)
        facts = examine(beside)
        move_into_place(beside, to)
    except StoreLocked as error:
        raise StoreLocked(
            f"{error.detail} To back up a running server, give its --url and a --key instead of --data."
        ) from None
    finally:
        beside.unlink(missing_ok=True)
    return facts


# ── restoring ─────────────────────────────────────────────────────────────────────────────────────────────────


class Restored(NamedTuple):
    """`store` is what was restored; `key_file` where master keys were put, None if nowhere."""

    store: Path
    facts: FileFacts
    key_file: Path | None


def store_exists(settings: Settings) -> bool:
    """Whether there is something where a restored store would go."""
    return settings.store_path.exists()


def restore(
    copy: Path, settings: Settings, keys_from: Path | None, *, replace: bool, on_progress: Progress
) -> Restored:
    """Put a copy in the place of the store. Everything is checked before anything is changed: the copy, whether the
    master keys open it, and that no server has the store open.

    `keys_from` is a file with master keys, which are then kept in the data directory, before those that are there.
    """
    _require_file(settings)
    facts = examine(copy)
    path = settings.store_path
    if replace or not path.exists():
        # Looked at again under the lock; before it, so that a refusal leaves neither a directory nor a lock file.
        _keys_for(facts, settings, keys_from)
    make_data_directory(settings.data)
    with sqlite_offline.locked(path):
        if path.exists() and not replace:
            raise StoreExists(
                f"There is a database {path} already. Nothing was changed. Restore into another directory, or give "
                "--replace to lose what is in it."
            )
        keys = _keys_for(facts, settings, keys_from)
        file = KeyFile(settings.data / KEY_FILE)
        if keys:  # first, so that a store never stands there without them
            file.write(keys)
        _put_in_place(copy, path, on_progress)
    return Restored(path, facts, file.path if keys else None)


def _keys_for(facts: FileFacts, settings: Settings, keys_from: Path | None) -> list[MasterKey]:
    """The keys that have to be put into the data directory for this copy; none if those that are there will do."""
    if keys_from is None:
        try:
            _require_keys(settings, facts.sealed_with)
        except MasterKeyMissing as error:
            raise MasterKeyMissing(f"{error.detail} Or give the file that has it: --master-key-file FILE.") from None
        return []
    if settings.master_key is not None:
        raise BadSetting("master_key_file: RINGBACK_MASTER_KEY is set, and goes before any file. Unset one of them.")
    given = KeyFile(keys_from).read()
    kept = KeyFile(settings.data / KEY_FILE).read()
    keys = [*given, *(key for key in kept if key not in given)]
    missing = sorted(set(facts.sealed_with) - {key.id for key in keys})
    if missing:
        raise MasterKeyMissing(
            f"The copy has secrets sealed with the master key {', '.join(missing)}, which {keys_from} does not have. "
            "Nothing was changed. Give the master.key that was in use when the copy was made."
        )
    return keys


def _require_file(settings: Settings) -> None:
    if settings.postgresql_url is not None:
        raise BadSetting(
            "store: a PostgreSQL database is backed up and restored with its own tools, such as pg_basebackup or "
            "pg_dump; this command is for SQLite."
        )


def _require_keys(settings: Settings, needed: list[str]) -> None:
    """Raises what a server with these settings would raise for want of a key; makes none."""
    if needed:
        read_keys(settings.master_key, settings.key_directory, needed)


def _put_in_place(copy: Path, path: Path, on_progress: Progress) -> None:
    beside = beside_of(path)
    total = copy.stat().st_size
    try:
        with copy.open("rb") as read, open_private(beside) as written:
            while chunk := read.read(CHUNK_BYTES):
                written.write(chunk)
                on_progress(written.tell(), total)
        sync(beside)
        sqlite_offline.put_in_place(beside, path)
    finally:
        beside.unlink(missing_ok=True)


# ── bringing up to date ───────────────────────────────────────────────────────────────────────────────────────


class Plan(NamedTuple):
    """What has to be done to a store. `needed_bytes` and `free_bytes` are for writing it anew."""

    facts: FileFacts
    needed_bytes: int
    free_bytes: int


class Migrated(NamedTuple):
    """`sealed` values were sealed; `compacted` None: it was not needed, False: there was no room."""

    sealed: int
    compacted: bool | None


class SharedPlan(NamedTuple):
    """What has to be done to a PostgreSQL database; `schema` 0: it is empty."""

    schema: int
    missing: Sequence[str]


class Sealing(Protocol):
    """What is asked of a store here."""

    def reseal_step(self, limit: int) -> int: ...

    def close(self) -> None: ...


def plan_migration(settings: Settings) -> Plan:
    """Look at the store; changes nothing."""
    facts = sqlite_offline.examine_store(settings.store_path)
    return Plan(facts, *sqlite_offline.room_to_compact(settings.store_path))


def migrate(settings: Settings, plan: Plan, on_sealed: Callable[[int], None]) -> Migrated:
    """Run the missing migrations, seal what is plain, and write the file anew where that is due and there is room."""
    clock = SystemClock()
    store = SqliteStore.open(
        settings.store_path,
        migrate=True,
        sealer_for=lambda needed: open_ring(settings.master_key, settings.data, needed, clock.token_bytes).vault,
    )
    sealed = _seal(store, on_sealed)
    if plan.facts.gives_space_back and not sealed:
        return Migrated(sealed, None)
    needed, free = sqlite_offline.room_to_compact(settings.store_path)
    if needed > free:
        return Migrated(sealed, False)
    sqlite_offline.compact(settings.store_path)
    return Migrated(sealed, True)


def plan_shared_migration(url: str) -> SharedPlan:
    """Look at a PostgreSQL database; changes nothing."""
    from ringback.store.postgres.examination import examine as examine_postgresql  # noqa: PLC0415 - a file needs none

    facts = examine_postgresql(url)
    return SharedPlan(facts.schema, facts.missing)


def migrate_shared(settings: Settings, url: str, on_sealed: Callable[[int], None]) -> int:
    """Run the missing migrations, also while servers use the database, and seal what is plain; how many rows that
    was. Another process that migrates just now is waited for."""
    from ringback.store.postgres.store import PostgresStore  # noqa: PLC0415 - as above

    clock = SystemClock()
    read_keys(settings.master_key, settings.key_directory, ())  # before anything is changed
    store = PostgresStore.open(
        url,
        migrate=True,
        sealer_for=lambda needed: (
            open_ring(settings.master_key, settings.key_directory, needed, clock.token_bytes).vault
        ),
    )
    return _seal(store, on_sealed)


def _seal(store: Sealing, on_sealed: Callable[[int], None]) -> int:
    """Seal what is plain or sealed with an older key, in steps, and close the store; how many rows that was."""
    sealed = 0
    try:
        while done := store.reseal_step(STEP_ROWS_MAX):
            sealed += done
            on_sealed(sealed)
    finally:
        store.close()
    return sealed
