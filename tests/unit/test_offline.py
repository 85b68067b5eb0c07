"""A store that no server has open: copied, restored, brought up to date; and what is refused, with nothing changed."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import apsw
import pytest

from ringback import offline
from ringback.clock import SystemClock
from ringback.model.endpoint import Auth, AuthType
from ringback.model.errors import (
    BadSetting,
    DataDirectoryUnusable,
    MasterKeyMissing,
    StoreCorrupt,
    StoreExists,
    StoreLocked,
    StoreNewer,
)
from ringback.model.master_key import written
from ringback.settings import Settings
from ringback.store.sqlite import SqliteStore
from ringback.store.sqlite import offline as sqlite_offline
from ringback.vault.key_file import KeyFile
from ringback.vault.ring import open_ring
from support.old_store import IN_CLEAR, PASSWORD, SECRET, TENANTS_SECRET, make_old_store
from support.rows import TENANT, endpoint, secret
from support.sealing import NEW_KEY, OLD_KEY, found_in


def quiet(done: int, total: int = 0) -> None:
    """No bar."""


def open_as_server(settings: Settings) -> SqliteStore:
    """The store as a server with these settings opens it."""

    def sealer_for(needed: Sequence[str]) -> object:
        return open_ring(settings.master_key, settings.data, needed, SystemClock().token_bytes).vault

    return SqliteStore.open(settings.store_path, sealer_for=sealer_for)  # type: ignore[arg-type]


def filled(folder: Path) -> Settings:
    """A store with one endpoint and its secret, closed."""
    settings = Settings(data=folder)
    folder.mkdir()
    store = open_as_server(settings)
    assert store.create_endpoint(endpoint(), secret(value="whsec_of-a"), 10)
    store.close()
    return settings


def secret_in(settings: Settings) -> str:
    store = open_as_server(settings)
    (found,) = store.list_secrets(TENANT, "ep_a")
    store.close()
    return found.value


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith(".lock")}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return filled(tmp_path / "data")


@pytest.fixture
def copy(settings: Settings, tmp_path: Path) -> Path:
    to = tmp_path / "backup.db"
    offline.back_up(settings, to, quiet)
    return to


@pytest.fixture
def elsewhere(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "elsewhere")


@pytest.fixture
def running(settings: Settings) -> Iterator[None]:
    store = open_as_server(settings)
    yield
    store.close()


class TestBackup:
    def test_a_copy_is_whole_private_and_says_what_opens_it(self, settings: Settings, tmp_path: Path) -> None:
        to = tmp_path / "backup.db"
        seen: list[tuple[int, int]] = []
        facts = offline.back_up(settings, to, lambda done, total: seen.append((done, total)))
        (key,) = KeyFile(settings.data / "master.key").read()
        assert facts.sealed_with == [key.id]
        assert (facts.missing, facts.size, to.stat().st_mode & 0o777) == ([], to.stat().st_size, 0o600)
        assert seen[-1] == (facts.size, facts.size)
        assert found_in(tmp_path, ["whsec_of-a", written([key]).strip()]) == [("master.key", written([key]).strip())]
        assert sorted(path.name for path in tmp_path.iterdir()) == ["backup.db", "data"]

    @pytest.mark.usefixtures("running")
    def test_a_running_server_is_left_alone(self, settings: Settings, tmp_path: Path) -> None:
        with pytest.raises(StoreLocked, match="--url"):
            offline.back_up(settings, tmp_path / "backup.db", quiet)
        assert not (tmp_path / "backup.db").exists()

    def test_a_directory_without_a_store_is_told(self, elsewhere: Settings, tmp_path: Path) -> None:
        with pytest.raises(DataDirectoryUnusable, match="no database"):
            offline.back_up(elsewhere, tmp_path / "backup.db", quiet)
        assert list(tmp_path.iterdir()) == []

    def test_an_older_store_can_be_copied_before_it_is_migrated(self, elsewhere: Settings, tmp_path: Path) -> None:
        elsewhere.data.mkdir()
        make_old_store(elsewhere.store_path)
        facts = offline.back_up(elsewhere, tmp_path / "backup.db", quiet)
        assert (facts.schema, facts.sealed_with, facts.pending) == (1, [], 3)
        assert [name[:4] for name in facts.missing] == ["0002", "0003", "0004", "0005", "0006", "0007"]


class TestRestore:
    def test_what_was_copied_is_there_again(self, settings: Settings, copy: Path, elsewhere: Settings) -> None:
        keys = settings.data / "master.key"
        restored = offline.restore(copy, elsewhere, keys, replace=False, on_progress=quiet)
        assert restored.store == elsewhere.store_path
        assert restored.key_file == elsewhere.data / "master.key"
        assert secret_in(elsewhere) == "whsec_of-a"
        assert elsewhere.store_path.stat().st_mode & 0o777 == 0o600
        assert elsewhere.data.stat().st_mode & 0o777 == 0o700

    def test_without_its_key_nothing_is_put_there(self, copy: Path, elsewhere: Settings, tmp_path: Path) -> None:
        with pytest.raises(MasterKeyMissing, match="--master-key-file"):
            offline.restore(copy, elsewhere, None, replace=False, on_progress=quiet)
        wrong = KeyFile(tmp_path / "wrong.key")
        wrong.write([OLD_KEY])
        with pytest.raises(MasterKeyMissing, match=r"wrong\.key"):
            offline.restore(copy, elsewhere, wrong.path, replace=False, on_progress=quiet)
        assert not elsewhere.data.exists()
        elsewhere.data.mkdir()
        with pytest.raises(MasterKeyMissing):
            offline.restore(copy, elsewhere, None, replace=False, on_progress=quiet)
        assert list(elsewhere.data.iterdir()) == []

    def test_the_variable_can_have_the_key(self, settings: Settings, copy: Path, tmp_path: Path) -> None:
        key = (settings.data / "master.key").read_text()
        there = Settings(data=tmp_path / "elsewhere", master_key=f"{written([NEW_KEY])}{key}")
        restored = offline.restore(copy, there, None, replace=False, on_progress=quiet)
        assert restored.key_file is None
        assert secret_in(there) == "whsec_of-a"
        with pytest.raises(BadSetting, match="RINGBACK_MASTER_KEY"):
            offline.restore(copy, there, settings.data / "master.key", replace=True, on_progress=quiet)

    def test_a_store_that_is_there_is_replaced_only_when_told_and_its_keys_are_kept(
        self, settings: Settings, copy: Path, tmp_path: Path
    ) -> None:
        other = filled(tmp_path / "other")
        (kept,) = KeyFile(other.data / "master.key").read()
        before = contents(other.data)
        with pytest.raises(StoreExists, match="--replace"):
            offline.restore(copy, other, settings.data / "master.key", replace=False, on_progress=quiet)
        with pytest.raises(MasterKeyMissing):
            offline.restore(copy, other, None, replace=True, on_progress=quiet)
        assert contents(other.data) == before
        offline.restore(copy, other, settings.data / "master.key", replace=True, on_progress=quiet)
        (given,) = KeyFile(settings.data / "master.key").read()
        assert KeyFile(other.data / "master.key").read() == (given, kept)
        assert secret_in(other) == "whsec_of-a"

    def test_the_log_of_the_old_database_is_not_played_into_the_new_one(self, settings: Settings, copy: Path) -> None:
        store = open_as_server(settings)
        assert store.create_endpoint(endpoint("ep_late"), None, 10)
        crashed = {name: settings.store_path.with_name(f"ringback.db{name}").read_bytes() for name in ("", "-wal")}
        store.close()
        for name, content in crashed.items():  # as a crash leaves it
            settings.store_path.with_name(f"ringback.db{name}").write_bytes(content)
        offline.restore(copy, settings, None, replace=True, on_progress=quiet)
        again = open_as_server(settings)
        assert [one.id for one in again.list_endpoints(TENANT, None, 10)] == ["ep_a"]
        again.close()

    def test_a_running_server_is_left_alone(self, copy: Path, settings: Settings) -> None:
        store = open_as_server(settings)
        with pytest.raises(StoreLocked):
            offline.restore(copy, settings, None, replace=True, on_progress=quiet)
        store.close()

    def test_what_is_no_copy_or_damaged_or_newer_is_refused(self, copy: Path, elsewhere: Settings) -> None:
        damaged = bytearray(copy.read_bytes())
        damaged[20_000:24_000] = b"\xff" * 4_000
        newer = apsw.Connection(str(copy))
        newer.execute("INSERT INTO schema_version VALUES (9999, 'tomorrow')")
        newer.close()
        with pytest.raises(StoreNewer):
            offline.restore(copy, elsewhere, None, replace=False, on_progress=quiet)
        for content in (bytes(damaged), b"not a database" * 1_000, b""):
            copy.write_bytes(content)
            with pytest.raises(StoreCorrupt):
                offline.restore(copy, elsewhere, None, replace=False, on_progress=quiet)
        assert not elsewhere.data.exists()

    def test_an_older_copy_is_restored_and_can_be_migrated(self, elsewhere: Settings, tmp_path: Path) -> None:
        make_old_store(tmp_path / "old.db")
        restored = offline.restore(tmp_path / "old.db", elsewhere, None, replace=False, on_progress=quiet)
        assert (restored.facts.schema, restored.facts.pending, restored.key_file) == (1, 3, None)
        assert restored.facts.missing


class TestMigrate:
    @pytest.fixture
    def old(self, elsewhere: Settings) -> Settings:
        elsewhere.data.mkdir()
        make_old_store(elsewhere.store_path)
        return elsewhere

    def test_an_old_store_is_brought_up_to_date_and_nothing_of_it_stays_in_clear(self, old: Settings) -> None:
        assert {text for _, text in found_in(old.data, IN_CLEAR)} == set(IN_CLEAR)
        plan = offline.plan_migration(old)
        assert (plan.facts.schema, plan.facts.gives_space_back) == (1, False)
        assert plan.facts.missing[0].startswith("0002 ")
        told: list[int] = []
        assert offline.migrate(old, plan, told.append) == (3, True)
        assert told == [3]
        assert found_in(old.data, IN_CLEAR) == []
        assert sorted(contents(old.data)) == ["master.key", "ringback.db"]
        assert old.store_path.stat().st_mode & 0o777 == 0o600
        again = offline.plan_migration(old)
        assert (again.facts.missing, again.facts.gives_space_back, again.facts.pending) == ([], True, 3)

        store = open_as_server(old)
        (found,) = store.list_endpoints("old", None, 10)
        assert found.auth == Auth(AuthType.BASIC, username="ada", password=PASSWORD)
        assert [one.value for one in store.load_secrets(["old"], ["ep_old"])] == [TENANTS_SECRET, SECRET]
        assert store.count_to_reseal() == 0
        store.close()

    def test_a_current_store_is_left_to_the_byte(self, settings: Settings) -> None:
        before = contents(settings.data)
        plan = offline.plan_migration(settings)
        assert plan.facts.missing == []
        assert offline.migrate(settings, plan, quiet) == (0, None)
        assert contents(settings.data) == before

    def test_without_room_the_rest_is_done_and_it_is_told(self, old: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        usage = shutil.disk_usage(old.data)
        monkeypatch.setattr(sqlite_offline.shutil, "disk_usage", lambda path: usage._replace(free=10))
        plan = offline.plan_migration(old)
        assert plan.free_bytes == 10 < plan.needed_bytes
        assert offline.migrate(old, plan, quiet) == (3, False)
        monkeypatch.undo()
        assert offline.migrate(old, offline.plan_migration(old), quiet) == (0, True)

    @pytest.mark.usefixtures("running")
    def test_a_running_server_is_left_alone(self, settings: Settings) -> None:
        with pytest.raises(StoreLocked):
            offline.plan_migration(settings)

    def test_a_place_without_a_store_is_told_and_gets_none(self, elsewhere: Settings, tmp_path: Path) -> None:
        with pytest.raises(DataDirectoryUnusable, match="no database"):
            offline.plan_migration(elsewhere)
        assert list(tmp_path.iterdir()) == []

    def test_a_newer_store_is_refused(self, settings: Settings) -> None:
        connection = apsw.Connection(str(settings.store_path))
        connection.execute("INSERT INTO schema_version VALUES (9999, 'tomorrow')")
        connection.close()
        with pytest.raises(StoreNewer):
            offline.plan_migration(settings)

    def test_without_the_key_that_it_needs_nothing_is_changed(self, settings: Settings) -> None:
        (settings.data / "master.key").unlink()
        before = contents(settings.data)
        with pytest.raises(MasterKeyMissing):
            offline.migrate(settings, offline.plan_migration(settings), quiet)
        assert contents(settings.data) == before
