"""Two processes take the same steps at the same time on one PostgreSQL store: nothing is done twice, nothing lost."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import psycopg
import pytest

from conformance.backend import NODE, accept, accept_many, add_endpoint, fetch, log, own_lane, settle
from ringback.model.job import REPLAY, Job, JobState, Which
from ringback.store.port import Cutoff, EventQuery, Settlement
from ringback.store.postgres import settle as postgres_settle
from ringback.store.postgres.settle import append_attempts
from ringback.store.postgres.store import PostgresStore
from ringback.times import day_of
from support.process import wait_until
from support.rows import NOW, TENANT, attempt, event, secret, tenant

LATER = NOW + 1_000
ROUNDS = 20

Two = tuple[PostgresStore, PostgresStore]


@pytest.fixture
def two(ready_database: str) -> Iterator[Two]:
    opened = PostgresStore.open(ready_database), PostgresStore.open(ready_database)
    yield opened
    for store in opened:
        store.close()


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Call them at the same time; their answers."""
    barrier = Barrier(len(calls))

    def begin(call: Callable[[], Any]) -> Any:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(begin, calls))


def until_nothing(step: Callable[[], int], done: Callable[[], bool]) -> int:
    total = 0
    for _ in range(10_000):
        if done():
            return total
        total += step()
    raise AssertionError("it comes to no end")


def test_a_job_is_done_once(two: Two) -> None:
    store, _ = two
    add_endpoint(store)
    accept_many(store, 200, "ep_b")
    job = Job(TENANT, "job_1", "ep_a", REPLAY, Which.ALL, JobState.RUNNING, NOW, LATER, 0, 0, LATER, None)
    assert store.create_job(job, 1, 1)
    seqs = [stored.seq for stored in store.list_events(EventQuery(TENANT, ascending=True, limit=1_000))]
    assert store.add_job_events(TENANT, "job_1", seqs)
    store.start_job(TENANT, "job_1")

    def finish(own: PostgresStore) -> int:
        return until_nothing(lambda: own.job_step("job_1", LATER, 0, 7, 10_000), lambda: not own.open_jobs("", 1))

    assert sum(at_once(*[lambda own=own: finish(own) for own in two])) == 200 + 1
    rows = fetch(store, LATER, limit=1_000).rows
    assert [row.event.id for row in rows] == [f"evt_{place:05d}" for place in range(1, 201)]
    done = store.get_job(TENANT, "job_1")
    assert done is not None
    assert (done.state, done.done) == (JobState.DONE, 200)


def test_only_so_many_jobs_begin(two: Two) -> None:
    store, _ = two
    store.create_tenant(tenant(), secret("sec_t", None))
    for place in range(ROUNDS):
        jobs = [
            Job(
                TENANT,
                f"job_{place}_{n}",
                f"ep_{place}",
                REPLAY,
                Which.ALL,
                JobState.RUNNING,
                NOW,
                NOW,
                0,
                0,
                NOW,
                None,
            )
            for n in range(2)
        ]
        assert sorted(
            at_once(*[lambda s=s, j=j: s.create_job(j, 1, 1_000) for s, j in zip(two, jobs, strict=True)])
        ) == [
            False,
            True,
        ]


def test_an_event_is_queued_once(two: Two) -> None:
    store, _ = two
    add_endpoint(store)
    for place in range(ROUNDS):
        accept(store, event(f"evt_{place:02d}"))
        name = f"evt_{place:02d}"
        answers = at_once(*[lambda own=own: own.resend(TENANT, name, ["ep_a"], LATER) for own in two])  # noqa: B023
        assert sorted(answers) == [0, 1]
    assert len(fetch(store, LATER).rows) == ROUNDS


def test_an_event_is_queued_again_or_redacted_but_not_both(two: Two) -> None:
    store, other = two
    add_endpoint(store)
    for place in range(ROUNDS):
        accept(store, event(f"evt_{place:02d}"))

        def redact(name: str = f"evt_{place:02d}") -> None:
            while other.redact_step(TENANT, [name], LATER, 10):
                pass

        at_once(redact, lambda: store.resend(TENANT, f"evt_{place:02d}", ["ep_a"], LATER))  # noqa: B023
        found = store.get_event(TENANT, f"evt_{place:02d}")
        assert found is not None
        assert found.redacted
    assert fetch(store, LATER).rows == []
    assert store.next_due(TENANT, "ep_a", False) is None


def test_no_body_comes_back_of_an_event_that_is_redacted_while_its_attempt_is_settled(
    two: Two, ready_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = two
    add_endpoint(store)
    accept(store, event("evt_1"))
    late = attempt(1, 1, "evt_1", request_body=b"whole", response_body=b"thanks")

    def redact() -> None:
        while other.redact_step(TENANT, ["evt_1"], NOW, 100):
            pass

    def waits() -> bool:
        with psycopg.connect(ready_database) as connection:
            asked = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            return connection.execute(asked).fetchone() == (1,)

    with ThreadPoolExecutor(1) as another_thread:

        def append(*given: Any) -> None:
            redacting = another_thread.submit(redact)
            wait_until(lambda: redacting.done() or waits(), 10, "the redaction is through, or has to wait")
            append_attempts(*given)

        monkeypatch.setattr(postgres_settle, "append_attempts", append)
        assert store.settle([Settlement(7, late, None, 0)]) == [False]
    with psycopg.connect(ready_database) as connection:  # what is asked through the port hides them anyway
        assert connection.execute("SELECT request_body, response_body FROM attempt").fetchall() == [(b"", None)]


def test_a_delivery_is_cancelled_once(two: Two) -> None:
    store, _ = two
    add_endpoint(store)
    accept_many(store, 100)
    store.delete_endpoint(TENANT, "ep_a", NOW)

    def cancel(own: PostgresStore) -> int:
        return until_nothing(lambda: own.cancel_step(LATER, 9), lambda: store.next_due(TENANT, "ep_a", False) is None)

    assert 100 <= sum(at_once(*[lambda own=own: cancel(own) for own in two])) <= 100 + 1
    assert sorted(one.event_id or "" for one in log(store)) == [f"evt_{place:05d}" for place in range(1, 101)]


def test_an_old_event_goes_once_and_leaves_one_record(two: Two) -> None:
    store, _ = two
    accept_many(store, 60, accepted_at=NOW - 1)
    cutoff = Cutoff(TENANT, NOW, NOW, day_of(NOW))

    def expire(own: PostgresStore) -> int:
        return until_nothing(
            lambda: own.expire_events_step(cutoff, LATER, 0, 7).changed, lambda: not own.list_events(EventQuery(TENANT))
        )

    assert sum(at_once(*[lambda own=own: expire(own) for own in two])) == 2 * 60
    assert len({one.event_id for one in log(store)}) == len(log(store)) == 60


def test_figures_are_gathered_once_and_always_add_up(two: Two) -> None:
    store, other = two
    for place in range(40):
        settle(store, 99, attempt(place, 1, "evt_1", f"ep_{place % 3}"))

    def figures() -> list[int]:
        counts = [store.day_counts(TENANT, f"ep_{place}", "1970-01-01") for place in range(3)]
        return [day.succeeded for (day,) in counts]

    assert figures() == [14, 13, 13]
    gathered = at_once(*[lambda own=own: sum(own.gather_days_step(3) for _ in range(10)) for own in two])
    assert figures() == [14, 13, 13]
    while changed := other.gather_days_step(3):
        gathered.append(changed)
    assert sum(gathered) == 40
    assert figures() == [14, 13, 13]


def test_a_lane_that_was_claimed_while_orphans_are_looked_for_is_not_freed(two: Two, ready_database: str) -> None:
    store, _ = two
    store.register(NODE, NOW)
    own_lane(store)
    with psycopg.connect(ready_database) as other, psycopg.connect(ready_database, autocommit=True) as watching:
        other.execute("DELETE FROM node")
        other.commit()
        other.execute("UPDATE lane SET owner = 'node_new'")  # as a claim does; its node registers meanwhile
        with ThreadPoolExecutor() as pool:
            freed = pool.submit(store.free_orphans, LATER)
            waiting = "SELECT 1 FROM pg_locks WHERE NOT granted"
            wait_until(lambda: freed.done() or watching.execute(waiting).fetchone(), 10, "it waits for the claim")
            store.register("node_new", NOW)
            other.commit()
            assert freed.result() == 0
    assert store.owned("node_new") == ["ep_a"]
