"""What is made of records' changes: record types and triggers, as the ingest writer's transaction sees them.

Follows the log of changes together with the match index, which loads it (`load`, `forget`, `drop_tenant`). A trigger is
compiled when it is first needed; one that can't be compiled any more never fires, which is told as a failure.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from ringback.model.lane import Change
from ringback.model.limits import STEP_ROWS_MAX
from ringback.model.record import RecordType
from ringback.model.trigger import Trigger
from ringback.policy.trigger import CompiledTrigger, TriggerRefused, compile_trigger
from ringback.store.port import RecordTransaction

OnFailure = Callable[[str, str, str, str], None]
"""Tenant, rule, event, what went wrong: a rule failed on an event."""


class Rule:
    """One active trigger. `compiled` is None where it can't be."""

    __slots__ = ("_compiled", "trigger")

    def __init__(self, trigger: Trigger) -> None:
        self.trigger: Final = trigger
        self._compiled: CompiledTrigger | str | None = None

    def compiled(self) -> CompiledTrigger | str:
        """What judges, or why there is nothing that could."""
        if self._compiled is None:
            try:
                self._compiled = compile_trigger(self.trigger.when, self.trigger.data)
            except TriggerRefused as refused:
                # It was checked when it was saved.
                self._compiled = refused.detail
        return self._compiled


class Rules:
    """`type_of` and `of` for whoever changes records; the rest is for the match index."""

    def __init__(self) -> None:
        self._types: dict[str, RecordType] = {}
        self._by_id: dict[str, Rule] = {}
        self._by_type: dict[tuple[str, str], list[Rule]] = {}

    def type_of(self, record_type: str) -> RecordType:
        """The entry of a type, or what holds for one without."""
        return self._types.get(record_type) or RecordType(record_type)

    def of(self, tenant_id: str, record_type: str) -> Sequence[Rule]:
        """The tenant's active triggers on records of this type, oldest first."""
        return self._by_type.get((tenant_id, record_type), ())

    def load(self, transaction: RecordTransaction, changes: Sequence[Change]) -> None:
        """Load what changed."""
        names = list(dict.fromkeys(change.id for change in changes if change.kind == "record_type"))
        for step in _steps(names):
            found = {entry.name: entry for entry in transaction.record_types(step)}
            for name in step:
                self._types.pop(name, None)
            self._types.update(found)
        ids = list(dict.fromkeys(change.id for change in changes if change.kind == "trigger"))
        for step in _steps(ids):
            for trigger_id in step:
                self._remove(trigger_id)
            for trigger in transaction.triggers(step):
                self._add(trigger)

    def forget(self) -> None:
        """Changes were missed: what is known may be gone."""
        self._types.clear()
        self._by_id.clear()
        self._by_type.clear()

    def drop_tenant(self, tenant_id: str) -> None:
        """It is gone, and another one may get its name."""
        for trigger_id in [rule.trigger.id for rule in self._by_id.values() if rule.trigger.tenant_id == tenant_id]:
            self._remove(trigger_id)

    def _add(self, trigger: Trigger) -> None:
        if not trigger.active:
            return
        rule = self._by_id[trigger.id] = Rule(trigger)
        rules = self._by_type.setdefault((trigger.tenant_id, trigger.record_type), [])
        rules.append(rule)
        rules.sort(key=lambda one: one.trigger.id)

    def _remove(self, trigger_id: str) -> None:
        rule = self._by_id.pop(trigger_id, None)
        if rule is None:
            return
        name = rule.trigger.tenant_id, rule.trigger.record_type
        left = [one for one in self._by_type[name] if one is not rule]
        if left:
            self._by_type[name] = left
        else:
            del self._by_type[name]


def _steps(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[start : start + STEP_ROWS_MAX] for start in range(0, len(ids), STEP_ROWS_MAX))
