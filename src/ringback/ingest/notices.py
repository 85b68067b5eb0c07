"""Notices become events: what Ringback has to tell of its own work goes the way of all events, the group commit.

A notice was stored with what it tells of (`store.port.Notices`) and is removed when its event is stored, so a crash in
between loses none. It makes no second one either: the event has the notice's id and claims it, so whoever submits it
again, this process after a crash or another one that looks at the same time, finds it taken. The operator's tenant gets
an event of its own, whose id follows from the notice's. Looked for once a second, and at once when told (`kick`).

Why this makes no loop stands in `engine.news`. Whom an event is for says the index: those that name it, and never the
endpoint that it is about. While the operator's tenant does not exist, so many notices wait for it; past that the oldest
go, which is logged. A store that can't answer, and a writer that is full, are asked again.
"""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

from ringback.clock import Clock
from ringback.ingest.submission import Submission
from ringback.listeners import Listeners
from ringback.model.errors import Conflict, NotFound, RingbackError, Unavailable, WebhooksDisabled
from ringback.model.event import OPERATIONS, Event
from ringback.model.ids import RANDOM_BYTES, random_part, time_part
from ringback.model.limits import NOTICES_KEPT_MAX, STEP_ROWS_MAX
from ringback.model.notice import Notice
from ringback.observe.telemetry import NoticesDropped, Observer, StoreTrouble
from ringback.policy.operations import SUBJECT
from ringback.policy.ordering import key_of_subject
from ringback.store.port import BadRow, CommitInDoubt, KeyClaim, Notices, Quotas, Retryable, StoreUnavailable
from ringback.workers import Mailbox

LOOK_EVERY_S: Final = 1.0
ANSWERED_WITHIN_S: Final = 10.0
_ANSWER_STEP_S: Final = 0.2
_UNWANTED: Final = (NotFound, WebhooksDisabled, Conflict, BadRow)

NoticeName = tuple[str, str]
"""Tenant, id."""


class NoticeStore(Notices, Quotas, Protocol):
    """What is asked of a store here: of the operator's tenant, whether it exists."""


class _Made(NamedTuple):
    """An event on its way, and the notice that it is made of."""

    name: NoticeName
    submission: Submission


class NoticeEvents:
    """`step` for its own thread; `kick`, `heard` and `cautions` for any. `submit` queues for the writer, `refresh` has
    this process's `listeners` know what is stored now. `stopping` cuts waiting short."""

    def __init__(
        self,
        *,
        store: NoticeStore,
        clock: Clock,
        listeners: Listeners,
        submit: Callable[[Submission], None],
        refresh: Callable[[], None],
        inbox: Mailbox[None],
        answers: Mailbox[None],
        observer: Observer,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store = store
        self._clock = clock
        self._listeners = listeners
        self._operator = listeners.operator_tenant
        self._submit = submit
        self._refresh = refresh
        self._inbox = inbox
        self._answers = answers
        self._observer = observer
        self._stopping = stopping
        self._expecting = False
        self._operator_missing = False
        # Those whose own tenant has its event, and the operator's not yet.
        self._kept: dict[NoticeName, None] = {}

    # ── for any thread ───────────────────────────────────────────────────────────────────────────────────────

    def kick(self) -> None:
        """There is something to tell."""
        self._inbox.post(None)

    def heard(self) -> None:
        """The writer has answered somebody."""
        if self._expecting:
            self._answers.post(None)

    def cautions(self) -> Sequence[str]:
        """What an operator should know, for /readyz."""
        if not self._operator_missing:
            return ()
        text = f"The tenant {self._operator} (operator_tenant) does not exist: operational events wait for it"
        return [f"{text}, {NOTICES_KEPT_MAX:,} at most."]

    # ── its own ──────────────────────────────────────────────────────────────────────────────────────────────

    def step(self) -> None:
        self._inbox.take(LOOK_EVERY_S)
        try:
            while self._make_some() and not self._stopping():
                pass
        except (StoreUnavailable, Retryable, CommitInDoubt) as error:
            self._observer(StoreTrouble("notices", error.code, error.detail))
        except Unavailable:
            return  # the writer has enough to do

    def _make_some(self) -> bool:
        """One page of notices; whether there may be more that can be done now."""
        self._look_for_operator()
        page = self._store.oldest_notices(len(self._kept) + STEP_ROWS_MAX)
        there = {(notice.tenant_id, notice.id) for notice in page}
        self._kept = {name: None for name in self._kept if name in there}  # another process may have seen to some
        fresh = [notice for notice in page if (notice.tenant_id, notice.id) not in self._kept]
        if not fresh:
            return False
        self._refresh()
        self._make(fresh)
        self._drop_oldest_kept()
        return len(fresh) >= STEP_ROWS_MAX

    def _look_for_operator(self) -> None:
        if self._operator is None:
            return
        self._operator_missing = not self._store.load_tenants([self._operator])
        if not self._operator_missing:
            self._kept.clear()

    def _make(self, notices: Sequence[Notice]) -> None:
        """Have the events stored, and remove the notices of those that were, or that nobody wants."""
        now = self._clock.now_ms()
        made = [one for notice in notices for one in self._made_of(notice, now)]
        self._have_stored([one.submission for one in made])
        unsettled = {one.name for one in made if not _is_settled(one.submission)}
        done = [(notice.tenant_id, notice.id) for notice in notices]
        done = [name for name in done if name not in unsettled]
        if self._operator_missing:
            waiting = [name for name in done if name[0] != self._operator]
            self._kept.update(dict.fromkeys(waiting))
            done = [name for name in done if name[0] == self._operator]
        if done:
            self._store.drop_notices(sorted(done))
        if unsettled:
            raise Unavailable("Some of them could not be stored now.", code="busy")

    def _made_of(self, notice: Notice, now: int) -> list[_Made]:
        """The events of a notice: its tenant's, if an endpoint there listens, and the operator's."""
        name = notice.tenant_id, notice.id
        found: list[_Made] = []
        if notice.tenant_id == self._operator or self._listeners.listen(notice.tenant_id, notice.type):
            found.append(_Made(name, submission_of(notice, notice.tenant_id, notice.id, now)))
        if self._operator not in (None, notice.tenant_id) and not self._operator_missing:
            found.append(_Made(name, submission_of(notice, str(self._operator), operators_id(notice), now)))
        return found

    def _have_stored(self, submissions: Sequence[Submission]) -> None:
        """Submit as many as the writer takes, and wait until they are answered, or it takes too long."""
        self._expecting = True
        submitted: list[Submission] = []
        with suppress(Unavailable):
            for submission in submissions:
                self._submit(submission)
                submitted.append(submission)
        until_s = self._clock.boottime_s() + ANSWERED_WITHIN_S
        while any(submission.outcome is None for submission in submitted):
            if self._stopping() or self._clock.boottime_s() >= until_s:
                break
            self._answers.take(_ANSWER_STEP_S)
        self._expecting = False

    def _drop_oldest_kept(self) -> None:
        too_many = list(self._kept)[: max(0, len(self._kept) - NOTICES_KEPT_MAX)]
        if too_many:
            self._store.drop_notices(sorted(too_many))
            for name in too_many:
                del self._kept[name]
            self._observer(NoticesDropped(str(self._operator), len(too_many)))


def submission_of(notice: Notice, tenant_id: str, event_id: str, now: int) -> Submission:
    """The event of a notice in a tenant, claimed under its id."""
    about = notice.endpoint_id
    event = Event(
        tenant_id=tenant_id,
        id=event_id,
        type=notice.type,
        data=notice.data,
        channel=None,
        subject_type=None if about is None else SUBJECT,
        subject_id=about,
        change=None,
        previous=None,
        ordering_key=None if about is None else key_of_subject(SUBJECT, about),
        occurred_at=notice.at,
        deliver_at=None,
        accepted_at=now,
        hops=0,
        deliveries=0,
        origin=OPERATIONS,
    )
    digest = hashlib.sha256(notice.data).digest()
    return Submission([event], [KeyClaim(tenant_id, "event", event_id, digest, (event_id,), None)], None)


def operators_id(notice: Notice) -> str:
    """The id of the operator's event: always the same for a notice, and not the tenant's, since one receiver may get
    both and know events by their ids."""
    chance = hashlib.sha256(f"operator/{notice.tenant_id}/{notice.id}".encode()).digest()
    return f"evt_{time_part(notice.at)}{random_part(chance[:RANDOM_BYTES])}"


def _is_settled(submission: Submission) -> bool:
    """Whether there is nothing left to do: it is stored, or never will be."""
    outcome = submission.outcome
    return outcome is not None and (not isinstance(outcome, RingbackError) or isinstance(outcome, _UNWANTED))
