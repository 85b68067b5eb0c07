"""Vessel's API for webhooks on a real server: from its calls to what arrives, to the byte."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from support.inbox import Inbox, Received, Reply
from support.process import ADMIN_KEY, Answer, Server
from support.tenant import TestTenant

BASE: Final = "/compat/vessel"
TWICE: Final = {"delays_s": [0.01]}


class Account:
    """As a program of Vessel's customer speaks: the account's key in its header, the connection's token in the call."""

    def __init__(self, tenant: TestTenant) -> None:
        self.tenant = tenant
        self.token = f"access-token-of-{tenant.id}-0001"
        self.rotate(self.token)

    def rotate(self, token: str, grace_seconds: int = 0) -> None:
        rotation = {"secret": token, "grace_seconds": grace_seconds}
        assert self.tenant.server.ask("POST", f"{self.tenant.path}/secret/rotate", rotation).status == 200

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        headers = {"vessel-api-token": ADMIN_KEY}
        return self.tenant.server.ask(method, BASE + path, body, key=None, headers=headers)

    def create(self, url: str, path: str = "/connection/webhook") -> str:
        """As the document's example does; the webhook's id."""
        answer = self.ask("POST", path, {"accessToken": self.token, "webhook": {"webhookUrl": url}})
        assert answer.status == 201, answer.body
        webhook_id = str(answer.json["webhook"]["webhookId"])
        assert answer.body == f'{{"webhook":{{"webhookId":"{webhook_id}","webhookUrl":"{url}"}}}}'.encode()
        return webhook_id


@pytest.fixture
def account(tenant: TestTenant) -> Account:
    return Account(tenant)


def assert_vessels(received: Received, account: Account, token: str, body: str) -> None:
    """What came has this body and the contract's headers, in their case and order, signed with the token."""
    assert received.body.decode() == body
    timestamp = received.header("x-vessel-timestamp")
    assert timestamp is not None
    assert timestamp.isdigit()
    signed = token.encode() + received.body + timestamp.encode()
    assert list(received.contract_headers.items()) == [
        ("Content-Type", "application/json"),
        ("x-vessel-timestamp", timestamp),
        ("x-vessel-signature", hashlib.sha256(signed).hexdigest()),
        ("x-vessel-connection-id", account.tenant.id),
    ]


def status_change(event_id: str, status: str) -> str:
    return f'{{"eventId":"{event_id}","type":"STATUS_CHANGE","data":{{"status":"{status}"}}}}'


def object_change(event_id: str, change: str, record: str) -> str:
    data = f'{{"objectType":"Contact","eventType":"{change}","record":{record}}}'
    return f'{{"eventId":"{event_id}","type":"OBJECT_CHANGE","data":{data}}}'


def test_the_life_of_a_connection(account: Account, inbox: Inbox) -> None:
    tenant = account.tenant
    webhook_id = account.create(inbox.url())
    (begun,) = inbox.wait_for(1)
    (first,) = tenant.server.get(f"{tenant.path}/events")["items"]
    assert_vessels(begun, account, account.token, status_change(first["id"], "NEW_CONNECTION"))
    tenant.wait_state(first["id"], "delivered")

    assert tenant.patch(webhook_id, retry=TWICE).status == 200
    inbox.received.clear()
    inbox.reply = lambda _: Reply(500 if len(inbox.received) == 1 else 200)
    contact = '{"b":1.0,"2":"zwei","name":"Núñez"}'
    event = f'{{"type":"contact.created","subject":{{"type":"Contact","id":"c_1"}},"data":{contact}}}'
    accepted = tenant.server.ask("POST", f"{tenant.path}/events", event.encode()).json
    for received in inbox.wait_for(2):
        written = '{"2":"zwei","b":1,"name":"Núñez"}'
        assert_vessels(received, account, account.token, object_change(accepted["id"], "CREATE", written))

    inbox.received.clear()
    inbox.reply = lambda _: Reply()
    event_id = tenant.send("contact.deleted", None, subject={"type": "Contact", "id": "c_1"})
    (received,) = inbox.wait_for(1)
    record = f'{{"id":"c_1","nativeId":null,"connectionId":"{tenant.id}"}}'
    assert_vessels(received, account, account.token, object_change(event_id, "DELETE", record))

    inbox.received.clear()
    moved = {"accessToken": account.token, "webhookUrl": inbox.url("/moved")}
    assert account.ask("PUT", "/webhook", moved).json["webhook"] == {
        "webhookId": webhook_id,
        "webhookUrl": inbox.url("/moved"),
    }
    told = tenant.server.make(f"{tenant.path}/status", {"status": "READY"})
    (received,) = inbox.wait_for(1)
    assert received.path == "/moved"
    assert_vessels(received, account, account.token, status_change(told["id"], "READY"))

    deleted = account.ask("DELETE", "/webhook", {"accessToken": account.token, "webhookId": webhook_id})
    assert (deleted.status, deleted.body) == (204, b"")
    assert account.ask("GET", f"/webhook?accessToken={account.token}").json["code"] == "not_found"
    assert tenant.server.make(f"{tenant.path}/status", {"status": "READY"})["deliveries"] == 0
    account.create(inbox.url("/again"), "/webhook")
    (again,) = inbox.wait_for(1, "/again")
    assert json.loads(again.body)["data"] == {"status": "NEW_CONNECTION"}
    assert json.loads(again.body)["eventId"] != first["id"]


def test_a_rotated_access_token(account: Account, inbox: Inbox) -> None:
    """One signature fits: during the grace it is the old token's, and the API takes both."""
    webhook_id = account.create(inbox.url())
    inbox.wait_for(1)
    new = "the-new-access-token-0002"
    account.rotate(new, grace_seconds=600)
    for token in (account.token, new):
        assert account.ask("GET", f"/webhook?accessToken={token}").json["webhook"]["webhookId"] == webhook_id
    event_id = account.tenant.send("contact.updated", {"n": 1})
    graced = inbox.wait_for(2)[1]
    body = object_change(event_id, "UPDATE", '{"n":1}').replace("Contact", "contact")
    assert_vessels(graced, account, account.token, body)
    account.rotate("the-newest-access-token-0003")
    for token in (account.token, new):
        assert account.ask("GET", f"/webhook?accessToken={token}").status == 404
    event_id = account.tenant.send("contact.updated", {"n": 1})
    latest = inbox.wait_for(3)[2]
    body = object_change(event_id, "UPDATE", '{"n":1}').replace("Contact", "contact")
    assert_vessels(latest, account, "the-newest-access-token-0003", body)


REFUSED: Final[dict[str, tuple[Callable[[Account, str], Answer], int, str]]] = {
    "a second webhook": (
        lambda account, url: account.ask("POST", "/webhook", {"accessToken": account.token, "webhookUrl": url}),
        *(409, "endpoint_exists"),
    ),
    "an unknown token": (
        lambda account, url: account.ask("POST", "/connection/webhook", {"accessToken": "x", "webhookUrl": url}),
        *(404, "not_found"),
    ),
    "no token": (lambda account, url: account.ask("POST", "/webhook", {"webhookUrl": url}), 400, "invalid"),
    "no URL": (lambda account, url: account.ask("PUT", "/webhook", {"accessToken": account.token}), 400, "invalid"),
    "a URL that is none": (
        lambda account, url: account.ask("PUT", "/webhook", {"accessToken": account.token, "webhookUrl": "ftp://x/"}),
        *(400, "invalid"),
    ),
    "another webhook": (
        lambda account, url: account.ask("DELETE", f"/webhook?accessToken={account.token}&webhookId=ep_1"),
        *(404, "not_found"),
    ),
    "no JSON": (lambda account, url: account.ask("PUT", "/webhook", b"{"), 400, "malformed"),
    "no address": (lambda account, url: account.ask("GET", "/webhooks"), 404, "not_found"),
    "no method": (lambda account, url: account.ask("PATCH", "/webhook", {}), 405, "method_not_allowed"),
}


def test_what_is_refused_is_told_in_its_manner_and_nothing_is_half_done(account: Account, inbox: Inbox) -> None:
    webhook_id = account.create(inbox.url())
    inbox.wait_for(1)
    place = f"{account.tenant.path}/endpoints"
    before = account.tenant.server.get(place)["items"]
    for name, (attempt, status, code) in REFUSED.items():
        answer = attempt(account, inbox.url("/other"))
        assert (answer.status, answer.json["code"]) == (status, code), name
        assert answer.headers["content-type"] == "application/json"
        assert list(answer.json)[:2] == ["code", "message"]
        assert code != "endpoint_exists" or webhook_id in answer.json["message"]
    after = account.tenant.server.get(place)["items"]
    assert [{**one, "sending": None} for one in after] == [{**one, "sending": None} for one in before]
    assert len(account.tenant.server.get(f"{account.tenant.path}/events")["items"]) == 1
    assert inbox.at("/other") == []


def test_a_webhook_that_was_made_is_told_so_after_a_crash(tmp_path: Path, inbox: Inbox) -> None:
    """The first server sends nothing, and is killed as soon as it has answered."""
    data = tmp_path / "data"
    with Server(data, "--allow-private", "--role", "api") as first:
        account = Account(TestTenant(first, "acme"))
        account.create(inbox.url())
        first.kill()
    with Server(data, "--allow-private") as second:
        (begun,) = inbox.wait_for(1)
        (event,) = second.get("/v1/tenants/acme/events")["items"]
    assert_vessels(begun, account, account.token, status_change(event["id"], "NEW_CONNECTION"))
