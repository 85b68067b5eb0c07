"""The settler: writes down what became of every attempt, in batches, and tells the dispatcher when it is durable.

Settling the same again changes nothing (an attempt's id is made before it is sent), so a failure or a commit in doubt
is answered by repeating, for as long as it takes: while it waits, the dispatcher's budget fills and no more is sent.
One row that the store refuses is set apart by halving, and logged; it is never dropped in silence. Whoever watches
attempts is told here, once each, when they are durable. What the request of a handshake came to is a message of its
own and a commit of its own: it decides about an endpoint.

Nobody else puts deliveries off, so it is here that they are brought forward when the wall clock was set back: after
what was judged by the old clock, before what is judged by the new one, a small step each turn.
"""

from collections.abc import Callable
from typing import Final, Protocol

from ringback.engine import messages as m
from ringback.model.attempt import Attempt, Outcome
from ringback.model.endpoint import EndpointMove
from ringback.model.limits import STEP_ROWS_MAX
from ringback.model.tuples import make_tuple
from ringback.observe.attempts import NOTHING, EndedAttempt, WatchAttempts
from ringback.observe.meters import CommitMeter
from ringback.observe.telemetry import (
    AttemptSuperseded,
    EndpointRefused,
    EndpointVerified,
    Observer,
    StoreTrouble,
)
from ringback.store.port import (
    FROM_THE_BEGINNING,
    BadRow,
    CommitInDoubt,
    Handshakes,
    Place,
    Retryable,
    Settlements,
    StoreUnavailable,
)
from ringback.turns import Turns
from ringback.workers import Mailbox

WAIT_S: Final = 0.5
AFTER_FAILURE_S: Final = 0.2
STEP_PAUSE_S: Final = 0.005
# Ingest waits while a transaction of ours is open, and what failed costs several times what succeeded.
FAILED_AT_ONCE: Final = 32


class SettlerStore(Settlements, Handshakes, Protocol):
    """What the settler asks of the store."""


class Settler:
    """Takes lists of `messages.Settling`; see the module."""

    def __init__(
        self,
        store: SettlerStore,
        inbox: Mailbox[m.ToSettler],
        tell: Callable[[m.ToDispatcher], None],
        pause: Callable[[float], object],
        observer: Observer,
        *,
        now_ms: Callable[[], int],
        refresh: Callable[[], object],
        watch: WatchAttempts | None = None,
        commits: CommitMeter | None = None,
        noticed: Callable[[], object] = lambda: None,
    ) -> None:
        """`refresh` has this process see what an endpoint's handshake made of it; `noticed` is called when notices were
        stored."""
        self._noticed = noticed
        self._store = store
        self._inbox = inbox
        self._tell = tell
        self._pause = pause
        self._observer = observer
        self._watch = watch
        self._commits = commits
        self._now_ms = now_ms
        self._refresh = refresh
        self._waiting: Turns[m.Settling] = Turns(_tenant_of if store.by_tenant else None)
        self._later: list[m.ToSettler] = []
        self._place: Place | None = FROM_THE_BEGINNING

    def step(self) -> None:
        busy = bool(self._waiting or self._later)
        self._later.extend(self._inbox.take(0.0 if busy else WAIT_S))
        self._take()
        try:
            if self._waiting:
                batch = _first(self._waiting.first())
                self._settle(batch)
                self._waiting.take(len(batch))
            elif self._later and isinstance(ended := self._later[0], m.HandshakeEnded):
                self._end_handshake(ended)
                del self._later[0]
            elif self._later:
                self._bring_forward()
        except (StoreUnavailable, Retryable, CommitInDoubt) as error:
            self._observer(StoreTrouble("settler", error.code, error.detail))
            self._pause(AFTER_FAILURE_S)

    def _take(self) -> None:
        """What can be settled before the next message of another kind."""
        while self._later and isinstance(message := self._later[0], list):
            self._waiting.extend(message)
            del self._later[0]

    def _end_handshake(self, message: m.HandshakeEnded) -> None:
        """Write down what a request of a handshake came to; the rest of this process hears of it before it goes on."""
        token, end, notice = message
        notices = [] if notice is None else [notice]
        try:
            awaited = self._store.end_handshake(end, self._now_ms(), notices)
        except BadRow as error:  # never the endpoint's status, only what is logged
            self._observer(StoreTrouble("settler", error.code, error.detail))
            awaited = self._store.end_handshake(end._replace(attempt=None), self._now_ms(), notices)
        if notices:
            self._noticed()
        if end.by is EndpointMove.VERIFIED and awaited:
            self._observer(EndpointVerified(end.tenant_id, end.endpoint_id))
        elif end.by is not None and awaited:
            self._observer(EndpointRefused(end.tenant_id, end.endpoint_id, end.code or ""))
        if self._watch is not None and end.attempt is not None:
            self._watch([_ended_handshake(end.attempt, as_expected=awaited)])
        if end.by is not None:
            self._refresh()
        self._tell(m.HandshakeRecorded(token, end.endpoint_id))

    def _bring_forward(self) -> None:
        """One step of it; the message that stands first goes when that was the last."""
        message = self._later[0]
        if isinstance(message, m.SetBack) and self._place is not None:
            self._place = self._store.bring_forward_step(message.by_ms, self._place, STEP_ROWS_MAX)
            self._pause(STEP_PAUSE_S)
        if self._place is None:
            self._place = FROM_THE_BEGINNING
            del self._later[0]
            self._tell(m.BroughtForward())

    def _settle(self, batch: list[m.Settling]) -> None:
        started_s = self._commits.start() if self._commits is not None else 0.0
        try:
            expected = self._store.settle([settling.settlement for settling in batch])
            if self._commits is not None:
                self._commits.done(started_s, len(batch))
        except BadRow as error:
            if len(batch) > 1:
                middle = len(batch) // 2
                self._settle(batch[:middle])
                self._settle(batch[middle:])
                return
            self._observer(StoreTrouble("settler", error.code, error.detail))
            expected = [True]
        for settling, as_expected in zip(batch, expected, strict=True):
            if not as_expected:
                attempt = settling.settlement.attempt
                self._observer(AttemptSuperseded(attempt.tenant_id, attempt.endpoint_id, attempt.id))
        if self._watch is not None:
            self._watch([_ended(settling, known) for settling, known in zip(batch, expected, strict=True)])
        self._tell(m.Settled([_done(settling) for settling in batch]))
        if [None for settling in batch if settling[1][4] is not None]:  # its notice
            self._noticed()


def _tenant_of(settling: m.Settling) -> str:
    return settling.settlement.attempt.tenant_id


def _first(waiting: list[m.Settling]) -> list[m.Settling]:
    """What is settled in one transaction."""
    failed = 0
    for place, settling in enumerate(waiting[:STEP_ROWS_MAX]):
        failed += settling.settlement.attempt.outcome != Outcome.SUCCEEDED
        if failed > FAILED_AT_ONCE:
            return waiting[:place]
    return waiting[:STEP_ROWS_MAX]


def _ended(settling: m.Settling, as_expected: bool) -> EndedAttempt:
    _, (_, attempt, retry_at, _, _), due_at, held_by, trace, payload_bytes = settling
    return make_tuple(EndedAttempt, (attempt, not as_expected, due_at, held_by, retry_at, trace, payload_bytes))


def _ended_handshake(attempt: Attempt, *, as_expected: bool) -> EndedAttempt:
    """Nobody queues for a handshake: it was due when it left."""
    return EndedAttempt(attempt, not as_expected, attempt.at, NOTHING, None, None, 0)


def _done(settling: m.Settling) -> tuple[str, int, int, int | None]:
    settlement = settling.settlement
    return settlement.attempt.endpoint_id, settling.generation, settlement.seq, settlement.retry_at
