"""Who may use which connection when: one writer, a few readers, a few steps for many rows."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import apsw
import pytest

from conformance.backend import accept_many
from ringback.store.port import StoreUnavailable
from ringback.store.sqlite import SqliteStore
from ringback.store.sqlite.connection import READERS_MAX, ManyRows
from support.process import wait_until
from support.rows import TENANT, event

DEADLINE_S = 30.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path / "ringback.db")
    yield opened
    opened.close()


def steps_of(connection: apsw.Connection) -> list[str]:
    """From now on, each statement that is run."""
    statements: list[str] = []
    connection.trace_v2(apsw.SQLITE_TRACE_STMT, lambda told: statements.append(told["sql"]))
    return statements


class TestManyRows:
    @pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 64, 127, 128, 129, 1_000])
    def test_every_row_goes_in_once_and_in_order(self, count: int) -> None:
        connection = apsw.Connection(":memory:")
        connection.execute("CREATE TABLE t (n INTEGER PRIMARY KEY AUTOINCREMENT, a, b)")
        ManyRows("INSERT INTO t (a, b) VALUES (?, ?)").run(connection, [(place, str(place)) for place in range(count)])
        rows = connection.execute("SELECT a, b FROM t ORDER BY n").fetchall()
        assert rows == [(place, str(place)) for place in range(count)]

    @pytest.mark.parametrize(
        ("count", "statements"), [(1, 1), (15, 1), (63, 2), (64, 1), (127, 2), (128, 1), (1_000, 7 + 1 + 1)]
    )
    def test_many_rows_are_few_statements(self, count: int, statements: int) -> None:
        connection = apsw.Connection(":memory:")
        connection.execute("CREATE TABLE t (a)")
        seen = steps_of(connection)
        ManyRows("INSERT INTO t (a) VALUES (?)").run(connection, [(place,) for place in range(count)])
        assert len(seen) == statements

    def test_answers_come_from_every_chunk(self) -> None:
        connection = apsw.Connection(":memory:")
        query = ManyRows("WITH asked (n) AS (VALUES (?)) SELECT n * 2 FROM asked")
        assert query.run(connection, [(place,) for place in range(200)]) == [(place * 2,) for place in range(200)]


class TestWriter:
    def test_a_write_inside_a_write_is_a_mistake_that_harms_nothing(self, store: SqliteStore) -> None:
        with store.intake() as transaction:
            transaction.insert([event()], [])
            with pytest.raises(RuntimeError, match="inside a write"):
                store.check()
            transaction.commit()
        assert store.get_event(TENANT, "evt_1") == event()

    def test_other_threads_wait_for_their_turn(self, store: SqliteStore) -> None:
        with ThreadPoolExecutor(1) as threads:
            with store.intake() as transaction:
                checked = threads.submit(store.check)
                transaction.insert([event()], [])
                assert not checked.done()
                transaction.commit()
            checked.result(DEADLINE_S)

    def test_a_transaction_whose_commit_failed_lets_the_next_one_in(self, store: SqliteStore) -> None:
        with store.intake() as transaction:
            transaction.insert([event()], [])
            store._writer._connection.set_commit_hook(lambda: True)
            with pytest.raises(Exception, match="refuses a row"):
                transaction.commit()
        store._writer._connection.set_commit_hook(None)
        assert store.get_event(TENANT, "evt_1") is None
        accept_many(store, 1)

    def test_nothing_stays_open_when_a_block_is_left(self, store: SqliteStore) -> None:
        with store.intake() as transaction:
            transaction.insert([event()], [])
        assert not store._writer._connection.in_transaction

    def test_what_a_failed_rollback_left_open_is_undone_by_the_next_write(self, store: SqliteStore) -> None:
        store._writer._connection.execute("BEGIN; DELETE FROM commit_check")
        store.check()
        assert store._read("SELECT count FROM commit_check") == [(1,)]

    def test_every_commit_is_synced(self, store: SqliteStore) -> None:
        assert store._writer._connection.pragma("synchronous") == 2
        assert store._writer._connection.pragma("journal_mode") == "wal"


class Callers:
    """Callers who write at the same time: each runs in a thread of its own and waits for its turn behind the first."""

    def __init__(self, store: SqliteStore, threads: ThreadPoolExecutor) -> None:
        self._store = store
        self._threads = threads

    def join(self, write: Callable[[apsw.Connection], None]) -> Future[None]:
        """Start a caller and wait until it stands in line."""
        writer = self._store._writer
        before = writer._waiting

        def call() -> None:
            with writer.transaction() as connection:
                write(connection)

        future = self._threads.submit(call)
        wait_until(lambda: writer._waiting > before, DEADLINE_S, "the caller stands in line")
        return future


class TestSharedCommits:
    @pytest.fixture
    def callers(self, store: SqliteStore) -> Iterator[Callers]:
        with ThreadPoolExecutor(8) as threads:
            yield Callers(store, threads)

    def test_who_waits_is_committed_with_who_went_before(self, store: SqliteStore, callers: Callers) -> None:
        commits = 0

        def count() -> bool:
            nonlocal commits
            commits += 1
            return False

        store._writer._connection.set_commit_hook(count)
        with ThreadPoolExecutor(1) as first:
            began, go_on = threading.Event(), threading.Event()
            ahead = first.submit(self.hold, store, began, go_on)
            assert began.wait(DEADLINE_S)
            behind = [callers.join(add_to_count) for _ in range(5)]
            go_on.set()
            for future in [ahead, *behind]:
                future.result(DEADLINE_S)
        store._writer._connection.set_commit_hook(None)
        assert commits == 1
        assert store._read("SELECT count FROM commit_check") == [(6,)]

    @staticmethod
    def hold(store: SqliteStore, began: threading.Event, go_on: threading.Event) -> None:
        with store._writer.transaction() as connection:
            add_to_count(connection)
            began.set()
            assert go_on.wait(DEADLINE_S)

    @pytest.mark.parametrize("failing", [0, 1, 2])
    def test_who_fails_takes_back_only_its_own(self, store: SqliteStore, callers: Callers, failing: int) -> None:
        def fail(connection: apsw.Connection) -> None:
            add_to_count(connection)
            raise ZeroDivisionError

        with ThreadPoolExecutor(1) as first:
            began, go_on = threading.Event(), threading.Event()
            ahead = first.submit(self.hold, store, began, go_on)
            assert began.wait(DEADLINE_S)
            behind = [callers.join(fail if place == failing else add_to_count) for place in range(3)]
            go_on.set()
            ahead.result(DEADLINE_S)
            for place, future in enumerate(behind):
                assert isinstance(future.exception(DEADLINE_S), ZeroDivisionError) is (place == failing)
        assert store._read("SELECT count FROM commit_check") == [(3,)]

    def test_a_commit_that_fails_fails_for_all(self, store: SqliteStore, callers: Callers) -> None:
        store._writer._connection.set_commit_hook(lambda: True)
        with ThreadPoolExecutor(1) as first:
            began, go_on = threading.Event(), threading.Event()
            ahead = first.submit(self.hold, store, began, go_on)
            assert began.wait(DEADLINE_S)
            behind = callers.join(add_to_count)
            go_on.set()
            assert ahead.exception(DEADLINE_S) is not None
            assert behind.exception(DEADLINE_S) is not None
        store._writer._connection.set_commit_hook(None)
        assert store._read("SELECT count FROM commit_check") == [(0,)]
        store.check()

    def test_nobody_returns_before_the_commit(self, store: SqliteStore, callers: Callers) -> None:
        with ThreadPoolExecutor(1) as first:
            began, go_on = threading.Event(), threading.Event()
            holds, lets = threading.Event(), threading.Event()

            def hold_too(connection: apsw.Connection) -> None:
                holds.set()
                assert lets.wait(DEADLINE_S)

            ahead = first.submit(self.hold, store, began, go_on)
            assert began.wait(DEADLINE_S)
            behind = callers.join(hold_too)
            go_on.set()
            assert holds.wait(DEADLINE_S)
            assert not ahead.done()
            assert store._read("SELECT count FROM commit_check") == [(0,)]
            lets.set()
            ahead.result(DEADLINE_S)
            behind.result(DEADLINE_S)
        assert store._read("SELECT count FROM commit_check") == [(1,)]


def add_to_count(connection: apsw.Connection) -> None:
    connection.execute("UPDATE commit_check SET count = count + 1")


class TestReaders:
    def test_a_reader_cant_write(self, store: SqliteStore) -> None:
        with pytest.raises(StoreUnavailable, match="can't be written"):
            store._read("DELETE FROM event")

    def test_reads_go_on_while_something_is_written(self, store: SqliteStore) -> None:
        accept_many(store, 3)
        with store.intake() as transaction, ThreadPoolExecutor(1) as threads:
            transaction.insert([event()], [])
            assert len(threads.submit(store.events_by_id, TENANT, ["evt_00001", "evt_1"]).result(DEADLINE_S)) == 1

    def test_there_are_only_so_many_at_once(self, store: SqliteStore) -> None:
        everybody_reads = threading.Barrier(READERS_MAX + 1)
        go_on = threading.Event()

        def read() -> None:
            with store._readers.reading():
                everybody_reads.wait(DEADLINE_S)
                go_on.wait(DEADLINE_S)

        with ThreadPoolExecutor(READERS_MAX + 1) as threads:
            reads = [threads.submit(read) for _ in range(READERS_MAX)]
            everybody_reads.wait(DEADLINE_S)
            one_more = threads.submit(store.version)
            assert not one_more.done()
            go_on.set()
            assert one_more.result(DEADLINE_S) == 0
            for done in reads:
                done.result(DEADLINE_S)

    def test_an_error_while_reading_gives_the_connection_back(self, store: SqliteStore) -> None:
        for _ in range(READERS_MAX * 2):
            with pytest.raises(Exception, match="mistake"):
                store._read("SELECT nonsense")
        assert store.version() == 0

    def test_no_read_holds_a_snapshot_when_its_call_has_returned(self, store: SqliteStore) -> None:
        accept_many(store, 300)
        store.fetch([], 0)
        store.events_by_id(TENANT, ["evt_00001"])
        # A checkpoint that empties the WAL can only succeed when nobody reads from it.
        left, done = store._writer._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        assert (left, done) == (0, 0)
