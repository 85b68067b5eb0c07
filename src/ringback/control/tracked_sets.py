"""Tracked sets: make, show, list and delete them, and say which ids are in them.

An endpoint that names a set is told of events about its members alone; whether an event is one is asked when it is
accepted (`ingest.batch`), in its own transaction. Here the same is asked of events that were accepted before: for
replays and for whoever fetches. An endpoint may name a set that isn't there: of that nothing is a member. Nobody keeps
members in memory, so nobody is notified: what was written holds for the next event that is accepted.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from ringback.clock import Clock
from ringback.control.findings import Findings
from ringback.control.paging import (
    Page,
    PageRequest,
    checked_limit,
    decode_cursor,
    decode_text_cursor,
    encode_text_cursor,
    page_of,
)
from ringback.control.tenants import required_tenant
from ringback.model.endpoint import Endpoint
from ringback.model.errors import NoRoomLeft, NotFound
from ringback.model.event import Event
from ringback.model.limits import TRACKED_IDS_AT_ONCE_MAX, TRACKED_MEMBERS_MAX, TRACKED_SETS_PER_TENANT_MAX
from ringback.model.tracked_set import NAME, NAME_RULE, TrackedSet
from ringback.store.port import Membership, Tenants, TrackedSets

FINDINGS_MAX: Final = 20
_LIST: Final = "tracked-sets"
_MEMBERS: Final = "tracked-members"


class TrackedSetStore(TrackedSets, Tenants, Protocol):
    """What these use cases need of a store."""


class Put(NamedTuple):
    """A set as it is now, and whether it is new."""

    tracked_set: TrackedSet
    created: bool


class Counted(NamedTuple):
    """How many ids a call added or removed, and how many the set has then."""

    changed: int
    members: int


class TrackedSetUseCases:
    """What can be done with tracked sets. The limits may be others in tests."""

    def __init__(
        self,
        store: TrackedSetStore,
        clock: Clock,
        *,
        sets_max: int = TRACKED_SETS_PER_TENANT_MAX,
        members_max: int = TRACKED_MEMBERS_MAX,
    ) -> None:
        self._store = store
        self._clock = clock
        self._sets_max = sets_max
        self._members_max = members_max

    def put(self, tenant_id: str, name: str) -> Put:
        """Make an empty set; one that is there stays as it is, with its members. Raises Invalid, NotFound for an
        unknown tenant, OverQuota."""
        findings = Findings()
        if NAME.fullmatch(name) is None:
            findings.add("name", NAME_RULE)
        findings.raise_if_any()
        required_tenant(self._store, tenant_id)
        now = self._clock.now_ms()
        wanted = TrackedSet(self._clock.new_id("set"), tenant_id, name, 0, now, now)
        stored = self._store.put_tracked_set(wanted, self._sets_max)
        if stored is None:
            raise NoRoomLeft(
                f"The tenant has {self._sets_max} tracked sets already. Delete one first.", code="tracked_set_quota"
            )
        return Put(stored, stored.id == wanted.id)

    def get(self, tenant_id: str, name: str) -> TrackedSet:
        """Raises NotFound."""
        found = self._store.get_tracked_set(tenant_id, name) if NAME.fullmatch(name) else None
        if found is None:
            raise _unknown_set()
        return found

    def list(self, tenant_id: str, page: PageRequest) -> Page[TrackedSet]:
        """By name. Raises Invalid, NotFound for an unknown tenant."""
        limit = checked_limit(page.limit)
        after = decode_cursor(_LIST, page.cursor)
        required_tenant(self._store, tenant_id)
        rows = self._store.list_tracked_sets(tenant_id, after, limit + 1)
        return page_of(_LIST, rows, limit, lambda one: one.name)

    def delete(self, tenant_id: str, name: str) -> None:
        """At once nothing is a member of it: endpoints that name it are told of nothing. Raises NotFound."""
        self.get(tenant_id, name)
        if not self._store.delete_tracked_set(tenant_id, name):
            raise _unknown_set()

    def add(self, tenant_id: str, name: str, ids: Sequence[str]) -> Counted:
        """Put ids into the set, all or none; those that are in it already count as none. Raises Invalid, NotFound,
        OverQuota."""
        members = _checked_ids(ids)
        self.get(tenant_id, name)
        added = self._store.add_members(tenant_id, name, members, self._clock.now_ms(), self._members_max)
        if added == -1:
            raise NoRoomLeft(
                f"A tracked set has at most {self._members_max:,} members, and with these it would have more. Nothing "
                "was added. Remove some first.",
                code="tracked_member_quota",
            )
        return self._counted(tenant_id, name, added)

    def remove(self, tenant_id: str, name: str, ids: Sequence[str]) -> Counted:
        """Take ids out of the set; those that aren't in it count as none. Raises Invalid, NotFound."""
        members = _checked_ids(ids)
        self.get(tenant_id, name)
        removed = self._store.remove_members(tenant_id, name, members, self._clock.now_ms())
        return self._counted(tenant_id, name, removed)

    def has(self, tenant_id: str, name: str, member: str) -> bool:
        """Whether this id is in the set. Raises Invalid, NotFound."""
        (checked,) = _checked_ids([member])
        self.get(tenant_id, name)
        return bool(self._store.are_members([Membership(tenant_id, name, checked)]))

    def members(self, tenant_id: str, name: str, page: PageRequest) -> Page[str]:
        """The ids in the set, in the order of their bytes. Raises Invalid, NotFound."""
        limit = checked_limit(page.limit)
        after = decode_text_cursor(_MEMBERS, page.cursor)
        self.get(tenant_id, name)
        rows = self._store.list_members(tenant_id, name, after, limit + 1)
        cursor = encode_text_cursor(_MEMBERS, rows[limit - 1]) if len(rows) > limit else None
        return Page(rows[:limit], cursor)

    def _counted(self, tenant_id: str, name: str, changed: int | None) -> Counted:
        if changed is None:
            raise _unknown_set()
        return Counted(changed, self.get(tenant_id, name).members)


def tracked_members(store: TrackedSets, endpoint: Endpoint) -> int | None:
    """How many members the endpoint's set has; None: it names none, or one that isn't there."""
    if endpoint.tracked_set is None:
        return None
    found = store.get_tracked_set(endpoint.tenant_id, endpoint.tracked_set)
    return None if found is None else found.members


def told_of(store: TrackedSets, endpoint: Endpoint, events: Sequence[Event]) -> Sequence[Event]:
    """Those of the events that are about members of the endpoint's set, as it is now; all, if it names none."""
    name = endpoint.tracked_set
    if name is None:
        return events
    asked = {
        event.subject_id: Membership(endpoint.tenant_id, name, event.subject_id)
        for event in events
        if event.subject_id is not None
    }
    if not asked:
        return []
    members = {one.member for one in store.are_members(list(asked.values()))}
    return [event for event in events if event.subject_id in members]


def _checked_ids(ids: Sequence[str]) -> list[str]:
    """The ids without repeats, in their order. Raises Invalid, with the place of each that is none."""
    places: dict[str, int] = {}
    for place, text in enumerate(ids):
        places.setdefault(text, place)
    findings = Findings()
    if len(places) > TRACKED_IDS_AT_ONCE_MAX:
        findings.add("ids", f"must be at most {TRACKED_IDS_AT_ONCE_MAX:,} at once; send the rest in another request")
        findings.raise_if_any()
    for text, place in places.items():
        findings.text(f"ids[{place}]", text, empty=False)
        if len(findings.found) >= FINDINGS_MAX:
            break
    findings.raise_if_any()
    return list(places)


def _unknown_set() -> NotFound:
    return NotFound("There is no such tracked set.")
