"""Opening the file: once, only where it can be written, only when it is ours and whole."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import apsw
import pytest

from ringback.model.errors import DataDirectoryUnusable, StoreCorrupt, StoreLocked
from ringback.store.sqlite import SqliteStore
from support.rows import NOW, TENANT, event

HOLD = """
import sys
from pathlib import Path
from ringback.store.sqlite import SqliteStore
store = SqliteStore.open(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
"""

OPEN_UNPRIVILEGED = """
import os, sys
from pathlib import Path
from ringback.model.errors import StartError
from ringback.store.sqlite import store
migrations = store.load_migrations("sqlite")
store.load_migrations = lambda dialect: migrations  # another user may not get to the sources
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    store.SqliteStore.open(Path(sys.argv[1]))
except StartError as error:
    print(error.code, error.exit_code, error.detail)
"""


def python(source: str, path: Path) -> "subprocess.Popen[str]":
    """A process of its own that runs `source` with `path` as its argument."""
    return subprocess.Popen(
        [sys.executable, "-c", source, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )


def accept_one(store: SqliteStore, event_id: str = "evt_1") -> None:
    with store.intake() as transaction:
        transaction.insert([event(event_id)], [])
        transaction.commit()


class TestLock:
    def test_a_second_process_is_told_who_has_it_and_what_to_do(self, tmp_path: Path) -> None:
        path = tmp_path / "ringback.db"
        with python(HOLD, path) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "open\n"
            before = path.read_bytes()
            with pytest.raises(StoreLocked) as told:
                SqliteStore.open(path)
            assert str(path) in told.value.detail
            assert f"process {holder.pid}" in told.value.detail
            assert "stop that process" in told.value.detail
            assert (told.value.code, told.value.exit_code) == ("store_locked", 5)
            assert path.read_bytes() == before
            holder.communicate("")
        SqliteStore.open(path).close()

    def test_the_lock_ends_with_a_process_that_is_killed(self, tmp_path: Path) -> None:
        path = tmp_path / "ringback.db"
        with python(HOLD, path) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "open\n"
            holder.kill()
            holder.wait()
        SqliteStore.open(path).close()

    def test_one_process_cant_open_it_twice_either(self, tmp_path: Path) -> None:
        store = SqliteStore.open(tmp_path / "ringback.db")
        with pytest.raises(StoreLocked, match=f"process {os.getpid()}"):
            SqliteStore.open(tmp_path / "ringback.db")
        accept_one(store)
        store.close()

    def test_it_can_be_opened_again_after_a_start_that_failed(self, tmp_path: Path) -> None:
        path = tmp_path / "ringback.db"
        path.write_bytes(b"no database" * 1_000)
        with pytest.raises(StoreCorrupt):
            SqliteStore.open(path)
        path.unlink()
        SqliteStore.open(path).close()

    def test_a_program_that_keeps_the_database_locked_is_named_as_such(self, tmp_path: Path) -> None:
        path = tmp_path / "ringback.db"
        other = apsw.Connection(str(path))
        other.execute("PRAGMA locking_mode = exclusive; CREATE TABLE t (a); BEGIN EXCLUSIVE").fetchall()
        with pytest.raises(StoreLocked, match="Another program"):
            SqliteStore.open(path)
        other.close()


class TestDamage:
    def test_what_is_no_database_is_refused_and_kept(self, tmp_path: Path) -> None:
        path = tmp_path / "ringback.db"
        path.write_bytes(b"Dear diary, " * 1_000)
        with pytest.raises(StoreCorrupt) as told:
            SqliteStore.open(path)
        assert str(path) in told.value.detail
        assert "backup" in told.value.detail
        assert (told.value.code, told.value.exit_code) == ("store_corrupt", 6)
        assert path.read_bytes() == b"Dear diary, " * 1_000

    def test_a_file_that_was_cut_short_is_refused_and_kept(self, tmp_path: Path) -> None:
        path = tmp_path / "ringback.db"
        SqliteStore.open(path).close()
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(StoreCorrupt):
            SqliteStore.open(path)
        assert path.read_bytes() == whole[: len(whole) // 2]

    def test_a_schema_that_was_overwritten_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "ringback.db"
        SqliteStore.open(path).close()
        whole = bytearray(path.read_bytes())
        whole[100:4096] = b"\xff" * 3996
        path.write_bytes(whole)
        with pytest.raises(StoreCorrupt):
            SqliteStore.open(path)

    def test_another_programs_database_is_refused_and_kept(self, tmp_path: Path) -> None:
        path = tmp_path / "ringback.db"
        other = apsw.Connection(str(path))
        other.execute("CREATE TABLE customer (id INTEGER)")
        other.close()
        before = path.read_bytes()
        with pytest.raises(StoreCorrupt, match="another program's database"):
            SqliteStore.open(path)
        assert path.read_bytes() == before

    def test_a_file_of_no_bytes_is_an_empty_database(self, tmp_path: Path) -> None:
        path = tmp_path / "ringback.db"
        path.touch()
        store = SqliteStore.open(path)
        accept_one(store)
        store.close()


class TestPlace:
    def test_a_directory_that_is_not_there_is_made(self, tmp_path: Path) -> None:
        path = tmp_path / "data" / "deep" / "ringback.db"
        SqliteStore.open(path).close()
        assert path.is_file()

    def test_the_files_are_private(self, tmp_path: Path) -> None:
        store = SqliteStore.open(tmp_path / "ringback.db")
        accept_one(store)
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
        store.close()
        assert modes == dict.fromkeys(("ringback.db", "ringback.db-wal", "ringback.db-shm", "ringback.db.lock"), 0o600)

    @pytest.mark.parametrize("place", ["file/ringback.db", "folder"])
    def test_a_place_where_no_file_can_be_is_refused(self, tmp_path: Path, place: str) -> None:
        (tmp_path / "file").write_text("x")
        (tmp_path / "folder").mkdir()
        with pytest.raises(DataDirectoryUnusable) as told:
            SqliteStore.open(tmp_path / place)
        assert str(tmp_path / place) in told.value.detail
        assert (told.value.code, told.value.exit_code) == ("data_directory_unusable", 4)

    @pytest.mark.parametrize("what", ["directory", "database"])
    def test_what_may_not_be_written_is_refused_and_kept(self, what: str) -> None:
        # Not in tmp_path: another user must get there.
        with tempfile.TemporaryDirectory() as place:
            Path(place).chmod(0o755)
            data = Path(place) / "data"
            path = data / "ringback.db"
            SqliteStore.open(path).close()
            before = path.read_bytes()
            if what == "directory":
                (data / "ringback.db.lock").unlink()
                data.chmod(0o555)
            else:
                (data / "ringback.db.lock").chmod(0o666)
                path.chmod(0o444)
                data.chmod(0o777)
            told = python(OPEN_UNPRIVILEGED, path)
            out, _ = told.communicate(timeout=30)
            assert out.startswith(f"data_directory_unusable 4 {path} can't be used")
            assert path.read_bytes() == before


class TestClose:
    def test_nothing_is_left_but_the_database_and_its_lock_file(self, tmp_path: Path) -> None:
        store = SqliteStore.open(tmp_path / "ringback.db")
        accept_one(store)
        store.close()
        assert sorted(file.name for file in tmp_path.iterdir()) == ["ringback.db", "ringback.db.lock"]

    def test_closing_twice_is_closing_once(self, tmp_path: Path) -> None:
        store = SqliteStore.open(tmp_path / "ringback.db")
        store.close()
        store.close()

    def test_what_was_there_is_there_again(self, tmp_path: Path) -> None:
        store = SqliteStore.open(tmp_path / "ringback.db")
        accept_one(store)
        store.close()
        store = SqliteStore.open(tmp_path / "ringback.db")
        assert store.get_event(TENANT, "evt_1") == event()
        assert store.get_event(TENANT, "evt_1").accepted_at == NOW  # type: ignore[union-attr]
        store.close()
