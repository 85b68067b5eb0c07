"""Tracked sets as use cases: what is accepted, what is counted, and which events a set lets through."""

import pytest

from ringback.control.paging import PageRequest
from ringback.control.tracked_sets import TrackedSetUseCases, told_of, tracked_members
from ringback.model.errors import Invalid, NotFound, OverQuota
from ringback.model.limits import TRACKED_IDS_AT_ONCE_MAX
from ringback.store.memory import MemoryStore
from ringback.testing.clock import ManualClock
from support.rows import NOW, OTHER_TENANT, TENANT, endpoint, event, secret, tenant


class World:
    def __init__(self, sets_max: int = 3, members_max: int = 20_000) -> None:
        self.store = MemoryStore()
        self.clock = ManualClock(NOW)
        for name in (TENANT, OTHER_TENANT):
            self.store.create_tenant(tenant(name), secret(f"sec_{name}", None, name))
        self.sets = TrackedSetUseCases(self.store, self.clock, sets_max=sets_max, members_max=members_max)


@pytest.fixture
def world() -> World:
    return World()


def test_put_makes_a_set_once_and_keeps_its_members(world: World) -> None:
    made = world.sets.put(TENANT, "customers")
    assert (made.created, made.tracked_set.members) == (True, 0)
    world.sets.add(TENANT, "customers", ["c_1"])
    again = world.sets.put(TENANT, "customers")
    assert (again.created, again.tracked_set.members) == (False, 1)
    assert world.sets.get(TENANT, "customers") == again.tracked_set


def test_repeats_count_once_and_what_is_there_counts_as_none(world: World) -> None:
    world.sets.put(TENANT, "a")
    assert world.sets.add(TENANT, "a", ["x", "y", "x"]) == (2, 2)
    assert world.sets.add(TENANT, "a", ["y", "z"]) == (1, 3)
    assert world.sets.remove(TENANT, "a", ["x", "x", "nobody"]) == (1, 2)
    assert world.sets.add(TENANT, "a", []) == (0, 2)


def test_members_come_in_pages_in_the_order_of_their_bytes(world: World) -> None:
    ids = ["ü", "a", "Z", "\U0001f41d", "a/b c", "ﬀ" * 85]
    world.sets.put(TENANT, "a")
    world.sets.add(TENANT, "a", ids)
    found, cursor = [], None
    while True:
        page = world.sets.members(TENANT, "a", PageRequest(1, cursor))
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == sorted(ids, key=str.encode)


@pytest.mark.parametrize("cursor", ["x", "", "dHJhY2tlZC1zZXRzOmE", "a" * 600, "dHJhY2tlZC1tZW1iZXJzOg"])
def test_a_cursor_of_something_else_is_refused(world: World, cursor: str) -> None:
    world.sets.put(TENANT, "a")
    with pytest.raises(Invalid) as caught:
        world.sets.members(TENANT, "a", PageRequest(1, cursor))
    assert caught.value.errors[0].field == "cursor"


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("", "must not be empty"),
        ("x" * 257, "must be at most 256 bytes long"),
        ("é" * 129, "must be at most 256 bytes long"),
        ("a\nb", "must not contain control characters"),
        ("\x00", "must not contain control characters"),
    ],
)
def test_an_id_that_is_none_is_named_by_its_place_and_nothing_is_done(world: World, bad: str, message: str) -> None:
    world.sets.put(TENANT, "a")
    ids = [f"c_{number}" for number in range(17)]
    for call in (world.sets.add, world.sets.remove):
        with pytest.raises(Invalid) as caught:
            call(TENANT, "a", [*ids, bad, "c_18"])
        assert caught.value.errors == (("ids[17]", message),)
    assert world.sets.get(TENANT, "a").members == 0


def test_so_many_ids_at_once_and_repeats_are_none_of_them(world: World) -> None:
    world.sets.put(TENANT, "a")
    ids = [f"c_{number}" for number in range(TRACKED_IDS_AT_ONCE_MAX)]
    assert world.sets.add(TENANT, "a", [*ids, *ids]).changed == len(ids)
    with pytest.raises(Invalid, match="10,000 at once"):
        world.sets.add(TENANT, "a", [*ids, "one more"])
    with pytest.raises(Invalid) as caught:
        world.sets.add(TENANT, "a", ["\n" + text for text in ids])
    assert len(caught.value.errors) == 20


def test_names_and_what_is_not_there(world: World) -> None:
    for name in ("", "a.b", "a b", "ü", "a" * 65):
        with pytest.raises(Invalid):
            world.sets.put(TENANT, name)
        with pytest.raises(NotFound):
            world.sets.get(TENANT, name)
    world.sets.put(OTHER_TENANT, "theirs")
    for call in (world.sets.get, world.sets.delete):
        with pytest.raises(NotFound):
            call(TENANT, "theirs")
    for change in (world.sets.add, world.sets.remove):
        with pytest.raises(NotFound):
            change(TENANT, "theirs", ["x"])
    with pytest.raises(NotFound):
        world.sets.members(TENANT, "theirs", PageRequest(5))
    for missing in (lambda: world.sets.put("nobody", "a"), lambda: world.sets.list("nobody", PageRequest(5))):
        with pytest.raises(NotFound):
            missing()


def test_there_are_so_many_sets_and_members_at_most(world: World) -> None:
    for name in ("a", "b", "c"):
        world.sets.put(TENANT, name)
    with pytest.raises(OverQuota) as caught:
        world.sets.put(TENANT, "d")
    assert caught.value.code == "tracked_set_quota"
    assert not world.sets.put(TENANT, "a").created
    page = world.sets.list(TENANT, PageRequest(2))
    assert [one.name for one in page.items] == ["a", "b"]
    assert [one.name for one in world.sets.list(TENANT, PageRequest(2, page.next_cursor)).items] == ["c"]
    world.sets.delete(TENANT, "a")
    assert world.sets.put(TENANT, "d").created
    small = World(members_max=3)
    small.sets.put(TENANT, "a")
    small.sets.add(TENANT, "a", ["1", "2"])
    with pytest.raises(OverQuota) as caught:
        small.sets.add(TENANT, "a", ["3", "4"])
    assert caught.value.code == "tracked_member_quota"
    assert small.sets.add(TENANT, "a", ["2", "3"]) == (1, 3)


def test_a_new_set_of_the_same_name_has_none_of_the_old_members(world: World) -> None:
    world.sets.put(TENANT, "a")
    world.sets.add(TENANT, "a", ["x"])
    world.sets.delete(TENANT, "a")
    follower = endpoint(tracked_set="a")
    assert tracked_members(world.store, follower) is None
    world.sets.put(TENANT, "a")
    assert tracked_members(world.store, follower) == 0
    assert told_of(world.store, follower, [event(subject_type="company", subject_id="x")]) == []


def test_a_set_lets_events_about_its_members_through(world: World) -> None:
    world.sets.put(TENANT, "a")
    world.sets.add(TENANT, "a", ["x", "y"])
    world.sets.put(OTHER_TENANT, "a")
    world.sets.add(OTHER_TENANT, "a", ["z"])
    about = {name: event(f"evt_{name}", subject_type="company", subject_id=name) for name in "xyz"}
    nothing = event("evt_nothing")
    events = [*about.values(), nothing, about["x"]._replace(id="evt_again")]
    told = told_of(world.store, endpoint(tracked_set="a"), events)
    assert [one.id for one in told] == ["evt_x", "evt_y", "evt_again"]
    assert told_of(world.store, endpoint(tracked_set="missing"), events) == []
    assert told_of(world.store, endpoint(tracked_set="a"), [nothing]) == []
    assert told_of(world.store, endpoint(), events) == events
