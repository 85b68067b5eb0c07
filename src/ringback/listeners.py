"""Who listens to operational events: asked before one is made, so that tenants where nobody does pay nothing for them.

Knows only the endpoints that name such events (`policy.operations.PATTERNS`), and what they name; a bare `*` names
none. Follows the log of changes with the other caches (`load`, then `follow`), in every process. An endpoint that is
switched off counts: it is the index that says who gets an event, here is only whether to make it. The operator's tenant
is told of everything, so with one everything is made. Any thread may ask; one at a time follows.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

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


class Listeners:
    """See the module."""

    def __init__(self, store: ListenerSource, operator_tenant: str | None = None) -> None:
        self._store = store
        self.operator_tenant: Final = operator_tenant
        self._known: dict[str, dict[str, frozenset[str]]] = {}
        self._tenant_of: dict[str, str] = {}
        # What is asked of a tenant's own, for other threads: values are replaced, never changed.
        self._patterns: dict[str, frozenset[str]] = {}

    def want(self, tenant_id: str, event_type: str) -> bool:
        """Whether anybody is to be told of an event of this type about this tenant: its own endpoints, or the
        operator."""
        return self.operator_tenant is not None or self.listen(tenant_id, event_type)

    def listen(self, tenant_id: str, event_type: str) -> bool:
        """Whether an endpoint of the tenant asks for it."""
        patterns = self._patterns.get(tenant_id)
        return patterns is not None and not patterns.isdisjoint(asked_for_by(event_type))

    def load(self) -> None:
        """Read all that there are."""
        self._known, self._tenant_of = {}, {}
        after = ""
        while page := self._store.patterns_of_endpoints(after, STEP_ROWS_MAX):
            after = page[-1][0]
            self._add(page)
        for tenant_id in self._patterns.keys() | self._known.keys():
            self._gather(tenant_id)

    def follow(self, changes: Sequence[Change]) -> None:
        """Read what changed."""
        ids = list(dict.fromkeys(change.id for change in changes if change.kind == "endpoint"))
        for start in range(0, len(ids), STEP_ROWS_MAX):
            step = ids[start : start + STEP_ROWS_MAX]
            found = self._store.load_endpoints(step)
            before = {self._remove(endpoint_id) for endpoint_id in step if endpoint_id in self._tenant_of}
            after = self._add((one.id, one.tenant_id, one.event_types) for one in found)
            for tenant_id in before | after:
                self._gather(tenant_id)

    def _add(self, endpoints: Iterable[tuple[str, str, Sequence[str]]]) -> set[str]:
        """Note those that listen; the tenants of these."""
        tenant_ids: set[str] = set()
        for endpoint_id, tenant_id, patterns in endpoints:
            if named := PATTERNS.intersection(patterns):
                self._known.setdefault(tenant_id, {})[endpoint_id] = named
                self._tenant_of[endpoint_id] = tenant_id
                tenant_ids.add(tenant_id)
        return tenant_ids

    def _remove(self, endpoint_id: str) -> str:
        tenant_id = self._tenant_of.pop(endpoint_id)
        del self._known[tenant_id][endpoint_id]
        if not self._known[tenant_id]:
            del self._known[tenant_id]
        return tenant_id

    def _gather(self, tenant_id: str) -> None:
        if tenant_id in self._known:
            self._patterns[tenant_id] = frozenset().union(*self._known[tenant_id].values())
        else:
            self._patterns.pop(tenant_id, None)
