"""Migrations: their numbers, what may be run when, and that an upgraded schema is a fresh one."""

from collections.abc import Sequence
from pathlib import Path

import apsw
import pytest

from ringback.model.errors import StoreNewer, StoreOlder
from ringback.model.limits import FOREVER_MS
from ringback.store.migrate import Migration, bring_up, load_migrations, read_migrations
from ringback.store.sqlite import SqliteStore
from ringback.store.sqlite.file import SqliteLedger, open_locked

THREE = [Migration(1, "one", ""), Migration(2, "two", ""), Migration(3, "three", "")]


class PaperLedger:
    """A database that only remembers."""

    def __init__(self, *applied: int) -> None:
        self.numbers = list(applied)
        self.steps: list[int] = []

    def applied(self) -> Sequence[int]:
        return self.numbers

    def apply(self, migrations: Sequence[Migration]) -> None:
        self.numbers += [migration.number for migration in migrations]
        self.steps.append(len(migrations))


def schema_of(path: Path) -> list[tuple[str, ...]]:
    connection = apsw.Connection(str(path))
    found = connection.execute(
        "SELECT type, name, tbl_name, ifnull(sql, '') FROM sqlite_schema ORDER BY 1, 2"
    ).fetchall()
    connection.close()
    return found


class TestBringUp:
    def test_an_empty_database_is_set_up_untold(self) -> None:
        ledger = PaperLedger()
        assert bring_up(ledger, THREE, migrate=False, store="x.db") == THREE
        assert ledger.numbers == [1, 2, 3]
        assert ledger.steps == [3], "it is empty or complete"

    def test_a_current_one_is_left_alone(self) -> None:
        ledger = PaperLedger(1, 2, 3)
        assert bring_up(ledger, THREE, migrate=True, store="x.db") == []
        assert ledger.numbers == [1, 2, 3]

    def test_an_older_one_is_refused_untold(self) -> None:
        ledger = PaperLedger(1)
        with pytest.raises(StoreOlder, match=r"x\.db .*schema 1, this program needs 3.*--migrate"):
            bring_up(ledger, THREE, migrate=False, store="x.db")
        assert ledger.numbers == [1]

    def test_an_older_one_gets_what_is_missing_when_told(self) -> None:
        ledger = PaperLedger(1)
        assert bring_up(ledger, THREE, migrate=True, store="x.db") == THREE[1:]
        assert ledger.steps == [1, 1], "an upgrade goes on where it stopped"

    @pytest.mark.parametrize("migrate", [False, True])
    def test_a_newer_one_is_never_touched(self, migrate: bool) -> None:
        ledger = PaperLedger(1, 2, 3, 4)
        with pytest.raises(StoreNewer, match=r"schema 4, this program knows up to 3"):
            bring_up(ledger, THREE, migrate=migrate, store="x.db")
        assert ledger.numbers == [1, 2, 3, 4]


class TestFiles:
    def test_ours_are_numbered_from_one(self) -> None:
        migrations = load_migrations("sqlite")
        assert [migration.number for migration in migrations] == list(range(1, len(migrations) + 1))
        assert migrations[0].name == "core"

    def test_they_are_read_in_the_order_of_their_numbers(self, tmp_path: Path) -> None:
        for name in ("0002_b.sql", "0001_a.sql"):
            (tmp_path / name).write_text(f"-- {name}")
        assert read_migrations(tmp_path) == [Migration(1, "a", "-- 0001_a.sql"), Migration(2, "b", "-- 0002_b.sql")]

    @pytest.mark.parametrize("names", [["0002_b.sql"], ["0001_a.sql", "0003_c.sql"], ["0001_a.sql", "0001_b.sql"]])
    def test_a_gap_or_a_number_twice_is_refused(self, tmp_path: Path, names: list[str]) -> None:
        for name in names:
            (tmp_path / name).write_text("")
        with pytest.raises(ValueError, match="without a gap"):
            read_migrations(tmp_path)

    def test_a_file_that_is_named_otherwise_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "1_core.sql").write_text("")
        with pytest.raises(ValueError, match="1_core"):
            read_migrations(tmp_path)


class TestSqlite:
    def test_an_upgraded_schema_is_a_fresh_one(self, tmp_path: Path) -> None:
        migrations = load_migrations("sqlite")
        fresh = tmp_path / "fresh.db"
        SqliteStore.open(fresh).close()
        for known in range(1, len(migrations) + 1):
            upgraded = tmp_path / f"from_{known}.db"
            connection, lock = open_locked(upgraded, migrations[:known], migrate=False)
            connection.close()
            lock.release()
            SqliteStore.open(upgraded, migrate=True).close()
            assert schema_of(upgraded) == schema_of(fresh)

    def test_an_upgrade_keeps_the_rows_and_commits_step_by_step(self, tmp_path: Path) -> None:
        path = tmp_path / "ringback.db"
        first = Migration(1, "one", "CREATE TABLE a (n INTEGER) STRICT; INSERT INTO a VALUES (7)")
        second = Migration(2, "two", "ALTER TABLE a ADD COLUMN m INTEGER NOT NULL DEFAULT 1")
        broken = Migration(3, "three", "CREATE TABLE b (n INTEGER) STRICT; SELECT nonsense")
        connection, lock = open_locked(path, [first], migrate=False)
        connection.close()
        lock.release()
        with pytest.raises(StoreOlder):
            open_locked(path, [first, second], migrate=False)
        with pytest.raises(Exception, match="nonsense"):
            open_locked(path, [first, second, broken], migrate=True)
        connection, lock = open_locked(path, [first, second], migrate=False)
        assert connection.execute("SELECT n, m FROM a").fetchall() == [(7, 1)]
        assert connection.execute("SELECT number, name FROM schema_version").fetchall() == [(1, "one"), (2, "two")]
        assert not connection.table_exists("main", "b")
        connection.close()
        lock.release()

    def test_numbers_that_two_events_share_are_left_to_the_first(self, tmp_path: Path) -> None:
        path = tmp_path / "ringback.db"
        connection, lock = open_locked(path, load_migrations("sqlite")[:3], migrate=False)
        columns = "tenant_id, id, type, data, accepted_at, hops, deliveries, number"
        rows = [(tenant, f"evt_{n}", "a", b"1", 1, 0, 0, n // 2 or None) for tenant in ("a", "b") for n in range(6)]
        connection.executemany(f"INSERT INTO event ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        connection.close()
        lock.release()
        store = SqliteStore.open(path, migrate=True)
        for tenant in ("a", "b"):
            found = [store.event_by_number(tenant, number) for number in (1, 2, 3)]
            assert [event.id if event else None for event in found] == ["evt_2", "evt_4", None]
            numbers = [event.number for event in store.events_by_id(tenant, [f"evt_{n}" for n in range(6)])]
            assert numbers == [None, None, 1, None, 2, None]
        store.close()

    def test_a_newer_file_is_left_to_the_byte(self, tmp_path: Path) -> None:
        path = tmp_path / "ringback.db"
        SqliteStore.open(path).close()
        connection = apsw.Connection(str(path))
        connection.execute("INSERT INTO schema_version VALUES (99, 'later')")
        connection.close()
        before = path.read_bytes()
        with pytest.raises(StoreNewer, match=r"ringback\.db.*schema 99") as told:
            SqliteStore.open(path, migrate=True)
        assert told.value.exit_code == 7
        assert path.read_bytes() == before

    def test_space_can_be_given_back_in_steps(self, tmp_path: Path) -> None:
        path = tmp_path / "ringback.db"
        SqliteStore.open(path).close()
        connection = apsw.Connection(str(path))
        assert connection.pragma("auto_vacuum") == 2
        assert connection.pragma("journal_mode") == "wal"
        connection.close()


def test_lanes_of_tenants_that_were_off_before_are_paused(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "old.db"))
    ledger = SqliteLedger(connection, tmp_path / "old.db")
    known = load_migrations("sqlite")
    ledger.apply(known[:3])
    columns = "(id, name, profile, webhooks_enabled, retention_days, created_at, updated_at, revision)"
    for tenant_id, on in (("on", 1), ("off", 0)):
        connection.execute(f"INSERT INTO tenant {columns} VALUES (?, '', 'standard', ?, 30, 1, 1, 1)", (tenant_id, on))
        connection.execute(
            "INSERT INTO endpoint (id, tenant_id, label, url, status, ordering, revision, config) "
            "VALUES (?, ?, '', '', 'active', 'none', 1, CAST('{}' AS BLOB))",
            (f"ep_{tenant_id}", tenant_id),
        )
        connection.execute("INSERT INTO lane VALUES (?, ?, 1, 0, NULL, x'', 0)", (f"ep_{tenant_id}", tenant_id))
    ledger.apply(known[3:4])
    lanes = connection.execute("SELECT endpoint_id, due_at, not_before FROM lane ORDER BY endpoint_id").fetchall()
    assert lanes == [("ep_off", FOREVER_MS, FOREVER_MS), ("ep_on", 1, 0)]
    connection.close()


def test_endpoints_that_were_disabled_before_have_the_time_of_their_last_change(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    connection, lock = open_locked(path, load_migrations("sqlite")[:6], migrate=False)
    for status in ("active", "disabled"):
        connection.execute(
            "INSERT INTO endpoint (id, tenant_id, label, url, status, ordering, revision, config) "
            "VALUES (?, 't', '', '', ?, 'none', 1, CAST(? AS BLOB))",
            (f"ep_{status}", status, '{"updated_at": 1700000000123}'),
        )
    connection.close()
    lock.release()
    store = SqliteStore.open(path, migrate=True)
    assert list(store.latest_disabled(10)) == [("ep_disabled", 1_700_000_000_123)]
    store.close()
