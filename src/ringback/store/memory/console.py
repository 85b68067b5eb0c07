"""The memory store's operators, and who of them and of tenants' people is signed in."""

from collections.abc import Sequence

from ringback.model.console import ConsoleLink, ConsoleSession, Operator, operator_holder
from ringback.store.memory.tables import MemoryPart, MemoryTables, refuse_bad_rows


class MemoryConsole(MemoryPart):
    """`Operators`, `ConsoleSessions`, and what of `AccessUpkeep` is about them."""

    def create_operator(self, operator: Operator, operators_max: int) -> bool:
        refuse_bad_rows([operator])
        with self._tables as tables:
            taken = any(known.name == operator.name for known in tables.operators.values())
            if taken or len(tables.operators) >= operators_max:
                return False
            tables.operators[operator.id] = operator
            return True

    def operator_by_name(self, name: str) -> Operator | None:
        with self._tables as tables:
            return next((one for one in tables.operators.values() if one.name == name), None)

    def operator_by_id(self, operator_id: str) -> Operator | None:
        with self._tables as tables:
            return tables.operators.get(operator_id)

    def list_operators(self) -> Sequence[Operator]:
        with self._tables as tables:
            return sorted(tables.operators.values(), key=lambda one: one.name)

    def change_password(self, operator_id: str, password_hash: str, now: int) -> bool:
        with self._tables as tables:
            known = tables.operators.get(operator_id)
            if known is None:
                return False
            tables.operators[operator_id] = known._replace(password_hash=password_hash, changed_at=now)
            _end_sessions_of(tables, operator_holder(operator_id))
            return True

    def renew_hash(self, operator_id: str, before: str, after: str) -> bool:
        with self._tables as tables:
            known = tables.operators.get(operator_id)
            if known is None or known.password_hash != before:
                return False
            tables.operators[operator_id] = known._replace(password_hash=after)
            return True

    def delete_operator(self, operator_id: str) -> bool:
        with self._tables as tables:
            _end_sessions_of(tables, operator_holder(operator_id))
            return tables.operators.pop(operator_id, None) is not None

    def open_session(self, session: ConsoleSession) -> None:
        refuse_bad_rows([session])
        with self._tables as tables:
            tables.console_sessions[session.token_hash] = session

    def session_by_token(self, token_hash: bytes, now: int) -> ConsoleSession | None:
        with self._tables as tables:
            found = tables.console_sessions.get(token_hash)
            if found is None or found.expires_at <= now:
                return None
            return found if found.tenant_id is None or found.tenant_id in tables.tenants else None

    def end_session(self, token_hash: bytes) -> bool:
        with self._tables as tables:
            return tables.console_sessions.pop(token_hash, None) is not None

    def end_sessions_of(self, holder: str) -> int:
        with self._tables as tables:
            return _end_sessions_of(tables, holder)

    def add_link(self, link: ConsoleLink) -> None:
        refuse_bad_rows([link])
        with self._tables as tables:
            tables.console_links[link.token_hash] = link

    def link_by_token(self, token_hash: bytes, now: int) -> ConsoleLink | None:
        with self._tables as tables:
            found = tables.console_links.get(token_hash)
            return found if found is not None and found.expires_at > now and found.tenant_id in tables.tenants else None

    def use_link(self, token_hash: bytes, now: int) -> ConsoleLink | None:
        with self._tables as tables:
            found = self.link_by_token(token_hash, now)
            if found is not None:
                del tables.console_links[token_hash]
            return found

    def expire_access_step(self, now: int, limit: int) -> int:
        with self._tables as tables:
            sessions = [one for one in tables.console_sessions.values() if one.expires_at <= now][:limit]
            for session in sessions:
                del tables.console_sessions[session.token_hash]
            left = limit - len(sessions)
            links = [one for one in tables.console_links.values() if one.expires_at <= now][:left]
            for link in links:
                del tables.console_links[link.token_hash]
            return len(sessions) + len(links)


def _end_sessions_of(tables: MemoryTables, holder: str) -> int:
    ended = [one.token_hash for one in tables.console_sessions.values() if one.holder == holder]
    for token_hash in ended:
        del tables.console_sessions[token_hash]
    return len(ended)
