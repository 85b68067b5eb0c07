"""A process that is killed with SIGKILL while it commits: what it said was stored is there."""

import subprocess
import sys
from pathlib import Path

from conformance.backend import fetch
from ringback.store.port import EventQuery
from ringback.store.sqlite import SqliteStore
from support.rows import NOW, TENANT

COMMIT_FOR_EVER = """
import sys
from pathlib import Path
from conformance.backend import accept_many, settle
from ringback.store.sqlite import SqliteStore
from support.rows import attempt

store = SqliteStore.open(Path(sys.argv[1]))
store.register(sys.argv[2], 1)
for batch in range(10**9):
    prefix = f"{sys.argv[2]}_{batch:06d}"
    first, second, third = accept_many(store, 3, prefix=prefix)
    settle(store, first, attempt(int(sys.argv[3]) * 10**9 + batch, 1, f"{prefix}_00001"))
    print(prefix, first, second, third, flush=True)
"""
BATCHES_BEFORE_THE_KILL = 25


def test_what_was_committed_before_a_kill_is_there(tmp_path: Path) -> None:
    path = tmp_path / "ringback.db"
    told: list[list[str]] = []
    for life in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", COMMIT_FOR_EVER, str(path), f"life{life}", str(life)],
            stdout=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": ":".join(sys.path)},
        ) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(BATCHES_BEFORE_THE_KILL)]
            process.kill()
            # What was printed before the kill took effect counts too; a last line may be cut off.
            lines += [line for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        told += [line.split() for line in lines]

    assert len(told) >= 3 * BATCHES_BEFORE_THE_KILL
    store = SqliteStore.open(path)
    try:
        stored = {found.event.id for found in store.list_events(EventQuery(TENANT, limit=10**6))}
        queued = {row.delivery.seq for row in fetch(store, NOW, limit=10**6).rows}
        for prefix, first, second, third in told:
            assert {f"{prefix}_0000{place}" for place in (1, 2, 3)} <= stored
            assert {int(second), int(third)} <= queued
            assert int(first) not in queued
            (progress,) = store.progress(TENANT, f"{prefix}_00001")
            assert progress.last_outcome == "succeeded"
        # All or nothing: events come in threes, and nothing is queued twice or without its event.
        assert len(stored) % 3 == 0
        assert store._read("PRAGMA integrity_check") == [("ok",)]
        # The dead processes are known to be dead.
        store.register("alive", NOW)
        assert [node.id for node in store.nodes()] == ["alive"]
    finally:
        store.close()
