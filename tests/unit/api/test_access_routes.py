"""Who may call what: every route of the app against every kind of key, walked from the route table itself.

A route that is added later is in the table too, so it can't be forgotten here. Those of published contracts are walked
in test_compat_access.py.
"""

from collections.abc import Iterator

import pytest
from starlette.routing import Mount, Route

from ringback.api.compat.frame import CompatRoute
from ringback.api.gate import KeyedRoute
from ringback.api.management.guard import GuardedRoute
from ringback.model.tenant import Scope
from support.api_world import ApiWorld, problem_of
from support.rows import NOW, OTHER_TENANT, TENANT, attempt, event

OPEN_PATHS = {"/healthz", "/readyz", "/metrics", "/docs", "/docs/start.js", "/openapi.json"}
PLACEHOLDERS = {
    "{endpoint_id}": "ep_1",
    "{key_id}": "key_1",
    "{event_id}": "evt_1",
    "{attempt_id}": "att_1",
    "{name}": "ab",
    "{job_id}": "job_1",
    "{trigger_id}": "trg_1",
    "{record_type}": "company",
    "{record_id}": "42",
    "{version}": "1",
    "{operator_id}": "op_1",
}


def guarded_routes() -> Iterator[tuple[str, str, Scope]]:
    for route in ApiWorld().app.routes:
        if isinstance(route, GuardedRoute):
            for method in sorted(route.methods):
                yield method, route.path_format, route.need


ROUTES = list(guarded_routes())
OF_A_TENANT = [(method, path, need) for method, path, need in ROUTES if "{tenant_id}" in path]


@pytest.fixture(scope="module")
def world() -> ApiWorld:
    return ApiWorld()


def address(path: str, tenant_id: str = TENANT) -> str:
    path = path.replace("{tenant_id}", tenant_id)
    for placeholder, value in PLACEHOLDERS.items():
        path = path.replace(placeholder, value)
    assert "{" not in path, path
    return path


def test_every_route_under_v1_has_a_gate_and_only_the_known_ones_are_open() -> None:
    routes = ApiWorld().app.routes
    open_routes = [route for route in routes if isinstance(route, Route) and not isinstance(route, KeyedRoute)]
    assert {route.path for route in open_routes} == OPEN_PATHS
    assert {route.path for route in routes if isinstance(route, Mount)} == {"/docs/assets"}
    assert len(routes) == len(open_routes) + 1 + sum(isinstance(route, KeyedRoute) for route in routes)
    for route in routes:
        if isinstance(route, KeyedRoute):
            assert route.path.startswith("/v1/") is isinstance(route, GuardedRoute)
            assert route.path.startswith("/compat/") is isinstance(route, CompatRoute)
    assert len(ROUTES) > 25


@pytest.mark.parametrize(("method", "path", "need"), ROUTES)
def test_no_route_answers_without_a_key(world: ApiWorld, method: str, path: str, need: Scope) -> None:
    response = world.call(method, address(path), key=None)
    problem_of(response, 401, "no_key")
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path", "need"), ROUTES)
@pytest.mark.parametrize("key", ["rb_admin_" + "A" * 43, "x", "rb_tenant_", "***"])
def test_no_route_answers_an_unknown_key(world: ApiWorld, method: str, path: str, need: Scope, key: str) -> None:
    problem_of(world.call(method, address(path), key=key), 401, "no_key")


@pytest.mark.parametrize(("method", "path", "need"), ROUTES)
@pytest.mark.parametrize(
    "header", ["Basic dTpw", "Bearer", "Bearer ", "bearer\t", "Token {key}", "{key}", "Bearer {key} x"]
)
def test_a_key_has_one_form(world: ApiWorld, method: str, path: str, need: Scope, header: str) -> None:
    headers = {"Authorization": header.format(key=world.keys["admin"])}
    problem_of(world.call(method, address(path), key=None, headers=headers), 401, "no_key")


@pytest.mark.parametrize(("method", "path", "need"), ROUTES)
def test_an_ingest_key_opens_no_management_route(world: ApiWorld, method: str, path: str, need: Scope) -> None:
    problem_of(world.call(method, address(path), key="ingest"), 403, "forbidden")


@pytest.mark.parametrize(("method", "path", "need"), OF_A_TENANT)
@pytest.mark.parametrize("key", ["tenant", "ingest"])
def test_another_tenant_is_not_found(world: ApiWorld, method: str, path: str, need: Scope, key: str) -> None:
    problem_of(world.call(method, address(path, OTHER_TENANT), key=key), 404, "not_found")


@pytest.mark.parametrize(("method", "path", "need"), ROUTES)
def test_a_tenants_key_opens_what_its_tenant_may(world: ApiWorld, method: str, path: str, need: Scope) -> None:
    response = world.call(method, address(path), key="tenant")
    if need is Scope.ADMIN:
        problem_of(response, 403, "forbidden")
    else:
        assert response.status_code in {200, 201, 202, 204, 404, 422}, response.text


@pytest.mark.parametrize(("method", "path", "need"), ROUTES)
@pytest.mark.parametrize("key", ["admin", "operator"])
def test_an_admin_key_opens_everything(world: ApiWorld, method: str, path: str, need: Scope, key: str) -> None:
    tenant_id = world.parts.tenants.create(None, {"name": "Short-lived"}, None).id
    response = world.call(method, address(path, tenant_id), key=key)
    assert response.status_code in {200, 201, 202, 204, 404, 422}, response.text


@pytest.mark.parametrize(("method", "path", "need"), OF_A_TENANT)
def test_an_unknown_tenant_is_not_found_for_an_admin(world: ApiWorld, method: str, path: str, need: Scope) -> None:
    bodies = {"POST": {"url": "https://a.example/"}, "PATCH": {"label": "x"}}
    body = bodies.get(method)
    if path.endswith("/keys") and body:
        body = {"scope": "tenant"}
    if path.endswith(("/rotate", "/resend", "/activate", "/deactivate", "/verify", "/test", "/console-links")):
        body = {}
    if path == "/v1/tenants/{tenant_id}" and body:
        body = {"name": "x"}
    if "/tracked-sets/" in path and body:
        body = {"ids": ["c_1"]}
    if path.endswith("/triggers") and body:
        body = {"name": "x", "record_type": "company", "when": "true", "emits": "company.changed"}
    if path.endswith("/triggers/{trigger_id}") and body:
        body = {"name": "x"}
    if path.endswith("/rules/try"):
        body = {"filter": "true", "last": 1}
    if path.endswith("/replay"):
        body = {"since": "2027-01-15T00:00:00Z", "which": "all"}
    query = "?type=contact&id=42" if path.endswith("/subjects/payload") else ""
    problem_of(world.call(method, address(path, "nobody") + query, body), 404, "not_found")


@pytest.mark.parametrize(("method", "path", "need"), OF_A_TENANT)
@pytest.mark.parametrize("bad", ["a%00b", "a%20b", "%2e%2e", "ä", "a" * 129, "a.b"])
def test_what_is_no_id_is_not_found(world: ApiWorld, method: str, path: str, need: Scope, bad: str) -> None:
    problem_of(world.call(method, address(path, bad)), 404, "not_found")


def test_who_is_not_let_in_has_no_body_judged(world: ApiWorld) -> None:
    path = f"/v1/tenants/{TENANT}/endpoints"
    for key, status, code in ((None, 401, "no_key"), ("ingest", 403, "forbidden"), ("other_tenant", 404, "not_found")):
        problem_of(world.call("POST", path, key=key, content=b"{"), status, code)
        problem_of(world.call("POST", path, {"unknown": 1}, key=key), status, code)


def test_another_tenants_objects_are_not_found_under_ones_own_tenant() -> None:
    world = ApiWorld()
    endpoint = world.call("POST", f"/v1/tenants/{OTHER_TENANT}/endpoints", {"url": "https://b.example/"}).json()
    key = world.call("POST", f"/v1/tenants/{OTHER_TENANT}/keys", {"scope": "tenant"}).json()
    world.accept([event("evt_1", OTHER_TENANT)], [endpoint["id"]])
    world.store.settle([])
    foreign = attempt(1, 1, "evt_1", endpoint["id"])._replace(tenant_id=OTHER_TENANT, at=NOW)
    with world.store._tables as tables:
        tables.keep_attempt(foreign)
    replay = {"since": "2027-01-15T00:00:00Z", "which": "all"}
    job = world.call("POST", f"/v1/tenants/{OTHER_TENANT}/endpoints/{endpoint['id']}/replay", replay).json()
    own = f"/v1/tenants/{TENANT}"
    tried = 0
    for method, path, _ in OF_A_TENANT:
        for placeholder, foreign_id in (
            ("{endpoint_id}", endpoint["id"]),
            ("{key_id}", key["id"]),
            ("{event_id}", "evt_1"),
            ("{attempt_id}", foreign.id),
            ("{job_id}", job["id"]),
        ):
            if placeholder in path:
                tried += 1
                body = {} if method in {"POST", "PATCH"} else None
                if path.endswith("/replay"):
                    body = replay
                there = path.replace("{tenant_id}", TENANT).replace(placeholder, foreign_id)
                problem_of(world.call(method, there, body, key="tenant"), 404, "not_found")
    assert tried > 10
    resent = world.call("POST", f"{own}/events", None, key="tenant")
    assert resent.status_code == 405  # the event routes stand in front of this app
    assert world.call("GET", f"/v1/tenants/{OTHER_TENANT}/endpoints/{endpoint['id']}").json()["id"] == endpoint["id"]


def test_an_event_is_not_resent_to_another_tenants_endpoint() -> None:
    world = ApiWorld()
    foreign = world.call("POST", f"/v1/tenants/{OTHER_TENANT}/endpoints", {"url": "https://b.example/"}).json()
    world.accept([event()])
    response = world.call("POST", f"/v1/tenants/{TENANT}/events/evt_1/resend", {"endpoint_id": foreign["id"]})
    problem_of(response, 404, "not_found")
    assert world.get(f"/events?endpoint_id={foreign['id']}")["items"] == []


def test_a_revoked_key_is_refused_at_once(world: ApiWorld) -> None:
    made = world.post("/keys", {"scope": "tenant", "label": "short-lived"})
    path = f"/v1/tenants/{TENANT}/endpoints"
    assert world.call("GET", path, key=made["key"]).status_code == 200
    assert world.call("DELETE", f"/v1/tenants/{TENANT}/keys/{made['id']}").status_code == 204
    problem_of(world.call("GET", path, key=made["key"]), 401, "no_key")


def test_the_keys_of_a_deleted_tenant_are_refused_at_once() -> None:
    world = ApiWorld()
    assert world.call("GET", f"/v1/tenants/{TENANT}", key="tenant").status_code == 200
    assert world.call("DELETE", f"/v1/tenants/{TENANT}").status_code == 204
    problem_of(world.call("GET", f"/v1/tenants/{TENANT}", key="tenant"), 401, "no_key")


def test_a_tenant_can_change_its_name_but_not_what_the_operator_decides(world: ApiWorld) -> None:
    path = f"/v1/tenants/{TENANT}"
    assert world.call("PATCH", path, {"name": "Acme & Co"}, key="tenant").json()["name"] == "Acme & Co"
    for field, value in (("webhooks_enabled", False), ("retention_days", 3_650)):
        problem_of(world.call("PATCH", path, {field: value}, key="tenant"), 403, "forbidden")
        assert world.call("PATCH", path, {field: value}).json()[field] == value
