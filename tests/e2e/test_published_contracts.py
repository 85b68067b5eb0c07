"""The published contracts on the wire: an event goes in over the API, and what arrives is the contract's, to the byte.

Signatures are worked out here with the standard library's hashlib and hmac, or by node, never by our own signer. A
request that fails once shows the second attempt, a rotated secret the request after it.
"""

import hashlib
import hmac
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from standardwebhooks.webhooks import Webhook

from support.handshakes import asks, echo, headers, proves
from support.inbox import Inbox, Received, Reply
from support.process import Server, wait_until
from support.receivers import OK, Connection, ReceivedRequest, Receiver, Script
from support.tenant import TestTenant

EXAMPLES = Path(__file__).parents[2] / "examples"
TWICE = {"delays_s": [0.01]}


def fails_first(inbox: Inbox) -> None:
    inbox.reply = lambda _: Reply(500 if len(inbox.received) == 1 else 200)


def tenants_secret(tenant: TestTenant) -> str:
    return str(tenant.server.get(f"{tenant.path}/secret")["secret"])


# ── Vinsight ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_vinsight(tenant: TestTenant, inbox: Inbox) -> None:
    made = tenant.endpoint(inbox.url(), profile="vinsight", retry=TWICE)
    assert (made["secret"], made["signature"]) == (None, "described")
    fails_first(inbox)
    contact = {"ContactID": 7, "Name": "Bodega Núñez", "Balance": 1.50}
    tenant.send("contact.created", contact)
    first, again = inbox.wait_for(2)
    assert (again.path, again.headers, again.body) == (first.path, first.headers, first.body)
    secret = tenants_secret(tenant)
    for received in (first, again):
        signature = hmac.digest(secret.encode(), received.body, "sha256").hex()
        assert received.contract_headers == {"Content-Type": "application/json", "x-signature": signature}
        assert json.loads(received.body) == contact
    assert tenant.patch(made["id"], signature="published").status == 200
    tenant.send("contact.updated", contact)
    last = inbox.wait_for(3)[-1]
    assert last.header("x-signature") == hmac.digest(last.body, secret.encode(), "sha256").hex()


def test_what_vinsight_deleted_is_sent_as_it_was_posted(tenant: TestTenant, inbox: Inbox) -> None:
    tenant.endpoint(inbox.url(), profile="vinsight", event_types=["contact.deleted"])
    contact = '{"ContactID": 7,  "Name": "Bodega Núñez", "Balance": 1.50}'.encode()
    for event_type in (b"contact.created", b"contact.deleted"):
        event = b'{"type":"%s","change":"deleted","data":%s,"previous":{"ContactID":8}}' % (event_type, contact)
        assert tenant.server.ask("POST", f"{tenant.path}/events", event).status == 202
    last = tenant.send("contact.deleted", {"ContactID": 9})
    tenant.wait_state(last, "delivered")
    received, other = inbox.wait_for(2)
    assert received.body == contact
    assert json.loads(other.body) == {"ContactID": 9}
    signature = hmac.new(tenants_secret(tenant).encode(), contact, "sha256").hexdigest()
    assert received.contract_headers == {"Content-Type": "application/json", "x-signature": signature}


def test_all_webhooks_of_an_organisation_share_its_secret_and_its_rotation(tenant: TestTenant, inbox: Inbox) -> None:
    for path in ("/a", "/b"):
        tenant.endpoint(inbox.url(path), profile="vinsight")
    old = tenants_secret(tenant)
    rotate = f"{tenant.path}/secret/rotate"
    assert tenant.server.ask("POST", rotate, {"secret": "the-new-secret-of-it"}).status == 200
    tenant.send("contact.created", {"a": 1})
    graced = inbox.wait_for(2)  # one signature fits: during the grace it is the old secret's
    assert tenant.server.ask("POST", rotate, {"secret": "the-newest-of-them-all", "grace_seconds": 0}).status == 200
    tenant.send("contact.created", {"a": 2})
    latest = inbox.wait_for(4)[2:]
    for received, secret in [(one, old) for one in graced] + [(one, "the-newest-of-them-all") for one in latest]:
        assert received.header("x-signature") == hmac.digest(secret.encode(), received.body, "sha256").hex()


# ── Vainu ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_vainu(tenant: TestTenant, inbox: Inbox) -> None:
    made = tenant.endpoint(inbox.url(), profile="vainu", retry=TWICE, query="?crm=custom")
    assert (made["secret"], made["tracked_set"]) == (None, "customer-data")
    fails_first(inbox)
    tenant.track("customer-data", "25578642")
    tenant.send("company.updated", {"region": "not tracked"}, subject={"type": "company", "id": "1"})
    data = {"region": "FI-18", "visiting_address": "Eteläesplanadi 12", "x": 1}
    event_id = tenant.send("company.updated", data, subject={"type": "company", "id": "25578642"})
    for number, received in enumerate(inbox.wait_for(2), 1):
        assert received.contract_headers == {"Content-Type": "application/json"}
        assert received.path == "/hook?crm=custom"
        assert received.body == (
            rb'{"data":{"visiting_address":"Etel\u00e4esplanadi 12","region":"FI-18"},'
            b'"number_of_tries":%d,"type":"company_change_webhook","unique_id":"%s"}' % (number, event_id.encode())
        )
    tenant.wait_state(event_id, "delivered")
    for attempt, received in zip(tenant.attempts(made["id"]), inbox.received, strict=True):
        assert tenant.attempt(attempt["id"])["request"]["body"] == received.body.decode()


# ── Vessel ────────────────────────────────────────────────────────────────────────────────────────────────────────

HANDLER = """
const crypto = require("crypto");
const hash = (s) => crypto.createHash("sha256").update(s).digest("hex");
const {token, headers, body} = JSON.parse(require("fs").readFileSync(0, "utf8"));
const req = {headers, body: JSON.parse(body)};
const signature = `${token}${JSON.stringify(req.body)}${req.headers["x-vessel-timestamp"]}`;
console.log(hash(signature) === req.headers["x-vessel-signature"]);
"""


def believed_by_the_documents_receiver(received: Received, token: str) -> bool:
    """What the code in the document makes of it: it signs what it parsed, written anew."""
    given = {
        "token": token,
        "headers": {name.lower(): value for name, value in received.headers},
        "body": received.body.decode(),
    }
    run = subprocess.run(
        ["node", "-e", HANDLER], input=json.dumps(given), capture_output=True, text=True, timeout=60, check=True
    )
    return run.stdout.strip() == "true"


def test_vessel(tenant: TestTenant, inbox: Inbox) -> None:
    made = tenant.endpoint(inbox.url(), profile="vessel", retry=TWICE)
    (begun,) = inbox.wait_for(1)
    assert json.loads(begun.body)["data"] == {"status": "NEW_CONNECTION"}
    inbox.received.clear()
    fails_first(inbox)
    record = '{"10":1.0,"2":1e21,"name":"Núñez \\u2028","big":12345678901234567890,"n":-0.0}'
    path = f"{tenant.path}/events"
    body = f'{{"type":"contact.updated","change":"updated","subject":{{"type":"Contact","id":"1"}},"data":{record}}}'
    assert tenant.server.ask("POST", path, body.encode()).status == 202
    first, again = inbox.wait_for(2)
    token = tenants_secret(tenant)
    for received in (first, again):
        assert received.body.decode().endswith(
            '"type":"OBJECT_CHANGE","data":{"objectType":"Contact","eventType":"UPDATE","record":'
            '{"2":1e+21,"10":1,"name":"Núñez \u2028","big":12345678901234567000,"n":0}}}'
        )
        found = received.contract_headers
        assert list(found) == ["Content-Type", "x-vessel-timestamp", "x-vessel-signature", "x-vessel-connection-id"]
        assert found["x-vessel-connection-id"] == tenant.id
        content = token.encode() + received.body + found["x-vessel-timestamp"].encode()
        assert found["x-vessel-signature"] == hashlib.sha256(content).hexdigest()
        assert believed_by_the_documents_receiver(received, token)
    assert not believed_by_the_documents_receiver(first, "another token")
    second = tenant.server.ask("POST", f"{tenant.path}/endpoints", {"url": inbox.url(), "profile": "vessel"})
    assert (second.status, second.json["code"]) == (409, "endpoint_exists")
    assert made["id"] in second.json["detail"]
    assert made["signature"] == "sha256"


def test_of_what_was_deleted_vessel_sends_the_ids(tenant: TestTenant, inbox: Inbox) -> None:
    tenant.endpoint(inbox.url(), profile="vessel")
    tenant.send(
        "deal.deleted", None, change="deleted", subject={"type": "Deal", "id": "d_1"},
        previous={"id": "d_1", "nativeId": "n_1", "amount": 5},
    )  # fmt: skip
    _, received = inbox.wait_for(2)
    assert json.loads(received.body)["data"] == {
        "objectType": "Deal",
        "eventType": "DELETE",
        "record": {"id": "d_1", "nativeId": "n_1", "connectionId": tenant.id},
    }


# ── InsideView ────────────────────────────────────────────────────────────────────────────────────────────────────


def posted(receiver: Receiver) -> list[ReceivedRequest]:
    return [one for one in receiver.requests if one.line.startswith("POST")]


@pytest.mark.parametrize("secret", ["signing-secret-1", None])
def test_insideview(tenant: TestTenant, secret: str | None) -> None:
    given = {"secret": secret} if secret else {}
    with Receiver(proves(echo)) as receiver:
        made = tenant.endpoint(receiver.url, profile="insideview", **given)
        assert (made["status"], made["secret"]) == ("verification_pending", secret)
        event_id = tenant.send("company.updated", {"whatever": 1}, occurred_at="2020-02-26T11:52:29.5Z")
        tenant.wait_state(event_id, "delivered")
        (received,) = posted(receiver)
    alert = json.loads(received.body)
    assert received.body == (
        b'{"alertId":"%s","subscriptionId":"%s","date":"2020-02-26T11:52:29+0000","type":"company"}'
        % (alert["alertId"].encode(), made["id"].encode())
    )
    assert 0 < int(alert["alertId"]) < 2**53
    signature = received.header("X-InsideViewAPI-AlertDataSignature")
    assert signature == (hmac.digest(secret.encode(), received.body, "sha1").hex() if secret else None)


ALERT_SIGNATURE = "X-InsideViewAPI-AlertDataSignature"


def fails_one_delivery() -> Script:
    """Proves itself, answers the first alert with 500 and all others with 200, on whatever connection they come."""
    failures = [b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"]

    def script(connection: Connection) -> None:
        while (request := connection.request()) is not None:
            connection.send(echo(request) if asks(request) else failures.pop() if failures else OK)

    return script


def test_an_alert_of_insideview_that_is_tried_again_is_the_same_alert(tenant: TestTenant) -> None:
    with Receiver(fails_one_delivery()) as receiver:
        tenant.endpoint(receiver.url, profile="insideview", secret="signing-secret-1", retry={"delays_s": [0.1]})
        tenant.wait_state(tenant.send("company.updated", {"name": "Núñez"}), "delivered")
        first, again = posted(receiver)
    assert again.body == first.body
    assert json.loads(again.body)["alertId"] == json.loads(first.body)["alertId"]
    assert again.headers == first.headers
    signature = hmac.new(b"signing-secret-1", first.body, "sha1").hexdigest()
    assert [pair for pair in again.headers if pair[0].lower() == ALERT_SIGNATURE.lower()] == [
        (ALERT_SIGNATURE, signature)
    ]


def test_insideview_signs_with_the_old_secret_until_its_grace_ends(tenant: TestTenant) -> None:
    with Receiver(proves(echo)) as receiver:
        made = tenant.endpoint(receiver.url, profile="insideview", secret="signing-secret-1")
        rotate = f"{tenant.path}/endpoints/{made['id']}/secret/rotate"

        def signed_with(secret: bytes) -> bool:
            tenant.wait_state(tenant.send("company.updated", 1), "delivered")
            last = posted(receiver)[-1]
            return last.header(ALERT_SIGNATURE) == hmac.new(secret, last.body, "sha1").hexdigest()

        assert signed_with(b"signing-secret-1")
        tenant.server.make(rotate, {"secret": "signing-secret-2", "grace_seconds": 3_600})
        assert signed_with(b"signing-secret-1")
        tenant.server.make(rotate, {"secret": "signing-secret-3", "grace_seconds": 0})
        assert signed_with(b"signing-secret-3")
        tenant.server.make(rotate, {"secret": "signing-secret-4", "grace_seconds": 1})
        wait_until(lambda: signed_with(b"signing-secret-4"), 15, "the grace has ended by itself")


def test_every_alert_has_a_number_of_its_own(tenant: TestTenant) -> None:
    with Receiver(proves(echo)) as receiver:
        tenant.endpoint(receiver.url, profile="insideview")
        events = [{"type": "company.updated", "data": number} for number in range(100)]
        accepted = tenant.server.make(f"{tenant.path}/events/batch", {"events": events})
        for event in accepted["accepted"]:
            tenant.wait_state(event["id"], "delivered")
        assert len({json.loads(one.body)["alertId"] for one in posted(receiver)}) == 100


# ── CloudEvents ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("profile", ["cloudevents", "cloudevents-binary"])
def test_cloudevents(tenant: TestTenant, profile: str) -> None:
    allowed = headers("WebHook-Allowed-Origin: *", "WebHook-Allowed-Rate: *")
    with Receiver(proves(lambda request: allowed)) as receiver:
        made = tenant.endpoint(receiver.url, profile=profile)
        data = {"name": "Núñez", "amount": 1.5}
        event_id = tenant.send("deal.won", data, subject={"type": "deal", "id": "d 1/é"})
        tenant.wait_state(event_id, "delivered")
        (received,) = posted(receiver)
    found = from_http_event(HTTPMessage(dict(received.headers), received.body))
    assert found.get_data() == data
    assert (found.get_specversion(), found.get_id(), found.get_type()) == ("1.0", event_id, "deal.won")
    assert (found.get_source(), found.get_subject()) == (f"/tenants/{tenant.id}", "d 1/é")
    assert found.get_time() is not None
    assert Webhook(made["secret"]).verify(received.body, {name.lower(): value for name, value in received.headers})


# ── a contract that nobody planned for ────────────────────────────────────────────────────────────────────────────


def test_githubs_contract_is_a_file(server: Server, tenant: TestTenant, inbox: Inbox) -> None:
    text = (EXAMPLES / "github.toml").read_text("utf-8")
    assert server.ask("PUT", "/v1/profiles/github", {"toml": text}).status in (200, 201)
    tenant.endpoint(inbox.url(), profile="github", secret="It's a Secret to Everybody")
    payload = {"action": "opened", "issue": {"number": 1}}
    event_id = tenant.send("issues", payload)
    (received,) = inbox.wait_for(1)
    signature = hmac.digest(b"It's a Secret to Everybody", received.body, "sha256").hex()
    assert received.contract_headers == {
        "Content-Type": "application/json",
        "X-GitHub-Event": "issues",
        "X-GitHub-Delivery": event_id,
        "X-Hub-Signature-256": f"sha256={signature}",
    }
    assert json.loads(received.body) == payload


# ── Sitefinity Insight ────────────────────────────────────────────────────────────────────────────────────────────

# What the receiver knows the sender by, and the headers that it makes; the base64 is RFC 7617's own example.
CREDENTIALS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "none": ({"type": "none"}, {}),
    "basic": (
        {"type": "basic", "username": "Aladdin", "password": "open sesame"},
        {"Authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
    ),
    "raw": ({"type": "raw", "value": "Token  abc="}, {"Authorization": "Token  abc="}),
    "header": (
        {"type": "header", "headers": {"X-SF-apiKey": "k 1", "x-second": "2"}},
        {"X-SF-apiKey": "k 1", "x-second": "2"},
    ),
}
SCORED = '{"event": "persona_scoring",  "score": 82.0, "company": "Bodega Núñez", "x":[ 1e2,null ]}'.encode()


def post_scored(tenant: TestTenant, channel: str | None, data: bytes) -> dict[str, Any]:
    of_channel = b"" if channel is None else b'"channel":"%s",' % channel.encode()
    event = b'{"type":"persona_scoring.threshold_passed",%s"data":%s}' % (of_channel, data)
    answer = tenant.server.ask("POST", f"{tenant.path}/events", event)
    assert answer.status == 202, answer.body
    accepted: dict[str, Any] = answer.json
    return accepted


@pytest.mark.parametrize(("auth", "expected"), CREDENTIALS.values(), ids=CREDENTIALS.keys())
def test_what_was_posted_arrives_with_the_credentials_and_again_after_a_failure(
    tenant: TestTenant, inbox: Inbox, auth: Mapping[str, Any], expected: Mapping[str, str]
) -> None:
    inbox.reply = lambda _: Reply(500 if len(inbox.received) == 1 else 200)
    retry = {"delays_s": [0.1]}
    tenant.endpoint(inbox.url(), profile="sitefinity-insight", channels=["dc-1"], auth=auth, retry=retry)
    tenant.wait_state(post_scored(tenant, "dc-1", SCORED)["id"], "delivered")
    first, again = inbox.received
    assert (first.path, first.body) == ("/hook", SCORED)
    assert first.contract_headers == {"Content-Type": "application/json", **expected}
    assert (again.path, again.headers, again.body) == (first.path, first.headers, first.body)


def test_another_data_center_is_not_told(tenant: TestTenant, inbox: Inbox) -> None:
    for channel in ("dc-1", "dc-2"):
        tenant.endpoint(inbox.url(f"/{channel}"), profile="sitefinity-insight", channels=[channel])
    for channel in ("dc-3", "DC-1", "dc-1.a", None):
        assert post_scored(tenant, channel, b'"nobody"')["deliveries"] == 0
    other = post_scored(tenant, "dc-2", b'"second"')
    own = post_scored(tenant, "dc-1", b'"first"')
    assert (other["deliveries"], own["deliveries"]) == (1, 1)
    for event in (other, own):
        tenant.wait_state(event["id"], "delivered")
    assert sorted((one.path, one.body) for one in inbox.received) == [("/dc-1", b'"first"'), ("/dc-2", b'"second"')]


def test_sitefinity_insight_asks_for_one_channel_and_https(server: Server, tenant: TestTenant) -> None:
    def refused(**fields: Any) -> list[tuple[str, str]]:
        given = {"url": "https://example.com/hook", "profile": "sitefinity-insight", "channels": ["dc1"], **fields}
        answer = server.ask("POST", f"{tenant.path}/endpoints", given)
        return [(one["field"], one["message"]) for one in answer.json.get("errors", [])]

    one_channel = "must have exactly one channel, and {}: the profile sitefinity-insight wants that"
    https = ("url", "must be https: the profile sitefinity-insight sends to nothing else")
    assert refused(channels=None) == [("channels", one_channel.format("is missing"))]
    assert refused(channels=["dc1", "dc2"]) == [("channels", one_channel.format("has 2"))]
    assert refused(url="http://example.com/hook") == [https]
    assert refused(url="http://8.8.8.8/hook") == [https]
    assert refused() == []
    # What only the operator lets in, who started the server so.
    for opened in ("http://127.0.0.1:9/hook", "http://localhost:9/hook", "http://receiver:9/hook", "http://[::1]:9/"):
        assert refused(url=opened) == []


def test_a_second_endpoint_of_vessel_and_a_long_label_are_told_precisely(server: Server, tenant: TestTenant) -> None:
    given = {"url": "http://127.0.0.1:9/", "profile": "vessel"}
    long = server.ask("POST", f"{tenant.path}/endpoints", {**given, "label": "é" * 129})
    assert long.json["errors"] == [{"field": "label", "message": "must be at most 256 bytes long"}]
    first = tenant.endpoint(given["url"], profile="vessel")
    second = server.ask("POST", f"{tenant.path}/endpoints", given)
    assert (second.status, second.json["code"]) == (409, "endpoint_exists")
    assert second.json["detail"] == (
        f"The profile vessel allows a tenant 1 endpoint, and this one has {first['id']} already. "
        "Change what is there, or delete it."
    )
    assert len(server.get(f"{tenant.path}/endpoints")["items"]) == 1


def test_sitefinity_insight_is_for_administrators(server: Server, tenant: TestTenant) -> None:
    keys = {scope: server.make(f"{tenant.path}/keys", {"scope": scope})["key"] for scope in ("tenant", "ingest")}
    given = {"url": "https://example.com/hook", "profile": "sitefinity-insight", "channels": ["dc1"]}
    made = server.ask("POST", f"{tenant.path}/endpoints", given, key=keys["tenant"]).json["id"]
    one = f"{tenant.path}/endpoints/{made}"
    for method, path, body in (
        ("POST", f"{tenant.path}/endpoints", given),
        ("GET", f"{tenant.path}/endpoints", None),
        ("GET", one, None),
        ("GET", f"{one}/preview", None),
        ("GET", f"{one}/stats", None),
        ("PATCH", one, {"label": "x"}),
        ("POST", f"{one}/deactivate", None),
        ("POST", f"{one}/activate", None),
        ("DELETE", one, None),
    ):
        answer = server.ask(method, path, body, key=keys["ingest"])
        assert (answer.status, answer.json["code"]) == (403, "forbidden")
        if path != f"{tenant.path}/endpoints" or method == "GET":
            assert server.ask(method, path, body, key=keys["tenant"]).status in (200, 204), path
