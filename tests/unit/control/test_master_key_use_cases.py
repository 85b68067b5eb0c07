"""Changing the master key: what is kept, what is dropped and when, over a real store and a real key file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ringback.clock import SystemClock
from ringback.control.master_key import MasterKeyUseCases
from ringback.model.master_key import written
from ringback.store.sqlite import SqliteStore
from ringback.vault.key_file import KeyFile
from ringback.vault.ring import KeyRing, open_ring
from support.rows import TENANT, endpoint, secret
from support.sealing import NEW_KEY, OLD_KEY, reseal_all


class World:
    """A store with five secrets, and the use cases on it."""

    def __init__(self, folder: Path, text: str | None = None) -> None:
        self.folder = folder
        self.audited: list[str] = []
        self.hastened = 0
        self.open(text)
        if not self.store.list_endpoints(TENANT, None, 1):
            for number in range(5):
                name = f"ep_{number}"
                assert self.store.create_endpoint(endpoint(name), secret(f"sec_{number}", name, value="whsec_x"), 10)

    def open(self, text: str | None = None) -> None:
        self.ring: KeyRing

        def sealer_for(needed: object) -> object:
            self.ring = open_ring(text, self.folder, list(needed), SystemClock().token_bytes)  # type: ignore[call-overload]
            return self.ring.vault

        self.store = SqliteStore.open(self.folder / "ringback.db", sealer_for=sealer_for)  # type: ignore[arg-type]
        self.use_cases = MasterKeyUseCases(
            self.store, self.ring, self._hasten, lambda event, _: self.audited.append(event)
        )

    def restart(self, text: str | None = None) -> None:
        self.store.close()
        self.open(text)

    def ids_in_file(self) -> list[str]:
        return [key.id for key in KeyFile(self.folder / "master.key").read()]

    def values(self) -> set[str]:
        return {one.value for one in self.store.load_secrets([], [f"ep_{number}" for number in range(5)])}

    def _hasten(self) -> None:
        self.hastened += 1


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.store.close()


def test_a_change_seals_with_a_new_key_and_drops_the_old_one_when_nothing_needs_it(world: World) -> None:
    (old,) = world.ids_in_file()
    assert world.use_cases.state() == (old, "file", [], 0)
    state = world.use_cases.rotate("key_1")
    assert (state.others, state.left, world.hastened) == ([old], 5, 1)
    assert world.ids_in_file() == [state.key_id, old]
    world.use_cases.drop_unused()  # something is sealed with it still
    assert world.ids_in_file() == [state.key_id, old]
    assert reseal_all(world.store, 2) == 5
    world.use_cases.drop_unused()
    assert world.ids_in_file() == [state.key_id]
    assert world.use_cases.state() == (state.key_id, "file", [], 0)
    assert world.audited == ["master_key_rotated", "master_key_dropped"]
    assert world.values() == {"whsec_x"}


def test_asked_again_meanwhile_it_goes_on_with_the_change_that_is_under_way(world: World) -> None:
    first = world.use_cases.rotate("key_1")
    world.store.reseal_step(2)
    again = world.use_cases.rotate("key_1")
    assert (again.key_id, again.others, again.left) == (first.key_id, first.others, 3)
    assert (world.hastened, world.audited) == (2, ["master_key_rotated"])


@pytest.mark.parametrize("sealed", [0, 2, 5])
def test_a_restart_at_any_point_goes_on(world: World, sealed: int) -> None:
    state = world.use_cases.rotate("key_1")
    if sealed:
        world.store.reseal_step(sealed)
    world.restart()
    assert world.values() == {"whsec_x"}
    assert world.use_cases.state() == (state.key_id, "file", state.others, 5 - sealed)
    reseal_all(world.store)
    world.use_cases.drop_unused()
    assert world.ids_in_file() == [state.key_id]


def test_an_old_key_that_a_write_used_at_the_last_moment_is_not_dropped(world: World) -> None:
    world.use_cases.rotate("key_1")
    reseal_all(world.store)
    ring, store = world.ring, world.store
    (old,) = ring.others
    late = KeyRing([key for key in KeyFile(world.folder / "master.key").read() if key.id == old], None, bytes)
    sealed = late.vault.seal("whsec_x", ("secret", "sec_0", TENANT, "ep_0"))
    with store._writer.transaction() as connection:
        connection.execute("UPDATE secret SET value = ?, key_id = ? WHERE id = 'sec_0'", (sealed.text, sealed.key_id))
    world.use_cases.drop_unused()
    assert old in world.ids_in_file()
    assert world.values() == {"whsec_x"}


def test_a_file_that_cannot_be_written_is_written_another_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.use_cases.rotate("key_1")
    reseal_all(world.store)

    def full(self: KeyFile, keys: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(KeyFile, "write", full)
        world.use_cases.drop_unused()
    assert world.audited[-1] == "master_key_kept"
    world.use_cases.drop_unused()
    assert len(world.ids_in_file()) == 1


def test_keys_of_the_variable_are_the_operators(tmp_path: Path) -> None:
    world = World(tmp_path, written([OLD_KEY]))
    world.restart(written([NEW_KEY, OLD_KEY]))
    state = world.use_cases.rotate("key_1")
    assert state == (NEW_KEY.id, "variable", [OLD_KEY.id], 5)
    reseal_all(world.store)
    world.use_cases.drop_unused()
    assert world.use_cases.state() == (NEW_KEY.id, "variable", [OLD_KEY.id], 0)  # left 0: the others can go
    world.restart(written([NEW_KEY]))
    assert world.values() == {"whsec_x"}
    assert not (tmp_path / "master.key").exists()
    world.store.close()
