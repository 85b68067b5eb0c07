"""Which events get a number when they are stored, and that a number that is taken costs nobody an event."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ringback.ingest.index import MatchIndex
from ringback.ingest.submission import NoEngine, Submission
from ringback.ingest.writer import Writer
from ringback.model.endpoint import Endpoint, EndpointStatus
from ringback.model.event import Event
from ringback.model.profile import StoredProfile
from ringback.numbers import Numbers
from ringback.profiles import Registry
from ringback.store.memory import MemoryStore
from ringback.store.port import Retryable, Store
from ringback.store.sqlite import SqliteStore
from ringback.testing.clock import ManualClock
from ringback.wire.profile import profile_text
from ringback.workers import ThreadMailbox
from support.rows import NOW, OTHER_TENANT, TENANT, endpoint, event, secret, tenant

FIRST = Numbers(ManualClock(NOW)).next(NOW)
"""What the writer will draw first: its clock has the same chance."""


class World:
    """A writer on a store with two tenants."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or MemoryStore()
        self.registry = Registry(self.store)
        self.inbox: ThreadMailbox[Submission] = ThreadMailbox()
        for tenant_id in (TENANT, OTHER_TENANT):
            self.store.create_tenant(tenant(tenant_id), secret(f"sec_{tenant_id}", None, tenant_id))
        self.writer = Writer(
            store=self.store,
            index=MatchIndex(self.registry.needs_number),
            clock=ManualClock(NOW),
            inbox=self.inbox,
            engine=NoEngine(),
            on_done=lambda submissions: None,
            pause=lambda seconds: None,
        )

    def endpoint(self, name: str = "ep_a", tenant_id: str = TENANT, **changes: object) -> Endpoint:
        made = endpoint(name, tenant_id, **changes)
        assert self.store.create_endpoint(made, None, 100)
        return made

    def store_all(self, *events: Event) -> list[Event]:
        """Have them stored, each by a caller of its own, in one batch; what was stored."""
        submissions = [Submission([one], [None], None) for one in events]
        for submission in submissions:
            self.writer.submit(submission)
        self.writer.step()
        assert all(isinstance(submission.outcome, list) for submission in submissions)
        return [self.store.events_by_id(one.tenant_id, [one.id])[0] for one in events]

    def number(self, name: str, tenant_id: str = TENANT) -> int | None:
        (stored,) = self.store_all(event(name, tenant_id))
        return stored.number


@pytest.fixture(params=["memory", "sqlite"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "memory":
        yield World()
        return
    store = SqliteStore.open(tmp_path / "ringback.db")
    yield World(store)
    store.close()


def test_events_have_a_number_where_a_contract_asks_for_one_and_nowhere_else(world: World) -> None:
    world.endpoint("ep_usual")
    world.endpoint("ep_vinsight", profile="vinsight")
    assert world.number("evt_1") is None
    alerts = world.endpoint("ep_alerts", profile="insideview", status=EndpointStatus.VERIFICATION_PENDING)
    assert world.number("evt_2") is not None
    assert world.number("evt_2", OTHER_TENANT) is None
    world.store.delete_endpoint(TENANT, alerts.id, NOW)
    assert world.number("evt_3") is None


@pytest.mark.parametrize("status", EndpointStatus)
def test_whatever_the_endpoints_status_for_what_it_does_not_get_it_may_fetch(world: World, status: str) -> None:
    world.endpoint(profile="insideview", status=EndpointStatus(status), unverified_since=NOW)
    assert world.number("evt_1") is not None


def test_an_endpoint_that_changes_its_profile_and_a_profile_that_is_changed(world: World) -> None:
    text = profile_text("vinsight").replace('"vinsight"', '"own"', 1)
    world.store.put_profile(StoredProfile("own", text, "1", NOW, NOW), 10)
    made = world.endpoint(profile="own")
    assert world.number("evt_1") is None
    headers = '[headers]\nX-Number = "{event_number}"'
    world.store.put_profile(StoredProfile("own", text.replace("[headers]", headers), "2", NOW, NOW), 10)
    world.registry.load()
    assert world.number("evt_2") is not None
    assert world.store.update_endpoint(replace(made, profile="standard", revision=2), NOW)
    assert world.number("evt_3") is None


def test_a_tenant_that_is_made_anew_has_none_of_the_old_contracts(world: World) -> None:
    world.endpoint(profile="insideview")
    world.writer.warm_up()
    world.store.delete_tenant(TENANT, NOW)
    while world.store.purge_step(100) or world.store.cancel_step(NOW, 100):
        pass
    assert world.store.create_tenant(tenant(created_at=NOW + 1), secret("sec_new", None, TENANT))
    assert world.number("evt_1") is None


def taken_before(world: World, count: int) -> None:
    """The numbers that the writer will draw first belong to events already."""
    with world.store.intake() as transaction:
        transaction.insert([event(f"evt_old_{step}", number=FIRST + step) for step in range(count)], [])
        transaction.commit()


def test_a_number_that_is_taken_costs_no_event_and_no_mate(world: World) -> None:
    world.endpoint(profile="insideview")
    world.endpoint("ep_other", OTHER_TENANT, profile="insideview")
    taken_before(world, 5)
    mates = [event("evt_1"), event("evt_1", OTHER_TENANT), event("evt_2"), event("evt_3")]
    stored = world.store_all(*mates)
    numbers = [one.number for one in stored]
    assert numbers == [FIRST + 7, FIRST + 1, FIRST + 5, FIRST + 6]
    assert len(set(zip([one.tenant_id for one in stored], numbers, strict=True))) == len(mates)
    assert [one._replace(number=None) for one in stored] == [one._replace(deliveries=1) for one in mates]
    for one in stored:
        assert world.store.event_by_number(one.tenant_id, one.number or 0) == one


def test_a_number_that_another_process_takes_meanwhile_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.endpoint(profile="insideview")
    world.writer.warm_up()
    intake: Callable[[], object] = world.store.intake
    tries = []

    class Raced:
        """The first transaction sees no number taken and then finds one that is."""

        def __init__(self) -> None:
            self.inner = intake()

        def __getattr__(self, name: str) -> object:
            return getattr(self.inner, name)

        def __enter__(self) -> "Raced":
            self.inner.__enter__()  # type: ignore[attr-defined]
            return self

        def __exit__(self, *error: object) -> None:
            self.inner.__exit__(*error)  # type: ignore[attr-defined]

        def insert(self, events: list[Event], *others: object) -> object:
            tries.append(events[0].number)
            if len(tries) == 1:
                raise Retryable("Another transaction is about to take one of the numbers.")
            return self.inner.insert(events, *others)  # type: ignore[attr-defined]

    monkeypatch.setattr(world.store, "intake", Raced)
    assert world.number("evt_1") == tries[1]
    assert tries[0] != tries[1]
