"""Why an event has not arrived yet: what the API says of the endpoint and of the delivery, with a real server."""

import time
from typing import Any

from ringback.times import parse_rfc3339
from support.inbox import Inbox, Reply
from support.process import wait_until
from support.tenant import TestTenant

LATER = {"delays_s": [600]}


def sending(tenant: TestTenant, endpoint: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = tenant.server.get(f"{tenant.path}/endpoints/{endpoint['id']}")["sending"]
    return shown


def listed(tenant: TestTenant) -> list[dict[str, Any]]:
    return [one["sending"] for one in tenant.server.get(f"{tenant.path}/endpoints")["items"]]


def fate(tenant: TestTenant, event_id: str) -> tuple[Any, Any, Any]:
    """Of an event with one delivery."""
    (delivery,) = tenant.deliveries(event_id)
    return delivery["state"], delivery["next_attempt_at"], delivery["waiting_for"]


def test_a_parked_endpoint_says_so_and_when_it_is_tried_next(tenant: TestTenant, inbox: Inbox) -> None:
    inbox.reply = lambda received: Reply(500)
    endpoint = tenant.endpoint(inbox.url(), retry=LATER)
    assert endpoint["sending"] == {"state": "sending", "until": None}
    body = {"events": [{"type": "thing.happened", "data": n} for n in range(300)]}
    asked_ms = int(time.time() * 1000)
    accepted = tenant.server.make(f"{tenant.path}/events/batch", body)
    untried = accepted["accepted"][-1]["id"]

    wait_until(lambda: sending(tenant, endpoint)["state"] == "parked", 15, "the endpoint is parked")
    parked = sending(tenant, endpoint)

    assert parse_rfc3339(parked["until"]) > asked_ms + 5_000
    assert listed(tenant) == [parked]
    assert fate(tenant, untried) == ("pending", parked["until"], "pause")

    inbox.reply = lambda received: Reply()
    tenant.wait_state(untried, "delivered", 40)
    wait_until(lambda: sending(tenant, endpoint)["state"] == "sending", 10, "the endpoint is not parked any more")


def test_an_endpoint_that_asked_for_a_pause_is_paused(tenant: TestTenant, inbox: Inbox) -> None:
    inbox.reply = lambda received: Reply(429, (("Retry-After", "300"),))
    endpoint = tenant.endpoint(inbox.url(), retry={"delays_s": [0.1]})

    event_id = tenant.send()

    wait_until(lambda: sending(tenant, endpoint)["state"] == "paused", 15, "the endpoint is paused")
    assert fate(tenant, event_id) == ("pending", sending(tenant, endpoint)["until"], "pause")


def test_behind_a_failing_head_an_event_waits_for_its_order(tenant: TestTenant, inbox: Inbox) -> None:
    inbox.reply = lambda received: Reply(500)
    tenant.endpoint(inbox.url(), ordering="strict", retry=LATER)
    first, second = tenant.send(), tenant.send()

    wait_until(tenant.attempts, 15, "the first was tried")

    state, next_at, waiting_for = fate(tenant, first)
    assert (state, waiting_for) == ("pending", None)
    assert parse_rfc3339(next_at) > parse_rfc3339(tenant.attempts()[0]["at"]) + 300_000
    assert fate(tenant, second) == ("pending", None, "order")


def test_what_is_queued_for_an_endpoint_that_is_switched_off_waits_for_it(tenant: TestTenant, inbox: Inbox) -> None:
    inbox.reply = lambda received: Reply(500)
    endpoint = tenant.endpoint(inbox.url(), retry=LATER)
    event_id = tenant.send()
    wait_until(tenant.attempts, 15, "it was tried")

    path = f"{tenant.path}/endpoints/{endpoint['id']}"
    assert tenant.server.ask("POST", f"{path}/deactivate").status == 200

    assert sending(tenant, endpoint) == {"state": "stopped", "until": None}
    assert fate(tenant, event_id) == ("pending", None, "endpoint")
    inbox.reply = lambda received: Reply()
    assert tenant.server.ask("POST", f"{path}/activate").status == 200
    assert sending(tenant, endpoint) == {"state": "sending", "until": None}
    assert fate(tenant, event_id)[2] is None
