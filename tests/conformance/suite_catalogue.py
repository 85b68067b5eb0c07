"""What every store does for the catalogue of event types, and for the quotas of tenants."""

from dataclasses import replace

import pytest

from conformance.suite_config import add_tenant, changes
from ringback.model.event_type import EventType, SchemaVersion
from ringback.model.limits import SCHEMA_VERSIONS_KEPT_MAX
from ringback.store.port import Store
from support.rows import NOW, OTHER_TENANT, TENANT, secret, tenant


def event_type(name: str = "contact.created", **changes: object) -> EventType:
    return replace(EventType(name, f"About {name}.", False, NOW, NOW), **changes)  # type: ignore[arg-type]


class TestEventTypes:
    def test_a_type_comes_back_as_it_went_in(self, store: Store) -> None:
        full = event_type(description="Ä", deprecated=True, schema=b'{"type": "object"}', sample=b'{"n": 1.0}')
        assert store.put_event_type(full, 10) == full
        assert store.get_event_type("contact.created") == full
        assert list(store.load_event_types(["none", "contact.created"])) == [full]
        bare = event_type("bare")
        assert store.put_event_type(bare, 10) == bare
        assert store.get_event_type("bare") == bare

    def test_replacing_keeps_when_it_was_made_and_counts(self, store: Store) -> None:
        store.put_event_type(event_type(schema=b"{}", sample=b"1", deprecated=True), 10)
        later = event_type(description="Other", created_at=NOW + 5, updated_at=NOW + 5, revision=9)
        second = replace(later, created_at=NOW, revision=2, version=2)
        assert store.put_event_type(later, 10) == second
        assert store.get_event_type("contact.created") == second
        third = store.put_event_type(later, 10)
        assert third is not None
        assert third.revision == 3

    def test_there_are_so_many_at_most_and_those_that_are_there_can_be_replaced(self, store: Store) -> None:
        assert store.put_event_type(event_type("a"), 2) is not None
        assert store.put_event_type(event_type("b"), 2) is not None
        version = store.version()
        assert store.put_event_type(event_type("c"), 2) is None
        assert store.get_event_type("c") is None
        assert store.version() == version
        assert store.put_event_type(event_type("b", description="again"), 2) is not None
        assert store.delete_event_type("a")
        assert store.put_event_type(event_type("c"), 2) is not None

    def test_types_are_listed_by_name_in_pages(self, store: Store) -> None:
        for name in ("b.a", "a", "b-a", "B", "b_a", "b"):
            store.put_event_type(event_type(name), 10)
        assert [one.name for one in store.list_event_types(None, 10)] == ["B", "a", "b", "b-a", "b.a", "b_a"]
        assert [one.name for one in store.list_event_types("b", 2)] == ["b-a", "b.a"]
        assert list(store.list_event_types("b_a", 2)) == []

    def test_a_deleted_type_is_nowhere_and_starts_anew(self, store: Store) -> None:
        store.put_event_type(event_type(), 10)
        store.put_event_type(event_type(), 10)
        assert store.delete_event_type("contact.created") is True
        assert store.delete_event_type("contact.created") is False
        assert store.get_event_type("contact.created") is None
        assert list(store.load_event_types(["contact.created"])) == []
        again = event_type(created_at=NOW + 1, updated_at=NOW + 1)
        assert store.put_event_type(again, 10) == again

    def test_every_write_is_logged(self, store: Store) -> None:
        store.put_event_type(event_type(), 10)
        assert changes(store) == {("event_type", "", "contact.created")}
        for write in (
            lambda: store.put_event_type(event_type(), 10),
            lambda: store.delete_event_type(event_type().name),
        ):
            version = store.version()
            assert write()
            assert changes(store, version) == {("event_type", "", "contact.created")}
        version = store.version()
        store.delete_event_type("contact.created")
        assert store.version() == version


class TestSchemaVersions:
    def versions(self, store: Store, name: str = "contact.created") -> list[SchemaVersion]:
        return list(store.list_schema_versions(name, None, 10))

    def test_a_schema_that_is_another_is_a_new_version(self, store: Store) -> None:
        bare = SchemaVersion(1, NOW, None)
        assert self.put(store, None, NOW) == 1
        assert self.versions(store) == [bare]
        assert self.put(store, b"{}", NOW + 1) == 2
        second = SchemaVersion(2, NOW + 1, b"{}")
        assert self.versions(store) == [second, bare]
        assert self.put(store, b"{}", NOW + 2, description="else") == 2
        assert self.versions(store) == [second, bare]
        assert self.put(store, b"{ }", NOW + 3) == 3
        assert self.put(store, None, NOW + 4) == 4
        assert [one.version for one in self.versions(store)] == [4, 3, 2, 1]
        shown = store.get_event_type("contact.created")
        assert shown is not None
        assert (shown.version, shown.revision, shown.schema) == (4, 5, None)
        assert [one.version for one in store.list_event_types(None, 10)] == [4]

    def put(self, store: Store, schema: bytes | None, at: int, **changes: object) -> int:
        stored = store.put_event_type(event_type(schema=schema, updated_at=at, version=77, **changes), 10)
        assert stored is not None
        return stored.version

    def test_versions_are_listed_newest_first_in_pages(self, store: Store) -> None:
        for number in range(1, 6):
            self.put(store, b"[%d]" % number, NOW)
        store.put_event_type(event_type("contact.deleted", schema=b"{}"), 10)
        listed = [store.list_schema_versions("contact.created", before, 2) for before in (None, 4, 2)]
        assert [[one.version for one in page] for page in listed] == [[5, 4], [3, 2], [1]]
        assert self.versions(store, "none") == []
        assert [one.version for one in self.versions(store, "contact.deleted")] == [1]

    def test_the_latest_versions_are_kept(self, store: Store) -> None:
        for number in range(SCHEMA_VERSIONS_KEPT_MAX + 2):
            self.put(store, b"[%d]" % number, NOW)
        kept = store.list_schema_versions("contact.created", None, SCHEMA_VERSIONS_KEPT_MAX + 2)
        assert [one.version for one in kept] == list(range(SCHEMA_VERSIONS_KEPT_MAX + 2, 2, -1))

    def test_versions_go_with_their_type(self, store: Store) -> None:
        for number in range(3):
            self.put(store, b"[%d]" % number, NOW)
        store.delete_event_type("contact.created")
        assert self.versions(store) == []
        assert self.put(store, b"{}", NOW) == 1
        assert self.versions(store) == [SchemaVersion(1, NOW, b"{}")]


class TestQuotas:
    def test_quotas_come_back_as_they_went_in(self, store: Store) -> None:
        full = tenant(events_per_second=0.5, endpoints_max=3, payload_bytes_max=1_024)
        store.create_tenant(full, secret("sec_t", None))
        assert store.get_tenant(TENANT) == full
        assert list(store.list_tenants(None, 1)) == [full]
        for second in (
            replace(full, events_per_second=None, revision=2),
            replace(full, endpoints_max=None, revision=3),
        ):
            assert store.update_tenant(second)
            assert store.get_tenant(TENANT) == second
        with store.intake() as transaction:
            assert list(transaction.tenants([TENANT])) == [second]

    def test_tenants_are_loaded_as_asked(self, store: Store) -> None:
        for name in (TENANT, OTHER_TENANT):
            add_tenant(store, name)
        assert {one.id for one in store.load_tenants(["none", OTHER_TENANT, TENANT])} == {TENANT, OTHER_TENANT}
        store.delete_tenant(TENANT, NOW)
        assert [one.id for one in store.load_tenants([TENANT, OTHER_TENANT])] == [OTHER_TENANT]
        assert list(store.load_tenants([])) == []

    @pytest.mark.parametrize("quota", [{"events_per_second": 2.0}, {"payload_bytes_max": 1_024}])
    def test_those_whose_events_are_limited_are_listed_by_id(self, store: Store, quota: dict[str, float]) -> None:
        for name in ("c", "a", "d", "b"):
            limits = quota if name != "a" else {"endpoints_max": 1}
            store.create_tenant(tenant(name, **limits), secret(f"sec_{name}", None, name))
        store.delete_tenant("d", NOW)
        assert [one.id for one in store.list_tenants_with_quotas(None, 10)] == ["b", "c"]
        assert [one.id for one in store.list_tenants_with_quotas(None, 1)] == ["b"]
        assert [one.id for one in store.list_tenants_with_quotas("b", 10)] == ["c"]
