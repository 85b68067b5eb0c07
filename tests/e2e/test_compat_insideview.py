"""InsideView's API end to end: a subscription is made by its own API, proves itself, and is told of events; what comes
is the contract's to the byte, and what doesn't come is fetched.

Signatures are checked with openssl and the vectors, never with our own signer.
"""

import json
import re
import subprocess
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from support.compat import Api
from support.handshakes import CODE_HEADER, Held, Reply, asks, echo, headers, proves
from support.process import Server, free_port, wait_until
from support.receivers import OK, Connection, ReceivedRequest, Receiver
from support.tenant import TestTenant

SIGNATURE = "X-InsideViewAPI-AlertDataSignature"
VECTORS = json.loads((Path(__file__).parents[1] / "contracts/vectors/insideview.json").read_text("utf-8"))
MISSING = f"Please echo {CODE_HEADER} request header value as response header with name {CODE_HEADER}"
INVALID, INCORRECT = f"Invalid {CODE_HEADER} response header value", f"Incorrect {CODE_HEADER} response header value"
WITHIN_S = 10.0
_numbers = count(1)


class Account(TestTenant):
    """A tenant that speaks InsideView's API with a key of its own; paths are below `/compat/insideview/api/v1`."""

    def __init__(self, server: Server) -> None:
        super().__init__(server, f"iv{next(_numbers)}")
        self.api = Api(self, "/compat/insideview/api/v1")

    def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """What was answered, which must be of this status."""
        return self.api.must(status, method, path, body)

    def subscribe(self, url: str | None, **fields: Any) -> dict[str, Any]:
        webhook = {} if url is None else {"webhook": {"url": url, **fields.pop("webhook", {})}}
        made: dict[str, Any] = self.ask(
            "POST", "/subscriptions", {"subscriptionType": "company", **webhook, **fields}, 201
        )
        return made

    def shown(self, subscription: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"/subscriptions/{subscription['subscriptionId']}")
        return found

    def change(self, subscription: dict[str, Any], body: Any, status: int = 200) -> dict[str, Any]:
        changed: dict[str, Any] = self.ask("PUT", f"/subscriptions/{subscription['subscriptionId']}", body, status)
        return changed

    def wait_status(self, subscription: dict[str, Any], status: str) -> dict[str, Any]:
        found: dict[str, Any] = wait_until(
            lambda: now if (now := self.shown(subscription))["webhook"]["status"] == status else None,
            WITHIN_S,
            f"{status}: {self.shown(subscription)}",
        )
        return found

    def happen(self, event_type: str = "company.updated", data: Any = None, **fields: Any) -> dict[str, Any]:
        event = {"type": event_type, "data": {"name": "Núñez"} if data is None else data, **fields}
        accepted: dict[str, Any] = self.server.make(f"{self.path}/events", event)
        return accepted

    def alerts(self, subscription: dict[str, Any], **query: str) -> dict[str, Any]:
        parameters = "".join(f"&{name}={value}" for name, value in query.items())
        found: dict[str, Any] = self.ask("GET", f"/alerts?subscriptionId={subscription['subscriptionId']}{parameters}")
        return found

    def events_of(self, subscription: dict[str, Any]) -> list[str]:
        return [alert["eventId"] for alert in self.alerts(subscription)["alerts"]]


@pytest.fixture
def account(server: Server) -> Account:
    return Account(server)


def alerts_at(receiver: Receiver, number: int) -> list[ReceivedRequest]:
    """What was sent that is no handshake, once so many have come."""
    found: list[ReceivedRequest] = wait_until(
        lambda: sent if len(sent := [one for one in receiver.requests if not asks(one)]) >= number else None,
        WITHIN_S,
        f"{number} alerts",
    )
    return found


def asked(receiver: Receiver, number: int) -> None:
    wait_until(lambda: sum(map(asks, receiver.requests)) >= number, WITHIN_S, f"asked {number} times")


def hmac_by_openssl(secret: str, body: bytes) -> str:
    command = ["openssl", "dgst", "-sha1", "-hmac", secret]
    run = subprocess.run(command, input=body, capture_output=True, timeout=60, check=True)
    return run.stdout.decode().rpartition("= ")[2].strip()


# ── the whole way ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_from_the_subscription_to_the_alert_and_its_details(account: Account) -> None:
    with Receiver(proves(echo)) as receiver:
        made = account.subscribe(receiver.url, name="My companies", signingSecret="signing-secret-1", colour="blue")
        assert made["webhook"] == {"url": receiver.url, "status": "VERIFICATION_PENDING"}
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000", made.pop("createdDate"))
        assert made.pop("updatedDate")
        assert made == {
            "subscriptionId": made["subscriptionId"],
            "name": "My companies",
            "webhook": {"url": receiver.url, "status": "VERIFICATION_PENDING"},
            "subscriptionType": "company",
        }
        shown = account.wait_status(made, "ACTIVE")
        assert shown.keys() == {*made, "createdDate", "updatedDate"}
        event = account.happen(
            data={"name": "Bodega Núñez", "employees": 1.50},
            occurred_at="2020-02-26T11:52:29.5Z",
            subject={"type": "Organisation", "id": "co_9"},
            change="updated",
            previous={"name": "Bodega"},
        )
        account.happen("contact.updated")
        (sent,) = alerts_at(receiver, 1)
        alert_id = json.loads(sent.body)["alertId"]
        body = (
            f'{{"alertId":"{alert_id}","subscriptionId":"{made["subscriptionId"]}",'
            '"date":"2020-02-26T11:52:29+0000","type":"company"}'
        )
        assert sent.body == body.encode()
        assert sent.line == "POST /hook HTTP/1.1"
        own = {"Host", "User-Agent", "Accept", "Accept-Encoding", "Ringback-Hops", "Content-Length"}
        assert [pair for pair in sent.headers if pair[0] not in own] == [
            ("Content-Type", "application/json"),
            (SIGNATURE, hmac_by_openssl("signing-secret-1", sent.body)),
        ]
        assert re.fullmatch(r"[1-9][0-9]{0,15}", alert_id)
        assert int(alert_id) < 2**53
        alert = account.ask("GET", f"/alerts/{alert_id}")
        assert account.alerts(made)["alerts"] == [alert]
        assert [one["subscriptionId"] for one in account.ask("GET", "/subscriptions")["subscriptions"]] == [
            made["subscriptionId"]
        ]
    assert alert.pop("receivedDate")
    assert alert == {
        **json.loads(sent.body),
        "eventId": event["id"],
        "eventType": "company.updated",
        "entityId": "co_9",
        "change": "updated",
        "data": {"name": "Bodega Núñez", "employees": 1.50},
        "previousData": {"name": "Bodega"},
    }


def test_openssl_agrees_with_the_vectors() -> None:
    for case in VECTORS["cases"]:
        assert hmac_by_openssl(case["signing_secret"], case["body"].encode()) == case["hex"]


# ── who proves itself ─────────────────────────────────────────────────────────────────────────────────────────────


def with_code(line: str) -> Reply:
    return lambda request: headers(*line.format(code=request.header(CODE_HEADER)).split("|"))


BAD = {
    "doesn't echo": (with_code("X-Other: 1"), "400-2101", MISSING),
    "another case": (with_code(f"{CODE_HEADER.upper()}: {{code}}"), "400-2101", MISSING),
    "sends none": (with_code(f"{CODE_HEADER}:"), "400-2102", INVALID),
    "sends two": (with_code(f"{CODE_HEADER}: {{code}}|{CODE_HEADER}: {{code}}"), "400-2103", INVALID),
    "another value": (with_code(f"{CODE_HEADER}: x{{code}}"), "400-2104", INCORRECT),
}


@pytest.mark.parametrize(("reply", "code", "message"), BAD.values(), ids=BAD.keys())
def test_who_answers_wrong_is_disabled_is_queued_nothing_and_can_fetch(
    account: Account, reply: Callable[[ReceivedRequest], bytes], code: str, message: str
) -> None:
    wrong = [reply]

    def answer(request: ReceivedRequest) -> bytes:
        return wrong.pop()(request) if wrong else echo(request)

    with Receiver(proves(answer)) as receiver:
        made = account.subscribe(receiver.url)
        disabled = account.wait_status(made, "DISABLED")
        reason = {"disableReasonErrorCode": code, "disableReasonMessage": message}
        webhook = {"url": receiver.url, "status": "DISABLED", **reason}
        assert disabled["webhook"] == webhook
        assert {name: disabled[name] for name in webhook} == webhook
        event = account.happen()
        assert event["deliveries"] == 0
        assert account.events_of(made) == [event["id"]]
        assert account.change(made, {"webhook": {"url": receiver.url}})["webhook"]["status"] == "VERIFICATION_PENDING"
        mended = account.wait_status(made, "ACTIVE")
        assert not {"disableReasonErrorCode", "disableReasonMessage", "url", "status"} & {*mended}
        assert len(receiver.requests) == 2


def test_while_it_is_pending_alerts_wait_and_who_is_down_is_asked_again(account: Account) -> None:
    port = free_port()
    made = account.subscribe(f"http://127.0.0.1:{port}/hook")
    event = account.happen()
    assert event["deliveries"] == 1
    wait_until(lambda: account.attempts(made["subscriptionId"]), WITHIN_S, "it was asked")
    assert account.shown(made)["webhook"]["status"] == "VERIFICATION_PENDING"
    assert account.state(event["id"]) == "pending"
    assert account.events_of(made) == [event["id"]]
    with Receiver(proves(echo), port=port) as receiver:
        account.change(made, {"webhook": {"url": receiver.url}})
        account.wait_status(made, "ACTIVE")
        assert len(alerts_at(receiver, 1)) == 1


def test_a_new_url_is_asked_and_an_old_one_on_request(account: Account) -> None:
    with Receiver(proves(echo)) as first, Receiver(Held(echo)) as second:
        made = account.subscribe(first.url)
        active = account.wait_status(made, "ACTIVE")
        assert account.change(made, active)["webhook"]["status"] == "ACTIVE"
        assert account.change(made, {"name": "Renamed"})["webhook"]["status"] == "ACTIVE"
        again = {"webhook": {"url": first.url, "status": "VERIFICATION_PENDING"}}
        assert account.change(made, again)["webhook"]["status"] == "VERIFICATION_PENDING"
        account.wait_status(made, "ACTIVE")
        asked(first, 2)
        verify = f"{account.path}/endpoints/{made['subscriptionId']}/verify"
        assert account.server.make(verify, None)["status"] == "verification_pending"
        account.wait_status(made, "ACTIVE")
        asked(first, 3)
        moved = account.change(made, {"webhook": {"url": second.url}})
        assert moved["webhook"] == {"url": second.url, "status": "VERIFICATION_PENDING"}
        assert moved["name"] == "Renamed"
        asked(second, 1)
        account.change(made, {"webhook": {"url": first.url}})
        account.wait_status(made, "ACTIVE")
        assert len(first.requests) == 4


def test_one_that_answers_410_is_disabled_queued_nothing_and_asked_anew(account: Account) -> None:
    gone = [b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"]

    def script(connection: Connection) -> None:
        while (request := connection.request()) is not None:
            connection.send(echo(request) if asks(request) else gone.pop() if gone else OK)

    with Receiver(script) as receiver:
        made = account.subscribe(receiver.url)
        account.wait_status(made, "ACTIVE")
        first = account.happen()
        disabled = account.wait_status(made, "DISABLED")
        assert disabled["disableReasonErrorCode"] == disabled["webhook"]["disableReasonErrorCode"] == "gone"
        second = account.happen()
        assert (first["deliveries"], second["deliveries"]) == (1, 0)
        assert account.events_of(made) == [first["id"], second["id"]]
        assert account.change(made, {"webhook": {}})["webhook"]["status"] == "VERIFICATION_PENDING"
        account.wait_status(made, "ACTIVE")
        assert account.happen()["deliveries"] == 1
        assert len(alerts_at(receiver, 3)) == 3  # the first once more, and the one after it was proven again
        assert sum(map(asks, receiver.requests)) == 2


# ── the signing secret ────────────────────────────────────────────────────────────────────────────────────────────


def test_signed_if_and_only_if_there_is_a_secret(account: Account) -> None:
    with Receiver(proves(echo)) as receiver:
        made = account.subscribe(receiver.url)
        account.wait_status(made, "ACTIVE")

        def next_signature(number: int) -> tuple[str | None, bytes]:
            account.happen()
            sent = alerts_at(receiver, number)[-1]
            return sent.header(SIGNATURE), sent.body

        assert next_signature(1)[0] is None
        changes = [
            ({"signingSecret": "at the top"}, "at the top"),
            ({"webhook": {"signingSecret": "inside"}}, "inside"),
            ({"webhook": {"url": receiver.url}, "name": "Left as it is"}, "inside"),
            ({"signingSecret": "a", "webhook": {"signingSecret": "a"}}, "a"),
            ({"signingSecret": None}, None),
            ({"signingSecret": "a"}, "a"),
            ({"webhook": {"signingSecret": None}}, None),
        ]
        for number, (change, secret) in enumerate(changes, 2):
            shown = account.change(made, change)
            assert shown["webhook"] == {"url": receiver.url, "status": "ACTIVE"}
            assert "signingSecret" not in json.dumps(shown)
            signature, body = next_signature(number)
            assert signature == (None if secret is None else hmac_by_openssl(secret, body))
        assert sum(map(asks, receiver.requests)) == 1


# ── without a webhook, and fetching ───────────────────────────────────────────────────────────────────────────────


def test_a_subscription_without_a_webhook_keeps_alerts_and_may_get_and_lose_one(account: Account) -> None:
    account.happen("company.before")
    made = account.subscribe(None, signingSecret="kept for later")
    assert (made["webhook"], made["subscriptionType"]) == (None, "company")
    first = account.happen()
    account.happen("contact.updated")
    assert first["deliveries"] == 0
    (alert,) = account.alerts(made)["alerts"]
    assert (alert["eventId"], alert["subscriptionId"]) == (first["id"], made["subscriptionId"])
    assert account.ask("GET", f"/alerts/{alert['alertId']}") == alert
    path = f"{account.path}/endpoints/{made['subscriptionId']}"
    assert account.server.get(path)["url"] == ""
    for ask, way in (("POST", "/activate"), ("POST", "/verify"), ("GET", "/preview"), ("POST", "/test")):
        assert account.server.ask(ask, path + way).json["code"] == "no_url"
    with Receiver(proves(echo)) as receiver:
        given = account.change(made, {"webhook": {"url": receiver.url}})
        assert given["webhook"] == {"url": receiver.url, "status": "VERIFICATION_PENDING"}
        account.wait_status(made, "ACTIVE")
        second = account.happen()
        (sent,) = alerts_at(receiver, 1)
        assert sent.header(SIGNATURE) == hmac_by_openssl("kept for later", sent.body)
        account.wait_state(second["id"], "delivered")
        assert account.change(made, {"webhook": None})["webhook"] is None
        third = account.happen()
        assert third["deliveries"] == 0
    assert account.events_of(made) == [first["id"], second["id"], third["id"]]


def test_alerts_come_in_pages_whose_cursor_can_be_kept(account: Account) -> None:
    made, contacts = account.subscribe(None), account.subscribe(None, subscriptionType="contact")
    expected = [account.happen(data=number)["id"] for number in range(5)]
    account.happen("contact.created")
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while (page := account.alerts(made, limit="2", **cursor))["alerts"]:
        assert len(page["alerts"]) <= 2
        seen += [alert["eventId"] for alert in page["alerts"]]
        cursor = {"cursor": page["nextCursor"]}
    assert seen == expected
    assert page["nextCursor"] is None
    later = account.happen()["id"]
    assert [alert["eventId"] for alert in account.alerts(made, **cursor)["alerts"]] == [later]
    (contact,) = account.alerts(contacts)["alerts"]
    assert (contact["type"], contact["subscriptionId"]) == ("contact", contacts["subscriptionId"])
    numbers = [alert["alertId"] for alert in account.alerts(made)["alerts"]] + [contact["alertId"]]
    assert len(set(numbers)) == len(numbers) == 7


def test_a_subscription_is_told_of_its_entities_and_fetches_no_others(account: Account) -> None:
    with Receiver(proves(echo)) as receiver:
        made = account.subscribe(receiver.url, trackedSet="my-companies")
        account.wait_status(made, "ACTIVE")
        account.track("my-companies", "co_1", "co_2")
        names = ("co_1", "co_3", "co_2")
        events = {name: account.happen(subject={"type": "company", "id": name}) for name in names}
        account.happen()
        assert [events[name]["deliveries"] for name in names] == [1, 0, 1]
        sent = [json.loads(one.body)["alertId"] for one in alerts_at(receiver, 2)]
    page = account.alerts(made)
    assert [(alert["entityId"], alert["eventId"]) for alert in page["alerts"]] == [
        ("co_1", events["co_1"]["id"]),
        ("co_2", events["co_2"]["id"]),
    ]
    assert sorted(sent) == sorted(alert["alertId"] for alert in page["alerts"])
    assert account.change(made, {"trackedSet": None}).keys() == account.shown(made).keys()
    assert len(account.events_of(made)) == 4


def test_what_was_sent_can_be_fetched_a_test_too(account: Account) -> None:
    with Receiver(proves(echo)) as receiver:
        made = account.subscribe(receiver.url)
        account.wait_status(made, "ACTIVE")
        path = f"{account.path}/endpoints/{made['subscriptionId']}/test"
        account.server.make(path, {"event_type": "contact.created"})
        (sent,) = alerts_at(receiver, 1)
    alert = account.ask("GET", f"/alerts/{json.loads(sent.body)['alertId']}")
    assert json.loads(sent.body).items() <= alert.items()
    assert account.alerts(made)["alerts"] == []


def test_a_redacted_alert_shows_that_it_was_there(account: Account) -> None:
    made = account.subscribe(None)
    event = account.happen()
    redacted = account.server.ask("DELETE", f"{account.path}/events/{event['id']}/payload")
    assert redacted.status in (200, 204), redacted.body
    (alert,) = account.alerts(made)["alerts"]
    assert (alert["eventId"], alert["data"], alert["previousData"]) == (event["id"], None, None)


# ── what is refused ───────────────────────────────────────────────────────────────────────────────────────────────

WEBHOOK = {"url": "http://127.0.0.1:1/hook"}
REFUSED: dict[str, tuple[Any, list[str]]] = {
    "nothing": ({}, ["subscriptionType"]),
    "a type that is none": ({"subscriptionType": "a b"}, ["subscriptionType"]),
    "a type of another kind": ({"subscriptionType": 7}, ["subscriptionType"]),
    "a webhook without a URL": ({"subscriptionType": "company", "webhook": {}}, ["webhook.url"]),
    "a URL that is none": ({"subscriptionType": "company", "webhook": {"url": "ftp://a.example/"}}, ["webhook.url"]),
    "a URL of another kind": ({"subscriptionType": "company", "webhook": {"url": 1}}, ["webhook.url"]),
    "a webhook of another kind": ({"subscriptionType": "company", "webhook": "x"}, ["webhook"]),
    "a secret of another kind": (
        {"subscriptionType": "company", "webhook": WEBHOOK, "signingSecret": 1},
        ["signingSecret"],
    ),
    "an empty secret": ({"subscriptionType": "company", "webhook": WEBHOOK, "signingSecret": ""}, ["signingSecret"]),
    "two secrets": (
        {"subscriptionType": "company", "webhook": {**WEBHOOK, "signingSecret": "a"}, "signingSecret": "b"},
        ["signingSecret"],
    ),
    "a name that is too long": ({"subscriptionType": "company", "name": "x" * 300}, ["name"]),
}


@pytest.mark.parametrize(("body", "fields"), REFUSED.values(), ids=REFUSED.keys())
def test_bad_input_makes_nothing(account: Account, body: Any, fields: list[str]) -> None:
    told = account.ask("POST", "/subscriptions", body, 400)
    assert told.keys() == {"errorCode", "message", "reason", "errors"}
    assert (told["errorCode"], told["reason"]) == ("400-1001", "invalid")
    assert [error["field"] for error in told["errors"]] == fields
    assert account.ask("GET", "/subscriptions") == {"subscriptions": []}


def test_bad_input_changes_nothing(account: Account) -> None:
    made = account.subscribe(None, name="As it was")
    before = account.shown(made)
    for body in (
        {},
        {"unknown": 1},
        {"name": "New", "signingSecret": ""},
        {"name": "New", "webhook": {}},
        {"name": "New", "webhook": {"status": "active"}},
        {"name": "New", "webhook": {"url": "http://"}, "signingSecret": "secret"},
        {"name": "New", "subscriptionType": "contact"},
        {"name": 1},
    ):
        assert account.change(made, body, 400)["errorCode"] == "400-1001"
        assert account.shown(made) == before
    account.ask("GET", "/alerts", status=400)
    account.ask("GET", f"/alerts?subscriptionId={made['subscriptionId']}&cursor=x", status=400)
    account.ask("GET", f"/alerts?subscriptionId={made['subscriptionId']}&limit=0", status=400)
    with Receiver(proves(echo)) as receiver:
        account.change(made, {"webhook": {"url": receiver.url}})
        account.wait_status(made, "ACTIVE")
        account.happen()
        assert alerts_at(receiver, 1)[0].header(SIGNATURE) is None


def test_who_was_switched_off_by_a_person_stays_so(account: Account) -> None:
    with Receiver(proves(echo)) as receiver:
        made = account.subscribe(receiver.url)
        account.wait_status(made, "ACTIVE")
        path = f"{account.path}/endpoints/{made['subscriptionId']}"
        assert account.server.make(f"{path}/deactivate", None)["status"] == "inactive"
        shown = account.change(made, {"webhook": {"url": receiver.url}})
        assert shown["webhook"]["status"] == "DISABLED"
        assert shown["disableReasonErrorCode"] == shown["webhook"]["disableReasonErrorCode"] == "inactive"
        assert account.happen()["deliveries"] == 0
        assert len(account.events_of(made)) == 1


def test_what_belongs_to_another_tenant_or_contract_is_not_there(server: Server, account: Account) -> None:
    other = Account(server)
    theirs = other.subscribe(None)
    other.happen()
    (alert,) = other.alerts(theirs)["alerts"]
    elsewhere = account.endpoint("http://127.0.0.1:1/", profile="standard")["id"]
    mine = account.subscribe(None)
    for subscription_id in (theirs["subscriptionId"], elsewhere, "ep_none", "a.b"):
        for method, path, body in (
            ("GET", f"/subscriptions/{subscription_id}", None),
            ("PUT", f"/subscriptions/{subscription_id}", {"name": "Mine now"}),
            ("DELETE", f"/subscriptions/{subscription_id}", None),
            ("GET", f"/alerts?subscriptionId={subscription_id}", None),
        ):
            told = account.ask(method, path, body, 404)
            assert (told["errorCode"], told["reason"]) == ("404-1000", "not_found")
    for alert_id in (alert["alertId"], "1", "0", "9" * 16, "9" * 17, "x", "-1"):
        assert account.ask("GET", f"/alerts/{alert_id}", status=404)["reason"] == "not_found"
    assert other.shown(theirs)["name"] == ""
    assert account.ask("DELETE", f"/subscriptions/{mine['subscriptionId']}", status=204) is None
    assert account.ask("GET", "/subscriptions") == {"subscriptions": []}
    assert account.ask("GET", f"/alerts/{alert['alertId']}", status=404)
    assert other.alerts(theirs)["alerts"] == [alert]
