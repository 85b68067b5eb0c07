"""Sharing lanes with other nodes: how much is claimed, what is given up, how it drains, and when shares don't count."""

from types import SimpleNamespace
from typing import Any

import pytest

from ringback.engine import messages as m
from ringback.engine.lanes import Lane
from ringback.engine.lease import Lease
from ringback.engine.owned import OwnedLanes
from ringback.engine.search import LOOK_EVERY_S, Search
from ringback.engine.spreading import CLAIM_LANES_MAX, GIVE_AT_ONCE, NO_SHARES_FOR_S, UNWANTED_AFTER_S
from ringback.engine.wall import Moment
from ringback.model.event import Delivery, DueDelivery, Event
from ringback.model.lane import LaneRow
from ringback.store.port import Fetched
from ringback.testing.clock import ManualClock
from support.rows import NOW, TENANT, endpoint
from support.targets import prepare


class World:
    """The search and the lanes of one node; what they ask of the fetcher is noted, the test answers."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.lease = Lease("node")
        self.asked: list[Any] = []
        self.released: list[LaneRow] = []
        target = prepare(endpoint("ep"), [])
        directory: Any = SimpleNamespace(get=lambda endpoint_id: target)
        handshakes: Any = SimpleNamespace(drop=lambda lane: None)
        fetcher: Any = SimpleNamespace(post=self.asked.append)
        self.lanes = OwnedLanes(1_000, directory, lambda row, ordered: self.released.append(row), handshakes)
        self.search = Search(lease=self.lease, lanes=self.lanes, fetcher=fetcher)
        self._made = 0
        self.turn(0.0)
        self.asked.clear()

    def turn(self, after_s: float = LOOK_EVERY_S) -> None:
        """One turn of the dispatcher, as much later."""
        self.clock.pass_s(after_s)
        now = Moment(self.clock.wall_ms, self.clock.boot_s)
        self.lease.renewed(now.boot_s)
        self.lanes.begin_turn(now)
        self.lanes.review()
        self.search.look(now)

    def claim(self, found: int) -> m.Claim:
        """Answer the claim that was asked for with at most `found` lanes; the claim."""
        claim: m.Claim = next(command for command in self.asked if isinstance(command, m.Claim))
        self.asked.clear()
        rows = [self._row() for _ in range(min(found, claim.limit))]
        self.search.claimed(m.Claimed("node", rows, claim.limit))
        return claim

    def _row(self) -> LaneRow:
        self._made += 1
        return LaneRow(TENANT, f"ep_{self._made:04d}", NOW, 0, "node", b"")

    def own(self, lanes: int) -> None:
        """Own as many, all fetched and with nothing to do."""
        for _ in range(lanes):
            row = self._row()
            self.lanes.open(row)
            self.feed(row.endpoint_id)

    def feed(self, endpoint_id: str, *seqs: int) -> Lane:
        lane = self.lanes.get(endpoint_id)
        assert lane is not None
        self.lanes.feeding.count(lane, 10)
        lane.begin_fetch(10)
        self.lanes.take_fetched(lane, Fetched(endpoint_id, [due(endpoint_id, seq) for seq in seqs], 0, True, None))
        return lane

    def hear(self, *others: int) -> None:
        self.search.heard(m.Spread(others))

    @property
    def moving(self) -> int:
        return sum(lane.moving for lane in self.lanes.values())


def due(endpoint_id: str, seq: int) -> DueDelivery:
    event = Event(TENANT, f"evt_{seq}", "a.b", b"{}", None, None, None, None, None, None, None, None, 0, 0, 1)
    return DueDelivery(Delivery(TENANT, endpoint_id, event.id, None, NOW, seq, 0, 0), event)


@pytest.fixture
def world() -> World:
    made = World()
    made.search.claimed(m.Claimed("node", [], CLAIM_LANES_MAX))
    return made


# ── claiming ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_alone_it_claims_all_it_can_and_goes_on_at_once(world: World) -> None:
    world.turn()
    for _ in range(5):
        assert world.claim(CLAIM_LANES_MAX) == m.Claim("node", CLAIM_LANES_MAX)
        assert world.search.next_s == 0.0
        world.turn(0.001)
    assert len(world.lanes) == 5 * CLAIM_LANES_MAX


def test_beside_others_it_begins_with_little_and_takes_more_while_there_is_much(world: World) -> None:
    world.hear(*[0] * 9)
    for limit in (20, 40, 80, 60):  # with the fourth it has as many as it may
        world.turn()
        assert world.claim(CLAIM_LANES_MAX) == m.Claim("node", limit)
        assert world.search.next_s > world.clock.boot_s  # the others get their turn
    world.turn()
    assert world.claim(CLAIM_LANES_MAX) == m.Claim("node", CLAIM_LANES_MAX, UNWANTED_AFTER_S)
    assert world.search.next_s == 0.0  # there is more than they all can wait for
    world.turn()
    assert world.claim(3).limit == CLAIM_LANES_MAX
    world.turn()
    assert world.claim(0).limit == 20


def test_it_claims_up_to_its_share_and_a_little_more(world: World) -> None:
    world.own(90)
    world.hear(110, 100)
    world.turn()
    assert world.claim(1_000) == m.Claim("node", 39, 0.0)  # 100 and a quarter and four
    world.turn()
    claim = world.claim(0)
    assert claim.waiting_s == UNWANTED_AFTER_S
    assert claim.limit > 0


def test_while_another_is_in_need_it_takes_no_more_than_its_share(world: World) -> None:
    world.own(60)
    world.hear(100, 100, 0)
    world.turn()
    assert world.claim(1_000).limit == 5  # of 260 lanes 65 are its own
    world.turn()
    assert world.claim(0).waiting_s == UNWANTED_AFTER_S


# ── what nobody wants ────────────────────────────────────────────────────────────────────────────────────────────


def test_who_finds_what_nobody_wanted_goes_by_no_share_for_a_while(world: World) -> None:
    world.own(300)
    world.hear(0)  # it hangs, or stops
    world.turn()
    assert world.moving == GIVE_AT_ONCE
    assert world.claim(1).waiting_s == UNWANTED_AFTER_S
    assert world.moving == 0
    owned = len(world.lanes)
    world.hear(0)
    for _ in range(5):
        world.turn()
        assert world.claim(1).waiting_s == 0.0
    assert (world.moving, len(world.lanes)) == (0, owned + 5)
    world.turn(NO_SHARES_FOR_S)  # what was idle is released
    world.claim(0)
    world.own(300)
    world.hear(0)
    world.turn()
    assert world.moving == GIVE_AT_ONCE


# ── giving up ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_who_has_too_many_gives_some_up_not_all_at_once_and_claims_none_back(world: World) -> None:
    world.own(300)
    world.hear(0, 0)
    seen = []
    for _ in range(6):
        world.turn()
        assert world.claim(0).waiting_s == UNWANTED_AFTER_S
        seen.append(len(world.released))
    assert seen == [0, 50, 100, 150, 200, 200]
    assert len(world.lanes) == 100
    assert {row.not_before for row in world.released} <= set(range(NOW, world.clock.wall_ms + 1))
    assert all(row.not_before >= NOW + 100 for row in world.released)  # its bell rings from when it was let go


def test_however_often_it_is_woken_it_gives_no_more_at_once(world: World) -> None:
    world.own(300)
    world.hear(0)
    world.turn()
    for _ in range(10):
        world.search.soon()
        world.turn(0.005)
    assert (world.moving, len(world.released)) == (0, GIVE_AT_ONCE)


def test_idle_lanes_go_before_those_with_requests_under_way(world: World) -> None:
    world.own(60)
    busy = [lane.endpoint_id for lane in list(world.lanes.values())[:30]]
    for endpoint_id in busy:
        world.feed(endpoint_id, 1, 2).pop()
    world.hear(0)
    world.turn()
    world.turn()
    assert {row.endpoint_id for row in world.released}.isdisjoint(busy)
    assert len(world.released) == 30


def test_a_lane_that_is_given_up_drains_before_it_goes(world: World) -> None:
    world.own(1)
    lane = world.feed("ep_0001", 1, 2, 3)
    lane.pop()
    world.turn()
    world.lanes.move(lane)
    world.turn()
    assert not lane.queue  # what is not sent stands in the store
    assert world.lanes.turns.pick() is None
    assert world.lanes.begin_fetches() == []
    world.lanes.hand_over(lane, due("ep_0001", 4), world.lanes.epoch)
    world.turn()
    assert not lane.queue
    assert world.released == []  # one request is under way
    world.lanes.settled(lane, 1, None)
    world.turn()
    assert [row.endpoint_id for row in world.released] == ["ep_0001"]
    assert world.lanes.budget.rows == 0


def test_a_lane_that_is_given_up_awaits_its_fetch(world: World) -> None:
    world.own(1)
    lane = world.lanes.get("ep_0001")
    assert lane is not None
    world.lanes.must_fetch(lane)
    world.turn()
    assert world.lanes.begin_fetches()
    world.lanes.move(lane)
    world.turn()
    assert world.released == []
    world.lanes.take_fetched(lane, Fetched("ep_0001", [due("ep_0001", 1)], 1, True, None))
    world.turn()
    assert (len(world.released), world.lanes.budget.rows) == (1, 0)


def test_who_is_alone_again_keeps_what_still_drains(world: World) -> None:
    world.own(40)
    for lane in list(world.lanes.values()):
        world.feed(lane.endpoint_id, 1).pop()
    world.hear(0)
    world.turn()
    world.turn()
    assert world.moving == 20
    world.claim(0)
    world.hear()
    world.turn()
    assert world.moving == 0
    assert world.released == []
    assert world.lanes.begin_fetches()  # what was forgotten is read again
    assert world.claim(0) == m.Claim("node", CLAIM_LANES_MAX)


def test_what_drains_already_counts_as_given_up(world: World) -> None:
    world.own(40)
    for lane in list(world.lanes.values()):
        world.feed(lane.endpoint_id, 1).pop()
    for _ in range(3):
        world.hear(0)
        world.turn()
        assert world.moving == 20


def test_lanes_whose_endpoints_have_to_prove_themselves_stay(world: World) -> None:
    world.own(40)
    asking: Any = SimpleNamespace(busy=False)
    for lane in world.lanes.values():
        lane.asking = asking
    world.hear(0)
    world.turn()
    assert world.moving == 0
