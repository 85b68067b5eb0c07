"""The PostgreSQL store's tracked sets.

Who changes a set's members has the set's row for itself meanwhile, so the count is right, and members are never added
to a set that was deleted. A deleted set is noted until its members are gone: they go in steps, each from where the last
one ended, past the dead entries that it left.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from ringback.model.tracked_set import TrackedSet
from ringback.store.port import Membership
from ringback.store.postgres.again import tried_again
from ringback.store.postgres.connection import Database, PostgresPart
from ringback.store.postgres.session import Session
from ringback.store.postgres.tenant_locks import lock_tenant
from ringback.store.queries import load
from ringback.store.sealed_rows import SealedRows

_SQL: Final = load("postgres")


class PostgresTrackedSets(PostgresPart):
    """`TrackedSets`, and what of `RecordUpkeep` is about them."""

    def __init__(self, database: Database, sealed: SealedRows) -> None:
        super().__init__(database, sealed)
        # Set that is gone → its members up to this one are removed.
        self._cleared: dict[str, str] = {}

    @tried_again
    def put_tracked_set(self, tracked_set: TrackedSet, sets_max: int) -> TrackedSet | None:
        tenant_id = tracked_set.tenant_id
        with self._db.writing() as session:
            if not lock_tenant(session, tenant_id):
                return None
            stored = _read_one(session, tenant_id, tracked_set.name)
            if stored is not None:
                return stored
            (count,) = session.first(_SQL["count_tracked_sets"], {"tenant_id": tenant_id})
            if count >= sets_max:
                return None
            return TrackedSet(*session.first(_SQL["insert_tracked_set"], asdict(tracked_set)))

    def get_tracked_set(self, tenant_id: str, name: str) -> TrackedSet | None:
        with self._db.reading() as session:
            return _read_one(session, tenant_id, name)

    def list_tracked_sets(self, tenant_id: str, after: str | None, limit: int) -> Sequence[TrackedSet]:
        page = {"tenant_id": tenant_id, "after": after or "", "limit": limit}
        with self._db.reading() as session:
            return [TrackedSet(*row) for row in session.rows(_SQL["list_tracked_sets"], page)]

    @tried_again
    def delete_tracked_set(self, tenant_id: str, name: str) -> bool:
        with self._db.writing() as session:
            gone = session.rows(_SQL["delete_tracked_set"], {"tenant_id": tenant_id, "name": name})
            _note_gone(session, tenant_id, gone)
        return bool(gone)

    @tried_again
    def add_members(self, tenant_id: str, name: str, members: Sequence[str], now: int, members_max: int) -> int | None:
        with self._db.writing() as session:
            found = session.first(_SQL["lock_tracked_set"], {"tenant_id": tenant_id, "name": name})
            if found is None:
                return None
            set_id, present = found
            asked = {"tenant_id": tenant_id, "set_id": set_id, "members": list(members)}
            if present + len(members) > members_max:
                (known,) = session.first(_SQL["count_members"], asked)
                if present + len(members) - known > members_max:
                    return -1
            added = session.change(_SQL["insert_members"], asked)
            _count(session, tenant_id, name, added, now)
            return added

    @tried_again
    def remove_members(self, tenant_id: str, name: str, members: Sequence[str], now: int) -> int | None:
        with self._db.writing() as session:
            found = session.first(_SQL["lock_tracked_set"], {"tenant_id": tenant_id, "name": name})
            if found is None:
                return None
            asked = {"tenant_id": tenant_id, "set_id": found[0], "members": list(members)}
            removed = session.change(_SQL["remove_members"], asked)
            _count(session, tenant_id, name, -removed, now)
            return removed

    def list_members(self, tenant_id: str, name: str, after: str | None, limit: int) -> Sequence[str]:
        page = {"tenant_id": tenant_id, "name": name, "after": after or "", "limit": limit}
        with self._db.reading() as session:
            return [member for (member,) in session.rows(_SQL["list_members"], page)]

    def are_members(self, asked: Sequence[Membership]) -> set[Membership]:
        with self._db.reading() as session:
            return read_tracked(session, asked)

    def clear_members_step(self, limit: int) -> int:
        with self._db.reading() as session:
            gone = session.rows(_SQL["tracked_sets_gone"], {"limit": limit})
        cleared = 0
        for tenant_id, set_id in gone:
            if cleared < limit:
                with self._db.writing() as session:
                    cleared += self._clear(session, tenant_id, set_id, limit - cleared)
        return cleared

    def _clear(self, session: Session, tenant_id: str, set_id: str, limit: int) -> int:
        """Remove up to `limit` members of a set that is gone, and the note of it when none are left; nothing while
        another process does."""
        named = {"tenant_id": tenant_id, "set_id": set_id}
        if session.first(_SQL["lock_tracked_set_gone"], named) is None:
            return 0
        after = self._cleared.pop(set_id, "")
        cleared, last = session.first(_SQL["members_to_clear"], {**named, "after": after, "limit": limit})
        if cleared:
            session.change(_SQL["clear_members"], {**named, "after": after, "last": last})
        if cleared == limit:
            self._cleared[set_id] = last
        elif after:  # whatever is before the place where another step was rolled back
            return int(cleared) + self._clear(session, tenant_id, set_id, limit - cleared)
        else:
            session.change(_SQL["forget_tracked_set"], named)
        return int(cleared)


def read_tracked(session: Session, asked: Sequence[Membership]) -> set[Membership]:
    """Those of them that are so."""
    if not asked:
        return set()
    tenant_ids, names, members = (list(column) for column in zip(*asked, strict=True))
    found = session.rows(_SQL["tracked"], {"tenant_ids": tenant_ids, "names": names, "members": members})
    return {asked[place - 1] for (place,) in found}


def bury_tracked_sets(session: Session, tenant_id: str) -> None:
    """Delete all sets of a tenant, whose row is locked."""
    gone = session.rows(_SQL["delete_tracked_sets_of_tenant"], {"tenant_id": tenant_id})
    _note_gone(session, tenant_id, gone)


def _note_gone(session: Session, tenant_id: str, gone: Sequence[tuple[str]]) -> None:
    if gone:
        session.change(_SQL["bury_tracked_sets"], {"tenant_id": tenant_id, "ids": [set_id for (set_id,) in gone]})


def _read_one(session: Session, tenant_id: str, name: str) -> TrackedSet | None:
    found = session.first(_SQL["tracked_set_by_name"], {"tenant_id": tenant_id, "name": name})
    return None if found is None else TrackedSet(*found)


def _count(session: Session, tenant_id: str, name: str, more: int, now: int) -> None:
    if more:
        session.change(
            _SQL["count_change_of_members"], {"tenant_id": tenant_id, "name": name, "more": more, "now": now}
        )
