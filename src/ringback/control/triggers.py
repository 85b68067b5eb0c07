"""Triggers: make, show, change, delete; and the templates they may be made from.

What a trigger means is `policy.trigger`'s; that it is followed is `ingest`'s, which reads the log of changes that the
store writes with each of these. Every write is followed by `notify`. A trigger's event changes no record, and triggers
look at records alone: so none can set off another one, or itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Final, Protocol

from ringback.clock import Clock
from ringback.control.findings import Findings
from ringback.control.paging import Page, PageRequest, checked_limit, decode_cursor, page_of
from ringback.control.revision import change_stored
from ringback.control.rule_failures import failures_since
from ringback.control.tenants import required_tenant
from ringback.control.trigger_fields import TriggerFields, check_trigger
from ringback.model.errors import NoRoomLeft, NotFound
from ringback.model.limits import TRIGGERS_PER_TENANT_MAX
from ringback.model.trigger import Trigger
from ringback.store.port import RuleFailure, RuleFailures, Tenants, Triggers

_LIST: Final = "triggers"


class TriggerStore(Triggers, RuleFailures, Tenants, Protocol):
    """What these use cases need of a store."""


class TriggerUseCases:
    """What can be done with triggers."""

    def __init__(
        self,
        store: TriggerStore,
        clock: Clock,
        notify: Callable[[], None],
        *,
        triggers_max: int = TRIGGERS_PER_TENANT_MAX,
    ) -> None:
        self._store = store
        self._clock = clock
        self._notify = notify
        self._triggers_max = triggers_max

    def create(self, tenant_id: str, fields: TriggerFields) -> Trigger:
        """Raises Invalid, NotFound for an unknown tenant, OverQuota."""
        required_tenant(self._store, tenant_id)
        findings = Findings()
        checked = check_trigger(findings, fields)
        findings.raise_if_any()
        now = self._clock.now_ms()
        trigger = Trigger(**checked, id=self._clock.new_id("trg"), tenant_id=tenant_id, created_at=now, updated_at=now)
        if not self._store.create_trigger(trigger, self._triggers_max):
            required_tenant(self._store, tenant_id)
            raise NoRoomLeft(
                f"This tenant has {self._triggers_max} triggers already. Delete one first.", code="trigger_quota"
            )
        self._notify()
        return trigger

    def get(self, tenant_id: str, trigger_id: str) -> Trigger:
        """Raises NotFound."""
        found = self._store.get_trigger(tenant_id, trigger_id)
        if found is None:
            raise NotFound("There is no such trigger.")
        return found

    def list(self, tenant_id: str, page: PageRequest) -> Page[Trigger]:
        """Oldest first. Raises NotFound for an unknown tenant."""
        limit = checked_limit(page.limit)
        after = decode_cursor(_LIST, page.cursor)
        required_tenant(self._store, tenant_id)
        rows = self._store.list_triggers(tenant_id, after, limit + 1)
        return page_of(_LIST, rows, limit, lambda trigger: trigger.id)

    def update(self, tenant_id: str, trigger_id: str, fields: TriggerFields) -> Trigger:
        """Change what `fields` holds. Raises Invalid, NotFound, Conflict."""

        def altered(trigger: Trigger) -> Trigger:
            findings = Findings()
            checked = check_trigger(findings, fields, asdict(trigger))
            findings.raise_if_any()
            after = replace(trigger, **checked)
            if after == trigger:
                return trigger
            return replace(after, updated_at=self._clock.now_ms(), revision=trigger.revision + 1)

        changed = change_stored(lambda: self.get(tenant_id, trigger_id), altered, self._store.update_trigger)
        self._notify()
        return changed

    def delete(self, tenant_id: str, trigger_id: str) -> None:
        """It never fires again. Raises NotFound."""
        if not self._store.delete_trigger(tenant_id, trigger_id):
            raise NotFound("There is no such trigger.")
        self._notify()

    def failures(self, tenant_id: str, triggers: Sequence[Trigger]) -> Mapping[str, RuleFailure]:
        """How those of them failed last that have failed since they were changed, by id."""
        return failures_since(self._store, tenant_id, {one.id: one.updated_at for one in triggers})
