"""What every store does for profiles that were put through the API, and how it tells who uses one."""

from dataclasses import replace

from conformance.backend import add_endpoint
from conformance.suite_config import add_tenant, changes
from ringback.model.profile import StoredProfile
from ringback.store.port import Store
from support.rows import NOW, OTHER_TENANT, TENANT, secret, tenant


def profile(name: str = "own", text: str = 'name = "own"', **fields: object) -> StoredProfile:
    return replace(StoredProfile(name, text, "0a1b2c3d", NOW, NOW), **fields)  # type: ignore[arg-type]


class TestProfiles:
    def test_a_profile_comes_back_as_it_went_in(self, store: Store) -> None:
        full = profile(text='# ä\r\nname = "own"\n')
        assert store.put_profile(full, 10) == full
        assert list(store.load_profiles(["none", "own"])) == [full]
        assert list(store.list_profiles(None, 10)) == [full]

    def test_replacing_keeps_when_it_was_made_and_counts(self, store: Store) -> None:
        store.put_profile(profile(), 10)
        later = profile(text="other", version="ffffffff", created_at=NOW + 5, updated_at=NOW + 5, revision=9)
        second = replace(later, created_at=NOW, revision=2)
        assert store.put_profile(later, 10) == second
        assert list(store.load_profiles(["own"])) == [second]

    def test_there_are_so_many_at_most_and_those_that_are_there_can_be_replaced(self, store: Store) -> None:
        assert store.put_profile(profile("a"), 2) is not None
        assert store.put_profile(profile("b"), 2) is not None
        version = store.version()
        assert store.put_profile(profile("c"), 2) is None
        assert list(store.load_profiles(["c"])) == []
        assert store.version() == version
        assert store.put_profile(profile("b", "again"), 2) is not None
        assert store.delete_profile("a")
        assert store.put_profile(profile("c"), 2) is not None

    def test_profiles_are_listed_by_name_in_pages(self, store: Store) -> None:
        for name in ("b-a", "a", "c", "b"):
            store.put_profile(profile(name), 10)
        assert [one.name for one in store.list_profiles(None, 10)] == ["a", "b", "b-a", "c"]
        assert [one.name for one in store.list_profiles("a", 2)] == ["b", "b-a"]
        assert list(store.list_profiles("c", 2)) == []

    def test_a_deleted_profile_is_nowhere_and_starts_anew(self, store: Store) -> None:
        store.put_profile(profile(), 10)
        store.put_profile(profile(), 10)
        assert store.delete_profile("own") is True
        assert store.delete_profile("own") is False
        assert list(store.load_profiles(["own"])) == []
        again = profile(created_at=NOW + 1, updated_at=NOW + 1)
        assert store.put_profile(again, 10) == again

    def test_every_write_is_logged(self, store: Store) -> None:
        store.put_profile(profile(), 10)
        assert changes(store) == {("profile", "", "own")}
        version = store.version()
        store.put_profile(profile(), 10)
        assert changes(store, version) == {("profile", "", "own")}
        version = store.version()
        store.delete_profile("own")
        assert changes(store, version) == {("profile", "", "own")}
        version = store.version()
        store.delete_profile("own")
        assert store.version() == version


class TestUsersOfProfiles:
    def test_endpoints_of_all_tenants_are_found_by_their_profile_in_pages(self, store: Store) -> None:
        for name in (TENANT, OTHER_TENANT):
            add_tenant(store, name)
        add_endpoint(store, "ep_c", profile="own")
        add_endpoint(store, "ep_a", OTHER_TENANT, profile="own", signature="v1a")
        add_endpoint(store, "ep_b", profile="others")
        add_endpoint(store, "ep_d")
        found = store.endpoints_of_profile("own", None, 10)
        assert [(one.id, one.tenant_id, one.signature) for one in found] == [
            ("ep_a", OTHER_TENANT, "v1a"),
            ("ep_c", TENANT, "v1"),
        ]
        assert [one.id for one in store.endpoints_of_profile("own", None, 1)] == ["ep_a"]
        assert [one.id for one in store.endpoints_of_profile("own", "ep_a", 1)] == ["ep_c"]
        assert list(store.endpoints_of_profile("own", "ep_c", 1)) == []
        assert list(store.endpoints_of_profile("nobodys", None, 10)) == []
        assert list(store.endpoints_of_profile("standard", None, 10)) == []

    def test_an_endpoint_that_is_changed_or_deleted_uses_it_no_more(self, store: Store) -> None:
        add_tenant(store, TENANT)
        made = add_endpoint(store, "ep_a", profile="own")
        add_endpoint(store, "ep_b", profile="own")
        store.update_endpoint(replace(made, profile="others", revision=2), NOW)
        store.delete_endpoint(TENANT, "ep_b", NOW)
        assert list(store.endpoints_of_profile("own", None, 10)) == []
        assert [one.id for one in store.endpoints_of_profile("others", None, 10)] == ["ep_a"]

    def test_tenants_are_found_by_their_default(self, store: Store) -> None:
        for name, default in (("c", "own"), ("a", "own"), ("b", "standard"), ("d", "own")):
            store.create_tenant(tenant(name, profile=default), secret(f"sec_{name}", None, name))
        store.delete_tenant("d", NOW)
        assert list(store.tenants_of_profile("own", 10)) == ["a", "c"]
        assert list(store.tenants_of_profile("own", 1)) == ["a"]
        assert list(store.tenants_of_profile("standard", 10)) == []
