"""Engines that stand still or are cut off from the database for longer than their lease, and an API process that is.

All at once, in one world, for a lease takes half a minute. `make interruptions` takes longer.
"""

from pathlib import Path

import pytest

from support.interruptions import AT_ONCE, interruptions
from support.reckoning import described


@pytest.mark.timeout(300)
def test_interruptions_beyond_the_lease_lose_nothing_and_double_each_delivery_once_at_most(tmp_path: Path) -> None:
    figures = interruptions(iter([(AT_ONCE, None)]), 20_261_122, tmp_path)

    print(described(figures))
    assert figures["nodes taken over"] == 4
    assert figures["accepted"] > 200
    assert figures["lost lines"] == 0
    assert figures["posts refused while cut off"] > 0
