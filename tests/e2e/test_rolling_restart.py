"""A rolling restart of processes that share a database loses nothing, and nothing waits until a lease runs out.

`make rolling` says how long events take meanwhile; docs/performance.md has the figures.
"""

from pathlib import Path

import pytest

from ringback.model.limits import LEASE_S
from support.reckoning import described
from support.rolling import rolling


@pytest.mark.timeout(240)
def test_a_rolling_restart_loses_nothing_and_nothing_waits_for_a_lease(tmp_path: Path) -> None:
    figures = rolling(1, tmp_path, processes=2, per_second=30.0, quiet_s=2.0)

    print(described(figures))
    assert figures["rolling"] > 20
    assert figures["repeated"] == 0
    assert figures["lost lines"] == 0
    assert figures["ms rolling at most"] < 1000 * LEASE_S / 2
