"""Operators: the people who run this Ringback and sign in at the console by name and password.

Who may make them is decided before (api.auth: admin keys). Passwords are checked for their length alone, hashed by
what comes in by argument, and never kept, logged or shown. Whoever is deleted, or has another password, is signed out
at once. Fails with the errors of `model.errors`.
"""

from typing import Final

from ringback.clock import Clock
from ringback.control.findings import Findings
from ringback.control.paging import Page, PageRequest, checked_limit, decode_text_cursor, encode_text_cursor
from ringback.control.passwords import Passwords
from ringback.model.console import Operator
from ringback.model.errors import Conflict, NoRoomLeft, NotFound
from ringback.model.limits import OPERATOR_NAME_CHARS_MAX, OPERATORS_MAX, PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN
from ringback.store.port import Operators

_LIST: Final = "operators"


class OperatorUseCases:
    """What can be done with operators."""

    def __init__(
        self, store: Operators, clock: Clock, passwords: Passwords, *, operators_max: int = OPERATORS_MAX
    ) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords
        self._operators_max = operators_max

    def create(self, name: str, password: str) -> Operator:
        """Raises Invalid, Conflict when the name is taken, OverQuota."""
        findings = Findings()
        _check_name(findings, name)
        _check_password(findings, password)
        findings.raise_if_any()
        now = self._clock.now_ms()
        operator = Operator(self._clock.new_id("op"), name, self._passwords.hash(password), now, now)
        if not self._store.create_operator(operator, self._operators_max):
            if self._store.operator_by_name(name) is not None:
                raise Conflict("There is an operator with this name already.")
            raise NoRoomLeft(
                f"There are {self._operators_max} operators already. Delete one first.", code="operator_quota"
            )
        return operator

    def list(self, page: PageRequest) -> Page[Operator]:
        """By name."""
        limit = checked_limit(page.limit)
        after = decode_text_cursor(_LIST, page.cursor)
        rows = [one for one in self._store.list_operators() if after is None or one.name > after]
        shown = rows[:limit]
        return Page(shown, encode_text_cursor(_LIST, shown[-1].name) if len(rows) > limit else None)

    def change_password(self, operator_id: str, password: str) -> None:
        """The operator's sessions end. Raises Invalid, NotFound."""
        findings = Findings()
        _check_password(findings, password)
        findings.raise_if_any()
        if self._store.operator_by_id(operator_id) is None:
            raise _unknown_operator()
        if not self._store.change_password(operator_id, self._passwords.hash(password), self._clock.now_ms()):
            raise _unknown_operator()

    def delete(self, operator_id: str) -> None:
        """The operator's sessions end. Raises NotFound."""
        if not self._store.delete_operator(operator_id):
            raise _unknown_operator()


def _check_name(findings: Findings, name: str) -> None:
    if not 1 <= len(name) <= OPERATOR_NAME_CHARS_MAX or not name.isprintable() or name != name.strip():
        findings.add("name", f"must be 1 to {OPERATOR_NAME_CHARS_MAX} visible characters, no space around them")


def _check_password(findings: Findings, password: str) -> None:
    if not PASSWORD_CHARS_MIN <= len(password) <= PASSWORD_CHARS_MAX:
        findings.add("password", f"must be {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters long")


def _unknown_operator() -> NotFound:
    return NotFound("There is no such operator.")
