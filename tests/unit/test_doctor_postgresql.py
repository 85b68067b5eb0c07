"""What `ringback doctor` says of a PostgreSQL database, fact by fact."""

from collections.abc import Callable
from typing import Any

import pytest

from ringback.clock import SystemClock
from ringback.doctor import postgresql
from ringback.doctor.finding import Finding, Status
from ringback.doctor.postgresql import DEAD_ROWS_MIN, examine_postgresql
from ringback.store.postgres.examination import (
    LongWait,
    OpenTransaction,
    PostgresFacts,
    PreparedTransaction,
    ServerFacts,
    Standby,
    TableRows,
)
from ringback.store.postgres.promises import Promises, cautions_of
from ringback.testing.clock import ManualClock

NOW = 1_790_000_000_000
SERVER = ServerFacts("15.18 (Debian)", False, NOW, 8_000_000, 10, 97, True, True, True)
SAFE = Promises("on", "FIRST 1 (b)", True, True, 1)
WELL = PostgresFacts(SERVER, 4, [], SAFE, [], [], [], [TableRows("delivery", 5, 3, True)], [], 3, [])

Told = Callable[..., dict[str, list[Finding]]]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """The findings by name, of a server that is well but for the changes."""

    def look(clock_ms: int = NOW, **changes: Any) -> dict[str, list[Finding]]:
        monkeypatch.setattr(postgresql, "examine", lambda url: WELL._replace(**changes))
        findings, _ = examine_postgresql(
            "postgresql://ada:secret@db/r", "postgresql://ada:***@db/r", ManualClock(clock_ms)
        )
        assert all(bool(finding.advice) == (finding.status is not Status.OK) for finding in findings)
        assert "secret" not in repr(findings)
        by_name: dict[str, list[Finding]] = {}
        for finding in findings:
            by_name.setdefault(finding.name, []).append(finding)
        return by_name

    return look


def test_a_server_that_is_well(told: Told) -> None:
    found = told()
    assert {one.status for findings in found.values() for one in findings} == {Status.OK}
    assert found["database"][0].detail == "postgresql://ada:***@db/r, PostgreSQL 15.18, schema 4, 7.6 MB"
    assert "survives the loss of the primary" in found["202"][0].detail
    assert found["dead rows"][0].detail == "delivery 3"
    assert found["connections"][0].detail == "10 of 97 are in use"


@pytest.mark.parametrize(
    ("changes", "status", "part"),
    [
        ({"schema": 0, "missing": ["0001 core"]}, Status.OK, "empty; the first start sets it up"),
        ({"schema": 3, "missing": ["0004 compat"]}, Status.PROBLEM, "older Ringback (schema 3)"),
        ({"server": SERVER._replace(standby=True)}, Status.PROBLEM, "a standby"),
        ({"server": SERVER._replace(version="13.2", supported=False)}, Status.PROBLEM, "PostgreSQL 13.2: too old"),
    ],
)
def test_whether_a_server_could_use_it(told: Told, changes: dict[str, Any], status: Status, part: str) -> None:
    (finding,) = told(**changes)["database"]
    assert finding.status is status
    assert part in finding.detail


@pytest.mark.parametrize(
    ("promises", "parts"),
    [
        (SAFE, []),
        (SAFE._replace(synchronous_commit="remote_write"), []),
        (SAFE._replace(standbys_in_step=None), []),
        (SAFE._replace(synchronous_standby_names="", standbys_in_step=0), ["no synchronous standby (synchronous_st"]),
        (SAFE._replace(synchronous_commit="local"), ["synchronous_commit is local"]),
        (SAFE._replace(standbys_in_step=0), ["nothing can be committed until one is"]),
        (SAFE._replace(synchronous_commit="off"), ["synchronous_commit is off"]),
        (SAFE._replace(fsync=False, full_page_writes=False), ["fsync is off", "full_page_writes is off"]),
    ],
)
def test_what_a_202_is_worth(told: Told, promises: Promises, parts: list[str]) -> None:
    cautions = cautions_of(promises)
    assert len(cautions) == len(parts)
    for caution, part in zip(cautions, parts, strict=True):
        assert part in caution
        assert caution.endswith(".")
    found = told(promises=promises)["202"]
    so = Status.WARNING if promises.can_commit else Status.PROBLEM
    assert [one.status for one in found] == ([so] * len(parts) or [Status.OK])


def test_the_oldest_transaction_is_named_with_what_to_do(told: Told) -> None:
    oldest = OpenTransaction(4711, "ada", "psql", "idle in transaction", 3_600, 3_500, "2026-11-22T10:00:00Z")
    (finding,) = told(open_transactions=[oldest, oldest._replace(pid=4712, age_s=90)])["transactions"]
    assert finding.detail == (
        "the oldest is open for 60 minutes: process 4711, user ada, application 'psql', idle in transaction, last "
        "query of 2026-11-22T10:00:00Z (2 or more are open for long)"
    )
    assert "pg_terminate_backend(4711)" in finding.advice


def test_a_prepared_transaction_counts_as_an_open_one(told: Told) -> None:
    (finding,) = told(prepared=[PreparedTransaction("left over", "ada", 300)])["transactions"]
    assert finding.status is Status.WARNING
    assert "'left over' of ada was prepared 5 minutes ago" in finding.detail


def test_who_waits_for_whom(told: Told) -> None:
    (finding,) = told(long_waits=[LongWait(1, "ringback", 12.3, [2, 3])])["waits"]
    assert finding.detail == "process 1 (ringback) waits for a lock for 12 s, held by process 2, 3"


@pytest.mark.parametrize(
    ("changes", "status", "part"),
    [
        ({"tables": [TableRows("lane", 10, DEAD_ROWS_MIN + 1, True)]}, Status.WARNING, "lane has 100,001, and 10"),
        ({"tables": [TableRows("lane", 10**9, DEAD_ROWS_MIN + 1, True)]}, Status.OK, "lane 100,001"),
        ({"tables": []}, Status.OK, "none"),
        ({"tables": [TableRows("lane", 1, 0, False)]}, Status.PROBLEM, "switched off for lane"),
        ({"server": SERVER._replace(autovacuum=False)}, Status.PROBLEM, "autovacuum is off"),
    ],
)
def test_whether_dead_rows_are_cleared_away(told: Told, changes: dict[str, Any], status: Status, part: str) -> None:
    finding = told(**changes)["dead rows"][0]
    assert finding.status is status
    assert part in finding.detail


def test_days_that_nobody_makes_ahead(told: Told) -> None:
    assert told()["days"][0].detail == "partitions are made for 3 days ahead"
    assert told(days_ahead=0)["days"][0].status is Status.WARNING
    assert "days" not in told(days_ahead=None), "there is none in a new database"


@pytest.mark.parametrize(
    ("standby", "status", "part"),
    [
        (Standby("b", "streaming", "sync", 0, None), Status.OK, "b: streaming, sync, 0 bytes behind"),
        (
            Standby("b", "streaming", "async", 1024**3, 0.5),
            Status.WARNING,
            "b: streaming, async, 1.0 GB and 0.5 s behind",
        ),
        (Standby("b", "streaming", "async", 10, 11.0), Status.WARNING, "11.0 s behind"),
        (Standby("", None, None, None, None), Status.OK, "unnamed: its state may not be seen"),
    ],
)
def test_how_far_a_standby_is_behind(told: Told, standby: Standby, status: Status, part: str) -> None:
    (finding,) = told(standbys=[standby])["standbys"]
    assert finding.status is status
    assert part in finding.detail


def test_connections_that_run_out(told: Told) -> None:
    (finding,) = told(server=SERVER._replace(connections=90))["connections"]
    assert (finding.status, finding.detail) == (Status.WARNING, "90 of 97 are in use")


def test_a_role_that_may_not_see_others_says_so(told: Told) -> None:
    (finding,) = told(server=SERVER._replace(sees_all=False))["statistics"]
    assert "pg_read_all_stats" in finding.advice


@pytest.mark.parametrize("apart_ms", [-3_000, 3_000])
def test_clocks_that_differ(told: Told, apart_ms: int) -> None:
    (finding,) = told(clock_ms=NOW + apart_ms)["clocks"]
    assert (finding.status, "3.0 s apart" in finding.detail) == (Status.WARNING, True)


def test_a_database_that_is_away_is_a_problem() -> None:
    findings, facts = examine_postgresql("postgresql://ada@[::/", "postgresql://ada@[::/", SystemClock())
    assert facts is None
    assert [(one.name, one.status) for one in findings] == [("database", Status.PROBLEM)]
