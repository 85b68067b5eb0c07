"""A tenant whose webhooks the operator has switched off: nothing is accepted, nothing is sent, and nothing is lost."""

from typing import Any

import pytest

from support.handshakes import echo, proves
from support.inbox import Inbox, Reply
from support.process import ADMIN_KEY, Answer, Server, wait_until
from support.receivers import Receiver
from support.tenant import TestTenant

OTHERS = 5
QUEUED = 30


def switch(tenant: TestTenant, *, on: bool) -> None:
    assert tenant.server.ask("PATCH", tenant.path, {"webhooks_enabled": on}).status == 200


def key(tenant: TestTenant, scope: str) -> str:
    return str(tenant.server.make(f"{tenant.path}/keys", {"scope": scope})["key"])


def refused(answer: Answer) -> None:
    assert answer.status == 403, answer
    assert answer.json["code"] == "webhooks_disabled"
    assert "webhooks_enabled" in answer.json["detail"]


def test_nothing_is_accepted_whoever_asks(tenant: TestTenant, inbox: Inbox) -> None:
    endpoint = tenant.endpoint(inbox.url())
    event_id = tenant.send()
    tenant.wait_state(event_id, "delivered")
    keys = {scope: key(tenant, scope) for scope in ("tenant", "ingest")}
    keys["admin"] = ADMIN_KEY
    switch(tenant, on=False)
    event = {"type": "thing.happened", "data": None}
    since = {"since": "2026-01-01T00:00:00Z", "which": "all"}
    accepting = [("/events", event), ("/events", {**event, "id": "mine"}), ("/events/batch", {"events": [event] * 2})]
    sending = [
        (f"/endpoints/{endpoint['id']}/test", {}),
        (f"/events/{event_id}/resend", {}),
        (f"/endpoints/{endpoint['id']}/replay", since),
    ]
    for scope, text in keys.items():
        for path, body in accepting + (sending if scope != "ingest" else []):
            refused(tenant.server.ask("POST", f"{tenant.path}{path}", body, key=text))
    assert [one["id"] for one in tenant.server.get(f"{tenant.path}/events")["items"]] == [event_id]
    switch(tenant, on=True)
    # What was refused has left no claim on its id behind.
    tenant.wait_state(tenant.send(id="mine"), "delivered")
    assert len(inbox.received) == 2


def test_a_repeat_is_answered_and_what_is_new_beside_it_refused(tenant: TestTenant) -> None:
    event = {"type": "thing.happened", "data": None, "id": "first"}
    path = f"{tenant.path}/events"
    assert tenant.server.ask("POST", path, event).status == 202
    switch(tenant, on=False)
    assert tenant.server.ask("POST", path, event).status == 200
    refused(tenant.server.ask("POST", f"{path}/batch", {"events": [event, {**event, "id": "second"}]}))
    assert [one["id"] for one in tenant.server.get(path)["items"]] == ["first"]


def test_what_is_queued_waits_and_goes_out_when_it_is_on_again(server: Server, tenant: TestTenant) -> None:
    other = TestTenant(server, f"{tenant.id}-other")
    with Inbox(lambda received: Reply(delay_s=0.05)) as inbox:
        endpoint = tenant.endpoint(inbox.url("/off"), max_in_flight=1)
        events = [{"type": "thing.happened", "data": number} for number in range(QUEUED)]
        server.make(f"{tenant.path}/events/batch", {"events": events})
        inbox.wait_for(2, "/off")
        switch(tenant, on=False)
        come = len(inbox.at("/off"))
        assert server.get(f"{tenant.path}/endpoints/{endpoint['id']}")["sending"]["state"] == "stopped"
        # Long enough for as many more of the first tenant's, if any went out.
        other.endpoint(inbox.url("/on"), max_in_flight=1)
        for number in range(OTHERS):
            other.wait_state(other.send(data=number), "delivered")
        assert len(inbox.at("/on")) == OTHERS
        assert len(inbox.at("/off")) <= come + 1  # one may have been on its way
        assert len(inbox.at("/off")) < QUEUED
        switch(tenant, on=True)
        inbox.wait_for(QUEUED, "/off")
        assert len({received.event_id for received in inbox.at("/off")}) == QUEUED


def test_nobody_is_asked_to_prove_itself_before_it_is_on(tenant: TestTenant) -> None:
    switch(tenant, on=False)
    with Receiver(proves(echo)) as receiver, Receiver(proves(echo)) as others:
        made = tenant.endpoint(receiver.url, profile="insideview")
        path = f"{tenant.path}/endpoints/{made['id']}"
        tenant.server.make(f"{path}/verify", None)
        another = TestTenant(tenant.server, f"{tenant.id}-asked")
        asked = another.endpoint(others.url, profile="insideview")
        shown = f"{another.path}/endpoints/{asked['id']}"
        wait_until(lambda: another.server.get(shown)["status"] == "active", 10.0, "the other one is active")
        assert tenant.server.get(path)["status"] == "verification_pending"
        assert receiver.requests == []
        switch(tenant, on=True)
        wait_until(lambda: tenant.server.get(path)["status"] == "active", 10.0, "it is asked and active")


@pytest.fixture
def off(tenant: TestTenant) -> tuple[TestTenant, str, str]:
    """A tenant that is switched off, the path of an endpoint of it, and a key of its own."""
    made = tenant.endpoint("http://127.0.0.1:9/", active=False)
    own = key(tenant, "tenant")
    switch(tenant, on=False)
    return tenant, f"{tenant.path}/endpoints/{made['id']}", own


def test_only_the_operator_makes_and_activates_webhooks_meanwhile(off: tuple[TestTenant, str, str]) -> None:
    tenant, path, own = off
    calls: list[tuple[str, str, Any]] = [
        ("POST", f"{tenant.path}/endpoints", {"url": "http://127.0.0.1:9/"}),
        ("PATCH", path, {"active": True}),
        ("POST", f"{path}/activate", None),
        ("POST", f"{path}/verify", None),
    ]
    for method, where, body in calls:
        refused(tenant.server.ask(method, where, body, key=own))
    for method, where, body in calls:
        assert tenant.server.ask(method, where, body).status in (200, 201)


def test_everything_else_goes_on_meanwhile(off: tuple[TestTenant, str, str]) -> None:
    tenant, path, own = off
    for method, where, body in (
        ("GET", path, None),
        ("GET", f"{path}/preview", None),
        ("PATCH", path, {"label": "new"}),
        ("POST", f"{path}/deactivate", None),
        ("GET", f"{tenant.path}/events", None),
        ("DELETE", path, None),
    ):
        assert tenant.server.ask(method, where, body, key=own).status in (200, 204), where
