"""Who may call what of the published management APIs: every route against every kind of key, from the route table.

Whatever is refused comes in the contract's own manner: JSON, no problem document, with the headers that belong to it.
"""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ringback import compat_hosts
from ringback.api.app import compat_contracts
from ringback.api.compat.frame import TENANTS_KEY, CompatRoute
from ringback.api.problem import Fault
from ringback.store.port import StoreUnavailable
from ringback.wire.profile import profile_names
from support.api_world import ApiWorld
from support.rows import OTHER_TENANT, TENANT

PROBLEM = "application/problem+json"


def compat_routes() -> Iterator[tuple[str, str, bool]]:
    """(method, path, whether the key names the tenant)."""
    for route in ApiWorld().app.routes:
        if isinstance(route, CompatRoute):
            for method in sorted(route.methods):
                yield method, route.path, route.gate is TENANTS_KEY


ROUTES = [(method, path) for method, path, _ in compat_routes()]
BY_TENANTS_KEY = [(method, path) for method, path, by_key in compat_routes() if by_key]
CONTRACTS = {contract.name: contract for contract in compat_contracts(ApiWorld().parts)}


@pytest.fixture(scope="module")
def world() -> ApiWorld:
    return ApiWorld()


def address(path: str) -> str:
    head, brace, rest = path.partition("{")
    return path if not brace else f"{head}ep_1{rest.partition('}')[2]}"


def refusal_of(response: httpx.Response, status: int, code: str, path: str) -> dict[str, Any]:
    """What a refusal says; fails unless it comes in the manner of the contract at `path`."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    told: dict[str, Any] = response.json()
    detail = "the detail of this error"
    sample = CONTRACTS[path.split("/")[2]].manner(Fault(status, code, detail))
    shape = json.loads(sample.body)
    # What tells the code stands where this manner has it; everything else may differ in its words.
    for name, value in shape.items():
        assert name in told
        if value == code:
            assert told[name] == code
    return told


def test_there_are_routes_to_walk() -> None:
    assert {path.split("/")[2] for _, path in ROUTES} == CONTRACTS.keys()
    assert CONTRACTS.keys() <= set(profile_names())
    assert tuple(CONTRACTS) == compat_hosts.CONTRACTS
    assert len(ROUTES) >= 12


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_route_answers_without_a_key(world: ApiWorld, method: str, path: str) -> None:
    for key in (None, "rb_tenant_" + "A" * 43, "x"):
        response = world.call(method, address(path), key=key)
        refusal_of(response, 401, "no_key", path)
        assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_an_ingest_key_opens_nothing(world: ApiWorld, method: str, path: str) -> None:
    refusal_of(world.call(method, address(path), key="ingest"), 403, "forbidden", path)


@pytest.mark.parametrize(("method", "path"), BY_TENANTS_KEY)
@pytest.mark.parametrize("key", ["admin", "operator"])
def test_an_admin_key_names_no_tenant(world: ApiWorld, method: str, path: str, key: str) -> None:
    response = world.call(method, address(path), key=key)
    refusal_of(response, 403, "forbidden", path)
    assert "An admin key belongs to no tenant" in response.text


@pytest.mark.parametrize(("method", "path"), BY_TENANTS_KEY)
def test_a_tenants_key_opens_everything(world: ApiWorld, method: str, path: str) -> None:
    response = world.call(method, address(path), key="tenant")
    assert response.status_code in {200, 201, 204, 400, 404}, response.text
    assert response.headers.get("content-type") != PROBLEM


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_who_is_not_let_in_has_no_body_judged(world: ApiWorld, method: str, path: str) -> None:
    for key, status in ((None, 401), ("ingest", 403)):
        assert world.call(method, address(path), key=key, content=b"{").status_code == status


@pytest.mark.parametrize(("method", "path"), [route for route in BY_TENANTS_KEY if "{" in route[1]])
@pytest.mark.parametrize("bad", ["a%00b", "a%20b", "%2e%2e", "ä", "a" * 129, "a.b", "ep_unknown"])
def test_what_is_no_id_is_not_found(world: ApiWorld, method: str, path: str, bad: str) -> None:
    there = address(path).replace("ep_1", bad)
    body = {"Entity": "A", "Action": "b", "Url": "https://a.example/", "Method": "POST", "Format": "JSON", "name": "a"}
    response = world.call(method, there, body if method == "PUT" else None, key="tenant")
    refusal_of(response, 404, "not_found", path)


@pytest.mark.parametrize("name", CONTRACTS)
def test_addresses_and_methods_that_are_not_there(world: ApiWorld, name: str) -> None:
    for path in (f"/compat/{name}", f"/compat/{name}/", f"/compat/{name}/nothing", f"/compat/{name}/v1/tenants"):
        for key in (None, "admin", "tenant"):
            refusal_of(world.call("GET", path, key=key), 404, "not_found", path)
    path = next(path for _, path in ROUTES if path.startswith(f"/compat/{name}/") and "{" not in path)
    response = world.call("PATCH", path, key="tenant")
    refusal_of(response, 405, "method_not_allowed", path)
    assert set(response.headers["allow"].split(", ")) == {method for method, other in ROUTES if other == path}


def test_a_contract_that_is_not_there_is_an_unknown_address(world: ApiWorld) -> None:
    for path in ("/compat", "/compat/", "/compat/nobody", "/compat/nobody/Webhooks"):
        response = world.call("GET", path, key="tenant")
        assert (response.status_code, response.headers["content-type"]) == (404, PROBLEM)


@pytest.mark.parametrize(("method", "path"), [route for route in BY_TENANTS_KEY if route[0] in {"POST", "PUT"}])
@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{", {}, 400, "malformed"),
        (b'{"a":"\xff"}', {}, 400, "malformed"),
        (b'{"a":"\\ud800"}', {}, 400, "malformed"),
        (b"[" * 101 + b"]" * 101, {}, 400, "invalid"),
        (b"[]", {}, 400, "invalid"),
        (b"1", {}, 400, "invalid"),
        (b"", {}, 400, "invalid"),
        (b"{}", {}, 400, "invalid"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        (b" " * (1024 * 1024 + 1), {}, 413, "too_large"),
    ],
)
def test_bodies_are_read_as_in_v1(
    world: ApiWorld, method: str, path: str, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    response = world.call(method, address(path), key="tenant", content=content, headers=headers)
    refusal_of(response, status, code, path)
    assert world.get("/endpoints")["items"] == []


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_defect_and_a_store_that_is_away(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = ApiWorld()
    method, path = next(route for route in ROUTES if route[1].startswith(f"/compat/{name}/") and route[0] == "GET")

    def fail(error: Exception) -> None:
        def failing(*_: object) -> None:
            raise error

        monkeypatch.setattr(world.store, "get_tenant", failing)
        monkeypatch.setattr(world.store, "list_endpoints", failing)

    fail(RuntimeError("word-in-clear"))
    response = world.call(method, path, key="tenant")
    refusal_of(response, 500, "internal", path)
    assert "word-in-clear" not in response.text
    assert "Traceback" not in response.text
    fail(StoreUnavailable("The store is away.", 3))
    response = world.call(method, path, key="tenant")
    refusal_of(response, 503, "store_unavailable", path)
    assert response.headers["retry-after"] == "3"


def test_the_gate_looks_at_one_key_alone(world: ApiWorld) -> None:
    keys = [("Authorization", f"Bearer {world.keys['tenant']}"), ("Authorization", "Bearer x")]
    for method, path in BY_TENANTS_KEY:
        refusal_of(world.client.request(method, address(path), headers=keys), 400, "malformed", path)


def test_they_are_not_in_the_document_of_v1(world: ApiWorld) -> None:
    assert not [path for path in world.call("GET", "/openapi.json").json()["paths"] if path.startswith("/compat")]


def test_webhooks_belong_to_the_tenant_of_the_key_and_to_one_contract() -> None:
    """Vinsight's stand for all: they share `ProfileEndpoints`."""
    world = ApiWorld()
    body = {"Entity": "A", "Action": "b", "Url": "https://a.example/", "Method": "POST", "Format": "JSON"}
    made = world.call("POST", "/compat/vinsight/Webhooks", body, key="tenant").json()
    theirs = world.call("POST", "/compat/vinsight/Webhooks", body, key="other_tenant").json()
    other = world.endpoint(profile="vainu")
    assert world.get(f"/endpoints/{made['WebhookID']}")["profile"] == "vinsight"
    assert world.call("GET", f"/v1/tenants/{OTHER_TENANT}/endpoints/{theirs['WebhookID']}").status_code == 200
    assert world.call("GET", "/compat/vinsight/Webhooks", key="tenant").json() == [made]
    for webhook_id in (theirs["WebhookID"], other["id"]):
        for method, sent in (("GET", None), ("PUT", body), ("DELETE", None)):
            path = f"/compat/vinsight/Webhooks/{webhook_id}"
            told = refusal_of(world.call(method, path, sent, key="tenant"), 404, "not_found", path)
            assert told["Message"] == "There is no such webhook."
    assert len(world.get("/endpoints")["items"]) == 2
    assert len(world.call("GET", f"/v1/tenants/{OTHER_TENANT}/endpoints").json()["items"]) == 1


def test_endpoints_remember_the_label_of_the_key_that_made_them() -> None:
    world = ApiWorld()
    key = world.post("/keys", {"scope": "tenant", "label": "Anna’s key"})["key"]
    body = {"webhook_url": "https://a.example/", "type": "company_change_webhook"}
    path = "/compat/vainu/api/v2/webhook_configuration/"
    assert world.call("POST", path, body, key=key).json()["username"] == "Anna’s key"
    made = world.call("POST", f"/v1/tenants/{TENANT}/endpoints", {"url": "https://b.example/", "profile": "vainu"})
    assert made.status_code == 201
    world.call("PATCH", f"/v1/tenants/{TENANT}/endpoints/{made.json()['id']}", {"label": "x"}, key=key)
    shown = world.call("GET", path, key="tenant").json()["results"]
    assert {one["webhook_url"]: one["username"] for one in shown} == {
        "https://a.example/": "Anna’s key",
        "https://b.example/": "",
    }
