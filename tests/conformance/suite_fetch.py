"""What every store does for fetching due work: new work beyond the watermark, retries and late commits below it,
heads only where an endpoint wants an order, and the truth about what is left."""

from conformance.backend import accept, accept_many, add_endpoint, fetch, numbers, settle
from ringback.store.port import EventQuery, FetchRequest, Store
from support.rows import NOW, OTHER_TENANT, TENANT, attempt, event, failed, new_delivery


def retry(store: Store, seq: int, due_at: int, place: int, event_id: str) -> None:
    """Fail a delivery's first attempt, so that it is due again at `due_at`."""
    assert settle(store, seq, failed(place, 1, event_id), retry_at=due_at, tries=1)


class TestFetch:
    def test_an_empty_lane_is_complete(self, store: Store) -> None:
        add_endpoint(store)
        assert fetch(store, watermark=7) == ("ep_a", [], 7, True, None)

    def test_new_work_comes_by_number(self, store: Store) -> None:
        drawn = accept_many(store, 3, due_at=NOW) + accept_many(store, 2, prefix="sooner", due_at=NOW - 50)
        fetched = fetch(store)
        assert numbers(fetched) == drawn
        assert (fetched.watermark, fetched.complete, fetched.next_due) == (drawn[-1], True, None)

    def test_nothing_comes_before_it_is_due(self, store: Store) -> None:
        drawn = accept_many(store, 1, due_at=NOW + 1)
        assert numbers(fetch(store, NOW)) == []
        assert numbers(fetch(store, NOW + 1)) == drawn

    def test_next_due_is_when_the_earliest_that_is_not_due_becomes_due(self, store: Store) -> None:
        accept_many(store, 1, due_at=NOW)
        accept_many(store, 1, prefix="last", due_at=NOW + 9)
        accept_many(store, 1, prefix="next", due_at=NOW + 5)
        fetched = fetch(store)
        assert (len(fetched.rows), fetched.complete, fetched.next_due) == (1, True, NOW + 5)

    def test_what_is_not_due_yet_is_found_below_the_watermark_later(self, store: Store) -> None:
        (future,) = accept_many(store, 1, due_at=NOW + 5, prefix="future")
        (present,) = accept_many(store, 1)
        first = fetch(store)
        assert numbers(first) == [present]
        later = fetch(store, NOW + 5, watermark=first.watermark, holding=1)
        assert set(numbers(later)) - {present} == {future}
        assert later.complete

    def test_large_payloads_may_come_a_few_at_a_time_but_all_of_them_come(self, store: Store) -> None:
        drawn = accept_many(store, 24, data=b'"' + b"y" * 1_000_000 + b'"')
        retry(store, drawn[0], NOW, 1, "evt_00001")
        held: list[int] = []
        watermark, complete = 0, False
        while not complete:
            fetched = fetch(store, NOW, watermark=watermark, holding=len(held))
            assert set(numbers(fetched)) - set(held)
            assert watermark <= fetched.watermark <= drawn[-1]
            held += [seq for seq in numbers(fetched) if seq not in held]
            watermark, complete = fetched.watermark, fetched.complete
        assert sorted(held) == drawn

    def test_the_limit_cuts_new_work_off_by_number(self, store: Store) -> None:
        drawn = accept_many(store, 5)
        fetched = fetch(store, limit=3)
        assert (numbers(fetched), fetched.watermark, fetched.complete) == (drawn[:3], drawn[2], False)

    def test_a_limit_that_is_just_met_is_complete(self, store: Store) -> None:
        drawn = accept_many(store, 5)
        fetched = fetch(store, limit=5)
        assert (numbers(fetched), fetched.watermark, fetched.complete) == (drawn, drawn[-1], True)

    def test_the_next_fetch_goes_on_where_the_last_was_cut_off(self, store: Store) -> None:
        drawn = accept_many(store, 5)
        first = fetch(store, limit=2)
        for place, seq in enumerate(numbers(first), 1):
            settle(store, seq, attempt(place, 1, first.rows[place - 1].event.id))
        second = fetch(store, limit=2, watermark=first.watermark)
        assert (numbers(first), numbers(second)) == (drawn[:2], drawn[2:4])
        assert not second.complete

    def test_what_is_held_may_come_again_on_top_of_the_limit(self, store: Store) -> None:
        drawn = accept_many(store, 6)
        held = set(numbers(fetch(store, limit=3)))
        second = fetch(store, limit=2, holding=3, watermark=drawn[2])
        assert set(numbers(second)) - held == set(drawn[3:5])
        assert (second.watermark, second.complete) == (drawn[4], False)

    def test_new_work_never_exceeds_the_limit_however_much_is_held(self, store: Store) -> None:
        drawn = accept_many(store, 9)
        held = set(numbers(fetch(store, limit=3)))
        second = fetch(store, limit=2, holding=3, watermark=drawn[2])
        assert [seq for seq in numbers(second) if seq not in held] == drawn[3:5]

    def test_a_lane_is_complete_when_all_that_is_due_is_held_or_returned(self, store: Store) -> None:
        drawn = accept_many(store, 4)
        held = set(numbers(fetch(store, limit=3)))
        fetched = fetch(store, limit=1, holding=3, watermark=drawn[2])
        assert fetched.complete
        assert held | set(numbers(fetched)) == set(drawn)

    def test_retries_are_read_past_those_that_are_held(self, store: Store) -> None:
        drawn = accept_many(store, 6)
        for place, seq in enumerate(drawn, 1):
            retry(store, seq, NOW + place, place, f"evt_{place:05d}")
        held = set(numbers(fetch(store, NOW + 9, limit=3, watermark=drawn[-1])))
        assert held == set(drawn[:3])
        second = fetch(store, NOW + 9, limit=2, holding=3, watermark=drawn[-1])
        assert [seq for seq in numbers(second) if seq not in held] == drawn[3:5]
        assert not second.complete
        third = fetch(store, NOW + 9, limit=2, holding=5, watermark=drawn[-1])
        assert set(numbers(third)) - held - set(drawn[3:5]) == {drawn[5]}
        assert third.complete

    def test_retries_come_after_new_work_and_by_due_at(self, store: Store) -> None:
        old = accept_many(store, 3)
        for place, due_at in ((1, NOW + 3), (2, NOW + 1), (3, NOW + 2)):
            retry(store, old[place - 1], due_at, place, f"evt_{place:05d}")
        new = accept_many(store, 2, prefix="new")
        fetched = fetch(store, NOW + 3, watermark=old[-1])
        assert numbers(fetched) == [*new, old[1], old[2], old[0]]
        assert fetched.watermark == new[-1]

    def test_retries_that_are_due_at_once_come_by_number(self, store: Store) -> None:
        old = accept_many(store, 3)
        for place in (3, 1, 2):
            retry(store, old[place - 1], NOW + 1, place, f"evt_{place:05d}")
        assert numbers(fetch(store, NOW + 1, watermark=old[-1])) == old

    def test_a_retry_is_not_due_before_its_time(self, store: Store) -> None:
        (seq,) = accept_many(store, 1)
        retry(store, seq, NOW + 5, 1, "evt_00001")
        early = fetch(store, NOW + 4, watermark=seq)
        assert (early.rows, early.complete, early.next_due) == ([], True, NOW + 5)
        (row,) = fetch(store, NOW + 5, watermark=seq).rows
        assert (row.delivery.seq, row.delivery.attempts, row.delivery.tries) == (seq, 1, 1)

    def test_retries_that_were_cut_off_make_it_incomplete(self, store: Store) -> None:
        old = accept_many(store, 3)
        for place, seq in enumerate(old, 1):
            retry(store, seq, NOW + place, place, f"evt_{place:05d}")
        fetched = fetch(store, NOW + 9, limit=2, watermark=old[-1])
        assert (numbers(fetched), fetched.watermark, fetched.complete) == (old[:2], old[-1], False)

    def test_new_work_comes_before_retries_when_the_limit_cuts(self, store: Store) -> None:
        (old,) = accept_many(store, 1)
        retry(store, old, NOW, 1, "evt_00001")
        new = accept_many(store, 3, prefix="new")
        cut = fetch(store, limit=3, watermark=old)
        assert (numbers(cut), cut.watermark, cut.complete) == (new, new[-1], False)

    def test_the_watermark_never_falls(self, store: Store) -> None:
        accept_many(store, 2)
        assert fetch(store, watermark=10**9).watermark == 10**9

    def test_a_limit_of_nothing_reads_nothing_and_says_whether_it_is_complete(self, store: Store) -> None:
        assert fetch(store, limit=0).complete
        accept_many(store, 1)
        fetched = fetch(store, limit=0, watermark=0)
        assert (fetched.rows, fetched.watermark, fetched.complete) == ([], 0, False)

    def test_many_lanes_in_one_call_answer_in_the_order_asked(self, store: Store) -> None:
        by_endpoint = {name: accept_many(store, 2, name, prefix=name) for name in ("ep_a", "ep_b", "ep_c")}
        asked = ["ep_c", "ep_none", "ep_a", "ep_b"]
        answers = store.fetch([FetchRequest(TENANT, name, 0, 10, 0, name == "ep_b") for name in asked], NOW)
        assert [answer.endpoint_id for answer in answers] == asked
        assert numbers(answers[0]) == by_endpoint["ep_c"]
        assert numbers(answers[1]) == []
        assert numbers(answers[2]) == by_endpoint["ep_a"]
        assert numbers(answers[3]) == by_endpoint["ep_b"][:1]
        assert store.fetch([], NOW) == []

    def test_each_lane_has_its_own_limit(self, store: Store) -> None:
        for name in ("ep_a", "ep_b"):
            accept_many(store, 5, name, prefix=name)
        first, second = store.fetch(
            [FetchRequest(TENANT, "ep_a", 0, 2, 0, False), FetchRequest(TENANT, "ep_b", 0, 4, 0, False)], NOW
        )
        assert (len(first.rows), len(second.rows)) == (2, 4)

    def test_another_lanes_work_stays_out(self, store: Store) -> None:
        accept(store, event("evt_1", OTHER_TENANT), "ep_b")
        assert fetch(store).rows == []
        assert store.next_due(TENANT, "ep_a", False) is None

    def test_an_event_for_several_endpoints_comes_whole_in_each_lane(self, store: Store) -> None:
        accept(store, event(data=b"\x00raw"), "ep_a", "ep_b")
        for name in ("ep_a", "ep_b"):
            (row,) = fetch(store, endpoint_id=name).rows
            assert (row.delivery.endpoint_id, row.event.data) == (name, b"\x00raw")

    def test_thousands_of_rows_are_drained_in_steps(self, store: Store) -> None:
        drawn = accept_many(store, 2_500)
        seen: list[int] = []
        watermark = 0
        while True:
            fetched = fetch(store, limit=300, holding=0, watermark=watermark)
            seen += [seq for seq in numbers(fetched) if seq > watermark]
            if fetched.watermark == watermark:
                break
            watermark = fetched.watermark
        assert seen == drawn

    def test_next_due_is_the_earliest_due_at_whether_past_or_not(self, store: Store) -> None:
        assert store.next_due(TENANT, "ep_a", False) is None
        accept_many(store, 1, due_at=NOW + 9)
        assert store.next_due(TENANT, "ep_a", False) == NOW + 9
        accept_many(store, 1, prefix="past", due_at=NOW - 9)
        assert store.next_due(TENANT, "ep_a", False) == NOW - 9


class TestOrderedFetch:
    def accept_keyed(self, store: Store, *keys: str | None, due_at: int = NOW) -> list[int]:
        """One delivery for each key, in this order."""
        start = len(store.list_events(EventQuery(TENANT, limit=10_000)))
        events = [event(f"evt_{start + place:05d}", ordering_key=key) for place, key in enumerate(keys)]
        with store.intake() as transaction:
            drawn = transaction.insert(events, [new_delivery(one, due_at=due_at) for one in events])
            transaction.commit()
        return list(drawn)

    def test_only_the_head_of_each_key_comes(self, store: Store) -> None:
        drawn = self.accept_keyed(store, "a", "b", "a", "b", "c")
        fetched = fetch(store, ordered=True)
        assert numbers(fetched) == [drawn[0], drawn[1], drawn[4]]
        assert (fetched.complete, fetched.next_due) == (True, None)

    def test_no_key_is_a_key_of_its_own(self, store: Store) -> None:
        drawn = self.accept_keyed(store, None, "", None, "")
        assert numbers(fetch(store, ordered=True)) == drawn[:2]

    def test_a_head_that_is_not_due_blocks_its_own_key_only(self, store: Store) -> None:
        drawn = self.accept_keyed(store, "a", "a", "b")
        retry(store, drawn[0], NOW + 60, 1, "evt_00000")
        fetched = fetch(store, watermark=drawn[1], ordered=True)
        assert numbers(fetched) == [drawn[2]]
        assert (fetched.complete, fetched.next_due) == (True, NOW + 60)

    def test_next_due_and_complete_are_about_heads(self, store: Store) -> None:
        (head,) = self.accept_keyed(store, "a", due_at=NOW + 60)
        self.accept_keyed(store, "a", due_at=NOW - 5)
        self.accept_keyed(store, "a", due_at=NOW + 5)
        assert fetch(store, ordered=True) == ("ep_a", [], 0, True, NOW + 60)
        assert store.next_due(TENANT, "ep_a", True) == NOW + 60
        assert store.next_due(TENANT, "ep_a", False) == NOW - 5
        assert numbers(fetch(store, NOW + 60, ordered=True)) == [head]

    def test_the_next_of_a_key_comes_when_its_head_is_finished(self, store: Store) -> None:
        drawn = self.accept_keyed(store, "a", "b", "a")
        first = fetch(store, ordered=True)
        settle(store, drawn[0], attempt(1, 1, "evt_00000"))
        second = fetch(store, watermark=first.watermark, holding=1, ordered=True)
        assert set(numbers(second)) - {drawn[1]} == {drawn[2]}
        assert second.complete

    def test_a_head_below_the_watermark_is_found(self, store: Store) -> None:
        drawn = self.accept_keyed(store, "a", "a", "b", "b")
        first = fetch(store, ordered=True)
        retry(store, drawn[0], NOW + 1, 1, "evt_00000")
        settle(store, drawn[2], attempt(2, 1, "evt_00002"))
        second = fetch(store, NOW + 1, watermark=first.watermark + 100, ordered=True)
        assert set(numbers(second)) == {drawn[0], drawn[3]}

    def test_the_limit_cuts_heads_off_and_says_so(self, store: Store) -> None:
        drawn = self.accept_keyed(store, "a", "a", "b", "c", "c")
        heads = {drawn[0], drawn[2], drawn[3]}
        cut = fetch(store, limit=2, ordered=True)
        assert len(cut.rows) == 2
        assert set(numbers(cut)) < heads
        assert not cut.complete
        whole = fetch(store, limit=3, ordered=True)
        assert set(numbers(whole)) == heads
        assert whole.complete

    def test_heads_that_were_cut_off_come_when_those_before_them_are_held(self, store: Store) -> None:
        drawn = self.accept_keyed(store, *[f"key {place:03d}" for place in range(60)])
        held: set[int] = set()
        watermark = 0
        for _ in range(7):
            fetched = fetch(store, limit=10, holding=len(held), watermark=watermark, ordered=True)
            watermark = fetched.watermark
            held |= set(numbers(fetched))
        assert held == set(drawn)
        assert fetched.complete

    def test_a_head_whose_key_has_thousands_behind_it(self, store: Store) -> None:
        blocked = self.accept_keyed(store, *["a"] * 3_000)
        (free,) = self.accept_keyed(store, "b")
        assert numbers(fetch(store, ordered=True)) == [blocked[0], free]
        retry(store, blocked[0], NOW + 60, 1, "evt_00000")
        fetched = fetch(store, watermark=free, ordered=True)
        assert (numbers(fetched), fetched.complete, fetched.next_due) == ([free], True, NOW + 60)
