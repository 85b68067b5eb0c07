"""Replays and jobs over HTTP: what matches, what is refused, how a job is seen and ended."""

from typing import Any

import pytest

from ringback.control import replays
from ringback.model.attempt import Outcome
from ringback.store.port import Settlement
from ringback.times import rfc3339
from support.api_world import ApiWorld, fields_of, problem_of
from support.rows import NOW, TENANT, attempt, event, failed

DAY = 86_400_000


@pytest.fixture
def world() -> ApiWorld:
    opened = ApiWorld()
    opened.clock.pass_s(3_600)
    return opened


def replay(world: ApiWorld, endpoint_id: str, which: str = "all", since: int = NOW, **fields: Any) -> Any:
    body = {"since": rfc3339(since), "which": which, **fields}
    return world.call("POST", f"/v1/tenants/{TENANT}/endpoints/{endpoint_id}/replay", body)


def run(world: ApiWorld) -> None:
    """Let the engine take every step there is."""
    for job_id in world.store.open_jobs("", 100):
        while world.store.job_step(job_id, world.clock.now_ms(), 0, 2, 1_000):
            pass


def queued(world: ApiWorld, endpoint_id: str) -> list[str]:
    with world.store._tables as tables:
        return [row.event_id for row in tables.queues[TENANT, endpoint_id].values()]


def test_the_answer_says_what_matched_and_the_job_does_it(world: ApiWorld) -> None:
    endpoint_id = world.endpoint()["id"]
    world.accept([event(f"evt_{place}") for place in range(5)])
    response = replay(world, endpoint_id)
    assert response.status_code == 202
    job = response.json()
    assert job == {"id": job["id"], "matched": 5}
    assert world.kicked == 1
    expected = {
        "id": job["id"],
        "kind": "replay",
        "endpoint_id": endpoint_id,
        "state": "running",
        "which": "all",
        "since": "2027-01-15T08:00:00.000Z",
        "until": "2027-01-15T09:00:00.000Z",
        "matched": 5,
        "done": 0,
        "created_at": "2027-01-15T09:00:00.000Z",
        "finished_at": None,
    }
    assert world.get(f"/jobs/{job['id']}") == expected
    assert world.get("/jobs") == {"items": [expected], "next_cursor": None}
    run(world)
    done = {**expected, "state": "done", "done": 5, "finished_at": "2027-01-15T09:00:00.000Z"}
    assert world.get(f"/jobs/{job['id']}") == done
    assert queued(world, endpoint_id) == [f"evt_{place}" for place in range(5)]


def test_what_ended_without_success_matches_failed(world: ApiWorld) -> None:
    here, there = world.endpoint()["id"], world.endpoint()["id"]
    outcomes = {
        "evt_failed": Outcome.FAILED,
        "evt_expired": Outcome.EXPIRED,
        "evt_done": Outcome.SUCCEEDED,
        "evt_cancelled": Outcome.CANCELLED,
    }
    for place, (name, outcome) in enumerate(outcomes.items()):
        (seq,) = world.accept([event(name)], [here])
        world.store.settle([Settlement(seq, attempt(place, 1, name, here, outcome=outcome), None, 0)])
    world.accept([event("evt_pending")], [here])
    world.accept([event("evt_never")])
    (seq,) = world.accept([event("evt_elsewhere")], [there])
    world.store.settle([Settlement(seq, failed(90, 1, "evt_elsewhere", there, final=True), None, 0)])
    assert replay(world, here, "failed").json()["matched"] == 2
    run(world)
    assert queued(world, here) == ["evt_pending", "evt_failed", "evt_expired"]


def test_all_is_what_the_endpoint_would_want_now(world: ApiWorld) -> None:
    endpoint_id = world.endpoint(event_types=["order.*"], channels=["eu"], filter="data.n > 1")["id"]
    for name, fields in {
        "evt_right": {},
        "evt_type": {"type": "contact.created"},
        "evt_channel": {"channel": "us"},
        "evt_no_channel": {"channel": None},
        "evt_filter": {"data": b'{"n":1}'},
        "evt_pending": {},
        "evt_sent": {},
        "evt_redacted": {},
    }.items():
        one = event(name, **{"type": "order.paid", "channel": "eu", "data": b'{"n":2}', **fields})
        seqs = world.accept([one], [endpoint_id] if name in ("evt_pending", "evt_sent") else [])
        if name == "evt_sent":
            world.store.settle([Settlement(seqs[0], attempt(1, 1, name, endpoint_id), None, 0)])
    world.call("DELETE", f"/v1/tenants/{TENANT}/events/evt_redacted/payload")
    assert replay(world, endpoint_id).json()["matched"] == 2
    run(world)
    assert queued(world, endpoint_id) == ["evt_pending", "evt_right", "evt_sent"]


def test_all_is_about_members_of_the_tracked_set_as_it_is_now(world: ApiWorld) -> None:
    endpoint_id = world.endpoint(tracked_set="vips", filter="data.of != 'evt_5'")["id"]
    subjects = ["c_1", "c_2", None, "c_1", "c_3", "c_1"]
    kind = [None if one is None else "company" for one in subjects]
    world.accept(
        [event(f"evt_{place}", subject_type=kind[place], subject_id=subject) for place, subject in enumerate(subjects)]
    )
    assert replay(world, endpoint_id).json()["matched"] == 0, "there is no such set"
    run(world)
    assert world.call("PUT", f"/v1/tenants/{TENANT}/tracked-sets/vips").status_code == 201
    world.post("/tracked-sets/vips/members", {"ids": ["c_1", "c_3"]})
    assert replay(world, endpoint_id).json()["matched"] == 3
    run(world)
    assert queued(world, endpoint_id) == ["evt_0", "evt_3", "evt_4"]


def test_a_span_has_a_beginning_and_an_end(world: ApiWorld) -> None:
    endpoint_id = world.endpoint()["id"]
    for place in range(4):
        world.accept([event(f"evt_{place}", accepted_at=NOW + place)])
    response = replay(world, endpoint_id, since=NOW + 1, until=rfc3339(NOW + 3))
    assert response.json()["matched"] == 2
    run(world)
    assert queued(world, endpoint_id) == ["evt_1", "evt_2"]


def test_what_is_accepted_later_is_not_the_jobs(world: ApiWorld) -> None:
    endpoint_id = world.endpoint()["id"]
    world.accept([event("evt_1")])
    assert replay(world, endpoint_id, until=rfc3339(NOW + DAY)).json()["matched"] == 1
    world.accept([event("evt_2")])
    run(world)
    assert queued(world, endpoint_id) == ["evt_1"]


def test_many_are_found_page_by_page(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "CANDIDATES_AT_ONCE", 7)
    monkeypatch.setattr(replays, "STEP_ROWS_MAX", 5)
    monkeypatch.setattr(replays, "PAYLOADS_AT_ONCE", 3)
    endpoint_id = world.endpoint(filter="data.n >= 3")["id"]
    world.accept([event(f"evt_{n:02d}", data=b'{"n":%d}' % n) for n in range(40)])
    assert replay(world, endpoint_id).json()["matched"] == 37
    run(world)
    assert queued(world, endpoint_id) == [f"evt_{n:02d}" for n in range(3, 40)]


def test_too_many_are_refused_and_leave_no_job_running(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "REPLAY_EVENTS_MAX", 3)
    endpoint_id = world.endpoint()["id"]
    world.accept([event(f"evt_{n}") for n in range(4)])
    problem_of(replay(world, endpoint_id), 422, "invalid")
    assert [job["state"] for job in world.get("/jobs")["items"]] == ["cancelled"]
    assert replay(world, endpoint_id, since=NOW + 1).json()["matched"] == 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"since": rfc3339(NOW - 31 * DAY)}, "since"),
        ({"since": rfc3339(NOW + DAY)}, "since"),
        ({"until": rfc3339(NOW)}, "since"),
        ({"until": rfc3339(NOW - 1)}, "since"),
        ({"since": "yesterday"}, "since"),
        ({"since": 5}, "since"),
        ({"since": None}, "since"),
        ({"until": "later"}, "until"),
        ({"which": "some"}, "which"),
        ({"whose": "mine"}, "whose"),
    ],
)
def test_what_is_refused(world: ApiWorld, changes: dict[str, Any], field: str) -> None:
    endpoint_id = world.endpoint()["id"]
    body = {"since": rfc3339(NOW), "which": "all", **changes}
    response = world.call("POST", f"/v1/tenants/{TENANT}/endpoints/{endpoint_id}/replay", body)
    assert fields_of(response) == [field]
    assert world.get("/jobs")["items"] == []


def test_the_tenants_own_retention_counts(world: ApiWorld) -> None:
    endpoint_id = world.endpoint()["id"]
    world.call("PATCH", f"/v1/tenants/{TENANT}", {"retention_days": 2})
    assert replay(world, endpoint_id, since=NOW - DAY).status_code == 202
    response = replay(world, world.endpoint()["id"], since=NOW - 2 * DAY)
    assert "2 days" in problem_of(response, 422, "invalid")["detail"]


def test_only_so_many_run_at_once(world: ApiWorld) -> None:
    first, *others = (world.endpoint()["id"] for _ in range(11))
    job = replay(world, first).json()
    refused = replay(world, first)
    problem_of(refused, 429, "replay_quota")
    assert refused.headers["retry-after"] == "10"
    for endpoint_id in others[:9]:
        assert replay(world, endpoint_id).status_code == 202
    problem_of(replay(world, others[9]), 429, "replay_quota")
    assert world.call("DELETE", f"/v1/tenants/{TENANT}/jobs/{job['id']}").status_code == 204
    assert replay(world, others[9]).status_code == 202
    run(world)
    assert replay(world, first).status_code == 202


def test_a_cancelled_job_queues_no_more(world: ApiWorld) -> None:
    endpoint_id = world.endpoint()["id"]
    world.accept([event(f"evt_{n}") for n in range(6)])
    job_id = replay(world, endpoint_id).json()["id"]
    world.store.job_step(job_id, world.clock.now_ms(), 0, 2, 1_000)
    path = f"/v1/tenants/{TENANT}/jobs/{job_id}"
    assert (world.call("DELETE", path).status_code, world.call("DELETE", path).status_code) == (204, 204)
    run(world)
    shown = world.get(f"/jobs/{job_id}")
    assert (shown["state"], shown["matched"], shown["done"]) == ("cancelled", 6, 2)
    assert queued(world, endpoint_id) == ["evt_0", "evt_1"]


def test_a_job_that_is_done_stays_done(world: ApiWorld) -> None:
    job_id = replay(world, world.endpoint()["id"]).json()["id"]
    run(world)
    assert world.call("DELETE", f"/v1/tenants/{TENANT}/jobs/{job_id}").status_code == 204
    assert world.get(f"/jobs/{job_id}")["state"] == "done"


@pytest.mark.parametrize("how", ["deactivate", "delete"])
def test_an_endpoint_may_be_switched_off_but_not_be_gone(world: ApiWorld, how: str) -> None:
    endpoint_id = world.endpoint()["id"]
    world.accept([event()])
    path = f"/v1/tenants/{TENANT}/endpoints/{endpoint_id}"
    if how == "deactivate":
        world.call("POST", f"{path}/deactivate")
        assert replay(world, endpoint_id).json()["matched"] == 1
    else:
        job_id = replay(world, endpoint_id).json()["id"]
        world.call("DELETE", path)
        run(world)
        assert world.get(f"/jobs/{job_id}")["state"] == "cancelled"
        problem_of(replay(world, endpoint_id), 404, "not_found")


def test_an_unknown_job(world: ApiWorld) -> None:
    for method in ("GET", "DELETE"):
        problem_of(world.call(method, f"/v1/tenants/{TENANT}/jobs/job_9"), 404, "not_found")


def test_jobs_are_listed_newest_first(world: ApiWorld) -> None:
    ids = []
    for _ in range(3):
        world.clock.pass_s(1)
        ids.append(replay(world, world.endpoint()["id"]).json()["id"])
    page = world.get("/jobs?limit=2")
    assert [job["id"] for job in page["items"]] == ids[:0:-1]
    rest = world.get(f"/jobs?limit=2&cursor={page['next_cursor']}")
    assert [job["id"] for job in rest["items"]] == ids[:1]


def test_what_had_no_number_gets_one_when_a_contract_with_numbers_is_to_have_it(world: ApiWorld) -> None:
    alerts, usual = world.endpoint(profile="insideview")["id"], world.endpoint()["id"]
    world.accept([event("evt_1"), event("evt_2", number=7), event("evt_3", type="other"), event("evt_4")])

    def numbers() -> dict[str, int | None]:
        stored = world.store.events_by_id(TENANT, [f"evt_{place}" for place in (1, 2, 3, 4)])
        return {one.id: one.number for one in stored}

    assert replay(world, usual).json()["matched"] == 4
    assert world.post("/events/evt_4/resend", {"endpoint_id": usual}) is not None
    assert list(numbers().values()) == [None, 7, None, None]
    assert world.patch(f"/endpoints/{alerts}", {"event_types": ["contact.*"]})
    world.post("/events/evt_4/resend", {"endpoint_id": alerts})
    resent = numbers()
    assert [name for name, number in resent.items() if number is None] == ["evt_1", "evt_3"]
    assert replay(world, alerts).json()["matched"] == 2
    replayed = numbers()
    assert replayed["evt_1"] is not None
    assert replayed["evt_3"] is None
    assert (replayed["evt_2"], replayed["evt_4"]) == (7, resent["evt_4"])


def test_ringback_s_own_events_are_replayed_to_who_names_them_and_not_to_whom_they_are_about(world: ApiWorld) -> None:
    star, names = world.endpoint()["id"], world.endpoint(event_types=["*", "endpoint.*"])["id"]
    about = {"type": "endpoint.disabled", "subject_type": "endpoint", "subject_id": names}
    world.accept([event("evt_posted", **about)])
    world.accept([event("evt_itself", **about, origin="ringback")])
    world.accept([event("evt_other", **{**about, "subject_id": star}, origin="ringback")])
    assert replay(world, star).json()["matched"] == 1
    assert replay(world, names).json()["matched"] == 2
    run(world)
    assert queued(world, star) == ["evt_posted"]
    assert queued(world, names) == ["evt_posted", "evt_other"]
