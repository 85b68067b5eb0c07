"""A SQLite store moved into PostgreSQL: all columns, all rows, however often it is interrupted; and what is refused."""

import json
import os
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ringback import moving
from ringback.cli.main import main
from ringback.model.errors import (
    BadSetting,
    DataDirectoryUnusable,
    MasterKeyMissing,
    StoreExists,
    StoreLocked,
    StoreMoveDiffers,
    StoreMoveUnfinished,
    StoreOlder,
    StoreUnreachable,
)
from ringback.model.master_key import written
from ringback.moving import Moved, move_store, path_of
from ringback.setting import VARIABLE_PREFIX
from ringback.settings import Settings
from ringback.store import moving as parts
from ringback.store.migrate import load_migrations
from ringback.store.moving import PARTS
from ringback.store.postgres.address import Address
from ringback.store.postgres.database import prepare
from ringback.store.sqlite import SqliteStore
from ringback.store.sqlite.moving import opened_source
from ringback.vault.key_file import KeyFile
from support.moving import FIRST_AT, TABLES, change, fill, in_postgres, in_sqlite, tables_of
from support.old_store import make_old_store
from support.process import free_port
from support.rows import secret, tenant
from support.sealing import NEW_KEY, OLD_KEY, open_sealed

# What the move leaves behind, and why.
NOT_MOVED = {
    "node": "processes, none of which runs",
    "commit_check": "a row that is only there to be written",
    "schema_version": "each store's own",
    "console_session": "whoever is signed in signs in again",
    "console_link": "they last for minutes",
    "endpoint_day_delta": "what is not added up yet; the other store adds at once",
    "sqlite_sequence": "SQLite's own",
    "bin": "for trying things out, and gone within a day",
    "bin_request": "the same",
    "pulse": "how processes have done, none of which runs",
}
NOT_MOVED_COLUMNS = {("attempt", "seq"): "the order of insertion, which nothing is found by"}
MADE_COLUMNS = {("endpoint", "profile"), ("delivery", "event_at"), ("lane", "turn")}


def quiet(part: str, done: int, total: int) -> None:
    """No bar."""


def moved_to(url: str, path: Path, on_moved: Any = quiet, on_compared: Any = quiet) -> Moved:
    return move_store(path, url, Settings(data=path.parent), on_moved, on_compared)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "ringback.db"
    fill(path)
    return path


# ── nothing is forgotten ───────────────────────────────────────────────────────────────────────────────────────


def test_every_table_and_every_column_of_either_schema_is_moved(source: Path, empty_database: str) -> None:
    prepare(Address(empty_database), load_migrations("postgres"), migrate=False)
    there = tables_of(empty_database)
    file = sqlite3.connect(source)
    here = {
        name: {column for _, column, *_ in file.execute(f"PRAGMA table_info({name})")}
        for (name,) in file.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    }
    file.close()
    assert set(here) - set(NOT_MOVED) == set(there) - set(NOT_MOVED) == set(TABLES) == {part.table for part in PARTS}
    with opened_source(source) as opened:
        assert set(opened.counts) == {part.name for part in PARTS}
        for part in PARTS:
            columns = opened.columns(part)
            assert len(set(columns)) == len(columns)
            assert set(columns) == there[part.table], "each of the target's columns is filled"
            left = {
                column for column in here[part.table] - set(columns) if (part.table, column) not in NOT_MOVED_COLUMNS
            }
            assert left == set(), "each of the source's columns goes somewhere"
            assert {(part.table, column) for column in set(columns) - here[part.table]} <= MADE_COLUMNS


def test_what_is_there_is_what_was_here(source: Path, empty_database: str) -> None:
    moved = moved_to(empty_database, source)
    assert {name: tally.rows for name, tally in moved.tallies.items()} == {
        part.name: 4 if part.name == "event_number" else 6 for part in PARTS
    }
    for table in TABLES:
        found = in_postgres(empty_database, table)
        expected = in_sqlite(source, table)
        if table == "event_key":
            found = [row for row in found if row["kind"] != "number"]
        assert len(found) == len(expected) == 6
        for row in expected:
            row.pop("seq", None) if table == "attempt" else None
            for name in {"event_ids", "fields", "ignored"} & row.keys():
                row[name] = None if row[name] is None else json.loads(row[name])
            if table == "lane":
                row |= {
                    "turn": 0,
                    "owner": None,
                    "due_at": max(row["not_before"], FIRST_AT + int(row["endpoint_id"][3:])),
                }
            if table == "endpoint":
                row["profile"] = json.loads(row["config"]).get("profile", "standard")
            if table == "delivery":
                row["event_at"] = next(
                    one["accepted_at"] for one in in_sqlite(source, "event") if one["id"] == row["event_id"]
                )
        assert sorted(map(in_order, found)) == sorted(map(in_order, expected)), table
    events = {(row["tenant_id"], str(row["number"])): row["id"] for row in in_sqlite(source, "event") if row["number"]}
    claims = [row for row in in_postgres(empty_database, "event_key") if row["kind"] == "number"]
    assert {(row["tenant_id"], row["key"]): row["event_ids"][0] for row in claims} == events
    assert "store_move" not in tables_of(empty_database)


def in_order(row: dict[str, Any]) -> str:
    """The row as a text in which the order of the columns doesn't count; flags are numbers in one of the stores."""
    return repr(sorted((name, int(value) if isinstance(value, bool) else value) for name, value in row.items()))


def test_numbers_go_on_beyond_all_that_were_ever_drawn(source: Path, empty_database: str) -> None:
    change(source, "UPDATE sqlite_sequence SET seq = 5000 WHERE name = 'delivery'")
    moved_to(empty_database, source)
    with psycopg.connect(empty_database) as connection:
        ((block,),) = connection.execute("SELECT nextval('block')").fetchall()
    assert block * 1024 > 5000


def test_a_lane_that_was_owned_rings_and_one_without_work_stays_as_it_was(source: Path, empty_database: str) -> None:
    change(
        source,
        "UPDATE lane SET due_at = NULL, not_before = 0",
        "DELETE FROM delivery WHERE endpoint_id IN ('id-1', 'id-2')",
        "UPDATE lane SET owner = NULL WHERE endpoint_id = 'id-2'",
    )
    moved_to(empty_database, source)
    bells = {row["endpoint_id"]: row["due_at"] for row in in_postgres(empty_database, "lane")}
    assert bells == {"id-1": 0, "id-2": None} | {f"id-{n}": FIRST_AT + n for n in (3, 4, 5, 6)}


def test_what_postgresql_cannot_hold_in_a_text_is_told_by_a_sign(source: Path, empty_database: str) -> None:
    change(source, "UPDATE attempt SET error_message = 'a' || char(0) || 'b' WHERE id = 'id-1'")
    moved_to(empty_database, source)
    assert "a\ufffdb" in {row["error_message"] for row in in_postgres(empty_database, "attempt")}


def test_a_delivery_whose_event_is_gone_is_moved(source: Path, empty_database: str) -> None:
    change(source, "DELETE FROM event WHERE id = 'id-2'")
    moved_to(empty_database, source)
    assert {row["event_at"] for row in in_postgres(empty_database, "delivery") if row["event_id"] == "id-2"} == {0}


def test_an_empty_store_is_moved(tmp_path: Path, empty_database: str) -> None:
    SqliteStore.open(tmp_path / "ringback.db").close()
    moved = moved_to(empty_database, tmp_path / "ringback.db")
    assert {tally.rows for tally in moved.tallies.values()} == {0}


# ── interrupted ────────────────────────────────────────────────────────────────────────────────────────────────


def test_interrupted_after_every_step_it_goes_on(
    source: Path, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "STEP_ROWS_MAX", 4)
    done_before: dict[str, int] = {}

    def interrupt(part: str, done: int, total: int) -> None:
        if done > done_before.get(part, 0):
            done_before[part] = done
            raise KeyboardInterrupt

    runs = 0
    moved = None
    while moved is None:
        runs += 1
        try:
            moved = moved_to(empty_database, source, interrupt)
        except KeyboardInterrupt:
            with pytest.raises(StoreMoveUnfinished, match="goes on where it was"):
                prepare(Address(empty_database), load_migrations("postgres"), migrate=True)
    assert runs == 2 * (len(PARTS) - 1) + 1 + 1, "two steps of each part, but for the four numbers"
    assert moved.resumed
    assert {tally.rows for tally in moved.tallies.values()} == {4, 6}


def test_rows_are_read_by_their_bytes(source: Path, empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "STEP_BYTES_MAX", 1)
    seen: list[int] = []
    moved_to(empty_database, source, lambda part, done, total: seen.append(done) if part == "event" else None)
    assert seen == [1, 2, 3, 4, 5, 6, 6]


def test_what_differs_at_the_end_is_named_and_no_server_starts(source: Path, empty_database: str) -> None:
    def meddle(part: str, done: int, total: int) -> None:
        if part == "tenant":
            with psycopg.connect(empty_database) as connection:
                connection.execute("UPDATE event SET hops = hops + 1 WHERE id = 'id-3'")
                connection.execute("DELETE FROM lane WHERE endpoint_id = 'id-1'")

    with pytest.raises(StoreMoveDiffers, match=r"event \(6 rows, 6 .*\), lane \(6 rows, 5 .*\)\. The source") as told:
        moved_to(empty_database, source, on_compared=meddle)
    assert told.value.code == "store_move_differs"
    with pytest.raises(StoreMoveUnfinished) as refused:
        prepare(Address(empty_database), load_migrations("postgres"), migrate=False)
    assert refused.value.code == "store_move_unfinished"


def stop_at(wanted: str) -> Callable[[str, int, int], None]:
    def stop(part: str, done: int, total: int) -> None:
        if part == wanted and done:
            raise KeyboardInterrupt

    return stop


def test_an_interrupted_move_goes_on_from_the_same_store_alone(
    source: Path, empty_database: str, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        moved_to(empty_database, source, stop_at("event"))
    fill(tmp_path / "other.db", rows=5)
    with pytest.raises(StoreMoveUnfinished, match=r"unfinished move from .*ringback\.db"):
        moved_to(empty_database, tmp_path / "other.db")
    change(source, "UPDATE commit_check SET count = count + 1")  # as a server does that is started on it
    with pytest.raises(StoreMoveUnfinished, match="started on it again"):
        moved_to(empty_database, source)
    change(source, "UPDATE commit_check SET count = count - 1")
    assert moved_to(empty_database, source).resumed


def test_a_connection_that_is_lost_says_how_to_go_on(source: Path, empty_database: str) -> None:
    def cut(part: str, done: int, total: int) -> None:
        if part == "event" and done:
            with psycopg.connect(empty_database, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )

    with pytest.raises(StoreUnreachable, match="goes on where it was"):
        moved_to(empty_database, source, cut)
    assert moved_to(empty_database, source).resumed


# ── refused ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_database_with_something_in_it_is_refused(source: Path, empty_database: str) -> None:
    moved_to(empty_database, source)
    with pytest.raises(StoreExists, match="in tenant, api_key, profile"):
        moved_to(empty_database, source)


def test_a_database_that_servers_use_is_refused_and_left_as_it_was(source: Path, empty_database: str) -> None:
    prepare(Address(empty_database), load_migrations("postgres"), migrate=False)
    with Address(empty_database).connect(), pytest.raises(StoreLocked, match="Stop the servers"):
        moved_to(empty_database, source)
    assert "store_move" not in tables_of(empty_database)
    moved_to(empty_database, source)


def test_a_store_that_is_open_or_old_or_not_there_is_refused(source: Path, empty_database: str, tmp_path: Path) -> None:
    store = SqliteStore.open(source)
    with pytest.raises(StoreLocked):
        moved_to(empty_database, source)
    store.close()
    make_old_store(tmp_path / "old.db")
    with pytest.raises(StoreOlder, match="ringback migrate"):
        moved_to(empty_database, tmp_path / "old.db")
    with pytest.raises(DataDirectoryUnusable):
        moved_to(empty_database, tmp_path / "none.db")
    assert tables_of(empty_database) == {}


def test_two_moves_at_once_never_mix(source: Path, empty_database: str, tmp_path: Path) -> None:
    """A copy of the file has the same marks, and a lock of its own."""
    copy = tmp_path / "copy.db"
    copy.write_bytes(source.read_bytes())

    def other_goes_on(part: str, done: int, total: int) -> None:
        with pytest.raises(KeyboardInterrupt):
            moved_to(empty_database, copy, stop_at("event"))

    with pytest.raises(StoreLocked, match="Another `ringback migrate-store`"):
        moved_to(empty_database, source, other_goes_on)


def test_the_master_keys_have_to_be_at_hand_before_anything_is_moved(tmp_path: Path, empty_database: str) -> None:
    path = tmp_path / "there" / "ringback.db"
    path.parent.mkdir()
    store = open_sealed(path, OLD_KEY)
    store.create_tenant(tenant(), secret(endpoint_id=None))
    store.close()
    elsewhere = tmp_path / "data"
    elsewhere.mkdir()
    with pytest.raises(MasterKeyMissing, match=OLD_KEY.id):
        move_store(path, empty_database, Settings(data=elsewhere), quiet, quiet)
    with pytest.raises(MasterKeyMissing, match="RINGBACK_MASTER_KEY does not have"):
        move_store(path, empty_database, Settings(master_key=written([NEW_KEY])), quiet, quiet)
    assert tables_of(empty_database) == {}
    KeyFile(elsewhere / "master.key").write([NEW_KEY, OLD_KEY])
    moved = move_store(path, empty_database, Settings(data=elsewhere), quiet, quiet)
    assert (moved.sealed_with, moved.keys_in) == ([OLD_KEY.id], elsewhere / "master.key")


def test_urls_are_read_in_both_ways() -> None:
    assert path_of("sqlite:///data/ringback.db") == path_of("sqlite:data/ringback.db") == Path("data/ringback.db")
    assert path_of("sqlite:////srv/ringback.db") == path_of("sqlite:/srv/ringback.db") == Path("/srv/ringback.db")
    for url in ("sqlite:", "sqlite:///", "sqlite://data", "data/ringback.db", "postgresql://db/ringback"):
        with pytest.raises(BadSetting, match="sqlite:///PATH"):
            path_of(url)


def test_only_a_postgresql_database_is_filled(source: Path) -> None:
    with pytest.raises(BadSetting, match="postgresql://"):
        moved_to("sqlite:///other.db", source)
    with pytest.raises(StoreUnreachable):
        moved_to(f"postgresql://127.0.0.1:{free_port()}/none", source)
    assert moving.path_of(f"sqlite:///{source}") == source


def test_the_command_says_it_as_json_too(
    source: Path, empty_database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.startswith(VARIABLE_PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(source.parent)
    monkeypatch.setenv("RINGBACK_STORE", empty_database.replace("@", ":not-to-be-seen@"))
    assert main(["migrate-store", "--from", "sqlite:ringback.db", "--json"]) == 0
    printed = capsys.readouterr()
    assert (printed.err, "not-to-be-seen" in printed.out) == ("", False)
    told = json.loads(printed.out)
    assert (told["from"], told["pending"], told["resumed"], told["master_keys"]) == ("ringback.db", 6, False, [])
    assert told["to"] == empty_database.replace("@", ":***@")
    assert list(told["parts"]) == [part.name for part in PARTS]
    assert told["parts"]["event"]["rows"] == 6
    assert re.fullmatch("[0-9a-f]{32}", told["parts"]["event"]["checksum"])
