"""The admin key of a start: a file's for one process, and for a store that is shared a key that holds everywhere."""

from pathlib import Path

import pytest

from ringback.control.keys import hash_of_key
from ringback.model.errors import DataDirectoryUnusable
from ringback.model.tenant import Scope
from ringback.operator_key import OperatorKey, key_of_file, key_of_store
from ringback.store.memory import MemoryStore
from ringback.testing.clock import ManualClock
from support.rows import api_key


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "admin.key"


def test_a_file_is_made_once_and_read_then(path: Path) -> None:
    made = key_of_file(path, ManualClock(0))
    assert made.holds == made.made
    assert made.key_id is None
    assert path.stat().st_mode & 0o777 == 0o600
    assert key_of_file(path, ManualClock(0)) == OperatorKey(made.holds)


def test_the_first_start_on_a_shared_store_makes_a_key_there_and_keeps_its_text(path: Path) -> None:
    store = MemoryStore()
    made = key_of_store(path, store, ManualClock(0))
    assert made.holds is None, "it holds because it is in the database, and no longer"
    assert made.made is not None
    assert path.read_text() == made.made + "\n"
    assert path.stat().st_mode & 0o777 == 0o600
    found = store.find_key(hash_of_key(made.made))
    assert found is not None
    assert (found.id, found.scope, found.tenant_id) == (made.key_id, Scope.ADMIN, None)


def test_where_the_shared_store_has_an_admin_key_none_is_made_and_no_file_counts(path: Path) -> None:
    store = MemoryStore()
    store.create_key(api_key("key_1", None, scope=Scope.ADMIN))
    path.parent.mkdir()
    path.write_text("k" * 20)
    assert key_of_store(path, store, ManualClock(0)) == OperatorKey(None)
    assert store.count_keys(Scope.ADMIN) == 1


def test_a_text_that_a_crash_left_holds_after_the_next_start(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("k" * 20 + "\n")
    store = MemoryStore()
    made = key_of_store(path, store, ManualClock(0))
    assert made.made == "k" * 20
    assert store.find_key(hash_of_key("k" * 20)) is not None


def test_where_its_text_can_not_be_kept_none_is_made(path: Path) -> None:
    path.parent.write_text("no directory")
    store = MemoryStore()
    with pytest.raises(DataDirectoryUnusable):
        key_of_store(path, store, ManualClock(0))
    assert store.count_keys(Scope.ADMIN) == 0
