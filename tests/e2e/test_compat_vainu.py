"""Vainu's API for webhooks of company data on a real server: from its calls to what arrives, to the byte."""

import json
from typing import Any

import pytest

from support.compat import Api
from support.inbox import Inbox, Reply
from support.process import ADMIN_KEY, Server
from support.tenant import TestTenant

TYPE = "company_change_webhook"
SET = "customer-data"
COMPANY = {"type": "company", "id": "25578642"}
PATH = "/api/v2/webhook_configuration"


@pytest.fixture
def api(tenant: TestTenant) -> Api:
    return Api(tenant, "/compat/vainu" + PATH, label="anna@example.com")


@pytest.fixture
def tracked(tenant: TestTenant) -> TestTenant:
    """A tenant whose customer data has one company."""
    tenant.track(SET, COMPANY["id"])
    return tenant


def webhook(url: str, **fields: Any) -> dict[str, Any]:
    return {"webhook_url": url, "query": "?crm=custom", "type": TYPE, **fields}


@pytest.mark.parametrize("slash", ["/", ""])
def test_the_life_of_a_webhook(api: Api, tracked: TestTenant, inbox: Inbox, slash: str) -> None:
    tenant = tracked
    made = api.must(201, "POST", slash, webhook(inbox.url()))
    assert list(made) == ["webhook_url", "query", "id", "username", "type"]
    assert made == {**webhook(inbox.url()), "id": made["id"], "username": "anna@example.com"}
    assert api.must(200, "GET", slash) == {"results": [made]}

    inbox.reply = lambda _: Reply(500 if len(inbox.received) == 1 else 200)
    assert tenant.patch(made["id"], retry={"delays_s": [0.01]}).status == 200
    tenant.send("contact.created", {"region": "none of it"}, subject=COMPANY)
    data = {"region": "FI-18", "visiting_address": "Eteläesplanadi 12", "x": 1}
    event_id = tenant.send("company.updated", data, subject=COMPANY)
    for number, received in enumerate(inbox.wait_for(2), 1):
        assert received.path == "/hook?crm=custom"
        assert received.contract_headers == {"Content-Type": "application/json"}
        assert received.body == (
            rb'{"data":{"visiting_address":"Etel\u00e4esplanadi 12","region":"FI-18"},'
            b'"number_of_tries":%d,"type":"company_change_webhook","unique_id":"%s"}' % (number, event_id.encode())
        )

    place = f"/{made['id']}{slash}"
    assert api.must(204, "DELETE", place) is None
    assert api.must(404, "DELETE", place) == {"detail": "There is no such webhook.", "code": "not_found"}
    assert api.must(200, "GET", slash) == {"results": []}
    assert deliveries(tenant, "company.updated") == 0


def deliveries(tenant: TestTenant, name: str, subject: dict[str, str] | None = COMPANY) -> int:
    """To how many endpoints an event of this type and subject goes."""
    event = {"type": name, "data": {}} | ({} if subject is None else {"subject": subject})
    return int(tenant.server.make(f"{tenant.path}/events", event)["deliveries"])


def test_only_companies_in_the_customer_data_count(api: Api, inbox: Inbox) -> None:
    tenant = api.tenant
    made = api.must(201, "POST", "/", webhook(inbox.url()))
    assert tenant.server.get(f"{tenant.path}/endpoints/{made['id']}")["tracked_set"] == SET
    assert deliveries(tenant, "company.updated") == 0, "there is no such set"
    tenant.track(SET)
    assert deliveries(tenant, "company.updated") == 0, "the set is empty"
    tenant.track(SET, "11111111", COMPANY["id"])
    other = {"type": "company", "id": "22222222"}
    assert deliveries(tenant, "company.updated") == 1
    assert deliveries(tenant, "company.updated", other) == 0
    assert deliveries(tenant, "company.updated", None) == 0
    tenant.server.make(f"{tenant.path}/tracked-sets/{SET}/members/remove", {"ids": [COMPANY["id"]]})
    tenant.server.make(f"{tenant.path}/tracked-sets/{SET}/members", {"ids": [other["id"]]})
    assert [deliveries(tenant, "company.updated", one) for one in (COMPANY, other)] == [0, 1]
    inbox.wait_for(2)
    assert tenant.server.ask("DELETE", f"{tenant.path}/tracked-sets/{SET}").status == 204
    assert deliveries(tenant, "company.updated", other) == 0
    tenant.track(SET)
    assert deliveries(tenant, "company.updated", other) == 0, "a new set has none of the old one's members"


def test_many_companies_in_one_request_are_told_apart(api: Api, inbox: Inbox) -> None:
    tenant = api.tenant
    api.must(201, "POST", "/", webhook(inbox.url()))
    everything = tenant.endpoint(inbox.url("/all"))["id"]
    tenant.track(SET, *(f"c{number}" for number in range(0, 500, 5)))
    events = [
        {
            "type": "company.updated",
            "data": {"business_id": f"c{number}"},
            "subject": {"type": "company", "id": f"c{number}"},
        }
        for number in range(500)
    ]
    tenant.server.make(f"{tenant.path}/events/batch", {"events": events})
    received = inbox.wait_for(600)
    told = {json.loads(one.body)["data"]["business_id"] for one in received if one.path == "/hook?crm=custom"}
    assert told == {f"c{number}" for number in range(0, 500, 5)}
    assert tenant.server.get(f"{tenant.path}/endpoints/{everything}/stats")["failed"] == 0


def test_under_v1_an_endpoint_of_the_profile_has_the_same_set_unless_it_is_given_another(
    tenant: TestTenant, inbox: Inbox
) -> None:
    made = [
        tenant.endpoint(inbox.url(), profile="vainu", **fields)
        for fields in ({}, {"tracked_set": "mine"}, {"tracked_set": None})
    ]
    assert [one["tracked_set"] for one in made] == [SET, "mine", None]
    assert deliveries(tenant, "company.updated") == 1
    tenant.track("mine", COMPANY["id"])
    assert deliveries(tenant, "company.updated") == 2
    tenant.track(SET, COMPANY["id"])
    assert deliveries(tenant, "company.updated") == 3


@pytest.mark.parametrize(
    ("given", "shown", "path"),
    [
        ({"query": "?crm=custom"}, "?crm=custom", "/hook?a=1&crm=custom"),
        ({"query": "crm=custom"}, "crm=custom", "/hook?a=1&crm=custom"),
        ({"query": ""}, "", "/hook?a=1"),
        ({"query": None}, "", "/hook?a=1"),
        ({}, "", "/hook?a=1"),
    ],
)
def test_the_query_is_appended_and_shown_as_it_was_posted(
    api: Api, tracked: TestTenant, inbox: Inbox, given: dict[str, Any], shown: str, path: str
) -> None:
    made = api.must(201, "POST", "/", {"webhook_url": inbox.url("/hook?a=1"), "type": TYPE, **given})
    assert (made["webhook_url"], made["query"]) == (inbox.url("/hook?a=1"), shown)
    assert api.must(200, "GET", "/")["results"] == [made]
    tracked.send("company.updated", {}, subject=COMPANY)
    assert inbox.wait_for(1)[0].path == path


def test_changes_of_companies_are_told_and_nothing_else(api: Api, tracked: TestTenant, inbox: Inbox) -> None:
    api.must(201, "POST", "/", webhook(inbox.url()))
    for name in ("company", "company.created", "company.address.changed"):
        assert deliveries(tracked, name) == 1
    for name in ("contact.updated", "company_x.updated", "companies"):
        assert deliveries(tracked, name) == 0


def test_the_user_is_the_label_of_the_key_that_made_it(api: Api) -> None:
    tenant = api.tenant
    api.must(201, "POST", "/", webhook("https://a.example/1"))
    api.must(201, "POST", "/", webhook("https://a.example/2"), key=tenant.key(label="Ünal, CRM"))
    api.must(201, "POST", "/", webhook("https://a.example/3"), key=tenant.key())
    made = tenant.server.make(f"{tenant.path}/endpoints", {"url": "https://a.example/4", "profile": "vainu"})
    assert tenant.patch(made["id"], label="a label of the endpoint").status == 200
    tenant.endpoint("https://a.example/5", profile="vinsight")
    shown = {one["webhook_url"][-1]: one["username"] for one in api.must(200, "GET", "")["results"]}
    assert shown == {"1": "anna@example.com", "2": "Ünal, CRM", "3": "", "4": "operator"}


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"type": "trigger"}, "type", "must be company_change_webhook: there is no other type"),
        ({"type": ""}, "type", "must be company_change_webhook: there is no other type"),
        ({"type": None}, "type", "must be text"),
        ({"webhook_url": ""}, "webhook_url", "must not be empty"),
        ({"webhook_url": 5}, "webhook_url", "must be text"),
        ({"query": ["a"]}, "query", "must be text"),
        ({"query": "a b"}, "query", "must be visible ASCII without spaces and #; percent-encode the rest"),
        ({"query": "a" * 2_049}, "query", "must be at most 2048 characters long"),
    ],
)
def test_a_field_that_is_wrong(api: Api, fields: dict[str, Any], field: str, message: str) -> None:
    told = api.must(400, "POST", "/", webhook("https://a.example/", **fields))
    assert told == {"detail": f"{field} {message}.", "code": "invalid", "errors": {field: [message]}}
    assert api.must(200, "GET", "/") == {"results": []}


def test_fields_that_are_missing_or_refused(api: Api) -> None:
    told = api.must(400, "POST", "/", {"query": "a=1"})
    assert told["errors"] == {"webhook_url": ["is required"], "type": ["is required"]}
    for body in ([], "x", None, b"{", b'{"webhook_url":"\xff"}'):
        assert api.must(400, "POST", "/", body)["detail"].endswith(".")
    for url in ("ftp://a.example/", "https://a.example/" + "a" * 2_048):
        assert list(api.must(400, "POST", "/", webhook(url))["errors"]) == ["webhook_url"]
    too_long_together = webhook("https://a.example/" + "a" * 2_000, query="b" * 100)
    assert list(api.must(400, "POST", "/", too_long_together)["errors"]) == ["query"]
    assert api.must(200, "GET", "/") == {"results": []}


def test_what_is_not_known_is_passed_over(api: Api) -> None:
    body = webhook("https://a.example/", id="mine", username="somebody else", colour={"red": 1})
    made = api.must(201, "POST", "/?page=1", body)
    assert made["id"] != "mine"
    assert made["username"] == "anna@example.com"


def test_other_methods_addresses_keys_and_tenants(api: Api, server: Server) -> None:
    other = Api(TestTenant(server, f"{api.tenant.id}-other"), api.base)
    theirs = other.must(201, "POST", "/", webhook("https://a.example/"))
    place = f"/{theirs['id']}"
    assert api.must(404, "DELETE", place)["code"] == "not_found"
    assert api.must(404, "DELETE", "/no.id")["code"] == "not_found"
    assert api.must(401, "DELETE", place, key="x" * 20)["code"] == "no_key"
    assert api.must(403, "DELETE", place, key=other.tenant.key("ingest"))["code"] == "forbidden"
    assert api.must(403, "DELETE", place, key=ADMIN_KEY)["code"] == "forbidden"
    for path in ("", "/"):
        answer = api.ask("PUT", path, webhook("https://b.example/"))
        assert (answer.status, answer.json["code"]) == (405, "method_not_allowed")
        assert answer.headers["allow"] == "GET, POST"
    assert api.ask("GET", place).headers["allow"] == "DELETE"
    assert api.must(404, "GET", "//")["code"] == "not_found"
    assert other.must(200, "GET", "") == {"results": [theirs]}
