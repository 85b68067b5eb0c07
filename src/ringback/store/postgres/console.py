"""The PostgreSQL store's operators, and who of them and of tenants' people is signed in.

A session is opened while the row that its right stands on is held, and a right ends by a write to that row before its
sessions are looked for: so whoever ends a right finds every session, or is found by whoever opens one and looks again.
"""

from collections.abc import Sequence
from typing import Final

from ringback.model.console import OPERATOR_HOLDER, ConsoleLink, ConsoleSession, Operator, operator_holder
from ringback.store.console_rows import link_of, session_of
from ringback.store.postgres.again import tried_again
from ringback.store.postgres.catalogue import has_place
from ringback.store.postgres.connection import PostgresPart
from ringback.store.postgres.session import Session
from ringback.store.postgres.tenant_locks import share_tenant
from ringback.store.queries import load

_SQL: Final = load("postgres")


class PostgresConsole(PostgresPart):
    """`Operators`, `ConsoleSessions`, and what of `AccessUpkeep` is about them."""

    @tried_again
    def create_operator(self, operator: Operator, operators_max: int) -> bool:
        with self._db.writing() as session:
            free = has_place(session, _SQL["count_operators"], operator.name, operators_max)
            if not free or session.first(_SQL["operator_by_name"], {"name": operator.name}) is not None:
                return False
            session.change(_SQL["insert_operator"], operator._asdict())
            return True

    def operator_by_name(self, name: str) -> Operator | None:
        return self._operator("operator_by_name", {"name": name})

    def operator_by_id(self, operator_id: str) -> Operator | None:
        return self._operator("operator_by_id", {"id": operator_id})

    def list_operators(self) -> Sequence[Operator]:
        with self._db.reading() as session:
            return [Operator(*row) for row in session.rows(_SQL["list_operators"])]

    @tried_again
    def change_password(self, operator_id: str, password_hash: str, now: int) -> bool:
        changed = {"id": operator_id, "password_hash": password_hash, "now": now}
        with self._db.writing() as session:
            found = session.change(_SQL["change_password"], changed) == 1
            _end_sessions_of(session, operator_holder(operator_id))
            return found

    @tried_again
    def renew_hash(self, operator_id: str, before: str, after: str) -> bool:
        with self._db.writing() as session:
            return session.change(_SQL["renew_hash"], {"id": operator_id, "before": before, "after": after}) == 1

    @tried_again
    def delete_operator(self, operator_id: str) -> bool:
        with self._db.writing() as session:
            found = session.change(_SQL["delete_operator"], {"id": operator_id}) == 1
            _end_sessions_of(session, operator_holder(operator_id))
            return found

    @tried_again
    def open_session(self, session: ConsoleSession) -> None:
        with self._db.writing() as writing:
            if session.tenant_id is not None:
                share_tenant(writing, session.tenant_id)
            if session.holder.startswith(OPERATOR_HOLDER):
                writing.rows(_SQL["share_operator"], {"id": session.holder.removeprefix(OPERATOR_HOLDER)})
            writing.change(_SQL["open_session"], session._asdict())

    def session_by_token(self, token_hash: bytes, now: int) -> ConsoleSession | None:
        with self._db.reading() as session:
            found = session.first(_SQL["session_by_token"], {"token_hash": token_hash, "now": now})
        return None if found is None else session_of(found)

    @tried_again
    def end_session(self, token_hash: bytes) -> bool:
        with self._db.writing() as session:
            return session.change(_SQL["end_session"], {"token_hash": token_hash}) == 1

    @tried_again
    def end_sessions_of(self, holder: str) -> int:
        with self._db.writing() as session:
            return _end_sessions_of(session, holder)

    @tried_again
    def add_link(self, link: ConsoleLink) -> None:
        with self._db.writing() as session:
            share_tenant(session, link.tenant_id)
            session.change(_SQL["insert_link"], link._asdict())

    def link_by_token(self, token_hash: bytes, now: int) -> ConsoleLink | None:
        with self._db.reading() as session:
            found = session.first(_SQL["link_by_token"], {"token_hash": token_hash, "now": now})
        return None if found is None else link_of(found)

    @tried_again
    def use_link(self, token_hash: bytes, now: int) -> ConsoleLink | None:
        with self._db.writing() as session:
            found = session.first(_SQL["use_link"], {"token_hash": token_hash, "now": now})
        return None if found is None else link_of(found)

    def expire_access_step(self, now: int, limit: int) -> int:
        with self._db.writing() as session:
            sessions = session.change(_SQL["expire_sessions"], {"now": now, "limit": limit})
            return sessions + session.change(_SQL["expire_links"], {"now": now, "limit": limit - sessions})

    def _operator(self, query: str, asked: dict[str, str]) -> Operator | None:
        with self._db.reading() as session:
            found = session.first(_SQL[query], asked)
        return None if found is None else Operator(*found)


def _end_sessions_of(session: Session, holder: str) -> int:
    return session.change(_SQL["end_sessions_of"], {"holder": holder})
