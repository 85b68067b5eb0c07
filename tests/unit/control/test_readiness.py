"""Whether events can be accepted: also where the store hangs, which must not take whoever asks with it."""

import threading
from collections.abc import Iterator, Sequence

import pytest

from ringback.control.readiness import NotReady, Obstacle, Readiness
from ringback.model.errors import RingbackError
from ringback.store.memory import MemoryStore
from ringback.store.port import CommitInDoubt, Retryable, StoreUnavailable
from support.process import wait_until

ALONE = "The database has no synchronous standby."


class Far(MemoryStore):
    """A store on another machine. `hold` lets it answer; `asked` counts how often it was."""

    def __init__(self) -> None:
        super().__init__()
        self.hold = threading.Event()
        self.hold.set()
        self.asked = 0

    def check(self) -> None:
        self.asked += 1
        self.hold.wait(30)

    def cautions(self) -> Sequence[str]:
        return [ALONE]


@pytest.fixture
def store() -> Iterator[Far]:
    far = Far()
    yield far
    far.hold.set()


@pytest.mark.parametrize("within_s", [None, 30.0])
def test_a_store_that_answers_is_ready_with_its_cautions(store: Far, within_s: float | None) -> None:
    assert list(Readiness(store, list, within_s).check()) == [ALONE]


@pytest.mark.parametrize("within_s", [None, 30.0])
def test_what_stands_in_the_way_is_told_first_what_the_store_says_after(
    store: Far, within_s: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise StoreUnavailable("It is away.")

    monkeypatch.setattr(store, "check", away)
    with pytest.raises(NotReady) as raised:
        Readiness(store, lambda: [Obstacle("busy", "Much waits.")], within_s).check()
    assert (raised.value.code, raised.value.obstacles) == ("busy", ["Much waits.", "It is away."])


@pytest.mark.parametrize("kind", [CommitInDoubt, Retryable])
def test_a_commit_that_nobody_can_tell_of_is_none(
    store: Far, kind: type[RingbackError], monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_doubt() -> None:
        raise kind("It went away.")

    monkeypatch.setattr(store, "check", in_doubt)
    with pytest.raises(NotReady, match="It went away"):
        Readiness(store, list).check()


def test_a_store_that_hangs_is_not_ready_holds_one_thread_and_recovers(store: Far) -> None:
    readiness = Readiness(store, list, 0.05)
    store.hold.clear()
    for _ in range(3):
        with pytest.raises(NotReady) as raised:
            readiness.check()
        assert raised.value.code == "store_unavailable"
        assert raised.value.obstacles == ["The database has not answered for 0.05 s.", ALONE]
    assert store.asked == 1
    assert [thread.name for thread in threading.enumerate()].count("readiness") == 1
    store.hold.set()

    def ready() -> bool:
        try:
            return list(readiness.check()) == [ALONE]
        except NotReady:
            return False

    wait_until(ready, 10, "it is ready again")


def test_a_defect_is_not_hidden(store: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(store, "check", broken)
    with pytest.raises(RuntimeError, match="a defect"):
        Readiness(store, list, 30.0).check()
