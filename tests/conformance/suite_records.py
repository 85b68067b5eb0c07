"""What every store does for records: the transactions that change them, reading, forgetting, and how types are told."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from threading import Event as Signal

import pytest

from conformance.backend import accept, fetch, run_out
from conformance.suite_config import add_tenant, changes
from ringback.model.event import RECORD
from ringback.model.record import Record, RecordType
from ringback.store.port import BadRow, EventQuery, RecordPut, Retryable, Store
from support.rows import NOW, OTHER_TENANT, TENANT, event, record, trigger

KEY = record().key


def put(store: Store, *puts: Record | RecordPut) -> None:
    """Commit records: new ones, or those that were seen."""
    with store.intake() as transaction:
        transaction.put_records([one if isinstance(one, RecordPut) else RecordPut(one, None) for one in puts])
        transaction.commit()


def add(store: Store, record_ids: Iterable[str], **fields: object) -> list[Record]:
    made = [record(record_id, **fields) for record_id in record_ids]
    put(store, *made)
    return made


def next_of(stored: Record) -> RecordPut:
    return RecordPut(stored._replace(revision=stored.revision + 1), stored.revision)


def grow(store: Store, times: int) -> None:
    """Change the record so often, trying again where another transaction was in the way."""
    while times:
        with suppress(Retryable), store.intake() as transaction:
            transaction.put_records([next_of(transaction.lock_records([KEY])[KEY])])
            transaction.commit()
            times -= 1


class TestRecordTransactions:
    def test_a_new_record_is_there_after_commit(self, store: Store) -> None:
        with store.intake() as transaction:
            assert dict(transaction.lock_records([KEY])) == {}
            transaction.put_records([RecordPut(record(), None)])
            transaction.commit()
        assert store.get_record(*KEY) == record()
        with store.intake() as transaction:
            assert dict(transaction.lock_records([KEY])) == {KEY: record()}

    def test_a_record_comes_back_to_the_byte(self, store: Store) -> None:
        full = record(
            "a/Δ 7%",
            revision=1 << 40,
            version=(1 << 63) - 1,
            source_at=NOW - 5,
            created_at=NOW - 4,
            updated_at=NOW - 3,
            marks='{"trg_1":{"0":1}}',
            data=b'{ "a":1.10 ,\xc3\xa9\x00\xff',
        )
        gone = record("gone", forget_at=NOW + 9, version=0, data=b"")
        put(store, full, gone)
        for stored in (full, gone):
            assert store.get_record(*stored.key) == stored
            put(store, RecordPut(stored, stored.revision))
        with store.intake() as transaction:
            assert dict(transaction.lock_records([full.key, gone.key])) == {full.key: full, gone.key: gone}

    def test_a_record_is_replaced_whole(self, store: Store) -> None:
        first = record(version=3, source_at=NOW, marks="{}")
        put(store, first)
        second = record(revision=2, created_at=NOW - 1, updated_at=NOW + 1, data=b"{}")
        third = record(revision=3, forget_at=NOW + 5, version=4, data=b"")
        for stored, seen in ((second, 1), (third, 2)):
            put(store, RecordPut(stored, seen))
            assert store.get_record(*KEY) == stored

    def test_records_of_other_tenants_types_and_ids_are_others(self, store: Store) -> None:
        others = [
            record(),
            record(tenant_id=OTHER_TENANT),
            record(type="deal"),
            record("C-1"),
            record("c-1 "),
        ]
        put(store, *[one._replace(version=place) for place, one in enumerate(others)])
        with store.intake() as transaction:
            found = transaction.lock_records([*(one.key for one in others), record("none").key])
        assert {key: stored.version for key, stored in found.items()} == {
            one.key: place for place, one in enumerate(others)
        }

    def test_what_was_put_is_seen_by_its_own_transaction_and_by_nobody_else_before_commit(self, store: Store) -> None:
        put(store, record("c-2"))
        with store.intake() as transaction:
            seen = transaction.lock_records([record("c-2").key])[record("c-2").key]
            transaction.put_records([RecordPut(record(), None), next_of(seen)])
            found = transaction.lock_records([KEY, seen.key])
            assert [stored.revision for stored in found.values()] == [1, 2]
            transaction.put_records([next_of(found[KEY])])
            with ThreadPoolExecutor(1) as another_thread:
                read = another_thread.submit(lambda: (store.get_record(*KEY), store.get_record(*seen.key)))
                assert read.result(30) == (None, seen)
            transaction.commit()
        assert [one.revision for one in store.list_records(TENANT, "contact", None, 9)] == [2, 2]

    def test_leaving_without_commit_leaves_nothing(self, store: Store) -> None:
        put(store, record())
        with store.intake() as transaction:
            seen = transaction.lock_records([KEY])[KEY]
            transaction.put_records([next_of(seen), RecordPut(record("c-2"), None)])
            transaction.insert([event()], [])
        assert list(store.list_records(TENANT, "contact", None, 9)) == [record()]
        assert list(store.list_events(EventQuery(TENANT))) == []
        put(store, next_of(record()), record("c-2"))

    def test_a_record_that_is_there_after_all_is_worth_another_try(self, store: Store) -> None:
        put(store, record())
        with pytest.raises(Retryable), store.intake() as transaction:
            transaction.put_records([RecordPut(record("b"), None), RecordPut(record(data=b"2"), None)])
        assert list(store.list_records(TENANT, "contact", None, 9)) == [record()]

    @pytest.mark.parametrize(
        "bad",
        [record(type="half \ud800"), record(version=1 << 63)],
        ids=["half a surrogate pair", "over 64 bits"],
    )
    @pytest.mark.parametrize("seen", [None, 1])
    def test_a_bad_row_is_told_and_changes_nothing(self, store: Store, bad: Record, seen: int | None) -> None:
        with pytest.raises(BadRow), store.intake() as transaction:
            transaction.put_records([RecordPut(record("c-2"), None), RecordPut(bad, seen)])
        assert list(store.list_records(TENANT, "contact", None, 9)) == []
        put(store, record("c-2"))

    def test_nothing_asked_is_nothing_done(self, store: Store) -> None:
        with store.intake() as transaction:
            assert dict(transaction.lock_records([])) == {}
            transaction.put_records([])
            assert transaction.tracked([]) == set()
            assert list(transaction.triggers([])) == []
            assert list(transaction.record_types([])) == []
            transaction.commit()

    def test_a_thousand_records_in_any_order(self, store: Store) -> None:
        made = [record(f"c-{place * 7919 % 1000:04d}", version=place) for place in range(1_000)]
        put(store, *made)
        with store.intake() as transaction:
            found = transaction.lock_records([one.key for one in reversed(made)])
            assert dict(found) == {one.key: one for one in made}
            transaction.put_records([next_of(one) for one in made])
            transaction.commit()
        with store.intake() as transaction:
            found = transaction.lock_records([one.key for one in made])
        assert {stored.revision for stored in found.values()} == {2}

    def test_large_records_go_in_and_come_out(self, store: Store) -> None:
        made = [record(f"c-{place}", data=bytes([place]) * 3_000_000) for place in range(4)]
        put(store, *made)
        with store.intake() as transaction:
            found = transaction.lock_records([one.key for one in made])
            transaction.put_records([next_of(stored) for stored in found.values()])
            transaction.commit()
        assert dict(found) == {one.key: one for one in made}
        assert store.get_record(*made[3].key) == made[3]._replace(revision=2)

    def test_changes_from_many_threads_all_count(self, store: Store) -> None:
        put(store, record())
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda _: grow(store, 5), range(4)))
        stored = store.get_record(*KEY)
        assert stored is not None
        assert stored.revision == 21

    def test_an_event_keeps_what_changed_and_who_made_it_wherever_it_is_read(self, store: Store) -> None:
        made = event("evt_1", changed='["/name","/a~1b"]', origin=RECORD)
        accept(store, made, "ep_a")
        assert store.events_by_id(TENANT, ["evt_1"]) == [made]
        assert store.get_event(TENANT, "evt_1") == made
        assert [stored.event for stored in store.list_events(EventQuery(TENANT))] == [made]
        assert [row.event for row in fetch(store).rows] == [made]

    def test_triggers_and_record_types_as_the_transaction_sees_them(self, store: Store) -> None:
        store.create_trigger(trigger("trg_a"), 9)
        store.create_trigger(trigger("trg_b", OTHER_TENANT), 9)
        contact = store.put_record_type(RecordType("contact"), 9)
        with store.intake() as transaction:
            found = transaction.triggers(["trg_b", "trg_none", "trg_a"])
            assert {one.id: one for one in found} == {
                "trg_a": trigger("trg_a"),
                "trg_b": trigger("trg_b", OTHER_TENANT),
            }
            assert list(transaction.record_types(["none", "contact"])) == [contact]


class TestConcurrentRecords:
    """For stores in which several write transactions can be open at once."""

    def test_a_record_that_another_transaction_has_locked_is_not_changed_meanwhile(self, store: Store) -> None:
        put(store, record())
        with store.intake() as first, ThreadPoolExecutor(1) as another_thread:
            seen = first.lock_records([KEY])[KEY]
            second = another_thread.submit(lambda: grow(store, 1))
            first.put_records([next_of(seen)._replace(record=seen._replace(revision=2, data=b"first"))])
            first.commit()
            second.result(30)
        assert store.get_record(*KEY) == record(revision=3, data=b"first")

    def test_of_two_transactions_that_make_a_record_one_has_to_try_again(self, store: Store) -> None:
        asked = Signal()

        def make() -> None:
            with store.intake() as second:
                assert dict(second.lock_records([KEY])) == {}
                asked.set()
                second.put_records([RecordPut(record(data=b"second"), None)])
                second.commit()

        with store.intake() as first, ThreadPoolExecutor(1) as another_thread:
            first.put_records([RecordPut(record(data=b"first"), None)])
            made = another_thread.submit(make)
            assert asked.wait(30)
            first.commit()
            with pytest.raises(Retryable):
                made.result(30)
        assert store.get_record(*KEY) == record(data=b"first")

    def test_what_was_rolled_back_is_in_nobodys_way(self, store: Store) -> None:
        put(store, record("c-2"))
        with store.intake() as first:
            seen = first.lock_records([record("c-2").key])
            first.put_records([RecordPut(record(), None), *map(next_of, seen.values())])
        put(store, record(), next_of(record("c-2")))
        assert [one.revision for one in store.list_records(TENANT, "contact", None, 9)] == [1, 2]

    def test_other_records_can_be_changed_meanwhile(self, store: Store) -> None:
        put(store, record(), record("c-2"))
        with store.intake() as first:
            first.put_records([next_of(first.lock_records([KEY])[KEY])])
            put(store, next_of(record("c-2")), record("c-3"))
            first.commit()
        assert [one.revision for one in store.list_records(TENANT, "contact", None, 9)] == [2, 2, 1]


class TestRecords:
    def test_one_is_found_by_tenant_type_and_id_a_deleted_one_too(self, store: Store) -> None:
        put(store, record(), record("gone", forget_at=NOW, data=b""))
        assert store.get_record(TENANT, "contact", "c-1") == record()
        gone = store.get_record(TENANT, "contact", "gone")
        assert gone is not None
        assert (gone.deleted, gone.data) == (True, b"")
        for other in ((OTHER_TENANT, "contact", "c-1"), (TENANT, "deal", "c-1"), (TENANT, "contact", "c")):
            assert store.get_record(*other) is None

    def test_those_of_a_type_are_listed_by_the_bytes_of_their_ids_in_pages(self, store: Store) -> None:
        add(store, ["é", "b", "\uffee", "a/b", "B", "𝄞", "a", "a b"])
        put(store, record("a", type="contacts"), record("a", OTHER_TENANT))
        in_order = ["B", "a", "a b", "a/b", "b", "é", "\uffee", "𝄞"]
        assert [one.id for one in store.list_records(TENANT, "contact", None, 20)] == in_order
        assert [one.id for one in store.list_records(TENANT, "contact", "a b", 3)] == in_order[3:6]
        assert [one.id for one in store.list_records(TENANT, "contact", "a a", 1)] == ["a b"]
        assert list(store.list_records(TENANT, "contact", "𝄞", 3)) == []
        assert list(store.list_records(TENANT, "none", None, 3)) == []

    def test_deleted_ones_are_passed_over_however_many_there_are(self, store: Store) -> None:
        add(store, [f"gone-{place:04d}" for place in range(1_100)], forget_at=NOW, data=b"")
        live = add(store, ["after", "gone-0500-not", "z"])
        assert list(store.list_records(TENANT, "contact", None, 2)) == live[:2]
        assert list(store.list_records(TENANT, "contact", "gone-0500-not", 2)) == live[2:]
        assert list(store.list_records(TENANT, "contact", "z", 2)) == []

    def test_large_ones_come_in_several_pages_and_none_is_left_out(self, store: Store) -> None:
        made = add(store, [f"c-{place}" for place in range(8)], data=b"x" * 1_500_000)
        found: list[Record] = []
        while page := store.list_records(TENANT, "contact", found[-1].id if found else None, 100):
            found += page
        assert found == made


class TestForgettingRecords:
    def test_deleted_ones_are_forgotten_from_their_time_on_in_steps(self, store: Store) -> None:
        add(store, ["live"])
        gone = [record(f"c-{place}", forget_at=NOW + place, data=b"") for place in range(6)]
        put(store, *gone, record("other", OTHER_TENANT, forget_at=NOW))
        assert store.forget_records_step(NOW - 1, 10) == 0
        assert run_out(lambda: store.forget_records_step(NOW + 4, 2), 2) == 6
        assert [one.id for one in gone if store.get_record(*one.key)] == ["c-5"]
        assert store.get_record(OTHER_TENANT, "contact", "other") is None
        assert [one.id for one in store.list_records(TENANT, "contact", None, 9)] == ["live"]

    def test_one_that_was_made_anew_stays(self, store: Store) -> None:
        put(store, record(forget_at=NOW, data=b""))
        put(store, RecordPut(record(revision=2), 1))
        assert store.forget_records_step(NOW + 1, 10) == 0
        assert store.get_record(*KEY) == record(revision=2)

    def test_a_forgotten_one_begins_anew(self, store: Store) -> None:
        put(store, record(revision=7, forget_at=NOW, data=b""))
        assert store.forget_records_step(NOW, 10) == 1
        put(store, record())
        assert store.get_record(*KEY) == record()


def record_type(name: str = "contact", **fields: object) -> RecordType:
    return replace(RecordType(name, created_at=NOW, updated_at=NOW), **fields)  # type: ignore[arg-type]


class TestRecordTypes:
    def test_an_entry_comes_back_as_it_went_in(self, store: Store) -> None:
        full = record_type(fields=("/name", "/a~1b", '/é,"{}\\'), ignored=("/seen_at", ""), deleted_kept_days=7)
        none = record_type("none", fields=(), ignored=())
        for entry in (full, none, record_type("bare")):
            assert store.put_record_type(entry, 10) == entry
            assert store.get_record_type(entry.name) == entry
            with store.intake() as transaction:
                assert list(transaction.record_types([entry.name])) == [entry]
        assert list(store.list_record_types(None, 10)) == [record_type("bare"), full, none]

    def test_replacing_keeps_when_it_was_made_and_counts(self, store: Store) -> None:
        store.put_record_type(record_type(fields=("/a",), ignored=("/b",)), 10)
        later = record_type(deleted_kept_days=1, created_at=NOW + 5, updated_at=NOW + 5, revision=9)
        second = replace(later, created_at=NOW, revision=2)
        assert store.put_record_type(later, 10) == second
        assert store.get_record_type("contact") == second

    def test_there_are_so_many_at_most_and_those_that_are_there_can_be_replaced(self, store: Store) -> None:
        assert store.put_record_type(record_type("a"), 2) is not None
        assert store.put_record_type(record_type("b"), 2) is not None
        version = store.version()
        assert store.put_record_type(record_type("c"), 2) is None
        assert store.get_record_type("c") is None
        assert store.version() == version
        assert store.put_record_type(record_type("b"), 2) is not None
        assert store.delete_record_type("a")
        assert store.put_record_type(record_type("c"), 2) is not None

    def test_entries_are_listed_by_name_in_pages(self, store: Store) -> None:
        for name in ("b.a", "a", "b-a", "B", "b_a", "b"):
            store.put_record_type(record_type(name), 10)
        assert [one.name for one in store.list_record_types(None, 10)] == ["B", "a", "b", "b-a", "b.a", "b_a"]
        assert [one.name for one in store.list_record_types("b", 2)] == ["b-a", "b.a"]
        assert list(store.list_record_types("b_a", 2)) == []

    def test_every_write_is_logged_and_what_exists_is_told(self, store: Store) -> None:
        add_tenant(store)
        for write in (
            lambda: store.put_record_type(record_type(), 10),
            lambda: store.put_record_type(record_type(), 10),
            lambda: store.delete_record_type("contact"),
            lambda: store.put_record_type(record_type(), 10),
        ):
            version = store.version()
            assert write()
            assert changes(store, version) == {("record_type", "", "contact")}
        version = store.version()
        assert store.delete_record_type("none") is False
        assert store.version() == version
        with store.intake() as transaction:
            told = {change[1:] for change in transaction.everything().changes}
        assert told == {("tenant", TENANT, TENANT), ("record_type", "", "contact")}

    def test_a_deleted_one_is_nowhere_and_starts_anew(self, store: Store) -> None:
        store.put_record_type(record_type(), 10)
        store.put_record_type(record_type(), 10)
        assert store.delete_record_type("contact") is True
        assert store.delete_record_type("contact") is False
        assert store.get_record_type("contact") is None
        again = record_type(created_at=NOW + 1, updated_at=NOW + 1)
        assert store.put_record_type(again, 10) == again
