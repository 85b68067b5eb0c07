"""The sweep: repairs what crashes leave behind, carries out deletions and seals secrets anew, in small steps.

At every start, every 30 s, and when asked; figures of days are gathered every 5 s by one process or another, where the
store keeps them apart at first. Each step is one short transaction; between two steps others get the store.
It finds due work that no bell announces, lanes without an owner that lives, deliveries without a lane or an endpoint.
Running it twice, or on every node at once, does no harm.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from ringback.clock import Clock
from ringback.engine import messages as m
from ringback.engine.lease import Lease
from ringback.model.lane import NodeRow
from ringback.model.limits import STEP_ROWS_MAX, SWEEP_EVERY_S
from ringback.model.pulse import PULSE_KEPT_MS
from ringback.observe.telemetry import Observer, StoreTrouble, SweepCleared, SweepRepaired
from ringback.store.port import (
    AccessUpkeep,
    BinUpkeep,
    CommitInDoubt,
    Nodes,
    PulseUpkeep,
    RecordUpkeep,
    Retryable,
    StoreUnavailable,
    Upkeep,
)

STEP_PAUSE_S: Final = 0.005
GATHER_EVERY_S: Final = 5.0


class SweepStore(Nodes, Upkeep, RecordUpkeep, AccessUpkeep, BinUpkeep, PulseUpkeep, Protocol):
    """What the sweep asks of the store."""


class Sweep:
    """`wait(seconds)` returns True early when somebody deleted something or the process stops. `resealed` is called
    when everything is sealed with the present master key. `also` is done once a sweep, on the same thread."""

    def __init__(
        self,
        *,
        store: SweepStore,
        clock: Clock,
        lease: Lease,
        fetcher: Callable[[m.ToFetcher], None],
        tell: Callable[[m.ToDispatcher], None],
        wait: Callable[[float], object],
        observer: Observer,
        resealed: Callable[[], None],
        also: Callable[[], None] | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._lease = lease
        self._fetcher = fetcher
        self._tell = tell
        self._wait = wait
        self._observer = observer
        self._also = also
        self._resealed = resealed
        self._asked = False
        self._sweeps_at_s = 0.0
        self._shared = False

    def step(self) -> None:
        """A whole sweep if it is time for one, else deletions if somebody asked, and figures if it is this process's
        turn."""
        if self._clock.boottime_s() >= self._sweeps_at_s:
            self._sweep()
            self._sweeps_at_s = self._clock.boottime_s() + SWEEP_EVERY_S
        elif self._asked:
            self._do(self._carry_out_deletions)
            self._do(self._reseal)
        self._do(self._gather)
        left_s = self._sweeps_at_s - self._clock.boottime_s()
        self._asked = bool(self._wait(min(max(0.0, left_s), GATHER_EVERY_S)))

    def _sweep(self) -> None:
        self._do(self._repair)
        self._do(self._carry_out_deletions)
        self._do(self._reseal)
        if self._also is not None:
            self._do(self._also)

    def _do(self, part: Callable[[], None]) -> None:
        """A store that can't answer is left for the next sweep."""
        try:
            part()
        except (StoreUnavailable, Retryable, CommitInDoubt) as error:
            self._observer(StoreTrouble("sweep", error.code, error.detail))

    def _repair(self) -> None:
        now = self._clock.now_ms()
        freed = self._store.free_orphans(now)
        made = self._all_steps(lambda: self._store.make_missing_lanes(now, STEP_ROWS_MAX))
        rung = self._all_steps(lambda: self._store.ring_stranded(now, STEP_ROWS_MAX))
        self._fetcher(m.Audit(self._lease.node_id))
        if freed or made or rung:
            self._observer(SweepRepaired(rung, freed, made))
            self._tell(m.Woken())

    def _carry_out_deletions(self) -> None:
        now = self._clock.now_ms()
        # Before the name of a deleted tenant is free again.
        self._all_steps(lambda: self._store.expire_bins_step(now, STEP_ROWS_MAX))
        cancelled = self._all_steps(lambda: self._store.cancel_step(now, STEP_ROWS_MAX))
        purged = self._all_steps(lambda: self._store.purge_step(STEP_ROWS_MAX))
        keys = self._all_steps(lambda: self._store.expire_keys_step(now, STEP_ROWS_MAX))
        self._all_steps(lambda: self._store.expire_access_step(now, STEP_ROWS_MAX))
        self._all_steps(lambda: self._store.expire_pulses_step(now - PULSE_KEPT_MS, STEP_ROWS_MAX))
        members = self._all_steps(lambda: self._store.clear_members_step(STEP_ROWS_MAX))
        if cancelled or purged or keys or members:
            self._observer(SweepCleared(cancelled, purged, keys, members))

    def _gather(self) -> None:
        """Fold in steps, of which one that isn't full is the last: what has come meanwhile waits for the next time.

        Where others go on settling there is always a little more, and each step costs the more the longer nothing dead
        is cleared away. As long as there is something to fold, the processes take turns.
        """
        if self._shared and not has_turn(self._lease.node_id, self._store.nodes(), self._clock.now_ms()):
            return
        gathered = self._store.gather_days_step(STEP_ROWS_MAX)
        self._shared = gathered > 0
        while gathered >= STEP_ROWS_MAX:
            self._wait(STEP_PAUSE_S)
            gathered = self._store.gather_days_step(STEP_ROWS_MAX)

    def _reseal(self) -> None:
        self._all_steps(lambda: self._store.reseal_step(STEP_ROWS_MAX))
        self._resealed()

    def _all_steps(self, one: Callable[[], int]) -> int:
        total = 0
        while changed := one():
            total += changed
            self._wait(STEP_PAUSE_S)
        return total


def has_turn(node_id: str, nodes: Sequence[NodeRow], now: int) -> bool:
    """Whether what one of several processes does every GATHER_EVERY_S is this one's to do now: of ten it is every 50 s.

    By the wall clocks, which needn't agree: two at once do no harm, and whoever was passed over is next again.
    """
    names = [node.id for node in nodes]
    if node_id not in names or len(names) == 1:
        return True
    return int(now / (GATHER_EVERY_S * 1_000)) % len(names) == names.index(node_id)
