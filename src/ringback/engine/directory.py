"""Endpoints as they are now, prepared for sending: the engine's one view of configuration.

Follows the change log (`refresh`, called by a thread every half second and at once by whoever changed something in
this process). Keeps only the endpoints of lanes in memory. If the log can't be read for 5 s, `fresh` says so and the
dispatcher stops sending: better late than to an endpoint that was switched off. Never decides what is sent.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from ringback.clock import Clock
from ringback.model.endpoint import Secret
from ringback.outgoing import Target, prepare
from ringback.store.port import EndpointSource, Follow, StoreUnavailable

STALE_AFTER_S: Final = 5.0


class ConfigSource(EndpointSource, Follow, Protocol):
    """What the directory reads."""


class Directory:
    """endpoint_id → Target. `get` is for any thread; a value is replaced, never changed."""

    def __init__(self, source: ConfigSource, clock: Clock, on_change: Callable[[list[str]], None]) -> None:
        self._source = source
        self._clock = clock
        self._on_change = on_change
        self._targets: dict[str, Target] = {}
        self._version = 0
        self._read_s = clock.boottime_s()
        self._lock = threading.Lock()
        self.get = self._targets.get

    def start(self) -> None:
        """Begin to follow from now on: nothing is loaded yet, so nothing older matters."""
        self._version = self._source.version()
        self._read_s = self._clock.boottime_s()

    def fresh(self, now_s: float) -> bool:
        """Whether the change log was read within the last 5 s."""
        return now_s - self._read_s <= STALE_AFTER_S

    def load(self, endpoint_ids: Sequence[str]) -> None:
        """Prepare endpoints that a lane now needs. Those that are gone are absent afterwards."""
        with self._lock:
            self._load(endpoint_ids)

    def forget(self, endpoint_ids: Iterable[str]) -> None:
        """Their lanes are gone from memory."""
        for endpoint_id in endpoint_ids:
            self._targets.pop(endpoint_id, None)

    def refresh(self) -> list[str]:
        """Read what changed; reload and report the endpoints concerned that are known here."""
        with self._lock:
            started_s = self._clock.boottime_s()
            changes = self._source.changes_after(self._version)
            ids = {change.id for change in changes if change.kind == "endpoint"}
            tenants = {change.tenant_id for change in changes if change.kind == "tenant"}
            if tenants:
                ids.update(key for key, target in self._targets.items() if target.endpoint.tenant_id in tenants)
            known = sorted(ids & self._targets.keys())
            self._load(known)
            if changes:
                self._version = changes[-1].version
            self._read_s = started_s
        if known:
            self._on_change(known)
        return known

    def try_refresh(self) -> None:
        """For the following thread: a store that can't answer is tried again; `fresh` tells meanwhile."""
        try:
            self.refresh()
        except StoreUnavailable:
            return

    def _load(self, endpoint_ids: Sequence[str]) -> None:
        if not endpoint_ids:
            return
        endpoints = self._source.load_endpoints(endpoint_ids)
        secrets: dict[str, list[Secret]] = {}
        for secret in self._source.load_secrets([], [endpoint.id for endpoint in endpoints]):
            secrets.setdefault(secret.endpoint_id or "", []).append(secret)
        found = {endpoint.id: prepare(endpoint, secrets.get(endpoint.id, [])) for endpoint in endpoints}
        for endpoint_id in endpoint_ids:
            target = found.get(endpoint_id)
            if target is None:
                self._targets.pop(endpoint_id, None)
            else:
                self._targets[endpoint_id] = target
