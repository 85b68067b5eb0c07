"""Short runs of every kind of trouble are clean, the same seed is the same run, and the runs do what they are for."""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from simulation.directed import DIRECTED
from simulation.faults import Fault, Plan
from simulation.scenario import TROUBLES, Run, simulate
from simulation.steps import run_with

TESTS = Path(__file__).parents[1]
SOURCE = TESTS.parent / "src"
SEEDS = range(1, 9)
STEPS_SEED = 1

DIGEST = """
import hashlib
from simulation.scenario import simulate
print(hashlib.sha256("\\n".join(simulate(3, "all", trace=True).trace).encode()).hexdigest())
"""


# What the runs of a kind of trouble are for, and have to have had.
HAPPENINGS: Mapping[str, set[str]] = {
    "late": {"late commits", "hand-overs", "kept"},
    "none": {"hand-overs", "late commits", "shared releases"},
    "doubt": {"doubts", "StoreTrouble"},
    "crash": {"crashes", "takeovers"},
    "unrung": {"crashes", "SweepRepaired"},
    "stop": {"stops"},
    "pause": {"pauses", "takeovers", "LeaseLost", "AttemptSuperseded"},
    "heartbeat": {"hung beats", "takeovers", "LeaseLost"},
    "hang": {"hangs", "takeovers", "AttemptSuperseded"},
    "jump": {"jumps"},
    "change": {"changes"},
    "overtaken": {"late commits"},
    "handshake": {"verified", "late answers", "crashes", "stops"},
    "outlived-lease": {"hand-overs", "takeovers", "LeaseLost"},
    "silent-death": {"crashes", "takeovers"},
    "crowd": {"given up", "given up in flight", "stops", "crashes"},
    "shares": {"given up", "given up in flight", "hung claims", "shared"},
    "late-claim": {"pauses", "takeovers", "LeaseLost"},
}


@pytest.mark.parametrize("trouble", [*TROUBLES, *DIRECTED])
def test_no_run_violates_anything_and_the_runs_exercise_what_they_are_for(trouble: str) -> None:
    runs = [simulate(seed, trouble) for seed in SEEDS]
    found = [(run.seed, violation) for run in runs for violation in run.violations[:3]]
    assert not found, f"replay: make sim SEED={found[0][0]} TROUBLE={trouble}\n" + "\n".join(map(str, found))
    assert sum(run.accepted for run in runs) > 20
    assert sum(run.requests for run in runs) > 20
    counts: Counter[str] = sum((run.counts for run in runs), Counter())
    missing = {name for name in HAPPENINGS.get(trouble, ()) if not counts[name]}
    assert not missing, f"{trouble} never had {missing}: {dict(counts)}"
    if trouble == "breakdown":
        _check_parked_lanes_recover(runs)


def _check_parked_lanes_recover(runs: Sequence[Run]) -> None:
    """Lanes of receivers that are down are parked, and each of them recovers."""
    for run in runs:
        assert run.counts["LaneParked"] == run.counts["LaneRecovered"] > 0, f"seed {run.seed}: {run.counts}"


def test_the_same_seed_is_the_same_run_in_any_process() -> None:
    digests = {_digest_with_hash_seed(hash_seed) for hash_seed in ("1", "2")}
    trace = simulate(3, "all", trace=True).trace
    assert len(trace) > 500
    assert digests == {hashlib.sha256("\n".join(trace).encode()).hexdigest()}


def test_another_seed_is_another_run() -> None:
    assert simulate(3, "all", trace=True).trace != simulate(4, "all", trace=True).trace


def _digest_with_hash_seed(hash_seed: str) -> str:
    path = os.pathsep.join([str(TESTS), str(SOURCE)])
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", DIGEST], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("fault", Fault)
def test_one_fault_at_each_step_does_no_harm(fault: Fault) -> None:
    steps = run_with(STEPS_SEED, Plan(0, fault)).calls
    assert steps > 40
    for step in range(1, steps + 1):
        run = run_with(STEPS_SEED, Plan(step, fault))
        assert not run.violations, f"{fault} at step {step}: {run.violations[0]}"
        assert run.accepted


def test_each_step_meets_the_fault_it_is_for() -> None:
    crashes = [run_with(STEPS_SEED, Plan(step, Fault.CRASH_BEFORE)).counts["crashes"] for step in (1, 20, 40)]
    assert crashes == [1, 1, 1]
    assert run_with(STEPS_SEED, Plan(0, Fault.CRASH_BEFORE)).counts["crashes"] == 0
