"""What the benches of bad endpoints and of a purge count as missed, and when they give no figure."""

from pathlib import Path
from typing import Any

import pytest

import isolation
import machinery
import retention
import seed
from ringback.store.sqlite import SqliteStore
from support.rows import TENANT, secret, tenant


def isolated(p99: float) -> dict[str, Any]:
    """The figures of a quiet case and of one in which one p99, of four, is another."""
    latency = {"events": 6_000, "p50": 3.0, "p99": 5.0, "greatest": 9.0}
    requests = {"ok": 12_000} | dict.fromkeys(isolation.BAD, 9)
    seen = dict.fromkeys(isolation.TENANTS, latency) | {"requests": requests}
    quiet = {"cold": seen, "warm": seen, "memory_mb": 140.0}
    bad = {**quiet, "warm": seen | {"calm": latency | {"p99": p99}}}
    return {"quiet": quiet, "four bad": bad}


def test_a_p99_over_twice_the_quiet_one_is_missed() -> None:
    rounds = [isolated(30.0), isolated(10.0), isolated(2.0)]
    assert isolation.missed({"rounds": rounds}) == []
    rounds[1] = isolated(10.1)
    assert isolation.missed({"rounds": rounds}) == [
        "four bad, warm, calm: p99 beside quiet, median 2.02 (least 0.40, greatest 6.00); the goal is 2.0"
    ]


def test_a_case_is_told_with_what_was_sent_to_the_bad() -> None:
    lines = isolation.lines_of(isolated(10.0), "four bad")
    assert len(lines) == 7
    assert lines[4].endswith("p99 2.00 of quiet")
    assert lines[5].endswith("warm requests: 9 to drip, 9 to fail, 9 to hang, 12,000 to ok, 9 to slow")


def test_trouble_that_was_not_met_is_no_figure() -> None:
    cases = {name: one for name, one in isolated(5.0)["four bad"].items() if name != "memory_mb"}
    isolation.check_trouble(cases, isolation.BAD)
    with pytest.raises(machinery.BenchFailed, match="cold: nothing was sent to what answers like 'carefree'"):
        isolation.check_trouble(cases, ("hang", "carefree"))
    parked = cases | {"warm": cases["warm"] | {"requests": {"fail": 1}}}
    isolation.check_trouble(parked, isolation.BAD)
    with pytest.raises(machinery.BenchFailed, match="warm: nothing"):
        isolation.check_trouble(cases | {"warm": cases["warm"] | {"requests": {"ok": 9}}}, isolation.BAD)


@pytest.mark.parametrize(("quiet", "purging", "said"), [
    (10.0, 20.0, []),
    (10.0, 20.1, ["purging: p99 2.01 of quiet, the goal is 2"]),
    (60.0, 100.0, ["purging: p99 100 ms until 202, the goal is under 100 ms"]),
])  # fmt: skip
def test_answers_that_a_purge_holds_up_are_missed(quiet: float, purging: float, said: list[str]) -> None:
    assert retention.missed({"answers": {"quiet": {"p99": quiet}, "purging": {"p99": purging}}}) == said


def test_how_much_of_a_purge_is_left_is_read_from_the_oldest_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "TENANT", TENANT)
    store = SqliteStore.open(tmp_path / "ringback.db")
    store.create_tenant(tenant(), secret("sec_t", None))
    store.close()
    assert retention.old_left(tmp_path, 10) == 0
    with seed.opened(tmp_path) as connection:
        seed.add_old(connection, TENANT, 10, days=40)
    assert retention.old_left(tmp_path, 10) == 10
    with seed.opened(tmp_path) as connection:
        connection.execute("DELETE FROM event WHERE id IN ('evt_seed_0', 'evt_seed_1', 'evt_seed_2')")
    assert retention.old_left(tmp_path, 10) == 7
    with seed.opened(tmp_path) as connection:
        connection.execute("UPDATE event SET id = 'evt_young' WHERE id = 'evt_seed_3'")
    assert retention.old_left(tmp_path, 10) == 0
