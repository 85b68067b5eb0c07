"""What becomes of deliveries when their attempts are settled, whatever the store: judged whole before it is written.

Judged against how the deliveries stand now, as read in the transaction that then writes. The figures of a day count
every request of an event that left, superseded ones too, since the log shows them. Touches no database.
"""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Final

from ringback.model.attempt import Attempt, Outcome
from ringback.model.notice import Notice
from ringback.store.port import Settlement
from ringback.times import DAY_MS

Standing = tuple[str, str, str | None, int]
"""Tenant, endpoint, event and attempts of a delivery as it is stored. The event too: a server that took over from one
that is gone may have given a number of a delivery that it never heard of to another."""

_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()


class Judgement:
    """What a batch of settlements comes to, before any of it is written.

    `attempts` are to be appended; `finished` (tenant, seq) to be deleted; `again`, by seq, to be rescheduled (tenant,
    seq, due_at, attempts, tries); `days` has, by (tenant, endpoint, day), how many more [succeeded, failed]; `notices`
    are to be written down.
    """

    def __init__(
        self,
        standings: dict[int, Standing],
        known: dict[tuple[str, str], bool],
        redacted: set[tuple[str, str | None]],
    ) -> None:
        self._standings = standings
        self._known = known  # (tenant, attempt) → superseded
        self._redacted = redacted  # (tenant, event)
        self.attempts: list[Attempt] = []
        self.finished: list[tuple[str, int]] = []
        self.again: dict[int, tuple[str, int, int, int, int]] = {}
        self.days: dict[tuple[str, str, str], list[int]] = {}
        self.notices: list[Notice] = []

    def judge(self, settlement: Settlement) -> bool:
        """Whether the delivery is as expected. What follows from it is kept."""
        attempt = settlement.attempt
        name = attempt.tenant_id, attempt.id
        superseded = self._known.get(name)
        if superseded is not None:
            return not superseded
        expected = attempt.event_id is None or self._move(settlement)
        self._known[name] = not expected
        self.attempts.append(attempt if expected else self._superseded(attempt))
        if attempt.event_id is not None:
            self._count(attempt)
        return expected

    def _superseded(self, attempt: Attempt) -> Attempt:
        """An event that was redacted while it was in flight has lost its delivery: its bodies must not come back."""
        superseded = attempt._replace(superseded=True)
        return superseded.without_bodies() if (attempt.tenant_id, attempt.event_id) in self._redacted else superseded

    def _move(self, settlement: Settlement) -> bool:
        """Finish or reschedule. A success ends the delivery whatever its number: the receiver has the event. A
        failure counts only if it is the one that the row waits for."""
        attempt = settlement.attempt
        seq = settlement.seq
        standing = self._standings.get(seq)
        if standing is None or standing[:3] != (attempt.tenant_id, attempt.endpoint_id, attempt.event_id):
            return False
        succeeded = settlement.retry_at is None and attempt.outcome == Outcome.SUCCEEDED
        if not succeeded and standing[3] != attempt.number - 1:
            return False
        self.again.pop(seq, None)
        if settlement.retry_at is None:
            del self._standings[seq]
            self.finished.append((standing[0], seq))
            if settlement.notice is not None:
                self.notices.append(settlement.notice)
        else:
            self._standings[seq] = *standing[:3], attempt.number
            self.again[seq] = standing[0], seq, settlement.retry_at, attempt.number, settlement.tries
        return True

    def _count(self, attempt: Attempt) -> None:
        if attempt.outcome == Outcome.SUCCEEDED:
            place = 0
        elif attempt.outcome == Outcome.FAILED:
            place = 1
        else:
            return
        name = attempt.tenant_id, attempt.endpoint_id, _day(attempt.at // DAY_MS)
        counts = self.days.get(name)
        if counts is None:
            counts = self.days[name] = [0, 0]
        counts[place] += 1


def as_left(settlement: Settlement, standings: Mapping[int, Standing]) -> bool:
    """Whether the delivery is as the attempt left it, so that nobody else can have settled anything of it."""
    attempt = settlement.attempt
    expected = attempt.tenant_id, attempt.endpoint_id, attempt.event_id, attempt.number - 1
    return standings.get(settlement.seq) == expected


@lru_cache(maxsize=64)
def _day(days: int) -> str:
    """`2026-11-21` for the number of days since 1970, UTC."""
    return date.fromordinal(_EPOCH_DAY + days).isoformat()
