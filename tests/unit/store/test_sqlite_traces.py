"""What was redacted can't be found in the store's files any more, wherever it stood."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.backend import accept, settle
from ringback.store.port import Cutoff
from ringback.store.sqlite import SqliteStore
from support.rows import NOW, TENANT, attempt, event

MARKER = b"MARKER-of-the-one-who-asked"
LATER = NOW + 1_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ringback.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(path)
    opened.clear_traces()
    yield opened
    opened.close()


def traces(path: Path) -> dict[str, int]:
    """How often the marker is in each file of the store."""
    return {file.name: count for file in path.parent.iterdir() if (count := file.read_bytes().count(MARKER))}


def fill(store: SqliteStore, size: int) -> None:
    """The marker in data, previous data, a stored request and a response, among others' events."""
    padding = b"x" * size
    for place in range(20):
        mark = MARKER if place == 10 else b"somebody else"
        one = event(f"evt_{place}", data=b'"' + mark + padding + b'"', previous=b'"' + mark + b'"')
        (seq,) = accept(store, one, "ep_a")
        settle(store, seq, attempt(place, 1, one.id, request_body=padding + mark, response_body=mark + padding))


def redact(store: SqliteStore) -> None:
    while store.redact_step(TENANT, ["evt_10"], LATER, 2):
        pass


@pytest.mark.parametrize("size", [10, 900, 3_000, 60_000])
@pytest.mark.parametrize("checkpointed", [False, True])
def test_it_is_gone_from_the_file_and_its_wal(store: SqliteStore, path: Path, size: int, checkpointed: bool) -> None:
    fill(store, size)
    if checkpointed:
        store._writer._connection.wal_checkpoint()
    assert traces(path)
    redact(store)
    assert store.clear_traces() is True
    assert traces(path) == {}
    shown = store.get_event(TENANT, "evt_9")
    assert shown is not None
    assert b"somebody else" in shown.data


def test_rows_that_moved_from_page_to_page_left_no_copies_behind(store: SqliteStore, path: Path) -> None:
    """Retention takes rows away and SQLite joins the pages that are left; then what moved is redacted."""
    for place in range(40):
        mark = MARKER if place >= 13 else b"somebody else"
        padding = b"x" * (0, 50, 300, 900, 3_000, 9_000)[place % 6]
        one = event(f"evt_{place}", data=b'"' + mark + padding + b'"', accepted_at=NOW - (place < 13))
        (seq,) = accept(store, one, "ep_a")
        settle(store, seq, attempt(place, 1, one.id, request_body=padding + mark, response_body=mark))
        if place % 10 == 9:
            store._writer._connection.wal_checkpoint()
    while store.expire_events_step(Cutoff(TENANT, NOW, NOW, "2000-01-01"), NOW, 0, 7).changed:
        pass
    assert traces(path)
    while store.redact_step(TENANT, [f"evt_{place}" for place in range(40)], LATER, 3):
        pass
    assert store.clear_traces() is True
    assert traces(path) == {}


def test_while_somebody_reads_it_is_tried_again_later(store: SqliteStore, path: Path) -> None:
    fill(store, 900)
    with store._readers.snapshot() as connection:
        connection.execute("SELECT count(*) FROM event").fetchall()
        redact(store)
        assert store.clear_traces() is False
    assert store.clear_traces() is True
    assert traces(path) == {}


def test_a_start_clears_what_a_killed_process_could_not(store: SqliteStore, path: Path) -> None:
    fill(store, 900)
    redact(store)
    # As after a kill: the files as they are, with the WAL that nobody emptied.
    copy = path.parent / "copy" / "ringback.db"
    copy.parent.mkdir()
    for suffix in ("", "-wal"):
        Path(f"{copy}{suffix}").write_bytes(Path(f"{path}{suffix}").read_bytes())
    assert traces(copy)
    opened = SqliteStore.open(copy)
    try:
        assert opened.clear_traces() is True
        assert traces(copy) == {}
    finally:
        opened.close()
