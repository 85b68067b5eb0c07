"""Notices become events once, whatever fails in between; what waits for an operator's tenant waits in bounds."""

from collections.abc import Callable
from typing import Any

import pytest

from conformance.backend import NODE, add_endpoint, own_lane
from ringback.ingest import notices as module
from ringback.ingest.index import MatchIndex
from ringback.ingest.notices import NoticeEvents, operators_id
from ringback.ingest.submission import NoEngine
from ringback.ingest.writer import Writer
from ringback.listeners import Listeners
from ringback.model.event import Event
from ringback.model.notice import Notice
from ringback.observe.telemetry import NoticesDropped, StoreTrouble, TelemetryEvent
from ringback.store.memory import MemoryStore
from ringback.store.port import EventQuery, StoreUnavailable
from ringback.testing.clock import ManualClock
from ringback.workers import ThreadMailbox
from support.rows import NOW, OTHER_TENANT, TENANT, endpoint, notice, secret, tenant

OPERATOR = "ops"


class Answers(ThreadMailbox[None]):
    """Who waits for the writer lets it work."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__()
        self._work = work

    def take(self, timeout_s: float) -> list[None]:
        self._work()
        return []


class Process:
    """One process on a store, whose threads take turns."""

    def __init__(self, store: MemoryStore, operator: str | None = None, waiting_events_max: int = 1_000) -> None:
        self.seen: list[TelemetryEvent] = []
        self.listeners = Listeners(store, operator)
        self.listeners.load()
        clock = ManualClock(NOW)
        self.writer = Writer(
            store=store, index=MatchIndex(), clock=clock, inbox=ThreadMailbox(), engine=NoEngine(),
            on_done=lambda submissions: None, pause=lambda seconds: None, waiting_events_max=waiting_events_max,
        )  # fmt: skip
        self.events = NoticeEvents(
            store=store, clock=clock, listeners=self.listeners, submit=self.writer.submit_inside,
            refresh=self.listeners.load, inbox=ThreadMailbox(), answers=Answers(self.writer.step),
            observer=self.seen.append,
        )  # fmt: skip

    def step(self) -> None:
        self.events.kick()
        self.events.step()


class World:
    def __init__(self) -> None:
        self.store = MemoryStore()
        for tenant_id in (TENANT, OTHER_TENANT):
            self.store.create_tenant(tenant(tenant_id), secret(f"sec_{tenant_id}", None, tenant_id))
        self.store.register(NODE, NOW)
        own_lane(self.store, "ep_a")
        add_endpoint(self.store, "ep_listens", event_types=("endpoint.*",))

    def tell(self, *notices: Notice) -> None:
        assert self.store.keep_health(NODE, "ep_a", b"", notices)

    def events(self, tenant_id: str = TENANT) -> list[Event]:
        return [stored.event for stored in self.store.list_events(EventQuery(tenant_id, ascending=True, limit=5_000))]

    @property
    def waiting(self) -> list[str]:
        return [one.id for one in self.store.oldest_notices(5_000)]


@pytest.fixture
def world() -> World:
    return World()


def test_a_notice_becomes_an_event_for_who_listens_and_is_gone(world: World) -> None:
    world.tell(notice())
    Process(world.store).step()
    (made,) = world.events()
    assert (made.id, made.type, made.origin) == ("evt_n1", "endpoint.disabled", "ringback")
    assert (made.subject_type, made.subject_id, made.ordering_key) == ("endpoint", "ep_a", "endpoint/ep_a")
    assert (made.occurred_at, made.accepted_at, made.deliveries) == (NOW, NOW, 1)
    assert made.data == notice().data
    assert world.waiting == []


def test_one_of_a_tenant_itself_has_no_subject(world: World) -> None:
    world.tell(notice(endpoint_id=None))
    Process(world.store).step()
    (made,) = world.events()
    assert (made.subject_type, made.subject_id, made.ordering_key) == (None, None, None)


def test_where_nobody_listens_it_just_goes(world: World) -> None:
    world.tell(notice(tenant_id=OTHER_TENANT), notice("evt_n2", type="secret.rotated"), notice("evt_n3", "gone"))
    Process(world.store).step()
    assert world.events() == world.events(OTHER_TENANT) == []
    assert world.waiting == []


def test_a_tenant_whose_webhooks_are_off_is_told_nothing(world: World) -> None:
    assert world.store.update_tenant(tenant(webhooks_enabled=False, revision=2))
    world.tell(notice())
    Process(world.store).step()
    assert (world.events(), world.waiting) == ([], [])


def test_a_process_that_ends_between_the_event_and_its_notice_makes_one_event(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailable("Gone.")

    world.tell(notice())
    first = Process(world.store)
    with monkeypatch.context() as patched:
        patched.setattr(world.store, "drop_notices", away)
        first.step()
    assert first.seen == [StoreTrouble("notices", "store_unavailable", "Gone.")]
    assert (len(world.events()), world.waiting) == (1, ["evt_n1"])
    Process(world.store).step()
    assert (len(world.events()), world.waiting) == (1, [])


def test_two_processes_that_look_at_the_same_time_make_one_event(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.tell(*(notice(f"evt_n{place}") for place in range(3)))
    read = world.store.oldest_notices(10)
    first, second = Process(world.store), Process(world.store)
    first.step()
    monkeypatch.setattr(world.store, "oldest_notices", lambda limit: read)
    second.step()
    assert sorted(event.id for event in world.events()) == ["evt_n0", "evt_n1", "evt_n2"]


def test_a_writer_that_is_full_takes_them_one_after_the_other(world: World) -> None:
    world.tell(*(notice(f"evt_n{place}") for place in range(3)))
    process = Process(world.store, waiting_events_max=1)
    for left in (2, 1, 0):
        process.step()
        assert len(world.waiting) == left
    assert len(world.events()) == 3
    assert process.writer.events_waiting == process.writer.bytes_waiting == 0


def test_more_than_a_page_is_done_in_one_go(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEP_ROWS_MAX", 2)
    world.tell(*(notice(f"evt_n{place}") for place in range(5)))
    Process(world.store).step()
    assert (len(world.events()), world.waiting) == (5, [])


class TestOperator:
    def add(self, world: World) -> None:
        world.store.create_tenant(tenant(OPERATOR), secret("sec_ops", None, OPERATOR))

    def test_the_operator_s_event_has_an_id_of_its_own_that_is_always_the_same(self, world: World) -> None:
        self.add(world)
        world.tell(notice(), notice("evt_n2", OTHER_TENANT), notice("evt_n3", OPERATOR))
        Process(world.store, OPERATOR).step()
        assert [event.id for event in world.events()] == ["evt_n1"]
        assert world.events(OTHER_TENANT) == []
        expected = {operators_id(notice()), operators_id(notice("evt_n2", OTHER_TENANT)), "evt_n3"}
        assert {event.id for event in world.events(OPERATOR)} == expected
        assert operators_id(notice()) != operators_id(notice("evt_n2"))
        assert world.waiting == []

    def test_while_it_is_missing_the_tenant_s_own_are_made_and_the_rest_waits(self, world: World) -> None:
        process = Process(world.store, OPERATOR)
        world.tell(notice())
        for _ in range(2):
            process.step()
        assert (len(world.events()), world.waiting) == (1, ["evt_n1"])
        (caution,) = process.events.cautions()
        assert OPERATOR in caution
        self.add(world)
        Process(world.store, OPERATOR).step()
        process.step()
        assert (len(world.events()), len(world.events(OPERATOR)), world.waiting) == (1, 1, [])
        assert process.events.cautions() == ()

    def test_it_waits_in_bounds_and_what_goes_is_said(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "NOTICES_KEPT_MAX", 3)
        process = Process(world.store, OPERATOR)
        for place in range(5):
            world.tell(notice(f"evt_n{place}", at=NOW + place))
            process.step()
        assert world.waiting == ["evt_n2", "evt_n3", "evt_n4"]
        assert process.seen == [NoticesDropped(OPERATOR, 1)] * 2
        assert len(world.events()) == 5

    def test_an_endpoint_of_the_operator_s_is_not_told_of_itself(self, world: World) -> None:
        self.add(world)
        own = endpoint("ep_own", OPERATOR, event_types=("endpoint.*",))
        assert world.store.create_endpoint(own, None, 10)
        world.tell(notice(tenant_id=OPERATOR, endpoint_id="ep_own"), notice("evt_n2"))
        Process(world.store, OPERATOR).step()
        told: dict[str, Any] = {event.id: event.deliveries for event in world.events(OPERATOR)}
        assert told == {"evt_n1": 0, operators_id(notice("evt_n2")): 1}
