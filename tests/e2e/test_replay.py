"""Replays on a real server: what failed arrives after all, in order where that was asked, and kills repeat nothing."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

import apsw

from support.inbox import Inbox, Reply
from support.process import Server, wait_until
from support.tenant import TestTenant

LONG_AGO_S = 3_600


def ago(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - seconds))


def replay(tenant: TestTenant, endpoint_id: str, which: str) -> dict[str, Any]:
    body = {"since": ago(LONG_AGO_S), "which": which}
    job: dict[str, Any] = tenant.server.make(f"{tenant.path}/endpoints/{endpoint_id}/replay", body)
    return job


def wait_done(tenant: TestTenant, job_id: str, within_s: float = 30.0) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        job: dict[str, Any] = tenant.server.get(f"{tenant.path}/jobs/{job_id}")
        return job if job["state"] != "running" else None

    job: dict[str, Any] = wait_until(ended, within_s, f"{job_id} has ended")
    return job


def test_what_failed_is_sent_again_under_its_own_id_and_counts_on(tenant: TestTenant, inbox: Inbox) -> None:
    inbox.reply = lambda received: Reply(500 if b"bad" in received.body else 200)
    endpoint = tenant.endpoint(inbox.url(), retry={"delays_s": []})
    good, bad = tenant.send(data="good"), tenant.send(data="bad")
    tenant.wait_state(bad, "failed")
    tenant.wait_state(good, "delivered")
    inbox.reply = lambda received: Reply()

    job = replay(tenant, endpoint["id"], "failed")

    assert job["matched"] == 1
    ended = wait_done(tenant, job["id"])
    assert (ended["state"], ended["done"]) == ("done", 1)
    tenant.wait_state(bad, "delivered")
    assert [received.event_id for received in inbox.received] == [good, bad, bad]
    assert [attempt["number"] for attempt in tenant.attempts() if attempt["event_id"] == bad] == [1, 2]
    assert replay(tenant, endpoint["id"], "failed")["matched"] == 0


def test_an_ordered_endpoint_gets_a_whole_span_in_the_order_of_the_stream(tenant: TestTenant, inbox: Inbox) -> None:
    bodies = [{"type": "order.paid" if n % 3 else "other.thing", "data": n} for n in range(60)]
    accepted = tenant.server.make(f"{tenant.path}/events/batch", {"events": bodies})["accepted"]
    endpoint = tenant.endpoint(inbox.url(), ordering="strict", event_types=["order.*"], filter="data >= 10")
    wanted = [one["id"] for n, one in enumerate(accepted) if n % 3 and n >= 10]

    job = replay(tenant, endpoint["id"], "all")

    assert job["matched"] == len(wanted)
    inbox.wait_for(len(wanted))
    assert [received.event_id for received in inbox.received] == wanted
    wait_done(tenant, job["id"])


def done_in_the_file(data: Path) -> tuple[str, int]:
    """The state of the one job, and how much of it is done, as the dead server left it."""
    with apsw.Connection(str(data / "ringback.db")) as connection:
        ((state, done),) = connection.execute("SELECT state, done FROM job")
    return str(state), int(done)


def test_kills_at_any_moment_lose_nothing_and_queue_nothing_twice(tmp_path: Path, inbox: Inbox) -> None:
    events = 5_000
    server = Server(tmp_path / "data", "--allow-private")
    try:
        server.start()
        tenant = TestTenant(server, "t")
        ids: list[str] = []
        for start in range(0, events, 1_000):
            body = {"events": [{"type": "a.b", "data": n} for n in range(start, start + 1_000)]}
            ids += [one["id"] for one in server.make(f"{tenant.path}/events/batch", body)["accepted"]]
        endpoint = tenant.endpoint(inbox.url(), max_in_flight=50)

        job = replay(tenant, endpoint["id"], "all")
        server.kill()
        interrupted = [done_in_the_file(server.data)]
        assert interrupted == [("running", interrupted[0][1])]
        while interrupted[-1] == ("running", 0):  # until one comes in the middle
            server.start()
            wait_until(lambda: server.get(f"{tenant.path}/jobs/{job['id']}")["done"], 30, "it goes on")
            server.kill()
            interrupted.append(done_in_the_file(server.data))
        server.start()

        assert job["matched"] == events
        ended = wait_done(tenant, job["id"])
        assert (ended["state"], ended["matched"], ended["done"]) == ("done", events, events)
        wait_until(lambda: {received.event_id for received in inbox.received} == set(ids), 60, "all have arrived")
        wait_until(lambda: pending(server) == 0, 30, "all is recorded")
    finally:
        server.kill()
    # Each was queued once: one request of it counts, however often a kill had it sent before that was recorded.
    with apsw.Connection(str(server.data / "ringback.db")) as connection:
        logged = connection.execute("SELECT event_id, number FROM attempt WHERE superseded = 0").fetchall()
    assert Counter(event_id for event_id, _ in logged) == Counter(ids)
    assert {number for _, number in logged} == {1}


def pending(server: Server) -> int:
    with apsw.Connection(str(server.data / "ringback.db"), flags=apsw.SQLITE_OPEN_READONLY) as connection:
        ((count,),) = connection.execute("SELECT count(*) FROM delivery")
    return int(count)
