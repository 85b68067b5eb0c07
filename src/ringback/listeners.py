"""Who listens to operational events: asked before one is made, so that tenants where nobody does pay nothing for them.

Knows only the endpoints that name such events (`policy.operations.PATTERNS`), and what they name; a bare `*` names
none. Follows the log of changes with the other caches (`load`, then `follow`), in every process. An endpoint that is
switched off counts: it is the index that says who gets an event, here is only whether to make it. The operator's tenant
is told of everything, so with one everything is made. Any thread may ask; one at a time follows.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, Protocol

from ringback.model.lane import Change
from ringback.model.limits import STEP_ROWS_MAX
from ringback.policy.operations import PATTERNS, asked_for_by
from ringback.store.port import EndpointSource, Notices

Wants = Callable[[str, str], bool]
"""(tenant, event type): whether anybody is to be told of such an event about this tenant."""


def nobody(tenant_id: str, event_type: str) -> bool:
    """Where nobody listens."""
    return False


class ListenerSource(EndpointSource, Notices, Protocol):
    """What is read here."""


class _Listener(NamedTuple):
    tenant_id: str
    patterns: frozenset[str]


class Listeners:
    """See the module."""

    def __init__(self, store: ListenerSource, operator_tenant: str | None = None) -> None:
        self._store = store
        self.operator_tenant: Final = operator_tenant
        self._known: dict[str, _Listener] = {}
        self._of_tenant: dict[str, frozenset[str]] = {}

    def want(self, tenant_id: str, event_type: str) -> bool:
        """Whether anybody is to be told of an event of this type about this tenant: its own endpoints, or the
        operator."""
        return self.operator_tenant is not None or self.listen(tenant_id, event_type)

    def listen(self, tenant_id: str, event_type: str) -> bool:
        """Whether an endpoint of the tenant asks for it."""
        patterns = self._of_tenant.get(tenant_id)
        return patterns is not None and not patterns.isdisjoint(asked_for_by(event_type))

    def load(self) -> None:
        """Read all that there are."""
        known: dict[str, _Listener] = {}
        after = ""
        while page := self._store.patterns_of_endpoints(after, STEP_ROWS_MAX):
            after = page[-1][0]
            _note(known, page)
        self._known = known
        self._of_tenant = {}
        self._gather({one.tenant_id for one in known.values()})

    def follow(self, changes: Sequence[Change]) -> None:
        """Read what changed."""
        ids = list(dict.fromkeys(change.id for change in changes if change.kind == "endpoint"))
        for start in range(0, len(ids), STEP_ROWS_MAX):
            step = ids[start : start + STEP_ROWS_MAX]
            found = self._store.load_endpoints(step)
            before = {endpoint_id: self._known.pop(endpoint_id) for endpoint_id in step if endpoint_id in self._known}
            _note(self._known, ((one.id, one.tenant_id, one.event_types) for one in found))
            after = [self._known[endpoint_id] for endpoint_id in step if endpoint_id in self._known]
            self._gather({one.tenant_id for one in (*before.values(), *after)})

    def _gather(self, tenant_ids: set[str]) -> None:
        for tenant_id in tenant_ids:
            patterns = [one.patterns for one in self._known.values() if one.tenant_id == tenant_id]
            if patterns:
                self._of_tenant[tenant_id] = frozenset().union(*patterns)
            else:
                self._of_tenant.pop(tenant_id, None)


def _note(known: dict[str, _Listener], endpoints: Iterable[tuple[str, str, Sequence[str]]]) -> None:
    for endpoint_id, tenant_id, patterns in endpoints:
        named = PATTERNS.intersection(patterns)
        if named:
            known[endpoint_id] = _Listener(tenant_id, named)
