"""A wall clock that is set while the server runs: an hour ahead, two back, and right again."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook

from support.inbox import Inbox, Received, Reply
from support.process import Server, wait_until
from support.tenant import TestTenant
from support.wall import Wall

HOUR_S = 3_600
TOLERANCE_S = 2.0
ARRIVES_WITHIN_S = 20.0
TROUBLE = ("lease_lost", "node_taken_over", "part_failed", "endpoint_disabled", "lane_parked", "store_trouble")


@pytest.fixture(scope="module")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Wall:
    return Wall(tmp_path_factory.mktemp("wall"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, wall: Wall) -> Iterator[Server]:
    """In place of the usual one: a server whose clock can be set, its sender's with it."""
    folder: Path = tmp_path_factory.mktemp("server")
    with Server(folder / "data", "--allow-private", environment=wall.environment) as running:
        yield running


@pytest.fixture
def right_again(wall: Wall) -> Iterator[None]:
    wall.set(0)
    yield
    wall.set(0)


class Stream:
    """Posts one event after another, until it is stopped; the ids of what was accepted."""

    def __init__(self, tenant: TestTenant) -> None:
        self.sent: list[str] = []
        self._tenant = tenant
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._post, daemon=True)

    def __enter__(self) -> "Stream":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(ARRIVES_WITHIN_S)
        assert not self._thread.is_alive()

    def more(self) -> None:
        """Return when some more were accepted."""
        before = len(self.sent)
        wait_until(lambda: len(self.sent) >= before + 5, ARRIVES_WITHIN_S, "events are accepted")

    def _post(self) -> None:
        while not self._stopping.wait(0.02):
            self.sent.append(self._tenant.send("flow"))


def ids(received: list[Received]) -> list[str | None]:
    return [one.event_id for one in received]


def check_signature(received: Received, secret: str) -> int:
    """Signed as the standard wants it, whatever the hour; the time that it says."""
    shown_s = int(received.header("webhook-timestamp") or "")
    moment = datetime.fromtimestamp(shown_s, UTC)
    assert Webhook(secret).sign(received.event_id or "", moment, received.body.decode()) == received.header(
        "webhook-signature"
    )
    return shown_s


def first_fails(seen: set[str]) -> Inbox:
    """A receiver that answers the first request of each event with 500, unless it is for the flow."""

    def reply(received: Received) -> Reply:
        name = f"{received.event_id} {received.path}"
        known = name in seen or received.path == "/flow"
        seen.add(name)
        return Reply() if known else Reply(500)

    return Inbox(reply)


@pytest.mark.usefixtures("right_again")
def test_deliveries_go_on_and_retries_keep_their_order_whatever_the_hour(
    server: Server, tenant: TestTenant, wall: Wall
) -> None:
    """Each time the clock is set, two deliveries have failed and wait: for one second, and for two and a half."""
    with first_fails(set()) as inbox:
        flow = tenant.endpoint(inbox.url("/flow"), event_types=["flow"])
        tenant.endpoint(inbox.url("/soon"), event_types=["retried"], retry={"delays_s": [1.0]})
        tenant.endpoint(inbox.url("/later"), event_types=["retried"], retry={"delays_s": [2.5]})
        key = {"Idempotency-Key": "once"}
        body = {"type": "flow", "data": None}
        first = server.ask("POST", f"{tenant.path}/events", body, headers=key)
        retried: list[str] = []
        with Stream(tenant) as stream:
            for ahead_s in (HOUR_S, -HOUR_S, 0):
                retried.append(tenant.send("retried"))
                inbox.wait_for(2 * len(retried) - 1, "/soon")
                inbox.wait_for(2 * len(retried) - 1, "/later")
                wall.set(ahead_s)
                stream.more()
                inbox.wait_for(2 * len(retried), "/soon", ARRIVES_WITHIN_S)
                inbox.wait_for(2 * len(retried), "/later", ARRIVES_WITHIN_S)
                assert server.ask("GET", "/readyz").status == 200
                again = server.ask("POST", f"{tenant.path}/events", body, headers=key)
                assert (again.status, again.json["id"]) == (200, first.json["id"])
        sent = {first.json["id"], *stream.sent}
        wait_until(lambda: len(inbox.at("/flow")) >= len(sent), ARRIVES_WITHIN_S, "everything has arrived")

        assert sorted(str(one) for one in ids(inbox.at("/flow"))) == sorted(sent)  # each once, under an id of its own
        assert len(sent) == len(stream.sent) + 1
        for path in ("/soon", "/later"):
            assert ids(inbox.at(path)) == [event_id for event_id in retried for _ in range(2)]
        # The second time the clock went back: each retry came at its time, neither later nor before it.
        (_, _, soon, soon_again, *_), (_, _, later, later_again, *_) = inbox.at("/soon"), inbox.at("/later")
        assert soon_again.at_s < later_again.at_s
        assert soon_again.at_s - soon.at_s > 0.9
        assert later_again.at_s - later.at_s > 2.4
        for received in inbox.at("/flow"):
            assert wall.could_say(check_signature(received, flow["secret"]), received.at_s, TOLERANCE_S)
        check_log(server, tenant, len(sent) + len(retried))


def check_log(server: Server, tenant: TestTenant, events: int) -> None:
    """Everything is listed, once, and nothing happened that a clock must not bring about."""
    listed = json.loads(server.ask("GET", f"{tenant.path}/events?limit=250").body)["items"]
    assert len({event["id"] for event in listed}) == len(listed) == min(events, 250)
    attempts = tenant.attempts()
    assert len({attempt["id"] for attempt in attempts}) == len(attempts) > 0
    log = server.log.read_text()
    assert not [word for word in TROUBLE if word in log]
    assert "clock_set" in log


@pytest.mark.usefixtures("right_again")
def test_ordered_deliveries_that_wait_in_the_store_go_on_when_the_clock_is_set_back(
    tenant: TestTenant, wall: Wall
) -> None:
    with Inbox(lambda received: Reply(delay_s=0.2)) as inbox:
        tenant.endpoint(inbox.url(), ordering="strict")
        sent = [tenant.send() for _ in range(6)]
        wall.set(-HOUR_S)
        assert ids(inbox.wait_for(6, within_s=ARRIVES_WITHIN_S)) == sent


@pytest.mark.usefixtures("right_again")
def test_what_is_to_be_delivered_at_a_time_keeps_to_the_wall_clock(tenant: TestTenant, wall: Wall) -> None:
    def send(ahead_s: float) -> str:
        moment = datetime.fromtimestamp(wall.now_s + ahead_s, UTC)
        return tenant.send(deliver_at=moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"))

    with Inbox() as inbox:
        tenant.endpoint(inbox.url())
        in_an_hour, soon = send(HOUR_S + 2), send(3)
        wall.set(-HOUR_S)
        right_now = tenant.send()
        inbox.wait_for(1)
        wall.set(0)
        inbox.wait_for(2, within_s=ARRIVES_WITHIN_S)
        assert tenant.state(in_an_hour) == "pending"
        wall.set(HOUR_S)
        inbox.wait_for(3, within_s=ARRIVES_WITHIN_S)
    assert ids(inbox.received) == [right_now, soon, in_an_hour]
