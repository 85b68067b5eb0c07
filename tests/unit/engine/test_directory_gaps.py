"""The directory when changes it should have read are not kept any more, and what it says of redacted events."""

from dataclasses import replace

import pytest

from conformance.backend import add_endpoint, run_out
from ringback.engine.directory import Directory
from ringback.model.endpoint import EndpointStatus
from ringback.store.memory import MemoryStore
from ringback.testing.clock import ManualClock
from support.rows import NOW, TENANT, endpoint, secret, tenant


class World:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.changed: list[list[str]] = []
        self.redacted: list[frozenset[tuple[str, str]] | None] = []
        self.store.create_tenant(tenant(), secret("sec_t", None))
        for name in ("ep_a", "ep_b", "ep_c"):
            add_endpoint(self.store, name)
        self.directory = Directory(self.store, ManualClock(), self.changed.append, self.redacted.append)
        self.directory.start()
        self.directory.load(["ep_a", "ep_b"])

    def trim(self) -> None:
        run_out(lambda: self.store.trim_changes_step(1, 100), 100)


@pytest.fixture
def world() -> World:
    return World()


def test_who_has_missed_changes_loads_everything_it_knows_anew(world: World) -> None:
    world.store.update_endpoint(replace(endpoint(), revision=2, status=EndpointStatus.INACTIVE), NOW)
    world.store.delete_endpoint(TENANT, "ep_b", NOW)
    add_endpoint(world.store, "ep_d")
    world.trim()
    assert world.directory.refresh() == ["ep_a", "ep_b"]
    target = world.directory.get("ep_a")
    assert target is not None
    assert not target.sendable
    assert world.directory.get("ep_b") is None
    assert world.changed == [["ep_a", "ep_b"]]
    assert world.redacted == [None]


def test_and_goes_on_from_there(world: World) -> None:
    add_endpoint(world.store, "ep_d")
    add_endpoint(world.store, "ep_e")
    world.trim()
    world.directory.refresh()
    assert world.directory.refresh() == []
    world.store.delete_endpoint(TENANT, "ep_a", NOW)
    assert world.directory.refresh() == ["ep_a"]
    assert world.redacted == [None]


def test_who_has_missed_nothing_is_not_troubled(world: World) -> None:
    world.directory.refresh()
    world.trim()
    assert world.directory.refresh() == []
    assert (world.changed, world.redacted) == ([], [])
