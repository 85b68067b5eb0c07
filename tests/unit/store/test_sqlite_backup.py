"""Copies of a store that is being written: of one moment, whole, and in nobody's way."""

import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import apsw
import pytest

from conformance.backend import accept_many
from ringback.store.port import BadRow, StoreUnavailable
from ringback.store.sqlite import SqliteStore
from ringback.store.sqlite.backup import PAGES_A_STEP
from ringback.store.sqlite.offline import examine_copy
from support.process import wait_until
from support.rows import TENANT, endpoint, event, new_delivery


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path / "ringback.db")
    opened._writer._connection.pragma("synchronous", "off")  # what these tests are about costs no disk
    yield opened
    opened.close()


def large(store: SqliteStore, steps: int = 6) -> None:
    """Fill it, so that a copy takes some steps."""
    payload = b'"' + b"x" * 3_000 + b'"'
    events = [event(f"evt_large_{number}", data=payload) for number in range(steps * PAGES_A_STEP)]
    with store.intake() as transaction:
        transaction.insert(events, [new_delivery(one) for one in events])
        transaction.commit()


def numbers_in(path: Path) -> list[int]:
    """The events that were written in turn, as a copy has them."""
    connection = apsw.Connection(f"file:{path}?immutable=1", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    rows = connection.execute("SELECT id FROM event WHERE id LIKE 'evt_turn%' ORDER BY seq").fetchall()
    connection.close()
    return [int(name.removeprefix("evt_turn_")) for (name,) in rows]


def test_what_is_written_between_two_steps_is_in_the_copy(store: SqliteStore, tmp_path: Path) -> None:
    large(store)
    steps: list[tuple[int, int]] = []

    def between(done: int, total: int) -> None:
        steps.append((done, total))
        accept(store, len(steps))

    store.copy_to(tmp_path / "copy.db", between)

    assert len(steps) > 5
    assert all(0 < done <= total for done, total in steps)
    assert steps[-1][0] == steps[-1][1]
    # All but what was written after the last step: of one moment, and the latest there was.
    assert numbers_in(tmp_path / "copy.db") == list(range(1, len(steps)))
    facts = examine_copy(tmp_path / "copy.db")
    assert (facts.missing, facts.gives_space_back) == ([], True)
    assert facts.pending == 6 * PAGES_A_STEP + len(steps) - 1


def accept(store: SqliteStore, number: int) -> None:
    one = event(f"evt_turn_{number}")
    with store.intake() as transaction:
        transaction.insert([one], [new_delivery(one)])
        transaction.commit()


def test_many_threads_write_all_the_while_and_the_copy_is_of_one_moment(store: SqliteStore, tmp_path: Path) -> None:
    large(store)
    stopping = threading.Event()
    turns = count(1)
    committed: list[int] = []
    before: list[int] = []
    during: list[int] = []

    def write() -> None:
        while not stopping.is_set():
            accept_many(store, 1, prefix=f"evt_noise_{threading.get_ident()}_{next(turns)}")

    def write_in_order() -> None:
        for number in count(1):
            if stopping.is_set():
                return
            accept(store, number)
            committed.append(number)

    threads = [threading.Thread(target=write, daemon=True) for _ in range(2)]
    threads.append(threading.Thread(target=write_in_order, daemon=True))
    for thread in threads:
        thread.start()
    wait_until(lambda: len(committed) > 20, 15, "writing goes on")
    before.append(committed[-1])

    def between(done: int, total: int) -> None:
        during.append(committed[-1])
        seen = len(committed)
        wait_until(lambda: len(committed) > seen, 15, "others write between two steps")

    store.copy_to(tmp_path / "copy.db", between)
    stopping.set()
    for thread in threads:
        thread.join(10)
    found = numbers_in(tmp_path / "copy.db")
    assert found == list(range(1, len(found) + 1))  # nothing is missing in the middle
    assert len(found) >= during[-2] > before[0]
    assert examine_copy(tmp_path / "copy.db").missing == []  # every page checked


def test_a_copy_that_fails_leaves_the_store_as_it_was(store: SqliteStore, tmp_path: Path) -> None:
    large(store, 2)

    def between(done: int, total: int) -> None:
        raise StoreUnavailable("enough")

    with pytest.raises(StoreUnavailable, match="enough"):
        store.copy_to(tmp_path / "copy.db", between)
    accept(store, 1)
    store.copy_to(tmp_path / "second.db", lambda done, total: None)
    assert numbers_in(tmp_path / "second.db") == [1]


def test_a_place_that_cannot_be_written_is_an_error_of_the_store(store: SqliteStore, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        store.copy_to(tmp_path / "missing" / "copy.db", lambda done, total: None)
    accept(store, 1)


class TestBetweenTransactions:
    def test_what_others_left_in_an_open_transaction_is_committed_first(self, store: SqliteStore) -> None:
        writer = store._writer
        ended = threading.Event()
        inside = threading.Event()
        go_on = threading.Event()

        def write() -> None:
            with writer.transaction() as connection:
                connection.execute("UPDATE commit_check SET count = 7")
                inside.set()
                go_on.wait(10)
            ended.set()

        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        assert inside.wait(10)
        # Somebody seems to wait, so the writer leaves its work for them.
        with writer._counting:
            writer._waiting += 1
        go_on.set()
        wait_until(lambda: writer._group is not None and writer._group.members == 1, 10, "the work is left")
        assert not ended.is_set()
        with writer._counting:
            writer._waiting -= 1
        with writer.between_transactions() as connection:
            assert not connection.in_transaction
            assert connection.execute("SELECT count FROM commit_check").get == 7
        assert ended.wait(10)
        thread.join(10)

    def test_writes_go_on_after_it_and_after_an_error_in_it(self, store: SqliteStore) -> None:
        with pytest.raises(BadRow), store._writer.between_transactions() as connection:
            connection.execute("INSERT INTO commit_check VALUES (NULL)")
        assert store.create_endpoint(endpoint(), None, 10)
        assert store.get_endpoint(TENANT, "ep_a") == endpoint()
