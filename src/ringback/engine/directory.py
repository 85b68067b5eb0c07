"""Endpoints as they are now, prepared for sending: the engine's one view of configuration.

Follows the change log (`refresh`, called by a thread every half second and at once by whoever changed something in
this process). Keeps only the endpoints of lanes in memory. If the log can't be read for 5 s, `fresh` says so and the
dispatcher stops sending: better late than to an endpoint that was switched off. Never decides what is sent.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from ringback.clock import Clock
from ringback.model.endpoint import Endpoint, Secret
from ringback.model.lane import Change
from ringback.model.profile import PROFILE_CHANGE
from ringback.outgoing import Target, prepare
from ringback.profiles import Registry
from ringback.store.port import EndpointSource, Follow, Quotas, StoreUnavailable

STALE_AFTER_S: Final = 5.0

EventName = tuple[str, str]
"""(tenant, event)"""


class ConfigSource(EndpointSource, Follow, Quotas, Protocol):
    """What the directory reads. Of a tenant it wants to know whether its webhooks are on."""


class Directory:
    """endpoint_id → Target. `get` is for any thread; a value is replaced, never changed.

    `on_change` gets the endpoints that changed, `on_redaction` the events that may not be sent any more, or None when
    changes were missed: then any may be one.
    """

    def __init__(
        self,
        source: ConfigSource,
        clock: Clock,
        profiles: Registry,
        on_change: Callable[[list[str]], None],
        on_redaction: Callable[[frozenset[EventName] | None], None],
    ) -> None:
        self._source = source
        self._clock = clock
        self._profiles = profiles
        self._on_change = on_change
        self._on_redaction = on_redaction
        self._targets: dict[str, Target] = {}
        self._version = 0
        self._read_s = clock.boottime_s()
        self._lock = threading.Lock()
        self.get = self._targets.get

    def start(self) -> None:
        """Begin to follow from now on: no endpoint is loaded yet, so of those nothing older matters."""
        self._version = self._source.version()
        self._profiles.load()
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
            redacted = None if changes is None else _redacted(changes)
            known = self._load_all() if changes is None else self._load_changed(changes)
            self._read_s = started_s
        if redacted is None or redacted:
            self._on_redaction(redacted)
        if known:
            self._on_change(known)
        return known

    def _load_changed(self, changes: Sequence[Change]) -> list[str]:
        self._profiles.follow(changes)
        ids = {change.id for change in changes if change.kind == "endpoint"}
        tenants = {change.tenant_id for change in changes if change.kind == "tenant"}
        profiles = {change.id for change in changes if change.kind == PROFILE_CHANGE}
        if tenants or profiles:
            ids.update(
                key
                for key, target in list(self._targets.items())
                if target.endpoint.tenant_id in tenants or target.endpoint.profile in profiles
            )
        known = sorted(ids & self._targets.keys())
        self._load(known)
        if changes:
            self._version = changes[-1].version
        return known

    def _load_all(self) -> list[str]:
        """Changes were missed: anything may be another."""
        version = self._source.version()  # before the rest is read: what changes meanwhile is read again
        self._profiles.load()
        known = sorted(self._targets)
        self._load(known)
        self._version = version
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
        found = self._prepared(endpoints)
        for endpoint_id in endpoint_ids:
            target = found.get(endpoint_id)
            if target is None:
                self._targets.pop(endpoint_id, None)
            else:
                self._targets[endpoint_id] = target

    def _prepared(self, endpoints: Sequence[Endpoint]) -> dict[str, Target]:
        contracts = {endpoint.id: self._profiles.of(endpoint.profile) for endpoint in endpoints}
        shared = {name for name, contract in contracts.items() if contract and contract.profile.tenant_signs}
        tenants = {endpoint.tenant_id for endpoint in endpoints if endpoint.id in shared}
        secrets: dict[tuple[str, str | None], list[Secret]] = {}
        for secret in self._source.load_secrets(sorted(tenants), sorted(contracts.keys() - shared)):
            secrets.setdefault((secret.tenant_id, secret.endpoint_id), []).append(secret)
        tenant_ids = sorted({endpoint.tenant_id for endpoint in endpoints})
        off = {one.id for one in self._source.load_tenants(tenant_ids) if not one.webhooks_enabled}
        found = {}
        for endpoint in endpoints:
            owner = endpoint.tenant_id, None if endpoint.id in shared else endpoint.id
            found[endpoint.id] = prepare(
                endpoint, secrets.get(owner, []), contracts[endpoint.id], enabled=endpoint.tenant_id not in off
            )
        return found


def _redacted(changes: Sequence[Change]) -> frozenset[EventName]:
    return frozenset((change.tenant_id, change.id) for change in changes if change.kind == "event")
