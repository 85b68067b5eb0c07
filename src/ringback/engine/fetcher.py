"""The fetcher: does for the dispatcher what needs the store, in the order it was asked, on a thread of its own.

It alone claims and releases lanes, and keeps a ledger of those it holds; a row that names this node but stands not in
the ledger (a commit whose answer was lost) is found by an audit and freed. A store that fails is waited for: the
dispatcher is told that nothing came, and asks again.
"""

from collections.abc import Callable
from typing import Final, Protocol

from ringback.clock import Clock
from ringback.engine import messages as m
from ringback.engine.directory import Directory
from ringback.model.errors import RingbackError
from ringback.model.lane import LaneRow
from ringback.observe.telemetry import EndpointDisabled, Observer, StoreTrouble
from ringback.store.port import (
    Bells,
    CommitInDoubt,
    EndpointSource,
    Lanes,
    NotOwner,
    Retryable,
    Ring,
    StoreUnavailable,
)
from ringback.workers import Mailbox

WAIT_S: Final = 0.5
AFTER_FAILURE_S: Final = 0.2
RELEASE_TRIES: Final = 3


class EngineStore(Lanes, Bells, EndpointSource, Protocol):
    """What the fetcher asks of the store."""


class Fetcher:
    """Carries out `messages.ToFetcher`; see the module."""

    def __init__(
        self,
        *,
        store: EngineStore,
        directory: Directory,
        clock: Clock,
        inbox: Mailbox[m.ToFetcher],
        tell: Callable[[m.ToDispatcher], None],
        pause: Callable[[float], object],
        observer: Observer,
    ) -> None:
        self._store = store
        self._directory = directory
        self._clock = clock
        self._inbox = inbox
        self._tell = tell
        self._pause = pause
        self._observer = observer
        self._ledger: dict[str, str] = {}
        self._late_rings: dict[str, Ring] = {}

    def step(self) -> None:
        for command in self._inbox.take(WAIT_S):
            try:
                self._carry_out(command)
            except NotOwner:
                self._tell(m.Woken() if not isinstance(command, m.Claim) else m.Claimed(command.node_id, [], 0))
            except (StoreUnavailable, Retryable, CommitInDoubt) as error:
                self._observer(StoreTrouble("fetcher", error.code))
                self._failed(command, error)
        if self._late_rings:
            self._ring([])

    def _carry_out(self, command: m.ToFetcher) -> None:
        match command:
            case m.Fetch():
                self._fetch(command)
            case m.Claim():
                self._claim(command)
            case m.Listen():
                self._tell(m.Rang(command.node_id, self._store.ringing(command.node_id, self._clock.now_ms())))
            case m.Release():
                self._release(command)
            case m.RingBells():
                self._ring(command.rings)
            case m.GiveUp():
                self._give_up(command)
            case m.Audit():
                self._audit(command.node_id)

    def _failed(self, command: m.ToFetcher, error: RingbackError) -> None:
        """Tell the dispatcher that nothing came; what must happen all the same is tried again later."""
        match command:
            case m.Fetch():
                self._tell(m.FetchDone(command.node_id, command.generations, []))
            case m.Claim():
                # Perhaps it happened: what is claimed and not in the ledger is freed at once.
                self._tell(m.Claimed(command.node_id, [], command.limit))
                self._inbox.post(m.Audit(command.node_id))
            case m.Listen():
                self._tell(m.Rang(command.node_id, []))
            case m.Release() if not isinstance(error, CommitInDoubt):
                # Not done: freed some other way, its pause and its health would be lost.
                self._tell(m.Kept(command.node_id, command.row))
            case m.Release():
                # In doubt: not ours to the ledger, so the audit frees it if its row still names us.
                self._ledger.pop(command.row.endpoint_id, None)
                self._tell(m.Left(command.node_id, command.row.endpoint_id))
                self._inbox.post(m.Audit(command.node_id))
            case m.RingBells():
                self._keep_rings(command.rings)
            case m.GiveUp() | m.Audit():
                self._inbox.post(command)
        self._pause(AFTER_FAILURE_S)

    def _fetch(self, command: m.Fetch) -> None:
        endpoint_ids = sorted(request.endpoint_id for request in command.requests)
        self._store.silence(command.node_id, endpoint_ids)  # before the snapshot: a bell after it is heard
        found = self._store.fetch(command.requests, self._clock.now_ms())
        self._tell(m.FetchDone(command.node_id, command.generations, found))

    def _claim(self, command: m.Claim) -> None:
        rows = self._store.claim(command.node_id, self._clock.now_ms(), command.limit)
        self._directory.load([row.endpoint_id for row in rows])
        for row in rows:
            self._ledger[row.endpoint_id] = command.node_id
        self._tell(m.Claimed(command.node_id, rows, command.limit))

    def _release(self, command: m.Release) -> None:
        row = command.row
        # An endpoint that was deleted may have lost its lane meanwhile: there is nothing to keep, nothing to try again.
        if self._gave_up(command.node_id, row, command.ordered) or self._directory.get(row.endpoint_id) is None:
            self._ledger.pop(row.endpoint_id, None)
            self._directory.forget([row.endpoint_id])
            self._tell(m.Left(command.node_id, row.endpoint_id))
        else:
            self._tell(m.Kept(command.node_id, row))

    def _gave_up(self, node_id: str, row: LaneRow, ordered: bool) -> bool:
        """A paused lane must not be kept for a bell that rings in its pause, so it tries a few times."""
        tries = RELEASE_TRIES if row.not_before > self._clock.now_ms() else 1
        for _ in range(tries):
            self._store.silence(node_id, [row.endpoint_id])
            next_due = self._store.next_due(row.tenant_id, row.endpoint_id, ordered)
            if self._store.release(node_id, row.endpoint_id, next_due, row.not_before, row.health):
                return True
        return False

    def _ring(self, rings: list[Ring]) -> None:
        self._keep_rings(rings)
        self._store.ring(sorted(self._late_rings.values()))
        self._late_rings.clear()
        self._tell(m.Woken())

    def _keep_rings(self, rings: list[Ring]) -> None:
        for ring in rings:
            known = self._late_rings.get(ring.endpoint_id)
            if known is None or ring.due_at < known.due_at:
                self._late_rings[ring.endpoint_id] = ring

    def _give_up(self, command: m.GiveUp) -> None:
        if self._store.give_up(
            command.tenant_id, command.endpoint_id, command.code, command.message, self._clock.now_ms()
        ):
            self._observer(EndpointDisabled(command.tenant_id, command.endpoint_id, command.code))
        self._directory.refresh()

    def _audit(self, node_id: str) -> None:
        strangers = [name for name in self._store.owned(node_id) if self._ledger.get(name) != node_id]
        if strangers:
            self._store.disown(node_id, sorted(strangers), self._clock.now_ms())
            self._tell(m.Woken())
