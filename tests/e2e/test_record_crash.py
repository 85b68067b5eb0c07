"""SIGKILL in the middle of changes of records and batches of them loses none, invents none and halves none.

`make crash OF=records` runs it for longer.
"""

from pathlib import Path

import pytest

from support.reckoning import described
from support.record_crash import KILLS_MIN, crash_records
from support.record_stores import STORES


@pytest.mark.timeout(240)
@pytest.mark.parametrize("store", STORES)
def test_no_change_is_lost_invented_or_half_done_by_sigkill(store: str, tmp_path: Path) -> None:
    figures = crash_records(store, 0.0, seed=20_261_122, folder=tmp_path)

    print(described(figures))
    assert figures["kills"] >= KILLS_MIN
    assert figures["changes"] > 50
    assert figures["batches"] > 5
