"""The directory when changes it should have read are not kept any more, and what it says of redacted events."""

from dataclasses import replace

import pytest

from conformance.backend import add_endpoint, run_out
from ringback.engine.directory import Directory
from ringback.model.endpoint import EndpointStatus
from ringback.model.profile import StoredProfile
from ringback.profiles import Registry
from ringback.store.memory import MemoryStore
from ringback.testing.clock import ManualClock
from ringback.wire.profile import check_profile
from support.profiles import profile_text
from support.rows import NOW, TENANT, endpoint, secret, tenant


class World:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.changed: list[list[str]] = []
        self.redacted: list[frozenset[tuple[str, str]] | None] = []
        self.store.create_tenant(tenant(), secret("sec_t", None))
        for name in ("ep_a", "ep_b", "ep_c"):
            add_endpoint(self.store, name)
        self.directory = Directory(
            self.store, ManualClock(), Registry(self.store), self.changed.append, self.redacted.append
        )
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


def put(world: World, prefix: str) -> str:
    """Put a profile; the version of its contract."""
    text = profile_text("own", prefix=prefix)
    assert world.store.put_profile(StoredProfile("own", text, "00000000", NOW, NOW), 10) is not None
    return check_profile(text, "own").version


def profile_of(world: World, endpoint_id: str) -> str:
    target = world.directory.get(endpoint_id)
    assert target is not None
    return target.profile


def test_a_changed_profile_makes_the_targets_anew_that_have_it_and_no_others(world: World) -> None:
    first = put(world, "a,")
    world.store.update_endpoint(replace(endpoint("ep_b"), revision=2, profile="own"), NOW)
    world.directory.refresh()
    before = world.directory.get("ep_a")
    assert profile_of(world, "ep_b") == f"own@{first}"
    second = put(world, "b,")
    assert world.directory.refresh() == ["ep_b"]
    assert profile_of(world, "ep_b") == f"own@{second}"
    assert world.directory.get("ep_a") is before
    world.store.delete_profile("own")
    assert world.directory.refresh() == ["ep_b"]
    target = world.directory.get("ep_b")
    assert target is not None
    assert (target.contract, target.profile) == (None, "own")


def test_a_profile_that_changed_among_what_was_missed_is_read_too(world: World) -> None:
    put(world, "a,")
    world.store.update_endpoint(replace(endpoint("ep_b"), revision=2, profile="own"), NOW)
    world.directory.refresh()
    second = put(world, "b,")
    add_endpoint(world.store, "ep_d")
    world.trim()
    assert world.directory.refresh() == ["ep_a", "ep_b"]
    assert profile_of(world, "ep_b") == f"own@{second}"


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
