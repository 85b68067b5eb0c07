"""SIGKILL at random moments loses nothing; a third of a minute of it. `make crash MINUTES=…` runs it for longer."""

from pathlib import Path

import pytest

from support.crash import crash_loop


@pytest.mark.timeout(240)
def test_no_accepted_event_is_lost_by_sigkill(tmp_path: Path) -> None:
    figures = crash_loop(20.0, seed=20_261_121, folder=tmp_path)

    assert figures["kills"] >= 3
    assert figures["accepted"] > 200
