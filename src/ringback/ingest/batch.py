"""One batch inside one write transaction: whose keys are whose, who wants what, what is inserted.

A `Batch` is made anew for each try of a transaction. Keys are claimed before anything else, so that a caller's repeat
is known before its events are; duplicates among batch mates are folded onto the first. A submission that turns out to
insert nothing (a repeat, a conflict, a tenant that is gone or whose webhooks are off) must not leave keys behind:
`leave_out` names those for which the transaction has to be rolled back and the batch tried again without them. What
changes records makes events here (`records`), which go the way of all others. Where a tenant's contracts name events by
number, each gets one here; a number that is taken costs another draw, never the event.
"""

from collections.abc import Sequence
from typing import Final

from ringback.ingest.index import MatchIndex
from ringback.ingest.records import RecordBook, RecordChange
from ringback.ingest.submission import Accepted, RecordResult, Submission
from ringback.model.endpoint import delivery_key
from ringback.model.errors import Conflict, NotFound, RingbackError, WebhooksDisabled
from ringback.model.event import Delivery, DueDelivery, Event, NewDelivery
from ringback.model.tuples import make_tuple
from ringback.numbers import Numbers
from ringback.store.port import IntakeTransaction, KeyClaim, Membership, TakenKey

INSERT_DELIVERIES_MAX: Final = 4_000
HAND_OVER_ROWS_MAX: Final = 2_000
_DELIVERIES: Final = Event._fields.index("deliveries")
_NUMBER: Final = Event._fields.index("number")

Key = tuple[str, str, str]


class Batch:
    """`rows` are those to hand over (all, or none when there are too many); `rings` earliest due_at by endpoint."""

    def __init__(self, submissions: Sequence[Submission], numbers: Numbers, book: RecordBook) -> None:
        self._submissions = submissions
        self._numbers = numbers
        self._book = book
        self._changes: dict[int, list[RecordChange]] = {}
        self._members: set[Membership] = set()
        self._results: dict[int, list[RecordResult]] = {}
        self._outcomes: dict[int, RingbackError | list[Accepted | TakenKey]] = {}
        self._fresh_keys: set[int] = set()
        self._events: list[Event] = []
        self._numbered: list[int] = []
        self._deliveries: list[NewDelivery] = []
        self._missed: dict[int, str] = {}
        self.rows: list[DueDelivery] = []
        self.rings: dict[str, tuple[str, int]] = {}
        self.probe: Event | None = None

    # ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────

    def claim(self, transaction: IntakeTransaction, now: int) -> None:
        """Claim every key of the batch and note who is a repeat or in conflict."""
        first: dict[Key, tuple[int, KeyClaim]] = {}
        for place, submission in enumerate(self._submissions):
            for claim in _claims(submission):
                first.setdefault(_key(claim), (place, claim))
        if not first:
            return
        taken = transaction.claim_keys([claim for _, claim in (first[key] for key in sorted(first))], now)
        self._fresh_keys = {place for key, (place, _) in first.items() if key not in taken}
        for place, submission in enumerate(self._submissions):
            self._judge_keys(place, submission, first, taken)

    def _judge_keys(
        self, place: int, submission: Submission, first: dict[Key, tuple[int, KeyClaim]], taken: dict[Key, TakenKey]
    ) -> None:
        whole = submission.idempotency
        if whole is not None:
            owner = _owner(place, whole, first, taken)
            if owner is not None:
                self._outcomes[place] = _same_body(whole, owner) or [owner]
                return
        results: list[Accepted | TakenKey] = []
        for claim in submission.claims:
            owner = _owner(place, claim, first, taken) if claim is not None else None
            if claim is not None and owner is not None:
                conflict = _same_body(claim, owner)
                if conflict is not None:
                    self._outcomes[place] = conflict
                    return
                results.append(owner)
            else:
                results.append(PENDING)
        if any(result is not PENDING for result in results):
            self._outcomes[place] = results

    def leave_out(self, index: MatchIndex) -> list[Submission]:
        """Submissions that insert nothing but hold keys they claimed in this transaction; their outcome is set."""
        left: list[Submission] = []
        for place, submission in enumerate(self._submissions):
            outcome = self._outcomes.get(place)
            if _inserts(outcome) and not index.enables(submission.tenant_id):
                known = index.knows(submission.tenant_id)
                outcome = self._outcomes[place] = WebhooksDisabled() if known else NotFound("There is no such tenant.")
            if isinstance(outcome, RingbackError) and place in self._fresh_keys:
                submission.outcome = outcome
                left.append(submission)
        return left

    # ── fan-out ──────────────────────────────────────────────────────────────────────────────────────────────

    def insert(self, transaction: IntakeTransaction, index: MatchIndex) -> None:
        """Change records, and insert every event that is new, with its deliveries."""
        self._change_records(transaction)
        if index.tracks:
            self._ask_for_members(transaction, index)
        for place, submission in enumerate(self._submissions):
            known = self._outcomes.get(place)
            if place in self._changes:
                self._add_changes(transaction, place, index)
            elif known is None:
                self._outcomes[place] = [self._add(transaction, event, index) for event in submission.events]
            elif not isinstance(known, RingbackError) and len(known) == len(submission.events):
                for i, event in enumerate(submission.events):
                    if known[i] is PENDING:
                        known[i] = self._add(transaction, event, index)
        self._flush(transaction)
        if puts := self._book.puts():
            transaction.put_records(puts)

    def _change_records(self, transaction: IntakeTransaction) -> None:
        """Do what submissions ask to be done with records; one that can't be done whole isn't done at all."""
        writing = [(place, one) for place, one in enumerate(self._submissions) if one.writes]
        writing = [(place, one) for place, one in writing if place not in self._outcomes]
        if not writing:
            return
        self._book.load(transaction, [write for _, one in writing for write in one.writes])
        for place, submission in writing:
            try:
                self._changes[place] = self._book.apply(submission.writes, submission.trace)
            except RingbackError as error:
                self._outcomes[place] = error

    def _ask_for_members(self, transaction: IntakeTransaction, index: MatchIndex) -> None:
        """Which subjects of the batch's events are in the sets that endpoints follow: one question for all of them."""
        asked: set[Membership] = set()
        for place, submission in enumerate(self._submissions):
            if not isinstance(self._outcomes.get(place), RingbackError):
                for event in submission.events:
                    asked.update(index.memberships(event))
        for changes in self._changes.values():
            for change in changes:
                for event in change.events:
                    asked.update(index.memberships(event))
        if asked:
            self._members = transaction.tracked(sorted(asked))

    def _add_changes(self, transaction: IntakeTransaction, place: int, index: MatchIndex) -> None:
        accepted: list[Accepted | TakenKey] = []
        results = self._results[place] = []
        for change, write in zip(self._changes[place], self._submissions[place].writes, strict=True):
            added = [self._add(transaction, event, index) for event in change.events]
            accepted += added
            revision = 0 if change.record is None else change.record.revision
            results.append(
                RecordResult(write.type, write.id, revision, change.outcome, change.changed, change.has_event, added)
            )
        self._outcomes[place] = accepted

    def _add(self, transaction: IntakeTransaction, event: Event, index: MatchIndex) -> Accepted:
        targets, missed = index.reach(event, self._members)
        due_at = event.accepted_at if event.deliver_at is None else max(event.deliver_at, event.accepted_at)
        for target in targets:
            key = delivery_key(target.ordering, event.ordering_key)
            self._deliveries.append(NewDelivery(event.tenant_id, target.endpoint_id, event.id, key, due_at))
        count = len(targets)
        number = None
        if index.numbers(event.tenant_id):
            number = self._numbers.next(event.accepted_at)
            self._numbered.append(len(self._events))
        if missed.text is not None:
            self._missed[len(self._events)] = missed.text
        columns = (*event[:_DELIVERIES], count, *event[_DELIVERIES + 1 : _NUMBER], number, *event[_NUMBER + 1 :])
        self._events.append(make_tuple(Event, columns))
        if len(self._deliveries) >= INSERT_DELIVERIES_MAX:
            self._flush(transaction)
        return Accepted(event.id, event.type, event.accepted_at, count, False)

    def _flush(self, transaction: IntakeTransaction) -> None:
        if not self._events:
            return
        self.probe = self._events[0]
        if self._numbered:
            self._numbers.settle(self._events, self._numbered, transaction.taken_numbers)
        seqs = transaction.insert(self._events, self._deliveries, self._missed)
        place = 0
        for event in self._events:
            for i in range(place, place + event.deliveries):
                tenant_id, endpoint_id, event_id, ordering_key, due_at = self._deliveries[i]
                self._note_ring(tenant_id, endpoint_id, due_at)
                delivery = Delivery(tenant_id, endpoint_id, event_id, ordering_key, due_at, seqs[i], 0, 0)
                self.rows.append(DueDelivery(delivery, event))
            place += event.deliveries
        if len(self.rows) > HAND_OVER_ROWS_MAX:
            self.rows = []
        self._events, self._numbered, self._deliveries, self._missed = [], [], [], {}

    def _note_ring(self, tenant_id: str, endpoint_id: str, due_at: int) -> None:
        known = self.rings.get(endpoint_id)
        if known is None or due_at < known[1]:
            self.rings[endpoint_id] = (tenant_id, due_at)

    # ── answers ──────────────────────────────────────────────────────────────────────────────────────────────

    def outcome(self, place: int) -> RingbackError | list[Accepted | TakenKey]:
        """What became of the submission at `place`; a TakenKey stands for the events its owner made."""
        return self._outcomes[place]

    def results(self, place: int) -> list[RecordResult]:
        """What became of each change of a record that the submission at `place` asked for."""
        return self._results.get(place, [])

    @property
    def repeatable(self) -> bool:
        """Whether storing it once more, if it was stored, would answer the same."""
        writes = (write for submission in self._submissions for write in submission.writes)
        return all(write.if_revision is None for write in writes)


PENDING: Final = TakenKey(b"", ())


def _inserts(outcome: RingbackError | list[Accepted | TakenKey] | None) -> bool:
    """Whether there is an event in it that is new."""
    return outcome is None or (not isinstance(outcome, RingbackError) and any(one is PENDING for one in outcome))


def _claims(submission: Submission) -> list[KeyClaim]:
    claims = [claim for claim in submission.claims if claim is not None]
    if submission.idempotency is not None:
        claims.append(submission.idempotency)
    return claims


def _key(claim: KeyClaim) -> Key:
    return claim.tenant_id, claim.kind, claim.key


def _owner(
    place: int, claim: KeyClaim, first: dict[Key, tuple[int, KeyClaim]], taken: dict[Key, TakenKey]
) -> TakenKey | None:
    """Who has the claimed key already: the store, a batch mate, or (None) nobody before this claim."""
    key = _key(claim)
    if key in taken:
        return taken[key]
    _, mate = first[key]
    if mate is claim:
        return None
    return TakenKey(mate.body_hash, mate.event_ids)


def _same_body(claim: KeyClaim, owner: TakenKey) -> Conflict | None:
    if claim.body_hash == owner.body_hash:
        return None
    if claim.kind == "event":
        return Conflict(f"The event id {claim.key} was used before with another body.", code="event_id_taken")
    return Conflict("This Idempotency-Key was used before with another body.", code="idempotency_key_taken")
