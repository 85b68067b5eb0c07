"""SIGKILL in the middle of changes of records and batches of them loses none, invents none and halves none.

`make crash OF=records` runs it for longer.
"""

from pathlib import Path

import pytest

from support.reckoning import described
from support.record_crash import crash_records


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("store", "seconds"), [("sqlite", 6.0), ("postgres", 6.0)])
def test_no_change_is_lost_invented_or_half_done_by_sigkill(store: str, seconds: float, tmp_path: Path) -> None:
    figures = crash_records(store, seconds, seed=20_261_122, folder=tmp_path)

    print(described(figures))
    assert figures["kills"] >= 2
    assert figures["changes"] > 100
    assert figures["batches"] > 10
