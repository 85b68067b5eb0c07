"""What every store does for what is told of rules: their failures, and the notices that wait to become events."""

from conformance.backend import Backend, add_endpoint, run_out
from conformance.suite_config import add_tenant
from conformance.suite_records import put
from conformance.suite_tracked_sets import add_set
from ringback.store.port import Store
from support.rows import NOW, OTHER_TENANT, TENANT, notice, record, rule_failure, tracked_set, trigger


class TestRuleFailures:
    def test_the_last_one_of_each_rule_is_kept(self, store: Store) -> None:
        early, late = rule_failure(at=NOW, message="Ä"), rule_failure(at=NOW + 1, event_id="evt_2", message="no")
        other = rule_failure("trg_1")
        store.note_rule_failures([other, early])
        assert set(store.rule_failures(TENANT, ["ep_a", "trg_1", "trg_none"])) == {early, other}
        for noted in (late, early):
            store.note_rule_failures([noted])
            assert list(store.rule_failures(TENANT, ["ep_a"])) == [late]
        store.note_rule_failures([])
        assert list(store.rule_failures(TENANT, [])) == []

    def test_they_are_their_tenants_alone(self, store: Store) -> None:
        store.note_rule_failures([rule_failure(), rule_failure(tenant_id=OTHER_TENANT, message="other")])
        assert [one.message for one in store.rule_failures(OTHER_TENANT, ["ep_a"])] == ["other"]
        assert list(store.rule_failures(TENANT, ["ep_a"])) == [rule_failure()]

    def test_many_at_once_in_any_order(self, store: Store) -> None:
        failures = [rule_failure(f"trg_{place * 37 % 200:03d}") for place in range(200)]
        store.note_rule_failures(failures)
        found = store.rule_failures(TENANT, [one.rule_id for one in failures])
        assert set(found) == set(failures)

    def test_that_of_a_filter_goes_with_its_endpoint(self, store: Store) -> None:
        for name in ("ep_a", "ep_b"):
            add_endpoint(store, name)
        store.note_rule_failures([rule_failure("ep_a"), rule_failure("ep_b")])
        store.delete_endpoint(TENANT, "ep_a", NOW)
        run_out(lambda: store.cancel_step(NOW, 10), 10)
        assert list(store.rule_failures(TENANT, ["ep_a", "ep_b"])) == [rule_failure("ep_b")]


class TestNotices:
    def test_the_oldest_come_first_whosever_they_are(self, store: Store, backend: Backend) -> None:
        written = [
            notice("evt_3", at=NOW + 2),
            notice("evt_2", OTHER_TENANT, at=NOW + 1, endpoint_id=None, data=b'{"\xc3\xa9":1}'),
            notice("evt_1", at=NOW + 3),
            notice("evt_2", at=NOW, type="secret.rotated"),
        ]
        for one in written:
            backend.write_notice(store, one)
        in_order = sorted(written, key=lambda one: one.at)
        assert list(store.oldest_notices(10)) == in_order
        assert list(store.oldest_notices(2)) == in_order[:2]

    def test_those_that_became_events_go(self, store: Store, backend: Backend) -> None:
        for name in ("evt_1", "evt_2", "evt_3"):
            backend.write_notice(store, notice(name))
        backend.write_notice(store, notice("evt_1", OTHER_TENANT))
        store.drop_notices([(TENANT, "evt_3"), (TENANT, "evt_none"), (TENANT, "evt_1")])
        assert {(one.tenant_id, one.id) for one in store.oldest_notices(10)} == {
            (TENANT, "evt_2"),
            (OTHER_TENANT, "evt_1"),
        }
        store.drop_notices([])
        assert len(store.oldest_notices(10)) == 2


class TestPurgingRecords:
    def fill(self, store: Store, backend: Backend, tenant_id: str) -> None:
        add_tenant(store, tenant_id)
        put(store, *(record(f"c-{place}", tenant_id, forget_at=NOW if place % 2 else None) for place in range(6)))
        add_set(store, "vip", tenant_id, tuple("abcde"))
        store.note_rule_failures([rule_failure(f"ep_{place}", tenant_id) for place in range(3)])
        store.create_trigger(trigger(f"trg_{tenant_id}", tenant_id), 10)
        backend.write_notice(store, notice(f"evt_{tenant_id}", tenant_id))

    def test_all_of_a_deleted_tenant_goes_in_steps_and_nothing_of_another(self, store: Store, backend: Backend) -> None:
        for tenant_id in (TENANT, OTHER_TENANT):
            self.fill(store, backend, tenant_id)
        store.delete_tenant(TENANT, NOW)
        assert store.create_trigger(trigger("trg_late"), 10) is False
        assert store.put_tracked_set(tracked_set("late"), 10) is None
        assert store.add_members(TENANT, "vip", ["z"], NOW, 10) is None
        run_out(lambda: store.purge_step(2), 2)
        assert store.clear_members_step(10) == 0
        assert [one for one in (store.get_record(TENANT, "contact", f"c-{place}") for place in range(6)) if one] == []
        assert list(store.rule_failures(TENANT, ["ep_0", "ep_1", "ep_2"])) == []
        assert list(store.list_triggers(TENANT, None, 10)) == []
        assert list(store.list_tracked_sets(TENANT, None, 10)) == []
        assert [one.tenant_id for one in store.oldest_notices(10)] == [OTHER_TENANT]

        assert len(store.list_records(OTHER_TENANT, "contact", None, 10)) == 3
        assert len(store.rule_failures(OTHER_TENANT, ["ep_0", "ep_1", "ep_2"])) == 3
        assert len(store.list_triggers(OTHER_TENANT, None, 10)) == 1
        assert list(store.list_members(OTHER_TENANT, "vip", None, 10)) == list("abcde")

    def test_a_new_tenant_of_the_name_finds_nothing_of_the_old_one(self, store: Store, backend: Backend) -> None:
        self.fill(store, backend, TENANT)
        store.delete_tenant(TENANT, NOW)
        run_out(lambda: store.purge_step(500), 500)
        self.fill(store, backend, TENANT)
        assert list(store.list_members(TENANT, "vip", None, 10)) == list("abcde")
