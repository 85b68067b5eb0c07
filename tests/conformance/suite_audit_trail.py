"""What every store does for the audit log."""

import pytest

from conformance.backend import run_out
from conformance.suite_config import add_tenant
from ringback.model.console import AuditEntry
from ringback.store.port import BadRow, Store
from support.rows import NOW, OTHER_TENANT, TENANT


def entry(number: int, tenant_id: str | None = TENANT) -> AuditEntry:
    return AuditEntry(f"aud_{number:03d}", tenant_id, NOW + number, "key_1", "change ☎", f"endpoint {number}", "{}")


class TestAuditTrail:
    def test_entries_come_back_newest_first_in_pages(self, store: Store) -> None:
        entries = [entry(number) for number in range(5)]
        store.add_audit_entries(entries[:2])
        store.add_audit_entries(entries[2:])
        assert list(store.list_audit_entries(TENANT, None, 3)) == entries[:1:-1]
        assert list(store.list_audit_entries(TENANT, "aud_002", 3)) == [entries[1], entries[0]]
        store.add_audit_entries([])

    def test_a_tenant_nobody_and_everybody_are_told_apart(self, store: Store) -> None:
        store.add_audit_entries([entry(1), entry(2, OTHER_TENANT), entry(3, None)])
        assert list(store.list_audit_entries(OTHER_TENANT, None, 9)) == [entry(2, OTHER_TENANT)]
        assert list(store.list_audit_entries(None, None, 9)) == [entry(3, None)]
        everything = store.list_audit_entries(None, None, 9, all_tenants=True)
        assert [one.tenant_id for one in everything] == [None, OTHER_TENANT, TENANT]
        assert list(store.list_audit_entries(None, "aud_002", 9, all_tenants=True)) == [entry(1)]

    def test_an_id_is_there_once_and_a_bad_entry_changes_nothing(self, store: Store) -> None:
        store.add_audit_entries([entry(1)])
        with pytest.raises(BadRow):
            store.add_audit_entries([entry(2), entry(1)])
        assert list(store.list_audit_entries(TENANT, None, 9)) == [entry(1)]

    def test_what_is_old_goes_in_steps(self, store: Store) -> None:
        store.add_audit_entries([entry(number, TENANT if number % 2 else None) for number in range(6)])
        assert [store.expire_audit_step(NOW + 5, 3) for _ in range(3)] == [3, 2, 0]
        assert [one.id for one in store.list_audit_entries(None, None, 9, all_tenants=True)] == ["aud_005"]

    def test_what_was_done_to_a_tenant_goes_with_it(self, store: Store) -> None:
        add_tenant(store)
        store.add_audit_entries([entry(1), entry(2), entry(3, OTHER_TENANT), entry(4, None)])
        store.delete_tenant(TENANT, NOW)
        run_out(lambda: store.purge_step(1), 1)
        left = store.list_audit_entries(None, None, 9, all_tenants=True)
        assert [one.tenant_id for one in left] == [None, OTHER_TENANT]
