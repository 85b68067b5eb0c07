"""The settler: writes down what became of every attempt, in batches, and tells the dispatcher when it is durable.

Settling the same again changes nothing (an attempt's id is made before it is sent), so a failure or a commit in doubt
is answered by repeating, for as long as it takes: while it waits, the dispatcher's budget fills and no more is sent.
One row that the store refuses is set apart by halving, and logged; it is never dropped in silence.
"""

from collections.abc import Callable
from typing import Final

from ringback.engine import messages as m
from ringback.model.limits import STEP_ROWS_MAX
from ringback.observe.telemetry import AttemptSuperseded, Observer, StoreTrouble
from ringback.store.port import BadRow, CommitInDoubt, Retryable, Settlements, StoreUnavailable
from ringback.workers import Mailbox

WAIT_S: Final = 0.5
AFTER_FAILURE_S: Final = 0.2


class Settler:
    """Takes lists of `messages.Settling`; see the module."""

    def __init__(
        self,
        store: Settlements,
        inbox: Mailbox[list[m.Settling]],
        tell: Callable[[m.ToDispatcher], None],
        pause: Callable[[float], object],
        observer: Observer,
    ) -> None:
        self._store = store
        self._inbox = inbox
        self._tell = tell
        self._pause = pause
        self._observer = observer
        self._waiting: list[m.Settling] = []

    def step(self) -> None:
        for batch in self._inbox.take(0.0 if self._waiting else WAIT_S):
            self._waiting.extend(batch)
        if not self._waiting:
            return
        batch = self._waiting[:STEP_ROWS_MAX]
        try:
            self._settle(batch)
        except (StoreUnavailable, Retryable, CommitInDoubt) as error:
            self._observer(StoreTrouble("settler", error.code))
            self._pause(AFTER_FAILURE_S)
            return
        del self._waiting[: len(batch)]

    def _settle(self, batch: list[m.Settling]) -> None:
        try:
            expected = self._store.settle([settling.settlement for settling in batch])
        except BadRow as error:
            if len(batch) > 1:
                middle = len(batch) // 2
                self._settle(batch[:middle])
                self._settle(batch[middle:])
                return
            self._observer(StoreTrouble("settler", error.code))
            expected = [True]
        for settling, as_expected in zip(batch, expected, strict=True):
            if not as_expected:
                attempt = settling.settlement.attempt
                self._observer(AttemptSuperseded(attempt.tenant_id, attempt.endpoint_id, attempt.id))
        self._tell(m.Settled([_done(settling) for settling in batch]))


def _done(settling: m.Settling) -> tuple[str, int, int, int | None]:
    settlement = settling.settlement
    return settlement.attempt.endpoint_id, settling.generation, settlement.seq, settlement.retry_at
