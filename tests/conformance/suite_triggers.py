"""What every store does for triggers."""

from dataclasses import replace

import pytest

from conformance.suite_config import add_tenant, changes
from ringback.store.port import BadRow, Store
from support.rows import NOW, OTHER_TENANT, TENANT, rule_failure, trigger


class TestTriggers:
    @pytest.mark.parametrize("data", [None, (), ("/name", "/a~1b", 'é"\\'), "", '{"name": data.name}', "null"])
    def test_a_trigger_comes_back_as_it_went_in(self, store: Store, data: tuple[str, ...] | str | None) -> None:
        full = trigger(
            name='Ä "quoted"',
            data=data,
            cooldown_s=1.5,
            active=False,
            template="passed_threshold",
            parameters=b'{ "field":"score" }',
            updated_at=NOW + 1,
        )
        bare = trigger("trg_2", data=data)
        for one in (full, bare):
            assert store.create_trigger(one, 10) is True
            assert store.get_trigger(TENANT, one.id) == one
        assert list(store.list_triggers(TENANT, None, 10)) == [full, bare]
        changed = replace(bare, name="other", when="true", record_type="deal", emits="x", data=data, revision=2)
        assert store.update_trigger(changed) is True
        assert store.get_trigger(TENANT, "trg_2") == changed

    def test_it_is_its_tenants_alone(self, store: Store) -> None:
        store.create_trigger(trigger(), 10)
        assert store.get_trigger(OTHER_TENANT, "trg_1") is None
        assert store.get_trigger(TENANT, "trg_none") is None
        assert store.update_trigger(trigger(tenant_id=OTHER_TENANT, revision=2)) is False
        assert store.delete_trigger(OTHER_TENANT, "trg_1") is False
        assert list(store.list_triggers(OTHER_TENANT, None, 10)) == []
        assert store.get_trigger(TENANT, "trg_1") == trigger()

    def test_a_tenant_has_so_many_at_most(self, store: Store) -> None:
        assert store.create_trigger(trigger("trg_1"), 2)
        assert store.create_trigger(trigger("trg_2"), 2)
        version = store.version()
        assert store.create_trigger(trigger("trg_3"), 2) is False
        assert store.get_trigger(TENANT, "trg_3") is None
        assert store.version() == version
        assert store.create_trigger(trigger("trg_4", OTHER_TENANT), 2)
        assert store.delete_trigger(TENANT, "trg_1")
        assert store.create_trigger(trigger("trg_3"), 2)

    def test_an_id_is_taken_once(self, store: Store) -> None:
        store.create_trigger(trigger(), 10)
        with pytest.raises(BadRow):
            store.create_trigger(trigger(tenant_id=OTHER_TENANT), 10)
        assert store.get_trigger(TENANT, "trg_1") == trigger()

    def test_they_are_listed_by_id_in_pages(self, store: Store) -> None:
        for place in (3, 1, 4, 2):
            store.create_trigger(trigger(f"trg_{place}"), 10)
        assert [one.id for one in store.list_triggers(TENANT, None, 3)] == ["trg_1", "trg_2", "trg_3"]
        assert [one.id for one in store.list_triggers(TENANT, "trg_3", 3)] == ["trg_4"]

    def test_only_the_next_revision_is_stored(self, store: Store) -> None:
        store.create_trigger(trigger(), 10)
        version = store.version()
        for revision in (1, 3):
            assert store.update_trigger(trigger(revision=revision, name="other")) is False
        assert store.update_trigger(trigger("trg_none", revision=2)) is False
        assert store.get_trigger(TENANT, "trg_1") == trigger()
        assert store.version() == version
        assert store.update_trigger(trigger(revision=2, name="other")) is True
        assert store.get_trigger(TENANT, "trg_1") == trigger(revision=2, name="other")

    def test_every_write_is_logged_and_what_exists_is_told(self, store: Store) -> None:
        add_tenant(store)
        store.create_trigger(trigger("trg_2"), 10)
        for write in (
            lambda: store.create_trigger(trigger(), 10),
            lambda: store.update_trigger(trigger(revision=2)),
            lambda: store.delete_trigger(TENANT, "trg_1"),
        ):
            version = store.version()
            assert write()
            assert changes(store, version) == {("trigger", TENANT, "trg_1")}
        version = store.version()
        assert store.delete_trigger(TENANT, "trg_1") is False
        assert store.version() == version
        with store.intake() as transaction:
            told = {change[1:] for change in transaction.everything().changes}
            assert list(transaction.triggers(["trg_1", "trg_2"])) == [trigger("trg_2")]
        assert told == {("tenant", TENANT, TENANT), ("trigger", TENANT, "trg_2")}

    def test_what_was_told_of_its_failures_goes_with_it(self, store: Store) -> None:
        for name in ("trg_1", "trg_2"):
            store.create_trigger(trigger(name), 10)
        store.note_rule_failures([rule_failure("trg_1"), rule_failure("trg_2")])
        store.delete_trigger(TENANT, "trg_1")
        assert list(store.rule_failures(TENANT, ["trg_1", "trg_2"])) == [rule_failure("trg_2")]

    def test_a_deleted_tenant_takes_its_triggers_along_at_once(self, store: Store) -> None:
        for place, tenant_id in enumerate((TENANT, TENANT, OTHER_TENANT)):
            store.create_trigger(trigger(f"trg_{place}", tenant_id), 10)
        for tenant_id in (TENANT, OTHER_TENANT):
            add_tenant(store, tenant_id)
        version = store.version()
        store.delete_tenant(TENANT, NOW)
        assert list(store.list_triggers(TENANT, None, 10)) == []
        assert [one.id for one in store.list_triggers(OTHER_TENANT, None, 10)] == ["trg_2"]
        assert changes(store, version) == {
            ("tenant", TENANT, TENANT), ("trigger", TENANT, "trg_0"), ("trigger", TENANT, "trg_1"),
        }  # fmt: skip
