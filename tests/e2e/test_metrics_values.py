"""What the gauges say of a real server while the thing they tell of is really so, and that it passes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from support.exposition import Metrics, scrape
from support.inbox import Inbox, Reply
from support.process import Server, wait_until
from support.receivers import Receiver, never_answering
from support.tenant import TestTenant

LATER = {"delays_s": [600]}
HANGING = 4
FAILING = 300
SWITCHED_OFF = 7


def wait_for_value(server: Server, value: float, name: str, **labels: str) -> Metrics:
    """A scrape that shows the value."""

    def shown() -> Metrics | None:
        metrics = scrape(server)
        return metrics if metrics(name, **labels) == value else None

    found: Metrics = wait_until(shown, 15, f"{name} {labels} is {value:g}")
    return found


def test_requests_that_are_not_answered_are_in_flight(tenant: TestTenant) -> None:
    server = tenant.server
    with Receiver(never_answering) as hanging:
        for number in range(HANGING):
            tenant.endpoint(f"{hanging.url}/{number}", retry=LATER)
        tenant.send()
        held = wait_for_value(server, HANGING, "ringback_in_flight")
        assert held("ringback_lanes_owned") >= HANGING
        assert held("ringback_deliveries_held") == HANGING
    wait_for_value(server, 0, "ringback_in_flight")
    tenant.wait_until_attempts(HANGING)


def test_each_post_that_is_alone_is_a_commit_with_its_time(tenant: TestTenant, inbox: Inbox) -> None:
    tenant.endpoint(inbox.url())
    server, before = tenant.server, scrape(tenant.server)
    events = 5

    for _ in range(events):
        tenant.wait_state(tenant.send(), "delivered")

    for part in ("ingest", "settle"):
        counted = before("ringback_commit_seconds_count", part=part) + events
        after = wait_for_value(server, counted, "ringback_commit_seconds_count", part=part)
        assert after("ringback_commit_seconds_sum", part=part) > before("ringback_commit_seconds_sum", part=part)
        assert after("ringback_commit_seconds_bucket", part=part, le="+Inf") == counted


@contextmanager
def held_up(data: Path) -> Iterator[None]:
    """Nobody else can write to the database meanwhile."""
    connection = apsw.Connection(str(data / "ringback.db"))
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()


def test_events_wait_for_their_commit_while_the_store_is_held_up(tenant: TestTenant) -> None:
    server = tenant.server
    tenant.send()
    assert scrape(server)("ringback_ingest_waiting_events") == 0
    with ThreadPoolExecutor(3) as callers:
        with held_up(server.data):
            posts = [callers.submit(tenant.send) for _ in range(3)]
            wait_for_value(server, 3, "ringback_ingest_waiting_events")
            assert not any(post.done() for post in posts)
        assert len({post.result(30) for post in posts}) == 3
    wait_for_value(server, 0, "ringback_ingest_waiting_events")


@pytest.fixture
def restarted(tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own: what is counted every half minute is counted at its start as well."""
    server = Server(tmp_path / "data", "--allow-private")
    with server:
        yield server


def test_what_waits_and_what_is_parked_is_counted(restarted: Server, inbox: Inbox) -> None:
    server, tenant = restarted, TestTenant(restarted, "t")
    inbox.reply = lambda received: Reply(500, delay_s=1.0 if received.path == "/off" else 0.0)
    failing = tenant.endpoint(inbox.url("/failing"), retry=LATER, event_types=["fails"])
    off = tenant.endpoint(inbox.url("/off"), retry=LATER, event_types=["stays"])
    for event_type, events in (("fails", FAILING), ("stays", SWITCHED_OFF)):
        body = {"events": [{"type": event_type, "data": n} for n in range(events)]}
        server.make(f"{tenant.path}/events/batch", body)
    inbox.wait_for(1, "/off")
    assert server.ask("POST", f"{tenant.path}/endpoints/{off['id']}/deactivate").status == 200
    wait_for_value(server, 1, "ringback_lane_turns_total", turn="parked")
    path = f"{tenant.path}/endpoints/{failing['id']}"
    wait_until(lambda: server.get(path)["sending"]["state"] == "parked", 15, "that it is parked is stored")
    assert server.stop() == 0
    inbox.reply = lambda received: Reply(200 if received.path == "/off" else 500)

    server.start()

    found = wait_for_value(server, FAILING + SWITCHED_OFF, "ringback_deliveries_waiting")
    assert found("ringback_lanes_parked") == 1
    assert found("ringback_lane_turns_total", turn="parked") == 0
    assert server.ask("POST", f"{tenant.path}/endpoints/{off['id']}/activate").status == 200
    untried = SWITCHED_OFF - 1  # the first of all goes alone, and was on its way when the endpoint was switched off
    wait_for_value(server, untried, "ringback_delivery_lag_seconds_count", held_by="unclaimed")
    inbox.wait_for(SWITCHED_OFF, "/off")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Server]:
    """A server that sends one request at a time."""
    server = Server(tmp_path / "data", "--allow-private", environment={"RINGBACK_IN_FLIGHT_MAX": "1"})
    with server:
        yield server


def test_the_oldest_that_is_due_waits_for_a_slot_and_what_is_switched_off_for_none(small: Server, inbox: Inbox) -> None:
    tenant = TestTenant(small, "t")
    off = tenant.endpoint(inbox.url("/off"), event_types=["stays"])
    assert small.ask("POST", f"{tenant.path}/endpoints/{off['id']}/deactivate").status == 200
    with Receiver(never_answering) as hanging:
        tenant.endpoint(hanging.url, retry=LATER, event_types=["hangs"])
        tenant.endpoint(inbox.url("/waits"), event_types=["waits"])
        tenant.send("hangs")
        wait_for_value(small, 1, "ringback_in_flight")
        assert scrape(small)("ringback_oldest_due_seconds") == 0
        tenant.send("waits")
        wait_until(lambda: scrape(small)("ringback_oldest_due_seconds") >= 1, 15, "the other one waits for the slot")
        assert inbox.received == []
    wait_for_value(small, 0, "ringback_oldest_due_seconds")
    inbox.wait_for(1, "/waits")
