"""The memory store's triggers, what people are shown of rules that fail, and the notices that wait."""

from collections.abc import Sequence

from ringback.model.notice import Notice
from ringback.model.trigger import Trigger
from ringback.store.memory.tables import MemoryPart
from ringback.store.port import BadRow, RuleFailure


class MemoryTriggers(MemoryPart):
    """`Triggers`."""

    def create_trigger(self, trigger: Trigger, triggers_max: int) -> bool:
        with self._tables as tables:
            if trigger.id in tables.triggers:
                raise BadRow(f"There is a trigger {trigger.id} already.")
            owned = sum(one.tenant_id == trigger.tenant_id for one in tables.triggers.values())
            if owned >= triggers_max or trigger.tenant_id in tables.deleted_tenants:
                return False
            tables.triggers[trigger.id] = trigger
            tables.log_change("trigger", trigger.tenant_id, trigger.id)
            return True

    def get_trigger(self, tenant_id: str, trigger_id: str) -> Trigger | None:
        with self._tables as tables:
            found = tables.triggers.get(trigger_id)
            return found if found is not None and found.tenant_id == tenant_id else None

    def list_triggers(self, tenant_id: str, after: str | None, limit: int) -> Sequence[Trigger]:
        with self._tables as tables:
            own = [one for one in tables.triggers.values() if one.tenant_id == tenant_id]
            later = [one for one in own if after is None or one.id > after]
            return sorted(later, key=lambda one: one.id)[:limit]

    def update_trigger(self, trigger: Trigger) -> bool:
        with self._tables as tables:
            stored = self.get_trigger(trigger.tenant_id, trigger.id)
            if stored is None or stored.revision != trigger.revision - 1:
                return False
            tables.triggers[trigger.id] = trigger
            tables.log_change("trigger", trigger.tenant_id, trigger.id)
            return True

    def delete_trigger(self, tenant_id: str, trigger_id: str) -> bool:
        with self._tables as tables:
            found = self.get_trigger(tenant_id, trigger_id)
            if found is None:
                return False
            tables.delete_trigger(found)
            return True


class MemoryRuleFailures(MemoryPart):
    """`RuleFailures`."""

    def note_rule_failures(self, failures: Sequence[RuleFailure]) -> None:
        with self._tables as tables:
            for failure in failures:
                name = failure.tenant_id, failure.rule_id
                known = tables.rule_failures.get(name)
                if known is None or known.at <= failure.at:
                    tables.rule_failures[name] = failure

    def rule_failures(self, tenant_id: str, rule_ids: Sequence[str]) -> Sequence[RuleFailure]:
        with self._tables as tables:
            names = [(tenant_id, rule_id) for rule_id in rule_ids]
            return [tables.rule_failures[name] for name in names if name in tables.rule_failures]


class MemoryNotices(MemoryPart):
    """`Notices`."""

    def patterns_of_endpoints(self, after: str, limit: int) -> Sequence[tuple[str, str, Sequence[str]]]:
        with self._tables as tables:
            ids = sorted(endpoint_id for endpoint_id in tables.endpoints if endpoint_id > after)[:limit]
            found = [tables.endpoints[endpoint_id] for endpoint_id in ids]
            return [(one.id, one.tenant_id, one.event_types) for one in found]

    def oldest_notices(self, limit: int) -> Sequence[Notice]:
        with self._tables as tables:
            return sorted(tables.notices.values(), key=lambda one: (one.at, one.id))[:limit]

    def drop_notices(self, notices: Sequence[tuple[str, str]]) -> None:
        with self._tables as tables:
            for name in notices:
                tables.notices.pop(name, None)
