"""Vinsight's API for webhooks on a real server: from its calls to what arrives, to the byte.

Signatures are worked out here with the standard library, with the secret that the API itself gives out.
"""

import hmac
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ringback.model.errors import NO_ROOM_RETRY_AFTER_S
from support.compat import Api
from support.inbox import Inbox, Received, Reply
from support.process import ADMIN_KEY, Answer, Server, wait_until
from support.tenant import TestTenant

HOST = "vinsight.test"
OTHER_HOST = "vainu.test"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("vinsight")
    flags = ("--allow-private", "--compat-host", f"{HOST}=vinsight", "--compat-host", f"{OTHER_HOST}=vainu")
    with Server(folder / "data", *flags) as running:
        yield running


@pytest.fixture
def api(tenant: TestTenant) -> Api:
    return Api(tenant, "/compat/vinsight")


def webhook(url: str, **fields: Any) -> dict[str, Any]:
    return {"Entity": "Contact", "Action": "created", "Url": url, "Method": "POST", "Format": "JSON", **fields}


def signature_of(received: Received, secret: str) -> str:
    return hmac.digest(secret.encode(), received.body, "sha256").hex()


def test_the_life_of_a_webhook(api: Api, inbox: Inbox) -> None:
    tenant = api.tenant
    sent = webhook(inbox.url("/a"))
    made = api.must(201, "POST", "/Webhooks", sent)
    assert list(made) == ["WebhookID", "Entity", "Action", "Url", "Method", "Format"]
    assert made == {"WebhookID": made["WebhookID"], **sent}
    place = f"/Webhooks/{made['WebhookID']}"
    assert api.must(200, "GET", place) == made
    assert api.must(200, "GET", "/Webhooks") == [made]

    secret = api.must(200, "GET", "/Webhooks/Secret.json")
    assert list(secret) == ["Secret"]
    contact = b'{"ContactID": 7,  "Name": "Bodega N\xc3\xba\xc3\xb1ez", "Balance": 1.50}'
    for event_type in (b"contact.updated", b"contact.created"):
        body = b'{"type":"%s","data":%s}' % (event_type, contact)
        assert tenant.server.ask("POST", f"{tenant.path}/events", body).status == 202
    (received,) = inbox.wait_for(1)
    assert (received.path, received.body) == ("/a", contact)
    assert received.contract_headers == {
        "Content-Type": "application/json",
        "x-signature": signature_of(received, secret["Secret"]),
    }

    changed = api.must(200, "PUT", place, webhook(inbox.url("/b"), Entity="SalesOrder", Action="status_changed"))
    assert changed == {**made, "Entity": "SalesOrder", "Action": "status_changed", "Url": inbox.url("/b")}
    assert api.must(200, "GET", place) == changed
    tenant.send("contact.created", {"n": 1})
    tenant.send("sales_order.status_changed", {"n": 2})
    assert [one.path for one in inbox.wait_for(2)] == ["/a", "/b"]
    assert json.loads(inbox.received[1].body) == {"n": 2}

    assert api.must(204, "DELETE", place) is None
    for method, sent_again in (("GET", None), ("PUT", sent), ("DELETE", None)):
        assert api.must(404, method, place, sent_again) == {"Code": "not_found", "Message": "There is no such webhook."}
    assert api.must(200, "GET", "/Webhooks") == []
    accepted = tenant.server.make(f"{tenant.path}/events", {"type": "sales_order.status_changed", "data": 3})
    assert accepted["deliveries"] == 0


def test_the_secret_is_the_new_one_while_the_old_one_still_signs(api: Api, inbox: Inbox) -> None:
    tenant = api.tenant
    api.must(201, "POST", "/Webhooks", webhook(inbox.url()))
    old = api.must(200, "GET", "/Webhooks/Secret.json")["Secret"]
    assert old == tenant.server.get(f"{tenant.path}/secret")["secret"]
    new = tenant.server.make(f"{tenant.path}/secret/rotate", {})["secret"]
    assert api.must(200, "GET", "/Webhooks/Secret.json") == {"Secret": new}
    tenant.send("contact.created", {"n": 1})
    (graced,) = inbox.wait_for(1)
    assert graced.header("x-signature") == signature_of(graced, old)
    newest = tenant.server.make(f"{tenant.path}/secret/rotate", {"grace_seconds": 0})["secret"]
    assert api.must(200, "GET", "/Webhooks/Secret.json") == {"Secret": newest}
    tenant.send("contact.created", {"n": 2})
    latest = inbox.wait_for(2)[1]
    assert latest.header("x-signature") == signature_of(latest, newest)


@pytest.mark.parametrize(
    ("entity", "action", "event_type"),
    [
        ("Contact", "created", "contact.created"),
        ("SalesOrder", "created", "sales_order.created"),
        ("B2BContact2", "status_changed_2", "b2_b_contact2.status_changed_2"),
        ("URL", "deleted", "u_r_l.deleted"),
    ],
)
def test_what_was_posted_comes_back_and_is_one_event_type(api: Api, entity: str, action: str, event_type: str) -> None:
    made = api.must(201, "POST", "/Webhooks", webhook("https://a.example/x?y=1", Entity=entity, Action=action))
    assert (made["Entity"], made["Action"]) == (entity, action)
    tenant = api.tenant
    shown = tenant.server.get(f"{tenant.path}/endpoints/{made['WebhookID']}")
    assert (shown["profile"], shown["event_types"], shown["label"]) == ("vinsight", [event_type], "")


def test_what_was_made_elsewhere_is_shown_as_far_as_it_can_be(api: Api) -> None:
    tenant = api.tenant
    for event_types in (["*"], ["contact.*"], ["a.b", "c.d"], ["contact"], ["Contact.created"], ["contact.created"]):
        tenant.endpoint("https://a.example/", profile="vinsight", event_types=event_types)
    tenant.endpoint("https://a.example/", profile="standard")
    shown = api.must(200, "GET", "/Webhooks")
    names = [("", "")] * 5 + [("Contact", "created")]
    assert [(one["Entity"], one["Action"]) for one in shown] == names
    one = api.must(200, "PUT", f"/Webhooks/{shown[0]['WebhookID']}", webhook("https://a.example/"))
    assert (one["Entity"], one["Action"]) == ("Contact", "created")


def test_a_change_lets_everything_else_be(api: Api) -> None:
    tenant = api.tenant
    set_here = {"signature": "published", "headers": {"X-Mine": "1"}, "label": "mine", "active": False}
    made = tenant.endpoint("https://a.example/", profile="vinsight", event_types=["a.b"], **set_here)
    api.must(200, "PUT", f"/Webhooks/{made['id']}", webhook("https://b.example/"))
    after = tenant.server.get(f"{tenant.path}/endpoints/{made['id']}")
    assert {name: after[name] for name in set_here} == set_here
    assert (after["url"], after["event_types"]) == ("https://b.example/", ["contact.created"])


def test_a_webhook_that_was_given_up_is_sent_to_again_after_a_change(api: Api, inbox: Inbox) -> None:
    tenant = api.tenant
    made = api.must(201, "POST", "/Webhooks", webhook(inbox.url("/gone")))
    inbox.reply = lambda received: Reply(410 if received.path == "/gone" else 200)
    tenant.send("contact.created", {"n": 1})
    path = f"{tenant.path}/endpoints/{made['WebhookID']}"
    wait_until(lambda: tenant.server.get(path)["status"] == "disabled", 15, "the webhook is given up")
    tenant.send("contact.created", {"n": 2})
    api.must(200, "PUT", f"/Webhooks/{made['WebhookID']}", webhook(inbox.url("/here")))
    assert json.loads(inbox.wait_for(1, "/here")[0].body) == {"n": 2}
    assert tenant.server.get(path)["status"] == "active"


WRONG = [
    ({"Entity": None}, "Entity", "must be text"),
    ({"Entity": 5}, "Entity", "must be text"),
    ({"Entity": ""}, "Entity", "must be a name such as Contact or SalesOrder"),
    ({"Entity": "contact"}, "Entity", "must be a name such as Contact or SalesOrder"),
    ({"Entity": "Sales Order"}, "Entity", "must be a name such as Contact or SalesOrder"),
    ({"Entity": "A" * 100}, "Entity", "is too long: with Action it makes more than 128 characters"),
    ({"Action": ""}, "Action", "must be a name such as created or status_changed"),
    ({"Action": "Created"}, "Action", "must be a name such as created or status_changed"),
    ({"Action": ["created"]}, "Action", "must be text"),
    ({"Url": ""}, "Url", "must not be empty"),
    ({"Url": True}, "Url", "must be text"),
    ({"Method": "GET"}, "Method", "must be POST"),
    ({"Method": ""}, "Method", "must be POST"),
    ({"Format": "XML"}, "Format", "must be JSON"),
    ({"Format": None}, "Format", "must be text"),
]


@pytest.mark.parametrize(("fields", "field", "message"), WRONG)
def test_a_field_that_is_wrong(api: Api, fields: dict[str, Any], field: str, message: str) -> None:
    kept = api.must(201, "POST", "/Webhooks", webhook("https://a.example/"))
    for method, path in (("POST", "/Webhooks"), ("PUT", f"/Webhooks/{kept['WebhookID']}")):
        told = api.must(400, method, path, webhook("https://b.example/", **fields))
        assert told == {
            "Code": "invalid",
            "Message": f"{field} {message}.",
            "Errors": [{"Field": field, "Message": message}],
        }
    assert api.must(200, "GET", "/Webhooks") == [kept]


def test_every_field_must_be_there(api: Api) -> None:
    kept = api.must(201, "POST", "/Webhooks", webhook("https://a.example/"))
    place = f"/Webhooks/{kept['WebhookID']}"
    for name in ("Entity", "Action", "Url", "Method", "Format"):
        body = {key: value for key, value in webhook("https://b.example/").items() if key != name}
        for method, path in (("POST", "/Webhooks"), ("PUT", place)):
            told = api.must(400, method, path, body)
            assert told["Errors"] == [{"Field": name, "Message": "is required"}]
    assert len(api.must(400, "PUT", place, {})["Errors"]) == 5
    assert api.must(200, "GET", "/Webhooks") == [kept]


def test_what_the_server_refuses_of_a_url_is_said_of_Url(api: Api) -> None:
    for url in ("ftp://a.example/", "no url", "https://a.example/" + "a" * 2_048):
        told = api.must(400, "POST", "/Webhooks", webhook(url))
        (error,) = told["Errors"]
        assert error["Field"] == "Url"
        assert told["Message"] == f"Url {error['Message']}."
    assert api.must(200, "GET", "/Webhooks") == []


def test_what_is_not_known_is_passed_over(api: Api) -> None:
    body = webhook("https://a.example/", WebhookID="mine", Colour="red", Nested={"a": [1]})
    made = api.must(201, "POST", "/Webhooks?unknown=1&unknown=2", body)
    assert made["WebhookID"] != "mine"
    assert "Colour" not in made


def test_a_quota_is_told_in_the_same_manner(api: Api) -> None:
    tenant = api.tenant
    assert tenant.server.ask("PATCH", tenant.path, {"endpoints_max": 1}).status == 200
    api.must(201, "POST", "/Webhooks", webhook("https://a.example/"))
    answer = api.ask("POST", "/Webhooks", webhook("https://b.example/"))
    assert (answer.status, answer.json["Code"]) == (429, "endpoint_quota")
    assert answer.headers["retry-after"] == str(NO_ROOM_RETRY_AFTER_S)


def test_other_keys_and_other_tenants(api: Api, server: Server) -> None:
    other = Api(TestTenant(server, f"{api.tenant.id}-other"), api.base)
    theirs = other.must(201, "POST", "/Webhooks", webhook("https://a.example/"))
    place = f"/Webhooks/{theirs['WebhookID']}"
    for method, body in (("GET", None), ("PUT", webhook("https://b.example/")), ("DELETE", None)):
        assert api.must(404, method, place, body)["Code"] == "not_found"
        assert api.must(401, method, place, body, key="rb_tenant_unknown")["Code"] == "no_key"
        assert api.must(401, method, place, body, key=None)["Code"] == "no_key"
        assert api.must(403, method, place, body, key=other.tenant.key("ingest"))["Code"] == "forbidden"
    told = api.must(403, "POST", "/Webhooks", webhook("https://a.example/"), key=ADMIN_KEY)
    assert told["Message"].startswith("An admin key belongs to no tenant")
    assert api.must(200, "GET", "/Webhooks/Secret.json") != other.must(200, "GET", "/Webhooks/Secret.json")
    assert other.must(200, "GET", "/Webhooks") == [theirs]


# ── at the root of a host ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("host", [HOST, HOST.upper(), f"{HOST}:8443", f"{HOST}."])
def test_at_a_host_of_its_own_the_contract_stands_at_the_root(api: Api, inbox: Inbox, host: str) -> None:
    at_host = Api(api.tenant, "")
    made = at_host.must(201, "POST", "/Webhooks", webhook(inbox.url()), headers={"Host": host})
    assert api.must(200, "GET", "/Webhooks") == [made]
    api.tenant.send("contact.created", {"n": 1})
    inbox.wait_for(1)
    assert at_host.must(204, "DELETE", f"/Webhooks/{made['WebhookID']}", headers={"Host": host}) is None


def test_there_is_nothing_else_at_such_a_host(api: Api) -> None:
    events = f"{api.tenant.path}/events"
    event = {"type": "contact.created", "data": 1}
    at_host = Api(api.tenant, "")
    for method, path, body in (
        ("GET", "/v1/tenants", None),
        ("POST", events, event),
        ("GET", "/openapi.json", None),
        ("GET", "/metrics", None),
        ("GET", "/compat/vinsight/Webhooks", None),
        ("GET", "/api/v2/webhook_configuration/", None),
        ("GET", "/", None),
    ):
        told = at_host.must(404, method, path, body, headers={"Host": HOST})
        assert told == {"Code": "not_found", "Message": "There is nothing at this address."}
    for path in ("/healthz", "/readyz"):
        assert at_host.ask("GET", path, headers={"Host": HOST}).status == 200
    assert at_host.ask("POST", events, event).status == 202
    assert at_host.must(200, "GET", "/api/v2/webhook_configuration", headers={"Host": OTHER_HOST}) == {"results": []}


def test_a_name_that_only_looks_like_the_host_is_another(api: Api) -> None:
    at_host = Api(api.tenant, "")
    for host in (f"x{HOST}", f"{HOST}.x", f"a.{HOST}", ""):
        answer = at_host.ask("GET", "/Webhooks", headers={"Host": host})
        assert (answer.status, answer.json["code"]) == (404, "not_found")


def test_a_connection_may_change_hosts(api: Api) -> None:
    """One connection, as from a proxy: posts of events beside calls of the contract, the short way beside the long."""
    server = api.tenant.server
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    key = {"Authorization": f"Bearer {api.key}", "Content-Type": "application/json"}

    def ask(method: str, path: str, host: str, body: Any = None) -> Answer:
        connection.request(method, path, None if body is None else json.dumps(body), {**key, "Host": host})
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())

    events = f"{api.tenant.path}/events"
    event = {"type": "contact.created", "data": 1}
    try:
        for _ in range(2):
            assert ask("POST", events, "ringback.test", event).status == 202
            assert ask("POST", events, HOST, event).status == 404
            assert ask("GET", "/Webhooks", HOST).status == 200
            assert ask("GET", "/Webhooks", "ringback.test").status == 404
    finally:
        connection.close()
