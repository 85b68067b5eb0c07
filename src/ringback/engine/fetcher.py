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
from ringback.model.limits import STEP_ROWS_MAX
from ringback.observe.telemetry import EndpointDisabled, Observer, StoreTrouble
from ringback.store.port import (
    Bells,
    CommitInDoubt,
    EndpointSource,
    Lanes,
    Leaving,
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
        noticed: Callable[[], object] = lambda: None,
    ) -> None:
        """`noticed` is called when notices were stored."""
        self._store = store
        self._noticed = noticed
        self._directory = directory
        self._clock = clock
        self._inbox = inbox
        self._tell = tell
        self._pause = pause
        self._observer = observer
        self._ledger: dict[str, str] = {}
        self._late_rings: dict[str, Ring] = {}
        self._turned: list[m.HealthTurned] = []

    def step(self) -> None:
        releases: dict[str, list[m.Release]] = {}
        for command in self._inbox.take(WAIT_S):
            # Lanes that are left in one go share a commit; nobody waits for one that goes a little later.
            if isinstance(command, m.Release):
                releases.setdefault(command.node_id, []).append(command)
            else:
                self._try(command)
        if self._turned:
            self._try_turned()
        for node_id, lanes in releases.items():
            for start in range(0, len(lanes), STEP_ROWS_MAX):
                self._try(m.Releases(node_id, lanes[start : start + STEP_ROWS_MAX]))
        if self._late_rings:
            self._ring([])

    def _try(self, command: m.ToFetcher) -> None:
        try:
            self._carry_out(command)
        except NotOwner:
            self._tell(m.Woken() if not isinstance(command, m.Claim) else m.Claimed(command.node_id, [], 0))
        except (StoreUnavailable, Retryable, CommitInDoubt) as error:
            self._observer(StoreTrouble("fetcher", error.code, error.detail))
            self._failed(command, error)

    def _carry_out(self, command: m.ToFetcher) -> None:
        match command:
            case m.Fetch():
                self._fetch(command)
            case m.Claim():
                self._claim(command)
            case m.Listen():
                self._tell(m.Rang(command.node_id, self._store.ringing(command.node_id, self._clock.now_ms())))
            case m.Release():
                self._release(m.Releases(command.node_id, [command]))
            case m.Releases():
                self._release(command)
            case m.RingBells():
                self._ring(command.rings)
            case m.GiveUp():
                self._give_up(command)
            case m.HealthTurned():
                self._turned.append(command)
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
            case m.Releases():
                self._not_released(command, in_doubt=isinstance(error, CommitInDoubt))
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
        due_by = self._clock.now_ms() - int(1000 * command.waiting_s)
        rows = self._store.claim(command.node_id, due_by, command.limit)
        self._directory.load([row.endpoint_id for row in rows])
        for row in rows:
            self._ledger[row.endpoint_id] = command.node_id
        self._tell(m.Claimed(command.node_id, rows, command.limit))

    def _release(self, command: m.Releases) -> None:
        """Give up what can be; `command.lanes` keeps those of which it isn't known yet."""
        node_id, lanes = command
        self._keep_turned()
        self._leave(node_id, lanes, list(lanes))
        for _ in range(RELEASE_TRIES - 1):
            # A paused lane must not be kept for a bell that rings in its pause.
            now = self._clock.now_ms()
            self._leave(node_id, lanes, [lane for lane in lanes if lane.row.not_before > now])
        while lanes:
            row = lanes[-1].row
            # An endpoint that was deleted may have lost its lane: there is nothing to keep, nothing to try again.
            self._tell(m.Kept(node_id, row) if self._directory.get(row.endpoint_id) else self._left(node_id, row))
            lanes.pop()

    def _leave(self, node_id: str, lanes: list[m.Release], trying: list[m.Release]) -> None:
        """Try to give up some of the lanes in one commit; those that are go from the list."""
        if not trying:
            return
        trying.sort(key=_endpoint_of)
        self._store.silence(node_id, [_endpoint_of(lane) for lane in trying])
        leaving = [
            Leaving(
                row.tenant_id,
                row.endpoint_id,
                self._store.next_due(row.tenant_id, row.endpoint_id, ordered),
                row.not_before,
                row.health,
            )
            for _, row, ordered in trying
        ]
        given_up = self._store.release(node_id, leaving)
        gone = {_endpoint_of(lane) for lane, went in zip(trying, given_up, strict=True) if went}
        lanes[:] = [lane for lane in lanes if _endpoint_of(lane) not in gone]
        for lane in trying:
            if _endpoint_of(lane) in gone:
                self._tell(self._left(node_id, lane.row))

    def _left(self, node_id: str, row: LaneRow) -> m.Left:
        self._ledger.pop(row.endpoint_id, None)
        self._directory.forget([row.endpoint_id])
        return m.Left(node_id, row.endpoint_id)

    def _not_released(self, command: m.Releases, in_doubt: bool) -> None:
        for _, row, _ in command.lanes:
            if in_doubt:
                # Not ours to the ledger, so the audit frees it if its row still names us.
                self._tell(self._left(command.node_id, row))
            else:
                # Freed some other way, its pause and its health would be lost.
                self._tell(m.Kept(command.node_id, row))
        if in_doubt:
            self._inbox.post(m.Audit(command.node_id))

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
        target = self._directory.get(command.endpoint_id)
        handshake = None if target is None or target.contract is None else target.contract.handshake
        unproven = handshake is not None and handshake.again_after_giving_up
        tenant_id, endpoint_id, code, message, notice = command
        notices = [] if notice is None else [notice]
        now = self._clock.now_ms()
        if self._store.give_up(tenant_id, endpoint_id, code, message, now, unproven=unproven, notices=notices):
            self._observer(EndpointDisabled(tenant_id, endpoint_id, code))
        if notices:
            self._noticed()
        self._directory.refresh()

    def _try_turned(self) -> None:
        """Store what lanes' healths are to be told of; what can't be stored now stays here."""
        try:
            self._keep_turned()
        except (StoreUnavailable, Retryable, CommitInDoubt) as error:
            self._observer(StoreTrouble("fetcher", error.code, error.detail))
            self._pause(AFTER_FAILURE_S)

    def _keep_turned(self) -> None:
        """Before a lane is left: who has it next goes on from what was told."""
        if not self._turned:
            return
        while self._turned:
            node_id, endpoint_id, health, notice = self._turned[0]
            self._store.keep_health(node_id, endpoint_id, health, [notice])
            del self._turned[0]
        self._noticed()

    def _audit(self, node_id: str) -> None:
        strangers = [name for name in self._store.owned(node_id) if self._ledger.get(name) != node_id]
        if strangers:
            self._store.disown(node_id, sorted(strangers), self._clock.now_ms())
            self._tell(m.Woken())


def _endpoint_of(lane: m.Release) -> str:
    return lane.row.endpoint_id
