"""Who wants what: the endpoints of every tenant, by event type and channel.

Lives in memory on the ingest writer's thread (`knows` may be asked from others) and follows the store's log of
changes, inside the writer's own transaction, so that an event is matched against the configuration it is committed
with. The cost of an event grows with the endpoints that match it, not with those that don't: endpoints without
channels are found by pattern, those with channels by channel. A hundred thousand endpoints are about 25 MB, which is
why a `Target` has no dictionary and isn't tracked by the garbage collector. Never decides what a pattern or a
filter means (`policy.match`, `policy.filter`). A filter that fails, or can't be compiled any more, matches nothing.

Whom an event misses is worked out where these are few (`policy.missed`): of types and channels once, with whom it is
for; of filters and tracked sets when they are asked. An event that all endpoints get costs nothing for it.

Some contracts name events by number. So that nobody else has to pay for it, the index knows which tenants have
endpoints of other profiles than the usual one, whatever their status: what they don't get sent they may fetch.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from typing import Final, NamedTuple

import msgspec

from ringback.ingest.rules import OnFailure, Rules
from ringback.model.endpoint import USUAL_PROFILE, Endpoint, Ordering
from ringback.model.event import OPERATIONS, TOO_MANY_MISSED, Event
from ringback.model.lane import Change
from ringback.model.limits import STEP_ROWS_MAX
from ringback.model.tenant import Tenant
from ringback.policy.match import candidates, naming
from ringback.policy.missed import NOBODY, Kept, Missed, joined, keep, too_many
from ringback.policy.operations import SUBJECT
from ringback.policy.reasons import of_another_kind, switched_off
from ringback.policy.wanted import filter_judges, filter_values
from ringback.store.port import IntakeTransaction, Membership

MEMO_MAX: Final = 60_000
MEMO_ENTRY: Final = 3
MISSED_CHARS: Final = 48
SHARED_MAX: Final = 10_000
_Places = dict[str, list["Target"]]


class Target(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One endpoint as matching needs it. `filter` is still text, None: all; `channels` None: all."""

    endpoint_id: str
    ordering: Ordering
    patterns: tuple[str, ...]
    channels: tuple[str, ...] | None
    filter: str | None
    tracked_set: str | None = None


class Reach(NamedTuple):
    """The endpoints an event is for, by id, and what is kept of the tenant's others."""

    targets: Sequence[Target]
    missed: Kept


_NONE: Final = Reach((), NOBODY)


class _TenantEndpoints:
    """One tenant's endpoints that match events: `count` of them. `created_at` tells a tenant from an earlier one of the
    same id. `off` are those that match nothing for now, and why not."""

    __slots__ = ("by_channel", "by_pattern", "count", "created_at", "enabled", "off")

    def __init__(self, tenant: Tenant) -> None:
        self.enabled = tenant.webhooks_enabled
        self.created_at = tenant.created_at
        self.by_pattern: _Places = {}
        self.by_channel: _Places | None = None
        self.count = 0
        self.off: dict[str, str] | None = None

    def add(self, target: Target) -> None:
        self.count += 1
        for places, key in self._places(target):
            places.setdefault(key, []).append(target)

    def remove(self, target: Target) -> None:
        self.count -= 1
        for places, key in self._places(target):
            places[key].remove(target)
            if not places[key]:
                del places[key]

    def switch_off(self, endpoint_id: str, kind: str) -> None:
        if self.off is None:
            self.off = {}
        self.off[endpoint_id] = kind

    def forget_off(self, endpoint_id: str) -> None:
        if self.off is not None:
            self.off.pop(endpoint_id, None)

    def all(self) -> dict[str, Target]:
        """The endpoints in here that match events, by id."""
        lists = [*self.by_pattern.values(), *(self.by_channel or {}).values()]
        return {target.endpoint_id: target for targets in lists for target in targets}

    def reach(self, found: tuple[Target, ...], event: Event) -> Reach:
        """The same with what is kept of all others, for events of this kind."""
        off = self.off or {}
        others = self.count + len(off) - len(found)
        if not others:
            return Reach(found, NOBODY)
        if too_many(others):
            return Reach(found, Kept(others, TOO_MANY_MISSED))
        left = self.all()
        for target in found:
            del left[target.endpoint_id]
        rows = [Missed(endpoint_id, kind) for endpoint_id, kind in off.items()]
        rows += [Missed(name, *of_another_kind(one.patterns, one.channels, event)) for name, one in left.items()]
        return Reach(found, keep(rows))

    def find(
        self, event_type: str, channel: str | None, patterns_of: Callable[[str], tuple[str, ...]] = candidates
    ) -> tuple[Target, ...]:
        """Who wants events of this type and channel, filters apart, by endpoint id."""
        patterns = patterns_of(event_type)
        found = {target.endpoint_id: target for pattern in patterns for target in self.by_pattern.get(pattern, ())}
        if channel is not None and self.by_channel is not None:
            wanted = set(patterns)
            for target in self.by_channel.get(channel, ()):
                if not wanted.isdisjoint(target.patterns):
                    found[target.endpoint_id] = target
        return tuple(found[endpoint_id] for endpoint_id in sorted(found))

    def _places(self, target: Target) -> Iterator[tuple[_Places, str]]:
        if target.channels is None:
            yield from ((self.by_pattern, pattern) for pattern in dict.fromkeys(target.patterns))
            return
        if self.by_channel is None:
            self.by_channel = {}
        yield from ((self.by_channel, channel) for channel in dict.fromkeys(target.channels))


class MatchIndex:
    """`refresh` in each write transaction, then `reach` for each event in it.

    `needs_number` says whether requests of a profile carry the event's number. `rules` follows the same changes.
    `rule_failed` is told of filters that fail.
    """

    def __init__(
        self, needs_number: Callable[[str], bool] = lambda _: False, rule_failed: OnFailure = lambda *_: None
    ) -> None:
        self.version = 0
        self.rules = Rules()
        self._tracking = 0
        self._needs_number = needs_number
        self._rule_failed = rule_failed
        self._tenants: dict[str, _TenantEndpoints] = {}
        self._targets: dict[str, Target] = {}
        self._memo: dict[str, dict[tuple[str, str | None], Reach]] = {}
        self._memo_size = 0
        # Endpoints of other profiles than the usual one, by tenant and profile.
        self._unusual: dict[str, dict[str, set[str]]] = {}
        # Many endpoints ask for the same types: keep one list of each.
        self._shared: dict[tuple[str, ...], tuple[str, ...]] = {}

    def refresh(self, transaction: IntakeTransaction) -> None:
        """Load what changed since the last time; everything at first. Repeatable when it fails half-way."""
        changes = transaction.changes_since(self.version)
        if changes is None:
            self._load_anew(transaction)
        elif changes:
            self._load(transaction, changes)
            self.version = changes[-1].version

    def _load_anew(self, transaction: IntakeTransaction) -> None:
        """Changes were missed: what is known may be gone."""
        for tenant_id in list(self._tenants):
            self._forget(tenant_id)
            self._drop_tenant(tenant_id)
        self.rules.forget()
        version, changes = transaction.everything()
        self._load(transaction, changes)
        self.version = version

    def _load(self, transaction: IntakeTransaction, changes: Sequence[Change]) -> None:
        tenant_ids = dict.fromkeys(change.tenant_id for change in changes if change.kind == "tenant")
        endpoint_ids = {change.id: change.tenant_id for change in changes if change.kind == "endpoint"}
        for step in _steps(tenant_ids):
            self._replace_tenants(step, transaction.tenants(step))
        for step in _steps(endpoint_ids):
            self._replace_endpoints(step, endpoint_ids, transaction.endpoints(step))
        self.rules.load(transaction, changes)

    def knows(self, tenant_id: str) -> bool:
        """Whether the tenant existed at `version`."""
        return tenant_id in self._tenants

    def numbers(self, tenant_id: str) -> bool:
        """Whether events of this tenant are to have a number."""
        profiles = self._unusual.get(tenant_id)
        return profiles is not None and any(map(self._needs_number, profiles))

    def enables(self, tenant_id: str) -> bool:
        """Whether events of the tenant may be accepted at `version`: it existed, and its webhooks were not off."""
        tenant = self._tenants.get(tenant_id)
        return tenant is not None and tenant.enabled

    @property
    def tracks(self) -> bool:
        """Whether any endpoint follows a tracked set, so that `memberships` are to be asked for."""
        return self._tracking > 0

    def memberships(self, event: Event) -> list[Membership]:
        """What has to be known of tracked sets to say whom the event is for."""
        if event.subject_id is None:
            return []
        names = {target.tracked_set for target in self._candidates(event).targets}
        return [Membership(event.tenant_id, name, event.subject_id) for name in names if name is not None]

    def reach(self, event: Event, members: Set[Membership] = frozenset()) -> Reach:
        """Whom the event is for, and whom not. `members`: those of its `memberships` that are so."""
        found = self._candidates(event)
        for target in found.targets:
            if target.filter is not None or target.tracked_set is not None:
                lost: list[Missed] = []
                wanting = _filtered(_following(found.targets, event, members, lost), event, self._rule_failed, lost)
                return Reach(wanting, joined(found.missed, keep(lost)))
        return found

    def _told(self, event: Event) -> Reach:
        """Who wants an operational event: those that name it, but never the endpoint that it is about. These are few,
        so none is remembered."""
        tenant = self._tenants.get(event.tenant_id)
        if tenant is None or not tenant.enabled:
            return _NONE
        itself = event.subject_id if event.subject_type == SUBJECT else None
        found = tenant.find(event.type, event.channel, naming)
        return tenant.reach(tuple(target for target in found if target.endpoint_id != itself), event)

    def _candidates(self, event: Event) -> Reach:
        if event.origin == OPERATIONS:
            return self._told(event)
        key = event.type, event.channel
        memo = self._memo.get(event.tenant_id)
        if memo is not None:
            found = memo.get(key)
            if found is not None:
                return found
        tenant = self._tenants.get(event.tenant_id)
        if tenant is None or not tenant.enabled:
            return _NONE
        found = tenant.reach(tenant.find(*key), event)
        self._remember(event.tenant_id, key, found)
        return found

    def _remember(self, tenant_id: str, key: tuple[str, str | None], found: Reach) -> None:
        # Callers choose types and channels, so there is no end of them. One place for each remembered endpoint, too:
        # a tenant with a thousand endpoints and as many channels would otherwise hold a million.
        self._memo_size += _places_of(found)
        if self._memo_size > MEMO_MAX:
            self._memo.clear()
            self._memo_size = _places_of(found)
        self._memo.setdefault(tenant_id, {})[key] = found

    def _forget(self, tenant_id: str) -> None:
        memo = self._memo.pop(tenant_id, {})
        self._memo_size -= sum(_places_of(found) for found in memo.values())

    def _replace_tenants(self, tenant_ids: Sequence[str], loaded: Sequence[Tenant]) -> None:
        now = {tenant.id: tenant for tenant in loaded}
        for tenant_id in tenant_ids:
            self._forget(tenant_id)
            tenant, known = now.get(tenant_id), self._tenants.get(tenant_id)
            if known is not None and (tenant is None or tenant.created_at != known.created_at):
                self._drop_tenant(tenant_id)
                known = None
            if known is not None and tenant is not None:
                known.enabled = tenant.webhooks_enabled
            elif tenant is not None:
                self._tenants[tenant_id] = _TenantEndpoints(tenant)

    def _drop_tenant(self, tenant_id: str) -> None:
        self._unusual.pop(tenant_id, None)
        self.rules.drop_tenant(tenant_id)
        for endpoint_id in self._tenants.pop(tenant_id).all():
            self._tracking -= self._targets.pop(endpoint_id).tracked_set is not None

    def _replace_endpoints(
        self, endpoint_ids: Sequence[str], tenant_of: dict[str, str], loaded: Sequence[Endpoint]
    ) -> None:
        for endpoint_id in endpoint_ids:
            tenant_id = tenant_of[endpoint_id]
            self._forget(tenant_id)
            known = self._targets.pop(endpoint_id, None)
            if known is not None:
                self._tenants[tenant_id].remove(known)
                self._tracking -= known.tracked_set is not None
            elif tenant_id in self._tenants:
                self._tenants[tenant_id].forget_off(endpoint_id)
            if tenant_id in self._unusual:
                self._forget_profile(tenant_id, endpoint_id)
        for endpoint in loaded:
            tenant = self._tenants.get(endpoint.tenant_id)
            if tenant is None:
                continue
            if endpoint.profile != USUAL_PROFILE:
                self._unusual.setdefault(endpoint.tenant_id, {}).setdefault(endpoint.profile, set()).add(endpoint.id)
            off = switched_off(endpoint)
            if off is not None:
                tenant.switch_off(endpoint.id, off.kind)
                continue
            target = self._target(endpoint)
            self._targets[endpoint.id] = target
            self._tracking += target.tracked_set is not None
            tenant.add(target)

    def _forget_profile(self, tenant_id: str, endpoint_id: str) -> None:
        profiles = self._unusual[tenant_id]
        for profile in [name for name, endpoint_ids in profiles.items() if endpoint_id in endpoint_ids]:
            profiles[profile].remove(endpoint_id)
            if not profiles[profile]:
                del profiles[profile]
        if not profiles:
            del self._unusual[tenant_id]

    def _target(self, endpoint: Endpoint) -> Target:
        patterns = endpoint.event_types
        if len(self._shared) < SHARED_MAX:
            patterns = self._shared.setdefault(patterns, patterns)
        return Target(
            endpoint.id, endpoint.ordering, patterns, endpoint.channels, endpoint.filter, endpoint.tracked_set
        )


def _steps(ids: Iterable[str]) -> Iterator[list[str]]:
    rest = list(ids)
    return (rest[start : start + STEP_ROWS_MAX] for start in range(0, len(rest), STEP_ROWS_MAX))


def _places_of(found: Reach) -> int:
    """How many places of the memory it takes: for itself, each endpoint it is for, and what is kept of the others."""
    return MEMO_ENTRY + len(found.targets) + len(found.missed.text or "") // MISSED_CHARS


def _following(found: Sequence[Target], event: Event, members: Set[Membership], lost: list[Missed]) -> Sequence[Target]:
    """Those that follow no set, or one that the event's subject is in. The others are added to `lost`."""
    following = []
    for target in found:
        name, subject_id = target.tracked_set, event.subject_id
        if name is None or (subject_id is not None and Membership(event.tenant_id, name, subject_id) in members):
            following.append(target)
        else:
            lost.append(Missed(target.endpoint_id, "tracked_set", name))
    return following


def _filtered(found: Sequence[Target], event: Event, rule_failed: OnFailure, lost: list[Missed]) -> Sequence[Target]:
    """Those whose filter wants it. The others are added to `lost`."""
    if all(target.filter is None for target in found):
        return found
    values = filter_values(event)
    wanting = []
    for target in found:
        if target.filter is not None:
            matched, failure = filter_judges(target.filter, values)
            if failure is not None:
                rule_failed(event.tenant_id, target.endpoint_id, event.id, failure)
            if not matched:
                lost.append(Missed(target.endpoint_id, "filter", failure))
                continue
        wanting.append(target)
    return wanting
