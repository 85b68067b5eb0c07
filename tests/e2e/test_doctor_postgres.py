"""`ringback doctor` on real PostgreSQL servers: what it finds is what their own views say."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ringback.cli.exits import ExitCode
from ringback.cli.main import main
from ringback.setting import VARIABLE_PREFIX
from ringback.store.migrate import load_migrations
from ringback.store.postgres import examination
from ringback.store.postgres.address import Address
from ringback.store.postgres.database import prepare
from ringback.store.postgres.days import Days
from ringback.store.postgres.session import Session
from support.postgres import Cluster
from support.process import free_port, wait_until

Doctor = Callable[[str], tuple[int, dict[str, list[tuple[str, str]]]]]


@pytest.fixture
def doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """A run in this process; the exit code, and (status, detail) by name."""
    for name in [name for name in os.environ if name.startswith(VARIABLE_PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RINGBACK_MASTER_KEY", "A" * 43 + "=")

    def run(url: str) -> tuple[int, dict[str, list[tuple[str, str]]]]:
        code = main(["doctor", "--json", "--offline", "--port", str(free_port()), "--store", url])
        found: dict[str, list[tuple[str, str]]] = {}
        for check in json.loads(capsys.readouterr().out)["checks"]:
            found.setdefault(check["name"], []).append((check["status"], check["detail"]))
        return code, found

    return run


@pytest.fixture
def prepared(empty_database: str) -> str:
    """A database with the schema."""
    prepare(Address(empty_database), load_migrations("postgres"), migrate=False)
    return empty_database


@pytest.fixture
def other(prepared: str) -> Iterator["psycopg.Connection[Any]"]:
    with psycopg.connect(prepared, application_name="somebody", autocommit=True) as connection:
        yield connection


def test_an_empty_database_is_set_up_by_the_first_start(empty_database: str, doctor: Doctor, tmp_path: Path) -> None:
    code, found = doctor(empty_database)
    assert code == ExitCode.OK
    ((status, detail),) = found["database"]
    assert status == "ok"
    assert detail.endswith("empty; the first start sets it up")
    assert "file system" not in found
    assert list(tmp_path.iterdir()) == []


def test_a_database_with_the_schema(prepared: str, doctor: Doctor) -> None:
    code, found = doctor(prepared)
    assert code == ExitCode.OK
    ((_, detail),) = found["database"]
    assert f", schema {len(load_migrations('postgres'))}, " in detail
    assert ("warning", "The database's fsync is off: all of it can be lost when its machine crashes") in found["202"]
    assert any("no synchronous standby" in detail for _, detail in found["202"])
    assert found["transactions"] == [("ok", "none is open for longer than 60 s")]
    assert found["clocks"][0][0] == "ok"


def test_it_counts_the_days_that_are_made_ahead(prepared: str, doctor: Doctor) -> None:
    assert "days" not in doctor(prepared)[1]
    today = int(time.time()) // 86_400
    with Address(prepared).connect() as connection:
        for table in ("event", "attempt"):
            Days().make(Session(connection), table, range(today, today + 3))
    assert doctor(prepared)[1]["days"] == [("ok", "partitions are made for 2 days ahead")]


def test_an_older_schema_and_a_newer_one_are_problems(empty_database: str, doctor: Doctor) -> None:
    prepare(Address(empty_database), load_migrations("postgres")[:-1], migrate=False)
    code, found = doctor(empty_database)
    assert code == ExitCode.UNEXPECTED
    assert "written by an older Ringback" in found["database"][0][1]
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("INSERT INTO schema_version (number, name) VALUES (999, 'of the future')")
    code, found = doctor(empty_database)
    assert code == ExitCode.UNEXPECTED
    assert "written by a newer Ringback" in found["database"][0][1]


def test_a_part_of_another_store_is_a_problem(prepared: str, doctor: Doctor) -> None:
    with psycopg.connect(prepared, autocommit=True) as connection:
        connection.execute("CREATE TABLE store_move ()")
    code, found = doctor(prepared)
    assert code == ExitCode.UNEXPECTED
    assert "has only a part of another store" in found["database"][0][1]


def test_it_names_the_oldest_transaction(
    prepared: str, other: "psycopg.Connection[Any]", doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "OLD_S", 0.0)
    other.execute("BEGIN")
    other.execute("SELECT 'a secret of theirs'")
    _, found = doctor(prepared)
    ((status, detail),) = found["transactions"]
    assert status == "warning"
    assert f"process {other.info.backend_pid}, user postgres, application 'somebody', idle in transaction" in detail
    assert "secret" not in detail


def test_it_names_who_waits_and_for_whom(
    prepared: str, other: "psycopg.Connection[Any]", doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "LONG_WAIT_S", 0.0)
    other.execute("BEGIN")
    other.execute("LOCK TABLE tenant")
    with psycopg.connect(prepared, application_name="waiting", autocommit=True) as waiting:
        thread = threading.Thread(target=waiting.execute, args=("SELECT count(*) FROM tenant",))
        thread.start()
        waits: list[str] = []

        def waited_for() -> bool:
            waits[:] = [detail for status, detail in doctor(prepared)[1]["waits"] if status == "warning"]
            return bool(waits)

        wait_until(waited_for, 15, "somebody waits")
        other.execute("ROLLBACK")
        thread.join(15)
        assert f"process {waiting.info.backend_pid} (waiting) waits for a lock" in waits[0]
    assert waits[0].endswith(f"held by process {other.info.backend_pid}")


def test_a_role_that_sees_little_says_so(postgres: Cluster, prepared: str, doctor: Doctor) -> None:
    name = prepared.rpartition("/")[2]
    postgres.sql(
        f"CREATE ROLE plain_{name} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain_{name}", database=name
    )
    try:
        _, found = doctor(postgres.url(name, user=f"plain_{name}"))
    finally:
        postgres.sql(f"DROP OWNED BY plain_{name}; DROP ROLE plain_{name}", database=name)
    assert found["statistics"][0][0] == "warning"
    assert found["database"][0][0] == "problem", "it may not write"


def test_a_database_that_nobody_answers_for_is_a_problem(doctor: Doctor) -> None:
    code, found = doctor(f"postgresql://ada:not-to-be-seen@127.0.0.1:{free_port()}/ringback")
    assert code == ExitCode.UNEXPECTED
    ((status, detail),) = found["database"]
    assert status == "problem"
    assert "can't be reached" in detail
    assert "Connection refused" in detail
    assert "not-to-be-seen" not in detail


def test_what_keeps_a_server_from_starting_is_a_problem(postgres: Cluster, prepared: str, doctor: Doctor) -> None:
    name = prepared.rpartition("/")[2]
    postgres.sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    _, found = doctor(prepared)
    assert [status for status, detail in found["database"] if "can only be read" in detail] == ["problem"]
    postgres.sql(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    postgres.sql(
        f"CREATE ROLE half_{name} LOGIN; GRANT pg_read_all_stats TO half_{name}; GRANT CREATE ON SCHEMA public TO "
        f"half_{name}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO half_{name}",
        database=name,
    )
    try:
        code, found = doctor(postgres.url(name, user=f"half_{name}"))
    finally:
        postgres.sql(f"DROP OWNED BY half_{name}; DROP ROLE half_{name}", database=name)
    assert code == ExitCode.UNEXPECTED
    assert [status for status, detail in found["database"] if "may not read and write" in detail] == ["problem"]


def test_a_standby_that_everybody_waits_for_is_a_problem(doctor: Doctor) -> None:
    with Cluster.made(durable=False) as cluster:
        url = cluster.create_database("db")
        cluster.set("synchronous_standby_names", "nobody")
        code, found = doctor(url)
    assert code == ExitCode.UNEXPECTED
    assert [status for status, detail in found["202"] if "nothing can be committed" in detail] == ["problem"]


def test_what_a_202_is_worth_follows_the_standby(doctor: Doctor) -> None:
    with Cluster.made() as primary:
        ((status, detail),) = doctor(primary.url())[1]["202"]
        assert (status, "no synchronous standby" in detail) == ("warning", True)
        with primary.standby("second", synchronous=True) as standby:
            _, found = doctor(primary.url())
            ((status, detail),) = found["202"]
            assert (status, "survives the loss of the primary" in detail) == ("ok", True)
            assert found["standbys"][0][1].startswith("second: streaming, sync, ")
            assert "a standby, which can't be written" in doctor(standby.url())[1]["database"][0][1]
            standby.stop()

            def gone() -> bool:
                return any("nothing can be committed" in detail for _, detail in doctor(primary.url())[1]["202"])

            wait_until(gone, 15, "it says that no standby is there")
