"""The SQLite store's log of configuration changes: how it is written, and how processes follow it."""

from collections.abc import Sequence
from typing import Final

import apsw

from ringback.model.lane import Change
from ringback.store.queries import load
from ringback.store.sqlite_connection import SqlitePart, rows

_SQL: Final = load("sqlite")


class SqliteFollow(SqlitePart):
    """`Follow`."""

    def version(self) -> int:
        ((version,),) = self._read(_SQL["latest_version"])
        return int(version)

    def changes_after(self, version: int) -> Sequence[Change]:
        with self._readers.reading() as connection:
            return read_changes(connection, version)


def log_change(connection: apsw.Connection, kind: str, tenant_id: str | None, thing_id: str) -> None:
    """Tell every process that follows, when the transaction commits."""
    connection.execute(_SQL["log_change"], {"kind": kind, "tenant_id": tenant_id or "", "id": thing_id})


def read_changes(connection: apsw.Connection, version: int) -> list[Change]:
    """Changes after `version`, oldest first."""
    return [Change(*row) for row in rows(connection, _SQL["changes_after"], {"version": version})]
