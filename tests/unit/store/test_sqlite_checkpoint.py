"""The WAL stays small although somebody reads at every moment, and a read that lasts stops nobody."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import apsw
import pytest

from conformance.backend import accept_many, fetch
from ringback.store.sqlite import SqliteStore
from ringback.store.sqlite.checkpoint import Checkpoints

PAGE_BYTES = 4_096
WAL_PAGES_MAX = 500
EVERY_PAGES = 100
COMMIT_PAGES = 150  # less than this a commit below writes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ringback.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(path)
    opened._writer._connection.pragma("synchronous", "off")
    Checkpoints(opened._writer._connection, 5_000, WAL_PAGES_MAX, EVERY_PAGES)
    yield opened
    opened.close()


def wal_pages(path: Path) -> int:
    return path.with_name(f"{path.name}-wal").stat().st_size // PAGE_BYTES


def accept(store: SqliteStore, batch: int) -> None:
    accept_many(store, 100, prefix=f"evt_{batch}", data=b"x" * 900)


def test_it_stays_small_while_reads_overlap_at_every_moment(store: SqliteStore, path: Path) -> None:
    enough = threading.Event()

    def read() -> None:
        while not enough.is_set():
            fetch(store, limit=100)

    with ExitStack() as readers:
        for _ in range(3):
            reader = threading.Thread(target=read)
            reader.start()
            readers.callback(reader.join)
        readers.callback(enough.set)
        largest = 0
        for batch in range(100):
            accept(store, batch)
            largest = max(largest, wal_pages(path))
    assert path.stat().st_size // PAGE_BYTES > 4 * WAL_PAGES_MAX
    assert largest < 2 * WAL_PAGES_MAX + COMMIT_PAGES


def test_a_read_that_lasts_holds_up_nobody_and_the_wal_is_begun_anew_after_it(store: SqliteStore, path: Path) -> None:
    accept(store, 0)
    with store._readers.snapshot() as connection:
        connection.execute("SELECT count(*) FROM event").fetchall()
        for batch in range(1, 12):
            accept(store, batch)
        grown = wal_pages(path)
        assert grown > WAL_PAGES_MAX
    # Nobody reads any more: a few commits later the file is written from its beginning, and grows no more.
    for batch in range(12, 24):
        accept(store, batch)
    assert wal_pages(path) <= grown + EVERY_PAGES + COMMIT_PAGES


def test_a_checkpoint_that_fails_fails_no_commit(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def broken(checkpoints: Checkpoints, connection: apsw.Connection, database: str) -> None:
        tried.append(database)
        raise apsw.IOError("the disk failed")

    monkeypatch.setattr(Checkpoints, "_wait_for_reads", broken)
    with store._readers.snapshot() as connection:
        connection.execute("SELECT count(*) FROM event").fetchall()
        for batch in range(12):
            accept(store, batch)
    assert tried
    assert len(fetch(store, limit=2_000).rows) == 1_200
