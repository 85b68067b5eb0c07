"""The ingest writer: one thread with one write transaction at a time, which takes everything that waits.

That is what makes 202 durable and fast at once: callers share a commit. The order within a batch: keys first, then the
index is brought up to date as the transaction sees the configuration, then fan-out, then insert and commit; only then
is anybody answered, and only after that are bells rung. A caller's bad event never fails its mates: when the store
refuses a batch it is halved until the bad one stands alone. A COMMIT whose answer is lost is settled by asking for the
events. It never parses a payload and never sends anything.
"""

from collections.abc import Callable
from typing import Final, Protocol

from ringback.clock import Clock
from ringback.ingest.batch import Batch
from ringback.ingest.index import MatchIndex
from ringback.ingest.records import RecordBook, StoredTooLarge
from ringback.ingest.rule_failures import RuleFailures
from ringback.ingest.submission import Accepted, HandOver, Submission
from ringback.model.errors import Conflict, RingbackError, Unavailable
from ringback.model.limits import WAITING_BYTES_MAX, WAITING_EVENTS_MAX
from ringback.numbers import Numbers
from ringback.observe.meters import IngestMeter
from ringback.store.port import (
    BadRow,
    Bells,
    CommitInDoubt,
    Intake,
    Retryable,
    Ring,
    StoreUnavailable,
    TakenKey,
)
from ringback.turns import Turns
from ringback.workers import Mailbox

BATCH_EVENTS_MAX: Final = 1_000
WAIT_S: Final = 0.5
RETRIES_MAX: Final = 8
RETRY_PAUSE_S: Final = 0.01
DOUBT_TRIES_MAX: Final = 20
DOUBT_PAUSE_S: Final = 0.1


class WriterStore(Intake, Bells, Protocol):
    """What the writer asks of the store."""


class Writer:
    """`submit` is for any thread; `step` for the writer's own. `on_done` gets submissions whose outcome is set."""

    def __init__(
        self,
        *,
        store: WriterStore,
        index: MatchIndex,
        clock: Clock,
        inbox: Mailbox[Submission],
        engine: HandOver,
        on_done: Callable[[list[Submission]], None],
        pause: Callable[[float], object],
        meter: IngestMeter | None = None,
        waiting_events_max: int = WAITING_EVENTS_MAX,
        rule_failures: RuleFailures | None = None,
    ) -> None:
        self._store = store
        self._index = index
        self._clock = clock
        self._numbers = Numbers(clock)
        self._inbox = inbox
        self._engine = engine
        self._on_done = on_done
        self._pause = pause
        self._meter = meter
        self._waiting: Turns[Submission] = Turns(_tenant_of if store.by_tenant else None)
        self._late_rings: dict[str, Ring] = {}
        self._waiting_events_max = waiting_events_max
        self._rule_failures = rule_failures or RuleFailures(None, clock)
        # Each is written by one thread alone: by the event loop, by whoever submits inside, and by the writer's.
        self._submitted = 0
        self._submitted_inside = 0
        self._answered = 0
        self._bytes_submitted = 0
        self._bytes_submitted_inside = 0
        self._bytes_answered = 0

    def warm_up(self) -> None:
        """Load the index before the first event needs it. For the start, before `step` is called."""
        with self._store.intake() as transaction:
            self._index.refresh(transaction)

    def submit(self, submission: Submission) -> None:
        """Queue a checked submission. Raises Unavailable when too many wait."""
        self.check()
        self._submitted += submission.size
        self._bytes_submitted += submission.payload_bytes
        self._inbox.post(submission)

    def submit_inside(self, submission: Submission) -> None:
        """The same for one other thread, whose events no request brought."""
        self.check()
        self._submitted_inside += submission.size
        self._bytes_submitted_inside += submission.payload_bytes
        self._inbox.post(submission)

    def check(self) -> None:
        """Return if a submission would be queued now. Raises Unavailable."""
        if self.full:
            raise Unavailable("Too many events are waiting to be stored. Try again in a moment.", code="busy")

    @property
    def events_waiting(self) -> int:
        """Events that were submitted and are not answered yet. For any thread."""
        return self._submitted + self._submitted_inside - self._answered

    @property
    def bytes_waiting(self) -> int:
        """The payloads of those, in bytes. For any thread."""
        return self._bytes_submitted + self._bytes_submitted_inside - self._bytes_answered

    @property
    def full(self) -> bool:
        """Whether the next submission would be turned away."""
        return (
            self._submitted + self._submitted_inside - self._answered >= self._waiting_events_max
            or self._bytes_submitted + self._bytes_submitted_inside - self._bytes_answered >= WAITING_BYTES_MAX
        )

    def step(self) -> None:
        self._waiting.extend(self._inbox.take(0.0 if self._waiting or self._late_rings else WAIT_S))
        if self._waiting:
            self._store_batch(self._next_batch())
        elif self._late_rings:
            self._ring([])
        self._rule_failures.flush()

    def _next_batch(self) -> list[Submission]:
        """As many whole submissions as fit; the batch is closed before BEGIN."""
        waiting = self._waiting.first()
        size = 0
        for count, submission in enumerate(waiting):
            size += submission.size
            if size > BATCH_EVENTS_MAX and count:
                return self._waiting.take(count)
        return self._waiting.take(len(waiting))

    def _store_batch(self, submissions: list[Submission]) -> None:
        mark = self._engine.mark()
        started_s = self._meter.commits.start() if self._meter is not None else 0.0
        try:
            batch = self._commit(submissions)
        except (BadRow, StoredTooLarge) as error:
            self._halve(submissions, error)
            return
        except RingbackError as error:
            # Nothing was stored, or it is not known to be: the callers may try again.
            self._refuse_all(submissions, error)
            return
        if self._meter is not None:
            count(self._meter, started_s, submissions)
        self._answer(submissions)
        if batch is not None:
            self._announce(mark, batch)

    def _halve(self, submissions: list[Submission], error: RingbackError) -> None:
        if len(submissions) == 1:
            self._refuse_all(submissions, self._why_refused(submissions[0]) or error)
            return
        middle = len(submissions) // 2
        self._store_batch(submissions[:middle])
        self._store_batch(submissions[middle:])

    def _why_refused(self, submission: Submission) -> RingbackError | None:
        """Whether the caller chose an id that Ringback had made: such an id has an event and no claim. A store that
        can't tell just now is an answer too."""
        chosen = [claim.key for claim in submission.claims if claim is not None]
        try:
            found = self._store.events_by_id(submission.events[0].tenant_id, chosen) if chosen else ()
        except RingbackError as error:
            return error
        for event in found:
            return Conflict(f"There is an event {event.id} already.", code="event_id_taken")
        return None

    def _refuse_all(self, submissions: list[Submission], error: RingbackError) -> None:
        for submission in submissions:
            if submission.outcome is None:
                submission.outcome = error
        self._answer(submissions)

    def _answer(self, submissions: list[Submission]) -> None:
        events = size = 0
        for submission in submissions:
            events += submission.size
            size += submission.payload_bytes
        self._answered += events
        self._bytes_answered += size
        self._on_done(submissions)

    # ── the transaction ──────────────────────────────────────────────────────────────────────────────────────

    def _commit(self, submissions: list[Submission]) -> Batch | None:
        """Store what is to be stored and set every outcome; None when nothing was inserted."""
        open_ones = submissions
        for _ in range(RETRIES_MAX + len(submissions)):
            batch = Batch(open_ones, self._numbers, self._record_book())
            try:
                left_out = self._try(batch)
            except Retryable:
                self._pause(RETRY_PAUSE_S)
                continue
            except CommitInDoubt:
                if not self._happened(batch):
                    continue
                batch.rows = []  # their numbers are not to be trusted; the bells find them
                left_out = []
            if left_out:
                gone = {id(submission) for submission in left_out}
                open_ones = [submission for submission in open_ones if id(submission) not in gone]
                if open_ones:
                    continue
                return None
            self._set_outcomes(open_ones, batch)
            return batch
        raise StoreUnavailable("The store could not commit the event for now. Try again.")

    def _record_book(self) -> RecordBook:
        return RecordBook(self._index.rules, self._clock.new_id, self._rule_failures.failed)

    def _try(self, batch: Batch) -> list[Submission]:
        """One transaction; rolled back when submissions have to be left out, which are returned."""
        self._rule_failures.begin()
        with self._store.intake() as transaction:
            batch.claim(transaction, self._clock.now_ms())
            self._index.refresh(transaction)
            left_out = batch.leave_out(self._index)
            if not left_out:
                batch.insert(transaction, self._index)
                transaction.commit()
                self._rule_failures.committed()
            return left_out

    def _happened(self, batch: Batch) -> bool:
        """Whether a commit whose answer was lost took place: all of its events are there, or none is. One without new
        events is made again: those that they repeat may have been lost."""
        probe = batch.probe
        if probe is None:
            if batch.repeatable:
                return False
            raise _in_doubt()
        for _ in range(DOUBT_TRIES_MAX):
            try:
                return bool(self._store.events_by_id(probe.tenant_id, [probe.id]))
            except (StoreUnavailable, Retryable, CommitInDoubt):
                self._pause(DOUBT_PAUSE_S)
        raise _in_doubt()

    def _set_outcomes(self, submissions: list[Submission], batch: Batch) -> None:
        for place, submission in enumerate(submissions):
            outcome = batch.outcome(place)
            if isinstance(outcome, RingbackError):
                submission.outcome = outcome
                continue
            if submission.writes:
                submission.results = batch.results(place)
            try:
                submission.outcome = self._with_first_events(submission, outcome)
            except RingbackError as error:  # what is new is stored all the same, and its bells must ring
                submission.outcome = error

    def _with_first_events(self, submission: Submission, outcome: list[Accepted | TakenKey]) -> list[Accepted]:
        """Replace each repeat by what its first request made."""
        accepted: list[Accepted] = []
        for result in outcome:
            if isinstance(result, Accepted):
                accepted.append(result)
            else:
                accepted.extend(self._first_events(submission, result))
        return accepted

    def _first_events(self, submission: Submission, owner: TakenKey) -> list[Accepted]:
        tenant_id = submission.events[0].tenant_id
        found = {event.id: event for event in self._store.events_by_id(tenant_id, owner.event_ids)}
        first: list[Accepted] = []
        for place, event_id in enumerate(owner.event_ids):
            event = found.get(event_id)
            if event is None:  # its time is over; the key outlived it
                own = submission.events[min(place, len(submission.events) - 1)]
                first.append(Accepted(event_id, own.type, own.accepted_at, 0, True))
            else:
                first.append(Accepted(event.id, event.type, event.accepted_at, event.deliveries, True))
        return first

    # ── after the commit ─────────────────────────────────────────────────────────────────────────────────────

    def _announce(self, mark: int, batch: Batch) -> None:
        """Hand over what this process's engine can take, and ring the bells of the rest."""
        if batch.rows:
            left = {row.delivery.endpoint_id for row in self._engine.hand_over(mark, batch.rows)}
        else:
            left = set(batch.rings)
        if left:
            self._ring([Ring(batch.rings[name][0], name, batch.rings[name][1]) for name in left])

    def _ring(self, rings: list[Ring]) -> None:
        """Ring now, or as soon as the store lets us: a bell is owed until it rang."""
        for ring in rings:
            known = self._late_rings.get(ring.endpoint_id)
            if known is None or ring.due_at < known.due_at:
                self._late_rings[ring.endpoint_id] = ring
        try:
            self._store.ring(sorted(self._late_rings.values()))
        except (StoreUnavailable, Retryable, CommitInDoubt):
            self._pause(DOUBT_PAUSE_S)
            return
        self._late_rings.clear()
        self._engine.rang()


def _in_doubt() -> Unavailable:
    return Unavailable("It is not known whether the events were stored. Send them again.", code="commit_in_doubt")


def _tenant_of(submission: Submission) -> str:
    return submission.tenant_id


def count(meter: IngestMeter, started_s: float, submissions: list[Submission]) -> None:
    """Note what a transaction, begun at `started_s`, stored for these."""
    stored = 0
    for submission in submissions:
        outcome = submission.outcome
        if isinstance(outcome, list):
            fresh = deliveries = 0
            for accepted in outcome:
                if not accepted.duplicate:
                    fresh += 1
                    deliveries += accepted.deliveries
            meter.stored(submission.form, fresh, len(outcome) - fresh, deliveries)
            stored += fresh
    if stored:
        meter.commits.done(started_s, stored)
