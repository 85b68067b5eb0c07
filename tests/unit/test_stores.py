"""Opening a store that may have to be waited for: how long, what is said meanwhile, and what isn't waited for."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ringback.model.errors import StartError, StoreNewer, StoreOlder, StoreRefused, StoreUnreachable
from ringback.observe.telemetry import TelemetryEvent, WaitsForMigration, WaitsForStore
from ringback.settings import Settings
from ringback.store.memory import MemoryStore
from ringback.store.port import Store
from ringback.stores import ASK_EVERY_S, REACHED_WITHIN_S, SAY_EVERY_S, open_patiently, open_store
from ringback.testing.clock import ManualClock
from support.sealing import SEALER

AWAY = StoreUnreachable("Nobody answers.")
OLDER = StoreOlder("It is older.")


class Start:
    """A start whose attempts fail as told; time passes when it waits."""

    def __init__(self, failures: Callable[[int], StartError | None]) -> None:
        self.clock = ManualClock(0)
        self.store = MemoryStore()
        self.attempts = 0
        self.said: list[tuple[float, TelemetryEvent]] = []
        self._failures = failures
        self._began_s = self.clock.boottime_s()

    @property
    def passed_s(self) -> float:
        return self.clock.boottime_s() - self._began_s

    def run(self) -> Store:
        return open_patiently(
            self._attempt, self.clock, lambda event: self.said.append((self.passed_s, event)), self.clock.pass_s
        )

    def _attempt(self) -> Store:
        self.attempts += 1
        if failure := self._failures(self.attempts):
            raise failure
        return self.store


def in_turn(failures: Sequence[StartError]) -> Callable[[int], StartError | None]:
    return lambda attempt: failures[attempt - 1] if attempt <= len(failures) else None


def test_one_that_is_there_is_not_waited_for() -> None:
    start = Start(in_turn([]))
    assert start.run() is start.store
    assert (start.passed_s, start.said) == (0, [])


def test_one_that_is_away_is_asked_for_a_minute_and_then_given_up() -> None:
    start = Start(lambda attempt: AWAY)
    with pytest.raises(StoreUnreachable) as raised:
        start.run()
    assert raised.value is AWAY
    assert start.passed_s == REACHED_WITHIN_S
    assert start.attempts == REACHED_WITHIN_S / ASK_EVERY_S + 1


def test_it_says_at_once_and_now_and_then_that_it_waits_and_for_how_long_still() -> None:
    start = Start(lambda attempt: AWAY)
    with pytest.raises(StoreUnreachable):
        start.run()
    assert start.said == [(s, WaitsForStore("Nobody answers.", 60 - s)) for s in range(0, 60, round(SAY_EVERY_S))]


def test_one_that_comes_up_is_taken() -> None:
    start = Start(in_turn([AWAY] * 3))
    assert start.run() is start.store
    assert start.passed_s == 3 * ASK_EVERY_S


def test_one_with_an_older_schema_is_waited_for_however_long_it_takes() -> None:
    start = Start(in_turn([OLDER] * 1_000))
    assert start.run() is start.store
    assert start.passed_s == 1_000 * ASK_EVERY_S
    assert {event for _, event in start.said} == {WaitsForMigration("It is older.")}
    assert len(start.said) == 1_000 * ASK_EVERY_S / SAY_EVERY_S


def test_the_minute_begins_anew_when_it_has_answered() -> None:
    start = Start(in_turn([AWAY] * 20 + [OLDER] + [AWAY] * 20))
    assert start.run() is start.store
    assert start.passed_s > REACHED_WITHIN_S
    assert [type(event) for _, event in start.said].count(WaitsForMigration) == 1


@pytest.mark.parametrize("kind", [StoreRefused, StoreNewer])
def test_what_waiting_does_not_mend_is_raised_at_once(kind: type[StartError]) -> None:
    start = Start(lambda attempt: kind("No."))
    with pytest.raises(kind):
        start.run()
    assert (start.attempts, start.said) == (1, [])


def test_a_file_is_opened_with_its_copies_and_without_a_limit(tmp_path: Path) -> None:
    opened = open_store(
        Settings(data=tmp_path), lambda needed: SEALER, ManualClock(0), lambda event: None, lambda seconds: None
    )
    assert opened.copies is opened.store
    assert opened.answers_within_s is None
    opened.store.close()
