"""What the heartbeat tells of other nodes: who is counted, what it costs to be alone, and what a failing store does."""

from collections.abc import Callable

import pytest

from conformance.backend import add_endpoint, claim, ring
from ringback.engine import messages as m
from ringback.engine.heartbeat import UNHEARD_S, Heartbeat
from ringback.engine.lease import Lease
from ringback.model.lane import NodeRow
from ringback.model.limits import HEARTBEAT_EVERY_S, LEASE_S
from ringback.observe.telemetry import NodeTakenOver, StoreTrouble, TelemetryEvent
from ringback.store.memory import MemoryStore
from ringback.store.port import StoreUnavailable
from ringback.testing.clock import ManualClock
from support.rows import NOW


class Store(MemoryStore):
    """Counts how often it is asked how lanes are spread, and can be gone."""

    def __init__(self) -> None:
        super().__init__(sole=False)
        self.asked = 0
        self.gone = False
        self.before_answering: Callable[[], object] = lambda: None

    def nodes(self) -> list[NodeRow]:
        self.before_answering()
        return super().nodes()

    def spread(self) -> list[tuple[str, int]]:
        self.asked += 1
        if self.gone:
            raise StoreUnavailable("Gone.")
        return super().spread()


class World:
    """A node's heartbeat beside other nodes that beat when the test says so."""

    def __init__(self) -> None:
        self.store = Store()
        self.clock = ManualClock(NOW)
        self.told: list[m.ToDispatcher] = []
        self.seen: list[TelemetryEvent] = []
        self.heartbeat = Heartbeat(
            store=self.store, clock=self.clock, lease=Lease("node_me"), tell=self.told.append,
            wait=self.clock.pass_s, alive=lambda: True, observer=self.seen.append,
        )  # fmt: skip
        self.heartbeat.register()

    def join(self, node_id: str, lanes: int) -> None:
        self.store.register(node_id, NOW)
        for number in range(lanes):
            name = f"ep_{node_id}_{number}"
            add_endpoint(self.store, name)
            ring(self.store, name)
        assert len(claim(self.store, NOW, node_id)) == lanes

    def beats(self, *others: str) -> list[m.ToDispatcher]:
        """One more beat of this node and of these; what was told."""
        for node_id in others:
            self.store.beat(node_id)
        self.told.clear()
        self.heartbeat.step()
        return list(self.told)


@pytest.fixture
def world() -> World:
    return World()


def test_alone_it_neither_asks_nor_tells(world: World) -> None:
    world.heartbeat.look_round()
    assert [world.beats() for _ in range(3)] == [[], [], []]
    assert world.store.asked == 0


def test_each_beat_tells_how_many_lanes_the_others_own(world: World) -> None:
    world.join("node_a", 3)
    world.join("node_b", 0)
    assert world.beats("node_a", "node_b") == [m.Spread((3, 0))]
    assert world.beats("node_a", "node_b") == [m.Spread((3, 0))]


def test_who_starts_looks_round_before_the_first_beat(world: World) -> None:
    world.join("node_a", 2)
    world.heartbeat.look_round()
    assert world.told == [m.Spread((2,))]


def test_who_has_missed_two_beats_is_not_counted_on(world: World) -> None:
    world.join("node_a", 3)
    world.join("node_b", 1)
    told = [world.beats("node_b") for _ in range(int(UNHEARD_S / HEARTBEAT_EVERY_S) + 2)]
    assert told[:3] == [[m.Spread((3, 1))]] * 3
    assert told[3:] == [[m.Spread((1,))]]
    assert world.beats("node_a", "node_b") == [m.Spread((3, 1))]


def test_who_is_alone_again_says_so_once(world: World) -> None:
    world.join("node_a", 1)
    world.beats("node_a")
    world.store.leave("node_a", NOW)
    assert [world.beats(), world.beats()] == [[m.Spread(())], []]
    assert world.store.asked == 1


def test_the_dead_are_not_counted_long_before_they_are_taken_over(world: World) -> None:
    world.join("node_a", 1)
    told = [one for _ in range(int(LEASE_S / HEARTBEAT_EVERY_S) + 1) for one in world.beats()]
    assert told.index(m.Spread(())) < told.index(m.Woken())
    assert world.seen == [NodeTakenOver("node_me", "node_a")]


def test_a_store_that_can_not_say_is_asked_with_the_next_beat(world: World) -> None:
    world.join("node_a", 1)
    world.store.gone = True
    world.heartbeat.look_round()
    assert world.beats("node_a") == []
    assert world.seen == [StoreTrouble("heartbeat", "store_unavailable", "Gone.")] * 2
    world.store.gone = False
    assert world.beats("node_a") == [m.Spread((1,))]


def test_a_beat_that_comes_while_the_answer_is_late_counts_from_when_it_was_seen(world: World) -> None:
    world.join("node_late", 0)

    def beats_in_the_last_moment() -> None:
        world.clock.pass_s(LEASE_S - HEARTBEAT_EVERY_S)
        world.store.beat("node_late")

    world.store.before_answering = beats_in_the_last_moment
    world.beats()
    world.store.before_answering = lambda: None
    beaten_s = world.clock.boottime_s()
    while not any(isinstance(event, NodeTakenOver) for event in world.seen):
        world.beats()

    assert world.clock.boottime_s() - beaten_s >= LEASE_S
