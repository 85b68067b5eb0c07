"""Two processes that change the same records, sets and triggers at the same time: nothing is lost, and none waits for
the other in a circle."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

import psycopg
import pytest

from ringback.model.record import Record
from ringback.model.tracked_set import TrackedSet
from ringback.model.trigger import Trigger
from ringback.store.port import Membership, RecordPut, Retryable
from ringback.store.postgres.config import PostgresTenants
from ringback.store.postgres.intake import PostgresIntake
from ringback.store.postgres.records import PostgresRecords
from ringback.store.postgres.rules import PostgresTriggers
from ringback.store.postgres.tracked_sets import PostgresTrackedSets
from ringback.store.sealed_rows import SealedRows
from support.postgres_ground import opened
from support.postgres_races import THE_TENANT, race
from support.rows import NOW, TENANT, secret, tenant

DATA: Final = b'{"n":1}'
TURNS: Final = 15
THE_SET: Final = "SELECT 1 FROM tracked_set FOR UPDATE"
# Of three that wait, two of which add and the second deletes. Whoever waits for a row that was changed meanwhile begins
# to wait anew: the last may come before the second.
LAST_OR_SECOND: Final = {(1, True, None), (1, True, 1)}
A_RECORD: Final = (
    "INSERT INTO record (tenant_id, type, id, revision, created_at, updated_at, data) "
    f"VALUES ('{TENANT}', 'lead', 'a', 1, 1, 1, '')"
)


class Process(PostgresIntake, PostgresTenants, PostgresRecords, PostgresTrackedSets, PostgresTriggers):
    """What one process has of the store here."""

    def write(self, *names: str) -> str:
        """Give each of these records its next revision, in one transaction."""
        keys = [(TENANT, "lead", name) for name in names]
        with self.intake() as transaction:
            found = transaction.lock_records(keys)
            seen = {name: found[key].revision if key in found else None for name, key in zip(names, keys, strict=True)}
            try:
                transaction.put_records([RecordPut(record(name, (seen[name] or 0) + 1), seen[name]) for name in names])
            except Retryable:
                return "again"
            transaction.commit()
        return "stored"

    def revisions(self) -> dict[str, int]:
        return {found.id: found.revision for found in self.list_records(TENANT, "lead", None, 100)}


@contextmanager
def process(url: str) -> Iterator[Process]:
    with opened(url) as database:
        yield Process(database, SealedRows())


@pytest.fixture
def one(ready_database: str) -> Iterator[Process]:
    with process(ready_database) as made:
        made.create_tenant(tenant(), secret("sec_t", None))
        yield made


@pytest.fixture
def two(one: Process, ready_database: str) -> Iterator[Process]:
    with process(ready_database) as made:
        yield made


def record(record_id: str, revision: int = 1, **changes: Any) -> Record:
    plain = Record(TENANT, "lead", record_id, revision, None, None, NOW, NOW, None, None, DATA)
    return plain._replace(**changes)


def a_set(set_id: str = "set_1", name: str = "mine") -> TrackedSet:
    return TrackedSet(set_id, TENANT, name, 0, NOW, NOW)


def a_trigger(trigger_id: str) -> Trigger:
    return Trigger(trigger_id, TENANT, "Hot", "lead", "true", "lead.hot", created_at=NOW, updated_at=NOW)


def members_of(store: Process, name: str = "mine") -> tuple[int, list[str]]:
    """How many it says that it has, and those that it has."""
    found = store.get_tracked_set(TENANT, name)
    assert found is not None
    return found.members, list(store.list_members(TENANT, name, None, 100_000))


def deadlocks(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()
    assert row is not None
    return int(row[0])


class TestRecords:
    def test_one_that_is_made_twice_is_stored_once(self, ready_database: str, one: Process, two: Process) -> None:
        answers = race(ready_database, A_RECORD, lambda: one.write("a"), lambda: two.write("a"), undone=True)
        assert sorted(answers) == ["again", "stored"]
        assert one.revisions() == {"a": 1}

    def test_what_is_rolled_back_is_in_nobodys_way(self, one: Process, two: Process) -> None:
        with one.intake() as transaction:
            assert transaction.lock_records([(TENANT, "lead", "a")]) == {}
            transaction.put_records([RecordPut(record("a"), None)])
        assert two.write("a") == "stored"

    def test_who_changes_the_same_one_sees_what_the_other_has_stored(
        self, ready_database: str, one: Process, two: Process
    ) -> None:
        assert one.write("a") == "stored"
        answers = race(
            ready_database, "SELECT 1 FROM record FOR UPDATE", lambda: one.write("a"), lambda: two.write("a")
        )
        assert answers == ["stored", "stored"]
        assert one.revisions() == {"a": 3}

    def test_the_order_that_they_are_named_in_does_not_matter(
        self, ready_database: str, one: Process, two: Process
    ) -> None:
        assert one.write("a", "b", "c") == "stored"
        answers = race(
            ready_database,
            "SELECT 1 FROM record WHERE id = 'b' FOR UPDATE",
            lambda: one.write("c", "b", "a"),
            lambda: two.write("a", "b", "c"),
            lambda: one.write("b", "c", "a"),
        )
        assert answers == ["stored"] * 3
        assert one.revisions() == {"a": 4, "b": 4, "c": 4}
        assert deadlocks(ready_database) == 0

    def test_new_ones_too(self, ready_database: str, one: Process, two: Process) -> None:
        answers = race(
            ready_database, A_RECORD, lambda: one.write("c", "a", "b"), lambda: two.write("a", "b", "c"), undone=True
        )
        assert sorted(answers) == ["again", "stored"]
        assert one.revisions() == {"a": 1, "b": 1, "c": 1}
        assert deadlocks(ready_database) == 0

    def test_no_change_is_lost(self, ready_database: str, one: Process, two: Process) -> None:
        def write(store: Process, names: str) -> None:
            for _ in range(TURNS):
                while store.write(*names) != "stored":
                    pass

        with ThreadPoolExecutor() as pool:
            running = [pool.submit(write, store, names) for store in (one, two) for names in ("abc", "cab")]
            for future in running:
                future.result()
        assert one.revisions() == dict.fromkeys("abc", 4 * TURNS)
        assert deadlocks(ready_database) == 0

    def test_one_that_was_not_locked_is_not_stored_over_what_another_has_stored(self, one: Process) -> None:
        assert (one.write("a"), one.write("a")) == ("stored", "stored")
        with one.intake() as transaction, pytest.raises(Retryable):
            transaction.put_records([RecordPut(record("a", 2), 1)])
        assert one.revisions() == {"a": 2}

    def test_one_that_comes_back_is_not_forgotten(self, one: Process, two: Process) -> None:
        with one.intake() as transaction:
            transaction.put_records([RecordPut(record(name, forget_at=NOW, data=b""), None) for name in "ab"])
            transaction.commit()
        with one.intake() as transaction:
            transaction.lock_records([(TENANT, "lead", "a")])
            assert two.forget_records_step(NOW, 10) == 1
            transaction.put_records([RecordPut(record("a", 2), 1)])
            transaction.commit()
        assert two.forget_records_step(NOW, 10) == 0
        assert one.revisions() == {"a": 2}

    def test_one_that_is_being_forgotten_is_made_anew(self, ready_database: str, one: Process) -> None:
        with one.intake() as transaction:
            transaction.put_records([RecordPut(record("a", 5, forget_at=NOW, data=b""), None)])
            transaction.commit()
        assert race(ready_database, "DELETE FROM record", lambda: one.write("a")) == ["stored"]
        assert one.revisions() == {"a": 1}


class TestTrackedSets:
    def test_the_last_place_is_taken_once(self, ready_database: str, one: Process, two: Process) -> None:
        answers = race(
            ready_database,
            THE_TENANT,
            lambda: one.put_tracked_set(a_set("set_1", "mine"), 1),
            lambda: two.put_tracked_set(a_set("set_2", "yours"), 1),
        )
        assert [answer is None for answer in answers] == [False, True]

    def test_one_that_is_put_twice_is_there_once(self, ready_database: str, one: Process, two: Process) -> None:
        answers = race(
            ready_database,
            THE_TENANT,
            lambda: one.put_tracked_set(a_set("set_1"), 9),
            lambda: two.put_tracked_set(a_set("set_2"), 9),
        )
        assert answers == [a_set("set_1")] * 2

    def test_members_that_come_twice_count_once(self, ready_database: str, one: Process, two: Process) -> None:
        one.put_tracked_set(a_set(), 9)
        answers = race(
            ready_database,
            THE_SET,
            lambda: one.add_members(TENANT, "mine", ["c", "b", "a"], NOW, 100),
            lambda: two.add_members(TENANT, "mine", ["b", "c", "d"], NOW, 100),
            lambda: one.remove_members(TENANT, "mine", ["d", "a", "x"], NOW),
        )
        # Who comes second of those that wait, PostgreSQL doesn't promise.
        after = {(3, 1, 2): (2, ["b", "c"]), (3, 1, 1): (3, ["b", "c", "d"])}
        assert members_of(two) == after[tuple(answers)]

    def test_no_more_fit_in_than_there_is_room_for(self, ready_database: str, one: Process, two: Process) -> None:
        one.put_tracked_set(a_set(), 9)
        answers = race(
            ready_database,
            THE_SET,
            lambda: one.add_members(TENANT, "mine", ["a", "b"], NOW, 3),
            lambda: two.add_members(TENANT, "mine", ["c", "d"], NOW, 3),
            lambda: two.add_members(TENANT, "mine", ["a", "b", "c"], NOW, 3),
        )
        assert answers == [2, -1, 1]
        assert members_of(one) == (3, ["a", "b", "c"])

    def test_nobody_comes_into_a_set_that_is_deleted(self, ready_database: str, one: Process, two: Process) -> None:
        one.put_tracked_set(a_set(), 9)
        answers = race(
            ready_database,
            THE_SET,
            lambda: one.add_members(TENANT, "mine", ["a"], NOW, 9),
            lambda: two.delete_tracked_set(TENANT, "mine"),
            lambda: one.add_members(TENANT, "mine", ["b"], NOW, 9),
        )
        assert tuple(answers) in LAST_OR_SECOND
        assert until_cleared(one) >= 1
        assert rows_left(ready_database) == (0, 0)

    def test_two_that_clear_at_the_same_time_leave_nothing(
        self, ready_database: str, one: Process, two: Process
    ) -> None:
        for name in ("mine", "yours"):
            one.put_tracked_set(a_set(f"set_{name}", name), 9)
            assert one.add_members(TENANT, name, [f"{n:04}" for n in range(1_000)], NOW, 5_000) == 1_000
            assert one.delete_tracked_set(TENANT, name)
        assert not one.are_members([Membership(TENANT, "mine", "0001")])
        with ThreadPoolExecutor() as pool:
            cleared = [pool.submit(until_cleared, store, ready_database) for store in (one, two)]
            assert sum(future.result() for future in cleared) >= 2_000
        assert rows_left(ready_database) == (0, 0)

    def test_what_a_step_that_was_undone_left_goes_later(self, ready_database: str, one: Process) -> None:
        one.put_tracked_set(a_set(), 9)
        one.add_members(TENANT, "mine", ["a", "b", "c", "d"], NOW, 9)
        one.delete_tracked_set(TENANT, "mine")
        assert one.clear_members_step(2) == 2
        with psycopg.connect(ready_database) as connection:  # as if the step had been rolled back
            connection.execute(f"INSERT INTO tracked_member VALUES ('{TENANT}', 'set_1', 'a')")
        assert until_cleared(one) >= 3
        assert rows_left(ready_database) == (0, 0)


class TestTenants:
    @pytest.mark.parametrize(
        ("make", "nothing"),
        [
            (lambda store: store.put_tracked_set(a_set(), 9), None),
            (lambda store: store.create_trigger(a_trigger("trg_1"), 9), False),
        ],
    )
    def test_one_that_is_deleted_gets_nothing_more(
        self, ready_database: str, one: Process, two: Process, make: Callable[[Process], Any], nothing: object
    ) -> None:
        answers = race(ready_database, THE_TENANT, lambda: one.delete_tenant(TENANT, NOW), lambda: make(two))
        assert answers == [True, nothing]

    def test_the_last_place_for_a_trigger_is_taken_once(self, ready_database: str, one: Process, two: Process) -> None:
        answers = race(
            ready_database,
            THE_TENANT,
            lambda: one.create_trigger(a_trigger("trg_1"), 1),
            lambda: two.create_trigger(a_trigger("trg_2"), 1),
        )
        assert answers == [True, False]

    def test_its_sets_go_while_their_members_change(self, ready_database: str, one: Process, two: Process) -> None:
        one.put_tracked_set(a_set(), 9)
        answers = race(
            ready_database,
            THE_SET,
            lambda: one.add_members(TENANT, "mine", ["a"], NOW, 9),
            lambda: two.delete_tenant(TENANT, NOW),
            lambda: one.add_members(TENANT, "mine", ["b"], NOW, 9),
        )
        assert tuple(answers) in LAST_OR_SECOND
        assert one.get_tracked_set(TENANT, "mine") is None
        until_cleared(one)
        assert rows_left(ready_database) == (0, 0)


def until_cleared(store: Process, url: str | None = None) -> int:
    """Take steps until there is nothing left, for this process or (`url`) for anybody; how much that was."""
    total = 0
    for _ in range(10_000):
        step = store.clear_members_step(70)
        total += step
        if not step and (url is None or rows_left(url) == (0, 0)):
            return total
    raise AssertionError("it comes to no end")


def rows_left(url: str) -> tuple[int, int]:
    """How many members and deleted sets there are."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM tracked_member), (SELECT count(*) FROM tracked_set_gone)"
        ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])
