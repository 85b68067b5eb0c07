"""The SQLite store's triggers, what people are shown of rules that fail, and the notices that wait."""

from collections.abc import Sequence
from typing import Final

import apsw

from ringback.model.notice import Notice
from ringback.model.trigger import Trigger
from ringback.store.port import RuleFailure
from ringback.store.queries import load
from ringback.store.record_rows import trigger_columns, trigger_of
from ringback.store.sealed_rows import patterns_of
from ringback.store.sqlite.changes import log_change
from ringback.store.sqlite.connection import ManyRows, SqlitePart, change, first, rows
from ringback.store.sqlite.json_lists import json_list

_KIND: Final = "trigger"

_SQL: Final = load("sqlite")
_NOTE_RULE_FAILURES: Final = ManyRows(_SQL["note_rule_failures"])
_INSERT_NOTICES: Final = ManyRows(_SQL["insert_notices"])
_DROP_NOTICES: Final = ManyRows(_SQL["drop_notices"])


class SqliteTriggers(SqlitePart):
    """`Triggers`."""

    def create_trigger(self, trigger: Trigger, triggers_max: int) -> bool:
        with self._writer.transaction() as connection:
            count, tenant_deleted = first(connection, _SQL["room_for_trigger"], {"tenant_id": trigger.tenant_id})
            if count >= triggers_max or tenant_deleted:
                return False
            connection.execute(_SQL["insert_trigger"], trigger_columns(trigger))
            log_change(connection, _KIND, trigger.tenant_id, trigger.id)
            return True

    def get_trigger(self, tenant_id: str, trigger_id: str) -> Trigger | None:
        with self._readers.reading() as connection:
            found = read_triggers(connection, [trigger_id])
        return found[0] if found and found[0].tenant_id == tenant_id else None

    def list_triggers(self, tenant_id: str, after: str | None, limit: int) -> Sequence[Trigger]:
        asked = {"tenant_id": tenant_id, "after": after or "", "limit": limit}
        return [trigger_of(row) for row in self._read(_SQL["list_triggers"], asked)]

    def update_trigger(self, trigger: Trigger) -> bool:
        with self._writer.transaction() as connection:
            if not change(connection, _SQL["update_trigger"], trigger_columns(trigger)):
                return False
            log_change(connection, _KIND, trigger.tenant_id, trigger.id)
            return True

    def delete_trigger(self, tenant_id: str, trigger_id: str) -> bool:
        with self._writer.transaction() as connection:
            return _delete_trigger(connection, tenant_id, trigger_id)


class SqliteRuleFailures(SqlitePart):
    """`RuleFailures`."""

    def note_rule_failures(self, failures: Sequence[RuleFailure]) -> None:
        with self._writer.transaction() as connection:
            _NOTE_RULE_FAILURES.run(connection, failures)

    def rule_failures(self, tenant_id: str, rule_ids: Sequence[str]) -> Sequence[RuleFailure]:
        found = self._read(_SQL["rule_failures"], {"tenant_id": tenant_id, "ids": json_list(rule_ids)})
        return [RuleFailure(*row) for row in found]


class SqliteNotices(SqlitePart):
    """`Notices`."""

    def patterns_of_endpoints(self, after: str, limit: int) -> Sequence[tuple[str, str, Sequence[str]]]:
        found = self._read(_SQL["page_of_endpoints"], {"after": after, "limit": limit})
        return [(endpoint_id, tenant_id, patterns_of(config)) for endpoint_id, tenant_id, config in found]

    def oldest_notices(self, limit: int) -> Sequence[Notice]:
        return [Notice(*row) for row in self._read(_SQL["oldest_notices"], {"limit": limit})]

    def drop_notices(self, notices: Sequence[tuple[str, str]]) -> None:
        with self._writer.transaction() as connection:
            _DROP_NOTICES.run(connection, notices)


def insert_notices(connection: apsw.Connection, notices: Sequence[Notice]) -> None:
    """Write notices down, in the transaction of what they tell of, but for those that are there already."""
    if notices:
        _INSERT_NOTICES.run(connection, notices)


def read_triggers(connection: apsw.Connection, trigger_ids: Sequence[str]) -> list[Trigger]:
    """Those of the triggers that exist."""
    return [trigger_of(row) for row in rows(connection, _SQL["triggers_by_id"], {"ids": json_list(trigger_ids)})]


def delete_triggers_of(connection: apsw.Connection, tenant_id: str) -> None:
    """Remove all triggers of a tenant."""
    for (trigger_id,) in rows(connection, _SQL["ids_of_triggers"], {"tenant_id": tenant_id}):
        _delete_trigger(connection, tenant_id, trigger_id)


def _delete_trigger(connection: apsw.Connection, tenant_id: str, trigger_id: str) -> bool:
    named = {"tenant_id": tenant_id, "id": trigger_id}
    if not change(connection, _SQL["delete_trigger"], named):
        return False
    connection.execute(_SQL["delete_rule_failure"], named)
    log_change(connection, _KIND, tenant_id, trigger_id)
    return True
