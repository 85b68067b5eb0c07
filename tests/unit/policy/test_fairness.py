"""Turns: shares, caps, no starvation, no leaks. The loads are played out on a clock of numbers."""

import heapq
import random
from collections import Counter
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ringback.policy.fairness import CLOSED_S, SPACED_PER_SECOND, Turns
from ringback.policy.health import Pace


class Load(NamedTuple):
    """A lane that always has something to send: how long its requests take, what is expected, how many at once."""

    lane: str
    tenant: str
    takes_s: float
    pace: Pace = Pace.QUICK
    expected_s: float | None = None
    at_once: int = 1_000


class Played(NamedTuple):
    """Connection time by lane, the requests in the order they started, and the most slots held by anyone."""

    time_s: Counter[str]
    started: list[str]
    most: Counter[str]


def names(load: Load, pace: Pace) -> tuple[str, str, str]:
    return load.lane, load.tenant, pace.name


def play(slots: int, loads: list[Load], until_s: float) -> Played:
    """As an engine would: a new lane has one request at a time, and its pace once that has ended."""
    turns = Turns(slots)
    by_lane = {load.lane: load for load in loads}
    paces = {load.lane: load.pace for load in loads}
    held: Counter[str] = Counter()
    played = Played(Counter(), [], Counter())
    flying: list[tuple[float, int, str, Pace]] = []
    now_s = 0.0
    for load in loads:
        turns.offer(load.lane, load.tenant, load.expected_s or load.takes_s, load.pace)
    while now_s < until_s:
        while (lane := turns.pick()) is not None:
            load, pace = by_lane[lane], paces[lane]
            turns.started(lane, load.tenant, load.expected_s or load.takes_s, pace)
            heapq.heappush(flying, (now_s + load.takes_s, len(played.started), lane, pace))
            played.started.append(lane)
            for name in names(load, pace):
                held[name] += 1
                played.most[name] = max(played.most[name], held[name])
            if held[lane] >= load.at_once or pace is Pace.NEW:
                turns.withdraw(lane)
        assert flying, "nothing in flight and nobody may start"
        now_s, _, lane, pace = heapq.heappop(flying)
        load = by_lane[lane]
        for name in names(load, pace):
            held[name] -= 1
        played.time_s[lane] += load.takes_s
        turns.finished(lane, load.tenant, load.expected_s or load.takes_s, load.takes_s, pace)
        if pace is Pace.NEW:
            paces[lane] = Pace.SLOW if load.takes_s > 1.0 else Pace.QUICK
        turns.offer(lane, load.tenant, load.expected_s or load.takes_s, paces[lane])
    return played


def shares(played: Played, loads: list[Load], *, of_tenants: bool) -> dict[str, float]:
    total: Counter[str] = Counter()
    for load in loads:
        total[load.tenant if of_tenants else load.lane] += played.time_s[load.lane]
    whole = sum(total.values())
    return {name: seconds / whole for name, seconds in total.items()}


# ── one lane ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_nobody_is_picked_from_nobody() -> None:
    assert Turns(1).pick() is None


def test_a_single_lane_may_use_every_slot() -> None:
    turns = Turns(10)
    turns.offer("a", "t", 0.01, Pace.QUICK)
    for count in range(10):
        assert turns.in_flight == count
        assert turns.pick() == "a"
        turns.started("a", "t", 0.01, Pace.QUICK)
    assert turns.pick() is None
    turns.finished("a", "t", 0.01, 0.02, Pace.QUICK)
    assert turns.pick() == "a"
    turns.withdraw("a")
    assert turns.pick() is None
    assert turns.in_flight == 9


def test_picking_changes_nothing() -> None:
    turns = Turns(10)
    for lane in "abc":
        turns.offer(lane, lane, 0.01, Pace.QUICK)
    assert {turns.pick() for _ in range(10)} == {"a"}


def test_offering_again_does_not_give_another_turn() -> None:
    turns = Turns(100)
    turns.offer("b", "t", 0.01, Pace.QUICK)
    for _ in range(5):
        turns.offer("a", "t", 0.01, Pace.QUICK)
    for lane in ("b", "a", "b", "a"):
        assert turns.pick() == lane
        turns.started(lane, "t", 0.01, Pace.QUICK)


def test_unknown_lanes_are_passed_over() -> None:
    turns = Turns(2)
    turns.withdraw("nobody")
    turns.finished("nobody", "t", 1, 1, Pace.SLOW)
    turns.offer("a", "t", 1, Pace.QUICK)
    turns.finished("a", "t", 1, 1, Pace.QUICK)
    assert (turns.in_flight, turns.slow_in_flight) == (0, 0)


def test_there_must_be_a_slot() -> None:
    with pytest.raises(ValueError, match="at least one slot"):
        Turns(0)


@pytest.mark.parametrize("pace", Pace)
def test_one_slot_serves_everybody(pace: Pace) -> None:
    loads = [Load(f"l{i}", f"t{i % 3}", 0.01, pace) for i in range(6)]
    played = play(1, loads, 2.0)
    # Those that were new first are quick by then, and take turns with those that still are.
    begun = played.started[: 24 if pace is Pace.NEW else 6]
    assert set(begun) == {load.lane for load in loads}
    assert played.most[pace.name] == 1


# ── shares ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_time_is_shared_not_requests() -> None:
    loads = [Load("quick", "a", 0.01), Load("hanging", "b", 1.0)]
    played = play(4, loads, 400.0)
    assert shares(played, loads, of_tenants=True)["a"] == pytest.approx(0.5, abs=0.03)
    assert Counter(played.started)["quick"] > 80 * Counter(played.started)["hanging"]


def test_tenants_share_first_however_many_lanes_they_have() -> None:
    loads = [Load(f"a{i}", "a", 0.05) for i in range(30)] + [Load("b", "b", 0.05)]
    found = shares(play(8, loads, 60.0), loads, of_tenants=True)
    assert found["a"] == pytest.approx(0.5, abs=0.03)


def test_a_wrong_expectation_is_corrected() -> None:
    loads = [
        Load("honest", "a", 0.1),
        Load("looks cheap", "b", 0.8, expected_s=0.001),
        Load("looks dear", "c", 0.05, expected_s=2.0),
    ]
    found = shares(play(6, loads, 600.0), loads, of_tenants=True)
    for tenant in "abc":
        assert found[tenant] == pytest.approx(1 / 3, abs=0.04)


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_any_load_converges_to_equal_shares(data: st.DataObject) -> None:
    pace = data.draw(st.sampled_from([Pace.QUICK, Pace.SLOW]))
    slots = data.draw(st.integers(2, 12))
    tenants = data.draw(st.integers(2, 5))
    loads = [
        Load(f"{tenant}.{lane}", f"t{tenant}", data.draw(st.sampled_from([0.05, 0.2, 1.0])), pace)
        for tenant in range(tenants)
        for lane in range(data.draw(st.integers(1, 4)))
    ]
    played = play(slots, loads, 200.0 / slots * tenants)
    for share in shares(played, loads, of_tenants=True).values():
        assert share == pytest.approx(1 / tenants, abs=0.05)
    for tenant in {load.tenant for load in loads}:
        own = [load for load in loads if load.tenant == tenant]
        for share in shares(played, own, of_tenants=False).values():
            assert share == pytest.approx(1 / len(own), abs=0.08)


def test_who_was_away_gets_no_more_than_the_others() -> None:
    turns = Turns(1)
    turns.offer("busy", "a", 0.01, Pace.QUICK)
    for _ in range(1_000):
        turns.started("busy", "a", 0.01, Pace.QUICK)
        turns.finished("busy", "a", 0.01, 0.01, Pace.QUICK)
    turns.offer("back", "b", 0.01, Pace.QUICK)
    order = Counter()
    for _ in range(100):
        lane = turns.pick()
        assert lane is not None
        order[lane] += 1
        turns.started(lane, "a" if lane == "busy" else "b", 0.01, Pace.QUICK)
        turns.finished(lane, "a" if lane == "busy" else "b", 0.01, 0.01, Pace.QUICK)
    assert abs(order["busy"] - order["back"]) <= 2


def test_what_was_overdrawn_is_still_owed_after_a_short_absence() -> None:
    turns = Turns(1)
    turns.offer("quick", "t", 0.01, Pace.QUICK)
    turns.offer("long", "t", 0.01, Pace.QUICK)
    turns.started("long", "t", 0.01, Pace.QUICK)
    turns.withdraw("long")
    turns.finished("long", "t", 0.01, 1.0, Pace.QUICK)
    turns.offer("long", "t", 0.01, Pace.QUICK)
    quick = 0
    while turns.pick() == "quick":
        turns.started("quick", "t", 0.01, Pace.QUICK)
        turns.finished("quick", "t", 0.01, 0.01, Pace.QUICK)
        quick += 1
        assert quick < 1_000
    assert quick == pytest.approx(100, abs=3)


# ── caps ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_slow_lanes_leave_a_quarter_of_the_slots() -> None:
    turns = Turns(100)
    for number in range(200):
        turns.offer(f"dead{number}", f"t{number}", 20.0, Pace.SLOW)
    started = 0
    while (lane := turns.pick()) is not None:
        turns.started(lane, "t" + lane[4:], 20.0, Pace.SLOW)
        turns.withdraw(lane)
        started += 1
    assert (started, turns.in_flight, turns.slow_in_flight) == (75, 75, 75)
    turns.offer("healthy", "h", 0.01, Pace.QUICK)
    for _ in range(25):
        assert turns.pick() == "healthy"
        turns.started("healthy", "h", 0.01, Pace.QUICK)
    assert turns.pick() is None
    turns.finished("healthy", "h", 0.01, 0.01, Pace.QUICK)
    assert turns.pick() == "healthy"


def test_slow_lanes_come_back_when_a_slow_slot_is_free() -> None:
    turns = Turns(4)
    for lane in "abcd":
        turns.offer(lane, lane, 1, Pace.SLOW)
    for lane in "abc":
        assert turns.pick() == lane
        turns.started(lane, lane, 1, Pace.SLOW)
        turns.withdraw(lane)
    assert turns.pick() is None
    turns.finished("b", "b", 1, 1, Pace.SLOW)
    assert turns.pick() == "d"


def test_a_lane_that_became_quick_is_not_held_back_with_the_slow_ones() -> None:
    turns = Turns(4)
    for lane in "abcd":
        turns.offer(lane, lane, 1, Pace.SLOW)
        if lane != "d":
            turns.started(lane, lane, 1, Pace.SLOW)
            turns.withdraw(lane)
    assert turns.pick() is None
    turns.offer("d", "d", 0.01, Pace.QUICK)
    assert turns.pick() == "d"
    turns.offer("d", "d", 0.01, Pace.SLOW)
    assert turns.pick() is None


def held_by_the_dead(turns: Turns, lanes: int, tenant: str) -> int:
    """So many lanes of a tenant take a request each that never ends; how many could start it."""
    for number in range(lanes):
        turns.offer(f"dead{number}", tenant, 20.0, Pace.SLOW)
    started = 0
    while turns.opens_at_s < float("inf") or turns.pick() is not None:
        if (lane := turns.pick()) is None:
            turns.at(turns.opens_at_s)
        else:
            turns.started(lane, tenant, 20.0, Pace.SLOW)
            turns.withdraw(lane)
            started += 1
    return started


# ── never all at once ────────────────────────────────────────────────────────────────────────────────────────


def starts_of_slow(turns: Turns, lanes: int) -> list[float]:
    """When each of so many slow lanes, all there from the beginning, may start its request, which never ends."""
    for number in range(lanes):
        turns.offer(f"s{number}", "t", 20.0, Pace.SLOW)
    now_s, times = 0.0, []
    while len(times) < lanes:
        turns.at(now_s)
        while (lane := turns.pick()) is not None:
            turns.started(lane, "t", 20.0, Pace.SLOW)
            turns.withdraw(lane)
            times.append(now_s)
        now_s += 0.001
    return times


def test_many_slow_requests_start_one_after_the_other() -> None:
    times = starts_of_slow(Turns(1_000), 600)
    assert times[64] == 0.0
    assert times[-1] == pytest.approx((600 - 64) / SPACED_PER_SECOND, rel=0.1)
    most = max(sum(begin <= time < begin + 0.02 for time in times) for begin in times[90:])
    assert most <= 2 * CLOSED_S * SPACED_PER_SECOND


def test_a_few_slow_requests_are_not_held_up() -> None:
    assert set(starts_of_slow(Turns(1_000), 64)) == {0.0}


def test_while_the_slow_line_is_closed_others_start_at_once() -> None:
    turns = Turns(1_000)
    for number in range(200):
        turns.offer(f"s{number}", "t", 20.0, Pace.SLOW)
    while (lane := turns.pick()) is not None:
        turns.started(lane, "t", 20.0, Pace.SLOW)
        turns.withdraw(lane)
    assert turns.slow_in_flight < 100
    turns.offer("new", "t", 0.05, Pace.NEW)
    assert turns.pick() == "new"
    turns.started("new", "t", 0.05, Pace.NEW)
    turns.withdraw("new")
    turns.offer("quick", "t", 0.01, Pace.QUICK)
    assert turns.pick() == "quick"
    turns.withdraw("quick")
    assert turns.pick() is None
    assert 0.0 < turns.opens_at_s <= 2 * CLOSED_S
    turns.at(turns.opens_at_s)
    assert (turns.pick() or "")[0] == "s"


def test_it_is_not_waited_for_a_line_in_which_nobody_waits() -> None:
    turns = Turns(1_000)
    starts_of_slow(turns, 200)
    assert turns.opens_at_s == float("inf")


@pytest.mark.parametrize("tenant", ["same", "another"])
def test_a_new_lane_is_tried_although_dead_receivers_hold_all_that_slow_ones_may(tenant: str) -> None:
    turns = Turns(1_000)
    assert held_by_the_dead(turns, 800, "same") == 750
    turns.offer("new", tenant, 0.05, Pace.NEW)
    assert turns.pick() == "new"


def test_new_lanes_of_one_tenant_leave_room_to_try_those_of_others() -> None:
    turns = Turns(1_000)
    held_by_the_dead(turns, 800, "big")
    for number in range(200):
        turns.offer(f"new{number}", "big", 0.05, Pace.NEW)
    tried = 0
    while (lane := turns.pick()) is not None:
        turns.started(lane, "big", 0.05, Pace.NEW)
        turns.withdraw(lane)
        tried += 1
    assert tried == 30
    turns.offer("other", "small", 0.05, Pace.NEW)
    assert turns.pick() == "other"
    turns.started("other", "small", 0.05, Pace.NEW)
    turns.withdraw("other")
    turns.offer("healthy", "big", 0.05, Pace.QUICK)
    assert turns.pick() == "healthy"


def test_new_and_slow_lanes_take_turns_where_both_may_start() -> None:
    turns = Turns(100)
    for number in range(10):
        turns.offer(f"s{number}", f"s{number}", 1, Pace.SLOW)
        turns.offer(f"n{number}", f"n{number}", 1, Pace.NEW)
    started = ""
    for _ in range(8):
        lane = turns.pick()
        assert lane is not None
        started += lane[0]
        turns.started(lane, lane, 1, Pace.SLOW if lane[0] == "s" else Pace.NEW)
        turns.withdraw(lane)
    assert started == "nsnsnsns"


def test_one_tenant_has_a_quarter_while_another_waits_and_everything_alone() -> None:
    turns = Turns(100)
    turns.offer("a", "big", 0.01, Pace.QUICK)
    for _ in range(100):
        assert turns.pick() == "a"
        turns.started("a", "big", 0.01, Pace.QUICK)
    turns.offer("b", "small", 0.01, Pace.QUICK)
    for held in range(25):
        turns.finished("a", "big", 0.01, 0.01, Pace.QUICK)
        assert turns.pick() == "b", held
        turns.started("b", "small", 0.01, Pace.QUICK)
    turns.withdraw("b")
    turns.finished("a", "big", 0.01, 0.01, Pace.QUICK)
    assert turns.pick() == "a"


def test_a_tenant_that_cannot_start_is_not_waited_for() -> None:
    turns = Turns(8)
    for number in range(6):
        turns.offer(f"s{number}", f"s{number}", 1, Pace.SLOW)
        turns.started(f"s{number}", f"s{number}", 1, Pace.SLOW)
        turns.withdraw(f"s{number}")
    turns.offer("blocked", "b", 1, Pace.SLOW)
    turns.offer("a", "a", 0.01, Pace.QUICK)
    for _ in range(2):
        assert turns.pick() == "a"
        turns.started("a", "a", 0.01, Pace.QUICK)
    assert turns.in_flight == 8


def test_tenants_that_all_have_their_quarter_leave_no_slot_empty() -> None:
    loads = [Load("a", "a", 0.1), Load("b", "b", 0.1)]
    played = play(40, loads, 20.0)
    assert played.most["a"] + played.most["b"] >= 40
    assert shares(played, loads, of_tenants=True)["a"] == pytest.approx(0.5, abs=0.03)


def test_a_tenants_dead_receivers_leave_room_for_its_healthy_ones() -> None:
    turns = Turns(100)
    turns.offer("other", "o", 0.01, Pace.QUICK)
    for number in range(100):
        turns.offer(f"dead{number}", "t", 20.0, Pace.SLOW)
    dead = 0
    while turns.in_flight < 100:
        lane = turns.pick()
        assert lane is not None
        if lane == "other":
            turns.started(lane, "o", 0.01, Pace.QUICK)
        else:
            turns.started(lane, "t", 20.0, Pace.SLOW)
            turns.withdraw(lane)
            dead += 1
    turns.offer("healthy", "t", 0.01, Pace.QUICK)
    turns.finished("other", "o", 0.01, 0.01, Pace.QUICK)
    assert dead == 18
    assert turns.pick() == "healthy"


def test_both_lines_move_while_both_wait() -> None:
    loads = [Load(f"f{i}", f"f{i}", 0.02) for i in range(5)] + [
        Load(f"s{i}", f"s{i}", 2.0, Pace.SLOW) for i in range(50)
    ]
    played = play(20, loads, 200.0)
    assert played.most["SLOW"] <= 15
    counts = Counter(played.started)
    assert min(counts[load.lane] for load in loads) >= 5
    slow_time = sum(played.time_s[load.lane] for load in loads if load.pace is Pace.SLOW)
    assert 0.4 <= slow_time / sum(played.time_s.values()) <= 0.76


# ── nothing is lost ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_hundred_thousand_lanes_all_get_their_turn() -> None:
    turns = Turns(1_000)
    lanes = {f"l{i}": (f"t{i % 997}", Pace(i % 3)) for i in range(100_000)}
    for lane, (tenant, pace) in lanes.items():
        turns.offer(lane, tenant, 0.01, pace)
    seen = set()
    while (lane := turns.pick()) is not None:
        tenant, pace = lanes[lane]
        turns.started(lane, tenant, 0.01, pace)
        turns.withdraw(lane)
        turns.finished(lane, tenant, 0.01, 0.01, pace)
        assert lane not in seen
        seen.add(lane)
    assert len(seen) == 100_000


def test_records_of_lanes_that_are_gone_are_forgotten() -> None:
    turns = Turns(10)
    for number in range(50_000):
        lane, tenant = f"l{number}", f"t{number}"
        turns.offer(lane, tenant, 20.0, Pace.SLOW)
        turns.started(lane, tenant, 20.0, Pace.SLOW)
        turns.withdraw(lane)
        turns.finished(lane, tenant, 20.0, 20.0, Pace.SLOW)
    assert len(turns._lanes) <= 5_000
    assert len(turns._tenants) <= 5_000


def test_the_calendar_does_not_grow() -> None:
    turns = Turns(10)
    turns.offer("other", "t", 0.01, Pace.QUICK)
    for number in range(20_000):
        turns.offer("a", "t", 5.0, Pace.QUICK)
        lane = turns.pick()
        assert lane is not None
        turns.started(lane, "t", 5.0 if number % 2 else 0.01, Pace.QUICK)
        turns.finished(lane, "t", 5.0 if number % 2 else 0.01, 0.01, Pace.QUICK)
        turns.withdraw("a")
    queue = turns._tenants["t"].sides[Pace.QUICK].lanes
    assert len(queue._calendar) == len(queue._numbers) <= 1_000


class Requests(NamedTuple):
    lane: str
    charged_s: float
    pace: Pace


class AnyTurns(RuleBasedStateMachine):
    """Everything in any order, beside a plain book of who is offered and what is in flight."""

    @initialize(slots=st.integers(1, 24))
    def begin(self, slots: int) -> None:
        self.turns = Turns(slots)
        self.offered: dict[str, Pace] = {}
        self.flying: list[Requests] = []

    @staticmethod
    def tenant(lane: str) -> str:
        return lane[0]

    LANES = st.sampled_from([tenant + lane for tenant in "abcde" for lane in "123"])
    COSTS = st.sampled_from([0.0, 0.001, 0.01, 0.3, 2.0, 20.0])

    @rule(lane=LANES, cost_s=COSTS, pace=st.sampled_from(Pace))
    def offer(self, lane: str, cost_s: float, pace: Pace) -> None:
        self.turns.offer(lane, self.tenant(lane), cost_s, pace)
        self.offered[lane] = pace

    @rule(lane=LANES)
    def withdraw(self, lane: str) -> None:
        self.turns.withdraw(lane)
        self.offered.pop(lane, None)

    @rule(cost_s=COSTS, leaves=st.booleans())
    def start_next(self, cost_s: float, leaves: bool) -> None:
        lane = self.turns.pick()
        assert (lane is None) is (not self.may_start())
        if lane is None:
            return
        assert lane in self.may_start()
        pace = self.offered[lane]
        self.turns.started(lane, self.tenant(lane), cost_s, pace)
        self.flying.append(Requests(lane, cost_s, pace))
        if leaves:
            self.withdraw(lane)

    @precondition(lambda self: self.flying)
    @rule(pick=st.integers(0, 100), actual_s=COSTS)
    def finish(self, pick: int, actual_s: float) -> None:
        lane, charged_s, pace = self.flying.pop(pick % len(self.flying))
        self.turns.finished(lane, self.tenant(lane), charged_s, actual_s, pace)

    def may_start(self) -> set[str]:
        """By the rules as they are written, over everything there is."""
        slots = self.turns.slots
        if len(self.flying) >= slots:
            return set()
        slow_max = max(1, int(slots * 0.75))
        new_max = max(slow_max, min(slow_max + int(slots * 0.12), slots - 1))
        unproven = self.unproven()
        below = {lane for lane, pace in self.offered.items() if self.is_below(self.tenant(lane), slots, pace)}
        able = {lane for lane, pace in self.offered.items() if pace is Pace.QUICK or unproven < slow_max}
        tried = {lane for lane, pace in self.offered.items() if pace is Pace.NEW and unproven < new_max}
        return below & (able | tried) or able

    def is_below(self, tenant: str, slots: int, pace: Pace) -> bool:
        quarter = max(1, slots // 4)
        part = max(1, int(quarter * 0.75))
        held = [request.pace for request in self.flying if self.tenant(request.lane) == tenant]
        if pace is Pace.NEW:
            return held.count(pace) < max(1, int(int(slots * 0.12) * 0.25))
        waiting = {its for lane, its in self.offered.items() if self.tenant(lane) == tenant}
        both = {Pace.QUICK, Pace.SLOW} <= waiting
        tried = min(held.count(Pace.NEW), max(1, int(int(slots * 0.12) * 0.25)))
        if len(held) - tried >= (max(2, quarter) if both else quarter):
            return False
        return held.count(pace) < part or not (pace is Pace.SLOW or both)

    def unproven(self) -> int:
        return sum(request.pace is not Pace.QUICK for request in self.flying)

    @invariant()
    def the_books_agree(self) -> None:
        assert self.turns.in_flight == len(self.flying) <= self.turns.slots
        assert self.turns.slow_in_flight == self.unproven()

    def teardown(self) -> None:
        """Whatever happened: when all has ended, everybody who is offered gets a turn soon, and no slot is lost."""
        while self.flying:
            self.finish(0, 0.01)
        for lane in list(self.offered):
            self.turns.offer(lane, self.tenant(lane), 0.01, Pace.QUICK)
        waiting = set(self.offered)
        for _ in range(1_000_000):
            if not waiting:
                break
            lane = self.turns.pick()
            assert lane in self.offered
            self.turns.started(lane, self.tenant(lane), 1.0, Pace.QUICK)
            self.turns.finished(lane, self.tenant(lane), 1.0, 1.0, Pace.QUICK)
            waiting.discard(lane)
        assert not waiting
        assert self.turns.in_flight == 0


AnyTurns.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestAnyTurns = AnyTurns.TestCase


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_nobody_starves_in_a_mixed_crowd(seed: int) -> None:
    chance = random.Random(seed)
    loads = [
        Load(f"l{i}", f"t{chance.randrange(6)}", chance.choice([0.05, 0.2, 2.0]), Pace(chance.randrange(3)), at_once=3)
        for i in range(20)
    ]
    played = play(8, loads, 100.0)
    counts = Counter(played.started)
    assert min(counts[load.lane] for load in loads) >= 3
    assert played.most["SLOW"] <= 6
    assert played.most["NEW"] <= 6
    assert sum(played.most[load.lane] for load in loads) >= 8
