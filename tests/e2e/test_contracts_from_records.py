"""The published contracts, from an application that writes records: what a change of one makes arrive, to the byte.

Nothing here posts an event. Expected bodies are the documents' own words and the vectors that other programs made;
signatures are worked out with the standard library, never with our own signer.
"""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any, Final

import pytest

from support.compat import Api
from support.handshakes import asks, echo, proves
from support.inbox import Inbox, Received
from support.process import wait_until
from support.receivers import Receiver
from support.tenant import TestTenant

TOKEN: Final = "access-token-of-the-connection-0001"
VECTORS: Final = json.loads((Path(__file__).parents[1] / "contracts/vectors/vessel.json").read_text("utf-8"))["cases"]


def write(tenant: TestTenant, place: str, state: bytes | str, method: str = "PUT") -> Any:
    """Write a record (`contact/c_1`); the answer."""
    body = state.encode() if isinstance(state, str) else state
    answer = tenant.server.ask(method, f"{tenant.path}/records/{place}", body)
    assert answer.status in (200, 201), answer.body
    return answer.json


def delete(tenant: TestTenant, place: str) -> Any:
    answer = tenant.server.ask("DELETE", f"{tenant.path}/records/{place}")
    assert answer.status == 200, answer.body
    return answer.json


# ── Vainu ─────────────────────────────────────────────────────────────────────────────────────────────────────────

# The document's example, as Vainu's own systems might hold it: with what the webhook leaves out.
VAINU_BASICS = (
    '"status":"active","domain":"vainu.com","turn_over":%d,"visiting_address":"Etel%sesplanadi 12",'
    '"business_id":"25578642","company_name":"Vainu. io Software Oy","visiting_city":"HELSINKI",'
    '"visiting_postal":"00130","staff_number":12,"region":"FI-18"'
)


def company(turn_over: int, rating: float = 4.5) -> str:
    return f'{{"rating": {rating}, {VAINU_BASICS % (turn_over, "ä")}, "tags": []}}'


def vainu_request(turn_over: int, event_id: str) -> bytes:
    data = VAINU_BASICS % (turn_over, "\\u00e4")
    fields = f'"number_of_tries":1,"type":"company_change_webhook","unique_id":"{event_id}"'
    return f'{{"data":{{{data}}},{fields}}}'.encode()


def test_vainu_is_told_of_companies_in_the_customer_data(tenant: TestTenant, inbox: Inbox) -> None:
    webhook = {"webhook_url": inbox.url(), "query": "?crm=custom", "type": "company_change_webhook"}
    Api(tenant, "/compat/vainu").must(201, "POST", "/api/v2/webhook_configuration/", webhook)
    tenant.track("customer-data", "25578642")
    made = write(tenant, "company/25578642", company(895_000))
    assert write(tenant, "company/11111111", company(1))["events"][0]["deliveries"] == 0
    assert write(tenant, "company/25578642", company(895_000))["result"] == "unchanged"
    changed = write(tenant, "company/25578642", '{"turn_over": 895766}', "PATCH")
    assert changed["changed"] == ["/turn_over"]
    first, second = sorted(inbox.wait_for(2), key=lambda one: b"895766" in one.body)
    for received, turn_over, written in ((first, 895_000, made), (second, 895_766, changed)):
        assert received.path == "/hook?crm=custom"
        assert received.contract_headers == {"Content-Type": "application/json"}
        assert received.body == vainu_request(turn_over, written["event_id"])


def test_vainu_is_told_of_the_basic_data_alone_where_the_record_type_has_a_mask(
    tenant: TestTenant, inbox: Inbox
) -> None:
    """ "Company data updates are webhooks sent when the basic data of the company is changed." """
    fields = [f"/{name}" for name in json.loads(company(1)) if name not in ("rating", "tags")]
    put = tenant.server.ask("PUT", "/v1/record-types/company", {"fields": fields})
    assert put.status in (200, 201), put.body
    try:
        tenant.endpoint(inbox.url(), profile="vainu", event_types=["company.*"])
        tenant.track("customer-data", "25578642")
        made = write(tenant, "company/25578642", company(895_766))
        again = write(tenant, "company/25578642", company(895_766, rating=4.9))
        assert (again["result"], again["revision"], again["event_id"]) == ("updated", 2, None)
        (received,) = inbox.wait_for(1)
        assert received.body == vainu_request(895_766, made["event_id"])
    finally:
        tenant.server.ask("DELETE", "/v1/record-types/company")


# ── Vessel ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def connection(tenant: TestTenant, inbox: Inbox) -> TestTenant:
    """A connection whose webhook was made by Vessel's own API, and told of."""
    secret = {"secret": TOKEN, "grace_seconds": 0}
    assert tenant.server.ask("POST", f"{tenant.path}/secret/rotate", secret).status == 200
    webhook = {"accessToken": TOKEN, "webhook": {"webhookUrl": inbox.url()}}
    Api(tenant, "/compat/vessel").must(201, "POST", "/connection/webhook", webhook)
    inbox.wait_for(1)
    inbox.received.clear()
    return tenant


def assert_object_change(
    received: Received, tenant: TestTenant, written: Any, change: tuple[str, str], record: str
) -> None:
    """What came is the document's OBJECT_CHANGE of this object type, change and record, signed with the token."""
    object_type, event_type = change
    data = f'{{"objectType":"{object_type}","eventType":"{event_type}","record":{record}}}'
    assert received.body.decode() == f'{{"eventId":"{written["event_id"]}","type":"OBJECT_CHANGE","data":{data}}}'
    sent_at = received.header("x-vessel-timestamp") or ""
    assert received.contract_headers == {
        "Content-Type": "application/json",
        "x-vessel-timestamp": sent_at,
        "x-vessel-signature": hashlib.sha256(TOKEN.encode() + received.body + sent_at.encode()).hexdigest(),
        "x-vessel-connection-id": tenant.id,
    }


def test_vessel_is_told_of_every_change_of_an_object(connection: TestTenant, inbox: Inbox) -> None:
    ids = f'"id":"ct_1","nativeId":"003","connectionId":"{connection.id}"'
    steps = (
        ("PUT", f'{{{ids}, "firstName": "Ada", "score": 1.0}}', "CREATE", f'{{{ids},"firstName":"Ada","score":1}}'),
        ("PUT", f'{{{ids}, "firstName": "Ada", "score": 2e0}}', "UPDATE", f'{{{ids},"firstName":"Ada","score":2}}'),
        ("PATCH", '{"lastName": "Núñez", "score": null}', "UPDATE", f'{{{ids},"firstName":"Ada","lastName":"Núñez"}}'),
    )
    for count, (method, sent, event_type, record) in enumerate(steps, 1):
        written = write(connection, "Contact/ct_1", sent, method)
        assert_object_change(inbox.wait_for(count)[-1], connection, written, ("Contact", event_type), record)
    assert write(connection, "Contact/ct_1", steps[2][3])["result"] == "unchanged"
    gone = delete(connection, "Contact/ct_1")
    last = inbox.wait_for(4)[-1]
    assert_object_change(last, connection, gone, ("Contact", "DELETE"), f"{{{ids}}}")
    back = write(connection, "Contact/ct_1", '{"id":"ct_1"}')
    assert_object_change(inbox.wait_for(5)[-1], connection, back, ("Contact", "CREATE"), '{"id":"ct_1"}')


def test_of_a_record_without_ids_vessel_is_told_those_that_ringback_knows(connection: TestTenant, inbox: Inbox) -> None:
    write(connection, "Deal/de%2F1", '{"amount":5}')
    gone = delete(connection, "Deal/de%2F1")
    record = f'{{"id":"de/1","nativeId":null,"connectionId":"{connection.id}"}}'
    assert_object_change(inbox.wait_for(2)[-1], connection, gone, ("Deal", "DELETE"), record)


def objects_of_the_vectors() -> dict[str, tuple[str, str, str]]:
    """By event id: an object's type, its record as it is posted, and as a JavaScript program writes what it read."""
    found = {}
    for case in VECTORS:
        body = json.loads(case["body_as_parsed"])
        if isinstance(body.get("data"), dict) and isinstance(body["data"].get("record"), dict):
            posted, written = (
                case[name].partition('"record":')[2].strip().removesuffix("}").strip().removesuffix("}")
                for name in ("body_as_parsed", "stringified")
            )
            found[body["eventId"]] = body["data"]["objectType"], posted, written
    return found


def test_what_vessel_gets_is_what_javascript_makes_of_the_record(connection: TestTenant, inbox: Inbox) -> None:
    objects = objects_of_the_vectors()
    assert len(objects) >= 2
    for count, (name, (object_type, posted, written)) in enumerate(objects.items(), 1):
        made = write(connection, f"{object_type}/{name}", posted)
        assert_object_change(inbox.wait_for(count)[-1], connection, made, (object_type, "CREATE"), written)


# ── InsideView ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_insideview_sends_a_thin_alert_whose_details_are_the_change(tenant: TestTenant) -> None:
    api = Api(tenant, "/compat/insideview/api/v1")
    with Receiver(proves(echo)) as receiver:
        asked = {
            "subscriptionType": "company",
            "trackedSet": "mine",
            "webhook": {"url": receiver.url, "signingSecret": "signing-secret-1"},
        }
        subscription = api.must(201, "POST", "/subscriptions", asked)["subscriptionId"]
        tenant.track("mine", "736233")

        def active() -> bool:
            shown = api.must(200, "GET", f"/subscriptions/{subscription}")
            return bool(shown["webhook"]["status"] == "ACTIVE")

        wait_until(active, 15, "the webhook is active")
        write(tenant, "company/736233", '{"companyName":"Bodega Núñez","revenue":12.40}')
        write(tenant, "company/9", '{"companyName":"Nobody subscribed to it"}')
        headers = {"Ringback-Updated-At": "2020-02-26T11:52:29.5Z"}
        path = f"{tenant.path}/records/company/736233"
        changed = tenant.server.ask("PATCH", path, {"revenue": 13.1}, headers=headers).json
        wait_until(lambda: len(alerts(receiver)) >= 2, 15, "two alerts have come")
        last = next(one for one in alerts(receiver) if b"2020-02-26" in one.body)
    number = json.loads(last.body)["alertId"]
    assert last.body.decode() == (
        f'{{"alertId":"{number}","subscriptionId":"{subscription}","date":"2020-02-26T11:52:29+0000","type":"company"}}'
    )
    signature = last.header("X-InsideViewAPI-AlertDataSignature")
    assert signature == hmac.digest(b"signing-secret-1", last.body, "sha1").hex()

    alert = api.must(200, "GET", f"/alerts/{number}")
    fetched = api.must(200, "GET", f"/alerts?subscriptionId={subscription}")["alerts"]
    assert (alert in fetched, len(fetched)) == (True, 2)
    assert alert.pop("receivedDate")
    assert alert == {
        **json.loads(last.body),
        "eventId": changed["event_id"],
        "eventType": "company.updated",
        "entityId": "736233",
        "change": "updated",
        "data": {"companyName": "Bodega Núñez", "revenue": 13.1},
        "previousData": {"companyName": "Bodega Núñez", "revenue": 12.4},
    }


def alerts(receiver: Receiver) -> list[Any]:
    return [one for one in receiver.requests if not asks(one)]


# ── Vinsight ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_contact_arrives_at_vinsights_customers_as_the_contact(tenant: TestTenant, inbox: Inbox) -> None:
    api = Api(tenant, "/compat/vinsight")
    for action in ("created", "deleted"):
        webhook = {"Entity": "Contact", "Action": action, "Url": inbox.url(f"/{action}"), "Method": "POST"}
        api.must(201, "POST", "/Webhooks", {**webhook, "Format": "JSON"})
    secret = api.must(200, "GET", "/Webhooks/Secret.json")["Secret"]
    contact = '{"ContactID": 7,  "Name": "Bodega Núñez", "Balance": 1.50}'.encode()
    write(tenant, "contact/7", contact)
    write(tenant, "contact/7", contact.replace(b"1.50", b"2.50"))
    delete(tenant, "contact/7")
    (created,), (deleted,) = inbox.wait_for(1, "/created"), inbox.wait_for(1, "/deleted")
    assert (created.body, deleted.body) == (contact, contact.replace(b"1.50", b"2.50"))
    for received in (created, deleted):
        assert received.contract_headers == {
            "Content-Type": "application/json",
            "x-signature": hmac.digest(secret.encode(), received.body, "sha256").hex(),
        }
    assert len(inbox.received) == 2
