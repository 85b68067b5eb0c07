"""Vessel's management API: who may call it about which connection, in which forms, and what is refused how."""

from typing import Any

import httpx
import pytest

from support.api_world import OPERATOR_KEY, ApiWorld
from support.rows import OTHER_TENANT, TENANT

BASE = "/compat/vessel"
URL = "https://a.example/hook"
TOKENS = {TENANT: "acmes-access-token", OTHER_TENANT: "globexs-access-token"}
ROUTES = [("POST", "/connection/webhook"), *((method, "/webhook") for method in ("POST", "GET", "PUT", "DELETE"))]


@pytest.fixture
def world() -> ApiWorld:
    made = ApiWorld()
    for tenant_id, token in TOKENS.items():
        rotate = f"/v1/tenants/{tenant_id}/secret/rotate"
        assert made.call("POST", rotate, {"secret": token, "grace_seconds": 0}).is_success
    return made


def ask(
    world: ApiWorld, method: str, path: str = "/webhook", body: Any = None, key: str | None = "admin", **more: Any
) -> httpx.Response:
    """With the key in the header of the contract."""
    headers = {**more.pop("headers", {})}
    if key is not None:
        headers["vessel-api-token"] = world.keys.get(key, key)
    return world.call(method, BASE + path, body, key=None, headers=headers, **more)


def created(world: ApiWorld, tenant_id: str = TENANT, url: str = URL) -> str:
    response = ask(world, "POST", body={"accessToken": TOKENS[tenant_id], "webhook": {"webhookUrl": url}})
    assert response.status_code == 201, response.text
    return str(response.json()["webhook"]["webhookId"])


def refused(response: httpx.Response, status: int, code: str, *fields: str) -> str:
    assert (response.status_code, response.headers["content-type"]) == (status, "application/json"), response.text
    told = response.json()
    assert list(told) == ["code", "message", *(["errors"] if fields else [])]
    assert told["code"] == code
    assert [one["field"] for one in told.get("errors", [])] == list(fields)
    return str(told["message"])


def count(world: ApiWorld) -> int:
    return sum(
        len(world.call("GET", f"/v1/tenants/{tenant_id}/{what}").json()["items"])
        for tenant_id in TOKENS
        for what in ("endpoints", "events")
    )


@pytest.mark.parametrize("path", ["/connection/webhook", "/webhook"])
@pytest.mark.parametrize(
    "body",
    [{"webhook": {"webhookUrl": URL, "x": 1}, "y": None}, {"webhookUrl": URL}, {"webhookUrl": URL, "webhook": {}}],
)
def test_both_forms_of_a_body(world: ApiWorld, path: str, body: dict[str, Any]) -> None:
    made = ask(world, "POST", path, {"accessToken": TOKENS[TENANT], **body})
    assert made.status_code == 201
    (endpoint,) = world.get("/endpoints")["items"]
    assert made.text == f'{{"webhook":{{"webhookId":"{endpoint["id"]}","webhookUrl":"{URL}"}}}}'
    assert (endpoint["profile"], endpoint["event_types"]) == ("vessel", ["*"])
    assert [one["data"] for one in world.get("/events")["items"]] == [{"status": "NEW_CONNECTION"}]


@pytest.mark.parametrize("where", ["body", "query"])
def test_the_token_says_which_connection_is_meant(world: ApiWorld, where: str) -> None:
    ids = {tenant_id: created(world, tenant_id, f"https://{tenant_id}.example/") for tenant_id in TOKENS}
    for tenant_id, token in TOKENS.items():
        given = {"body": {"accessToken": token}} if where == "body" else {"params": {"accessToken": token}}
        shown = {"webhookId": ids[tenant_id], "webhookUrl": f"https://{tenant_id}.example/new"}
        change = {**given.get("body", {}), "webhookUrl": shown["webhookUrl"]}
        assert ask(world, "PUT", body=change, params=given.get("params")).json() == {"webhook": shown}
        assert ask(world, "GET", params={"accessToken": token}).json() == {"webhook": shown}
        deleted = ask(world, "DELETE", **given)
        assert (deleted.status_code, deleted.content) == (204, b"")
        refused(ask(world, "GET", params={"accessToken": token}), 404, "not_found")


@pytest.mark.parametrize("bearer", [True, False])
def test_a_tenants_key_is_taken_where_both_agree(world: ApiWorld, bearer: bool) -> None:
    def by_tenant(method: str, body: Any = None, **more: Any) -> httpx.Response:
        if bearer:
            return world.call(method, f"{BASE}/webhook", body, key="tenant", **more)
        return ask(world, method, body=body, key="tenant", **more)

    assert by_tenant("POST", {"accessToken": TOKENS[TENANT], "webhookUrl": URL}).status_code == 201
    assert by_tenant("GET").json() == by_tenant("GET", params={"accessToken": TOKENS[TENANT]}).json()
    created(world, OTHER_TENANT)
    before = count(world)
    theirs = TOKENS[OTHER_TENANT]
    for response in (
        by_tenant("GET", params={"accessToken": theirs}),
        by_tenant("DELETE", {"accessToken": theirs}),
        by_tenant("PUT", {"accessToken": theirs, "webhookUrl": "https://b.example/"}),
        by_tenant("POST", {"accessToken": theirs, "webhookUrl": "https://b.example/"}),
    ):
        refused(response, 404, "not_found")
    assert count(world) == before
    assert by_tenant("DELETE").status_code == 204


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_keys_that_open_nothing(world: ApiWorld, method: str, path: str) -> None:
    for key in (None, "x", "rb_admin_" + "A" * 43, ""):
        assert "`vessel-api-token: " in refused(ask(world, method, path, key=key), 401, "no_key")
    refused(ask(world, method, path, key="ingest"), 403, "forbidden")
    two = {"Authorization": f"Bearer {world.keys['tenant']}"}
    refused(ask(world, method, path, headers=two), 400, "malformed")
    twice = [("vessel-api-token", world.keys["admin"]), ("vessel-api-token", "x")]
    refused(world.client.request(method, BASE + path, headers=twice), 400, "malformed")


def test_the_operators_key_and_one_that_is_sent_in_both_ways(world: ApiWorld) -> None:
    webhook_id = created(world)
    both = {"Authorization": f"Bearer {OPERATOR_KEY}"}
    shown = ask(world, "GET", key=OPERATOR_KEY, headers=both, params={"accessToken": TOKENS[TENANT]})
    assert shown.json()["webhook"]["webhookId"] == webhook_id


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_an_admin_key_needs_a_token_that_is_somebodys(world: ApiWorld, method: str, path: str) -> None:
    body = {"webhookUrl": URL} if method in ("POST", "PUT") else None
    refused(ask(world, method, path, body), 400, "invalid", "accessToken")
    for token in ("nobodys-access-token", "", TOKENS[TENANT].upper(), TOKENS[TENANT] + " ", "\ud83d", "ä" * 1_000):
        refused(
            ask(world, method, path, body, params={"accessToken": token.encode("utf-8", "replace")}), 404, "not_found"
        )
    assert count(world) == 0


def test_a_token_of_two_connections_is_ambiguous_for_an_admin_key_alone(world: ApiWorld) -> None:
    rotate = f"/v1/tenants/{OTHER_TENANT}/secret/rotate"
    assert world.call("POST", rotate, {"secret": TOKENS[TENANT], "grace_seconds": 0}).is_success
    body = {"accessToken": TOKENS[TENANT], "webhookUrl": URL}
    refused(ask(world, "POST", body=body), 409, "access_token_ambiguous")
    assert count(world) == 0
    assert ask(world, "POST", body=body, key="tenant").status_code == 201
    assert len(world.get("/endpoints")["items"]) == 1


def test_an_old_token_is_taken_until_its_grace_ends(world: ApiWorld) -> None:
    created(world)
    rotate = f"/v1/tenants/{TENANT}/secret/rotate"
    assert world.call("POST", rotate, {"secret": "the-new-access-token", "grace_seconds": 60}).is_success
    for token in (TOKENS[TENANT], "the-new-access-token"):
        assert ask(world, "GET", params={"accessToken": token}).status_code == 200
    world.clock.pass_s(60)
    refused(ask(world, "GET", params={"accessToken": TOKENS[TENANT]}), 404, "not_found")
    assert ask(world, "GET", params={"accessToken": "the-new-access-token"}).status_code == 200


@pytest.mark.parametrize("path", ["/connection/webhook", "/webhook"])
def test_a_second_webhook_is_refused_and_the_first_named(world: ApiWorld, path: str) -> None:
    webhook_id = created(world)
    before = count(world)
    again = {"accessToken": TOKENS[TENANT], "webhook": {"webhookUrl": "https://b.example/"}}
    assert webhook_id in refused(ask(world, "POST", path, again), 409, "endpoint_exists")
    assert count(world) == before
    assert ask(world, "DELETE", body={"accessToken": TOKENS[TENANT]}).status_code == 204
    assert ask(world, "POST", path, again).status_code == 201


def test_an_endpoint_of_another_profile_is_not_in_the_way_and_is_not_shown(world: ApiWorld) -> None:
    other = world.endpoint()
    body = {"accessToken": TOKENS[TENANT], "webhookUrl": URL}
    refused(ask(world, "GET", params={"accessToken": TOKENS[TENANT]}), 404, "not_found")
    refused(ask(world, "DELETE", body=body), 404, "not_found")
    assert ask(world, "POST", body=body).status_code == 201
    assert ask(world, "DELETE", body=body).status_code == 204
    assert [one["id"] for one in world.get("/endpoints")["items"]] == [other["id"]]


def test_the_token_may_stand_in_the_body_of_a_get_and_an_empty_id_is_that_of_no_webhook(world: ApiWorld) -> None:
    created(world)
    token = {"accessToken": TOKENS[TENANT]}
    assert ask(world, "GET", body=token).status_code == 200
    assert "no such" in refused(ask(world, "GET", params={**token, "webhookId": ""}), 404, "not_found")


@pytest.mark.parametrize("where", ["webhookId", "webhook", "query"])
def test_a_webhook_id_must_be_that_of_the_connection(world: ApiWorld, where: str) -> None:
    own, theirs = created(world), created(world, OTHER_TENANT)

    def named(method: str, webhook_id: str) -> httpx.Response:
        body: dict[str, Any] = {"accessToken": TOKENS[TENANT], "webhookUrl": URL}
        if where == "query":
            return ask(world, method, body=body, params={"webhookId": webhook_id})
        body |= {"webhookId": webhook_id} if where == "webhookId" else {"webhook": {"webhookId": webhook_id}}
        return ask(world, method, body=body)

    for method in ("PUT", "DELETE"):
        for webhook_id in (theirs, "ep_nobody", "", "a.b"):
            refused(named(method, webhook_id), 404, "not_found")
    assert named("PUT", own).json() == {"webhook": {"webhookId": own, "webhookUrl": URL}}
    assert named("DELETE", own).status_code == 204
    in_query = {"accessToken": TOKENS[OTHER_TENANT], "webhookId": theirs}
    assert ask(world, "GET", params=in_query).status_code == 200
    assert ask(world, "DELETE", params=in_query).status_code == 204


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "webhookUrl"),
        ({"webhook": {}}, "webhookUrl"),
        ({"webhookUrl": None}, "webhookUrl"),
        ({"webhookUrl": ""}, "webhookUrl"),
        ({"webhookUrl": 5}, "webhookUrl"),
        ({"webhookUrl": "http://a.example/"}, "webhookUrl"),
        ({"webhookUrl": "https://127.0.0.1/"}, "webhookUrl"),
        ({"webhookUrl": "not a url"}, "webhookUrl"),
        ({"webhookUrl": URL, "webhook": {"webhookUrl": URL + "2"}}, "webhookUrl"),
        ({"webhook": []}, "webhook"),
        ({"webhook": {"webhookUrl": ["x"]}}, "webhook.webhookUrl"),
        ({"webhookUrl": URL, "accessToken": 5}, "accessToken"),
    ],
)
def test_what_is_wrong_with_a_body_is_told_in_the_apis_words(
    world: ApiWorld, method: str, body: dict[str, Any], field: str
) -> None:
    created(world)
    before = count(world), world.get("/endpoints")
    given = {"accessToken": TOKENS[TENANT if method == "PUT" else OTHER_TENANT], **body}
    refused(ask(world, method, body=given), 400, "invalid", field)
    assert (count(world), world.get("/endpoints")) == before


def test_a_token_in_body_and_query_must_be_the_same(world: ApiWorld) -> None:
    body = {"accessToken": TOKENS[TENANT], "webhookUrl": URL}
    refused(ask(world, "POST", body=body, params={"accessToken": TOKENS[OTHER_TENANT]}), 400, "invalid", "accessToken")
    refused(
        ask(world, "POST", body=body, params=[("accessToken", "a"), ("accessToken", "b")]),
        400,
        "invalid",
        "accessToken",
    )
    assert count(world) == 0
    assert ask(world, "POST", body=body, params={"accessToken": TOKENS[TENANT], "other": "1"}).status_code == 201


@pytest.mark.parametrize("content", [b"{", b'{"accessToken":"\xff"}', b"[]", b"1", b'"x"'])
def test_a_body_that_is_none(world: ApiWorld, content: bytes) -> None:
    for method in ("POST", "PUT", "DELETE"):
        response = ask(world, method, content=content, key="tenant")
        assert response.status_code == 400, response.text
        assert response.json()["code"] in ("malformed", "invalid")
    assert count(world) == 0
