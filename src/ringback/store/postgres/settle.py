"""The PostgreSQL store's settlements: how deliveries end and how they are tried again.

A batch is judged against its deliveries, whose rows are locked in the order of their keys until the batch is written:
two processes that settle the same delivery do so one after the other. An attempt's id is looked up only where the
delivery is not as the attempt left it; if one turns out to be in the log all the same, everything is rolled back and
every id looked up. Figures of days are appended, never updated (see `upkeep`).
"""

from collections.abc import Sequence
from typing import Final

from psycopg import errors as pg

from ringback.model.attempt import Attempt
from ringback.store.judging import Judgement, Standing, as_left
from ringback.store.port import BadRow, Retryable, Settlement
from ringback.store.postgres.connection import Database, PostgresPart
from ringback.store.postgres.days import ATTEMPT
from ringback.store.postgres.rules import insert_notices
from ringback.store.postgres.session import Session
from ringback.store.queries import load

_SQL: Final = load("postgres")
_ATTEMPT_TYPES: Final = (
    "text", "text", "text", "text", "text", "int8", "int8", "float8", "text", "bool", "bool",
    "int8", "text", "text", "bytea", "text", "text", "text", "text",
    "bytea", "bytea", "bytea", "bytea", "bytea", "bytea", "bool", "text", "bool",
)  # fmt: skip
_DELTA_TYPES: Final = ("text", "text", "text", "int8", "int8")


class PostgresSettlements(PostgresPart):
    """`Settlements`, but for the clock."""

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        if not settlements:
            return []
        self._db.have_days(ATTEMPT, [settlement.attempt.at for settlement in settlements])
        try:
            return self._settle(settlements, check_all=False)
        except BadRow:
            return self._settle(settlements, check_all=True)

    def _settle(self, settlements: Sequence[Settlement], *, check_all: bool) -> list[bool]:
        with self._db.writing(hot=True) as session:
            standings = _lock_standings(session, settlements)
            doubtful = settlements if check_all else [s for s in settlements if not as_left(s, standings)]
            judged = Judgement(standings, read_known(session, doubtful), _read_redacted(session, doubtful))
            answers = [judged.judge(settlement) for settlement in settlements]
            append_attempts(session, self._db, judged.attempts)
            _move(session, judged)
        return answers


def append_attempts(session: Session, database: Database, attempts: Sequence[Attempt]) -> None:
    """Append to the log. The days must be there (`Database.have_days`)."""
    try:
        session.copy(_SQL["copy_attempts"], _ATTEMPT_TYPES, attempts)
    except pg.CheckViolation as error:
        database.days.forget()
        raise Retryable("The day of an attempt was dropped, or is still to be made.") from error


def read_known(session: Session, settlements: Sequence[Settlement]) -> dict[tuple[str, str], bool]:
    """Which of the attempts are in the log already, and whether they were superseded."""
    if not settlements:
        return {}
    asked = {
        "tenant_ids": [settlement.attempt.tenant_id for settlement in settlements],
        "ids": [settlement.attempt.id for settlement in settlements],
    }
    found = session.rows(_SQL["known_attempts"], asked)
    return {(tenant_id, attempt_id): superseded for tenant_id, attempt_id, superseded in found}


def _read_redacted(session: Session, settlements: Sequence[Settlement]) -> set[tuple[str, str | None]]:
    """Which of the attempts' events are redacted: (tenant, event)."""
    if not settlements:
        return set()
    asked = {
        "tenant_ids": [settlement.attempt.tenant_id for settlement in settlements],
        "ids": [settlement.attempt.event_id for settlement in settlements],
    }
    return {(tenant_id, event_id) for tenant_id, event_id in session.rows(_SQL["redacted_events"], asked)}


def _lock_standings(session: Session, settlements: Sequence[Settlement]) -> dict[int, Standing]:
    asked = {
        "tenant_ids": [settlement.attempt.tenant_id for settlement in settlements],
        "seqs": [settlement.seq for settlement in settlements],
    }
    return {
        seq: (tenant_id, endpoint_id, event_id, attempts)
        for seq, tenant_id, endpoint_id, event_id, attempts in session.rows(_SQL["lock_deliveries"], asked)
    }


def _move(session: Session, judged: Judgement) -> None:
    """Finish, reschedule, count; the rows are locked already."""
    if judged.finished:
        finished = {
            "tenant_ids": [tenant_id for tenant_id, _ in judged.finished],
            "seqs": [seq for _, seq in judged.finished],
        }
        session.change(_SQL["delete_deliveries"], finished)
    if judged.again:
        columns = list(zip(*judged.again.values(), strict=True))
        names = ("tenant_ids", "seqs", "due_ats", "attempts", "tries")
        session.change(
            _SQL["reschedule_deliveries"],
            {name: list(column) for name, column in zip(names, columns, strict=True)},
        )
    deltas = [(*name, *counts) for name, counts in judged.days.items()]
    session.copy(_SQL["copy_deltas"], _DELTA_TYPES, deltas)
    insert_notices(session, judged.notices)
