"""Tenants' quotas in memory: they follow the store, and what was counted outlives a change."""

import pytest

from ringback.ingest.quotas import Quota, TenantQuotas
from ringback.model.errors import OverQuota
from ringback.model.limits import STEP_ROWS_MAX
from ringback.store.memory import MemoryStore
from ringback.testing.clock import ManualClock
from support.rows import NOW, TENANT, secret, tenant


class World:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.clock = ManualClock(NOW)
        self.quotas = TenantQuotas(self.store, self.clock)
        self.version = 0

    def add(self, tenant_id: str = TENANT, **quota: float) -> None:
        assert self.store.create_tenant(tenant(tenant_id, **quota), secret(f"sec_{tenant_id}", None, tenant_id))

    def change(self, revision: int, **quota: float) -> None:
        assert self.store.update_tenant(tenant(revision=revision, **quota))

    def follow(self) -> None:
        changes = self.store.changes_after(self.version)
        self.version = changes[-1].version
        self.quotas.follow(changes)

    def quota(self) -> Quota:
        found = self.quotas.of(TENANT)
        assert found is not None
        return found


@pytest.fixture
def world() -> World:
    return World()


def wait_of(quota: Quota, count: int) -> int:
    with pytest.raises(OverQuota) as refused:
        quota.take(count)
    assert refused.value.code == "events_quota"
    return refused.value.retry_after_s


def test_all_of_them_are_loaded_and_no_others(world: World) -> None:
    for number in range(STEP_ROWS_MAX + 2):
        world.add(f"t{number:04d}", events_per_second=2.0)
    world.add("free", endpoints_max=3)
    world.quotas.load()
    assert all(world.quotas.of(f"t{number:04d}") is not None for number in range(STEP_ROWS_MAX + 2))
    assert world.quotas.of("free") is None
    assert world.quotas.of("nobody") is None


def test_they_follow_what_changes(world: World) -> None:
    world.add()
    world.follow()
    assert world.quotas.of(TENANT) is None
    world.change(2, payload_bytes_max=2_048)
    world.follow()
    assert (world.quota().payload_bytes_max, world.quota().events_per_second) == (2_048, None)
    world.change(3, events_per_second=1.5)
    world.follow()
    assert (world.quota().payload_bytes_max, world.quota().events_per_second) == (None, 1.5)
    world.change(4)
    world.follow()
    assert world.quotas.of(TENANT) is None
    world.change(5, events_per_second=1.5)
    world.store.delete_tenant(TENANT, NOW)
    world.follow()
    assert world.quotas.of(TENANT) is None


def test_the_rate_is_kept_and_retry_after_is_long_enough(world: World) -> None:
    world.add(events_per_second=2.0)
    world.quotas.load()
    quota = world.quota()
    quota.take(1)
    quota.take(1)
    assert wait_of(quota, 1) == 1
    assert wait_of(quota, 2) == 1
    world.clock.pass_s(1)
    quota.take(2)
    assert wait_of(quota, 1) == 1


def test_a_refused_request_costs_nothing(world: World) -> None:
    world.add(events_per_second=4.0)
    world.quotas.load()
    quota = world.quota()
    quota.take(3)
    for _ in range(10):
        wait_of(quota, 2)
    quota.take(1)


def test_a_batch_over_the_burst_is_let_in_once_the_bucket_is_full_and_paid_for(world: World) -> None:
    world.add(events_per_second=10.0)
    world.quotas.load()
    quota = world.quota()
    quota.take(100)
    assert wait_of(quota, 1) == 10
    assert wait_of(quota, 100) == 10
    world.clock.pass_s(10)
    quota.take(100)


def test_a_change_of_something_else_keeps_the_count_and_so_does_a_change_of_the_rate(world: World) -> None:
    world.add(events_per_second=10.0)
    world.quotas.load()
    world.quota().take(30)
    world.change(2, events_per_second=10.0)
    world.follow()
    assert wait_of(world.quota(), 1) == 3
    world.change(3, events_per_second=10.0, payload_bytes_max=2_048)
    world.follow()
    assert wait_of(world.quota(), 1) == 3
    world.change(4, events_per_second=1.0)
    world.follow()
    assert wait_of(world.quota(), 1) == 21


def test_a_quota_of_payloads_alone_counts_nothing(world: World) -> None:
    world.add(payload_bytes_max=2_048)
    world.quotas.load()
    for _ in range(1_000):
        world.quota().take(1_000)
