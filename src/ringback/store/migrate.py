"""Numbered migrations: which there are, which a database has, and what may be done about it.

The rules are the same for every backend; how a migration is run and recorded is the backend's, behind `Ledger`.
A database that is newer than this program is never touched. An empty one is set up by whoever meets it, all at once: it
is empty or complete. An older one is changed only when the operator said so, and each migration commits on its own,
together with the record that it ran, so that an interrupted upgrade goes on where it stopped.
"""

import re
from collections.abc import Sequence
from importlib.resources.abc import Traversable
from typing import Final, NamedTuple, Protocol

from ringback.model.errors import StoreNewer, StoreOlder
from ringback.store.queries import folder

_FILE_NAME: Final = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")


class Migration(NamedTuple):
    """One step from a schema to the next: `0001_core.sql` is number 1, name `core`."""

    number: int
    name: str
    script: str


class Ledger(Protocol):
    """A database and the record of the migrations it has had."""

    def applied(self) -> Sequence[int]:
        """The numbers that have run; empty for an empty database."""

    def apply(self, migrations: Sequence[Migration]) -> None:
        """Run these and record them, in one transaction."""


def load_migrations(dialect: str) -> list[Migration]:
    """The migrations of a dialect, by number. Raises ValueError when a file is misnamed or a number missing."""
    return read_migrations(folder(dialect) / "migrations")


def read_migrations(place: Traversable) -> list[Migration]:
    """The migrations in a folder, by number."""
    migrations = []
    for file in place.iterdir():
        if (parts := _FILE_NAME.fullmatch(file.name)) is None:
            raise ValueError(f"{file.name} is not named like a migration (0001_name.sql)")
        migrations.append(Migration(int(parts[1]), parts[2], file.read_text("utf-8")))
    migrations.sort()
    if [migration.number for migration in migrations] != list(range(1, len(migrations) + 1)):
        raise ValueError(f"the numbers of the migrations in {place} must run from 1 without a gap")
    return migrations


def bring_up(ledger: Ledger, migrations: Sequence[Migration], *, migrate: bool, store: str) -> list[Migration]:
    """Run what is missing and return it.

    `store` names the database in messages. Raises StoreNewer when the database has had migrations that are not among
    these, and StoreOlder when some are missing, the database is not empty and `migrate` is false.
    """
    applied = ledger.applied()
    missing = missing_of(applied, migrations, store)
    if missing and applied and not migrate:
        raise StoreOlder(
            f"{store} was written by an older Ringback (schema {max(applied)}, this program needs {len(migrations)}). "
            "Nothing was changed. Make a backup, then run `ringback migrate` or start with --migrate."
        )
    for step in [[migration] for migration in missing] if applied else [missing]:
        ledger.apply(step)
    return missing


def missing_of(applied: Sequence[int], migrations: Sequence[Migration], store: str) -> list[Migration]:
    """The migrations that a database has not had. Raises StoreNewer when it has had others."""
    if unknown := set(applied) - {migration.number for migration in migrations}:
        raise StoreNewer(
            f"{store} was written by a newer Ringback (schema {max(unknown)}, this program knows up to "
            f"{len(migrations)}). Nothing was changed. Start the newer version again, or restore a backup from before "
            "the upgrade."
        )
    return [migration for migration in migrations if migration.number not in applied]
