"""The file gives back what retention freed, a few pages at a time, while events come in."""

import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from conformance.backend import accept_many
from ringback.store.port import Cutoff, EventQuery
from ringback.store.sqlite import SqliteStore
from ringback.store.sqlite import retention as sqlite_retention
from ringback.store.sqlite.retention import SHRINK_PAGES
from support.rows import NOW, TENANT

CUTOFF = Cutoff(TENANT, NOW, NOW, "2027-01-15")
KEPT_BYTES = 256 * 1024


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ringback.db"


@pytest.fixture
def store(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteStore]:
    monkeypatch.setattr(sqlite_retention, "KEPT_FREE_BYTES_MIN", KEPT_BYTES)
    opened = SqliteStore.open(path)
    opened._writer._connection.pragma("synchronous", "off")
    yield opened
    opened.close()


def fill(store: SqliteStore, batches: int) -> None:
    for batch in range(batches):
        accept_many(store, 250, prefix=f"old_{batch}", data=b"x" * 2_000, accepted_at=NOW - 1)


def expire(store: SqliteStore) -> None:
    while store.expire_events_step(CUTOFF, NOW, 0, 250).changed:
        pass


def size(store: SqliteStore, path: Path) -> int:
    store._writer._connection.wal_checkpoint()
    return path.stat().st_size


def test_the_file_is_smaller_afterwards_although_events_come_in_all_the_time(store: SqliteStore, path: Path) -> None:
    fill(store, 24)
    full = size(store, path)
    each = full / (24 * 250)
    enough = threading.Event()
    accepted: list[int] = []

    def ingest() -> None:
        while not enough.is_set():
            accepted.extend(accept_many(store, 5, prefix=f"new_{len(accepted)}", data=b"y" * 2_000))

    thread = threading.Thread(target=ingest)
    thread.start()
    try:
        expire(store)
        steps = list(iter(store.shrink_step, 0))
    finally:
        enough.set()
        thread.join()
    assert steps
    assert max(steps) <= SHRINK_PAGES
    assert size(store, path) < full / 2 + each * len(accepted)
    events = store.list_events(EventQuery(TENANT, limit=100_000))
    assert len(events) == len(accepted) > 0
    with apsw.Connection(str(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_some_free_space_is_kept_for_what_comes(store: SqliteStore, path: Path) -> None:
    fill(store, 4)
    expire(store)
    while store.shrink_step():
        pass
    with apsw.Connection(str(path)) as connection:
        ((free,),) = connection.execute("PRAGMA freelist_count")
    assert free == KEPT_BYTES // 4_096


def test_a_file_with_little_free_space_is_left_alone(store: SqliteStore, path: Path) -> None:
    accept_many(store, 50, data=b"x" * 2_000, accepted_at=NOW - 1)
    expire(store)
    assert store.shrink_step() == 0
