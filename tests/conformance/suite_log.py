"""What every store does for reading what happened: events, attempts, progress; page by page."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from conformance.backend import accept, accept_many, fetch, log, settle
from ringback.model.attempt import Attempt, Outcome
from ringback.model.event import NewDelivery
from ringback.store.port import AttemptQuery, EventQuery, Store, StoredEvent
from support.rows import NOW, OTHER_TENANT, TENANT, attempt, attempt_id, event, failed

WRITERS = 4
WRITES = 15


def ids(store: Store, **filters: object) -> list[str]:
    """The ids of one page of events, by default all of them, oldest first."""
    query = {"tenant_id": TENANT, "ascending": True, "limit": 1_000, **filters}
    return [stored.event.id for stored in store.list_events(EventQuery(**query))]  # type: ignore[arg-type]


def places(attempts: object) -> list[int]:
    return [int(one.id.removeprefix("att_")) for one in attempts]  # type: ignore[attr-defined]


def piece_by_piece(search: Callable[[Any, int], Any], query: Any) -> list[Any]:
    """All that a search finds that looks at four rows at a time."""
    seen: list[Any] = []
    for _ in range(30):
        found, after = search(query, 4)
        assert len(found) <= query.limit
        seen += found
        if after is None:
            return seen
        query = query._replace(after=after)
    raise AssertionError("it comes to no end")


class TestEventLog:
    def test_an_event_is_got_by_its_tenant_and_id(self, store: Store) -> None:
        accept(store, event())
        assert store.get_event(TENANT, "evt_1") == event()
        assert store.get_event(OTHER_TENANT, "evt_1") is None
        assert store.get_event(TENANT, "evt_2") is None

    def test_events_are_listed_newest_first_by_default(self, store: Store) -> None:
        accept_many(store, 3)
        listed = store.list_events(EventQuery(TENANT))
        assert [stored.event.id for stored in listed] == ["evt_00003", "evt_00002", "evt_00001"]
        assert listed[0].event == event("evt_00003")

    def test_the_place_in_the_stream_grows_with_every_event(self, store: Store) -> None:
        accept_many(store, 2, prefix="b")
        accept_many(store, 2, prefix="a")
        listed = store.list_events(EventQuery(TENANT, ascending=True))
        assert [stored.event.id for stored in listed] == ["b_00001", "b_00002", "a_00001", "a_00002"]
        seqs = [stored.seq for stored in listed]
        assert seqs == sorted(set(seqs))

    def test_events_are_paged_both_ways(self, store: Store) -> None:
        accept_many(store, 5)
        for ascending in (True, False):
            seen: list[str] = []
            after = None
            while page := store.list_events(EventQuery(TENANT, ascending=ascending, after=after, limit=2)):
                assert len(page) <= 2
                seen += [stored.event.id for stored in page]
                after = page[-1].seq
            assert seen == sorted(seen, reverse=not ascending)
            assert len(seen) == 5

    def test_a_kept_place_misses_nothing_that_comes_later(self, store: Store) -> None:
        accept_many(store, 2)
        place = store.list_events(EventQuery(TENANT, ascending=True))[-1].seq
        assert ids(store, after=place) == []
        accept_many(store, 2, prefix="a_later")
        assert ids(store, after=place) == ["a_later_00001", "a_later_00002"]

    def test_the_end_of_a_stream_is_its_latest_events_place(self, store: Store) -> None:
        assert store.stream_end(TENANT) == 0
        accept_many(store, 3)
        accept(store, event("evt_1", OTHER_TENANT))
        latest = store.list_events(EventQuery(TENANT))[0].seq
        assert store.stream_end(TENANT) == latest
        assert store.stream_end("none") == 0

    @pytest.mark.parametrize("endpoint_id", [None, "ep_a"])
    def test_whoever_pulls_sees_each_event_once_and_in_order_while_others_post(
        self, store: Store, endpoint_id: str | None
    ) -> None:
        query = EventQuery(TENANT, ascending=True, endpoint_id=endpoint_id, limit=7)
        seen: list[StoredEvent] = []
        with ThreadPoolExecutor(WRITERS) as pool:
            writing = [pool.submit(self.write, store, number) for number in range(WRITERS)]
            over = False
            while not over or len(seen) < WRITERS * WRITES:
                over = all(one.done() for one in writing)
                before, end = len(seen), store.stream_end(TENANT)
                while page := store.list_events(query._replace(after=seen[-1].seq if seen else None)):
                    seen += page
                assert not seen or seen[-1].seq >= end  # nothing up to there was still to come
                assert not over or len(seen) > before or len(seen) == WRITERS * WRITES
            for one in writing:
                one.result()
        ids = [stored.event.id for stored in seen]
        assert len(set(ids)) == len(ids) == WRITERS * WRITES
        assert [stored.seq for stored in seen] == sorted(stored.seq for stored in seen)
        for number in range(WRITERS):
            own = [name for name in ids if name.startswith(f"evt_{number}_")]
            assert own == sorted(own)

    def write(self, store: Store, number: int) -> None:
        for place in range(WRITES):
            accept(store, event(f"evt_{number}_{place:03d}"), "ep_a")

    def test_events_are_filtered_by_type_and_channel_exactly(self, store: Store) -> None:
        accept(store, event("evt_1", type="a.b", channel="x"))
        accept(store, event("evt_2", type="a.b"))
        accept(store, event("evt_3", type="a", channel="x"))
        assert ids(store, type="a.b") == ["evt_1", "evt_2"]
        assert ids(store, type="a.*") == []
        assert ids(store, channel="x") == ["evt_1", "evt_3"]
        assert ids(store, type="a.b", channel="x") == ["evt_1"]
        assert ids(store, channel="") == []

    def test_events_are_filtered_by_patterns_and_channels_as_endpoints_ask_for_them(self, store: Store) -> None:
        kinds = [("a.b", "x"), ("a.b.c", None), ("ab", "y"), ("a", "x"), ("a-b.c", "z"), ("array", "x")]
        for place, (kind, channel) in enumerate(kinds, 1):
            accept(store, event(f"evt_{place}", type=kind, channel=channel))
        everything = [f"evt_{place}" for place in range(1, len(kinds) + 1)]
        assert ids(store, patterns=("*",)) == ids(store, patterns=None) == everything
        assert ids(store, patterns=("a.*",)) == ["evt_1", "evt_2"]
        assert ids(store, patterns=("a", "a-b.*", "a.b.*")) == ["evt_2", "evt_4", "evt_5"]
        assert ids(store, patterns=("array",)) == ["evt_6"]
        assert ids(store, patterns=()) == []
        assert ids(store, channels=("x", "z")) == ["evt_1", "evt_4", "evt_5", "evt_6"]
        assert ids(store, channels=()) == []
        assert ids(store, patterns=("a.*",), channels=("x",)) == ["evt_1"]

    def test_events_are_filtered_by_when_they_were_accepted_from_since_to_before_until(self, store: Store) -> None:
        for place in (1, 2, 3):
            accept(store, event(f"evt_{place}", accepted_at=NOW + place, occurred_at=NOW - place))
        assert ids(store, since=NOW + 2) == ["evt_2", "evt_3"]
        assert ids(store, until=NOW + 2) == ["evt_1"]
        assert ids(store, since=NOW + 2, until=NOW + 3) == ["evt_2"]

    def test_an_endpoints_events_are_those_it_has_a_delivery_or_an_attempt_of(self, store: Store) -> None:
        (done,) = accept(store, event("evt_1"), "ep_a")
        accept(store, event("evt_2"), "ep_b")
        accept(store, event("evt_3"), "ep_b", "ep_a")
        accept(store, event("evt_4"))
        settle(store, done, attempt(1, 1, "evt_1"))
        assert ids(store, endpoint_id="ep_a") == ["evt_1", "evt_3"]
        assert ids(store, endpoint_id="ep_b") == ["evt_2", "evt_3"]
        assert ids(store, endpoint_id="ep_c") == []

    def test_an_event_with_many_attempts_is_listed_once(self, store: Store) -> None:
        (seq,) = accept(store, event(), "ep_a")
        for number in (1, 2, 3):
            settle(store, seq, failed(number, number), retry_at=NOW, tries=number)
        assert ids(store, endpoint_id="ep_a") == ["evt_1"]

    def test_filters_and_pages_go_together(self, store: Store) -> None:
        for place in range(1, 7):
            accept(store, event(f"evt_{place}", type="odd" if place % 2 else "even"), "ep_a")
        first = store.list_events(EventQuery(TENANT, type="odd", endpoint_id="ep_a", limit=2))
        assert [stored.event.id for stored in first] == ["evt_5", "evt_3"]
        second = store.list_events(EventQuery(TENANT, type="odd", endpoint_id="ep_a", limit=2, after=first[-1].seq))
        assert [stored.event.id for stored in second] == ["evt_1"]

    def test_another_tenants_events_stay_out(self, store: Store) -> None:
        accept(store, event("evt_1", OTHER_TENANT), "ep_a")
        assert ids(store) == []
        assert ids(store, endpoint_id="ep_a") == []
        assert list(store.progress(TENANT, "evt_1")) == []


class TestProgress:
    def test_an_unknown_event_stands_nowhere(self, store: Store) -> None:
        assert list(store.progress(TENANT, "evt_none")) == []

    def test_every_endpoint_the_event_was_meant_for_is_there_by_id(self, store: Store) -> None:
        pending, tried, done = accept(store, event(), "ep_c", "ep_a", "ep_b")
        settle(store, tried, failed(1, 1), retry_at=NOW + 5, tries=1)
        settle(store, done, attempt(2, 1, endpoint_id="ep_b"))
        at_a, at_b, at_c = store.progress(TENANT, "evt_1")
        assert at_a.pending is not None
        assert (at_a.pending.seq, at_a.pending.due_at, at_a.pending.attempts) == (tried, NOW + 5, 1)
        assert (at_a.endpoint_id, *at_a[2:]) == ("ep_a", 1, Outcome.FAILED, False, 500)
        assert at_b == ("ep_b", None, 1, Outcome.SUCCEEDED, True, 200)
        assert at_c.pending is not None
        assert (at_c.pending.seq, *at_c[2:]) == (pending, 0, None, False, None)

    def test_the_last_attempt_is_the_one_with_the_highest_number(self, store: Store) -> None:
        (seq,) = accept(store, event(), "ep_a")
        settle(store, seq, failed(3, 1), retry_at=NOW, tries=1)
        settle(store, seq, failed(2, 2, status_code=503), retry_at=NOW, tries=2)
        settle(store, seq, attempt(1, 3, status_code=204))
        assert list(store.progress(TENANT, "evt_1")) == [("ep_a", None, 3, Outcome.SUCCEEDED, True, 204)]

    def test_superseded_attempts_do_not_count(self, store: Store) -> None:
        (seq,) = accept(store, event(), "ep_a")
        settle(store, seq, attempt(1, 1))
        settle(store, seq, failed(2, 2), retry_at=NOW, tries=1)
        assert list(store.progress(TENANT, "evt_1")) == [("ep_a", None, 1, Outcome.SUCCEEDED, True, 200)]


def in_order(store: Store, event_id: str, *places: tuple[str, str | None]) -> list[int]:
    """Accept an event with a delivery for each (endpoint, ordering key)."""
    rows = [NewDelivery(TENANT, endpoint_id, event_id, key, NOW) for endpoint_id, key in places]
    with store.intake() as transaction:
        drawn = transaction.insert([event(event_id)], rows)
        transaction.commit()
    return list(drawn)


class TestBehindOthers:
    def test_behind_is_what_came_later_with_the_same_key_at_the_same_endpoint(self, store: Store) -> None:
        in_order(store, "evt_1", ("ep_a", "k"), ("ep_b", "k"), ("ep_c", None))
        in_order(store, "evt_2", ("ep_d", "k"), ("ep_c", None), ("ep_b", "other"), ("ep_a", "k"))
        assert list(store.behind_others(TENANT, "evt_1")) == []
        assert list(store.behind_others(TENANT, "evt_2")) == ["ep_a", "ep_c"]
        assert list(store.behind_others(OTHER_TENANT, "evt_2")) == []
        assert list(store.behind_others(TENANT, "evt_none")) == []

    def test_one_that_is_tried_again_still_goes_first_and_one_that_ended_does_not(self, store: Store) -> None:
        (first,) = in_order(store, "evt_1", ("ep_a", "k"))
        (second,) = in_order(store, "evt_2", ("ep_a", "k"))
        settle(store, first, failed(1, 1), retry_at=NOW + 600_000, tries=1)
        assert list(store.behind_others(TENANT, "evt_2")) == ["ep_a"]
        settle(store, second, failed(2, 1, "evt_2"), retry_at=NOW + 5, tries=1)
        assert list(store.behind_others(TENANT, "evt_1")) == []
        settle(store, first, attempt(3, 2))
        assert list(store.behind_others(TENANT, "evt_2")) == []


class TestSearch:
    """Looking for what is rare, a bounded number of rows at a time."""

    @pytest.mark.parametrize("ascending", [False, True])
    @pytest.mark.parametrize("filters", [{"event_type": "rare"}, {"outcome": "failed"}, {"since": NOW, "limit": 3}])
    def test_what_is_found_piece_by_piece_is_what_a_listing_finds(
        self, store: Store, filters: dict[str, object], ascending: bool
    ) -> None:
        for place in range(1, 31):
            made = failed if place % 4 == 0 else attempt
            settle(store, 0, made(place, 1, event_type="rare" if place % 7 == 1 else "common"))
        settle(store, 0, failed(40, 1, tenant_id=OTHER_TENANT, event_type="rare"))
        query = AttemptQuery(TENANT, "ep_a", ascending=ascending, **filters)  # type: ignore[arg-type]
        assert piece_by_piece(store.search_attempts, query) == store.list_attempts(query)

    @pytest.mark.parametrize("ascending", [False, True])
    @pytest.mark.parametrize(
        "filters", [{"type": "rare"}, {"endpoint_id": "ep_b"}, {"channel": "eu"}, {"since": NOW + 9}]
    )
    def test_events_are_found_piece_by_piece_too(
        self, store: Store, filters: dict[str, object], ascending: bool
    ) -> None:
        for place in range(1, 31):
            fields = {"type": "rare" if place % 7 == 1 else "common", "channel": "eu" if place % 4 == 0 else None}
            one = event(f"evt_{place:02}", accepted_at=NOW + place, **fields)
            accept(store, one, "ep_b" if place % 5 == 0 else "ep_a")
        accept(store, event("evt_x", OTHER_TENANT, type="rare", channel="eu"), "ep_b")
        query = EventQuery(TENANT, ascending=ascending, **filters)  # type: ignore[arg-type]
        assert piece_by_piece(store.search_events, query) == store.list_events(query)

    def test_a_search_for_events_ends_where_it_has_enough(self, store: Store) -> None:
        accept_many(store, 5)
        found, place = store.search_events(EventQuery(TENANT, limit=2), 100)
        assert ([one.event.id for one in found], place) == (["evt_00005", "evt_00004"], None)
        assert store.search_events(EventQuery(TENANT, limit=9), 100).place is None
        assert store.search_events(EventQuery("none"), 100) == ([], None)

    def test_it_ends_where_it_has_enough(self, store: Store) -> None:
        for place in range(1, 6):
            settle(store, 0, attempt(place, 1))
        found, place = store.search_attempts(AttemptQuery(TENANT, limit=2), 100)
        assert (places(found), place) == ([5, 4], None)
        assert store.search_attempts(AttemptQuery(TENANT, limit=9), 100).place is None
        assert store.search_attempts(AttemptQuery("none"), 100) == ([], None)


class TestAttemptLog:
    def test_attempts_are_listed_newest_first_by_id(self, store: Store) -> None:
        for place in (2, 1, 3):
            settle(store, 0, attempt(place, 1))
        assert places(store.list_attempts(AttemptQuery(TENANT))) == [3, 2, 1]
        assert places(store.list_attempts(AttemptQuery(TENANT, ascending=True))) == [1, 2, 3]

    def test_a_list_leaves_bodies_and_headers_out(self, store: Store) -> None:
        settle(store, 0, attempt(1, 1, request_body=b"body"))
        (listed,) = store.list_attempts(AttemptQuery(TENANT))
        assert isinstance(listed, Attempt)
        assert listed == attempt(
            1,
            1,
            superseded=True,
            request_headers=b"",
            request_body=None,
            body_head=b"",
            body_tail=b"",
            response_headers=None,
            response_body=None,
        )

    def test_attempts_are_paged_both_ways(self, store: Store) -> None:
        for place in range(1, 6):
            settle(store, 0, attempt(place, 1))
        for ascending in (True, False):
            seen: list[int] = []
            after = None
            while page := store.list_attempts(AttemptQuery(TENANT, ascending=ascending, after=after, limit=2)):
                assert len(page) <= 2
                seen += places(page)
                after = page[-1].id
            assert seen == sorted(range(1, 6), reverse=not ascending)

    def test_attempts_are_filtered(self, store: Store) -> None:
        settle(store, 0, attempt(1, 1, "evt_1", "ep_a", event_type="x"))
        settle(store, 0, failed(2, 1, "evt_1", "ep_b", event_type="x"), retry_at=NOW, tries=1)
        settle(store, 0, failed(3, 1, "evt_2", "ep_a", event_type="y"), retry_at=NOW, tries=1)
        settle(store, 0, attempt(4, 1, None, "ep_a"))
        assert places(log(store, endpoint_id="ep_a")) == [1, 3, 4]
        assert places(log(store, event_id="evt_1")) == [1, 2]
        assert places(log(store, outcome="failed")) == [2, 3]
        assert places(log(store, outcome="succeeded")) == [1, 4]
        assert places(log(store, event_type="x")) == [1, 2]
        assert places(log(store, endpoint_id="ep_a", event_type="x", outcome="failed")) == []
        assert places(log(store, endpoint_id="ep_a", outcome="succeeded", limit=1)) == [1]

    def test_attempts_are_filtered_by_when_they_began_from_since_to_before_until(self, store: Store) -> None:
        for place in (1, 2, 3):
            settle(store, 0, attempt(place, 1, at=NOW + place))
        assert places(log(store, since=NOW + 2)) == [2, 3]
        assert places(log(store, until=NOW + 2)) == [1]
        assert places(log(store, since=NOW + 2, until=NOW + 3)) == [2]

    def test_filters_and_pages_go_together(self, store: Store) -> None:
        for place in range(1, 7):
            settle(store, 0, attempt(place, 1, endpoint_id="ep_a" if place % 2 else "ep_b"))
        first = store.list_attempts(AttemptQuery(TENANT, endpoint_id="ep_a", limit=2))
        assert places(first) == [5, 3]
        rest = store.list_attempts(AttemptQuery(TENANT, endpoint_id="ep_a", limit=2, after=first[-1].id))
        assert places(rest) == [1]

    def test_another_tenants_attempts_stay_out(self, store: Store) -> None:
        settle(store, 0, attempt(1, 1, tenant_id=OTHER_TENANT))
        assert list(log(store)) == []
        assert store.get_attempt(TENANT, attempt_id(1)) is None
        assert store.get_attempt(OTHER_TENANT, attempt_id(1)) is not None

    def test_an_unknown_attempt(self, store: Store) -> None:
        assert store.get_attempt(TENANT, attempt_id(1)) is None

    def test_a_body_that_was_not_stored_is_pieced_together(self, store: Store) -> None:
        accept(store, event(data=b'{"a":\xff1}'), "ep_a")
        settle(store, 0, attempt(1, 1, request_body=None, body_head=b'{"data":', body_tail=b"}"))
        found = store.get_attempt(TENANT, attempt_id(1))
        assert found is not None
        assert found.request_body == b'{"data":{"a":\xff1}}'
        assert found.response_body == b"thanks"

    def test_a_body_that_was_stored_is_that(self, store: Store) -> None:
        accept(store, event(), "ep_a")
        for place, body in ((1, b"own"), (2, b"")):
            settle(store, 0, attempt(place, 1, request_body=body))
            found = store.get_attempt(TENANT, attempt_id(place))
            assert found is not None
            assert found.request_body == body

    def test_reading_changes_nothing(self, store: Store) -> None:
        (seq,) = accept(store, event(), "ep_a")
        settle(store, seq, failed(1, 1), retry_at=NOW, tries=1)
        once = (log(store), store.progress(TENANT, "evt_1"), fetch(store))
        assert (log(store), store.progress(TENANT, "evt_1"), fetch(store)) == once
