"""Answers an audit's questions of a database file, also while a server has it open: each a short read.

Opens it to read only and takes no lock of ours, as `examination` does. Assumes the schema of this program; fails with
the StartErrors of opening.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import apsw

from ringback.store.queries import load
from ringback.store.sqlite.errors import start_errors
from ringback.store.sqlite.examination import open_to_look, require_schema
from ringback.store.sqlite.json_lists import json_list

_SQL: Final = load("sqlite")


class SqliteAudit:
    """What `doctor.audit.Audited` asks."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def has_tenant(self, tenant_id: str) -> bool:
        return bool(self._rows("audit_tenant", tenant_id=tenant_id))

    def known(self, tenant_id: str, ids: Sequence[str]) -> list[str]:
        return [event_id for (event_id,) in self._rows("audit_known", tenant_id=tenant_id, ids=json_list(ids))]

    def succeeded(self, tenant_id: str, ids: Sequence[str]) -> list[tuple[str, str]]:
        return self._rows("audit_succeeded", tenant_id=tenant_id, ids=json_list(ids))

    def attempts(self, tenant_id: str, after: str, limit: int) -> list[tuple[str, str | None, str, str, int]]:
        return self._rows("audit_attempts", tenant_id=tenant_id, after=after, limit=limit)

    def _rows(self, name: str, **values: Any) -> list[Any]:
        return self._connection.execute(_SQL[name], values).fetchall()


@contextmanager
def opened_for_audit(path: Path) -> Iterator[SqliteAudit]:
    """The database at `path`, for the block. Raises a StartError."""
    with start_errors(path):
        connection = open_to_look(path)
        try:
            require_schema(connection, path)
            yield SqliteAudit(connection)
        finally:
            connection.close()
