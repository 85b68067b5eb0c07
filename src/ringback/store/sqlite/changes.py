"""The SQLite store's log of configuration changes: how it is written, and how processes follow it."""

from collections.abc import Sequence
from typing import Final

import apsw

from ringback.model.lane import Change
from ringback.store.config_rows import unless_trimmed
from ringback.store.port import Everything
from ringback.store.queries import load
from ringback.store.sqlite.connection import SqlitePart, rows

_SQL: Final = load("sqlite")


class SqliteFollow(SqlitePart):
    """`Follow`."""

    def version(self) -> int:
        ((version,),) = self._read(_SQL["latest_version"])
        return int(version)

    def changes_after(self, version: int) -> Sequence[Change] | None:
        with self._readers.reading() as connection:
            return read_changes(connection, version)


def log_change(connection: apsw.Connection, kind: str, tenant_id: str | None, thing_id: str) -> None:
    """Tell every process that follows, when the transaction commits."""
    connection.execute(_SQL["log_change"], {"kind": kind, "tenant_id": tenant_id or "", "id": thing_id})


def read_changes(connection: apsw.Connection, version: int) -> list[Change] | None:
    """Changes after `version`, oldest first; None when some of them are not kept any more."""
    found = rows(connection, _SQL["changes_after"], {"version": version})
    return unless_trimmed([Change(*row) for row in found], version)


def read_everything(connection: apsw.Connection) -> Everything:
    """Every tenant, endpoint, record type and trigger that exists."""
    ((version,),) = rows(connection, _SQL["latest_version"])
    found = rows(connection, _SQL["all_configuration"])
    return Everything(int(version), [Change(int(version), *row) for row in found])
