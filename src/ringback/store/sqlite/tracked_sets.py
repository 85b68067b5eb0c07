"""The SQLite store's tracked sets and their members. Thousands of ids go in and out by one statement."""

from collections.abc import Sequence
from typing import Final

import apsw

from ringback.model.tracked_set import TrackedSet
from ringback.store.port import Membership
from ringback.store.queries import load
from ringback.store.sqlite.connection import ManyRows, SqlitePart, change, first, rows
from ringback.store.sqlite.json_lists import json_list

_SQL: Final = load("sqlite")
_TRACKED: Final = ManyRows(_SQL["tracked"])


class SqliteTrackedSets(SqlitePart):
    """`TrackedSets`, and what of `RecordUpkeep` is about them."""

    def put_tracked_set(self, tracked_set: TrackedSet, sets_max: int) -> TrackedSet | None:
        tenant_id, name = tracked_set.tenant_id, tracked_set.name
        with self._writer.transaction() as connection:
            known = _find(connection, tenant_id, name)
            if known is not None:
                return known
            count, tenant_deleted = first(connection, _SQL["room_for_tracked_set"], {"tenant_id": tenant_id})
            if count >= sets_max or tenant_deleted:
                return None
            columns = {
                "tenant_id": tenant_id,
                "name": name,
                "id": tracked_set.id,
                "created_at": tracked_set.created_at,
                "updated_at": tracked_set.updated_at,
            }
            connection.execute(_SQL["insert_tracked_set"], columns)
            return _find(connection, tenant_id, name)

    def get_tracked_set(self, tenant_id: str, name: str) -> TrackedSet | None:
        with self._readers.reading() as connection:
            return _find(connection, tenant_id, name)

    def list_tracked_sets(self, tenant_id: str, after: str | None, limit: int) -> Sequence[TrackedSet]:
        asked = {"tenant_id": tenant_id, "after": after or "", "limit": limit}
        return [TrackedSet(*row) for row in self._read(_SQL["list_tracked_sets"], asked)]

    def delete_tracked_set(self, tenant_id: str, name: str) -> bool:
        with self._writer.transaction() as connection:
            return bool(bury_tracked_sets(connection, tenant_id, name))

    def add_members(self, tenant_id: str, name: str, members: Sequence[str], now: int, members_max: int) -> int | None:
        with self._writer.transaction() as connection:
            found = _find(connection, tenant_id, name)
            if found is None:
                return None
            asked = {"tenant_id": tenant_id, "set_id": found.id, "members": json_list(members)}
            (known,) = first(connection, _SQL["count_members"], asked)
            if found.members + len(members) - known > members_max:
                return -1
            added = change(connection, _SQL["insert_members"], asked)
            _count(connection, found, added, now)
            return added

    def remove_members(self, tenant_id: str, name: str, members: Sequence[str], now: int) -> int | None:
        with self._writer.transaction() as connection:
            found = _find(connection, tenant_id, name)
            if found is None:
                return None
            asked = {"tenant_id": tenant_id, "set_id": found.id, "members": json_list(members)}
            removed = change(connection, _SQL["remove_members"], asked)
            _count(connection, found, -removed, now)
            return removed

    def list_members(self, tenant_id: str, name: str, after: str | None, limit: int) -> Sequence[str]:
        with self._readers.snapshot() as connection:
            found = _find(connection, tenant_id, name)
            if found is None:
                return []
            asked = {"tenant_id": tenant_id, "set_id": found.id, "after": after or "", "limit": limit}
            return [member for (member,) in rows(connection, _SQL["list_members"], asked)]

    def are_members(self, asked: Sequence[Membership]) -> set[Membership]:
        with self._readers.reading() as connection:
            return read_tracked(connection, asked)

    def clear_members_step(self, limit: int) -> int:
        gone = self._read(_SQL["tracked_sets_gone"], {"limit": limit})
        if not gone:
            return 0
        cleared = 0
        with self._writer.transaction() as connection:
            for tenant_id, set_id in gone:
                of_set = {"tenant_id": tenant_id, "set_id": set_id}
                cleared += change(connection, _SQL["clear_members"], {**of_set, "limit": limit - cleared})
                if cleared == limit:
                    break
                cleared += change(connection, _SQL["forget_tracked_set"], of_set)
        return cleared


def read_tracked(connection: apsw.Connection, asked: Sequence[Membership]) -> set[Membership]:
    """Those of them that are so."""
    return {Membership(*row) for row in _TRACKED.run(connection, asked)}


def bury_tracked_sets(connection: apsw.Connection, tenant_id: str, name: str | None = None) -> int:
    """Delete the set of a name, or all sets of a tenant; how many there were. Their members go in steps."""
    doomed = {"tenant_id": tenant_id, "name": name}
    connection.execute(_SQL["bury_tracked_sets"], doomed)
    return change(connection, _SQL["delete_tracked_sets"], doomed)


def _find(connection: apsw.Connection, tenant_id: str, name: str) -> TrackedSet | None:
    found = first(connection, _SQL["tracked_set_by_name"], {"tenant_id": tenant_id, "name": name})
    return None if found is None else TrackedSet(*found)


def _count(connection: apsw.Connection, tracked_set: TrackedSet, more: int, now: int) -> None:
    if more:
        changed = {"tenant_id": tracked_set.tenant_id, "name": tracked_set.name, "more": more, "now": now}
        connection.execute(_SQL["count_change_of_members"], changed)
