"""What every store does with jobs: what a replay finds, what it has to do, and its steps."""

from typing import Any

import pytest

from conformance.backend import ALWAYS, accept, accept_many, add_endpoint, claim, fetch, run_out, settle
from ringback.model.attempt import Outcome
from ringback.model.endpoint import EndpointStatus, Ordering
from ringback.model.job import REPLAY, Job, JobState, Which
from ringback.store.port import Cutoff, EventQuery, ReplaySpan, Store
from support.rows import NOW, OTHER_TENANT, TENANT, attempt, event, failed, secret, tenant

LATER = NOW + 1_000
LAST = 10**12
SPAN = ReplaySpan(TENANT, "ep_a", NOW, NOW + 100, LAST)
NEVER = 0


def a_job(job_id: str = "job_1", **changes: Any) -> Job:
    plain = Job(TENANT, job_id, "ep_a", REPLAY, Which.ALL, JobState.RUNNING, NOW, LATER, 0, 0, LATER, None)
    return plain._replace(**changes)


def candidates(store: Store, span: ReplaySpan = SPAN, limit: int = 10) -> list[tuple[str, str | None]]:
    """(event, how its last delivery ended) of all pages."""
    found: list[tuple[str, str | None]] = []
    place: int | None = 0
    while place is not None:
        page = store.replay_page(span, place, limit)
        assert len(page.candidates) <= limit
        assert page.place is None or page.place > place
        found += [(one.event_id, one.last_outcome) for one in page.candidates]
        place = page.place
    return found


def places(store: Store, *event_ids: str) -> list[int]:
    stream = store.list_events(EventQuery(TENANT, ascending=True, limit=10_000))
    return [stored.seq for stored in stream if not event_ids or stored.event.id in event_ids]


def begin(store: Store, *event_ids: str, **changes: Any) -> Job:
    """A job that was started, for these events (none named: for all)."""
    job = a_job(**changes)
    assert store.create_job(job, 10, 10)
    assert store.add_job_events(job.tenant_id, job.id, places(store, *event_ids))
    started = store.start_job(job.tenant_id, job.id)
    assert started is not None
    return started


def step(store: Store, limit: int = 10, pending_max: int = 1_000, job_id: str = "job_1", stale: int = NEVER) -> int:
    return store.job_step(job_id, LATER, stale, limit, pending_max)


class TestReplayPages:
    def test_events_of_the_span_oldest_first(self, store: Store) -> None:
        accepted = {"evt_1": NOW - 1, "evt_2": NOW, "evt_3": NOW + 99, "evt_4": NOW + 100, "evt_5": NOW + 5}
        for name, at in accepted.items():
            accept(store, event(name, accepted_at=at))
        accept(store, event("evt_6", OTHER_TENANT))
        for limit in (1, 2, 10):
            assert candidates(store, limit=limit) == [("evt_2", None), ("evt_3", None), ("evt_5", None)]
        (place,) = places(store, "evt_3")
        assert candidates(store, SPAN._replace(last=place)) == [("evt_2", None), ("evt_3", None)]

    def test_what_is_known_of_an_event(self, store: Store) -> None:
        accept(store, event(type="a.b", channel="eu"))
        (one,) = store.replay_page(SPAN, 0, 10).candidates
        assert one == (places(store)[0], "evt_1", "a.b", "eu", None)

    def test_pending_and_redacted_events_are_none(self, store: Store) -> None:
        accept(store, event("evt_1"), "ep_a")
        accept(store, event("evt_2"))
        accept(store, event("evt_3"), "ep_b")
        run_out(lambda: store.redact_step(TENANT, ["evt_2"], LATER, 10), 10)
        assert candidates(store) == [("evt_3", None)]

    def test_how_the_last_delivery_ended(self, store: Store) -> None:
        def ended(name: str, *outcomes: Outcome, **changes: Any) -> None:
            (seq,) = accept(store, event(name), "ep_a")
            for number, outcome in enumerate(outcomes, 1):
                one = attempt(
                    seq * 10 + number, number, name, outcome=outcome, final=number == len(outcomes), **changes
                )
                settle(store, seq, one, None if one.final else LATER, number)

        ended("evt_1", Outcome.SUCCEEDED)
        ended("evt_2", Outcome.FAILED, Outcome.FAILED)
        ended("evt_3", Outcome.FAILED, Outcome.SUCCEEDED)
        ended("evt_4", Outcome.CANCELLED)
        ended("evt_5", Outcome.FAILED, endpoint_id="ep_a")
        (elsewhere,) = accept(store, event("evt_6"), "ep_b")
        settle(store, elsewhere, failed(901, 1, "evt_6", "ep_b", final=True))
        assert candidates(store) == [
            ("evt_1", Outcome.SUCCEEDED),
            ("evt_2", Outcome.FAILED),
            ("evt_3", Outcome.SUCCEEDED),
            ("evt_4", Outcome.CANCELLED),
            ("evt_5", Outcome.FAILED),
            ("evt_6", None),
        ]

    def test_a_success_that_came_too_late_to_count_is_a_success(self, store: Store) -> None:
        (seq,) = accept(store, event(), "ep_a")
        settle(store, seq, failed(1, 1, final=True))
        assert settle(store, seq, attempt(2, 1)) is False
        assert candidates(store) == [("evt_1", Outcome.SUCCEEDED)]

    def test_a_failure_that_came_too_late_is_passed_over(self, store: Store) -> None:
        (seq,) = accept(store, event(), "ep_a")
        settle(store, seq, attempt(1, 1))
        assert settle(store, seq, failed(2, 2, final=True)) is False
        assert candidates(store) == [("evt_1", Outcome.SUCCEEDED)]

    def test_what_expired_on_its_way_is_not_kept_but_what_was_sent_again_may_end_anew(self, store: Store) -> None:
        add_endpoint(store)
        (seq,) = accept(store, event(), "ep_a")
        settle(store, seq, attempt(1, 1))
        store.resend(TENANT, "evt_1", ["ep_a"], LATER)
        (row,) = fetch(store, LATER).rows
        settle(store, row.delivery.seq, failed(2, 2, final=True))
        assert candidates(store) == [("evt_1", Outcome.FAILED)]


class TestJobs:
    def test_a_job_is_as_it_was_made(self, store: Store) -> None:
        assert store.create_job(a_job(), 1, 10)
        assert store.get_job(TENANT, "job_1") == a_job()
        assert store.get_job(OTHER_TENANT, "job_1") is None
        assert store.get_job(TENANT, "job_2") is None

    def test_only_so_many_run_at_once(self, store: Store) -> None:
        assert store.create_job(a_job("job_1"), 1, 2)
        assert not store.create_job(a_job("job_2"), 1, 2)
        assert store.create_job(a_job("job_3", endpoint_id="ep_b"), 1, 2)
        assert not store.create_job(a_job("job_4", endpoint_id="ep_c"), 1, 2)
        assert store.create_job(a_job("job_5", tenant_id=OTHER_TENANT), 1, 2)
        store.cancel_job(TENANT, "job_1", LATER)
        assert store.create_job(a_job("job_6"), 1, 2)
        assert [job.id for job in store.list_jobs(TENANT, None, 10)] == ["job_6", "job_3", "job_1"]

    def test_they_are_listed_newest_first_page_by_page(self, store: Store) -> None:
        for place in range(5):
            store.create_job(a_job(f"job_{place}"), 10, 10)
        assert [job.id for job in store.list_jobs(TENANT, None, 2)] == ["job_4", "job_3"]
        assert [job.id for job in store.list_jobs(TENANT, "job_3", 2)] == ["job_2", "job_1"]
        assert list(store.list_jobs(OTHER_TENANT, None, 2)) == []

    def test_what_is_written_down_is_counted(self, store: Store) -> None:
        accept_many(store, 5, "ep_b")
        store.create_job(a_job(), 1, 10)
        assert store.add_job_events(TENANT, "job_1", places(store)[:3])
        assert store.add_job_events(TENANT, "job_1", places(store)[3:])
        started = store.start_job(TENANT, "job_1")
        assert started == a_job(matched=5)
        assert store.get_job(TENANT, "job_1") == started

    def test_nothing_more_is_written_down_for_one_that_was_cancelled(self, store: Store) -> None:
        store.create_job(a_job(), 1, 10)
        store.cancel_job(TENANT, "job_1", LATER)
        assert store.add_job_events(TENANT, "job_1", [1, 2]) is False
        assert store.add_job_events(TENANT, "job_9", [1, 2]) is False
        assert store.start_job(TENANT, "job_1") == a_job(state=JobState.CANCELLED, finished_at=LATER)
        assert store.start_job(TENANT, "job_9") is None

    def test_cancelling_is_for_those_that_run(self, store: Store) -> None:
        begin(store)
        assert store.cancel_job(TENANT, "job_1", LATER + 1) is True
        assert store.cancel_job(TENANT, "job_1", LATER + 2) is True
        assert store.get_job(TENANT, "job_1") == a_job(state=JobState.CANCELLED, finished_at=LATER + 1)
        assert store.cancel_job(OTHER_TENANT, "job_1", LATER) is False
        assert store.cancel_job(TENANT, "job_9", LATER) is False


@pytest.mark.usefixtures("node")
class TestJobSteps:
    def test_a_step_queues_some_oldest_first_and_notes_it(self, store: Store) -> None:
        add_endpoint(store)
        for place in range(5):
            accept(store, event(f"evt_{place}"))
        begin(store)
        assert list(store.open_jobs("", 10)) == ["job_1"]
        assert step(store, limit=2) == 2
        assert [row.event.id for row in fetch(store, LATER).rows] == ["evt_0", "evt_1"]
        assert store.get_job(TENANT, "job_1") == a_job(matched=5, done=2)
        assert step(store, limit=2) == 2
        assert step(store, limit=2) == 1 + 1
        assert store.get_job(TENANT, "job_1") == a_job(matched=5, done=5, state=JobState.DONE, finished_at=LATER)
        assert [row.event.id for row in fetch(store, LATER).rows] == [f"evt_{place}" for place in range(5)]
        assert list(store.open_jobs("", 10)) == []
        assert step(store) == 0

    def test_a_delivery_counts_on_from_the_log_and_its_lane_is_rung(self, store: Store) -> None:
        add_endpoint(store)
        (seq,) = accept(store, event(), "ep_a")
        settle(store, seq, failed(1, 1), retry_at=NOW, tries=1)
        settle(store, seq, failed(2, 2, final=True))
        begin(store)
        assert claim(store, ALWAYS) == {}
        step(store)
        assert set(claim(store, LATER)) == {"ep_a"}
        (row,) = fetch(store, LATER).rows
        assert row.delivery[:5] == (TENANT, "ep_a", "evt_1", None, LATER)
        assert row.delivery.seq > seq
        assert (row.delivery.attempts, row.delivery.tries) == (2, 0)
        assert settle(store, row.delivery.seq, attempt(3, 3)) is True

    @pytest.mark.parametrize(
        ("ordering", "events_key", "deliverys_key"),
        [
            (Ordering.NONE, "contact:7", None),
            (Ordering.SUBJECT, "contact:7", "contact:7"),
            (Ordering.SUBJECT, None, ""),
            (Ordering.STRICT, "contact:7", ""),
        ],
    )
    def test_its_ordering_key_is_the_one_that_ingest_would_give_it(
        self, store: Store, ordering: Ordering, events_key: str | None, deliverys_key: str | None
    ) -> None:
        add_endpoint(store, ordering=ordering)
        accept(store, event(ordering_key=events_key))
        begin(store)
        step(store)
        assert fetch(store, LATER).rows[0].delivery.ordering_key == deliverys_key

    def test_an_ordered_endpoint_gets_them_in_the_order_of_the_stream(self, store: Store) -> None:
        add_endpoint(store, ordering=Ordering.STRICT)
        for place in range(6):
            accept(store, event(f"evt_{place}"))
        begin(store)
        run_out(lambda: step(store, limit=2), 3)
        arrived = []
        for _ in range(6):
            (head,) = fetch(store, LATER, ordered=True).rows
            arrived.append(head.event.id)
            settle(store, head.delivery.seq, attempt(head.delivery.seq, 1, head.event.id))
        assert arrived == [f"evt_{place}" for place in range(6)]

    def test_what_can_not_be_queued_is_passed_over_and_counted(self, store: Store) -> None:
        add_endpoint(store)
        for place in range(4):
            accept(store, event(f"evt_{place}", accepted_at=NOW - (place == 1)))
        begin(store)
        run_out(lambda: store.redact_step(TENANT, ["evt_0"], LATER, 10), 10)
        store.expire_events_step(Cutoff(TENANT, NOW, NOW, "1970-01-01"), LATER, 0, 1)
        store.expire_events_step(Cutoff(TENANT, NOW, NOW, "1970-01-01"), LATER, places(store, "evt_0")[0], 1)
        store.resend(TENANT, "evt_2", ["ep_a"], LATER)
        assert step(store) == 4 + 1
        assert [row.event.id for row in fetch(store, LATER).rows] == ["evt_2", "evt_3"]
        job = store.get_job(TENANT, "job_1")
        assert job is not None
        assert (job.matched, job.done, job.state) == (4, 4, JobState.DONE)

    def test_a_long_queue_holds_it_back(self, store: Store) -> None:
        add_endpoint(store)
        accept_many(store, 3)
        accept(store, event("evt_more"))
        begin(store, "evt_more")
        assert step(store, pending_max=2) == 0
        assert step(store, pending_max=3) == 2
        assert len(fetch(store, LATER).rows) == 4

    def test_before_it_is_started_nothing_happens(self, store: Store) -> None:
        add_endpoint(store)
        accept(store, event())
        store.create_job(a_job(), 1, 10)
        store.add_job_events(TENANT, "job_1", places(store))
        assert step(store, stale=LATER) == 0
        assert fetch(store, LATER).rows == []

    def test_one_that_was_never_started_is_given_up(self, store: Store) -> None:
        accept_many(store, 3, "ep_b")
        store.create_job(a_job(), 1, 10)
        store.add_job_events(TENANT, "job_1", places(store))
        assert step(store, stale=LATER + 1) == 1
        assert store.get_job(TENANT, "job_1") == a_job(matched=3, state=JobState.CANCELLED, finished_at=LATER)

    @pytest.mark.parametrize("endpoint_id", ["ep_gone", "ep_never", "ep_foreign"])
    def test_without_its_endpoint_it_is_cancelled(self, store: Store, endpoint_id: str) -> None:
        add_endpoint(store, "ep_gone")
        store.delete_endpoint(TENANT, "ep_gone", NOW)
        add_endpoint(store, "ep_foreign", OTHER_TENANT)
        accept(store, event())
        begin(store, endpoint_id=endpoint_id)
        assert step(store) == 1
        job = store.get_job(TENANT, "job_1")
        assert job is not None
        assert (job.state, job.done) == (JobState.CANCELLED, 0)
        assert store.next_due(TENANT, endpoint_id, False) is None

    def test_an_endpoint_that_is_not_active_gets_them_later(self, store: Store) -> None:
        add_endpoint(store, status=EndpointStatus.DISABLED)
        accept(store, event())
        begin(store)
        step(store)
        assert claim(store, ALWAYS) == {}
        assert store.next_due(TENANT, "ep_a", False) == LATER

    def test_jobs_that_have_something_left_are_found_page_by_page(self, store: Store) -> None:
        for place in range(5):
            begin(store, job_id=f"job_{place}")
        store.cancel_job(TENANT, "job_1", LATER)
        step(store, job_id="job_1")
        assert list(store.open_jobs("", 2)) == ["job_0", "job_2"]
        assert list(store.open_jobs("job_2", 10)) == ["job_3", "job_4"]
        assert list(store.open_jobs("job_4", 10)) == []

    def test_what_a_cancelled_job_had_left_is_cleared_away_in_steps(self, store: Store) -> None:
        add_endpoint(store)
        for place in range(5):
            accept(store, event(f"evt_{place}"))
        begin(store)
        step(store, limit=1)
        store.cancel_job(TENANT, "job_1", LATER)
        assert step(store, limit=2) == 2
        assert list(store.open_jobs("", 10)) == ["job_1"]
        assert step(store, limit=3) == 2 + 1
        assert list(store.open_jobs("", 10)) == []
        assert [row.event.id for row in fetch(store, LATER).rows] == ["evt_0"]
        job = store.get_job(TENANT, "job_1")
        assert job is not None
        assert (job.matched, job.done) == (5, 1)

    def test_old_jobs_that_have_ended_go(self, store: Store) -> None:
        cutoff = Cutoff(TENANT, NOW, NOW, "1970-01-01")
        begin(store, job_id="job_000")
        begin(store, job_id="job_001")
        begin(store, job_id="job_002")
        begin(store, job_id="job_Z")  # of the far future, as its id says
        for name in ("job_000", "job_002", "job_Z"):
            store.cancel_job(TENANT, name, LATER)
            run_out(lambda: step(store, job_id=name), 10)  # noqa: B023
        assert list(store.overdue([cutoff])) == [TENANT]
        assert store.expire_jobs_step(cutoff, 1) == 1
        assert store.expire_jobs_step(cutoff, 10) == 1
        assert [job.id for job in store.list_jobs(TENANT, None, 10)] == ["job_Z", "job_001"]

    def test_the_jobs_of_a_deleted_tenant_go_with_it(self, store: Store) -> None:
        store.create_tenant(tenant(), secret("sec_t", None))
        accept_many(store, 4, "ep_b")
        begin(store)
        store.delete_tenant(TENANT, NOW)
        while store.purge_step(3):
            pass
        assert store.get_job(TENANT, "job_1") is None
        assert list(store.open_jobs("", 10)) == []
        assert store.create_tenant(tenant(), secret("sec_new", None)) is True
