"""What was freed after a burst goes back to the system, and only then is there anything to give back."""

import os
from pathlib import Path

import pytest

from ringback.memory import LAST_LOOK_AFTER, SpareMemory


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_what_a_burst_left_behind_is_given_back_and_once_more_when_it_is_quiet() -> None:
    spare = SpareMemory()
    for _ in range(LAST_LOOK_AFTER + 1):
        spare.give_back()  # what the tests before this one left
    burst = [bytes([1]) * 90_000 for _ in range(1_000)]
    kept = burst[::50]  # so that the C library can't simply let the end of its memory go
    assert not spare.give_back()
    full = resident_bytes()
    burst.clear()
    assert spare.give_back()
    assert resident_bytes() < full - 50_000_000
    assert [spare.give_back() for _ in range(LAST_LOOK_AFTER)] == [False] * (LAST_LOOK_AFTER - 2) + [True, False]
    assert len(kept) == 20


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    assert not SpareMemory().give_back()
