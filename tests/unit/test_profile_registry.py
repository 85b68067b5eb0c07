"""Which profiles there are, where they come from, and that whoever asks gets the one that is stored now."""

from dataclasses import replace

import pytest

from ringback.model.lane import Change
from ringback.model.profile import StoredProfile
from ringback.profiles import Origin, Registry
from ringback.store.memory import MemoryStore
from ringback.wire.profile import load_profile
from support.profiles import contract, profile_text
from support.rows import NOW


class Counting(MemoryStore):
    """A store that counts how often it was asked for profiles."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def load_profiles(self, names):  # type: ignore[no-untyped-def]
        self.asked += 1
        return super().load_profiles(names)


@pytest.fixture
def store() -> Counting:
    return Counting()


def put(store: MemoryStore, name: str, text: str | None = None) -> None:
    text = profile_text(name) if text is None else text
    assert store.put_profile(StoredProfile(name, text, "00000000", NOW, NOW), 1_000) is not None


def changed(*names: str) -> list[Change]:
    return [Change(number, "profile", "", name) for number, name in enumerate(names)]


def test_built_in_ones_come_first_then_files_then_what_is_stored(store: Counting) -> None:
    put(store, "standard", profile_text("standard"))
    put(store, "filed", profile_text("filed", prefix="stored,"))
    put(store, "own")
    registry = Registry(store, [contract("filed", prefix="file,")])
    registry.load()
    assert registry.of("standard") is load_profile("standard")
    filed, own = registry.of("filed"), registry.of("own")
    assert filed is not None
    assert filed.signing is not None
    assert filed.signing.variants["v1"].prefix == "file,"
    assert own is not None
    assert own.name == "own"
    origins = {known.name: known.origin for known in registry.all()}
    assert origins == {"standard": Origin.BUILT_IN, "filed": Origin.FILE, "own": Origin.API} | origins
    assert [known.name for known in registry.all()] == sorted(origins)


def test_what_is_known_costs_the_store_nothing(store: Counting) -> None:
    put(store, "own")
    registry = Registry(store)
    registry.load()
    for name in ("standard", "own"):
        assert registry.of(name) is not None
    registry.follow([Change(1, "endpoint", "acme", "own")])
    assert store.asked == 0


def test_another_process_may_just_have_put_it(store: Counting) -> None:
    registry = Registry(store)
    registry.load()
    assert registry.of("own") is None
    put(store, "own")
    assert registry.of("own") is not None


def test_a_change_is_followed_and_what_did_not_change_keeps_its_contract(store: Counting) -> None:
    for name in ("a", "b"):
        put(store, name)
    registry = Registry(store)
    registry.load()
    before = {name: registry.of(name) for name in ("a", "b")}
    put(store, "a", profile_text("a", prefix="second,"))
    put(store, "b")
    registry.follow(changed("a", "b", "a"))
    after = registry.of("a")
    assert after is not None
    assert before["a"] is not None
    assert after.version != before["a"].version
    assert registry.of("b") is before["b"]
    assert store.delete_profile("a")
    registry.follow(changed("a"))
    assert registry.of("a") is None
    registry.load()
    assert registry.of("b") is before["b"]


def test_more_than_a_page_is_read(store: Counting) -> None:
    for number in range(120):
        put(store, f"p-{number}")
    registry = Registry(store)
    registry.load()
    store.asked = 0
    assert all(registry.of(f"p-{number}") is not None for number in range(120))
    assert store.asked == 0


def test_a_stored_text_that_no_longer_compiles_is_not_offered_and_says_why(store: Counting) -> None:
    put(store, "old", profile_text("old").replace('"POST"', '"SHOUT"'))
    registry = Registry(store)
    registry.load()
    assert registry.of("old") is None
    known = registry.find("old")
    assert known is not None
    assert known.error is not None
    assert known.error.startswith("request.method ")
    assert "old" not in registry.names()
    assert "old" in [one.name for one in registry.all()]
    assert known.stored == replace(known.stored, name="old")  # type: ignore[type-var]
