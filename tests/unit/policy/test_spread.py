"""How lanes come to be spread: any start converges, a spread that is well stays, and a handful of lanes never moves."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.policy.spread import (
    ALONE,
    FREE_LANES,
    GIVE_LANES_MAX,
    Plan,
    claim_at_once,
    equal_share,
    plan,
    tolerance,
)

ROUNDS_MAX = 40

spreads = st.lists(st.integers(0, 20_000), min_size=2, max_size=12)
seeds = st.integers(0, 1_000_000)


def others_of(place: int, owned: list[int]) -> list[int]:
    return owned[:place] + owned[place + 1 :]


def is_well(owned: list[int]) -> bool:
    share = equal_share(owned[0], owned[1:])
    return all(abs(one - share) <= tolerance(share) for one in owned)


class Nodes:
    """Nodes that see to `free` lanes beside those that each owns. All lanes are busy, so nobody lets one go by itself.

    In a round they hear of one another in any order, each after what those before it gave up; then they race for what
    nobody owns, each by what it heard.
    """

    def __init__(self, owned: list[int], seed: int, free: int = 0) -> None:
        self.owned = list(owned)
        self.free = free
        self.moved = 0
        self.unwanted = 0
        self._random = Random(seed)

    def round(self) -> None:
        order = self._random.sample(range(len(self.owned)), len(self.owned))
        plans = {place: self._hear(place) for place in order}
        while self.free and self._claim(plans):
            pass
        self.unwanted += self.free
        if self.free:
            self._take(self._random.randrange(len(self.owned)), self.free)

    def _hear(self, place: int) -> Plan:
        made = plan(self.owned[place], others_of(place, self.owned))
        assert 0 <= made.give <= self.owned[place]
        self.owned[place] -= made.give
        self.free += made.give
        self.moved += made.give
        return made

    def _claim(self, plans: dict[int, Plan]) -> bool:
        rooms = {place: (made.claim_below or 0) - self.owned[place] for place, made in plans.items()}
        able = [place for place, room in rooms.items() if room > 0]
        if able:
            place = self._random.choice(able)
            self._take(place, min(rooms[place], claim_at_once(200, len(self.owned)), self.free))
        return bool(able)

    def _take(self, place: int, lanes: int) -> None:
        self.owned[place] += lanes
        self.free -= lanes


@given(spreads, seeds)
@settings(max_examples=150, deadline=None)
def test_any_start_converges_and_stays(owned: list[int], seed: int) -> None:
    nodes = Nodes(owned, seed)
    for _ in range(ROUNDS_MAX):
        nodes.round()
        if is_well(nodes.owned):
            break
    assert is_well(nodes.owned), nodes.owned
    assert sum(nodes.owned) == sum(owned)
    moved = nodes.moved
    for _ in range(5):
        nodes.round()
    assert nodes.moved == moved


@given(st.lists(st.integers(0, 5_000), min_size=1, max_size=9), seeds)
@settings(max_examples=80, deadline=None)
def test_who_joins_gets_a_share(owned: list[int], seed: int) -> None:
    nodes = Nodes([*owned, 0], seed)
    for _ in range(ROUNDS_MAX):
        nodes.round()
    share = -(-sum(owned) // len(nodes.owned))
    assert nodes.owned[-1] >= share - tolerance(share)


@pytest.mark.parametrize("seed", range(20))
def test_ten_that_start_together_before_a_thousand_due_lanes_get_about_a_hundred_each(seed: int) -> None:
    nodes = Nodes([0] * 10, seed, free=1_000)
    nodes.round()
    assert sum(nodes.owned) == 1_000
    assert nodes.unwanted == 0
    assert max(nodes.owned) <= FREE_LANES
    for _ in range(3):
        nodes.round()
    assert all(100 - tolerance(100) <= owned <= 100 + tolerance(100) for owned in nodes.owned)


@given(spreads)
def test_what_is_well_moves_nowhere(owned: list[int]) -> None:
    share = -(-sum(owned) // len(owned))
    well = [min(max(one, share - tolerance(share)), share + tolerance(share)) for one in owned]
    if is_well(well):
        assert [plan(one, others_of(place, well)).give for place, one in enumerate(well)] == [0] * len(well)


@given(st.integers(0, 5), st.integers(1, 12))
def test_a_handful_of_lanes_stays_where_it_is(lanes: int, others: int) -> None:
    assert plan(lanes, [0] * others).give == 0


def test_one_lane_is_never_given_back_and_forth() -> None:
    assert plan(1, [0]).give == 0
    assert plan(0, [1]) == Plan(0, FREE_LANES)


@given(st.integers(0, 1_000_000))
def test_alone_everything_is_ones_own(mine: int) -> None:
    assert plan(mine, []) is ALONE
    assert claim_at_once(200, 1) == 200


@given(st.integers(0, 20_000), st.lists(st.integers(0, 20_000), min_size=1, max_size=12))
def test_who_gives_something_up_claims_nothing_back(mine: int, others: list[int]) -> None:
    made = plan(mine, others)
    assert made.claim_below is not None
    assert not made.give or made.claim_below == 0
    assert made.give <= max(0, mine - equal_share(mine, others))


@given(st.integers(0, 20_000), st.lists(st.integers(0, 20_000), min_size=1, max_size=12))
def test_somebody_may_always_claim(mine: int, others: list[int]) -> None:
    owned = [mine, *others]
    plans = [plan(one, others_of(place, owned)) for place, one in enumerate(owned)]
    assert any(one < (made.claim_below or 0) for one, made in zip(owned, plans, strict=True))


def test_not_everything_moves_at_once() -> None:
    assert plan(1_000, [0]).give == GIVE_LANES_MAX
    assert plan(5_000, [0]).give == 1_250
    assert plan(600, [0]).give == 300


def test_somebody_in_need_goes_first() -> None:
    assert [plan(100, [100] * 8 + [0]), plan(90, [100] * 8 + [0]), plan(0, [100] * 9)] == [
        Plan(10, 0),
        Plan(1, 0),
        Plan(0, 90 + tolerance(90)),
    ]
    assert plan(80, [100] * 8 + [0]) == Plan(0, 88)
