"""What is told of lanes, and stored with their health: once for each time that one fails, whoever owns it, and never of
what became of an operational event."""

from typing import Any

import pytest

from conformance.backend import NODE, claim, own_lane, release
from ringback.engine import messages as m
from ringback.engine.fetcher import Fetcher
from ringback.engine.lanes import Lane
from ringback.engine.lease import Lease
from ringback.engine.news import LaneNews, News
from ringback.model.event import OPERATIONS, Delivery, DueDelivery
from ringback.model.lane import LaneRow
from ringback.model.notice import Notice
from ringback.policy.health import FRESH, Health, Phase, dump, load
from ringback.policy.operations import KINDS
from ringback.store.memory import MemoryStore
from ringback.store.port import StoreUnavailable
from ringback.testing.clock import ManualClock
from ringback.workers import ThreadMailbox
from support.rows import NOW, TENANT, attempt, endpoint, event, failed

PARKED = FRESH._replace(phase=Phase.PARKED, failing_since=NOW - 7)


class World:
    """One owned lane, what is told of it, and the fetcher that stores that."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.store.register(NODE, NOW)
        own_lane(self.store)
        self.asked: list[str] = []
        self.listening = True
        self.kicks = 0
        lease = Lease(NODE)
        self.clock = clock = ManualClock(NOW)
        self.inbox: ThreadMailbox[m.ToFetcher] = ThreadMailbox()
        self.told: list[Any] = []
        directory: Any = None
        self.fetcher = Fetcher(
            store=self.store, directory=directory, clock=clock, inbox=self.inbox, tell=self.told.append,
            pause=lambda seconds: None, observer=lambda event: None, noticed=self._kicked,
        )  # fmt: skip
        self.news = LaneNews(News(clock, self._wants), self.inbox, lease)
        self.lane = self.open()

    def _wants(self, tenant_id: str, event_type: str) -> bool:
        assert event_type in KINDS
        self.asked.append(tenant_id)
        return self.listening

    def _kicked(self) -> None:
        self.kicks += 1

    def open(self) -> Lane:
        """The lane as whoever owns it next finds it."""
        (row,) = self.store.lanes_of(["ep_a"])
        return Lane(LaneRow(TENANT, "ep_a", None, 0, NODE, row.health), 1, 1)

    def fail(self, *, final: bool = False, owned: bool = True, **changes: Any) -> Notice | None:
        row = DueDelivery(Delivery(TENANT, "ep_a", "evt_1", None, NOW, 1, 0, 0), event(**changes))
        return self.news.failure(self.lane, row, endpoint(), failed(1, 1, final=final), owned=owned)

    def turn(self, health: Health) -> None:
        self.lane.health = health._replace(told=self.lane.health.told)

    def store_it(self) -> list[str]:
        """What waits to be told now."""
        self.inbox.post(m.RingBells([]))  # so that nothing is waited for
        self.fetcher.step()
        self.clock.pass_s(1.0)
        return [notice.type for notice in self.store.oldest_notices(100)]


@pytest.fixture
def world() -> World:
    return World()


def test_an_endpoint_that_fails_is_told_of_once_and_of_its_recovery_too(world: World) -> None:
    assert world.fail() is None
    assert world.store_it() == []  # a failure is no failing yet
    world.turn(PARKED)
    for _ in range(3):
        world.fail()
    assert world.store_it() == ["endpoint.failing"]
    before, world.lane.health = world.lane.health, FRESH
    world.news.recovery(world.lane, endpoint(), before)
    world.news.recovery(world.lane, endpoint(), world.lane.health)
    assert world.store_it() == ["endpoint.failing", "endpoint.recovered"]
    assert world.kicks == 2
    world.turn(PARKED)
    world.fail()
    assert world.store_it() == ["endpoint.failing", "endpoint.recovered", "endpoint.failing"]


def test_who_owns_the_lane_next_goes_on_from_what_was_told(world: World) -> None:
    """A process that dies leaves what it had told with the lane, whatever else of its health it takes along."""
    world.turn(PARKED)
    world.fail()
    world.store_it()
    world.lane = world.open()
    assert (world.lane.health.phase, world.lane.health.told) == (Phase.PARKED, True)
    world.fail()
    assert world.store_it() == ["endpoint.failing"]
    world.news.recovery(world.lane, endpoint(), world.lane.health)
    assert world.store_it() == ["endpoint.failing", "endpoint.recovered"]


def test_who_lost_the_lane_tells_nothing_of_it(world: World) -> None:
    world.turn(PARKED)
    world.fail(owned=False)
    assert world.store_it() == []
    world.fail()
    world.store.take_over(NODE, 0, NOW)
    assert world.store_it() == []


def test_what_becomes_of_an_operational_event_is_never_told(world: World) -> None:
    assert world.fail(final=True) is not None
    assert world.fail(final=True, origin=OPERATIONS) is None
    assert world.fail(final=False) is None
    world.turn(PARKED)
    world.fail(origin=OPERATIONS)
    assert world.store_it() == []
    # The lane is parked all the same: the next failure of somebody else's event says so.
    world.fail()
    assert world.store_it() == ["endpoint.failing"]


def test_where_nobody_listens_nothing_is_made_and_a_success_asks_nothing(world: World) -> None:
    world.listening = False
    world.news.recovery(world.lane, endpoint(), FRESH)
    assert world.asked == []
    world.turn(PARKED)
    assert world.fail(final=True) is None
    assert world.store_it() == []
    assert world.store.lanes_of(["ep_a"])[0].health == b""
    world.listening = True
    world.fail()
    assert world.store_it() == ["endpoint.failing"]  # who listens from now on learns that it is down


def test_a_word_waits_for_the_store_and_goes_before_the_lane_is_left(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.turn(PARKED)
    world.fail()

    def away(*_: object) -> bool:
        raise StoreUnavailable("Gone.")

    with monkeypatch.context() as patched:
        patched.setattr(world.store, "keep_health", away)
        assert world.store_it() == []
        world.inbox.post(m.Release(NODE, world.lane.row(0), False))
        world.store_it()
        assert isinstance(world.told[-1], m.Kept)  # it can't be left with a word unsaid
    world.inbox.post(m.Release(NODE, world.lane.row(0), False))
    monkeypatch.setattr(world.fetcher, "_directory", type("D", (), {"forget": lambda self, ids: None})())
    assert world.store_it() == ["endpoint.failing"]
    assert world.store.lanes_of(["ep_a"])[0].owner is None


def test_health_of_before_is_read_as_never_told() -> None:
    stored = dump(FRESH._replace(phase=Phase.PARKED)).replace(b',"told":false', b"")
    assert b"told" not in stored
    assert load(stored) == FRESH._replace(phase=Phase.PARKED)
    assert load(dump(PARKED._replace(told=True))).told is True


def test_a_delivery_that_ended_says_how(world: World) -> None:
    notice = world.fail(final=True)
    assert notice is not None
    assert (notice.tenant_id, notice.type, notice.endpoint_id, notice.at) == (TENANT, "delivery.failed", "ep_a", NOW)
    assert attempt(1, 1).response_body not in (None, b"")
    assert (attempt(1, 1).response_body or b"") not in notice.data
    assert claim(world.store) == {}
    assert release(world.store, NODE, "ep_a", None, 0, b"")
