"""The heartbeat: proves that this node lives, notices which others don't, and takes their lanes over.

It beats only while the engine's other threads make progress: a node whose dispatcher hangs must lose its lanes. Death
is what one clock sees: the same beat for a whole lease on *this* machine's boot clock. A beat that finds its row gone
was taken over: it says so, and the node goes on under a fresh id. A store that can't answer costs the lease, no more.
While there are other nodes that beat, it tells the dispatcher after each beat how many lanes they own.
"""

from collections.abc import Callable
from typing import Final

from ringback.clock import Clock
from ringback.engine import messages as m
from ringback.engine.lease import Lease
from ringback.model.lane import NodeRow
from ringback.model.limits import HEARTBEAT_EVERY_S, LEASE_S
from ringback.observe.telemetry import LeaseLost, NodeTakenOver, Observer, StoreTrouble
from ringback.store.port import CommitInDoubt, Nodes, Retryable, StoreUnavailable

RETRY_S: Final = 1.0
# Who has missed two beats is not counted on, though it is not dead yet.
UNHEARD_S: Final = 2.5 * HEARTBEAT_EVERY_S


class Heartbeat:
    """`wait(seconds)` returns after that time or when the process stops; `alive` says whether all threads move."""

    def __init__(
        self,
        *,
        store: Nodes,
        clock: Clock,
        lease: Lease,
        tell: Callable[[m.ToDispatcher], None],
        wait: Callable[[float], object],
        alive: Callable[[], bool],
        observer: Observer,
    ) -> None:
        self._store = store
        self._clock = clock
        self._lease = lease
        self._tell = tell
        self._wait = wait
        self._alive = alive
        self._observer = observer
        self._seen: dict[str, tuple[int, float]] = {}
        self._others: list[str] = []
        self._alone = True

    def register(self) -> None:
        """Join under the lease's node id; the lease is good from before the row was written."""
        asked_s = self._clock.boottime_s()
        self._store.register(self._lease.node_id, self._clock.now_ms())
        self._lease.renewed(asked_s)

    def look_round(self) -> None:
        """See who else is there, so that the first claim heeds it; if the store can't tell, the next beat will."""
        try:
            self._bury_the_dead()
            self._tell_of_others()
        except (StoreUnavailable, Retryable, CommitInDoubt) as error:
            self._observer(StoreTrouble("heartbeat", error.code, error.detail))

    def step(self) -> None:
        self._wait(HEARTBEAT_EVERY_S)
        if not self._alive():
            return
        try:
            self._beat()
            self._bury_the_dead()
            self._tell_of_others()
        except (StoreUnavailable, Retryable, CommitInDoubt) as error:
            self._observer(StoreTrouble("heartbeat", error.code, error.detail))
            self._wait(RETRY_S)

    def _beat(self) -> None:
        asked_s = self._clock.boottime_s()
        if self._store.beat(self._lease.node_id):
            self._lease.renewed(asked_s)
            return
        self._lease.lost()
        self._observer(LeaseLost(self._lease.node_id))
        self._lease.node_id = self._clock.new_id("node")
        self._tell(m.LeaseLost(self._lease.node_id))
        self.register()

    def _bury_the_dead(self) -> None:
        now_s = self._clock.boottime_s()
        nodes = self._store.nodes()
        seen_s = self._clock.boottime_s()  # who beats while the answer is late must not look older than it is
        for node in nodes:
            beat, since_s = self._seen.get(node.id, (-1, seen_s))
            if node.beat != beat:
                self._seen[node.id] = (node.beat, seen_s)
            elif node.id != self._lease.node_id and now_s - since_s >= LEASE_S:
                self._take_over(node)
        for gone in self._seen.keys() - {node.id for node in nodes}:
            del self._seen[gone]
        heard = (name for name, (_, since_s) in self._seen.items() if now_s - since_s < UNHEARD_S)
        self._others = [name for name in heard if name != self._lease.node_id]

    def _tell_of_others(self) -> None:
        if self._others or not self._alone:
            lanes = dict(self._store.spread()) if self._others else {}
            self._tell(m.Spread(tuple(lanes[name] for name in self._others if name in lanes)))
            self._alone = not self._others

    def _take_over(self, node: NodeRow) -> None:
        if self._store.take_over(node.id, node.beat, self._clock.now_ms()):
            self._observer(NodeTakenOver(self._lease.node_id, node.id))
            self._tell(m.Woken())
