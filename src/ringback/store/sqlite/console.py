"""The SQLite store's operators, and who of them and of tenants' people is signed in."""

from collections.abc import Sequence
from typing import Final

import apsw

from ringback.model.console import ConsoleLink, ConsoleSession, Operator, operator_holder
from ringback.store.console_rows import link_of, session_of
from ringback.store.queries import load
from ringback.store.sqlite.connection import SqlitePart, change, first, rows

_SQL: Final = load("sqlite")


class SqliteConsole(SqlitePart):
    """`Operators`, `ConsoleSessions`, and what of `AccessUpkeep` is about them."""

    def create_operator(self, operator: Operator, operators_max: int) -> bool:
        with self._writer.transaction() as connection:
            count, known = first(connection, _SQL["count_operators"], {"name": operator.name})
            if known or count >= operators_max:
                return False
            connection.execute(_SQL["insert_operator"], operator._asdict())
            return True

    def operator_by_name(self, name: str) -> Operator | None:
        found = self._read(_SQL["operator_by_name"], {"name": name})
        return Operator(*found[0]) if found else None

    def operator_by_id(self, operator_id: str) -> Operator | None:
        found = self._read(_SQL["operator_by_id"], {"id": operator_id})
        return Operator(*found[0]) if found else None

    def list_operators(self) -> Sequence[Operator]:
        return [Operator(*row) for row in self._read(_SQL["list_operators"])]

    def change_password(self, operator_id: str, password_hash: str, now: int) -> bool:
        changed = {"id": operator_id, "password_hash": password_hash, "now": now}
        with self._writer.transaction() as connection:
            _end_sessions_of(connection, operator_holder(operator_id))
            return change(connection, _SQL["change_password"], changed) == 1

    def renew_hash(self, operator_id: str, before: str, after: str) -> bool:
        with self._writer.transaction() as connection:
            return change(connection, _SQL["renew_hash"], {"id": operator_id, "before": before, "after": after}) == 1

    def delete_operator(self, operator_id: str) -> bool:
        with self._writer.transaction() as connection:
            _end_sessions_of(connection, operator_holder(operator_id))
            return change(connection, _SQL["delete_operator"], {"id": operator_id}) == 1

    def open_session(self, session: ConsoleSession) -> None:
        with self._writer.transaction() as connection:
            connection.execute(_SQL["open_session"], session._asdict())

    def session_by_token(self, token_hash: bytes, now: int) -> ConsoleSession | None:
        found = self._read(_SQL["session_by_token"], {"token_hash": token_hash, "now": now})
        return session_of(found[0]) if found else None

    def end_session(self, token_hash: bytes) -> bool:
        with self._writer.transaction() as connection:
            return change(connection, _SQL["end_session"], {"token_hash": token_hash}) == 1

    def end_sessions_of(self, holder: str) -> int:
        with self._writer.transaction() as connection:
            return _end_sessions_of(connection, holder)

    def add_link(self, link: ConsoleLink) -> None:
        with self._writer.transaction() as connection:
            connection.execute(_SQL["insert_link"], link._asdict())

    def link_by_token(self, token_hash: bytes, now: int) -> ConsoleLink | None:
        found = self._read(_SQL["link_by_token"], {"token_hash": token_hash, "now": now})
        return link_of(found[0]) if found else None

    def use_link(self, token_hash: bytes, now: int) -> ConsoleLink | None:
        with self._writer.transaction() as connection:
            found = rows(connection, _SQL["use_link"], {"token_hash": token_hash, "now": now})
        return link_of(found[0]) if found else None

    def expire_access_step(self, now: int, limit: int) -> int:
        with self._writer.transaction() as connection:
            sessions = change(connection, _SQL["expire_sessions"], {"now": now, "limit": limit})
            return sessions + change(connection, _SQL["expire_links"], {"now": now, "limit": limit - sessions})


def _end_sessions_of(connection: apsw.Connection, holder: str) -> int:
    return change(connection, _SQL["end_sessions_of"], {"holder": holder})
