"""What every store does for tracked sets and their members."""

from dataclasses import replace

from conformance.backend import run_out
from conformance.suite_config import add_tenant
from ringback.store.port import Membership, Store
from support.rows import NOW, OTHER_TENANT, TENANT, tracked_set

LATER = NOW + 1_000


def add_set(store: Store, name: str = "vip", tenant_id: str = TENANT, members: tuple[str, ...] = ()) -> None:
    made = tracked_set(name, tenant_id)
    assert store.put_tracked_set(made, 100) == made
    if members:
        assert store.add_members(tenant_id, name, members, NOW, 1_000_000) == len(members)


def tracked(store: Store, *asked: tuple[str, str, str]) -> set[tuple[str, str, str]]:
    """Those that are so: the same for a read and for a transaction."""
    memberships = [Membership(*one) for one in asked]
    found = store.are_members(memberships)
    with store.intake() as transaction:
        assert transaction.tracked(memberships) == found
    assert all(isinstance(one, Membership) for one in found)
    return set(found)


class TestTrackedSets:
    def test_a_set_is_empty_at_first_and_stays_as_it_is_when_it_is_put_again(self, store: Store) -> None:
        assert store.put_tracked_set(tracked_set(members=7), 10) == tracked_set()
        store.add_members(TENANT, "vip", ["c-1"], NOW, 10)
        assert store.put_tracked_set(tracked_set(id="set_2", created_at=LATER), 10) == tracked_set(members=1)
        assert store.get_tracked_set(TENANT, "vip") == tracked_set(members=1)
        assert store.get_tracked_set(TENANT, "none") is None
        assert store.get_tracked_set(OTHER_TENANT, "vip") is None

    def test_a_tenant_has_so_many_at_most(self, store: Store) -> None:
        for name in ("a", "b"):
            assert store.put_tracked_set(tracked_set(name), 2) is not None
        assert store.put_tracked_set(tracked_set("c"), 2) is None
        assert store.get_tracked_set(TENANT, "c") is None
        assert store.put_tracked_set(tracked_set("b"), 2) is not None
        assert store.put_tracked_set(tracked_set("c", OTHER_TENANT), 2) is not None
        assert store.delete_tracked_set(TENANT, "a")
        assert store.put_tracked_set(tracked_set("c"), 2) is not None

    def test_sets_are_listed_by_name_in_pages(self, store: Store) -> None:
        for name in ("b-a", "a", "B", "b_a", "b"):
            add_set(store, name)
        add_set(store, "other", OTHER_TENANT)
        assert [one.name for one in store.list_tracked_sets(TENANT, None, 10)] == ["B", "a", "b", "b-a", "b_a"]
        assert [one.name for one in store.list_tracked_sets(TENANT, "b", 1)] == ["b-a"]
        assert list(store.list_tracked_sets(TENANT, "b_a", 5)) == []
        assert list(store.list_tracked_sets(OTHER_TENANT, None, 5)) == [tracked_set("other", OTHER_TENANT)]

    def test_nothing_is_logged(self, store: Store) -> None:
        add_set(store, members=("c-1",))
        store.delete_tracked_set(TENANT, "vip")
        assert store.version() == 0


class TestMembers:
    def test_those_that_are_new_are_counted(self, store: Store) -> None:
        add_set(store)
        assert store.add_members(TENANT, "vip", ["b", "a"], LATER, 10) == 2
        assert store.get_tracked_set(TENANT, "vip") == tracked_set(members=2, updated_at=LATER)
        assert store.add_members(TENANT, "vip", ["c", "a"], LATER + 1, 10) == 1
        assert store.add_members(TENANT, "vip", ["c", "a"], LATER + 1, 10) == 0
        assert store.add_members(TENANT, "vip", [], LATER + 1, 10) == 0
        assert store.get_tracked_set(TENANT, "vip") == tracked_set(members=3, updated_at=LATER + 1)
        assert list(store.list_members(TENANT, "vip", None, 10)) == ["a", "b", "c"]

    def test_those_that_were_in_it_are_counted_when_they_go(self, store: Store) -> None:
        add_set(store, members=("a", "b", "c"))
        assert store.remove_members(TENANT, "vip", ["c", "none", "a"], LATER) == 2
        assert store.get_tracked_set(TENANT, "vip") == tracked_set(members=1, updated_at=LATER)
        assert store.remove_members(TENANT, "vip", ["a"], LATER) == 0
        assert store.remove_members(TENANT, "vip", [], LATER) == 0
        assert list(store.list_members(TENANT, "vip", None, 10)) == ["b"]

    def test_there_are_so_many_at_most_and_then_none_is_added(self, store: Store) -> None:
        add_set(store, members=("a", "b"))
        assert store.add_members(TENANT, "vip", ["b", "c", "d"], LATER, 3) == -1
        assert store.get_tracked_set(TENANT, "vip") == tracked_set(members=2)
        assert list(store.list_members(TENANT, "vip", None, 10)) == ["a", "b"]
        assert store.add_members(TENANT, "vip", ["b", "a", "d"], LATER, 3) == 1
        assert store.add_members(TENANT, "vip", ["d"], LATER, 3) == 0

    def test_a_set_that_is_not_there_takes_and_gives_nothing(self, store: Store) -> None:
        add_set(store, members=("a",))
        for tenant_id, name in ((TENANT, "none"), (OTHER_TENANT, "vip")):
            assert store.add_members(tenant_id, name, ["a"], NOW, 10) is None
            assert store.remove_members(tenant_id, name, ["a"], NOW) is None
            assert list(store.list_members(tenant_id, name, None, 10)) == []

    def test_they_are_listed_by_their_bytes_in_pages(self, store: Store) -> None:
        in_order = ["B", "a", "a b", 'a"b', "a/b", "é", "\uffee", "𝄞"]
        add_set(store, members=tuple(reversed(in_order)))
        assert list(store.list_members(TENANT, "vip", None, 20)) == in_order
        assert list(store.list_members(TENANT, "vip", "a b", 2)) == in_order[3:5]
        assert list(store.list_members(TENANT, "vip", "𝄞", 2)) == []

    def test_who_is_in_which_set_of_which_tenant(self, store: Store) -> None:
        add_set(store, "vip", members=("a", "b"))
        add_set(store, "hot", members=("b",))
        add_set(store, "vip", OTHER_TENANT, members=("c",))
        add_set(store, "empty")
        so = {(TENANT, "vip", "a"), (TENANT, "vip", "b"), (TENANT, "hot", "b"), (OTHER_TENANT, "vip", "c")}
        not_so = {
            (TENANT, "vip", "c"), (TENANT, "hot", "a"), (TENANT, "empty", "a"), (TENANT, "none", "a"),
            (OTHER_TENANT, "hot", "b"), (TENANT, "vip", "A"), (TENANT, "VIP", "a"),
        }  # fmt: skip
        assert tracked(store, *so, *not_so) == so
        assert tracked(store) == set()

    def test_ten_thousand_at_once(self, store: Store) -> None:
        members = [f"object-{place:05d}" for place in range(10_000)]
        add_set(store, members=tuple(reversed(members)))
        assert store.get_tracked_set(TENANT, "vip") == tracked_set(members=10_000)
        assert list(store.list_members(TENANT, "vip", members[249], 250)) == members[250:500]
        asked = [(TENANT, "vip", member) for member in [*members[:1_000], "none"]]
        assert len(tracked(store, *asked)) == 1_000
        assert store.remove_members(TENANT, "vip", members[1:], NOW) == 9_999
        assert list(store.list_members(TENANT, "vip", None, 10)) == members[:1]


class TestClearingMembers:
    def test_of_a_deleted_set_nothing_is_a_member_at_once(self, store: Store) -> None:
        add_set(store, members=("a", "b"))
        assert store.delete_tracked_set(OTHER_TENANT, "vip") is False
        assert store.delete_tracked_set(TENANT, "vip") is True
        assert store.delete_tracked_set(TENANT, "vip") is False
        assert store.get_tracked_set(TENANT, "vip") is None
        assert list(store.list_tracked_sets(TENANT, None, 10)) == []
        assert list(store.list_members(TENANT, "vip", None, 10)) == []
        assert tracked(store, (TENANT, "vip", "a")) == set()

    def test_a_new_set_of_the_name_does_not_get_the_members_of_the_old_one(self, store: Store) -> None:
        add_set(store, members=("a", "b"))
        store.delete_tracked_set(TENANT, "vip")
        again = tracked_set(id="set_again")
        assert store.put_tracked_set(again, 10) == again
        assert store.add_members(TENANT, "vip", ["b", "c"], NOW, 2) == 2
        assert tracked(store, *((TENANT, "vip", member) for member in "abc")) == {
            (TENANT, "vip", "b"),
            (TENANT, "vip", "c"),
        }
        run_out(lambda: store.clear_members_step(1), 1)
        assert store.get_tracked_set(TENANT, "vip") == replace(again, members=2)
        assert list(store.list_members(TENANT, "vip", None, 10)) == ["b", "c"]

    def test_their_rows_go_in_steps_also_those_behind_an_empty_set(self, store: Store) -> None:
        for name in ("a", "c", "e"):
            add_set(store, name)
        for name, tenant_id in (("b", TENANT), ("d", OTHER_TENANT)):
            add_set(store, name, tenant_id, tuple(f"{name}-{place}" for place in range(5)))
        add_set(store, "kept", members=("a", "b"))
        assert store.clear_members_step(10) == 0
        for name in "abce":
            store.delete_tracked_set(TENANT, name)
        store.delete_tracked_set(OTHER_TENANT, "d")
        assert run_out(lambda: store.clear_members_step(2), 2) >= 10
        assert store.clear_members_step(100) == 0
        assert list(store.list_members(TENANT, "kept", None, 10)) == ["a", "b"]

    def test_a_deleted_tenant_takes_its_sets_along(self, store: Store) -> None:
        for tenant_id in (TENANT, OTHER_TENANT):
            add_tenant(store, tenant_id)
            add_set(store, "vip", tenant_id, ("a", "b"))
        store.delete_tenant(TENANT, NOW)
        assert list(store.list_tracked_sets(TENANT, None, 10)) == []
        assert tracked(store, (TENANT, "vip", "a"), (OTHER_TENANT, "vip", "a")) == {(OTHER_TENANT, "vip", "a")}
        cleared = 0
        for step in (lambda: store.clear_members_step(1), lambda: store.purge_step(10)):
            cleared += run_out(step, 10)
        assert cleared >= 2
        assert store.get_tracked_set(OTHER_TENANT, "vip") == tracked_set("vip", OTHER_TENANT, members=2)
