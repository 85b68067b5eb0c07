"""What SQLite's errors become, on a full disk and a closed store too."""

import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from conformance.backend import accept_many
from ringback.model.errors import RingbackError
from ringback.store.port import AttemptQuery, BadRow, EventQuery, Settlement, StoreUnavailable
from ringback.store.sqlite import SqliteStore
from ringback.store.sqlite.errors import STORE_ERRORS, store_errors
from support.rows import NOW, TENANT, attempt, event, new_delivery


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path / "ringback.db")
    yield opened
    opened.close()


def classes_of_apsw() -> set[type[apsw.Error]]:
    return {value for value in vars(apsw).values() if isinstance(value, type) and issubclass(value, apsw.Error)}


class TestTable:
    def test_every_error_of_apsw_has_its_line(self) -> None:
        assert len(classes_of_apsw()) > 30
        assert STORE_ERRORS.keys() == classes_of_apsw()

    @pytest.mark.parametrize("kind", sorted(classes_of_apsw(), key=lambda kind: kind.__name__))
    def test_none_of_them_gets_out(self, kind: type[apsw.Error]) -> None:
        with pytest.raises(RingbackError) as told, store_errors():
            raise kind("secret words of the library")
        assert type(told.value) is STORE_ERRORS[kind][0]
        assert "secret words" not in told.value.detail
        assert isinstance(told.value.__cause__, kind)

    def test_a_class_of_tomorrow_is_a_mistake_of_ours(self) -> None:
        class FutureError(apsw.Error):
            pass

        with pytest.raises(RingbackError), store_errors():
            raise FutureError

    def test_other_exceptions_pass(self) -> None:
        with pytest.raises(ZeroDivisionError), store_errors():
            raise ZeroDivisionError


class TestFullDisk:
    def fill(self, store: SqliteStore) -> None:
        """Let the file not grow any more: then SQLite says SQLITE_FULL as it does when the disk is full."""
        connection = store._writer._connection
        connection.pragma("max_page_count", connection.pragma("page_count"))

    def make_room(self, store: SqliteStore) -> None:
        store._writer._connection.pragma("max_page_count", 1 << 30)

    def test_nothing_is_accepted_nothing_is_lost_and_it_goes_on_by_itself(self, store: SqliteStore) -> None:
        (kept,) = accept_many(store, 1, prefix="before")
        self.fill(store)
        with pytest.raises(StoreUnavailable, match="disk is full"):
            accept_many(store, 500)
        assert [stored.event.id for stored in store.list_events(EventQuery(TENANT))] == ["before_00001"]
        assert store.next_due(TENANT, "ep_a", False) == NOW
        self.make_room(store)
        assert accept_many(store, 500)[0] > kept
        assert len(store.list_events(EventQuery(TENANT, limit=1_000))) == 501

    def test_a_settlement_waits_for_room(self, store: SqliteStore) -> None:
        drawn = accept_many(store, 200)
        batch = [
            Settlement(seq, attempt(seq, 1, f"evt_{place:05d}", response_body=b"x" * 2_000), None, 0)
            for place, seq in enumerate(drawn, 1)
        ]
        self.fill(store)
        with pytest.raises(StoreUnavailable):
            store.settle(batch)
        assert list(store.list_attempts(AttemptQuery(TENANT))) == []
        self.make_room(store)
        assert store.settle(batch) == [True] * 200


class TestReadOnly:
    def test_a_check_tells_when_nothing_can_be_committed(self, store: SqliteStore) -> None:
        store.check()
        store._writer._connection.pragma("query_only", True)
        with pytest.raises(StoreUnavailable, match="can't be written"):
            store.check()
        store._writer._connection.pragma("query_only", False)
        store.check()

    def test_a_check_really_commits(self, store: SqliteStore) -> None:
        before = store._read("SELECT count FROM commit_check")
        store.check()
        assert store._read("SELECT count FROM commit_check") == [(before[0][0] + 1,)]


class TestBadRows:
    def test_a_missing_value_is_the_rows_fault(self, store: SqliteStore) -> None:
        bad = event()._replace(type=None)  # type: ignore[arg-type]
        with pytest.raises(BadRow), store.intake() as transaction:
            transaction.insert([bad], [])
        accept_many(store, 1)

    def test_a_value_of_the_wrong_kind_is_the_rows_fault(self, store: SqliteStore) -> None:
        bad = event()._replace(data="text")  # type: ignore[arg-type]
        with pytest.raises(BadRow), store.intake() as transaction:
            transaction.insert([bad], [new_delivery(bad)])


class TestClosed:
    def test_everything_is_unavailable_afterwards(self, tmp_path: Path) -> None:
        store = SqliteStore.open(tmp_path / "ringback.db")
        store.close()
        for call in (
            store.check,
            store.version,
            store.nodes,
            lambda: store.settle([Settlement(1, attempt(), None, 0)]),
        ):
            with pytest.raises(StoreUnavailable, match="closed"):
                call()

    def test_closing_waits_for_the_transaction_that_is_open(self, tmp_path: Path) -> None:
        store = SqliteStore.open(tmp_path / "ringback.db")
        with store.intake() as transaction:
            transaction.insert([event()], [])
            closing = threading.Thread(target=store.close)
            closing.start()
            closing.join(0.05)
            assert closing.is_alive()
            transaction.commit()
        closing.join(30)
        assert not closing.is_alive()
        store = SqliteStore.open(tmp_path / "ringback.db")
        assert store.get_event(TENANT, "evt_1") == event()
        store.close()
