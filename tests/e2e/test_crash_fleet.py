"""SIGKILL to processes that share a database loses nothing, and others take over; one round of it.

`make crash STORE=postgres MINUTES=…` runs it for longer.
"""

from pathlib import Path

import pytest

from support.crash_fleet import TAKEOVER_S_MAX, crash_fleet
from support.reckoning import described


@pytest.mark.timeout(240)
def test_no_accepted_event_is_lost_when_any_of_many_processes_is_killed(tmp_path: Path) -> None:
    figures = crash_fleet(0.0, seed=20_261_122, folder=tmp_path)

    print(described(figures))
    assert figures["accepted"] > 200
    assert figures["engines killed"] == 2
    assert figures["API processes killed"] >= 1
    assert figures["s to the slowest takeover"] < TAKEOVER_S_MAX
