"""What every store does for configuration: tenants, keys, secrets, and the log of changes that others follow."""

from collections.abc import Callable

import pytest

from conformance.backend import add_endpoint
from ringback.model.endpoint import Auth, AuthType
from ringback.model.tenant import Scope
from ringback.store.port import BadRow, Store
from support.rows import NOW, OTHER_TENANT, TENANT, api_key, endpoint, secret, tenant


def add_tenant(store: Store, tenant_id: str = TENANT) -> None:
    assert store.create_tenant(tenant(tenant_id), secret(f"sec_{tenant_id}", None, tenant_id))


def changes(store: Store, version: int = 0) -> set[tuple[str, str, str]]:
    """What changed after `version`: (kind, tenant, id)."""
    return {(change.kind, change.tenant_id, change.id) for change in store.changes_after(version)}


class TestTenants:
    def test_a_tenant_comes_back_as_it_went_in(self, store: Store) -> None:
        full = tenant(
            name="Ärger & Söhne", profile="other", webhooks_enabled=False, retention_days=7, updated_at=NOW + 1
        )
        assert store.create_tenant(full, secret("sec_t", None)) is True
        assert store.get_tenant(TENANT) == full
        assert list(store.list_secrets(TENANT, None)) == [secret("sec_t", None)]

    def test_an_id_is_taken_once(self, store: Store) -> None:
        add_tenant(store)
        version = store.version()
        assert store.create_tenant(tenant(name="Another"), secret("sec_2", None)) is False
        assert store.get_tenant(TENANT) == tenant()
        assert len(store.list_secrets(TENANT, None)) == 1
        assert store.version() == version

    def test_an_unknown_tenant(self, store: Store) -> None:
        assert store.get_tenant("nobody") is None
        assert store.update_tenant(tenant("nobody", revision=2)) is False
        assert store.delete_tenant("nobody", NOW) is False
        assert store.version() == 0

    def test_tenants_are_listed_by_id_in_pages(self, store: Store) -> None:
        for name in ("c", "a", "B", "d"):
            add_tenant(store, name)
        assert [one.id for one in store.list_tenants(None, 10)] == ["B", "a", "c", "d"]
        assert [one.id for one in store.list_tenants(None, 2)] == ["B", "a"]
        assert [one.id for one in store.list_tenants("a", 2)] == ["c", "d"]
        assert [one.id for one in store.list_tenants("b", 1)] == ["c"]
        assert list(store.list_tenants("d", 2)) == []

    def test_an_update_counts_from_the_revision_it_was_made_of(self, store: Store) -> None:
        add_tenant(store)
        second = tenant(name="Second", revision=2)
        assert store.update_tenant(second) is True
        assert store.update_tenant(tenant(name="Late", revision=2)) is False
        assert store.update_tenant(tenant(name="Early", revision=4)) is False
        assert store.get_tenant(TENANT) == second
        assert store.update_tenant(tenant(name="Third", revision=3)) is True

    def test_a_deleted_tenant_is_nowhere(self, store: Store) -> None:
        add_tenant(store)
        assert store.delete_tenant(TENANT, NOW) is True
        assert store.get_tenant(TENANT) is None
        assert list(store.list_tenants(None, 10)) == []
        assert store.update_tenant(tenant(revision=2)) is False
        assert store.delete_tenant(TENANT, NOW) is False

    def test_a_deleted_tenants_id_stays_taken_while_rows_are_left(self, store: Store) -> None:
        add_tenant(store)
        store.delete_tenant(TENANT, NOW)
        assert store.create_tenant(tenant(), secret("sec_2", None)) is False

    def test_with_a_tenant_go_its_keys_and_endpoints_and_no_others(self, store: Store) -> None:
        for name in (TENANT, OTHER_TENANT):
            add_tenant(store, name)
            add_endpoint(store, f"ep_{name}", name)
            store.create_key(api_key(f"key_{name}", name))
        store.create_key(api_key("key_admin", None))
        store.delete_tenant(TENANT, NOW)
        assert store.find_key(api_key(f"key_{TENANT}").hash) is None
        assert store.find_key(api_key(f"key_{OTHER_TENANT}").hash) is not None
        assert store.find_key(api_key("key_admin").hash) is not None
        assert store.get_endpoint(TENANT, f"ep_{TENANT}") is None
        assert list(store.list_endpoints(TENANT, None, 10)) == []
        assert [one.id for one in store.load_endpoints([f"ep_{TENANT}", f"ep_{OTHER_TENANT}"])] == [
            f"ep_{OTHER_TENANT}"
        ]

    def test_a_deleted_tenant_gets_no_endpoint(self, store: Store) -> None:
        add_tenant(store)
        store.delete_tenant(TENANT, NOW)
        assert store.create_endpoint(endpoint(), None, 1_000) is False
        assert store.get_endpoint(TENANT, "ep_a") is None


class TestApiKeys:
    def test_a_key_is_found_by_its_hash(self, store: Store) -> None:
        key = api_key(scope=Scope.INGEST, label="é")
        store.create_key(key)
        assert store.find_key(key.hash) == key
        assert store.find_key(b"another" * 4) is None
        assert store.find_key(b"") is None

    def test_an_admin_key_has_no_tenant(self, store: Store) -> None:
        key = api_key("key_admin", None)
        store.create_key(key)
        assert store.find_key(key.hash) == key
        assert list(store.list_keys(None, None, 10)) == [key]
        assert list(store.list_keys(TENANT, None, 10)) == []

    def test_keys_are_listed_newest_first_in_pages(self, store: Store) -> None:
        for place in (2, 1, 3):
            store.create_key(api_key(f"key_{place}"))
        store.create_key(api_key("key_9", OTHER_TENANT))
        assert [key.id for key in store.list_keys(TENANT, None, 10)] == ["key_3", "key_2", "key_1"]
        assert [key.id for key in store.list_keys(TENANT, None, 1)] == ["key_3"]
        assert [key.id for key in store.list_keys(TENANT, "key_3", 10)] == ["key_2", "key_1"]
        assert list(store.list_keys(TENANT, "key_1", 10)) == []

    def test_a_deleted_key_opens_nothing(self, store: Store) -> None:
        store.create_key(api_key())
        assert store.delete_key(TENANT, "key_1") is True
        assert store.find_key(api_key().hash) is None
        assert store.delete_key(TENANT, "key_1") is False

    def test_a_key_is_deleted_by_its_own_tenant_only(self, store: Store) -> None:
        store.create_key(api_key("key_1"))
        store.create_key(api_key("key_2", None))
        assert store.delete_key(OTHER_TENANT, "key_1") is False
        assert store.delete_key(None, "key_1") is False
        assert store.delete_key(TENANT, "key_2") is False
        assert store.delete_key(None, "key_2") is True
        assert store.find_key(api_key("key_1").hash) is not None

    def test_keys_are_counted_by_scope(self, store: Store) -> None:
        assert store.count_keys(Scope.ADMIN) == 0
        store.create_key(api_key("key_1", None))
        store.create_key(api_key("key_2", scope=Scope.INGEST))
        store.create_key(api_key("key_3", OTHER_TENANT, scope=Scope.INGEST))
        assert [store.count_keys(scope) for scope in (Scope.ADMIN, Scope.TENANT, Scope.INGEST)] == [1, 0, 2]

    @pytest.mark.parametrize("twin", [api_key("key_1", hash=b"another"), api_key("key_2", hash=api_key().hash)])
    def test_ids_and_hashes_are_unique(self, store: Store, twin: object) -> None:
        store.create_key(api_key())
        with pytest.raises(BadRow):
            store.create_key(twin)  # type: ignore[arg-type]
        assert list(store.list_keys(TENANT, None, 10)) == [api_key()]


class TestSecrets:
    def test_a_tenant_is_found_by_its_own_secret(self, store: Store) -> None:
        for tenant_id, value in ((TENANT, "tok-äcme"), (OTHER_TENANT, "tok-globex"), ("third", "tok-globex")):
            store.create_tenant(tenant(tenant_id), secret(f"sec_{tenant_id}", None, tenant_id, value=value))
        store.create_endpoint(endpoint(), secret("sec_e", value="tok-endpoint"), 10)
        assert list(store.tenants_by_secret("tok-äcme", NOW)) == [TENANT]
        assert list(store.tenants_by_secret("tok-globex", NOW)) == sorted([OTHER_TENANT, "third"])
        for unknown in ("tok-endpoint", "tok-acme", "tok-äcme ", "", "tok-äcm", "\ud800"):
            assert list(store.tenants_by_secret(unknown, NOW)) == []

    def test_a_tenant_is_found_by_its_old_secret_while_that_has_not_ended(self, store: Store) -> None:
        store.create_tenant(tenant(), secret("sec_old", None, value="tok-old"))
        store.rotate_secret(secret("sec_new", None, value="tok-new", created_at=NOW + 1), NOW + 100)
        assert list(store.tenants_by_secret("tok-new", NOW + 100)) == [TENANT]
        assert list(store.tenants_by_secret("tok-old", NOW + 99)) == [TENANT]
        assert list(store.tenants_by_secret("tok-old", NOW + 100)) == []
        store.rotate_secret(secret("sec_3", None, value="tok-new", created_at=NOW + 2), NOW + 100)
        assert list(store.tenants_by_secret("tok-new", NOW)) == [TENANT]

    def test_a_deleted_tenant_is_not_found_by_its_secret(self, store: Store) -> None:
        store.create_tenant(tenant(), secret("sec_t", None, value="tok-acme"))
        assert store.delete_tenant(TENANT, NOW)
        assert list(store.tenants_by_secret("tok-acme", NOW)) == []

    def test_secrets_are_listed_newest_first_expired_ones_too(self, store: Store) -> None:
        add_endpoint(store)
        old = secret("sec_1", created_at=NOW - 5, expires_at=NOW - 1)
        new = secret("sec_2", created_at=NOW)
        store.rotate_secret(old, NOW)
        store.rotate_secret(new, NOW + 60)
        assert list(store.list_secrets(TENANT, "ep_a")) == [new, old]

    def test_an_endpoints_secret_comes_with_it(self, store: Store) -> None:
        assert store.create_endpoint(endpoint(), secret(value="whsec_é"), 10)
        assert list(store.list_secrets(TENANT, "ep_a")) == [secret(value="whsec_é")]
        assert list(store.list_secrets(TENANT, None)) == []
        assert list(store.list_secrets(OTHER_TENANT, "ep_a")) == []

    def test_older_secrets_end_at_the_rotations_end_unless_before(self, store: Store) -> None:
        store.create_endpoint(endpoint(), secret("sec_1", created_at=NOW), 10)
        store.rotate_secret(secret("sec_2", created_at=NOW + 1), NOW + 100)
        store.rotate_secret(secret("sec_3", created_at=NOW + 2), NOW + 50)
        store.rotate_secret(secret("sec_4", created_at=NOW + 3), NOW + 70)
        ends = [(one.id, one.expires_at) for one in store.list_secrets(TENANT, "ep_a")]
        assert ends == [("sec_4", None), ("sec_3", NOW + 70), ("sec_2", NOW + 50), ("sec_1", NOW + 50)]

    def test_ended_secrets_sign_no_more_and_the_others_do(self, store: Store) -> None:
        add_tenant(store)
        for name in ("ep_a", "ep_b"):
            store.create_endpoint(endpoint(name), secret(f"sec_{name}", name), 10)
        store.rotate_secret(secret("sec_new", "ep_a", created_at=NOW + 1), NOW + 5)
        version = store.version()
        store.end_secrets(TENANT, "ep_a", NOW + 9)
        assert [one.expires_at for one in store.list_secrets(TENANT, "ep_a")] == [NOW + 9, NOW + 5]
        assert [change[1:] for change in store.changes_after(version) or ()] == [("endpoint", TENANT, "ep_a")]
        store.end_secrets(TENANT, "ep_a", NOW + 10)
        store.end_secrets(OTHER_TENANT, "ep_b", NOW)
        store.end_secrets(TENANT, "ep_none", NOW)
        assert store.version() == version + 1
        assert [one.expires_at for one in store.list_secrets(TENANT, "ep_b")] == [None]
        assert [one.expires_at for one in store.list_secrets(TENANT, None)] == [None]

    def test_sealing_anew_ends_and_changes_nothing_that_is_read(self, store: Store) -> None:
        add_tenant(store)
        secured = endpoint(auth=Auth(AuthType.BASIC, username="u", password="p"))
        assert store.create_endpoint(secured, secret(), 10)
        while store.reseal_step(1):
            pass
        assert store.count_to_reseal() == 0
        assert store.get_endpoint(TENANT, "ep_a") == secured
        assert list(store.list_secrets(TENANT, "ep_a")) == [secret()]
        assert list(store.load_secrets([TENANT], [])) == [secret(f"sec_{TENANT}", None)]

    def test_a_rotation_concerns_one_owner(self, store: Store) -> None:
        add_tenant(store)
        for name in ("ep_a", "ep_b"):
            store.create_endpoint(endpoint(name), secret(f"sec_{name}", name), 10)
        store.rotate_secret(secret("sec_new", "ep_a", created_at=NOW + 1), NOW + 50)
        assert [one.expires_at for one in store.list_secrets(TENANT, "ep_b")] == [None]
        assert [one.expires_at for one in store.list_secrets(TENANT, None)] == [None]
        store.rotate_secret(secret("sec_newer", None, created_at=NOW + 2), NOW + 60)
        assert [one.expires_at for one in store.list_secrets(TENANT, None)] == [None, NOW + 60]
        assert [one.expires_at for one in store.list_secrets(TENANT, "ep_a")] == [None, NOW + 50]

    def test_what_signs_is_loaded_for_many_owners_newest_first(self, store: Store) -> None:
        for place, name in enumerate((TENANT, OTHER_TENANT)):
            store.create_tenant(tenant(name), secret(f"sec_{name}", None, name, created_at=NOW + place))
        for place, name in enumerate(("ep_a", "ep_b", "ep_c"), 2):
            store.create_endpoint(endpoint(name), secret(f"sec_{name}", name, created_at=NOW + place), 10)
        store.rotate_secret(secret("sec_new", "ep_a", created_at=NOW + 9), NOW - 1)
        loaded = [one.id for one in store.load_secrets([TENANT], ["ep_a", "ep_b", "ep_none"])]
        assert loaded == ["sec_new", "sec_ep_b", "sec_ep_a", f"sec_{TENANT}"]
        assert list(store.load_secrets([], [])) == []
        assert [one.id for one in store.load_secrets([], ["ep_c"])] == ["sec_ep_c"]
        assert [one.id for one in store.load_secrets([OTHER_TENANT], [])] == [f"sec_{OTHER_TENANT}"]


class TestChanges:
    def test_nothing_has_changed_at_first(self, store: Store) -> None:
        assert store.version() == 0
        assert list(store.changes_after(0)) == []

    def test_every_write_is_logged_once_and_in_order(self, store: Store) -> None:
        add_tenant(store)
        add_endpoint(store)
        store.create_key(api_key())
        store.create_key(api_key("key_admin", None))
        logged = store.changes_after(0)
        assert [change[1:] for change in logged] == [
            ("tenant", TENANT, TENANT),
            ("endpoint", TENANT, "ep_a"),
            ("key", TENANT, "key_1"),
            ("key", "", "key_admin"),
        ]
        versions = [change.version for change in logged]
        assert versions == sorted(set(versions))
        assert store.version() == versions[-1]

    def test_changes_come_after_the_version_asked(self, store: Store) -> None:
        add_tenant(store)
        version = store.version()
        assert list(store.changes_after(version)) == []
        add_endpoint(store)
        (change,) = store.changes_after(version)
        assert change.version == store.version() > version

    def test_what_changed_nothing_is_not_logged(self, store: Store) -> None:
        add_tenant(store)
        add_endpoint(store)
        version = store.version()
        store.update_tenant(tenant(revision=9))
        store.update_endpoint(endpoint(revision=9), NOW)
        store.delete_endpoint(OTHER_TENANT, "ep_a", NOW)
        store.delete_key(TENANT, "key_none")
        store.create_endpoint(endpoint("ep_b"), None, 1)
        store.give_up(TENANT, "ep_none", "gone", "Gone.", NOW)
        assert store.version() == version

    def test_updates_and_deletes_are_logged(self, store: Store) -> None:
        add_tenant(store)
        add_endpoint(store)
        store.create_key(api_key())
        writes: list[tuple[Callable[[], bool], tuple[str, str, str]]] = [
            (lambda: store.update_tenant(tenant(revision=2)), ("tenant", TENANT, TENANT)),
            (lambda: store.update_endpoint(endpoint(revision=2), NOW), ("endpoint", TENANT, "ep_a")),
            (lambda: store.give_up(TENANT, "ep_a", "gone", "Gone.", NOW), ("endpoint", TENANT, "ep_a")),
            (lambda: store.delete_endpoint(TENANT, "ep_a", NOW), ("endpoint", TENANT, "ep_a")),
            (lambda: store.delete_key(TENANT, "key_1"), ("key", TENANT, "key_1")),
        ]
        for write, logged in writes:
            version = store.version()
            assert write()
            assert changes(store, version) == {logged}

    def test_a_rotation_is_a_change_of_the_secrets_owner(self, store: Store) -> None:
        add_tenant(store)
        add_endpoint(store)
        version = store.version()
        store.rotate_secret(secret("sec_a", "ep_a"), NOW)
        assert changes(store, version) == {("endpoint", TENANT, "ep_a")}
        version = store.version()
        store.rotate_secret(secret("sec_b", None), NOW)
        assert changes(store, version) == {("tenant", TENANT, TENANT)}

    def test_with_a_tenant_all_that_goes_with_it_is_logged(self, store: Store) -> None:
        add_tenant(store)
        add_endpoint(store, "ep_a")
        add_endpoint(store, "ep_b")
        store.create_key(api_key())
        version = store.version()
        store.delete_tenant(TENANT, NOW)
        assert changes(store, version) == {
            ("tenant", TENANT, TENANT),
            ("endpoint", TENANT, "ep_a"),
            ("endpoint", TENANT, "ep_b"),
            ("key", TENANT, "key_1"),
        }
