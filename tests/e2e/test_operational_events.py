"""What Ringback tells of its own work: a real server, and real receivers that go away, fail and come back."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.dying import AFTER_THE_EVENT, BEFORE_THE_EVENT, dying_at
from support.inbox import Inbox, Reply
from support.process import Server, wait_until
from support.tenant import TestTenant
from support.wall import Wall

OPERATOR = "ops"
ONCE = {"delays_s": []}
TELL_ALL = ["endpoint.*", "delivery.*", "secret.*"]
WITHIN_S = 15.0
# More than the 30 first tries in a row that park a lane.
MANY = 40


@pytest.fixture(scope="module")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Wall:
    return Wall(tmp_path_factory.mktemp("wall"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, wall: Wall) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("server")
    flags = ("--allow-private", "--operator-tenant", OPERATOR)
    with Server(folder / "data", *flags, environment=wall.environment) as running:
        yield running


def told(inbox: Inbox, path: str = "/told", event_type: str | None = None) -> list[dict[str, Any]]:
    """The events that came to a path."""
    bodies = [json.loads(one.body) for one in inbox.at(path)]
    return [body for body in bodies if event_type in (None, body["type"])]


def wait_told(inbox: Inbox, event_type: str, path: str = "/told", number: int = 1) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = wait_until(
        lambda: found if len(found := told(inbox, path, event_type)) >= number else None,
        WITHIN_S,
        f"{event_type} is told {number} times at {path}",
    )
    return found


def events(tenant: TestTenant, event_type: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = tenant.server.get(f"{tenant.path}/events?type={event_type}&limit=250")["items"]
    return items


def post_many(tenant: TestTenant, number: int) -> None:
    batch = {"events": [{"type": "flow", "data": place} for place in range(number)]}
    tenant.server.make(f"{tenant.path}/events/batch", batch)


def failing(path: str, status: int = 500) -> Any:
    """A receiver's answers: `status` at one path, and 200 everywhere else."""
    return lambda received: Reply(status if received.path.startswith(path) else 200)


def test_others_hear_of_an_endpoint_that_is_gone(tenant: TestTenant, inbox: Inbox) -> None:
    inbox.reply = failing("/gone", 410)
    listens = tenant.endpoint(inbox.url("/told"), label="Listener", event_types=TELL_ALL)
    gone = tenant.endpoint(f"{inbox.url('/gone')}?token=never-told", label="Gone", event_types=["*", *TELL_ALL])
    tenant.endpoint(inbox.url("/star"))
    tenant.endpoint(inbox.url("/exact"), event_types=["endpoint.disabled"])
    event_id = tenant.send("thing.happened")

    (disabled,) = wait_told(inbox, "endpoint.disabled")
    wait_told(inbox, "endpoint.disabled", "/exact")
    data = disabled["data"]
    assert data.pop("at").endswith("Z")
    assert data == {
        "tenant_id": tenant.id,
        "endpoint_id": gone["id"],
        "label": "Gone",
        "origin": f"http://127.0.0.1:{inbox.port}",
        "reason": {"code": "gone", "message": "The receiver answered 410 Gone."},
    }
    (stored,) = events(tenant, "endpoint.disabled")
    shown = tenant.server.get(f"{tenant.path}/events/{stored['id']}/deliveries")["items"]
    assert gone["id"] not in {delivery["endpoint_id"] for delivery in shown}
    assert listens["id"] in {delivery["endpoint_id"] for delivery in shown}
    # A bare `*` asks for what callers post: it got that, and what a caller posts under such a name, and nothing else.
    tenant.send("endpoint.disabled", {"mine": True})
    wait_until(lambda: len(inbox.at("/star")) >= 2, WITHIN_S, "what was posted came")
    assert [json.loads(one.body)["type"] for one in inbox.at("/star")] == ["thing.happened", "endpoint.disabled"]
    assert inbox.at("/star")[0].event_id == event_id
    assert told(inbox, "/star", "endpoint.disabled")[0]["data"] == {"mine": True}


def test_a_delivery_that_failed_and_an_endpoint_that_fails_and_recovers(
    tenant: TestTenant, inbox: Inbox, wall: Wall
) -> None:
    inbox.reply = failing("/bad", 503)
    tenant.endpoint(inbox.url("/told"), event_types=TELL_ALL)
    bad = tenant.endpoint(inbox.url("/bad"), label="Bad", retry=ONCE)
    post_many(tenant, MANY)

    (fails,) = wait_told(inbox, "endpoint.failing")
    assert fails["data"]["endpoint_id"] == bad["id"]
    assert (fails["data"]["last_status_code"], fails["data"]["last_error"]) == (503, "bad_status")
    assert fails["data"]["since"] <= fails["data"]["at"]
    one = wait_told(inbox, "delivery.failed", number=20)[0]["data"]
    assert (one["endpoint_id"], one["event_type"], one["attempts"]) == (bad["id"], "flow", 1)
    assert tenant.state(one["event_id"]) == "failed"

    inbox.reply = lambda received: Reply()
    wall.set(60)  # what waits for its probe waits no more
    (recovered,) = wait_told(inbox, "endpoint.recovered")
    assert recovered["data"]["endpoint_id"] == bad["id"]
    # Since when it failed moves with the clock, where the lane was in memory meanwhile.
    assert fails["data"]["since"] <= recovered["data"]["since"] < recovered["data"]["at"]
    assert len(told(inbox, event_type="endpoint.failing")) == 1
    failed = told(inbox, event_type="delivery.failed")
    assert len({one["data"]["event_id"] for one in failed}) == len(failed)


def test_a_rotation_is_told_without_the_secret(tenant: TestTenant, inbox: Inbox) -> None:
    tenant.endpoint(inbox.url("/told"), event_types=["secret.rotated"])
    rotated = tenant.endpoint(inbox.url("/elsewhere"), event_types=["nothing"])
    path = f"{tenant.path}/endpoints/{rotated['id']}/secret/rotate"
    secret = tenant.server.make(path, {"grace_seconds": 60})["secret"]
    (first,) = wait_told(inbox, "secret.rotated")
    assert set(first["data"]) == {"tenant_id", "at", "endpoint_id", "old_secrets_end_at"}
    assert (first["data"]["tenant_id"], first["data"]["endpoint_id"]) == (tenant.id, rotated["id"])
    assert first["data"]["at"] < first["data"]["old_secrets_end_at"]

    owned = tenant.server.make(f"{tenant.path}/secret/rotate", {"grace_seconds": 0})["secret"]
    _, second = wait_told(inbox, "secret.rotated", number=2)
    assert second["data"]["endpoint_id"] is None
    assert second["data"]["at"] == second["data"]["old_secrets_end_at"]
    assert not any(text.encode() in one.body for text in (secret, owned) for one in inbox.received)


def test_two_that_listen_to_everything_and_always_fail_don_t_keep_each_other_going(
    tenant: TestTenant, inbox: Inbox
) -> None:
    inbox.reply = lambda received: Reply(500)
    both = [tenant.endpoint(inbox.url(f"/{one}"), event_types=["*", *TELL_ALL], retry=ONCE) for one in ("one", "two")]
    post_many(tenant, MANY)
    wait_until(lambda: len(events(tenant, "endpoint.failing")) == len(both), WITHIN_S, "both fail")

    # What is told after all that: whatever else there was to tell of it stands before it.
    tenant.server.make(f"{tenant.path}/secret/rotate", {})
    wait_until(lambda: events(tenant, "secret.rotated"), WITHIN_S, "the last word")
    ordinary = {one["id"] for one in events(tenant, "flow")}
    failed = [one["data"] for one in events(tenant, "delivery.failed")]
    assert {one["event_id"] for one in failed} <= ordinary
    assert len({(one["event_id"], one["endpoint_id"]) for one in failed}) == len(failed) <= 2 * MANY
    assert {one["data"]["endpoint_id"] for one in events(tenant, "endpoint.failing")} == {one["id"] for one in both}


def test_the_operator_s_tenant_is_told_of_all_tenants_and_what_it_missed_waits_for_it(
    server: Server, tenant: TestTenant, inbox: Inbox
) -> None:
    (caution,) = wait_until(lambda: server.get("/readyz")["cautions"], WITHIN_S, "somebody is told that it is missing")
    assert OPERATOR in caution
    endpoint = tenant.endpoint(inbox.url("/elsewhere"), event_types=["nothing"])
    server.make(f"{tenant.path}/endpoints/{endpoint['id']}/secret/rotate", {})

    operator = TestTenant(server, OPERATOR)
    operator.endpoint(inbox.url("/operator"), event_types=TELL_ALL)
    wait_until(
        lambda: endpoint["id"] in {one["data"]["endpoint_id"] for one in events(operator, "secret.rotated")},
        WITHIN_S,
        "the operator's tenant has what it missed",
    )
    assert events(tenant, "secret.rotated") == []  # nobody listens there

    inbox.reply = failing("/gone", 410)
    gone = tenant.endpoint(inbox.url("/gone"))
    tenant.send()
    wait_until(
        lambda: gone["id"] in {one["data"]["endpoint_id"] for one in told(inbox, "/operator", "endpoint.disabled")},
        WITHIN_S,
        "the operator hears of another tenant's endpoint",
    )
    wait_until(lambda: server.get("/readyz")["cautions"] == [], WITHIN_S, "nothing to say any more")


def test_a_crash_between_a_failure_and_its_event_makes_exactly_one(tmp_path: Path, inbox: Inbox) -> None:
    inbox.reply = failing("/bad")
    data = tmp_path / "data"
    first = Server(data, "--allow-private", inside=dying_at(BEFORE_THE_EVENT)).start()
    tenant = TestTenant(first, "t")
    tenant.endpoint(inbox.url("/told"), event_types=TELL_ALL)
    tenant.endpoint(inbox.url("/bad"), retry=ONCE)
    event_id = tenant.send()
    _wait_dead(first)
    second = Server(data, "--allow-private", inside=dying_at(AFTER_THE_EVENT)).start(wait=False)
    _wait_dead(second)
    with Server(data, "--allow-private") as server:
        tenant.server = server
        (failed,) = wait_until(lambda: told(inbox), WITHIN_S, "the failure is told")
        assert (failed["type"], failed["data"]["event_id"]) == ("delivery.failed", event_id)
        server.make(f"{tenant.path}/secret/rotate", {})
        wait_told(inbox, "secret.rotated")
        (stored,) = events(tenant, "delivery.failed")
        assert {one.event_id for one in inbox.at("/told") if b"delivery.failed" in one.body} == {stored["id"]}


def _wait_dead(server: Server) -> None:
    assert server._process is not None
    assert server._process.wait(30) == -9
