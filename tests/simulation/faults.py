"""What can go wrong in the simulation, how often, and the one fault of a run that tries every step in turn.

Chances are per store call (of those that matter) or per second of a node; 0 switches a fault off. Plain values.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


@dataclass(frozen=True)
class Faults:
    """All of them; see the names. Pairs of seconds are (at least, at most)."""

    unavailable: float = 0.0
    doubt: float = 0.0
    late: float = 0.0
    late_s: float = 0.5
    late_hand_over: float = 0.0
    late_hand_over_s: float = 6.0
    crash_per_s: float = 0.0
    crash_per_call: float = 0.0
    crash_before_ring: float = 0.0
    pause_per_s: float = 0.0
    pause_per_call: float = 0.0
    pause_s: tuple[float, float] = (26.0, 45.0)
    beat_hangs: float = 0.0
    beat_hangs_s: tuple[float, float] = (10.0, 55.0)
    thread_hangs_per_s: float = 0.0
    thread_hangs_s: tuple[float, float] = (110.0, 150.0)
    stop_per_s: float = 0.0
    jump_per_s: float = 0.0
    change_per_s: float = 0.0
    until_s: float = 0.0


NO_FAULTS = Faults()


class Fault(StrEnum):
    """One fault at one call: the store's answer is lost or late, or the process ends or pauses there."""

    CRASH_BEFORE = "crash before"
    CRASH_AFTER = "crash after"
    COMMIT_LOST = "commit lost"
    COMMIT_APPLIED = "commit applied"
    UNAVAILABLE = "unavailable"
    LATE = "late"
    PAUSE = "pause"


class Plan(NamedTuple):
    """Exactly one fault: `fault` at the call number `at` of the whole run, counted from 1 over those that matter."""

    at: int
    fault: Fault
