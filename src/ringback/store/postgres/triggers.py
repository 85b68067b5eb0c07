"""The PostgreSQL store's triggers, and what is kept of rules that fail."""

from collections.abc import Sequence
from typing import Final

from ringback.model.trigger import Trigger
from ringback.store.port import RuleFailure
from ringback.store.postgres.again import tried_again
from ringback.store.postgres.changes import Changed, log_change
from ringback.store.postgres.connection import PostgresPart
from ringback.store.postgres.session import Session
from ringback.store.postgres.tenant_locks import lock_tenant
from ringback.store.queries import load
from ringback.store.record_rows import trigger_columns, trigger_of

_SQL: Final = load("postgres")
_KIND: Final = "trigger"


class PostgresTriggers(PostgresPart):
    """`Triggers` and `RuleFailures`."""

    @tried_again
    def create_trigger(self, trigger: Trigger, triggers_max: int) -> bool:
        with self._db.writing() as session:
            if not lock_tenant(session, trigger.tenant_id):
                return False
            (count,) = session.first(_SQL["count_triggers"], {"tenant_id": trigger.tenant_id})
            if count >= triggers_max:
                return False
            session.change(_SQL["insert_trigger"], trigger_columns(trigger))
            log_change(session, _KIND, trigger.tenant_id, trigger.id)
            return True

    def get_trigger(self, tenant_id: str, trigger_id: str) -> Trigger | None:
        with self._db.reading() as session:
            found = session.first(_SQL["trigger_of_tenant"], {"id": trigger_id, "tenant_id": tenant_id})
        return None if found is None else trigger_of(found)

    def list_triggers(self, tenant_id: str, after: str | None, limit: int) -> Sequence[Trigger]:
        page = {"tenant_id": tenant_id, "after": after or "", "limit": limit}
        with self._db.reading() as session:
            return [trigger_of(row) for row in session.rows(_SQL["list_triggers"], page)]

    @tried_again
    def update_trigger(self, trigger: Trigger) -> bool:
        with self._db.writing() as session:
            if not session.change(_SQL["update_trigger"], trigger_columns(trigger)):
                return False
            log_change(session, _KIND, trigger.tenant_id, trigger.id)
            return True

    @tried_again
    def delete_trigger(self, tenant_id: str, trigger_id: str) -> bool:
        with self._db.writing() as session:
            if not session.change(_SQL["delete_trigger"], {"id": trigger_id, "tenant_id": tenant_id}):
                return False
            forget_failure(session, tenant_id, trigger_id)
            log_change(session, _KIND, tenant_id, trigger_id)
            return True

    @tried_again
    def note_rule_failures(self, failures: Sequence[RuleFailure]) -> None:
        if not failures:
            return
        names = ("tenant_ids", "rule_ids", "ats", "event_ids", "messages")
        columns = {name: list(column) for name, column in zip(names, zip(*failures, strict=True), strict=True)}
        with self._db.writing() as session:
            session.change(_SQL["put_rule_failures"], columns)

    def rule_failures(self, tenant_id: str, rule_ids: Sequence[str]) -> Sequence[RuleFailure]:
        with self._db.reading() as session:
            found = session.rows(_SQL["rule_failures"], {"tenant_id": tenant_id, "rule_ids": list(rule_ids)})
        return [RuleFailure(*row) for row in found]


def read_triggers(session: Session, trigger_ids: Sequence[str]) -> list[Trigger]:
    """Those of the triggers that exist, as asked."""
    return [trigger_of(row) for row in session.rows(_SQL["triggers_by_id"], {"ids": list(trigger_ids)})]


def delete_triggers_of(session: Session, tenant_id: str) -> list[Changed]:
    """Remove all triggers of a tenant, whose row is locked; the caller logs them, last in its transaction."""
    found = session.rows(_SQL["delete_triggers_of_tenant"], {"tenant_id": tenant_id})
    return [Changed(_KIND, tenant_id, trigger_id) for (trigger_id,) in found]


def forget_failure(session: Session, tenant_id: str, rule_id: str) -> None:
    """Of a rule that is deleted."""
    session.change(_SQL["delete_rule_failure"], {"tenant_id": tenant_id, "rule_id": rule_id})
