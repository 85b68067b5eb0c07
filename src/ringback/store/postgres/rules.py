"""The PostgreSQL store's triggers, what people are shown of rules that fail, and the notices that wait."""

from collections.abc import Sequence
from typing import Final

from ringback.model.notice import Notice
from ringback.model.trigger import Trigger
from ringback.store.port import RuleFailure
from ringback.store.postgres.again import tried_again
from ringback.store.postgres.changes import Changed, log_change
from ringback.store.postgres.connection import PostgresPart
from ringback.store.postgres.session import Session
from ringback.store.postgres.tenant_locks import lock_tenant
from ringback.store.queries import load
from ringback.store.record_rows import trigger_columns, trigger_of
from ringback.store.sealed_rows import patterns_of

_SQL: Final = load("postgres")
_KIND: Final = "trigger"


class PostgresTriggers(PostgresPart):
    """`Triggers`."""

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
            found = read_triggers(session, [trigger_id])
        return found[0] if found and found[0].tenant_id == tenant_id else None

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
            session.change(_SQL["delete_rule_failure"], {"id": trigger_id, "tenant_id": tenant_id})
            log_change(session, _KIND, tenant_id, trigger_id)
            return True


class PostgresRuleFailures(PostgresPart):
    """`RuleFailures`."""

    @tried_again
    def note_rule_failures(self, failures: Sequence[RuleFailure]) -> None:
        if not failures:
            return
        names = ("tenant_ids", "rule_ids", "ats", "event_ids", "messages")
        columns = {name: list(column) for name, column in zip(names, zip(*failures, strict=True), strict=True)}
        with self._db.writing() as session:
            session.change(_SQL["note_rule_failures"], columns)

    def rule_failures(self, tenant_id: str, rule_ids: Sequence[str]) -> Sequence[RuleFailure]:
        with self._db.reading() as session:
            found = session.rows(_SQL["rule_failures"], {"tenant_id": tenant_id, "rule_ids": list(rule_ids)})
        return [RuleFailure(*row) for row in found]


class PostgresNotices(PostgresPart):
    """`Notices`."""

    def patterns_of_endpoints(self, after: str, limit: int) -> Sequence[tuple[str, str, Sequence[str]]]:
        with self._db.reading() as session:
            found = session.rows(_SQL["page_of_endpoints"], {"after": after, "limit": limit})
        return [(endpoint_id, tenant_id, patterns_of(config)) for endpoint_id, tenant_id, config in found]

    def oldest_notices(self, limit: int) -> Sequence[Notice]:
        with self._db.reading(hot=True) as session:
            return [Notice(*row) for row in session.rows(_SQL["oldest_notices"], {"limit": limit})]

    @tried_again
    def drop_notices(self, notices: Sequence[tuple[str, str]]) -> None:
        if not notices:
            return
        asked = {
            "tenant_ids": [tenant_id for tenant_id, _ in notices],
            "ids": [notice_id for _, notice_id in notices],
        }
        with self._db.writing(hot=True) as session:
            session.change(_SQL["drop_notices"], asked)


def insert_notices(session: Session, notices: Sequence[Notice]) -> None:
    """Write notices down, in the transaction of what they tell of."""
    if notices:
        names = ("tenant_ids", "ids", "types", "endpoint_ids", "ats", "datas")
        columns = [list(column) for column in zip(*notices, strict=True)]
        session.change(_SQL["insert_notices"], dict(zip(names, columns, strict=True)))


def read_triggers(session: Session, trigger_ids: Sequence[str]) -> list[Trigger]:
    """Those of the triggers that exist, as asked."""
    return [trigger_of(row) for row in session.rows(_SQL["triggers_by_id"], {"ids": list(trigger_ids)})]


def delete_triggers_of(session: Session, tenant_id: str) -> list[Changed]:
    """Remove all triggers of a tenant, whose row is locked; the caller logs them, last in its transaction."""
    found = session.rows(_SQL["delete_triggers_of_tenant"], {"tenant_id": tenant_id})
    return [Changed(_KIND, tenant_id, trigger_id) for (trigger_id,) in found]
