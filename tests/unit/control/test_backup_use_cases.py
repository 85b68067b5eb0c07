"""Making a backup: one at a time, gone when it is read, and never at the cost of the room that events need."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ringback.control import backup
from ringback.control.backup import BackupProgress, BackupUseCases
from ringback.model.errors import Conflict, Unavailable
from support.process import wait_until


class Source:
    """A store whose copy is made in two steps; `hold` keeps it between them."""

    def __init__(self) -> None:
        self.hold = threading.Event()
        self.hold.set()

    def copy_to(self, path: Path, between: Callable[[int, int], None]) -> None:
        assert path.stat().st_mode & 0o777 == 0o600
        between(5, 10)
        self.hold.wait(10)
        path.write_bytes(b"0123456789")
        between(10, 10)


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def audited() -> list[tuple[str, dict[str, str]]]:
    return []


@pytest.fixture
def use_cases(source: Source, audited: list[tuple[str, dict[str, str]]], tmp_path: Path) -> BackupUseCases:
    (tmp_path / "backup.part").write_bytes(b"of a process that died")
    return BackupUseCases(source, tmp_path, lambda seconds: None, lambda *line: audited.append(line))


def test_a_copy_can_be_read_and_has_no_name(
    use_cases: BackupUseCases, tmp_path: Path, audited: list[tuple[str, dict[str, str]]]
) -> None:
    copy = use_cases.make("key_1")
    assert list(tmp_path.iterdir()) == []
    assert (copy.size, copy.file.read()) == (10, b"0123456789")
    copy.file.close()
    assert audited == [("backup_made", {"actor": "key_1"})]


def test_what_a_crash_left_is_gone_when_the_process_starts(use_cases: BackupUseCases, tmp_path: Path) -> None:
    assert use_cases.progress() == BackupProgress(False, 0, 0)
    assert list(tmp_path.iterdir()) == []


def test_one_at_a_time_and_how_far_it_is(use_cases: BackupUseCases, source: Source) -> None:
    source.hold.clear()
    made: list[int] = []

    def make() -> None:
        copy = use_cases.make("key_1")
        made.append(copy.size)
        copy.file.close()

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    wait_until(lambda: use_cases.progress() == BackupProgress(True, 5, 10), 10, "it is half way")
    with pytest.raises(Conflict) as told:
        use_cases.make("key_2")
    assert told.value.code == "backup_running"
    source.hold.set()
    thread.join(10)
    assert made == [10]
    use_cases.make("key_2").file.close()


def test_where_the_store_has_backups_of_its_own_that_is_said(tmp_path: Path) -> None:
    use_cases = BackupUseCases(None, tmp_path / "nowhere", lambda seconds: None, lambda *line: None)
    assert use_cases.progress() == BackupProgress(False, 0, 0)
    with pytest.raises(Conflict, match="PostgreSQL's own tools") as told:
        use_cases.make("key_1")
    assert told.value.code == "backup_elsewhere"


def test_events_keep_their_room(use_cases: BackupUseCases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    full = usage._replace(free=backup.ROOM_KEPT_BYTES + 4)
    monkeypatch.setattr(backup.shutil, "disk_usage", lambda path: full)
    with pytest.raises(Unavailable) as told:
        use_cases.make("key_1")
    assert told.value.code == "backup_no_room"
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    use_cases.make("key_1").file.close()
