"""The memory store's tracked sets and their members."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from ringback.model.tracked_set import TrackedSet
from ringback.store.memory.tables import MemoryPart, MemoryTables
from ringback.store.port import Membership


class MemoryTrackedSets(MemoryPart):
    """`TrackedSets`, and what of `RecordUpkeep` is about them."""

    def put_tracked_set(self, tracked_set: TrackedSet, sets_max: int) -> TrackedSet | None:
        with self._tables as tables:
            name = tracked_set.tenant_id, tracked_set.name
            if name not in tables.tracked_sets:
                owned = sum(tenant_id == tracked_set.tenant_id for tenant_id, _ in tables.tracked_sets)
                if owned >= sets_max or tracked_set.tenant_id in tables.deleted_tenants:
                    return None
                tables.tracked_sets[name] = replace(tracked_set, members=0)
            return tables.tracked_sets[name]

    def get_tracked_set(self, tenant_id: str, name: str) -> TrackedSet | None:
        with self._tables as tables:
            return tables.tracked_sets.get((tenant_id, name))

    def list_tracked_sets(self, tenant_id: str, after: str | None, limit: int) -> Sequence[TrackedSet]:
        with self._tables as tables:
            own = [one for one in tables.tracked_sets.values() if one.tenant_id == tenant_id]
            later = [one for one in own if after is None or one.name > after]
            return sorted(later, key=lambda one: one.name)[:limit]

    def delete_tracked_set(self, tenant_id: str, name: str) -> bool:
        with self._tables as tables:
            found = tables.tracked_sets.get((tenant_id, name))
            if found is None:
                return False
            tables.bury_tracked_set(found)
            return True

    def add_members(self, tenant_id: str, name: str, members: Sequence[str], now: int, members_max: int) -> int | None:
        with self._tables as tables:
            found = tables.tracked_sets.get((tenant_id, name))
            if found is None:
                return None
            new = set(members) - tables.tracked_members[tenant_id, found.id]
            if found.members + len(new) > members_max:
                return -1
            _change(tables, found, now, added=new, removed=())
            return len(new)

    def remove_members(self, tenant_id: str, name: str, members: Sequence[str], now: int) -> int | None:
        with self._tables as tables:
            found = tables.tracked_sets.get((tenant_id, name))
            if found is None:
                return None
            removed = set(members) & tables.tracked_members[tenant_id, found.id]
            _change(tables, found, now, added=(), removed=removed)
            return len(removed)

    def list_members(self, tenant_id: str, name: str, after: str | None, limit: int) -> Sequence[str]:
        with self._tables as tables:
            found = tables.tracked_sets.get((tenant_id, name))
            members = () if found is None else tables.tracked_members[tenant_id, found.id]
            return sorted(member for member in members if after is None or member > after)[:limit]

    def are_members(self, asked: Sequence[Membership]) -> set[Membership]:
        with self._tables as tables:
            return tables.members_among(asked)

    def clear_members_step(self, limit: int) -> int:
        with self._tables as tables:
            doomed = list(islice(_gone(tables), limit))
            for tenant_id, set_id, member in doomed:
                if member is None:
                    tables.tracked_sets_gone.remove((tenant_id, set_id))
                    del tables.tracked_members[tenant_id, set_id]
                else:
                    tables.tracked_members[tenant_id, set_id].remove(member)
            return len(doomed)


def _change(
    tables: MemoryTables, tracked_set: TrackedSet, now: int, *, added: Iterable[str], removed: Iterable[str]
) -> None:
    members = tables.tracked_members[tracked_set.tenant_id, tracked_set.id]
    members.update(added)
    members.difference_update(removed)
    if len(members) != tracked_set.members:
        changed = replace(tracked_set, members=len(members), updated_at=now)
        tables.tracked_sets[tracked_set.tenant_id, tracked_set.name] = changed


def _gone(tables: MemoryTables) -> Iterator[tuple[str, str, str | None]]:
    """The members of deleted sets; after each set's members (None) the set itself."""
    for name in sorted(tables.tracked_sets_gone):
        yield from ((*name, member) for member in tables.tracked_members[name])
        yield *name, None
