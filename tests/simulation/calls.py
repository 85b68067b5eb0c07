"""A node's connection to the shared store: slow, late, failing, in doubt; and the steps at which a process dies.

Every call is two steps or more, so that others run before and after it. What the store does is the real memory store's
business; this module only decides when it happens and whether the answer arrives.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ringback.store.memory import MemoryStore
from ringback.store.port import CommitInDoubt, StoreUnavailable
from simulation.faults import Fault, Faults

if TYPE_CHECKING:
    from simulation.node import Node
    from simulation.world import World

READS = {
    "changes_after", "events_by_id", "fetch", "load_endpoints", "load_secrets", "next_due", "nodes", "owned",
    "read", "ringing", "spread", "version",
}  # fmt: skip
# The calls around which the protocol could break: here processes die and pause, and plans count.
MOMENTOUS = {
    "beat", "claim", "commit", "disown", "fetch", "next_due", "register", "release", "ring", "ring_stranded", "settle",
    "silence", "take_over",
}  # fmt: skip
# What the protocol has no part in: done at once, so that a seed's run is the same with and without it.
APART = {
    "clear_members_step", "expire_access_step", "expire_audit_step", "expire_bins_step", "expire_pulses_step",
    "gather_days_step", "load_tenants", "reseal_step",
}  # fmt: skip
# How often a late answer is the moment for one more event.
WRONG_MOMENTS = {"fetch": 0.2, "next_due": 0.9, "release": 0.5, "silence": 0.2}


class SimStore:
    """Every method of the store, as a node's call."""

    def __init__(self, node: "Node", store: MemoryStore, world: "World") -> None:
        self._node = node
        self._store = store
        self._world = world

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name in APART:
            return method

        def call(*args: Any) -> Any:
            return self.call(name, lambda: method(*args), args)

        made = (lambda: SimTransaction(self, method())) if name == "intake" else call
        setattr(self, name, made)
        return made

    def call(self, name: str, run: Callable[[], Any], args: tuple[Any, ...] = ()) -> Any:
        """One call: before it, the store's own step, after it; in each the process may stop to exist."""
        world = self._world
        scheduler, random, faults = world.scheduler, world.scheduler.random, world.faults_now()
        planned = world.planned(name)
        if name == "ring" and random.random() < faults.crash_before_ring:
            world.crash(self._node)
        self._meet_fate(
            name, faults, planned, Fault.CRASH_BEFORE, 5.0 if name in ("release", "ring", "settle") else 1.0
        )
        scheduler.wait(0.0001 + 0.003 * random.random())
        if name == "beat" and self._node.awaits_beat:
            self._node.awaits_beat = False
            world.pause(self._node, random.uniform(36.0, 45.0))
            scheduler.wait(0.0)
        if name == "beat" and random.random() < faults.beat_hangs / 2:
            self._hang(faults)
        if name == "take_over":
            self._await_the_victim(args[0])
        if name == "claim" and args[0] not in world.store._tables.nodes:
            # The worst moment to claim under a lost id is when something rings.
            world.provoke()
            scheduler.wait(0.05 * random.random())
        doubt = self._fail_at_once(name, faults, planned)
        result = run()
        world.done(self._node, name, args, result)
        if scheduler.tracing and (result or name in MOMENTOUS):
            scheduler.note(f"{name}{_shown(args)} -> {_shown(result)}{' in doubt' if doubt else ''}")
        self._meet_fate(name, faults, planned, Fault.CRASH_AFTER, 10.0 if result and name == "claim" else 1.0)
        if name == "claim" and result and faults.pause_per_call and random.random() < 0.15:
            self._await_the_beat()
        self._answer_late(name, faults, planned)
        if doubt:
            world.in_doubt()
            raise CommitInDoubt("simulated, applied")
        return result

    def _fail_at_once(self, name: str, faults: Faults, planned: Fault | None) -> bool:
        """Raise what fails before it is done; whether the answer of what is done now will be lost."""
        world, random = self._world, self._world.scheduler.random
        if planned is Fault.UNAVAILABLE or random.random() < faults.unavailable * (5.0 if name == "ring" else 1.0):
            world.scheduler.note(f"{name} unavailable")
            raise StoreUnavailable("simulated")
        if name in READS:
            return False
        doubt = random.random() < faults.doubt * (5.0 if name in ("claim", "release") else 1.0)
        if planned is Fault.COMMIT_LOST or (doubt and random.random() < 0.5):
            world.scheduler.note(f"{name} in doubt, not applied")
            world.in_doubt()
            raise CommitInDoubt("simulated, not applied")
        return doubt or planned is Fault.COMMIT_APPLIED

    def _answer_late(self, name: str, faults: Faults, planned: Fault | None) -> None:
        world, random = self._world, self._world.scheduler.random
        if name == "beat" and random.random() < faults.beat_hangs / 2:
            self._hang(faults)
        elif planned is Fault.LATE:
            world.scheduler.wait(1.5)
        elif random.random() < faults.late:
            if random.random() < WRONG_MOMENTS.get(name, 0.0):
                world.provoke()
            world.scheduler.wait(faults.late_s * random.random())
        else:
            world.scheduler.wait(0.0001)

    def _meet_fate(self, name: str, faults: Faults, planned: Fault | None, here: Fault, weight: float) -> None:
        """Die or pause at this very step, `weight` times as often as at others."""
        world, random = self._world, self._world.scheduler.random
        if planned is here:
            world.crash(self._node)
        elif planned is Fault.PAUSE and here is Fault.CRASH_AFTER:
            world.pause(self._node, 40.0)
        elif name in MOMENTOUS and (faults.crash_per_call or faults.pause_per_call):
            if random.random() < faults.crash_per_call * weight:
                world.crash(self._node)
            elif random.random() < faults.pause_per_call * weight and not world.held_up:
                world.pause(self._node, random.uniform(*faults.pause_s))
        if self._node.process.dead or self._node.process.paused_until > world.scheduler.now_s:
            world.scheduler.wait(0.0)

    def _hang(self, faults: Faults) -> None:
        """As a connection that is stuck for a while."""
        scheduler = self._world.scheduler
        hangs_s = scheduler.random.uniform(*faults.beat_hangs_s)
        self._node.back_at_s = scheduler.now_s + hangs_s
        self._world.counts["hung beats"] += 1
        scheduler.wait(hangs_s)

    def _await_the_beat(self) -> None:
        """The worst moment to be paused is with a beat and a claim on their way: the beat's answer is heard first."""
        node, scheduler = self._node, self._world.scheduler
        node.awaits_beat = True
        until_s = scheduler.now_s + 6.0
        while node.awaits_beat and scheduler.now_s < until_s:
            scheduler.wait(0.05)
        node.awaits_beat = False
        scheduler.wait(0.3 * scheduler.random.random())

    def _await_the_victim(self, node_id: str) -> None:
        """The worst moment to take a node over is when it just comes back: sometimes wait for that."""
        world = self._world
        victim = next((node for node in world.alive if node.lease.node_id == node_id), None)
        if victim is None or world.scheduler.random.random() < 0.3:
            return
        in_s = max(victim.process.paused_until, victim.back_at_s) - world.scheduler.now_s
        if 0.0 < in_s < 6.0:
            world.scheduler.wait(in_s + 0.06 * (world.scheduler.random.random() - 0.5))


class SimTransaction:
    """An intake transaction with steps between its statements, so that others begin and commit meanwhile."""

    def __init__(self, store: SimStore, transaction: Any) -> None:
        self._store = store
        self._transaction = transaction

    def __enter__(self) -> "SimTransaction":
        self._transaction.__enter__()
        self._store._node.open_transactions.append(self)
        return self

    def __exit__(self, *error: Any) -> None:
        if self in self._store._node.open_transactions:
            self._store._node.open_transactions.remove(self)
        self._transaction.__exit__(*error)

    def die(self) -> None:
        """The process is gone: its connection closes."""
        self._store._node.open_transactions.remove(self)
        self._transaction.__exit__(GeneratorExit, GeneratorExit(), None)

    def commit(self) -> None:
        self._store.call("commit", self._commit)

    def _commit(self) -> None:
        self._store._node.owes_bells = True
        self._store._world.committing(self._transaction._deliveries)
        self._transaction.commit()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._transaction, name)
        # By a read's name, so that only the commit can be in doubt.
        return lambda *args: self._store.call("read", lambda: method(*args))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 240 else text[:240] + "…"
