"""Which endpoints are in trouble, over all tenants: parked, or failing, as their lanes' rows say; and those that were
disabled.

A look goes through all lanes page by page, each a short read, and is kept for some seconds, so that it costs nothing
while nobody asks and little while many do. A lane's row may be behind while its endpoint is being sent to
(`control.sending`). Reads only.
"""

import threading
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from ringback.clock import Clock
from ringback.model.endpoint import Endpoint, EndpointStatus
from ringback.policy import health as health_policy
from ringback.policy.health import Health, Phase
from ringback.store.port import Census, EndpointSource

LANES_PAGE: Final = 2_000
TROUBLED_SHOWN_MAX: Final = 100
LOOKED_UP_MAX: Final = 2 * TROUBLED_SHOWN_MAX
KEPT_S: Final = 15.0
# Most are well, and reading the form costs a hundred times as much as seeing that.
_WELL: Final = (b'"phase":"open"', b'"failing_since":null')


class TroubledStore(Census, EndpointSource, Protocol):
    """What this needs of a store."""


class TroubledEndpoint(NamedTuple):
    """`parked`: only single requests go out. `failing_since` and `until`, when it is tried next, are wall ms."""

    endpoint: Endpoint
    parked: bool
    failing_since: int | None
    until: int | None


class DisabledEndpoint(NamedTuple):
    """`since` is wall ms; why is in the endpoint."""

    endpoint: Endpoint
    since: int


class Troubled(NamedTuple):
    """The parked ones first, then those that have failed for longest; and the `disabled` ones, newest first; at most
    TROUBLED_SHOWN_MAX of each. `parked` and `failing` count all; where there are more than
    LOOKED_UP_MAX, also some that are switched off."""

    endpoints: Sequence[TroubledEndpoint]
    disabled: Sequence[DisabledEndpoint]
    parked: int
    failing: int


class TroubledUseCases:
    """For whoever runs Ringback."""

    def __init__(self, store: TroubledStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: tuple[float, Troubled] | None = None

    def look(self) -> Troubled:
        """As it was some seconds ago at most. Raises what the store raises."""
        with self._lock:
            now_s = self._clock.boottime_s()
            if self._seen is None or now_s - self._seen[0] >= KEPT_S:
                self._seen = now_s, self._look()
            return self._seen[1]

    def _look(self) -> Troubled:
        found = sorted(self._unwell(), key=_worst_first)
        known = dict(found[:LOOKED_UP_MAX])
        # Some are switched off, or gone: these are in nobody's way.
        endpoints = [
            endpoint for endpoint in self._store.load_endpoints(list(known)) if endpoint.status is EndpointStatus.ACTIVE
        ]
        counted = [known[endpoint.id] for endpoint in endpoints] + [health for _, health in found[LOOKED_UP_MAX:]]
        parked = sum(health.phase is not Phase.OPEN for health in counted)
        endpoints.sort(key=lambda endpoint: _worst_first((endpoint.id, known[endpoint.id])))
        shown = [self._shown(endpoint, known[endpoint.id]) for endpoint in endpoints[:TROUBLED_SHOWN_MAX]]
        return Troubled(shown, self._disabled(), parked, len(counted) - parked)

    def _disabled(self) -> list[DisabledEndpoint]:
        since = dict(self._store.latest_disabled(TROUBLED_SHOWN_MAX))
        known = {endpoint.id: endpoint for endpoint in self._store.load_endpoints(list(since))}
        # One may have been switched on, or deleted, between the two reads.
        return [
            DisabledEndpoint(known[name], at)
            for name, at in since.items()
            if name in known and known[name].status is EndpointStatus.DISABLED
        ]

    def _unwell(self) -> list[tuple[str, Health]]:
        found: list[tuple[str, Health]] = []
        after = ""
        while page := self._store.lane_healths(after, LANES_PAGE):
            unwell = ((name, stored) for name, stored in page if not all(mark in stored for mark in _WELL))
            loaded = ((name, health_policy.load(stored)) for name, stored in unwell)
            found += [(name, health) for name, health in loaded if _is_unwell(health)]
            after = page[-1][0]
        return found

    def _shown(self, endpoint: Endpoint, health: Health) -> TroubledEndpoint:
        until = health_policy.paused_until(health, self._clock.now_ms())
        return TroubledEndpoint(endpoint, health.phase is not Phase.OPEN, health.failing_since, until or None)


def _is_unwell(health: Health) -> bool:
    return health.phase is not Phase.OPEN or health.failing_since is not None


def _worst_first(one: tuple[str, Health]) -> tuple[bool, int, str]:
    name, health = one
    return health.phase is Phase.OPEN, health.failing_since or 0, name
